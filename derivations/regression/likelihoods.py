"""Negative log-likelihoods of a count and of a real number whose variance is predicted too."""

from ..conventions import LAYOUT, reduced
from ..entry import Entry
from .distances import MEAN_OR_SUM, over_n

STIRLING = " + where(t[i] > 1, t[i]*log(t[i]) - t[i] + log(2*pi*t[i])/2, 0)"


def _poisson_given(log_input: bool, full: bool, reduction: str) -> str:
    rate = "x: n  # logarithms of the predicted rates" if log_input else "x: n positive  # predicted rates"
    eps = "" if log_input else "eps: positive = 1e-8  # keeps the logarithm finite"
    return f"{rate}\nt: n nonnegative  # observed counts\n{eps}"


def _poisson_define(log_input: bool, full: bool, reduction: str) -> str:
    loss = "exp(x[i]) - t[i]*x[i]" if log_input else "x[i] - t[i]*log(x[i] + eps)"
    return f"L = sum({loss}{STIRLING if full else ''} for i in n){over_n(reduction)}"


def _poisson_claim(log_input: bool, full: bool, reduction: str) -> dict[str, str]:
    return {"dL/dx": ("(exp(x) - t)" if log_input else "(1 - t/(x + eps))") + over_n(reduction)}


def _poisson(torch, x, t, eps=1e-8, log_input=True, full=False, reduction="mean"):  # type: ignore[no-untyped-def]
    options = {"log_input": log_input, "full": full, "eps": eps, "reduction": reduction}
    return torch.nn.functional.poisson_nll_loss(x, t, **options)


poisson_nll = Entry(
    id="poisson-nll",
    title="Negative log-likelihood of Poisson counts",
    parameters={"log_input": True, "full": False, "reduction": MEAN_OR_SUM},
    variants=(
        {"log_input": False},
        {"full": True},
        {"log_input": False, "full": True, "reduction": "sum"},
        {"reduction": "sum"},
    ),
    given=_poisson_given,
    define=_poisson_define,
    wanted=("dL/dx",),
    claim=_poisson_claim,
    torch=_poisson,
    conventions=(
        LAYOUT,
        reduced("the n entries"),
        "x is the logarithm of the rate; with log_input=no it is the rate itself. log t! is left out, since it does "
        "not depend on x; with full=yes it is added for t > 1, by Stirling's approximation.",
    ),
    pitfalls=(
        "With log_input=yes the network's output goes in as it is: exp of it before the loss applies exp twice.",
        "exp(x) overflows beyond x = 88.7 in float32, and so does the gradient: clip the logarithm of the rate.",
        "Without the full term the value may be negative, and values for different targets cannot be compared.",
    ),
    references=("Cameron and Trivedi, Regression Analysis of Count Data, 2nd edition, 2013, section 3.2",),
)


def _gaussian(torch, m, t, v, full=False, reduction="mean"):  # type: ignore[no-untyped-def]
    return torch.nn.functional.gaussian_nll_loss(m, t, v, full=full, reduction=reduction)


gaussian_nll = Entry(
    id="gaussian-nll",
    title="Negative log-likelihood of a Gaussian with predicted variance",
    parameters={"full": False, "reduction": MEAN_OR_SUM},
    variants=({"full": True}, {"reduction": "sum"}, {"full": True, "reduction": "sum"}),
    given="""
        m: n           # predicted means
        t: n           # targets
        v: n positive  # predicted variances
    """,
    define=lambda full, reduction: (
        f"L = sum(log(v[i]) + (m[i] - t[i])**2/v[i]{' + log(2*pi)' if full else ''} for i in n)"
        f"/{'(2*n)' if reduction == 'mean' else '2'}"
    ),
    wanted=("dL/dm", "dL/dv", "dL/dt"),
    claim=lambda full, reduction: {
        "dL/dm": f"(m - t)/v{over_n(reduction)}",
        "dL/dv": f"(v - (m - t)**2)/(2*v**2){over_n(reduction)}",
        "dL/dt": f"(t - m)/v{over_n(reduction)}",
    },
    torch=_gaussian,
    conventions=(
        LAYOUT,
        reduced("the n entries"),
        "PyTorch computes with max(v, eps), eps = 10⁻⁶, and lets the gradient through as if that were v; here v > eps. "
        "full=yes adds the constant ½ log 2π.",
    ),
    pitfalls=(
        "v is the variance, not the standard deviation, and not its logarithm.",
        "The step for the mean is divided by the variance: where the network predicts a large v it stops learning m. "
        "Where v is small, both gradients explode (1/v and 1/v²).",
    ),
    references=("Nix and Weigend, Estimating the mean and variance of the target probability distribution, ICNN 1994",),
    uses=("mse",),
)
