"""Margins between the scores of several classes."""

from ..conventions import BATCH, LAYOUT, reduced
from ..entry import Entry
from .binary import HINGE, under


def _multi_define(p: int, weights: bool, reduction: str) -> str:
    power = "**2" if p == 2 else ""
    return f"""
        U[i, c] = margin - Z[i, y[i]] + Z[i, c]  # what is missing against class c
        L = sum({"w[y[i]]*" * weights}max(0, U[i, c]){power} for i in n for c in C if c != y[i])/C{under(reduction)}
    """


def _multi_claim(p: int, weights: bool, reduction: str) -> dict[str, str]:
    slope = "max(0, U[i, {0}])" if p == 2 else "indicator(U[i, {0}])"
    front = "2*" * (p == 2) + "w[y[i]]*" * weights
    all_classes = f"delta(c, y[i])*sum({slope.format('k')} for k in C)"
    return {"dL/dZ": f"i, c: {front}({slope.format('c')} - {all_classes})/C{under(reduction)}"}


def _multi(torch, Z, y, margin, w=None, p=1, reduction="mean"):  # type: ignore[no-untyped-def]
    options = {"p": p, "margin": float(margin), "weight": w, "reduction": reduction}
    return torch.nn.functional.multi_margin_loss(Z, y, **options)


multi_margin = Entry(
    id="multi-margin",
    title="Multi-class margin loss",
    parameters={"p": (1, 2), "weights": False, "reduction": ("mean", "sum")},
    variants=({"p": 2}, {"weights": True}, {"reduction": "sum"}, {"p": 2, "weights": True, "reduction": "sum"}),
    given=lambda p, weights, reduction: (
        f"""
        Z: n C                # scores
        y: n int<C            # labels
        margin: positive = 1  # lead that the right class shall have
        {"w: C positive       # class weights" if weights else ""}
    """
    ),
    define=_multi_define,
    wanted=("dL/dZ",),
    claim=_multi_claim,
    torch=_multi,
    conventions=(
        LAYOUT,
        BATCH,
        "L is the mean over the n samples of the sum over the wrong classes divided by C, as in PyTorch; with "
        "reduction=sum there is no 1/n. weights=yes does not change what is divided by.",
        "At the kink U = 0 the derivative is 0, as in PyTorch; with p=2 there is no kink.",
        "Labels count from 0.",
    ),
    pitfalls=(
        "The right class gets minus the sum of what the wrong ones get: each row of the gradient sums to 0. (The sum "
        "in the formula runs over all classes; that of the label itself, U = margin, cancels.)",
        "It divides by C although C − 1 classes are summed: with two classes it is half the hinge loss of the "
        "difference.",
    ),
    references=(
        "Crammer and Singer, On the algorithmic implementation of multiclass kernel-based vector machines, JMLR 2, "
        "2001",
        "Weston and Watkins, Multi-class support vector machines, 1998",
        HINGE,
    ),
    uses=("hinge",),
)


def _multilabel(torch, Z, T, reduction="mean"):  # type: ignore[no-untyped-def]
    """PyTorch takes the labels of each sample as a list that −1 ends."""
    C = T.shape[1]
    places = torch.arange(C, device=T.device).expand_as(T)
    order = torch.argsort(torch.where(T > 0, places, places + C), dim=1)
    listed = torch.where(torch.gather(T, 1, order) > 0, order, -1)
    return torch.nn.functional.multilabel_margin_loss(Z, listed, reduction=reduction)


multilabel_margin = Entry(
    id="multilabel-margin",
    title="Multi-label margin loss",
    parameters={"reduction": ("mean", "sum")},
    variants=({"reduction": "sum"},),
    given="""
        Z: n C       # scores
        T: n C mask  # 1: the sample has the label, 0: it has not
    """,
    define=lambda reduction: (
        f"""
        U[i, c, k] = 1 - Z[i, c] + Z[i, k]  # what is missing of label c against label k
        L = sum(T[i, c]*(1 - T[i, k])*max(0, U[i, c, k]) for i in n for c in C for k in C)/C{under(reduction)}
    """
    ),
    wanted=("dL/dZ",),
    claim=lambda reduction: {
        "dL/dZ": (
            "i, c: (1 - T[i, c])*sum(T[i, k]*indicator(U[i, k, c]) for k in C)"
            f"/C{under(reduction)} - T[i, c]*sum((1 - T[i, k])*indicator(U[i, c, k]) for k in C)/C{under(reduction)}"
        ),
    },
    torch=_multilabel,
    conventions=(
        LAYOUT,
        BATCH,
        reduced("the n samples of a sum divided by C"),
        "At the kink U = 0 the derivative is 0, as in PyTorch.",
    ),
    pitfalls=(
        "PyTorch takes lists of labels that −1 ends, not a mask: whatever stands behind the first −1 is ignored.",
        "A sample that has no label, or all of them, has no loss.",
    ),
    references=("Elisseeff and Weston, A kernel method for multi-labelled classification, NIPS 2001",),
    uses=("multi-margin",),
)
