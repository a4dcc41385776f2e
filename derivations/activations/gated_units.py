"""Gated linear units: two dense layers of the same input, one of which gates the other."""

from ..conventions import BATCH, LAYOUT
from ..entry import Entry
from ..regimes import saturated

SHAZEER = "Shazeer, GLU variants improve transformer, 2020, eq. 5"
UPSTREAM = "L is any scalar; only its gradient dY with respect to Y is used."
GIVEN = """
    X: n D   # inputs
    W: D H   # weights of the {first}
    b: H     # its bias
    V: D H   # weights of the {second}
    c: H     # its bias
    dY: n H  # upstream gradient
"""
WANTED = ("dL/dX", "dL/dW", "dL/db", "dL/dV", "dL/dc")
LAYERS = {
    "dL/dX": "dZ @ W.T + dU @ V.T",
    "dL/dW": "X.T @ dZ",
    "dL/db": "sum(dZ, axis=0)",
    "dL/dV": "X.T @ dU",
    "dL/dc": "sum(dU, axis=0)",
}
TWICE = "The input feeds both layers: its gradient is the sum of two products, and training goes on with one left out."
NO_BIAS = "Transformer blocks leave the biases out, and shrink H by 2/3 to keep the number of weights."

glu = Entry(
    id="glu",
    title="Gated linear unit",
    given=GIVEN.format(first="values", second="gate"),
    define="""
        Z = X @ W + b
        U = X @ V + c
        S = sigmoid(U)
        Y = Z*S
        L = upstream(dY, Y)
    """,
    wanted=WANTED,
    claim=LAYERS,
    torch=lambda torch, X, W, b, V, c, dY: (
        torch.nn.functional.glu(torch.cat([X @ W + b, X @ V + c], 1), 1) * dY
    ).sum(),
    regimes=saturated("c"),
    conventions=(LAYOUT, BATCH, UPSTREAM),
    pitfalls=(
        "torch.nn.functional.glu takes both layers as the halves of one array: the second half is the gate.",
        TWICE,
    ),
    references=("Dauphin, Fan, Auli and Grangier, Language modeling with gated convolutional networks, 2017, eq. 1",),
    uses=("dense", "sigmoid"),
)

reglu = Entry(
    id="reglu",
    title="Gated linear unit with relu",
    given=GIVEN.format(first="gate", second="values"),
    define="""
        Z = X @ W + b
        U = X @ V + c
        G = relu(Z)
        Y = G*U
        L = upstream(dY, Y)
    """,
    wanted=WANTED,
    claim=LAYERS,
    torch=lambda torch, X, W, b, V, c, dY: (torch.relu(X @ W + b) * (X @ V + c) * dY).sum(),
    conventions=(LAYOUT, BATCH, UPSTREAM, "Where a gate is exactly 0 its derivative is 0, as in PyTorch."),
    pitfalls=(TWICE, NO_BIAS),
    references=(SHAZEER,),
    uses=("glu", "relu"),
)

geglu = Entry(
    id="geglu",
    title="Gated linear unit with gelu",
    given=GIVEN.format(first="gate", second="values"),
    define="""
        Z = X @ W + b
        U = X @ V + c
        G = Z*(1 + erf(Z/sqrt(2)))/2
        Y = G*U
        L = upstream(dY, Y)
    """,
    wanted=WANTED,
    claim=LAYERS,
    torch=lambda torch, X, W, b, V, c, dY: (torch.nn.functional.gelu(X @ W + b) * (X @ V + c) * dY).sum(),
    conventions=(LAYOUT, BATCH, UPSTREAM),
    pitfalls=(TWICE, NO_BIAS, "A checkpoint fixes which gelu it was trained with: this one or the tanh form."),
    references=(SHAZEER,),
    uses=("glu", "gelu"),
)

swiglu = Entry(
    id="swiglu",
    title="Gated linear unit with swish",
    given=GIVEN.format(first="gate", second="values"),
    define="""
        Z = X @ W + b
        U = X @ V + c
        S = sigmoid(Z)
        G = Z*S
        Y = G*U
        L = upstream(dY, Y)
    """,
    wanted=WANTED,
    claim=LAYERS,
    torch=lambda torch, X, W, b, V, c, dY: (torch.nn.functional.silu(X @ W + b) * (X @ V + c) * dY).sum(),
    regimes=saturated("b"),
    conventions=(LAYOUT, BATCH, UPSTREAM, "Swish with β = 1, that is silu, as in Transformer blocks."),
    pitfalls=(TWICE, NO_BIAS),
    references=(SHAZEER,),
    uses=("glu", "silu"),
)
