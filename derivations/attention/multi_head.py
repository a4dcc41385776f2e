"""Multi-head self-attention and the Transformer block."""

from ..conventions import LAYOUT, UPSTREAM
from ..entry import Entry
from .attention import CAUSAL_MASK, VASWANI, masked_weights

HEADS = "The heads are the leading axis of the weights: Wq[a] is the slice of head a of a stacked E×E matrix."

CAUSAL = "causal=yes: position i sees the positions 0 … i, in every head."


def _attend(torch, X, Wq, Wk, Wv, Wo, causal=False):  # type: ignore[no-untyped-def]
    heads = lambda W: torch.einsum("ik,ake->aie", X, W)  # noqa: E731
    O = torch.nn.functional.scaled_dot_product_attention(heads(Wq), heads(Wk), heads(Wv), is_causal=causal)
    return torch.einsum("aie,aek->ik", O, Wo)


GIVEN = """
        Wq: h E d  # query weights of each head
        Wk: h E d  # key weights
        Wv: h E v  # value weights
        Wo: h v E  # output weights"""


def _heads(X: str, Y: str, causal: bool = False) -> str:
    """The definitions of attention from the array X to the array Y."""
    weights = masked_weights("S[a, i, j]", "S[a, i, l]", "l in n", masked=causal)
    return f"""{CAUSAL_MASK.replace("m]", "n]") if causal else ""}
        Q[a, i, e] = sum({X}[i, k]*Wq[a, k, e] for k in E)            # queries
        K[a, i, e] = sum({X}[i, k]*Wk[a, k, e] for k in E)            # keys
        V[a, i, e] = sum({X}[i, k]*Wv[a, k, e] for k in E)            # values
        S[a, i, j] = sum(Q[a, i, e]*K[a, j, e] for e in d)/sqrt(d)    # scores
        P[a, i, j] = {weights}  # weights
        O[a, i, e] = sum(P[a, i, j]*V[a, j, e] for j in n)            # outputs of the heads
        {Y}[i, k] = sum(O[a, i, e]*Wo[a, e, k] for a in h for e in v)"""


multi_head_attention = Entry(
    id="multi-head-attention",
    title="Multi-head self-attention",
    parameters={"causal": False},
    variants=({"causal": True},),
    given=f"""
        X: n E     # inputs at n positions{GIVEN}
        dY: n E    # upstream gradient
    """,
    define=lambda causal: (
        f"""{_heads("X", "Y", causal)}
        L = upstream(dY, Y)
    """
    ),
    wanted=("dL/dX", "dL/dWq", "dL/dWk", "dL/dWv", "dL/dWo"),
    claim={
        "dL/dWo": "a, e, k: sum(O[a, i, e]*dY[i, k] for i in n)",
        "dL/dWq": "a, k, e: sum(X[i, k]*dQ[a, i, e] for i in n)",
    },
    torch=lambda torch, X, Wq, Wk, Wv, Wo, dY, causal=False: (_attend(torch, X, Wq, Wk, Wv, Wo, causal) * dY).sum(),
    conventions=(LAYOUT, UPSTREAM, HEADS, "No biases; d is the width of one head.", CAUSAL),
    pitfalls=(
        "X is read three times, so dX has three terms; forgetting one is invisible in the gradients of the weights.",
        "The scale is 1/√d with the width d of one head, not with the model's width E.",
    ),
    references=(f"{VASWANI}, section 3.2.2",),
    uses=("attention", "dense"),
    generalises=("attention",),
)


def _block(torch, X, Wq, Wk, Wv, Wo, g1, b1, g2, b2, W1, c1, W2, c2, dY, eps):  # type: ignore[no-untyped-def]
    F = torch.nn.functional
    norm = lambda x, g, b: F.layer_norm(x, x.shape[1:], g, b, float(eps))  # noqa: E731
    X = X + _attend(torch, norm(X, g1, b1), Wq, Wk, Wv, Wo)
    return ((X + F.gelu(norm(X, g2, b2) @ W1 + c1) @ W2 + c2) * dY).sum()


transformer_block = Entry(
    id="transformer-block",
    title="Transformer block, with the normalisation first",
    given=f"""
        X: n E     # inputs at n positions
        g1: E      # gain of the first normalisation
        b1: E      # its bias{GIVEN}
        g2: E      # gain of the second normalisation
        b2: E      # its bias
        W1: E M    # weights into the hidden layer
        c1: M      # its bias
        W2: M E    # weights out of it
        c2: E      # its bias
        dY: n E    # upstream gradient
        eps: positive = 1e-5
    """,
    define=f"""
        m1 = mean(X, axis=1)
        v1[i] = sum((X[i, k] - m1[i])**2 for k in E)/E
        r1[i] = 1/sqrt(v1[i] + eps)
        H1[i, k] = (X[i, k] - m1[i])*r1[i]
        N1[i, k] = g1[k]*H1[i, k] + b1[k]                             # first normalisation{_heads("N1", "A")}
        B = X + A                                                     # first residual
        m2 = mean(B, axis=1)
        v2[i] = sum((B[i, k] - m2[i])**2 for k in E)/E
        r2[i] = 1/sqrt(v2[i] + eps)
        H2[i, k] = (B[i, k] - m2[i])*r2[i]
        N2[i, k] = g2[k]*H2[i, k] + b2[k]                             # second normalisation
        Z = N2 @ W1 + c1
        G = Z*(1 + erf(Z/sqrt(2)))/2                                  # gelu
        Y = B + G @ W2 + c2                                           # second residual
        L = upstream(dY, Y)
    """,
    wanted=tuple(f"dL/d{x}" for x in ("X", "g1", "b1", "Wq", "Wk", "Wv", "Wo", "g2", "b2", "W1", "c1", "W2", "c2")),
    torch=_block,
    conventions=(LAYOUT, UPSTREAM, HEADS),
    pitfalls=(
        "Each residual adds its upstream gradient once more: dB = dY + the way through the second normalisation.",
        "The original Transformer normalises after each residual; its gradients are others.",
    ),
    references=(
        f"{VASWANI}, section 3.1",
        "Xiong et al., On layer normalization in the Transformer architecture, 2020, section 3",
    ),
    uses=("multi-head-attention", "layernorm", "gelu", "residual"),
)
