"""Scaled dot-product attention, alone, with a mask, and with several heads."""

from ..conventions import LAYOUT
from ..entry import Entry

VASWANI = "Vaswani et al., Attention is all you need, 2017"
UPSTREAM = "L is any scalar; only its gradient dO with respect to O is used."
SCALE = "The factor 1/√d stands in dQ and dK too, once each; dV has none."
SOFTMAX_TERM = (
    "dS subtracts Σ_q P_iq dP_iq, one number a row. It equals Σ_j dO_ij O_ij, which is what FlashAttention keeps."
)


attention = Entry(
    id="attention",
    title="Scaled dot-product attention",
    given="""
        Q: n d   # queries
        K: m d   # keys
        V: m v   # values
        dO: n v  # upstream gradient
    """,
    define="""
        S = Q @ K.T/sqrt(d)  # scores
        P = softmax(S)       # weights: each row sums to 1
        O = P @ V
        L = upstream(dO, O)
    """,
    wanted=("dL/dQ", "dL/dK", "dL/dV"),
    claim={"dL/dV": "P.T @ dO", "dL/dQ": "dS @ K/sqrt(d)", "dL/dK": "dS.T @ Q/sqrt(d)"},
    torch=lambda torch, Q, K, V, dO: (torch.nn.functional.scaled_dot_product_attention(Q, K, V) * dO).sum(),
    conventions=(LAYOUT, UPSTREAM, "Axes before the last two (batch, heads) are carried along."),
    pitfalls=(
        SCALE,
        SOFTMAX_TERM,
        "With d = 1 the factor 1/√d is 1, with one key P is 1 and dS is 0: such tests see neither.",
    ),
    references=(f"{VASWANI}, section 3.2.1", "Dao et al., FlashAttention, 2022, appendix B"),
    uses=("softmax-jacobian", "dense"),
)
