"""Pooling over windows, and its opposite: upsampling."""

from __future__ import annotations

import re

from ..conventions import LAYOUT
from ..entry import Entry
from ..options import ParameterError, PerAxis
from .windows import AXES, GOODFELLOW, OUTSIDE, UPSTREAM, Pair, count, place, places

FLOOR = (
    "Windows that would reach beyond the padding at the end are left out: ceil_mode=True of PyTorch has no form here."
)


def _half(height: int, width: int, padding: Pair) -> None:
    if 2 * padding[0] > height or 2 * padding[1] > width:
        shown = f"height={height}, width={width}, padding={padding[0]},{padding[1]}"
        raise ParameterError(f"{shown}: the padding is at most half the window, else a window could lie outside")


def _axes(height: int, width: int, stride: Pair, padding: Pair) -> str:
    return f"""
        X: n C H W   # inputs: samples, channels, rows, columns
        dY: n C O P  # upstream gradient
        O = {count("H", str(height), stride[0], 1, padding[0])}  # windows
        P = {count("W", str(width), stride[1], 1, padding[1])}
    """


def _average_given(height: int, width: int, stride: Pair, padding: Pair, divisor: str) -> str:
    _half(height, width, padding)
    return _axes(height, width, stride, padding) + ("s: positive = 3  # divisor" if divisor == "given" else "")


def _average_define(height: int, width: int, stride: Pair, padding: Pair, divisor: str) -> str:
    x, y = places(stride, padding)
    loops = f"for u in {height} for v in {width}"
    inside = f"N[o: O, p: P] = sum(delta({x}, h)*delta({y}, w) {loops} for h in H for w in W)  # entries inside"
    under = {"window": f"{height * width}", "inside": "N[o, p]", "given": "s"}[divisor]
    return f"""{inside if divisor == "inside" else ""}
        Y[i, c, o: O, p: P] = sum(X[i, c, {x}, {y}] {loops})/{under}
        L = upstream(dY, Y)
    """


def _average(torch, X, dY, s=None, height=2, width=2, stride=2, padding=0, divisor="window"):  # type: ignore[no-untyped-def]
    options = {"count_include_pad": divisor == "window"}
    if s is not None:  # PyTorch takes whole numbers only
        return (torch.nn.functional.avg_pool2d(X, (height, width), stride, padding, divisor_override=1) * dY).sum() / s
    return (torch.nn.functional.avg_pool2d(X, (height, width), stride, padding, **options) * dY).sum()


avg_pool2d = Entry(
    id="avg-pool2d",
    title="Average pooling",
    parameters={
        **{"height": 2, "width": 2, "stride": PerAxis(2), "padding": PerAxis(0, 0, 1)},
        "divisor": ("window", "inside", "given"),
    },
    variants=(
        {"height": 3, "width": 2, "stride": 1, "padding": 1},
        {"height": 1, "stride": (3, 1)},
        {"width": 1},
        {"height": 3, "width": 3, "stride": (2, 1), "padding": (1, 0), "divisor": "inside"},
        {"padding": (0, 1), "divisor": "given"},
    ),
    given=_average_given,
    define=_average_define,
    wanted=("dL/dX",),
    torch=_average,
    conventions=(
        LAYOUT,
        OUTSIDE,
        UPSTREAM,
        "divisor=window divides by the size of the window also at the border, as PyTorch's default; divisor=inside by "
        "the number of entries that are no padding (count_include_pad=False), divisor=given by s (divisor_override).",
        AXES,
        FLOOR,
    ),
    pitfalls=(
        "Every input gets the upstream gradient divided by the size of the window, once for each window that holds it.",
        "Where the stride does not divide, rows at the end lie in no window and get no gradient.",
    ),
    references=(GOODFELLOW + ".3",),
)


def _largest_given(height: int, width: int, stride: Pair, padding: Pair, dilation: Pair) -> str:
    for shift, step in zip(padding, dilation, strict=True):
        if shift and step > 1:
            raise ParameterError("padding and dilation along one axis: a window could lie in the padding alone")
    reach = (dilation[0] * (height - 1) + 1, dilation[1] * (width - 1) + 1)
    _half(height, width, padding)
    return _axes(*reach, stride, padding)


def _largest_along(axis: str, window: int, stride: int, padding: int, dilation: int) -> list[str]:
    """Definitions of the largest entry so far of a window along one axis, the columns of X or the rows of T."""
    output, size, inside, name = ("p", "W", "J", "T") if axis == "columns" else ("o", "H", "I", "Y")
    bounds, entry = ("h: H, p: P", "X[i, c, h, {}]") if name == "T" else ("o: O, p: P", "T[i, c, {}, p]")
    last, at = name, re.sub(r": \w", "", bounds)
    entries = [entry.format(place(output, str(dilation * k), stride, 1, padding)) for k in range(window)]
    if window == 1:
        return [f"{last}[i, c, {bounds}] = {entries[0]}"]
    # Entry k surely lies inside where neither the padding before the axis reaches it nor the one behind.
    outside = [k for k in range(window) if min(k, window - 1 - k) * dilation < padding]
    lines = [
        f"{inside}{k}[{output}: {output.upper()}] = "
        f"sum(delta({place(output, str(dilation * k), stride, 1, padding)}, q) for q in {size})"
        for k in outside
    ]
    before = entries[0]
    for k in range(1, window):
        chosen = f"where({entries[k]} > {before}, {entries[k]}, {before})"
        if k - 1 in outside:  # with the one before all earlier ones are outside
            first = f"{inside}{k - 1}[{output}]"
            chosen = f"{first}*{chosen} + (1 - {first})*{entries[k]}"
        if k in outside:
            here = f"{inside}{k}[{output}]"
            chosen = f"{here}*({chosen}) + (1 - {here})*{before}"
        found = last if k == window - 1 else f"{'NM'[name == 'Y']}{k}"
        lines.append(f"{found}[i, c, {bounds}] = {chosen}")
        before = f"{found}[i, c, {at}]"
    return lines


def _largest_define(height: int, width: int, stride: Pair, padding: Pair, dilation: Pair) -> str:
    columns = _largest_along("columns", width, stride[1], padding[1], dilation[1])
    rows = _largest_along("rows", height, stride[0], padding[0], dilation[0])
    return "\n".join([*columns, *rows, "L = upstream(dY, Y)"])


def _largest(torch, X, dY, height=2, width=2, stride=2, padding=0, dilation=1):  # type: ignore[no-untyped-def]
    return (torch.nn.functional.max_pool2d(X, (height, width), stride, padding, dilation) * dY).sum()


max_pool2d = Entry(
    id="max-pool2d",
    title="Maximum pooling",
    parameters={
        **{"height": (2, 1, 3), "width": (2, 1, 3), "stride": PerAxis(2)},
        **{"padding": PerAxis(0, 0, 1), "dilation": PerAxis()},
    },
    variants=(
        {"height": 1, "width": 3, "stride": 1},
        {"height": 3, "width": 1, "stride": (2, 1), "padding": (1, 0)},
        {"padding": (0, 1), "stride": (1, 2), "dilation": (2, 1)},
    ),
    given=_largest_given,
    define=_largest_define,
    wanted=("dL/dX",),
    torch=_largest,
    conventions=(
        LAYOUT,
        UPSTREAM,
        "T is the largest entry along the columns of a window, row by row of X; Y is the largest of these. N1, M1, … "
        "are the largest so far. Among equal entries the first one, row by row, is taken and gets the whole gradient, "
        "as in PyTorch; any split of it among them would be a subgradient.",
        "The padding counts as −∞: I and J are 1 where an entry of the window lies inside and 0 in the padding.",
        AXES,
        FLOOR,
    ),
    pitfalls=(
        "A mask X == Y gives every tied entry the whole gradient: too much, by the number of ties.",
        "With a stride smaller than the window an entry may be the largest of several windows: its gradients add up.",
        "After ReLU ties are the rule: whole windows are zero.",
        "Padding is −∞ here, not 0: a zero at the border would beat every negative entry.",
    ),
    references=(GOODFELLOW + ".3",),
)


def _upsample_given(factor: int) -> str:
    if factor == 1:
        raise ParameterError("factor=1: a whole number from 2 on is expected; once is no repetition")
    return f"""
        X: n C H W   # inputs: samples, channels, rows, columns
        dY: n C O P  # upstream gradient
        O = {factor}*H  # rows of the output
        P = {factor}*W
    """


def _upsample_define(factor: int) -> str:
    return f"""
        Y[i, c, o: O, p: P] = sum(
            delta(o, {factor}*h + u)*delta(p, {factor}*w + v)*X[i, c, h, w]
            for h in H for u in {factor} for w in W for v in {factor})
        L = upstream(dY, Y)
    """


def _upsample(torch, X, dY, factor=2):  # type: ignore[no-untyped-def]
    return (torch.nn.functional.interpolate(X, scale_factor=factor, mode="nearest") * dY).sum()


upsample_nearest = Entry(
    id="upsample-nearest",
    title="Upsampling by the nearest neighbour",
    parameters={"factor": 2},
    variants=({"factor": 3},),
    given=_upsample_given,
    define=_upsample_define,
    wanted=("dL/dX",),
    claim=lambda factor: {
        "dL/dX": f"i, c, h, w: sum(dY[i, c, {factor}*h + u, {factor}*w + v] for u in {factor} for v in {factor})"
    },
    torch=_upsample,
    conventions=(
        LAYOUT,
        UPSTREAM,
        "Y repeats every entry of X factor times in rows and in columns: Y[o, p] = X[o // factor, p // factor].",
    ),
    pitfalls=("The gradient sums over the copies; their mean would be the gradient of average pooling's opposite.",),
    references=(GOODFELLOW, "Odena, Dumoulin and Olah, Deconvolution and checkerboard artifacts, Distill, 2016"),
)
