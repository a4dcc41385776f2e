"""Rotary position embedding."""

from ..conventions import LAYOUT
from ..entry import Entry


def _forward(torch, X, p, w, dY):  # type: ignore[no-untyped-def]
    turn = torch.polar(torch.ones(len(p), len(w), dtype=X.dtype, device=X.device), p[:, None] * w)
    return (torch.view_as_real(torch.view_as_complex(X.contiguous()) * turn) * dY).sum()


rope = Entry(
    id="rope",
    title="Rotary position embedding",
    names=("rotary",),
    given="""
        X: n K 2   # queries or keys: K pairs at each position
        p: n       # positions
        w: K       # angular frequencies
        dY: n K 2  # upstream gradient
    """,
    define="""
        A[i, k] = p[i]*w[k]  # angles
        Y[i, k, s: 2] = (delta(s, 0)*(X[i, k, 0]*cos(A[i, k]) - X[i, k, 1]*sin(A[i, k]))
            + delta(s, 1)*(X[i, k, 0]*sin(A[i, k]) + X[i, k, 1]*cos(A[i, k])))
        L = upstream(dY, Y)
    """,
    wanted=("dL/dX",),
    claim={
        "dL/dX": """i, k, s: delta(s, 0)*(dY[i, k, 0]*cos(A[i, k]) + dY[i, k, 1]*sin(A[i, k]))
            + delta(s, 1)*(dY[i, k, 1]*cos(A[i, k]) - dY[i, k, 0]*sin(A[i, k]))"""
    },
    torch=_forward,
    conventions=(LAYOUT, "Pairs are neighbours (2k, 2k + 1), as in the paper; s is the place in a pair."),
    pitfalls=(
        "The backward is the rotation by the opposite angle: running the forward again doubles the angle.",
        "Llama's code pairs the entries k and k + K instead: weights of one layout are wrong in the other.",
    ),
    references=("Su et al., RoFormer: enhanced transformer with rotary position embedding, 2021, section 3.2.2",),
    uses=("attention",),
)
