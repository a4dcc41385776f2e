"""Activations with two kinks, straight or constant outside of them."""

from ..conventions import ELEMENTWISE
from ..entry import Entry

hardtanh = Entry(
    id="hardtanh",
    title="Hard tanh",
    given="""
        x: real
        low: real = -1  # smallest value
        high: real = 1  # largest value, above the smallest
    """,
    define="y = where(x > low, where(x < high, x, high), low)",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "where(x > low, where(x < high, 1, 0), 0)",
        "dy/dx in output": "where(y > low, where(y < high, 1, 0), 0)",
        "d2y/dx2": "0",
    },
    torch=lambda torch, x, low, high: torch.nn.functional.hardtanh(x, float(low), float(high)),
    conventions=(ELEMENTWISE, "At both kinks the derivative is 0, as in PyTorch; the subgradients there are [0, 1]."),
    pitfalls=(
        "No gradient passes where the unit is clipped: an input far outside stays there.",
        "clip(x, low, high) is this function; torch.clamp passes the gradient at the borders themselves.",
    ),
    references=("Collobert, Large scale machine learning, PhD thesis, Université Paris VI, 2004",),
    generalises=("relu6",),
)

relu6 = Entry(
    id="relu6",
    title="Rectified linear unit that ends at 6",
    given="x: real",
    define="y = where(x > 0, where(x < 6, x, 6), 0)",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "where(x > 0, where(x < 6, 1, 0), 0)",
        "dy/dx in output": "where(y > 0, where(y < 6, 1, 0), 0)",
        "d2y/dx2": "0",
    },
    torch=lambda torch, x: torch.nn.functional.relu6(x),
    jax=lambda jax, x: jax.nn.relu6(x),
    conventions=(
        ELEMENTWISE,
        "In one expression: y = min(max(x, 0), 6).",
        "At both kinks, 0 and 6, the derivative is 0, as in PyTorch; the subgradients there are [0, 1].",
    ),
    pitfalls=("No gradient passes above 6 either: large pre-activations do not learn.",),
    references=(
        "Krizhevsky, Convolutional deep belief networks on CIFAR-10, 2010",
        "Sandler, Howard, Zhu, Zhmoginov and Chen, MobileNetV2: inverted residuals and linear bottlenecks, 2018",
    ),
    uses=("relu", "hardtanh"),
)

hardsigmoid = Entry(
    id="hardsigmoid",
    title="Hard sigmoid",
    given="x: real",
    define="y = where(x > -3, where(x < 3, (x + 3)/6, 1), 0)",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "where(x > -3, where(x < 3, 1/6, 0), 0)",
        "dy/dx in output": "where(y > 0, where(y < 1, 1/6, 0), 0)",
        "d2y/dx2": "0",
    },
    # torch.nn.functional.hardsigmoid has no second derivative, and multiplies by a float32 1/6 in float64 too.
    torch=lambda torch, x: torch.nn.functional.relu6(x + 3) / 6,
    jax=lambda jax, x: jax.nn.hard_sigmoid(x),
    conventions=(
        ELEMENTWISE,
        "At both kinks, −3 and 3, the derivative is 0, as in PyTorch; the subgradients there are [0, 1/6].",
    ),
    pitfalls=(
        "The slope is not the same everywhere: 1/6 here and in PyTorch, 1/5 in older Keras, 1/2 in BinaryConnect.",
        "torch.nn.functional.hardsigmoid uses 1/6 rounded to float32 in its derivative for float64 as well, "
        "and cannot be differentiated twice.",
    ),
    references=(
        "Courbariaux, Bengio and David, BinaryConnect: training deep neural networks with binary weights, 2015",
        "Howard and others, Searching for MobileNetV3, 2019, section 5.2",
    ),
    uses=("sigmoid", "relu6"),
)

hardswish = Entry(
    id="hardswish",
    title="Hard swish",
    given="x: real",
    define="""
        g = where(x > -3, where(x < 3, (x + 3)/6, 1), 0)  # hard sigmoid of x
        y = x*g
    """,
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "where(x > -3, where(x < 3, (2*x + 3)/6, 1), 0)",
        "d2y/dx2": "where(x > -3, where(x < 3, 1/3, 0), 0)",
    },
    torch=lambda torch, x: torch.nn.functional.hardswish(x),
    jax=lambda jax, x: jax.nn.hard_swish(x),
    conventions=(
        ELEMENTWISE,
        "In one expression: y = x·relu6(x + 3)/6.",
        "At the kinks the derivative is 0 for x = −3 and 1 for x = 3, as in PyTorch; the subgradients there are "
        "[−1/2, 0] and [1, 3/2].",
    ),
    pitfalls=(
        "x·(x + 3) overflows long before the result does (|x| > 1.8e19 in float32): divide by 6 and clip first.",
        "The derivative is negative for −3 < x < −3/2: hardswish is not monotone.",
    ),
    references=("Howard and others, Searching for MobileNetV3, 2019, section 5.2",),
    uses=("hardsigmoid", "relu6"),
)
