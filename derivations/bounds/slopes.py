"""How steep the sigmoidal activations can be."""

from ..entry import Entry, Statement

sigmoid_slope = Entry(
    id="sigmoid-slope",
    title="The slope of the sigmoid is at most 1/4",
    kind="inequality",
    given="x: real",
    define="""
        s = 1/(1 + exp(-x))
    """,
    proof=(
        Statement("partial(s, x) = s*(1 - s)", by="derivative of sigmoid", name="slope"),
        Statement("0 < s*(1 - s)", title="The slope is positive", certificate="exp(-x)/(1 + exp(-x))**2"),
        Statement(
            "partial(s, x) = s*(1 - s) <= 1/4", by=("derivative of sigmoid", "a square"), certificate="(s - 1/2)**2"
        ),
    ),
    conventions=("Equality at x = 0 only, where s = 1/2.",),
    references=("Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.3.2",),
    uses=("sigmoid",),
)
