"""The softmax of one vector of logits, and its logarithm."""

from .. import in_jax
from ..conventions import JACOBIAN, LAYOUT
from ..entry import Entry
from ..regimes import logits

SHIFT = (
    "Computed with exp(z − max z): softmax stays the same when all logits move by one amount, and nothing overflows."
)

softmax_jacobian = Entry(
    id="softmax-jacobian",
    title="Jacobian of softmax",
    given="z: C  # logits",
    define="p[c] = exp(z[c]) / sum(exp(z[k]) for k in C)",
    wanted=("dp/dz",),
    claim={"dp/dz": "diag(p) - outer(p, p)"},
    torch=lambda torch, z: torch.softmax(z, 0),
    conventions=(JACOBIAN, SHIFT),
    pitfalls=(
        "The Jacobian is a full matrix: p*(1 - p) is only its diagonal.",
        "Its rows sum to 0, so it has no inverse. A product with it costs O(C): p*(v - p·v), without the matrix.",
    ),
    references=(
        "Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990",
        "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.2.2.3",
    ),
)


def _log_softmax(torch, z, dy):  # type: ignore[no-untyped-def]
    y = torch.nn.functional.log_softmax(z, 0)
    return {"y": y, "L": (y * dy).sum()}


log_softmax = Entry(
    id="log-softmax",
    title="Log-softmax, its Jacobian and its gradient",
    given="""
        z: C   # logits
        dy: C  # upstream gradient
    """,
    define="""
        p[c] = exp(z[c]) / sum(exp(z[k]) for k in C)
        y[c] = log(p[c])
        L = upstream(dy, y)
    """,
    wanted=("dy/dz", "dL/dz"),
    claim={"dy/dz": "c, b: delta(c, b) - p[b]", "dL/dz": "dy - p*sum(dy)"},
    torch=_log_softmax,
    jax=in_jax.log_softmax,
    regimes=logits("z"),
    conventions=(
        JACOBIAN.replace("dp/dz", "dy/dz"),
        LAYOUT,
        SHIFT,
        "L is any scalar; only its gradient dy with respect to y is used.",
    ),
    pitfalls=(
        "log(softmax(z)) in two steps is −∞ where p underflows; z − max z − log Σ exp(z − max z) is not.",
        "The Jacobian is not symmetric: the columns carry p, so a transposed use of it is a real error.",
    ),
    references=("Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.2.2.3, eq. 6.30",),
    uses=("softmax-jacobian",),
)
