"""The inequality behind every cross-entropy."""

from ..entry import Entry, Statement

gibbs = Entry(
    id="gibbs",
    title="Gibbs' inequality: the KL divergence is never negative",
    kind="inequality",
    given="""
        P: C positive rows  # one distribution
        Q: C positive rows  # another distribution
        x: positive         # any positive number
    """,
    define="D = sum(P[c]*log(P[c]/Q[c]) for c in C)  # KL(P‖Q)",
    proof=(
        Statement(
            "log(x) <= x - 1", title="The logarithm lies below its tangent at 1", least_at=("x", "1"), slope="1/x"
        ),
        Statement("D >= 0", by="rows sum to 1", certificate="sum(P[c]*log_gap(Q[c]/P[c]) for c in C)"),
    ),
    conventions=(
        "Natural logarithms: nats. P and Q are positive; with 0·log 0 = 0 the inequality extends to zeros of P.",
        "Equality needs log u = u − 1 at every u = Q_c/P_c, so Q = P.",
    ),
    pitfalls=("Estimated from samples of P, the sum can come out negative, although D is not.",),
    references=("Cover and Thomas, Elements of Information Theory, 2006, theorem 2.6.3",),
    uses=("kl-ce",),
)
