"""Layers without weights of their own kind: rows looked up in a table, and entries left out."""

from __future__ import annotations

from ..conventions import LAYOUT
from ..entry import Entry

UPSTREAM = "L is any scalar; only its gradient dY with respect to Y is used."


def _given(padding: bool) -> str:
    fixed = "z: D         # the vector of the padding id, not trained" if padding else ""
    return f"""
        E: V D       # table: a row for each id
        ids: n int<V # ids, which may repeat
        {fixed}
        dY: n D      # upstream gradient
    """


def _define(padding: bool) -> str:
    row = "E[ids[i], d]"
    if padding:
        row = "(1 - delta(ids[i], 0))*E[ids[i], d] + delta(ids[i], 0)*z[d]"
    return f"""
        Y[i, d] = {row}
        L = upstream(dY, Y)
    """


def _claim(padding: bool) -> dict[str, str]:
    total = "sum(delta(v, ids[i])*dY[i, d] for i in n)"
    return {"dL/dE": f"v, d: (1 - delta(v, 0))*{total}" if padding else f"v, d: {total}"}


def _embedding(torch, E, ids, dY, z=None, padding=False):  # type: ignore[no-untyped-def]
    if padding:
        table = torch.cat([z[None].detach(), E[1:]])
        return (torch.nn.functional.embedding(ids, table, padding_idx=0) * dY).sum()
    return (torch.nn.functional.embedding(ids, E) * dY).sum()


embedding = Entry(
    id="embedding",
    title="Embedding: rows of a table",
    names=("lookup table",),
    parameters={"padding": False},
    variants=({"padding": True},),
    given=_given,
    define=_define,
    wanted=("dL/dE",),
    claim=_claim,
    torch=_embedding,
    conventions=(
        LAYOUT,
        UPSTREAM,
        "With padding=yes the id 0 stands for padding: its vector z is fixed, and row 0 of the table has gradient "
        "zero.",
    ),
    pitfalls=(
        "An id that comes several times gets the sum of its upstream rows: dE[ids] += dY keeps the last one only, "
        "np.add.at(dE, ids, dY) adds them all.",
        "Rows of ids that do not come have gradient zero; an optimiser with momentum or weight decay moves them "
        "anyway.",
        "Looking a row up is a product with a one-hot matrix, of which the gradient is the transposed product.",
    ),
    references=("Bengio, Ducharme, Vincent and Jauvin, A neural probabilistic language model, JMLR 3, 2003",),
)


dropout = Entry(
    id="dropout",
    title="Dropout with a given mask",
    given="""
        X: n D         # inputs
        M: n D mask    # 1 where an entry is kept
        p: unit = 0.5  # probability of leaving an entry out
        dY: n D        # upstream gradient
    """,
    define="""
        Y = X*M/(1 - p)
        L = upstream(dY, Y)
    """,
    wanted=("dL/dX",),
    claim={"dL/dX": "dY*M/(1 - p)"},
    torch=lambda torch, X, M, p, dY: ((X * M).div(1 - p) * dY).sum(),
    conventions=(
        LAYOUT,
        UPSTREAM,
        "Inverted dropout, as in PyTorch: what is kept is divided by 1 − p in training, and evaluation does nothing.",
        "The mask is drawn in the forward pass; here it is given, since PyTorch cannot be told which one to draw.",
    ),
    pitfalls=(
        "The backward pass uses the mask of the forward pass; a fresh one gives the gradient of another function.",
        "Without the division by 1 − p the activations shrink in training, and evaluation has to make up for it.",
    ),
    references=(
        "Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, Dropout: a simple way to prevent neural networks "
        "from overfitting, JMLR 15, 2014",
    ),
)
