"""Bounds in kernels: of absolute values, of clipped variables, of the arguments of exponentials.

An exponential whose argument stays where its value is a normal number needs no bounds of its own, and one power of
two; where it only decays, one bound does. log1p of a number from 0 to 1 needs no exponent. Where a variable is clipped
because an exponential vanishes there, the clip may come as early as the dtype lets the exponential vanish: formulas
state the bound of float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..scalars import Axis, Scalar, closure, rewritten
from .ranges import Ranges

#: Where exp is a normal number, by dtype.
NORMAL = {"float": (-87.0, 88.0), "double": (-708.0, 709.0)}
#: What is less in size is rounded to zero.
ZERO = {"float": 2.0**-151, "double": 0.0}
#: An exponential of no more decays; and one, with the slack of an interval.
DECAYING, UNIT = 40.0, 1.001
EXPONENTIALS = ("exp", "exp_polynomial")


def bounded(roots: Sequence[Scalar], moving: frozenset[Axis], real: str) -> list[Scalar]:
    """Clips as tight as the dtype allows, and the exponentials marked that stay normal."""
    roots = rewritten(roots, _one_sided)
    if real == "float":
        for clip in [v for v in closure(roots) if _is_bound(v) and v.axes & moving]:
            tight = _tightened(clip, roots)
            if tight is not None:
                roots = rewritten(roots, lambda now, v, old=clip, new=tight: new if v == old else now)  # type: ignore[misc]
    ranges, declared, values = Ranges(), Ranges(declared=True), closure(roots)

    def mark(v: Scalar, before: Scalar) -> Scalar:
        kind = _kind(before, ranges, real)
        if before.op == "call" and before.data[0] in EXPONENTIALS and kind != "normal" and _root(before, values, roots):
            kind = "root"
        away = ("away",) if _away(before, declared) else ()
        return v if kind is None and not away else Scalar(v.op, v.args, (v.data[0], kind, *away), v.axes)

    return rewritten(roots, mark)


def _root(v: Scalar, values: Sequence[Scalar], roots: Sequence[Scalar]) -> bool:
    """Whether a value stands in products only, in each of them twice: where it is rounded to zero, they are zero."""
    users = [u for u in values if v in u.args]
    twice = (u.op == "mul" and u.args.count(v) == u.args[: int(str(u.data[0]))].count(v) == 2 for u in users)
    return v not in roots and all(twice)


def _away(v: Scalar, ranges: Ranges) -> bool:
    """Whether the terms of an exponent, by Horner's rule, have one sign: sums grow away from zero."""
    if v.op != "call" or v.data[0] != "exp_polynomial":
        return False
    x, _, _, *coefficients = (ranges(a) for a in v.args)
    return x[0] >= 0.0 and (all(c[0] >= 0.0 for c in coefficients) or all(c[1] <= 0.0 for c in coefficients))


def _kind(v: Scalar, ranges: Ranges, real: str) -> str | None:
    """Which function for a part of the arguments does."""
    if v.op == "call" and v.data[0] in EXPONENTIALS:
        low, high = ranges.exponent(v)
        least, most = NORMAL[real]
        return "normal" if least <= low and high <= most else "decaying" if high <= DECAYING else None
    if v.op == "call" and v.data == ("log1p",):
        low, high = ranges(v.args[0])
        return "unit" if low >= 0.0 and high <= UNIT else None
    return None


def _one_sided(v: Scalar, before: Scalar) -> Scalar:
    """|clip(x, −B, B)| as min(|x|, B)."""
    if v.op == "call" and v.data[0] == "abs" and v.args[0].op == "call" and v.args[0].data[0] == "clip":
        x, low, high = v.args[0].args
        if low.op == high.op == "const" and low.data[0] == -high.data[0]:  # type: ignore[operator]
            return Scalar("call", (Scalar("call", (x,), ("abs",), x.axes), high), ("minimum",), x.axes)
    return v


def _is_bound(v: Scalar) -> bool:
    """min(x, B) for a number B."""
    return v.op == "call" and v.data[0] == "minimum" and v.args[1].op == "const" and v.args[0].op != "const"


def _tightened(clip: Scalar, roots: Sequence[Scalar]) -> Scalar | None:
    """A bound that keeps the exponentials of what is clipped normal, if no root changes; else None."""
    high = float(clip.args[1].data[0])  # type: ignore[arg-type]
    low = Ranges()(clip)[0]
    values = closure(roots)
    exponentials = [v for v in values if v.op == "call" and v.data[0] in EXPONENTIALS and clip in closure(v.args)]
    least, _ = NORMAL["float"]

    def normal(top: float) -> bool:
        ranges = Ranges({clip: (low, top)})
        return all(ranges.exponent(v)[0] >= least for v in exponentials)

    if not exponentials or low < 0.0 or normal(high) or not normal(low):
        return None
    below, above = low, high
    for _ in range(20):
        middle = (below + above) / 2
        below, above = (middle, above) if normal(middle) else (below, middle)
    below = math.floor(below) if below >= 8.0 else below
    beyond = Ranges({clip: (below, high)})
    changes = {clip}
    for v in values:  # operands come first
        if v != clip and any(a in changes for a in v.args):
            least, most = beyond(v)
            if v.is_reduction or not max(abs(least), abs(most)) < ZERO["float"]:
                changes.add(v)
    if any(r in changes for r in roots):
        return None
    return Scalar(clip.op, (clip.args[0], Scalar("const", (), (below,))), clip.data, clip.axes)
