"""Bounds so far out that they only keep a computation finite: ``clip(z, -500, 500)`` before exp, 1e-12 before log.

Such a guard is part of what the code computes, and beyond it the slope is 0. Whoever writes the gradient by hand often
writes that of the formula without it. So a gradient is first compared with the code as it stands, and then, if that
settles nothing, with the code read without its guards, and the report says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from sympy import Expr, Rational

from ...calculus.tensors import Tensor

#: From here on exp(−x) + 1 is 1 in float32; and exp(x) is near to overflow.
FAR, AT_OVERFLOW = 15, 80
#: A probability this near to 0 or 1 is kept away from there.
NEAR = Rational(1, 1000)


@dataclass
class Guards:
    """left_out: whether guards are read as if they were not there. met: those that a trace has come across."""

    left_out: bool = False
    met: dict[str, None] = field(default_factory=dict)


_guards: ContextVar[Guards | None] = ContextVar("guards", default=None)


@contextmanager
def guards(*, left_out: bool) -> Iterator[Guards]:
    """How guards are read in the traces inside."""
    new = Guards(left_out)
    token = _guards.set(new)
    try:
        yield new
    finally:
        _guards.reset(token)


def is_left_out(x: Expr, low: Expr | None, high: Expr | None, operation: str) -> bool:
    """Whether bounds of an array are a guard, and guards are left out. operation: what the code calls, for a reader."""
    reading = _guards.get()
    if reading is None or not x.atoms(Tensor) or not _is_guard(low, high):
        return False
    shown = ", ".join(["…", *(f"{float(b):.12g}" for b in (low, high) if b is not None)])
    reading.met[f"{operation}({shown})"] = None
    return reading.left_out


def _is_guard(low: Expr | None, high: Expr | None) -> bool:
    """−500 and 500, 700 alone, 1e-12 alone, 1e-7 and 1 − 1e-7; not 0 and 6, −1 and 1, 20 alone."""
    given = [b for b in (low, high) if b is not None]
    if not given or not all(b.is_number and b.is_finite for b in given):
        return False
    if low is None:
        return bool(high >= AT_OVERFLOW or 0 < 1 - high <= NEAR)  # type: ignore[operator]
    if high is None:
        return bool(low <= -AT_OVERFLOW or 0 < low <= NEAR)
    return bool((low <= -FAR and low == -high) or (0 < low <= NEAR and (0 <= 1 - high <= NEAR or high >= FAR)))
