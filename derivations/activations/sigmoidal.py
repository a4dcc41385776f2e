"""The logistic sigmoid, the hyperbolic tangent, and the integral of the sigmoid."""

from ..conventions import ELEMENTWISE, SMOOTH
from ..entry import Entry

sigmoid = Entry(
    id="sigmoid",
    title="Logistic sigmoid",
    given="x: real",
    define="y = 1/(1 + exp(-x))",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "exp(-x)/(1 + exp(-x))**2",
        "dy/dx in output": "y*(1 - y)",
        "d2y/dx2 in output": "y*(1 - y)*(1 - 2*y)",
    },
    torch=lambda torch, x: torch.sigmoid(x),
    conventions=(ELEMENTWISE, SMOOTH),
    pitfalls=(
        "exp(-x) overflows for large negative x; written with exp(-|x|) nothing does.",
        "y*(1 - y) computed from a rounded y is exactly 0 once y rounds to 1 (x > 16.6 in float32), "
        "although the derivative is not.",
    ),
    references=(
        "Rumelhart, Hinton and Williams, Learning representations by back-propagating errors, Nature 323, 1986, eq. 2",
        "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 3.10",
    ),
)

tanh = Entry(
    id="tanh",
    title="Hyperbolic tangent",
    given="x: real",
    define="y = (exp(x) - exp(-x))/(exp(x) + exp(-x))",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "4/(exp(x) + exp(-x))**2",
        "dy/dx in output": "1 - y**2",
        "d2y/dx2 in output": "-2*y*(1 - y**2)",
    },
    torch=lambda torch, x: torch.tanh(x),
    conventions=(ELEMENTWISE, SMOOTH),
    pitfalls=("1 - y**2 computed from a rounded y is exactly 0 once y rounds to 1 (x > 9.0 in float32).",),
    references=(
        "LeCun, Bottou, Orr and Müller, Efficient BackProp, 1998, section 4.4",
        "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.3.2",
    ),
)

softplus = Entry(
    id="softplus",
    title="Softplus",
    given="x: real",
    define="y = log(1 + exp(x))",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "sigmoid(x)",
        "dy/dx in output": "1 - exp(-y)",
        "d2y/dx2": "sigmoid(x)*(1 - sigmoid(x))",
        "d2y/dx2 in output": "exp(-y)*(1 - exp(-y))",
    },
    # The default threshold 20 replaces softplus by x too early for float64: off by 2e-9 just above it.
    torch=lambda torch, x: torch.nn.functional.softplus(x, threshold=80),
    conventions=(ELEMENTWISE, SMOOTH),
    pitfalls=(
        "exp(x) overflows for x > 88.8 in float32; max(x, 0) + log1p(exp(-|x|)) does not.",
        "torch.nn.functional.softplus returns x itself above its threshold of 20, and so the derivative 1: "
        "just above it that is off by 2e-9, millions of ULP in float64.",
    ),
    references=(
        "Dugas, Bengio, Bélisle, Nadeau and Garcia, Incorporating second-order functional knowledge for better option "
        "pricing, NIPS 2000",
        "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 3.10",
    ),
)
