"""Margins between embedded vectors."""

from .. import in_jax
from ..conventions import BATCH, LAYOUT, reduced
from ..entry import Entry
from ..regimes import distances, normalised
from .binary import under


def _cosine(torch, A, B, y, margin, reduction="mean", **fixed):  # type: ignore[no-untyped-def]
    return torch.nn.functional.cosine_embedding_loss(A, B, y, margin=float(margin), reduction=reduction)


cosine_embedding = Entry(
    id="cosine-embedding",
    title="Cosine embedding loss",
    parameters={"reduction": ("mean", "sum")},
    variants=({"reduction": "sum"},),
    given="""
        A: n D                # first vectors
        B: n D                # second vectors
        y: n sign             # 1: the pair belongs together, −1: it does not
        margin: real = 0      # cosine up to which an unlike pair has no loss
        eps: positive = 1e-12 # keeps the norms from being zero
    """,
    define=lambda reduction: (
        f"""
        a[i] = sum(A[i, d]**2 for d in D) + eps  # squared norms
        b[i] = sum(B[i, d]**2 for d in D) + eps
        s[i] = sum(A[i, d]*B[i, d] for d in D)/sqrt(a[i]*b[i])  # cosines
        L = sum(where(y > 0, 1 - s, where(s < margin, 0, s - margin))){under(reduction)}
    """
    ),
    wanted=("dL/ds", "dL/dA", "dL/dB"),
    claim=lambda reduction: {
        "dL/ds": f"where(y > 0, -1, where(s < margin, 0, 1)){under(reduction)}",
        "dL/dA": "i, d: ds[i]*(B[i, d]/sqrt(a[i]*b[i]) - s[i]*A[i, d]/a[i])",
        "dL/dB": "i, d: ds[i]*(A[i, d]/sqrt(a[i]*b[i]) - s[i]*B[i, d]/b[i])",
    },
    torch=_cosine,
    jax=in_jax.cosine_embedding,
    regimes=normalised("A", "B", almost_parallel={"A": "normal 1", "B": "near A 1e-4"}),
    conventions=(
        LAYOUT,
        BATCH,
        reduced("the n pairs"),
        "At the kink s = margin an unlike pair has the derivative 1/n in s, as in PyTorch. ε = 10⁻¹² is PyTorch's and "
        "cannot be set there.",
    ),
    pitfalls=(
        "The gradient is orthogonal to its own vector: a step along it can only make the vector longer.",
        "It falls off as one over the length of the vector: long vectors turn slowly, and near 0 the step is huge.",
    ),
    references=("Chopra, Hadsell and LeCun, Learning a similarity metric discriminatively, CVPR 2005",),
    uses=("hinge-embedding",),
)


NORMS = {
    1: "sum(abs({0}[i, d]) for d in D)",
    2: "sqrt(sum({0}[i, d]**2 for d in D))",
    3: "{0}3[i]**(1/3)",
}
#: The derivative of the norm {1} in the entry of {0}.
SLOPES = {
    1: "where({0}[i, d] > 0, 1, where({0}[i, d] < 0, -1, 0))",
    2: "{0}[i, d]/{1}[i]",
    3: "{0}[i, d]*abs({0}[i, d])/{1}[i]**2",
}


def _triplet_define(p: int, swap: bool, reduction: str) -> str:
    norm = NORMS[p]
    lines = [
        "V = A - P + eps  # anchor from positive",
        "W = A - N + eps  # anchor from negative",
        *(["X = P - N + eps  # positive from negative"] if swap else []),
        *([f"{v}3[i] = sum(abs({v}[i, d])**3 for d in D)" for v in ("VWX" if swap else "VW")] if p == 3 else []),
        f"r[i] = {norm.format('V')}",
        f"q[i] = {norm.format('W')}",
        *([f"t[i] = {norm.format('X')}"] if swap else []),
        f"u = margin + r - {'where(q < t, q, t)' if swap else 'q'}  # what is missing",
        f"L = sum(where(u < 0, 0, u)){under(reduction)}",
    ]
    return "\n".join(lines)


def _triplet_claim(p: int, swap: bool, reduction: str) -> dict[str, str]:
    slope = SLOPES[p]
    of_v, of_w, of_x = slope.format("V", "r"), slope.format("W", "q"), slope.format("X", "t")
    claims = {
        "dL/du": f"where(u < 0, 0, 1){under(reduction)}",
        "dL/dV": f"i, d: du[i]*{of_v}",
        "dL/dW": f"i, d: -du[i]*{'indicator(t[i] - q[i])*' * swap}{of_w}",
        "dL/dA": "dV + dW",
        "dL/dP": "dX - dV" if swap else "-dV",
        "dL/dN": "-dW - dX" if swap else "-dW",
    }
    return claims | ({"dL/dX": f"i, d: -du[i]*(1 - indicator(t[i] - q[i]))*{of_x}"} if swap else {})


def _triplet(torch, A, P, N, margin, eps, p=2, swap=False, reduction="mean"):  # type: ignore[no-untyped-def]
    options = {"margin": float(margin), "p": float(p), "eps": float(eps), "swap": swap, "reduction": reduction}
    return torch.nn.functional.triplet_margin_loss(A, P, N, **options)


triplet_margin = Entry(
    id="triplet-margin",
    title="Triplet margin loss",
    parameters={"p": (2, 1, 3), "swap": False, "reduction": ("mean", "sum")},
    variants=({"p": 1}, {"p": 3}, {"swap": True}, {"reduction": "sum"}, {"p": 1, "swap": True, "reduction": "sum"}),
    given="""
        A: n D                # anchors
        P: n D                # positives: like their anchors
        N: n D                # negatives: unlike them
        margin: positive = 1  # how much farther the negative shall be
        eps: positive = 1e-6  # keeps the distances from being zero
    """,
    define=_triplet_define,
    wanted=lambda p, swap, reduction: (
        "dL/du",
        "dL/dV",
        "dL/dW",
        *(("dL/dX",) if swap else ()),
        *("dL/dA", "dL/dP", "dL/dN"),
    ),
    claim=_triplet_claim,
    torch=_triplet,
    regimes=distances("A", "P", "N"),
    conventions=(
        LAYOUT,
        BATCH,
        reduced("the n triplets"),
        "At the kink u = 0 the derivative in u is 1/n, as in PyTorch; p=1 takes sums of absolute values as "
        "distances, with the derivative 0 at 0.",
        "Other p of PyTorch look like p=3, with the power p − 1 of the absolute values in the derivative. p=inf has no "
        "form here: there is no maximum over an axis.",
        "swap=yes takes the distance of the positive from the negative where that is smaller. Where the two are equal "
        "it gets the whole gradient; PyTorch gives each a half.",
        "ε is added to every difference before the norm, as in PyTorch.",
    ),
    pitfalls=(
        "With p=2 a gradient has the length 1/n whatever the distance: near a positive the steps do not become "
        "smaller.",
        "If all embeddings are equal, each loss is the margin: a loss that stays at the margin means collapse.",
        "Because of ε the distance of a vector from itself is ε√D and not 0, and d(a, b) differs from d(b, a).",
    ),
    references=("Schroff, Kalenichenko and Philbin, FaceNet, CVPR 2015, eq. 3",),
    uses=("hinge", "cosine-embedding"),
)
