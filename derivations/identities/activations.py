"""How the activations are related to each other."""

from ..conventions import ELEMENTWISE, LAYOUT
from ..entry import Entry, Statement

GOODFELLOW = "Goodfellow, Bengio and Courville, Deep Learning, 2016"

softmax_shift = Entry(
    id="softmax-shift",
    title="Softmax does not change when all logits move by one amount",
    kind="identity",
    given="""
        z: C     # logits
        a: real  # any amount
    """,
    define="""
        p[c] = exp(z[c])/sum(exp(z[k]) for k in C)
        q[c] = exp(z[c] + a)/sum(exp(z[k] + a) for k in C)
    """,
    proof=(
        Statement("q[c] = p[c] for c in C", by="exp(u + a) = exp(u) exp(a)"),
        Statement("sum(partial(p[c], z[k]) for k in C) = 0 for c in C", by="Jacobian of softmax",
                  title="So the rows of its Jacobian sum to 0"),
    ),
    conventions=("With a = −max z no exponential overflows: this is how softmax is computed.",),
    pitfalls=("The logits are not determined by the probabilities: only their differences are.",),
    references=(f"{GOODFELLOW}, section 4.1, eq. 4.1 and section 6.2.2.3",),
    uses=("softmax-jacobian",),
)  # fmt: skip

softmax_two_classes = Entry(
    id="softmax-two-classes",
    title="Softmax of two logits is the sigmoid of their difference",
    kind="identity",
    given="z: 2  # logits",
    define="p[c] = exp(z[c])/sum(exp(z[k]) for k in 2)",
    proof=(
        Statement("p[0] = 1/(1 + exp(z[1] - z[0])) = sigmoid(z[0] - z[1])", by=("divide by exp z₀", "sigmoid")),
        Statement("p[1] = 1 - p[0] = sigmoid(z[1] - z[0])", by=("sum to 1", "sigmoid")),
    ),
    conventions=("Logistic regression is softmax regression with one of the two logits fixed at 0.",),
    pitfalls=("Two outputs with softmax and one with a sigmoid say the same, but have twice the weights.",),
    references=(f"{GOODFELLOW}, section 6.2.2.3",),
    uses=("sigmoid", "softmax-shift"),
)

tanh_sigmoid = Entry(
    id="tanh-sigmoid",
    title="tanh and sigmoid are one function, scaled and moved",
    kind="identity",
    given="x: real",
    proof=(
        Statement("tanh(x) = 2*sigmoid(2*x) - 1", by="in terms of exponentials"),
        Statement("sigmoid(x) = (1 + tanh(x/2))/2", by="in terms of exponentials"),
        Statement("sigmoid(-x) = 1 - sigmoid(x)", by="in terms of exponentials"),
    ),
    conventions=(ELEMENTWISE,),
    pitfalls=("2σ(2x) − 1 loses all digits near x = 0, where tanh does not.",),
    references=(f"{GOODFELLOW}, section 6.3.2",),
    uses=("sigmoid", "tanh"),
)

softplus_gradient = Entry(
    id="softplus-gradient",
    title="The derivative of softplus is the sigmoid",
    kind="identity",
    given="x: real",
    define="""
        y = log(1 + exp(x))
    """,
    wanted=("dy/dx",),
    claim={"dy/dx": "sigmoid(x)"},
    proof=(
        Statement("softplus(x) - softplus(-x) = x", by="in terms of exponentials"),
        Statement("-log(sigmoid(x)) = softplus(-x)", by="in terms of exponentials"),
    ),
    torch=lambda torch, x: torch.nn.functional.softplus(x, threshold=80),
    conventions=(ELEMENTWISE,),
    pitfalls=("exp(x) overflows for x > 88.8 in float32; max(x, 0) + log1p(exp(-|x|)) does not.",),
    references=(f"{GOODFELLOW}, section 3.10, eq. 3.41 to 3.45",),
    uses=("softplus", "sigmoid"),
)

logsumexp_gradient = Entry(
    id="logsumexp-gradient",
    title="The gradient of log-sum-exp is softmax",
    kind="identity",
    given="z: C  # logits",
    define="""
        L = log(sum(exp(z[c]) for c in C))
        p[c] = exp(z[c])/sum(exp(z[k]) for k in C)
    """,
    wanted=("dL/dz",),
    claim={"dL/dz": "p"},
    proof=(Statement("log(p[c]) = z[c] - L for c in C", by="log of a quotient"),),
    torch=lambda torch, z: torch.logsumexp(z, 0),
    conventions=(LAYOUT,),
    pitfalls=("exp(z) overflows above 88.8 in float32: subtract the maximum first.",),
    references=("Boyd and Vandenberghe, Convex Optimization, 2004, section 3.1.5",),
    uses=("softmax-shift",),
)
