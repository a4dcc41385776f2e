"""Scaled dot-product attention, alone, with a mask, and with several heads."""

from ..conventions import LAYOUT
from ..entry import Entry

VASWANI = "Vaswani et al., Attention is all you need, 2017"
UPSTREAM = "L is any scalar; only its gradient dO with respect to O is used."
SCALE = "The factor 1/√d stands in dQ and dK too, once each; dV has none."
SOFTMAX_TERM = (
    "dS subtracts Σ_q P_iq dP_iq, one number a row. It equals Σ_j dO_ij O_ij, which is what FlashAttention keeps."
)


FULLY_MASKED = (
    "A row of the mask without a 1 has no value: its weights are 0/0, which is nan here; torch may return 0 instead. "
    "The other rows of O and dQ do not notice, but dK and dV, sums over all rows, become nan."
)


CAUSAL_MASK = "M[i: n, j: m] = indicator(j <= i)  # query i sees the keys up to its own position"


def masked_weights(scores: str, all_scores: str, keys: str, masked: bool = True) -> str:
    """The entry of the weights: a softmax of ``scores``; ``keys`` says what ``all_scores`` are added up over."""
    seen, all_seen = ("M[i, j]*", f"M[i, {keys.split()[0]}]*") if masked else ("", "")
    return f"{seen}exp({scores})/sum({all_seen}exp({all_scores}) for {keys})"


def _given(mask: str, scale: bool) -> str:
    lines = ("Q: n d   # queries", "K: m d   # keys", "V: m v   # values")
    masks = ("M: n m mask  # 1: query i sees key j",) if mask == "given" else ()
    scales = ("s: positive = 0.125  # scale",) if scale else ()
    return "\n".join((*lines, *masks, "dO: n v  # upstream gradient", *scales))


def _define(mask: str, scale: bool) -> str:
    weights = f"P[i, j] = {masked_weights('S[i, j]', 'S[i, k]', 'k in m')}"
    return f"""{CAUSAL_MASK if mask == "causal" else ""}
        S = {"s*(Q @ K.T)" if scale else "Q @ K.T/sqrt(d)"}  # scores
        {"P = softmax(S)" if mask == "none" else weights}  # weights: each row sums to 1
        O = P @ V
        L = upstream(dO, O)
    """


def _claim(mask: str, scale: bool) -> dict[str, str]:
    dQ, dK = ("s*(dS @ K)", "s*(dS.T @ Q)") if scale else ("dS @ K/sqrt(d)", "dS.T @ Q/sqrt(d)")
    return {"dL/dV": "P.T @ dO", "dL/dQ": dQ, "dL/dK": dK}


def _forward(torch, Q, K, V, dO, M=None, s=None, mask="none"):  # type: ignore[no-untyped-def]
    options = {"attn_mask": None if M is None else M.bool(), "is_causal": mask == "causal"}
    scale = None if s is None else float(s)
    return (torch.nn.functional.scaled_dot_product_attention(Q, K, V, **options, scale=scale) * dO).sum()


attention = Entry(
    id="attention",
    title="Scaled dot-product attention",
    names=("sdpa", "self-attention", "softmax attention"),
    parameters={"mask": ("none", "given", "causal"), "scale": False},
    variants=({"mask": "given"}, {"mask": "causal"}, {"scale": True}, {"mask": "given", "scale": True}),
    given=_given,
    define=_define,
    wanted=("dL/dQ", "dL/dK", "dL/dV"),
    claim=_claim,
    torch=_forward,
    conventions=(
        LAYOUT,
        UPSTREAM,
        "Axes before the last two (batch, heads) are carried along.",
        "mask=given: M is 1 where a query sees a key. mask=causal: query i sees the keys 0 … i, also where there are "
        "more keys than queries, or fewer; this is is_causal of PyTorch.",
        "scale=yes: the scores are s Q Kᵀ with a given s in place of 1/√d.",
    ),
    pitfalls=(
        SCALE,
        SOFTMAX_TERM,
        "With d = 1 the factor 1/√d is 1, with one key P is 1 and dS is 0: such tests see neither.",
        "A mask belongs into the softmax. Multiplied onto P afterwards it leaves rows that no longer sum to 1, and "
        "a score of −10⁹ in place of −∞ lets masked keys in where all other scores are as low.",
        FULLY_MASKED,
    ),
    references=(f"{VASWANI}, section 3.2.1", "Dao et al., FlashAttention, 2022, appendix B"),
    uses=("softmax-jacobian", "dense"),
)
