"""Losses that depend on the difference of prediction and target alone."""

from ..conventions import LAYOUT, reduced
from ..entry import Entry

MEAN_OR_SUM = ("mean", "sum")
ENTRIES = """
    y: n  # predictions
    t: n  # targets
"""
BISHOP = "Bishop, Pattern Recognition and Machine Learning, 2006, section 1.2.5"


def over_n(reduction: str) -> str:
    """The divisor behind a sum over n entries."""
    return "/n" if reduction == "mean" else ""


def _shape(form: str) -> tuple[str, str]:
    """The axes, and the number of entries."""
    return ("n D", "(n*D)") if form == "matrix" else ("n", "n")


def _mse_given(form: str, reduction: str) -> str:
    axes, _ = _shape(form)
    return f"Y: {axes}  # predictions\nT: {axes}  # targets"


def _mse_factor(form: str, reduction: str, power: str = "") -> str:
    _, count = _shape(form)
    return {"mean": f"/{count}", "sum": "", "half-sum": "/2"}[reduction]


def _mse_define(form: str, reduction: str) -> str:
    return f"L = sum((Y - T)**2){_mse_factor(form, reduction)}"


def _mse_claim(form: str, reduction: str) -> dict[str, str]:
    _, count = _shape(form)
    front, under = {"mean": ("2*", f"/{count}"), "sum": ("2*", ""), "half-sum": ("", "")}[reduction]
    return {"dL/dY": f"{front}(Y - T){under}", "dL/dT": f"{front}(T - Y){under}"}


def _mse(torch, Y, T, form="vector", reduction="mean"):  # type: ignore[no-untyped-def]
    if reduction == "half-sum":
        return torch.nn.functional.mse_loss(Y, T, reduction="sum") / 2
    return torch.nn.functional.mse_loss(Y, T, reduction=reduction)


mse = Entry(
    id="mse",
    title="Squared error: mean, sum or half the sum",
    names=("squared loss", "L2 loss", "least squares"),
    parameters={"reduction": ("mean", "sum", "half-sum"), "form": ("vector", "matrix")},
    variants=(
        {"reduction": "sum"},
        {"reduction": "half-sum"},
        {"form": "matrix"},
        {"form": "matrix", "reduction": "sum"},
        {"form": "matrix", "reduction": "half-sum"},
    ),
    given=_mse_given,
    define=_mse_define,
    wanted=("dL/dY", "dL/dT"),
    claim=_mse_claim,
    torch=_mse,
    conventions=(
        LAYOUT,
        "L is the mean over all entries, as PyTorch's default. reduction=sum leaves the division out, "
        "reduction=half-sum is ½ ‖Y − T‖², whose gradient is Y − T.",
        "form=matrix is the same loss for matrices: ‖Y − T‖² is then the squared Frobenius norm, and the mean "
        "divides by n·D.",
    ),
    pitfalls=(
        "PyTorch divides by the number of entries n·D, not by the number of samples n: with D outputs the gradient is "
        "D times smaller than with a mean over samples.",
        "Predictions of shape n×1 against targets of shape n broadcast to n×n without an error in NumPy.",
        "The mean takes steps n/2 times smaller than the half sum at the same learning rate.",
    ),
    references=(
        "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 5.1.4",
        BISHOP,
    ),
)


RESIDUAL = "r = y - t  # residuals"
THROUGH_R = {"dL/dy": "dr", "dL/dt": "-dr"}

l1 = Entry(
    id="l1",
    title="Absolute error",
    names=("mae", "mean absolute error"),
    parameters={"reduction": MEAN_OR_SUM},
    variants=({"reduction": "sum"},),
    given=ENTRIES,
    define=lambda reduction: f"{RESIDUAL}\nL = sum(abs(r)){over_n(reduction)}",
    wanted=("dL/dr", "dL/dy", "dL/dt"),
    claim=lambda reduction: {"dL/dr": f"where(r > 0, 1, where(r < 0, -1, 0)){over_n(reduction)}", **THROUGH_R},
    torch=lambda torch, y, t, reduction="mean": torch.nn.functional.l1_loss(y, t, reduction=reduction),
    conventions=(
        LAYOUT,
        reduced("the n entries"),
        "At the kink r = 0 the derivative is 0, as in PyTorch; the subgradients there are [−1/n, 1/n].",
    ),
    pitfalls=(
        "The gradient does not shrink as the prediction approaches the target: with a fixed step size the iterates "
        "jump back and forth across it.",
        "Its minimiser is the median of the targets, not their mean.",
    ),
    references=(BISHOP, "Boyd and Vandenberghe, Convex Optimization, 2004, section 6.1.1"),
)

huber = Entry(
    id="huber",
    title="Huber loss",
    parameters={"reduction": MEAN_OR_SUM},
    variants=({"reduction": "sum"},),
    given=f"""{ENTRIES}
        delta: positive = 1  # where the parabola goes over into lines
    """,
    define=lambda reduction: (
        f"""
        {RESIDUAL}
        L = sum(where(abs(r[i]) > delta, delta*(abs(r[i]) - delta/2), r[i]**2/2) for i in n){over_n(reduction)}
    """
    ),
    wanted=("dL/dr", "dL/dy", "dL/dt"),
    claim=lambda reduction: {
        "dL/dr": f"where(r > delta, delta, where(r < -delta, -delta, r)){over_n(reduction)}",
        **THROUGH_R,
    },
    torch=lambda torch, y, t, delta, reduction="mean": torch.nn.functional.huber_loss(
        y, t, delta=float(delta), reduction=reduction
    ),
    conventions=(
        LAYOUT,
        reduced("the n entries"),
        "The slope is continuous at |r| = δ, so there is no kink: the gradient is r, clipped to [−δ, δ].",
    ),
    pitfalls=(
        "It is δ times the smooth-L1 loss with β = δ: exchanging the two changes the gradient by the factor δ.",
        "δ has the unit of the targets: it must be chosen again when they are rescaled.",
    ),
    references=("Huber, Robust estimation of a location parameter, Annals of Mathematical Statistics 35, 1964",),
    uses=("mse", "l1"),
)

smooth_l1 = Entry(
    id="smooth-l1",
    title="Smooth L1 loss",
    parameters={"reduction": MEAN_OR_SUM},
    variants=({"reduction": "sum"},),
    given=f"""{ENTRIES}
        beta: positive = 1  # where the parabola goes over into lines
    """,
    define=lambda reduction: (
        f"""
        {RESIDUAL}
        L = sum(where(abs(r[i]) > beta, abs(r[i]) - beta/2, r[i]**2/(2*beta)) for i in n){over_n(reduction)}
    """
    ),
    wanted=("dL/dr", "dL/dy", "dL/dt"),
    claim=lambda reduction: {
        "dL/dr": f"where(r > beta, 1, where(r < -beta, -1, r/beta)){over_n(reduction)}",
        **THROUGH_R,
    },
    torch=lambda torch, y, t, beta, reduction="mean": torch.nn.functional.smooth_l1_loss(
        y, t, beta=float(beta), reduction=reduction
    ),
    conventions=(
        LAYOUT,
        reduced("the n entries"),
        "The slope is continuous at |r| = β, so there is no kink. As β → 0 the loss becomes the absolute error.",
    ),
    pitfalls=(
        "It is the Huber loss divided by β: the lines have the slopes ±1 for every β, the parabola the curvature 1/β.",
        "With β = 1, the default, it equals the Huber loss with δ = 1, which hides a mix-up of the two.",
    ),
    references=("Girshick, Fast R-CNN, ICCV 2015, eq. 3",),
    uses=("huber", "l1"),
)
