"""Connections around a layer: residual and highway."""

from ..conventions import BATCH, LAYOUT, UPSTREAM
from ..entry import Entry

residual = Entry(
    id="residual",
    title="Residual connection",
    names=("skip connection",),
    given="""
        X: n D       # inputs
        W: D D       # weights of the branch
        b: D         # its bias
        f: function  # activation of the branch, differentiable
        dY: n D      # upstream gradient
    """,
    define="""
        Z = X @ W + b
        F = f(Z)
        Y = X + F
        L = upstream(dY, Y)
    """,
    wanted=("dL/dX", "dL/dW", "dL/db", "dY/dX"),
    claim={
        "dL/dX": "dY + (dY*f.prime(Z)) @ W.T",
        "dL/dW": "X.T @ (dY*f.prime(Z))",
        "dL/db": "sum(dY*f.prime(Z), axis=0)",
        "dY/dX": "i, d, j, e: delta(i, j)*(delta(d, e) + f.prime(Z[i, d])*W[e, d])",
    },
    torch=lambda torch, X, W, b, f, dY: {"L": ((X + f(X @ W + b)) * dY).sum(), "Y": X + f(X @ W + b)},
    conventions=(LAYOUT, UPSTREAM, BATCH, "The Jacobian is I + F′, where F′ is that of the branch, for every sample."),
    pitfalls=(
        "The upstream gradient arrives in X unchanged, whatever the branch does: that is why depth does not stop it.",
        "Forgetting the 1 of I + F′ leaves a gradient that still falls at first: check dX, not only the loss.",
    ),
    references=(
        "He, Zhang, Ren and Sun, Deep residual learning for image recognition, 2015, eq. 1",
        "He, Zhang, Ren and Sun, Identity mappings in deep residual networks, 2016, eq. 5",
        "Srivastava, Greff and Schmidhuber, Highway networks, 2015",
    ),
    uses=("dense",),
)
