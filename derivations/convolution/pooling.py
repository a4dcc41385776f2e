"""Pooling over windows, and its opposite: upsampling."""

from __future__ import annotations

from ..conventions import LAYOUT
from ..entry import Entry
from .windows import GOODFELLOW, OUTSIDE, UPSTREAM, count, place


def _axes(height: int, width: int, stride: int, padding: int = 0) -> str:
    return f"""
        X: n C H W   # inputs: samples, channels, rows, columns
        dY: n C O P  # upstream gradient
        O = {count("H", str(height), stride, 1, padding)}  # windows
        P = {count("W", str(width), stride, 1, padding)}
    """


def _average_define(height: int, width: int, stride: int, padding: int) -> str:
    x, y = place("o", "u", stride, 1, padding), place("p", "v", stride, 1, padding)
    return f"""
        Y[i, c, o: O, p: P] = sum(X[i, c, {x}, {y}] for u in {height} for v in {width})/{height * width}
        L = upstream(dY, Y)
    """


def _average(torch, X, dY, height=2, width=2, stride=2, padding=0):  # type: ignore[no-untyped-def]
    return (torch.nn.functional.avg_pool2d(X, (height, width), stride, padding) * dY).sum()


avg_pool2d = Entry(
    id="avg-pool2d",
    title="Average pooling",
    parameters={"height": 2, "width": 2, "stride": 2, "padding": (0, 1)},
    variants=({"height": 3, "width": 2, "stride": 1, "padding": 1}, {"stride": 3}),
    given=_axes,
    define=_average_define,
    wanted=("dL/dX",),
    torch=_average,
    conventions=(
        LAYOUT,
        OUTSIDE,
        UPSTREAM,
        "The padding counts: the divisor is the size of the window also at the border, as PyTorch's default.",
    ),
    pitfalls=(
        "Every input gets the upstream gradient divided by the size of the window, once for each window that holds it.",
        "Where the stride does not divide, rows at the end lie in no window and get no gradient.",
    ),
    references=(GOODFELLOW + ".3",),
)


def _entries(height: int, width: int, stride: int) -> list[str]:
    """The entries of a window, row by row."""

    places = ((place("o", str(u), stride), place("p", str(v), stride)) for u in range(height) for v in range(width))
    return [f"X[i, c, {row}, {column}]" for row, column in places]


def _largest_define(height: int, width: int, stride: int) -> str:
    first, *others = _entries(height, width, stride)
    lines, before = [], first
    for k, entry in enumerate(others, 1):
        last = k == len(others)
        name = "Y" if last else f"M{k}"
        lines.append(f"{name}[i, c, o: O, p: P] = where({entry} > {before}, {entry}, {before})")
        before = f"{name}[i, c, o, p]"
    return "\n".join([*lines, "L = upstream(dY, Y)"])


def _largest(torch, X, dY, height=2, width=2, stride=2):  # type: ignore[no-untyped-def]
    return (torch.nn.functional.max_pool2d(X, (height, width), stride) * dY).sum()


max_pool2d = Entry(
    id="max-pool2d",
    title="Maximum pooling",
    parameters={"height": (2, 1, 3), "width": (2, 3), "stride": 2},
    variants=({"height": 1, "width": 3, "stride": 1},),
    given=_axes,
    define=_largest_define,
    wanted=("dL/dX",),
    torch=_largest,
    conventions=(
        LAYOUT,
        UPSTREAM,
        "The window is read row by row; M1, M2, … are the largest so far. Among equal entries the first one is taken "
        "and gets the whole gradient, as in PyTorch; any split of it among them would be a subgradient.",
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
