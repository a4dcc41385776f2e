"""How steep the sigmoidal activations can be."""

from ..entry import Entry, Statement

sigmoid_slope = Entry(
    id="sigmoid-slope",
    title="The slope of the sigmoid is positive and at most 1/4",
    kind="inequality",
    given="x: real",
    define="s = 1/(1 + exp(-x))",
    proof=(
        Statement("0 < s*(1 - s) = partial(s, x)", by=("", "derivative of s"), certificate="exp(-x)/(1 + exp(-x))**2"),
        Statement("partial(s, x) = s*(1 - s) <= 1/4", by=("derivative of s", "complete the square"),
                  certificate="(s - 1/2)**2"),
    ),
    conventions=("Equality holds at x = 0 only, where s = 1/2.",),
    pitfalls=("A gradient that passes through k sigmoids is multiplied by at most 4⁻ᵏ, before any weight.",),
    references=("Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.3.2",),
    uses=("sigmoid",),
)  # fmt: skip

tanh_slope = Entry(
    id="tanh-slope",
    title="The slope of the hyperbolic tangent is positive and at most 1",
    kind="inequality",
    given="x: real",
    define="y = tanh(x)",
    proof=(
        Statement("0 < 1 - y**2 = partial(y, x)", by=("", "derivative of y"), certificate="1/cosh(x)**2"),
        Statement("partial(y, x) = 1 - y**2 <= 1", by=("derivative of y", "rearrange"), certificate="y**2"),
    ),
    conventions=("Equality holds at x = 0 only.",),
    pitfalls=("The bound is four times that of the sigmoid: tanh(x) is 2σ(2x) − 1.",),
    references=("LeCun, Bottou, Orr and Müller, Efficient BackProp, 1998, section 4.4",),
    uses=("tanh", "tanh-sigmoid"),
)  # fmt: skip
