"""Kullback–Leibler divergence and cross-entropy."""

from ..conventions import LAYOUT
from ..entry import Entry


def _forward(torch, P, Q):  # type: ignore[no-untyped-def]
    return {"D": torch.nn.functional.kl_div(Q.log(), P, reduction="sum"), "H": -(P * Q.log()).sum()}


kl_ce = Entry(
    id="kl-ce",
    title="KL divergence is cross-entropy minus entropy",
    given="""
        P: C positive rows  # true distribution
        Q: C positive rows  # model distribution
    """,
    define="""
        D = sum(P[c]*log(P[c]/Q[c]) for c in C)  # KL(P‖Q)
        H = -sum(P[c]*log(Q[c]) for c in C)      # cross-entropy H(P, Q)
        S = -sum(P[c]*log(P[c]) for c in C)      # entropy H(P)
    """,
    wanted=("D = H - S", "dD/dQ", "dH/dQ", "dD/dQ = dH/dQ"),
    claim={"dD/dQ": "-P/Q", "dH/dQ": "-P/Q"},
    torch=_forward,
    kind="identity",
    conventions=(
        LAYOUT,
        "Natural logarithms: nats. The entries of Q are varied freely, not along the simplex.",
        "P and Q are positive here; with 0·log 0 = 0 the identity extends to zeros of P.",
    ),
    pitfalls=(
        "The divergence is not symmetric: KL(Q‖P) has another gradient in Q, log(Q/P) + 1.",
        "torch.nn.functional.kl_div takes log Q first and P second, and by default divides by the number of entries, "
        "not of samples.",
        "Equal gradients, different values: a cross-entropy of 0.3 may be the optimum, a divergence of 0.3 is not.",
    ),
    references=(
        "Kullback and Leibler, On information and sufficiency, Annals of Mathematical Statistics 22, 1951",
        "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 3.13, eq. 3.50 and 3.51",
    ),
)
