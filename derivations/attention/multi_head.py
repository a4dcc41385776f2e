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
    names=("mha",),
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


def _block(torch, X, Wq, Wk, Wv, Wo, g1, b1, g2, b2, W1, c1, W2, c2, dY, eps, norm="first"):  # type: ignore[no-untyped-def]
    F = torch.nn.functional
    first = lambda x: F.layer_norm(x, x.shape[1:], g1, b1, float(eps))  # noqa: E731
    second = lambda x: F.layer_norm(x, x.shape[1:], g2, b2, float(eps))  # noqa: E731
    dense = lambda x: F.gelu(x @ W1 + c1) @ W2 + c2  # noqa: E731
    if norm == "last":
        X = first(X + _attend(torch, X, Wq, Wk, Wv, Wo))
        return (second(X + dense(X)) * dY).sum()
    X = X + _attend(torch, first(X), Wq, Wk, Wv, Wo)
    return ((X + dense(second(X))) * dY).sum()


def _normalised(X: str, Y: str, k: int) -> str:
    """The definitions of layer normalisation number k from the array X to the array Y."""
    ordinal = ("first", "second")[k - 1]
    return f"""
        m{k} = mean({X}, axis=1)
        v{k}[i] = sum(({X}[i, k] - m{k}[i])**2 for k in E)/E
        r{k}[i] = 1/sqrt(v{k}[i] + eps)
        H{k}[i, k] = ({X}[i, k] - m{k}[i])*r{k}[i]
        {Y}[i, k] = g{k}[k]*H{k}[i, k] + b{k}[k]                             # {ordinal} normalisation"""


def _block_define(norm: str) -> str:
    first, last = norm == "first", norm == "last"
    return f"""{_normalised("X", "N1", 1) if first else ""}{_heads("N1" if first else "X", "A")}
        B = X + A                                                     # first residual{
        _normalised("B", "N2" if first else "N1", 2 if first else 1)
    }
        Z = {"N2" if first else "N1"} @ W1 + c1
        G = Z*(1 + erf(Z/sqrt(2)))/2                                  # gelu
        {"Y = B" if first else "D = N1"} + G @ W2 + c2                # second residual{
        _normalised("D", "Y", 2) if last else ""
    }
        L = upstream(dY, Y)
    """


transformer_block = Entry(
    id="transformer-block",
    title="Transformer block",
    names=("encoder layer",),
    parameters={"norm": ("first", "last")},
    variants=({"norm": "last"},),
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
    define=_block_define,
    wanted=tuple(f"dL/d{x}" for x in ("X", "g1", "b1", "Wq", "Wk", "Wv", "Wo", "g2", "b2", "W1", "c1", "W2", "c2")),
    torch=_block,
    conventions=(
        LAYOUT,
        UPSTREAM,
        HEADS,
        "norm=first normalises before attention and before the network, as norm_first=True of PyTorch; norm=last after "
        "each residual, as the original Transformer and PyTorch's default.",
    ),
    pitfalls=(
        "Each residual adds its upstream gradient once more. With norm=first dB = dY + the way through the second "
        "normalisation; with norm=last no way around a normalisation is left.",
    ),
    references=(
        f"{VASWANI}, section 3.1",
        "Xiong et al., On layer normalization in the Transformer architecture, 2020, section 3",
    ),
    uses=("multi-head-attention", "layernorm", "gelu", "residual"),
)
