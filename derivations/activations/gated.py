"""Activations of the form x times a gate of x."""

from ..conventions import ELEMENTWISE, SMOOTH
from ..entry import Entry

gelu = Entry(
    id="gelu",
    title="Gaussian error linear unit",
    given="x: real",
    define="y = x*(1 + erf(x/sqrt(2)))/2",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "(1 + erf(x/sqrt(2)))/2 + x*exp(-x**2/2)/sqrt(2*pi)",
        "d2y/dx2": "(2 - x**2)*exp(-x**2/2)/sqrt(2*pi)",
    },
    torch=lambda torch, x: torch.nn.functional.gelu(x),
    jax=lambda jax, x: jax.nn.gelu(x, approximate=False),
    conventions=(ELEMENTWISE, SMOOTH),
    pitfalls=(
        "1 + erf(x/√2) is exactly 0 in floating point far on the left, where the function is not: use erfc(−x/√2).",
        "The tanh form (gelu-tanh) differs from this one by up to 5e-4: do not mix the two in a checkpoint.",
    ),
    references=("Hendrycks and Gimpel, Gaussian error linear units (GELUs), 2016, section 2",),
)

gelu_tanh = Entry(
    id="gelu-tanh",
    title="Gaussian error linear unit, tanh form",
    names=("approximate gelu",),
    given="""
        x: real
        k: positive = 0.044715  # fitted constant
    """,
    define="""
        u = sqrt(2/pi)*(x + k*x**3)
        y = x*(1 + tanh(u))/2
    """,
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "(1 + tanh(u))/2 + x*(1 - tanh(u)**2)*sqrt(2/pi)*(1 + 3*k*x**2)/2",
    },
    torch=lambda torch, x, **fixed: torch.nn.functional.gelu(x, approximate="tanh"),
    jax=lambda jax, x: jax.nn.gelu(x, approximate=True),
    conventions=(ELEMENTWISE, SMOOTH),
    pitfalls=(
        "x**3 overflows long before the result does (|x| > 7e12 in float32).",
        "An approximation of gelu, off by up to 5e-4, and not its faster spelling.",
    ),
    references=("Hendrycks and Gimpel, Gaussian error linear units (GELUs), 2016, section 2",),
    uses=("tanh",),
)

silu = Entry(
    id="silu",
    title="Sigmoid linear unit",
    names=("swish-1",),
    given="x: real",
    define="y = x*sigmoid(x)",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "sigmoid(x)*(1 + x*(1 - sigmoid(x)))",
        "dy/dx in output": "y + sigmoid(x)*(1 - y)",
        "d2y/dx2": "sigmoid(x)*(1 - sigmoid(x))*(2 + x*(1 - 2*sigmoid(x)))",
    },
    torch=lambda torch, x: torch.nn.functional.silu(x),
    jax=lambda jax, x: jax.nn.silu(x),
    conventions=(ELEMENTWISE, SMOOTH),
    pitfalls=("The derivative is negative for x < −1.278: silu is not monotone.",),
    references=(
        "Hendrycks and Gimpel, Gaussian error linear units (GELUs), 2016, section 2",
        "Elfwing, Uchibe and Doya, Sigmoid-weighted linear units for neural network function approximation in "
        "reinforcement learning, 2017",
    ),
    uses=("sigmoid",),
)

swish = Entry(
    id="swish",
    title="Swish with a parameter β",
    given="""
        x: real
        beta: real = 1  # sharpness; may be trained
    """,
    define="y = x*sigmoid(beta*x)",
    wanted=("dy/dx", "dy/dbeta", "d2y/dx2"),
    claim={
        "dy/dx": "sigmoid(beta*x)*(1 + beta*x*(1 - sigmoid(beta*x)))",
        "dy/dx in output": "beta*y + sigmoid(beta*x)*(1 - beta*y)",
        "dy/dbeta": "x**2*sigmoid(beta*x)*(1 - sigmoid(beta*x))",
        "dy/dbeta in output": "y*(x - y)",
    },
    torch=lambda torch, x, beta: x * torch.sigmoid(beta * x),
    conventions=(ELEMENTWISE, SMOOTH),
    pitfalls=("Over an array the gradient of one shared β is the sum of dy/dbeta times the upstream gradient.",),
    references=("Ramachandran, Zoph and Le, Searching for activation functions, 2017",),
    uses=("sigmoid", "silu"),
    generalises=("silu",),
)

mish = Entry(
    id="mish",
    title="Mish",
    given="x: real",
    define="y = x*tanh(softplus(x))",
    wanted=("dy/dx", "d2y/dx2"),
    claim={"dy/dx": "tanh(softplus(x)) + x*sigmoid(x)*(1 - tanh(softplus(x))**2)"},
    torch=lambda torch, x: torch.nn.functional.mish(x),
    jax=lambda jax, x: jax.nn.mish(x),
    conventions=(ELEMENTWISE, SMOOTH),
    pitfalls=("Forms with exp(4x) and the like, as printed in the paper, overflow early; this one does not.",),
    references=("Misra, Mish: a self regularized non-monotonic activation function, 2019, eq. 1",),
    uses=("tanh", "softplus"),
)
