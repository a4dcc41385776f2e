"""The logistic sigmoid, the hyperbolic tangent, softsign, and the logarithms that belong to the sigmoid."""

from ..conventions import ELEMENTWISE, SMOOTH
from ..entry import Entry

sigmoid = Entry(
    id="sigmoid",
    title="Logistic sigmoid",
    names=("logistic", "expit"),
    given="x: real",
    define="y = 1/(1 + exp(-x))",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "exp(-x)/(1 + exp(-x))**2",
        "dy/dx in output": "y*(1 - y)",
        "d2y/dx2 in output": "y*(1 - y)*(1 - 2*y)",
    },
    torch=lambda torch, x: torch.sigmoid(x),
    jax=lambda jax, x: jax.nn.sigmoid(x),
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
    jax=lambda jax, x: jax.nn.tanh(x),
    conventions=(ELEMENTWISE, SMOOTH),
    pitfalls=("1 - y**2 computed from a rounded y is exactly 0 once y rounds to 1 (x > 9.0 in float32).",),
    references=(
        "LeCun, Bottou, Orr and Müller, Efficient BackProp, 1998, section 4.4",
        "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.3.2",
    ),
)

softsign = Entry(
    id="softsign",
    title="Softsign",
    given="x: real",
    define="y = x/(1 + abs(x))",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "1/(1 + abs(x))**2",
        "dy/dx in output": "(1 - abs(y))**2",
        "d2y/dx2": "where(x > 0, -2/(1 + x)**3, where(x < 0, 2/(1 - x)**3, 0))",
    },
    torch=lambda torch, x: torch.nn.functional.softsign(x),
    jax=lambda jax, x: jax.nn.soft_sign(x),
    conventions=(
        ELEMENTWISE,
        "The slope is 1 on both sides of x = 0: no kink. The second derivative jumps there from 2 to −2; at x = 0 "
        "itself 0 is stated, as in PyTorch.",
    ),
    pitfalls=(
        "Its tails fall off like 1/x², not exponentially: it saturates much later than tanh.",
        "(1 − |y|)**2 from a rounded y is exactly 0 once y rounds to 1; (1 + |x|)**2 overflows for |x| > 1.8e19 in "
        "float32, 1/(1 + |x|) squared does not.",
    ),
    references=(
        "Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010",
    ),
)

softplus = Entry(
    id="softplus",
    title="Softplus",
    given="""
        x: real
        beta: positive = 1  # sharpness; the function tends to relu as β grows
    """,
    define="y = log(1 + exp(beta*x))/beta",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "sigmoid(beta*x)",
        "dy/dx in output": "1 - exp(-beta*y)",
        "d2y/dx2": "beta*sigmoid(beta*x)*(1 - sigmoid(beta*x))",
        "d2y/dx2 in output": "beta*exp(-beta*y)*(1 - exp(-beta*y))",
    },
    # The default threshold 20 replaces softplus by x too early for float64: off by 2e-9 just above it.
    torch=lambda torch, x, beta: torch.nn.functional.softplus(x, float(beta), threshold=80),
    jax=lambda jax, x, beta: jax.nn.softplus(beta * x) / beta,
    conventions=(ELEMENTWISE, SMOOTH),
    pitfalls=(
        "exp(x) overflows for x > 88.8 in float32; max(x, 0) + log1p(exp(-|x|)) does not.",
        "torch.nn.functional.softplus returns x itself where βx is above its threshold of 20, and so the derivative 1: "
        "just above it that is off by 2e-9, millions of ULP in float64.",
    ),
    references=(
        "Dugas, Bengio, Bélisle, Nadeau and Garcia, Incorporating second-order functional knowledge for better option "
        "pricing, NIPS 2000",
        "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 3.10",
    ),
    uses=("sigmoid",),
)

log_sigmoid = Entry(
    id="log-sigmoid",
    title="Log-sigmoid",
    given="x: real",
    define="y = -log(1 + exp(-x))",
    wanted=("dy/dx", "d2y/dx2"),
    claim={
        "dy/dx": "sigmoid(-x)",
        "dy/dx in output": "1 - exp(y)",
        "d2y/dx2": "-sigmoid(x)*(1 - sigmoid(x))",
        "d2y/dx2 in output": "-exp(y)*(1 - exp(y))",
    },
    torch=lambda torch, x: torch.nn.functional.logsigmoid(x),
    jax=lambda jax, x: jax.nn.log_sigmoid(x),
    conventions=(ELEMENTWISE, SMOOTH),
    pitfalls=(
        "log(sigmoid(x)) in two steps is −∞ for x < −88.8 in float32, where the function is close to x.",
        "1 − exp(y) is exactly 0 once y rounds to 0 against 1; σ(−x) is not.",
    ),
    references=("Goodfellow, Bengio and Courville, Deep Learning, 2016, section 3.10",),
    uses=("sigmoid", "softplus"),
)
