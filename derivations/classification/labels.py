"""Cross-entropy with integer labels: class weights, label smoothing, ignored samples."""

from .. import in_jax
from ..conventions import BATCH, LAYOUT, reduced
from ..entry import Entry
from ..regimes import logits
from .cross_entropy import BISHOP, STABLE

IGNORED = "m: n mask        # 1: the sample counts, 0: it is ignored"
WEIGHTS = "w: C positive    # class weights"
PADDED = (
    "ignored=yes: samples with m = 0 have no loss and are not counted (PyTorch marks them by a label, ignore_index). "
    "If all are ignored the mean is 0/0."
)
WEIGHTED = "weights=yes: the mean is divided by Σ w_y over the counted samples, as in PyTorch, not by their number."


def given_lines(logits: str, weights: bool, ignored: bool, smoothing: bool = False) -> str:
    """The tensors of a loss with integer labels."""
    lines = [logits, "y: n int<C       # labels", *([WEIGHTS] if weights else []), *([IGNORED] if ignored else [])]
    return "\n".join([*lines, *(["eps: nonnegative = 0.1  # label smoothing"] if smoothing else [])])


def per_sample(weights: bool, ignored: bool) -> str:
    """The factor of sample i, with a product sign behind it: m[i]*w[y[i]]*"""
    return "m[i]*" * ignored + "w[y[i]]*" * weights


def counted(weights: bool, ignored: bool, reduction: str) -> tuple[str, str]:
    """A definition of what the sum over samples is divided by, and the division."""
    if reduction == "sum":
        return "", ""
    if not (weights or ignored):
        return "", "/n"
    return f"N = sum({per_sample(weights, ignored).removesuffix('*')} for i in n)  # the weight of all samples\n", "/N"


def _define(weights: bool, smoothing: bool, ignored: bool, reduction: str) -> str:
    head, under = counted(weights, ignored, reduction)
    softmax = "P[i, c] = exp(Z[i, c]) / sum(exp(Z[i, k]) for k in C)"
    at_label = f"{per_sample(weights, ignored)}log(P[i, y[i]])"
    if not smoothing:
        return f"{softmax}\n{head}L = -sum({at_label} for i in n){under}"
    over_classes = f"{'m[i]*' * ignored}{'w[c]*' * weights}log(P[i, c])"
    return f"""{softmax}
        {head}H = -sum({at_label} for i in n){under}  # at the labels
        U = -sum({over_classes} for i in n for c in C){under}  # at all classes alike
        L = (1 - eps)*H + eps/C*U
    """


def _claim(weights: bool, smoothing: bool, ignored: bool, reduction: str) -> dict[str, str]:
    _, under = counted(weights, ignored, reduction)
    m, w = "m[i]*" * ignored, "w[y[i]]*" * weights
    if not smoothing:
        return {"dL/dZ": f"i, c: {m}{w}(P[i, c] - delta(c, y[i])){under}"}
    if not weights:
        return {"dL/dZ": f"i, c: {m}(P[i, c] - (1 - eps)*delta(c, y[i]) - eps/C){under}"}
    uniform = "eps/C*(P[i, c]*sum(w[k] for k in C) - w[c])"
    return {"dL/dZ": f"i, c: {m}((1 - eps)*{w}(P[i, c] - delta(c, y[i])) + {uniform}){under}"}


def labels_of(y, m):  # type: ignore[no-untyped-def]
    """Labels as PyTorch wants them: −100 where a sample is ignored."""
    return y if m is None else y.masked_fill(m == 0, -100)


def _cross_entropy(torch, Z, y, w=None, m=None, eps=0.0, reduction="mean"):  # type: ignore[no-untyped-def]
    options = {"weight": w, "label_smoothing": float(eps), "ignore_index": -100, "reduction": reduction}
    return torch.nn.functional.cross_entropy(Z, labels_of(y, m), **options)


softmax_ce_labels = Entry(
    id="softmax-ce-labels",
    title="Softmax cross-entropy with integer labels",
    names=("sparse categorical cross-entropy",),
    parameters={"weights": False, "smoothing": False, "ignored": False, "reduction": ("mean", "sum")},
    variants=(
        {"weights": True},
        {"smoothing": True},
        {"ignored": True},
        {"reduction": "sum"},
        {"weights": True, "smoothing": True, "ignored": True},
        {"weights": True, "smoothing": True, "ignored": True, "reduction": "sum"},
    ),
    given=lambda weights, smoothing, ignored, reduction: given_lines(
        "Z: n C           # logits", weights, ignored, smoothing
    ),
    define=_define,
    wanted=("dL/dZ",),
    claim=_claim,
    torch=_cross_entropy,
    jax=in_jax.softmax_ce_labels,
    regimes=logits("Z"),
    conventions=(
        LAYOUT,
        BATCH,
        reduced("the n samples"),
        WEIGHTED,
        "smoothing=yes: the target is (1 − ε) at the label and ε/C at every class, the label included.",
        PADDED,
        STABLE,
        "Labels count from 0.",
    ),
    pitfalls=(
        "P − 1 at the target loses its digits when the model is sure; −Σ of the other probabilities does not.",
        "Subtracting 1 at P[arange(n), y] in place changes P, which the caller may still need.",
        "A label outside 0 … C − 1, such as −1 for padding, silently indexes from the end in NumPy.",
        "Dividing by n although samples are ignored or weighted scales the gradient by the share that counts; with the "
        "mean of each part of a batch it also depends on how the batch was divided.",
    ),
    references=(
        "Goodfellow, Bengio and Courville, Deep Learning, 2016, sections 6.2.2.3 and 7.5.1",
        f"{BISHOP}.4",
        "Szegedy et al., Rethinking the inception architecture for computer vision, CVPR 2016, section 7 (smoothing)",
    ),
    uses=("softmax-ce",),
)


def _nll_define(weights: bool, ignored: bool, reduction: str) -> str:
    head, under = counted(weights, ignored, reduction)
    return f"{head}L = -sum({per_sample(weights, ignored)}U[i, y[i]] for i in n){under}"


def _nll_claim(weights: bool, ignored: bool, reduction: str) -> dict[str, str]:
    _, under = counted(weights, ignored, reduction)
    return {"dL/dU": f"i, c: -{per_sample(weights, ignored)}delta(c, y[i]){under}"}


def _nll(torch, U, y, w=None, m=None, reduction="mean"):  # type: ignore[no-untyped-def]
    return torch.nn.functional.nll_loss(U, labels_of(y, m), weight=w, ignore_index=-100, reduction=reduction)


nll = Entry(
    id="nll",
    title="Negative log-likelihood of integer labels",
    parameters={"weights": False, "ignored": False, "reduction": ("mean", "sum")},
    variants=(
        {"weights": True},
        {"ignored": True},
        {"reduction": "sum"},
        {"weights": True, "ignored": True},
        {"weights": True, "ignored": True, "reduction": "sum"},
    ),
    given=lambda weights, ignored, reduction: given_lines("U: n C           # log-probabilities", weights, ignored),
    define=_nll_define,
    wanted=("dL/dU",),
    claim=_nll_claim,
    torch=_nll,
    jax=in_jax.nll,
    regimes={"log-probabilities": {"U": "log-probabilities 30"}},
    conventions=(LAYOUT, BATCH, reduced("the n samples"), WEIGHTED, PADDED, "Labels count from 0."),
    pitfalls=(
        "It takes log-probabilities and takes no logarithm itself: given probabilities it returns −P at the label, "
        "without any error.",
        "The gradient is 0 but for one entry of each row. What pushes the other classes down is log-softmax in front.",
    ),
    references=("Goodfellow, Bengio and Courville, Deep Learning, 2016, section 5.5",),
    uses=("log-softmax", "softmax-ce-labels"),
)
