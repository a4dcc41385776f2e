"""Kullback–Leibler divergence as a loss: the target distribution against predicted log-probabilities."""

from .. import in_jax
from ..conventions import BATCH, LAYOUT
from ..entry import Entry

DIVISORS = {"batchmean": "/n", "sum": "", "mean": "/(n*C)"}


def _define(log_target: bool, reduction: str) -> str:
    target = "P = softmax(V)\n" if log_target else ""
    return f"{target}L = sum(P[i, c]*(log(P[i, c]) - U[i, c]) for i in n for c in C){DIVISORS[reduction]}"


def _kl(torch, U, P=None, V=None, reduction="batchmean"):  # type: ignore[no-untyped-def]
    if V is not None:
        return torch.nn.functional.kl_div(U, V.log_softmax(1), log_target=True, reduction=reduction)
    return torch.nn.functional.kl_div(U, P, reduction=reduction)


kl_div = Entry(
    id="kl-div",
    title="KL divergence from predicted log-probabilities",
    names=("Kullback-Leibler divergence", "relative entropy"),
    parameters={"log_target": False, "reduction": ("batchmean", "sum", "mean")},
    variants=(
        {"reduction": "sum"},
        {"reduction": "mean"},
        {"log_target": True},
        {"log_target": True, "reduction": "mean"},
    ),
    given=lambda log_target, reduction: (
        f"U: n C  # predicted log-probabilities\n"
        f"{'V: n C  # logits of the target distributions' if log_target else 'P: n C rows  # target distributions'}"
    ),
    define=_define,
    wanted=("dL/dU",),
    claim=lambda log_target, reduction: {"dL/dU": f"-P{DIVISORS[reduction]}"},
    torch=_kl,
    jax=in_jax.kl_div,
    regimes={
        "typical": {"U": "log-probabilities 1"},
        "log-probabilities of scale 30": {"U": "log-probabilities 30"},
        "almost equal distributions": {"P": "rows", "U": "near-log P"},
    },
    conventions=(
        LAYOUT,
        BATCH,
        "L is the mean over the n samples of KL(P‖Q), where log Q = U: PyTorch's batchmean. reduction=mean, PyTorch's "
        "default, divides by n·C instead; 0·log 0 = 0.",
        "log_target=yes: the target is a softmax of logits V, and PyTorch is given its logarithm.",
    ),
    pitfalls=(
        "The prediction goes in as logarithms and the target as probabilities: log Q first, P second.",
        "PyTorch's default reduction=mean is not the mean divergence of the samples: it is C times smaller.",
        "In the logits, behind log-softmax, the gradient is (Q − P)/n: the same as that of the cross-entropy.",
    ),
    references=(
        "Kullback and Leibler, On information and sufficiency, Annals of Mathematical Statistics 22, 1951",
        "Hinton, Vinyals and Dean, Distilling the knowledge in a neural network, 2015, section 2",
    ),
    uses=("kl-ce", "log-softmax"),
)
