"""Cross-entropy of softmax outputs with target distributions."""

from .. import in_jax
from ..conventions import BATCH, LAYOUT
from ..entry import Entry, Statement
from ..regimes import logits

MEAN = "L is the mean over the n samples, as PyTorch's default; for the sum leave out 1/n, in the gradient too."
STABLE = "log P is computed from the logits (log-sum-exp), never as the logarithm of a rounded P."
BISHOP = "Bishop, Pattern Recognition and Machine Learning, 2006, section 4.3"

softmax_ce = Entry(
    id="softmax-ce",
    title="Softmax cross-entropy",
    names=("cross-entropy", "categorical cross-entropy"),
    given="""
        Z: n C       # logits
        Y: n C rows  # target distributions
    """,
    define="""
        P[i, c] = exp(Z[i, c]) / sum(exp(Z[i, k]) for k in C)
        L = -sum(Y[i, c]*log(P[i, c]) for i in n for c in C)/n
    """,
    wanted=("dL/dZ",),
    claim={"dL/dZ": "(P - Y)/n"},
    torch=lambda torch, Z, Y: torch.nn.functional.cross_entropy(Z, Y),
    jax=in_jax.softmax_ce,
    regimes={**logits("Z"), "one-hot, scale 30": {"Z": "normal 30", "Y": "one-hot"}},
    conventions=(LAYOUT, BATCH, MEAN, STABLE),
    pitfalls=(
        "Where the rows of Y do not sum to 1 (class weights, masked rows), the gradient is (P·Σ_c Y − Y)/n, "
        "not (P − Y)/n.",
        "Mean against sum: forgetting 1/n scales the gradient, and so the learning rate, by the batch size.",
        "PyTorch's cross_entropy takes logits: giving it probabilities applies softmax twice, without any error.",
    ),
    references=(
        "Goodfellow, Bengio and Courville, Deep Learning, 2016, sections 6.2.2.3 and 6.5",
        f"{BISHOP}.4, eq. 4.109",
    ),
    uses=("softmax-jacobian",),
    generalises=("softmax-ce-labels",),
)

softmax_ce_hessian = Entry(
    id="softmax-ce-hessian",
    title="Hessian of softmax cross-entropy in the logits of one sample",
    given="""
        z: C       # logits
        y: C rows  # target distribution
        v: C       # any direction
    """,
    define="""
        p[c] = exp(z[c]) / sum(exp(z[k]) for k in C)
        L = -sum(y[c]*log(p[c]) for c in C)
    """,
    wanted=("dL/dz", "d2L/dz2"),
    claim={"dL/dz": "p - y", "d2L/dz2": "diag(p) - outer(p, p)"},
    proof=(
        Statement(
            "sum(v[i]*partial(partial(L, z[i]), z[j])*v[j] for i in C for j in C)"
            " = sum(p[i]*(v[i] - sum(p[j]*v[j] for j in C))**2 for i in C) >= 0",
            by=("variance of v under p", "squares, p > 0"),
            title="The Hessian is positive semidefinite: L is convex in the logits",
        ),
    ),
    torch=lambda torch, z, y, v: torch.nn.functional.cross_entropy(z, y),
    conventions=(LAYOUT, "The Hessian has the axes of z twice; it is symmetric.", STABLE),
    pitfalls=(
        "It does not depend on the targets, and it is the covariance of the one-hot outcome, so it is positive "
        "semidefinite.",
        "It is singular (its rows sum to 0): Newton's method needs damping or one logit fixed.",
    ),
    references=("Böhning, Multinomial logistic regression algorithm, 1992", f"{BISHOP}.4, eq. 4.110"),
    uses=("softmax-ce", "softmax-jacobian"),
)
