"""Scales of rows in one pass less: most rows need none, and the sum of their squares says so.

A row x = s·x̂ with a power of two s has s = 1 where its squares are far from the ends of the range. So the squares of x
are added up first, as they stand, with the other sums that would run over x̂; where Σx² is an ordinary number, s is 1
and these are the sums that are wanted. Only elsewhere the row is read again, for its largest entry and for sums over x̂.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..loops.kernels import Cut, Kernel, Shortcut, Target, Uncovered, schedule, stages
from ..scalars import Axis, Scalar, closure, replaced, rewritten
from .moments import ONE, square_of

#: The squares of a row that needs no scale lie between one over this and this.
FAR = {"float": 2.0**64, "double": 2.0**512}


def scaled_at_need(kernel: Kernel, real: str) -> Kernel:
    """A kernel whose rows are read for their scales only where the sum of their squares leaves the range."""
    if kernel.mode != "row" or kernel.flat or kernel.wide or kernel.only_if or kernel.shortcuts or not kernel.inner:
        return kernel
    squares = {v: s for v in kernel.values if (s := _squares(v)) and s.over == kernel.inner}
    if not squares:
        return kernel
    peaks = {v.args[0]: _after(v.args[0], s) for v, s in squares.items()}
    scales = {v: replaced(v, peaks) for v in squares}
    tops = {peaks[v.args[0]]: Shortcut(ONE, _in_range(s, FAR[real])) for v, s in squares.items()}
    shortcuts = dict(tops)
    sums = [v for v in kernel.values if v.op == "sum" and v not in kernel.late]
    for r, plain in zip(sums, _unscaled(sums, squares), strict=True):
        met = [scales[v] for v in closure([r]) if v in scales]
        if met and plain.op == "sum" and plain.over == kernel.inner and _needs_no_other(plain):
            shortcuts[replaced(r, peaks)] = Shortcut(plain, tuple(_compared(s, "==", ONE) for s in met))
    targets = [replace(t, value=replaced(t.value, peaks)) for t in kernel.targets]
    try:
        made = _scheduled(targets, shortcuts)
        shortcuts = _left_out(made, shortcuts)
        made = _scheduled(targets, shortcuts)
    except (Cut, Uncovered):
        return kernel
    same = (made.mode, made.outer, made.inner) == (kernel.mode, kernel.outer, kernel.inner)
    return made if same and shortcuts.keys() >= tops.keys() else kernel


def _scheduled(targets: Sequence[Target], shortcuts: Mapping[Scalar, Shortcut]) -> Kernel:
    also = [v for s in shortcuts.values() for v in (s.value, *s.tests)]
    return replace(schedule(targets, also), shortcuts=shortcuts)


def _left_out(k: Kernel, shortcuts: Mapping[Scalar, Shortcut]) -> dict[Scalar, Shortcut]:
    """Those of loops that make nothing else."""
    whole = [items for items in stages(k).values() if all(i in shortcuts for i in items)]
    return {r: s for r, s in shortcuts.items() if any(r in items for items in whole)}


def _squares(v: Scalar) -> Scalar | None:
    """Of the scale of a row, the sum of the squares of that row."""
    if v.op != "call" or v.data != ("row_scale",) or v.args[0].op != "peak":
        return None
    peak = v.args[0]
    (size,) = peak.args
    if size.op != "call" or size.data != ("abs",) or not _needs_no_other(peak) or not set(peak.over) <= size.axes:
        return None
    return Scalar("sum", (_square(size.args[0]),), (), peak.axes, peak.over)


def _needs_no_other(r: Scalar) -> bool:
    """Whether a reduction needs none before it."""
    return not any(a.is_reduction for a in closure(r.args))


def _square(x: Scalar) -> Scalar:
    return Scalar("pow", (x,), (2,), x.axes)


def _after(peak: Scalar, known: Scalar) -> Scalar:
    """The same peak, of a row that is read once another number is known."""
    (x,) = peak.args
    return replace(peak, args=(Scalar("after", (x, known), (), x.axes | known.axes),))


def _in_range(squares: Scalar, far: float) -> tuple[Scalar, ...]:
    return tuple(_compared(squares, op, Scalar("const", (), (end,))) for op, end in ((">=", 1 / far), ("<=", far)))


def _compared(a: Scalar, op: str, b: Scalar) -> Scalar:
    return Scalar("compare", (a, b), (op,), a.axes | b.axes)


def _unscaled(sums: Sequence[Scalar], scales: Mapping[Scalar, Scalar]) -> list[Scalar]:
    """The sums where each of these scales is 1."""

    def rule(s: Scalar, before: Scalar) -> Scalar:
        if before in scales:
            return ONE
        if s.op == "sum" and (x := square_of(s)) is not None:
            return replace(s, args=(_square(x),))
        if s.op in ("pow", "sqrt") and s.args == (ONE,):
            return ONE
        if s.op != "mul" or ONE not in s.args:
            return s
        split: int = s.data[0]  # type: ignore[assignment]
        over, under = ([a for a in part if a != ONE] for part in (s.args[:split], s.args[split:]))
        if not under and len(over) < 2:
            return over[0] if over else ONE
        axes: frozenset[Axis] = frozenset().union(*(a.axes for a in (*over, *under)))
        return Scalar("mul", (*over, *under), (len(over),), axes)

    return rewritten(sums, rule)


__all__ = ["scaled_at_need"]
