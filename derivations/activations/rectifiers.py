"""Activations that are linear on the right and have a kink, or the remains of one, at zero."""

from ..conventions import ELEMENTWISE, kink
from ..entry import Entry

relu = Entry(
    id="relu",
    title="Rectified linear unit",
    given="x: real",
    define="y = where(x > 0, x, 0)",
    wanted=("dy/dx", "d2y/dx2"),
    claim={"dy/dx": "indicator(x)", "dy/dx in output": "indicator(y)", "d2y/dx2": "0"},
    torch=lambda torch, x: torch.relu(x),
    conventions=(ELEMENTWISE, kink("0", "[0, 1]")),
    pitfalls=("The second derivative is 0 wherever it exists; the jump of the slope at 0 is not in it.",),
    references=(
        "Nair and Hinton, Rectified linear units improve restricted Boltzmann machines, ICML 2010",
        "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.3.1",
    ),
)

leaky_relu = Entry(
    id="leaky-relu",
    title="Leaky rectified linear unit",
    given="""
        x: real
        alpha: positive = 0.01  # slope on the left
    """,
    define="y = where(x > 0, x, alpha*x)",
    wanted=("dy/dx", "d2y/dx2"),
    claim={"dy/dx": "where(x > 0, 1, alpha)", "dy/dx in output": "where(y > 0, 1, alpha)", "d2y/dx2": "0"},
    torch=lambda torch, x, alpha: torch.nn.functional.leaky_relu(x, float(alpha)),
    conventions=(ELEMENTWISE, kink("α", "between α and 1")),
    pitfalls=("The form in the output needs α > 0: otherwise the sign of y does not tell the sign of x.",),
    references=("Maas, Hannun and Ng, Rectifier nonlinearities improve neural network acoustic models, ICML 2013",),
)

elu = Entry(
    id="elu",
    title="Exponential linear unit",
    given="""
        x: real
        alpha: positive = 1  # the function tends to −α on the left
    """,
    define="y = where(x > 0, x, alpha*(exp(x) - 1))",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "where(x > 0, 1, alpha*exp(x))",
        "dy/dx in output": "where(y > 0, 1, y + alpha)",
        "d2y/dx2": "where(x > 0, 0, alpha*exp(x))",
        "d2y/dx2 in output": "where(y > 0, 0, y + alpha)",
    },
    torch=lambda torch, x, alpha: torch.nn.functional.elu(x, float(alpha)),
    conventions=(ELEMENTWISE, kink("α", "between α and 1 (with α = 1 there is no kink in the function)")),
    pitfalls=(
        "exp(x) - 1 loses its digits near 0: use expm1.",
        "y + α loses its digits far on the left, where y is close to −α; α·exp(x) does not.",
    ),
    references=("Clevert, Unterthiner and Hochreiter, Fast and accurate deep network learning by ELUs, 2015",),
)

selu = Entry(
    id="selu",
    title="Scaled exponential linear unit",
    given="""
        x: real
        lam: positive = 1.0507009873554804934193349852946    # scale λ
        alpha: positive = 1.6732632423543772848170429916717  # α
    """,
    define="y = lam*where(x > 0, x, alpha*(exp(x) - 1))",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "lam*where(x > 0, 1, alpha*exp(x))",
        "dy/dx in output": "where(y > 0, lam, y + lam*alpha)",
        "d2y/dx2": "lam*where(x > 0, 0, alpha*exp(x))",
        "d2y/dx2 in output": "where(y > 0, 0, y + lam*alpha)",
    },
    torch=lambda torch, x, lam, alpha: torch.nn.functional.selu(x),
    conventions=(ELEMENTWISE, kink("λα", "[λ, λα]")),
    pitfalls=("λ and α are solutions of the fixed-point equations for mean 0 and variance 1, not tunable values.",),
    references=("Klambauer, Unterthiner, Mayr and Hochreiter, Self-normalizing neural networks, 2017, eq. 2",),
)
