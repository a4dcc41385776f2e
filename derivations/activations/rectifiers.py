"""Activations that are linear on the right and have a kink, or the remains of one, at zero: relu and its variants."""

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
    jax=lambda jax, x: jax.nn.relu(x),
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
    jax=lambda jax, x, alpha: jax.nn.leaky_relu(x, alpha),
    conventions=(ELEMENTWISE, kink("α", "between α and 1")),
    pitfalls=("The form in the output needs α > 0: otherwise the sign of y does not tell the sign of x.",),
    references=("Maas, Hannun and Ng, Rectifier nonlinearities improve neural network acoustic models, ICML 2013",),
    generalises=("relu",),
)

prelu = Entry(
    id="prelu",
    title="Rectified linear unit with a trained slope",
    given="""
        x: real
        alpha: real = 0.25  # slope on the left; trained
    """,
    define="y = where(x > 0, x, alpha*x)",
    wanted=("dy/dx", "dy/dalpha", "d2y/dx2"),
    claim={"dy/dx": "where(x > 0, 1, alpha)", "dy/dalpha": "where(x > 0, 0, x)", "d2y/dx2": "0"},
    torch=lambda torch, x, alpha: torch.nn.functional.prelu(x[None], alpha)[0],
    conventions=(ELEMENTWISE, kink("α", "between α and 1")),
    pitfalls=(
        "Over an array the gradient of one shared α is the sum of dy/dα times the upstream gradient; with one α for "
        "each channel it is summed over everything but the channels.",
        "Weight decay on α pulls it to 0, that is to relu: the authors train α without it.",
    ),
    references=(
        "He, Zhang, Ren and Sun, Delving deep into rectifiers: surpassing human-level performance on ImageNet "
        "classification, 2015, section 2.1",
    ),
    uses=("leaky-relu",),
    generalises=("leaky-relu",),
)

rrelu = Entry(
    id="rrelu",
    title="Randomized leaky rectified linear unit, evaluation mode",
    given="""
        x: real
        lower: positive = 1/8  # smallest slope on the left
        upper: positive = 1/3  # largest slope on the left
    """,
    define="y = where(x > 0, x, (lower + upper)/2*x)",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "where(x > 0, 1, (lower + upper)/2)",
        "dy/dx in output": "where(y > 0, 1, (lower + upper)/2)",
        "d2y/dx2": "0",
    },
    torch=lambda torch, x, lower, upper: torch.nn.functional.rrelu(x, float(lower), float(upper), training=False),
    conventions=(
        ELEMENTWISE,
        kink("the mean slope", "between the mean slope and 1"),
        "In training each entry with x ≤ 0 draws its own slope, uniformly from [lower, upper]; here it is the mean.",
    ),
    pitfalls=("In training the backward pass must reuse the slopes that the forward pass drew.",),
    references=("Xu, Wang, Chen and Li, Empirical evaluation of rectified activations in convolutional network, 2015",),
    uses=("leaky-relu",),
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
    jax=lambda jax, x, alpha: jax.nn.elu(x, alpha),
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
    torch=lambda torch, x, **fixed: torch.nn.functional.selu(x),
    jax=lambda jax, x: jax.nn.selu(x),
    conventions=(ELEMENTWISE, kink("λα", "[λ, λα]")),
    pitfalls=("λ and α are solutions of the fixed-point equations for mean 0 and variance 1, not tunable values.",),
    references=("Klambauer, Unterthiner, Mayr and Hochreiter, Self-normalizing neural networks, 2017, eq. 2",),
)

celu = Entry(
    id="celu",
    title="Continuously differentiable exponential linear unit",
    given="""
        x: real
        alpha: positive = 1  # the function tends to −α on the left
    """,
    define="y = where(x < 0, alpha*(exp(x/alpha) - 1), x)",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "where(x < 0, exp(x/alpha), 1)",
        "dy/dx in output": "where(y < 0, 1 + y/alpha, 1)",
        "d2y/dx2": "where(x < 0, exp(x/alpha)/alpha, 0)",
        "d2y/dx2 in output": "where(y < 0, (1 + y/alpha)/alpha, 0)",
    },
    torch=lambda torch, x, alpha: torch.nn.functional.celu(x, float(alpha)),
    jax=lambda jax, x, alpha: jax.nn.celu(x, alpha),
    conventions=(
        ELEMENTWISE,
        "The slope is 1 on both sides of x = 0, for every α: no kink. The second derivative jumps there from 1/α to 0; "
        "at x = 0 itself 0 is stated, as in PyTorch.",
    ),
    pitfalls=(
        "exp(x/α) - 1 loses its digits near 0: use expm1.",
        "For α = 1 this is elu; for other α elu has a kink and celu has not.",
    ),
    references=("Barron, Continuously differentiable exponential linear units, 2017",),
    uses=("elu",),
)

squared_relu = Entry(
    id="squared-relu",
    title="Squared rectified linear unit",
    given="x: real",
    define="y = max(x, 0)**2",
    wanted=("dy/dx", "d2y/dx2"),
    claim={"dy/dx": "2*max(x, 0)", "dy/dx in output": "2*sqrt(y)", "d2y/dx2": "2*indicator(x)"},
    torch=lambda torch, x: torch.relu(x) ** 2,
    conventions=(
        ELEMENTWISE,
        "The slope is 0 on both sides of x = 0: no kink. The second derivative jumps there from 0 to 2; at x = 0 "
        "itself 0 is stated, as in PyTorch.",
    ),
    pitfalls=("It grows like x²: in float16 it overflows from x = 256 on.",),
    references=(
        "So, Mańke, Liu, Dai, Shazeer and Le, Primer: searching for efficient transformers for language modeling, 2021",
    ),
    uses=("relu",),
)
