"""Texts that convolutions and pooling share: where a window stands, and how many windows there are."""

from __future__ import annotations

from typing import TypeAlias

from ..options import Kind, PerAxis

#: What a user sets for each of two axes: rows, then columns.
Pair: TypeAlias = tuple[int, int]
PER_AXIS: dict[str, Kind] = {"stride": PerAxis(), "padding": PerAxis(0, 0, 3), "dilation": PerAxis()}
AXES = "stride=2,1 sets rows and columns apart, stride=2 both alike; so for every option that belongs to an axis."

UPSTREAM = "L is any scalar; only its gradient dY with respect to Y is used."
OUTSIDE = "An index outside its axis reads zero: that is the padding, and no term of a sum needs a condition."
CORRELATION = "As in PyTorch the kernel is not flipped: mathematicians call this cross-correlation."
DUMOULIN = "Dumoulin and Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285, 2016"
GOODFELLOW = "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 9"


def place(output: str, window: str, stride: int = 1, dilation: int = 1, padding: int = 0) -> str:
    """Where offset ``window`` of window ``output`` reads: ``2*o + u - 1``."""
    first = output if stride == 1 else f"{stride}*{output}"
    second = window if dilation == 1 else f"{dilation}*{window}"
    return f"{first} + {second}" + (f" - {padding}" if padding else "")


def places(stride: Pair, padding: Pair, dilation: Pair = (1, 1)) -> tuple[str, str]:
    """Where offset (u, v) of window (o, p) reads: the row and the column."""
    rows, columns = zip(stride, dilation, padding, strict=True)
    return place("o", "u", *rows), place("p", "v", *columns)


def count(size: str, window: str, stride: int = 1, dilation: int = 1, padding: int = 0) -> str:
    """How many windows fit into an axis, as PyTorch counts them: ``(H - U + 2)//2 + 1``."""
    known = window.isdecimal()
    covered = "" if known else f" - {window}" if dilation == 1 else f" - {dilation}*({window} - 1)"
    more = 2 * padding - (dilation > 1) - (int(window) if known else 0)
    if stride == 1:
        more += 1
    extra = f" + {more}" if more > 0 else f" - {-more}" if more else ""
    return f"{size}{covered}{extra}" if stride == 1 else f"({size}{covered}{extra})//{stride} + 1"


def correlation(output: str, window: str, dilation: int = 1, padding: int = 0) -> str:
    """Where the gradient of an input is read from at stride 1: ``h - u + 1``."""
    second = window if dilation == 1 else f"{dilation}*{window}"
    return f"{output} - {second}" + (f" + {padding}" if padding else "")
