"""Activations that set small inputs to zero or pull them towards it."""

from ..conventions import ELEMENTWISE, SMOOTH
from ..entry import Entry

DONOHO = "Donoho and Johnstone, Ideal spatial adaptation by wavelet shrinkage, Biometrika 81, 1994"

softshrink = Entry(
    id="softshrink",
    title="Soft shrinkage",
    given="""
        x: real
        lam: positive = 0.5  # width λ of the dead zone on either side
    """,
    define="y = where(x > lam, x - lam, where(x < -lam, x + lam, 0))",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "where(x > lam, 1, where(x < -lam, 1, 0))",
        "dy/dx in output": "where(y > 0, 1, where(y < 0, 1, 0))",
        "d2y/dx2": "0",
    },
    torch=lambda torch, x, lam: torch.nn.functional.softshrink(x, float(lam)),
    conventions=(
        ELEMENTWISE,
        "In one expression: y = sign(x) max(|x| − λ, 0).",
        "At the kinks x = ±λ the derivative is 0, as in PyTorch; the subgradients there are [0, 1].",
    ),
    pitfalls=("It is the proximal step of an L1 penalty λ‖x‖₁: large entries lose λ too, hardshrink keeps them.",),
    references=(DONOHO, "Parikh and Boyd, Proximal algorithms, 2014"),
)

hardshrink = Entry(
    id="hardshrink",
    title="Hard shrinkage",
    given="""
        x: real
        lam: positive = 0.5  # width λ of the dead zone on either side
    """,
    define="y = where(x > lam, x, where(x < -lam, x, 0))",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "where(x > lam, 1, where(x < -lam, 1, 0))",
        "dy/dx in output": "where(y > 0, 1, where(y < 0, 1, 0))",
        "d2y/dx2": "0",
    },
    torch=lambda torch, x, lam: torch.nn.functional.hardshrink(x, float(lam)),
    conventions=(
        ELEMENTWISE,
        "The function jumps at x = ±λ and has no derivative there; 0 is stated, as in PyTorch.",
    ),
    pitfalls=("The jumps at ±λ are not in the derivative: it does not see a shift of the threshold.",),
    references=(DONOHO,),
    uses=("softshrink",),
)

threshold = Entry(
    id="threshold",
    title="Threshold",
    given="""
        x: real
        theta: real = 0.1  # threshold θ
        v: real = 20       # value at and below it
    """,
    define="y = where(x > theta, x, v)",
    wanted=("dy/dx", "d2y/dx2"),
    claim={"dy/dx": "indicator(x - theta)", "d2y/dx2": "0"},
    torch=lambda torch, x, theta, v: torch.nn.functional.threshold(x, float(theta), float(v)),
    conventions=(
        ELEMENTWISE,
        "At x = θ the derivative is 0, as in PyTorch; the function jumps there unless v = θ. θ = v = 0 is relu.",
    ),
    pitfalls=("There is no derivative in the output: a y above θ may be x, or v.",),
    references=("PyTorch documentation, torch.nn.Threshold",),
    uses=("relu",),
    generalises=("relu",),
)

tanhshrink = Entry(
    id="tanhshrink",
    title="Tanh shrinkage",
    given="x: real",
    define="y = x - tanh(x)",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "tanh(x)**2",
        "dy/dx in output": "(x - y)**2",
        "d2y/dx2": "2*tanh(x)*(1 - tanh(x)**2)",
    },
    torch=lambda torch, x: torch.nn.functional.tanhshrink(x),
    conventions=(ELEMENTWISE, SMOOTH),
    pitfalls=(
        "x − tanh(x) loses its digits near 0, where it is close to x³/3; in float32 all of them for |x| < 1e-4.",
        "1 − tanh(x)**2 is exactly 0 once tanh(x) rounds to 1.",
    ),
    references=("PyTorch documentation, torch.nn.Tanhshrink",),
    uses=("tanh",),
)
