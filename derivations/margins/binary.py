"""Losses of a score and a class −1 or 1: how far the score is on the right side."""

from .. import in_jax
from ..conventions import LAYOUT, reduced
from ..entry import Entry
from ..regimes import logits

SCORES = """
    s: n       # scores
    y: n sign  # classes, −1 or 1
"""
MARGIN_OF = "u[i] = y[i]*s[i]  # on the right side by"
HINGE = "Cortes and Vapnik, Support-vector networks, Machine Learning 20, 1995"


def under(reduction: str) -> str:
    """The divisor behind a sum over n samples."""
    return "/n" if reduction == "mean" else ""


def _reduce(torch, losses, reduction):  # type: ignore[no-untyped-def]
    return losses.mean() if reduction == "mean" else losses.sum()


hinge = Entry(
    id="hinge",
    title="Hinge loss",
    parameters={"reduction": ("mean", "sum")},
    variants=({"reduction": "sum"},),
    given=SCORES,
    define=lambda reduction: f"L = sum(max(0, 1 - y*s)){under(reduction)}",
    wanted=("dL/ds",),
    claim=lambda reduction: {"dL/ds": f"where(y*s < 1, -y, 0){under(reduction)}"},
    torch=lambda torch, s, y, reduction="mean": _reduce(torch, torch.relu(1 - y * s), reduction),
    conventions=(
        LAYOUT,
        "L is the mean over the n samples; with reduction=sum the factor is 1, in the gradient too.",
        "At the kink ys = 1 the derivative is 0, as for relu; the subgradients there lie between −y/n and 0.",
    ),
    pitfalls=(
        "The classes are −1 and 1: with 0 and 1 the samples of class 0 have the constant loss 1 and no gradient.",
        "A sample beyond the margin has no gradient at all, however close to it: only the support vectors count.",
    ),
    references=(HINGE, "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 5.7.2"),
)

squared_hinge = Entry(
    id="squared-hinge",
    title="Squared hinge loss",
    parameters={"reduction": ("mean", "sum")},
    variants=({"reduction": "sum"},),
    given=SCORES,
    define=lambda reduction: f"L = sum(max(0, 1 - y*s)**2){under(reduction)}",
    wanted=("dL/ds",),
    claim=lambda reduction: {"dL/ds": f"-2*y*max(0, 1 - y*s){under(reduction)}"},
    torch=lambda torch, s, y, reduction="mean": _reduce(torch, torch.relu(1 - y * s) ** 2, reduction),
    conventions=(
        LAYOUT,
        "L is the mean over the n samples; with reduction=sum the factor is 1, in the gradient too.",
        "The gradient is continuous at ys = 1, so there is no kink; only the second derivative jumps there.",
    ),
    pitfalls=(
        "Far on the wrong side the gradient grows with the distance: an outlier pulls much harder than with the hinge "
        "loss.",
    ),
    references=("Tang, Deep learning using linear support vector machines, 2013, section 2.2", HINGE),
    uses=("hinge",),
)

soft_margin = Entry(
    id="soft-margin",
    title="Soft margin loss: logistic loss with classes −1 and 1",
    parameters={"reduction": ("mean", "sum")},
    variants=({"reduction": "sum"},),
    given=SCORES,
    define=lambda reduction: f"L = sum(log(1 + exp(-y*s))){under(reduction)}",
    wanted=("dL/ds",),
    claim=lambda reduction: {"dL/ds": f"-y*sigmoid(-y*s){under(reduction)}"},
    torch=lambda torch, s, y, reduction="mean": torch.nn.functional.soft_margin_loss(s, y, reduction=reduction),
    jax=in_jax.soft_margin,
    regimes=logits("s"),
    conventions=(
        LAYOUT,
        reduced("the n samples"),
        "Smooth everywhere. It is the binary cross-entropy of the logit s with the target (1 + y)/2.",
    ),
    pitfalls=(
        "log(1 + exp(−ys)) overflows for ys below −88.7 in float32, also inside PyTorch's soft_margin_loss, where it "
        "gives ∞; softplus(−ys) does not.",
        "With targets 0 and 1 the samples of class 0 have the constant loss log 2 and no gradient.",
    ),
    references=("Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2009, section 10.6",),
    uses=("softplus", "bce-with-logits", "hinge"),
)


def _embedding(torch, x, y, margin, reduction="mean"):  # type: ignore[no-untyped-def]
    return torch.nn.functional.hinge_embedding_loss(x, y, margin=float(margin), reduction=reduction)


hinge_embedding = Entry(
    id="hinge-embedding",
    title="Hinge embedding loss",
    parameters={"reduction": ("mean", "sum")},
    variants=({"reduction": "sum"},),
    given="""
        x: n                  # distances of pairs
        y: n sign             # 1: the pair belongs together, −1: it does not
        margin: positive = 1  # distance from which an unlike pair has no loss
    """,
    define=lambda reduction: (
        f"""
        L = sum(where(y > 0, x, where(x > margin, 0, margin - x))){under(reduction)}
    """
    ),
    wanted=("dL/dx",),
    claim=lambda reduction: {"dL/dx": f"where(y > 0, 1, where(x > margin, 0, -1)){under(reduction)}"},
    torch=_embedding,
    conventions=(
        LAYOUT,
        reduced("the n pairs"),
        "At the kink x = margin an unlike pair still has the derivative −1, as in PyTorch; the subgradients there lie "
        "between −1/n and 0.",
    ),
    pitfalls=(
        "x is a distance, or anything else that is small for like pairs; a similarity has to be negated.",
        "For a like pair the loss is x itself: a negative x is rewarded without bound.",
    ),
    references=(
        "Hadsell, Chopra and LeCun, Dimensionality reduction by learning an invariant mapping, CVPR 2006 (squared)",
    ),
    uses=("hinge",),
)


def _ranking(torch, a, b, y, margin, reduction="mean"):  # type: ignore[no-untyped-def]
    return torch.nn.functional.margin_ranking_loss(a, b, y, margin=float(margin), reduction=reduction)


margin_ranking = Entry(
    id="margin-ranking",
    title="Margin ranking loss",
    parameters={"reduction": ("mean", "sum")},
    variants=({"reduction": "sum"},),
    given="""
        a: n                     # scores of the first ones
        b: n                     # scores of the second ones
        y: n sign                # 1: the first shall rank higher, −1: the second
        margin: nonnegative = 1  # by how much
    """,
    define=lambda reduction: (
        f"""
        u = margin - y*(a - b)  # what is missing
        L = sum(where(u < 0, 0, u)){under(reduction)}
    """
    ),
    wanted=("dL/du", "dL/da", "dL/db"),
    claim=lambda reduction: {
        "dL/du": f"where(u < 0, 0, 1){under(reduction)}",
        "dL/da": "-y*du",
        "dL/db": "y*du",
    },
    torch=_ranking,
    conventions=(
        LAYOUT,
        reduced("the n pairs"),
        "At the kink u = 0 the derivative in u is 1/n, as in PyTorch; the subgradients there are [0, 1/n].",
    ),
    pitfalls=(
        "PyTorch's default margin is 0: then equal scores have no loss, and a constant score is optimal.",
        "The gradients in a and b are opposite: when one network computes both scores, its bias gets no gradient.",
    ),
    references=("Burges et al., Learning to rank using gradient descent, ICML 2005",),
    uses=("hinge",),
)
