"""Multilayer perceptrons: two layers, and any depth."""

from ..conventions import BATCH, LAYOUT
from ..entry import Entry
from ..regimes import saturated

REFERENCES = (
    "Rumelhart, Hinton and Williams, Learning representations by back-propagating errors, Nature 323, 1986",
    "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.5, algorithms 6.3 and 6.4",
)
PITFALLS = (
    "The factor 1/n of the mean enters once, at the loss; dividing again in a layer shrinks the gradient.",
    "1 − A² uses the activation of the forward pass: recomputing tanh costs a layer.",
    "All gradients belong to the weights of one forward pass: compute them all before updating any.",
)


def _two_layers(torch, X, W1, b1, W2, b2, Y):  # type: ignore[no-untyped-def]
    return torch.nn.functional.cross_entropy(torch.tanh(X @ W1 + b1) @ W2 + b2, Y)


def _two_sigmoid_layers(torch, X, W1, b1, W2, b2, T):  # type: ignore[no-untyped-def]
    output = torch.sigmoid(torch.sigmoid(X @ W1 + b1) @ W2 + b2)
    return torch.nn.functional.mse_loss(output, T, reduction="sum") / 2


mlp_softmax = Entry(
    id="mlp-softmax",
    title="Two-layer perceptron: tanh, then softmax cross-entropy",
    names=("neural network",),
    given="""
        X: n D       # inputs
        W1: D H      # weights of the hidden layer
        b1: H        # its bias
        W2: H C      # weights of the output layer
        b2: C        # its bias
        Y: n C rows  # target distributions
    """,
    define="""
        Z1 = X @ W1 + b1
        A1 = tanh(Z1)
        Z2 = A1 @ W2 + b2
        P = softmax(Z2)
        L = -sum(Y*log(P))/n
    """,
    wanted=("dL/dW1", "dL/db1", "dL/dW2", "dL/db2"),
    claim={
        "dL/dW2": "A1.T @ dZ2",
        "dL/db2": "sum(dZ2, axis=0)",
        "dL/dW1": "X.T @ dZ1",
        "dL/db1": "sum(dZ1, axis=0)",
    },
    torch=_two_layers,
    regimes=saturated("b1"),
    conventions=(LAYOUT, BATCH),
    pitfalls=PITFALLS,
    references=REFERENCES,
    uses=("dense", "tanh", "softmax-ce"),
)


mlp_mse = Entry(
    id="mlp-mse",
    title="Two-layer sigmoid perceptron with half the squared error",
    given="""
        X: n D   # inputs
        W1: D H  # weights of the hidden layer
        b1: H    # its bias
        W2: H C  # weights of the output layer
        b2: C    # its bias
        T: n C   # targets
    """,
    define="""
        Z1 = X @ W1 + b1
        A1 = sigmoid(Z1)
        Z2 = A1 @ W2 + b2
        A2 = sigmoid(Z2)
        J = sum((A2 - T)**2)/2
    """,
    wanted=("dJ/dW1", "dJ/db1", "dJ/dW2", "dJ/db2"),
    claim={
        "dJ/dW2": "A1.T @ dZ2",
        "dJ/db2": "sum(dZ2, axis=0)",
        "dJ/dW1": "X.T @ dZ1",
        "dJ/db1": "sum(dZ1, axis=0)",
    },
    torch=_two_sigmoid_layers,
    regimes=saturated("b1", "b2", T="hard"),
    conventions=(LAYOUT, BATCH, "J is the sum over samples and outputs of half the squared error, without 1/n."),
    pitfalls=(
        "dZ2 holds the factor A2(1 − A2): an output that is sure and wrong hardly learns; cross-entropy has no such "
        "factor.",
        *PITFALLS[2:],
    ),
    references=(*REFERENCES, "Nielsen, Neural Networks and Deep Learning, 2015, chapter 2"),
    uses=("dense", "sigmoid"),
)


def _widths(depth: int) -> list[str]:
    return ["D", *(f"H{k}" for k in range(1, depth)), "C"]


def _given(depth: int) -> str:
    lines = ["X: n D  # inputs"]
    widths = _widths(depth)
    for k in range(1, depth + 1):
        lines += [
            f"W{k}: {widths[k - 1]} {widths[k]}  # weights of layer {k}",
            f"b{k}: {widths[k]}  # bias of layer {k}",
        ]
    return "\n".join([*lines, "Y: n C rows  # target distributions"])


def _define(depth: int) -> str:
    lines, below = [], "X"
    for k in range(1, depth + 1):
        lines.append(f"Z{k} = {below} @ W{k} + b{k}")
        if k < depth:
            lines.append(f"A{k} = tanh(Z{k})")
            below = f"A{k}"
    return "\n".join([*lines, f"P = softmax(Z{depth})", "L = -sum(Y*log(P))/n"])


def _wanted(depth: int) -> tuple[str, ...]:
    return tuple(f"dL/d{name}{k}" for k in range(1, depth + 1) for name in "Wb")


def _deep(torch, X, Y, **weights):  # type: ignore[no-untyped-def]
    depth = len(weights) // 2
    for k in range(1, depth + 1):
        X = X @ weights[f"W{k}"] + weights[f"b{k}"]
        X = torch.tanh(X) if k < depth else X
    return torch.nn.functional.cross_entropy(X, Y)


mlp_deep = Entry(
    id="mlp-deep",
    title="Perceptron of any depth: tanh layers, then softmax cross-entropy",
    given=_given,
    define=_define,
    wanted=_wanted,
    torch=_deep,
    parameters={"depth": 3},
    variants=({"depth": 1}, {"depth": 4}),
    regimes=saturated("b1"),
    conventions=(LAYOUT, BATCH, "depth counts the layers with weights; the last one is linear under the softmax."),
    pitfalls=PITFALLS,
    references=REFERENCES,
    uses=("mlp-softmax",),
    generalises=("mlp-softmax",),
)
