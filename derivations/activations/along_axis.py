"""Activations of several entries together: softmax and softmin of every row, and the largest of several pieces."""

from .. import in_jax
from ..conventions import BATCH, LAYOUT
from ..entry import Entry
from ..regimes import logits

UPSTREAM = "L is any scalar; only its gradient dP with respect to P is used."
ROWS = "Along the last axis: every row of Z is one set of logits. Rows do not mix, hence the δ of the rows."
GOODFELLOW = "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.2.2.3"

softmax = Entry(
    id="softmax",
    title="Softmax along an axis",
    given="""
        Z: n C   # logits
        dP: n C  # upstream gradient
    """,
    define="""
        P[i, c] = exp(Z[i, c]) / sum(exp(Z[i, k]) for k in C)
        L = upstream(dP, P)
    """,
    wanted=("dP/dZ", "dL/dZ"),
    claim={
        "dP/dZ": "i, c, j, b: delta(i, j)*P[i, c]*(delta(c, b) - P[i, b])",
        "dL/dZ": "P*(dP - sum(P*dP, axis=1, keepdims=True))",
    },
    torch=lambda torch, Z, dP: _with_upstream(torch.softmax(Z, 1), dP),
    jax=in_jax.softmax,
    regimes=logits("Z"),
    conventions=(
        LAYOUT,
        ROWS,
        UPSTREAM,
        "Computed with exp(z − max z): softmax stays the same when all logits of a row move by one amount.",
    ),
    pitfalls=(
        "p·(1 − p)·dp is not the gradient: that is the diagonal of the Jacobian only.",
        "The sum in the gradient runs along the same axis as softmax, one number for each row.",
        "A row of −∞ throughout, as a full mask makes it, is 0/0: no softmax is defined there.",
    ),
    references=("Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990", GOODFELLOW),
    uses=("softmax-jacobian",),
)

softmin = Entry(
    id="softmin",
    title="Softmin along an axis",
    given="""
        Z: n C   # distances or energies
        dP: n C  # upstream gradient
    """,
    define="""
        P[i, c] = exp(-Z[i, c]) / sum(exp(-Z[i, k]) for k in C)
        L = upstream(dP, P)
    """,
    wanted=("dP/dZ", "dL/dZ"),
    claim={
        "dP/dZ": "i, c, j, b: delta(i, j)*P[i, c]*(P[i, b] - delta(c, b))",
        "dL/dZ": "P*(sum(P*dP, axis=1, keepdims=True) - dP)",
    },
    torch=lambda torch, Z, dP: _with_upstream(torch.nn.functional.softmin(Z, 1), dP),
    jax=in_jax.softmin,
    regimes=logits("Z"),
    conventions=(LAYOUT, ROWS, UPSTREAM),
    pitfalls=(
        "Softmin is softmax of −Z, not 1 − softmax of Z: its rows sum to 1, and its gradient has the other sign.",
    ),
    references=(GOODFELLOW,),
    uses=("softmax",),
)


def _with_upstream(P, dP):  # type: ignore[no-untyped-def]
    return {"P": P, "L": (P * dP).sum()}


def _pieces(pieces: int) -> range:
    return range(1, pieces + 1)


def _given(pieces: int) -> str:
    layers = [f"W{k}: D H  # weights of piece {k}\nb{k}: H    # its bias" for k in _pieces(pieces)]
    return "\n".join(["X: n D    # inputs", *layers, "dY: n H   # upstream gradient"])


def _define(pieces: int) -> str:
    """The pieces, and the largest of the first k in A{k}; at a tie the first one holds. One piece is a dense layer."""
    if pieces == 1:
        return "Y = X @ W1 + b1\nL = upstream(dY, Y)"
    lines = [f"Z{k} = X @ W{k} + b{k}" for k in _pieces(pieces)]
    largest = "Z1"
    for k in range(2, pieces + 1):
        name = "Y" if k == pieces else f"A{k}"
        lines.append(f"{name} = max(Z{k}, {largest})")
        largest = name
    return "\n".join([*lines, "L = upstream(dY, Y)"])


def _wanted(pieces: int) -> tuple[str, ...]:
    return ("dL/dX", *(f"dL/d{name}{k}" for k in _pieces(pieces) for name in "Wb"))


def _claim(pieces: int) -> dict[str, str]:
    adjoints = {k: "dY" if pieces == 1 else f"dZ{k}" for k in _pieces(pieces)}
    layers = {f"dL/dW{k}": f"X.T @ {d}" for k, d in adjoints.items()}
    biases = {f"dL/db{k}": f"sum({d}, axis=0)" for k, d in adjoints.items()}
    return {"dL/dX": " + ".join(f"{d} @ W{k}.T" for k, d in adjoints.items()), **layers, **biases}


def _largest(torch, X, dY, **layers):  # type: ignore[no-untyped-def]
    pieces = [X @ layers[f"W{k}"] + layers[f"b{k}"] for k in _pieces(len(layers) // 2)]
    return (torch.stack(pieces).max(0).values * dY).sum()


maxout = Entry(
    id="maxout",
    title="Maxout",
    given=_given,
    define=_define,
    wanted=_wanted,
    claim=_claim,
    parameters={"pieces": 2},
    variants=({"pieces": 1}, {"pieces": 3}),
    torch=_largest,
    conventions=(
        LAYOUT,
        BATCH,
        "L is any scalar; only its gradient dY with respect to Y is used.",
        "At a tie the gradient goes to the first of the largest pieces, as with torch.max along an axis; the "
        "subgradients there are all weighted means of the tied pieces.",
    ),
    pitfalls=(
        "torch.maximum(a, b) splits the gradient at a tie, half to each; torch.max along an axis does not.",
        "Each piece has weights of its own: k pieces cost k dense layers.",
    ),
    references=("Goodfellow, Warde-Farley, Mirza, Courville and Bengio, Maxout networks, ICML 2013",),
    uses=("dense", "relu"),
    generalises=("relu",),
)
