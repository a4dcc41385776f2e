"""Convolutions in one and two dimensions, with stride, padding, dilation and groups."""

from __future__ import annotations

from ..conventions import LAYOUT
from ..entry import Entry
from ..options import Kind
from .windows import (
    AXES,
    CORRELATION,
    DUMOULIN,
    GOODFELLOW,
    OUTSIDE,
    PER_AXIS,
    UPSTREAM,
    Pair,
    correlation,
    count,
    place,
    places,
)

PARAMETERS_1D: dict[str, Kind] = {"stride": 1, "padding": (0, 1, 2, 3), "dilation": 1, "groups": False}
PARAMETERS_2D: dict[str, Kind] = {**PER_AXIS, "groups": False}
CONVENTIONS = (
    LAYOUT,
    CORRELATION,
    OUTSIDE,
    UPSTREAM,
    "With groups=yes the channels stand in G groups, each with its own kernels; PyTorch joins both axes into one.",
)
PITFALLS = (
    "With a stride, rows at the end of the input may lie in no window: their gradient is zero, not missing.",
    "The gradient of the input adds up overlapping windows; assigning instead of adding keeps the last one only.",
    "The bias has one entry per output channel: its gradient sums over samples and places.",
)
REFERENCES = (GOODFELLOW, DUMOULIN)


def _given_1d(stride: int, padding: int, dilation: int, groups: bool) -> str:
    g = "G " if groups else ""
    return f"""
        X: n {g}C H  # inputs: samples, {"groups, " if groups else ""}channels, places
        K: {g}F C U  # kernels
        b: {g}F      # biases
        dY: n {g}F O # upstream gradient
        O = {count("H", "U", stride, dilation, padding)}  # windows
    """


def _define_1d(stride: int, padding: int, dilation: int, groups: bool) -> str:
    g = "g, " if groups else ""
    x = place("o", "u", stride, dilation, padding)
    return f"""
        Y[i, {g}f, o: O] = sum(K[{g}f, c, u]*X[i, {g}c, {x}] for c in C for u in U) + b[{g}f]
        L = upstream(dY, Y)
    """


def _claim_1d(stride: int, padding: int, dilation: int, groups: bool) -> dict[str, str]:
    g = "g, " if groups else ""
    x = place("o", "u", stride, dilation, padding)
    claims = {
        "dL/dK": f"{g}f, c, u: sum(dY[i, {g}f, o]*X[i, {g}c, {x}] for i in n for o in O)",
        "dL/db": f"{g}f: sum(dY[i, {g}f, o] for i in n for o in O)",
    }
    if stride == 1:
        back = correlation("h", "u", dilation, padding)
        claims["dL/dX"] = f"i, {g}c, h: sum(K[{g}f, c, u]*dY[i, {g}f, {back}] for f in F for u in U)"
    return claims


def _conv1d(torch, X, K, b, dY, stride=1, padding=0, dilation=1, groups=False):  # type: ignore[no-untyped-def]
    count = X.shape[1] if groups else 1
    if groups:
        X, K, b = X.flatten(1, 2), K.flatten(0, 1), b.flatten()
    Y = torch.nn.functional.conv1d(X, K, b, stride, padding, dilation, count)
    return (Y.reshape(dY.shape) * dY).sum()


conv1d = Entry(
    id="conv1d",
    title="Convolution in one dimension",
    parameters=PARAMETERS_1D,
    variants=(
        {"stride": 2, "padding": 1},
        {"stride": 3, "padding": 2, "dilation": 2, "groups": True},
        {"padding": 3},
    ),
    given=_given_1d,
    define=_define_1d,
    wanted=("dL/dX", "dL/dK", "dL/db"),
    claim=_claim_1d,
    torch=_conv1d,
    conventions=CONVENTIONS,
    pitfalls=PITFALLS,
    references=REFERENCES,
)


def _given_2d(stride: Pair, padding: Pair, dilation: Pair, groups: bool) -> str:
    g = "G " if groups else ""
    return f"""
        X: n {g}C H W   # inputs: samples, {"groups, " if groups else ""}channels, rows, columns
        K: {g}F C U V   # kernels
        b: {g}F         # biases
        dY: n {g}F O P  # upstream gradient
        O = {count("H", "U", stride[0], dilation[0], padding[0])}  # windows
        P = {count("W", "V", stride[1], dilation[1], padding[1])}
    """


def _define_2d(stride: Pair, padding: Pair, dilation: Pair, groups: bool) -> str:
    g = "g, " if groups else ""
    x, y = places(stride, padding, dilation)
    return f"""
        Y[i, {g}f, o: O, p: P] = sum(
            K[{g}f, c, u, v]*X[i, {g}c, {x}, {y}] for c in C for u in U for v in V) + b[{g}f]
        L = upstream(dY, Y)
    """


def _claim_2d(stride: Pair, padding: Pair, dilation: Pair, groups: bool) -> dict[str, str]:
    g = "g, " if groups else ""
    x, y = places(stride, padding, dilation)
    claims = {
        "dL/dK": f"{g}f, c, u, v: sum(dY[i, {g}f, o, p]*X[i, {g}c, {x}, {y}] for i in n for o in O for p in P)",
        "dL/db": f"{g}f: sum(dY[i, {g}f, o, p] for i in n for o in O for p in P)",
    }
    if stride == (1, 1):
        h, w = correlation("h", "u", dilation[0], padding[0]), correlation("w", "v", dilation[1], padding[1])
        sums = "for f in F for u in U for v in V"
        claims["dL/dX"] = f"i, {g}c, h, w: sum(K[{g}f, c, u, v]*dY[i, {g}f, {h}, {w}] {sums})"
    return claims


def _conv2d(torch, X, K, b, dY, stride=1, padding=0, dilation=1, groups=False):  # type: ignore[no-untyped-def]
    count = X.shape[1] if groups else 1
    if groups:
        X, K, b = X.flatten(1, 2), K.flatten(0, 1), b.flatten()
    Y = torch.nn.functional.conv2d(X, K, b, stride, padding, dilation, count)
    return (Y.reshape(dY.shape) * dY).sum()


conv2d = Entry(
    id="conv2d",
    title="Convolution in two dimensions",
    names=("cnn", "convolution"),
    parameters=PARAMETERS_2D,
    variants=(
        {"stride": 2, "padding": 1},
        {"stride": (1, 3), "padding": (3, 2), "dilation": (2, 1), "groups": True},
    ),
    given=_given_2d,
    define=_define_2d,
    wanted=("dL/dX", "dL/dK", "dL/db"),
    claim=_claim_2d,
    torch=_conv2d,
    conventions=(*CONVENTIONS, AXES),
    pitfalls=PITFALLS,
    references=REFERENCES,
    uses=("conv1d",),
    generalises=("conv1d",),
)
