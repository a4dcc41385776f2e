"""One layer: a dense one, and a generic one between its neighbours."""

from ..conventions import BATCH, LAYOUT, UPSTREAM
from ..entry import Entry

BACKPROP = "Rumelhart, Hinton and Williams, Learning representations by back-propagating errors, Nature 323, 1986"

neuron = Entry(
    id="neuron",
    title="A single neuron",
    names=("perceptron",),
    given="""
        x: D         # inputs
        w: D         # weights
        b: real      # bias
        g: function  # activation, differentiable
        dy: real     # upstream gradient
    """,
    define="""
        z = sum(w[d]*x[d] for d in D) + b
        y = g(z)
        L = upstream(dy, y)
    """,
    wanted=("dL/dw", "dL/db", "dL/dx"),
    claim={"dL/dw": "d: dy*g.prime(z)*x[d]", "dL/db": "dy*g.prime(z)", "dL/dx": "d: dy*g.prime(z)*w[d]"},
    torch=lambda torch, x, w, b, g, dy: g(torch.nn.functional.linear(x[None], w[None], b[None]))[0, 0] * dy,
    conventions=(LAYOUT, "L is any scalar; only its gradient dy with respect to y is used."),
    pitfalls=(
        "Where g is flat (a saturated sigmoid, a relu below 0) the neuron learns nothing, however large the error.",
        "An input that is 0 leaves its weight where it is.",
    ),
    references=(
        "Rosenblatt, The perceptron: a probabilistic model for information storage and organization in the brain, "
        "Psychological Review 65, 1958",
        "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.3",
    ),
)

dense = Entry(
    id="dense",
    title="Dense layer",
    names=("linear", "affine", "fully connected"),
    given="""
        X: n D   # inputs
        W: D H   # weights
        b: H     # bias
        dY: n H  # upstream gradient
    """,
    define="""
        Y = X @ W + b
        L = upstream(dY, Y)
    """,
    wanted=("dL/dX", "dL/dW", "dL/db"),
    claim={"dL/dX": "dY @ W.T", "dL/dW": "X.T @ dY", "dL/db": "sum(dY, axis=0)"},
    torch=lambda torch, X, W, b, dY: (torch.nn.functional.linear(X, W.T, b) * dY).sum(),
    conventions=(LAYOUT, BATCH, UPSTREAM),
    pitfalls=(
        "torch.nn.Linear stores Wᵀ (H×D) and computes X Wᵀ + b: its weight gradient is dYᵀ X.",
        "The bias is broadcast over the rows, so its gradient sums over them.",
    ),
    references=(BACKPROP, "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.5.4"),
)


def _generic_layer(torch, X, W, b, V, dU, lam, g):  # type: ignore[no-untyped-def]
    return ((g(X @ W + b) @ V) * dU).sum() + lam / 2 * (W**2).sum()


backprop = Entry(
    id="backprop",
    title="Backpropagation through a layer with any activation",
    names=("backpropagation",),
    given="""
        X: n D               # activations of the layer below
        W: D H               # weights of this layer
        b: H                 # bias of this layer
        V: H K               # weights of the layer above
        dU: n K              # δ of the layer above: gradient in its pre-activations U
        lam: positive = 0.01 # weight λ of the L2 penalty
        g: function          # activation, differentiable
    """,
    define="""
        Z = X @ W + b
        A = g(Z)
        U = A @ V
        E = upstream(dU, U)
        J = E + lam/2*sum(W**2)
    """,
    wanted=("dJ/dZ", "dJ/dW", "dJ/db"),
    claim={
        "dJ/dZ": "(dU @ V.T)*g.prime(Z)",
        "dJ/dW": "X.T @ dZ + lam*W",
        "dJ/db": "sum(dZ, axis=0)",
    },
    torch=_generic_layer,
    conventions=(
        LAYOUT,
        BATCH,
        "In the column convention of one sample: δˡ = (Wˡ⁺¹ᵀ δˡ⁺¹) ⊙ g′(zˡ), ∂J/∂Wˡ = δˡ aˡ⁻¹ᵀ + λWˡ, ∂J/∂bˡ = δˡ.",
        "E is any loss; only its gradient dU with respect to U is used. A bias above does not matter here.",
    ),
    pitfalls=(
        "g′ is taken at the pre-activation Z, not at the activation A.",
        "The penalty adds λW once for the whole batch, not once for every sample; the bias has none.",
        "Update V only after dJ/dZ is computed: it uses the weights of the forward pass.",
    ),
    references=(
        f"{BACKPROP}, eq. 4 to 7",
        "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.5, algorithm 6.4",
    ),
    uses=("dense",),
)
