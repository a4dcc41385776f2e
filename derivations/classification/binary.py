"""Binary cross-entropy, of one class or of several labels at once."""

from .. import in_jax
from ..conventions import LAYOUT, reduced
from ..entry import Entry
from ..regimes import logits
from .cross_entropy import BISHOP

TARGETS = "t: n         # targets: 0 or 1, or probabilities between"


def _under(reduction: str) -> str:
    return "/n" if reduction == "mean" else ""


bce = Entry(
    id="bce",
    title="Binary cross-entropy of probabilities",
    names=("log loss",),
    parameters={"weights": False, "reduction": ("mean", "sum")},
    variants=({"weights": True}, {"reduction": "sum"}, {"weights": True, "reduction": "sum"}),
    given=lambda weights, reduction: (
        f"""
        p: n unit    # predicted probabilities
        t: n unit    # target probabilities; the limits 0 and 1 are allowed
        {"w: n positive  # weights of the entries" if weights else ""}
    """
    ),
    define=lambda weights, reduction: (
        f"L = -sum({'w[i]*' * weights}(t[i]*log(p[i]) + (1 - t[i])*log(1 - p[i])) for i in n){_under(reduction)}"
    ),
    wanted=("dL/dp",),
    claim=lambda weights, reduction: {"dL/dp": f"{'w*' * weights}(p - t)/(p*(1 - p)){_under(reduction)}"},
    torch=lambda torch, p, t, w=None, reduction="mean": torch.nn.functional.binary_cross_entropy(
        p, t, weight=w, reduction=reduction
    ),
    regimes={"typical": {"p": "unit", "t": "unit"}, "hard labels": {"p": "unit", "t": "hard"}},
    conventions=(
        LAYOUT,
        reduced("the n entries"),
        "weights=yes: every entry has a weight w; the mean is still divided by n.",
        "p lies strictly between 0 and 1. PyTorch keeps the logarithms above −100, so that its loss stays finite at 0 "
        "and 1.",
    ),
    pitfalls=(
        "A p that was rounded to 0 or 1 makes loss and gradient infinite, or clipped and wrong: compute from logits.",
        "The gradient in p is large where the sigmoid is flat. Multiplied, the two give p − t in the logit; computed "
        "one after the other they are 0·∞.",
    ),
    references=("Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.2.2.2", f"{BISHOP}.2, eq. 4.90"),
)


def _logits_given(weights: bool, pos_weight: bool, reduction: str) -> str:
    lines = ["z: n         # logits", TARGETS]
    lines += ["w: n positive  # weights of the entries"] if weights else []
    lines += ["q: positive = 3  # weight of the positive targets, pos_weight"] if pos_weight else []
    return "\n".join(lines)


def _logits_define(weights: bool, pos_weight: bool, reduction: str) -> str:
    loss = f"{'q*' * pos_weight}t[i]*log(s[i]) + (1 - t[i])*log(1 - s[i])"
    weighted = f"w[i]*({loss})" if weights else loss
    return f"s[i] = sigmoid(z[i])\nL = -sum({weighted} for i in n){_under(reduction)}"


def _logits_claim(weights: bool, pos_weight: bool, reduction: str) -> dict[str, str]:
    inner = "((1 - t)*s - q*t*(1 - s))" if pos_weight else "(s - t)"
    return {"dL/dz": f"{'w*' * weights}{inner}{_under(reduction)}"}


def _with_logits(torch, z, t, w=None, q=None, reduction="mean"):  # type: ignore[no-untyped-def]
    q = None if q is None else torch.as_tensor(q, dtype=z.dtype, device=z.device)
    options = {"weight": w, "pos_weight": q, "reduction": reduction}
    return torch.nn.functional.binary_cross_entropy_with_logits(z, t, **options)


bce_with_logits = Entry(
    id="bce-with-logits",
    title="Binary cross-entropy with logits",
    names=("logistic loss",),
    parameters={"weights": False, "pos_weight": False, "reduction": ("mean", "sum")},
    variants=(
        {"weights": True},
        {"pos_weight": True},
        {"reduction": "sum"},
        {"weights": True, "pos_weight": True, "reduction": "sum"},
    ),
    given=_logits_given,
    define=_logits_define,
    wanted=("dL/dz",),
    claim=_logits_claim,
    torch=_with_logits,
    jax=in_jax.bce_with_logits,
    regimes={
        "soft labels": {"z": "normal 3", "t": "unit"},
        **logits("z", "hard labels,", t="hard"),
    },
    conventions=(
        LAYOUT,
        reduced("the n entries"),
        "weights=yes: every entry has a weight w; the mean is still divided by n.",
        "pos_weight=yes: the term of the positive targets has the factor q, as if they occurred q times as often.",
        "Computed as t·softplus(−z) + (1 − t)·softplus(z), never as the logarithm of a rounded s.",
    ),
    pitfalls=(
        "Through dL/ds = (s − t)/(s(1 − s)) the gradient is 0·∞ once s rounds to 0 or 1: cancel before computing.",
        "s − t with t = 1 is exactly 0 once s rounds to 1, although the gradient −σ(−z) is not.",
        "With a pos_weight the gradient is not q(s − t): only the part of the positive targets is weighted.",
    ),
    references=("Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.2.2.2", f"{BISHOP}.2, eq. 4.91"),
    uses=("sigmoid", "softplus", "bce"),
)


def _focal(torch, z, y, alpha, gamma, reduction="mean"):  # type: ignore[no-untyped-def]
    """As in torchvision's sigmoid_focal_loss, from the targets 0 and 1."""
    t = (y + 1) / 2
    p = torch.sigmoid(z)
    ce = torch.nn.functional.binary_cross_entropy_with_logits(z, t, reduction="none")
    p_t = p * t + (1 - p) * (1 - t)
    loss = (alpha * t + (1 - alpha) * (1 - t)) * ce * (1 - p_t) ** gamma
    return loss.mean() if reduction == "mean" else loss.sum()


focal = Entry(
    id="focal",
    title="Focal loss",
    parameters={"reduction": ("mean", "sum")},
    variants=({"reduction": "sum"},),
    given="""
        z: n                 # logits
        y: n sign            # classes, −1 or 1
        alpha: unit = 0.25   # weight of the class 1
        gamma: positive = 2  # how strongly easy samples are weighted down
    """,
    define=lambda reduction: (
        f"""
        p[i] = sigmoid(y[i]*z[i])                 # probability of the true class
        a[i] = where(y[i] > 0, alpha, 1 - alpha)  # weight of the true class
        L = -sum(a[i]*(1 - p[i])**gamma*log(p[i]) for i in n){_under(reduction)}
    """
    ),
    wanted=("dL/dz",),
    claim=lambda reduction: {
        "dL/dz": f"a*y*(1 - p)**gamma*(gamma*p*log(p) + p - 1){_under(reduction)}",
    },
    torch=_focal,
    jax=in_jax.focal,
    regimes=logits("z"),
    conventions=(
        LAYOUT,
        reduced("the n entries"),
        "p is the probability of the true class, σ(z) for y = 1 and σ(−z) for y = −1. γ = 0 is the cross-entropy.",
    ),
    pitfalls=(
        "The gradient is not (1 − p)^γ times that of the cross-entropy: the factor depends on z too and adds the term "
        "γ p log p.",
        "1 − p loses its digits when the model is sure; σ(−yz) does not.",
        "α = 0.25 weights the positive class down, in spite of its being rare: it was chosen together with γ = 2.",
    ),
    references=("Lin, Goyal, Girshick, He and Dollár, Focal loss for dense object detection, ICCV 2017, appendix B",),
    uses=("bce-with-logits",),
    generalises=("bce-with-logits",),
)


multilabel_soft_margin = Entry(
    id="multilabel-soft-margin",
    title="Multi-label soft margin loss",
    parameters={"weights": False, "reduction": ("mean", "sum")},
    variants=({"weights": True}, {"reduction": "sum"}, {"weights": True, "reduction": "sum"}),
    given=lambda weights, reduction: (
        f"""
        Z: n C       # logits
        T: n C mask  # 1: the sample has the label, 0: it has not
        {"w: C positive  # weights of the labels" if weights else ""}
    """
    ),
    define=lambda weights, reduction: (
        f"""
        S[i, c] = sigmoid(Z[i, c])
        L = -sum({"w[c]*" * weights}(T[i, c]*log(S[i, c]) + (1 - T[i, c])*log(1 - S[i, c]))
                 for i in n for c in C)/{"(n*C)" if reduction == "mean" else "C"}
    """
    ),
    wanted=("dL/dZ",),
    claim=lambda weights, reduction: {
        "dL/dZ": f"{'w*' * weights}(S - T)/{'(n*C)' if reduction == 'mean' else 'C'}",
    },
    torch=lambda torch, Z, T, w=None, reduction="mean": torch.nn.functional.multilabel_soft_margin_loss(
        Z, T, weight=w, reduction=reduction
    ),
    jax=in_jax.multilabel_soft_margin,
    regimes=logits("Z"),
    conventions=(
        LAYOUT,
        "L is the mean over the n samples of the mean over the C labels; with reduction=sum it is summed over the "
        "samples and still divided by C, as in PyTorch.",
        "Computed from the logits, as the binary cross-entropy is.",
    ),
    pitfalls=(
        "It is the binary cross-entropy of every label with its own sigmoid, under another name: no margin is "
        "involved.",
        "reduction=sum divides by C all the same; binary_cross_entropy_with_logits with reduction=sum does not.",
    ),
    references=("Zhang and Zhou, A review on multi-label learning algorithms, IEEE TKDE 26, 2014",),
    uses=("bce-with-logits",),
)
