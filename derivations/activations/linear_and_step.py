"""The two activations of the first networks: none at all, and the step of the perceptron."""

from ..conventions import ELEMENTWISE, SMOOTH
from ..entry import Entry

identity = Entry(
    id="identity",
    title="Identity",
    given="x: real",
    define="y = x",
    wanted=("dy/dx", "d2y/dx2"),
    claim={"dy/dx": "1", "d2y/dx2": "0"},
    torch=lambda torch, x: torch.nn.Identity()(x),
    conventions=(ELEMENTWISE, SMOOTH),
    pitfalls=("Layers with this activation between them are together one linear layer: depth adds nothing.",),
    references=("Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.2.2.1",),
)

step = Entry(
    id="step",
    title="Heaviside step",
    names=("heaviside",),
    given="x: real",
    define="y = where(x > 0, 1, 0)",
    wanted=("dy/dx", "d2y/dx2"),
    claim={"dy/dx": "0", "d2y/dx2": "0"},
    torch=lambda torch, x: (x > 0).to(x.dtype),
    conventions=(
        ELEMENTWISE,
        "The function jumps at x = 0, so it has no derivative there; 0 is stated, as everywhere else. "
        "At the jump the value is 0; other texts state 1 or 1/2.",
    ),
    pitfalls=(
        "The derivative is 0 almost everywhere: no gradient passes, and gradient descent cannot train through a step. "
        "The perceptron rule does not use it; a straight-through estimator replaces it.",
    ),
    references=(
        "McCulloch and Pitts, A logical calculus of the ideas immanent in nervous activity, 1943",
        "Rosenblatt, The perceptron, Psychological Review 65, 1958",
        "Bengio, Léonard and Courville, Estimating or propagating gradients through stochastic neurons for "
        "conditional computation, 2013",
    ),
)
