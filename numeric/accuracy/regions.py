"""Regions of failure: intervals of x in which results are NaN, infinite, zero, or more than 1000 ULP off.

Right at a kink the convention of the entry is the exact value; another finite value there is a kind of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .points import from_ordinal, to_ordinal
from .ulp import ExactValues, Format

Array = np.ndarray[Any, Any]

#: Beyond so many ULP a result is no approximation that anyone would call accurate.
MANY_ULP = 1e3
NAN, INFINITE, KINK, ZERO, LARGE = "NaN", "inf", "other value at a kink", "zero", "> 1e3 ULP"
#: The kinds of failure, worst first.
KINDS = (NAN, INFINITE, KINK, ZERO, LARGE)

#: The ends of regions of these kinds are looked for between the points, MOST regions at once, PARTS parts at a step.
SHARP = (NAN, INFINITE, ZERO)
MOST, PARTS = 8, 16
#: So many numbers are asked for at once.
MORE = 2 * MOST * (PARTS - 1)

#: Failures with at most so many sound points between them are one region.
GAP = 10


@dataclass(frozen=True)
class Region:
    """An interval of x with a failure of one kind.

    low, high: the first and the last number that fails. points: how many fail. worst: the largest error, in ULP.
    """

    kind: str
    low: float
    high: float
    points: int
    worst: float


def kinds(exact: ExactValues, got: Array, errors: Array) -> Array:
    """Point by point, the position in :data:`KINDS` of what failed, or −1."""
    found = np.full(errors.shape, -1)
    found[errors > MANY_ULP] = KINDS.index(LARGE)
    found[(got == 0) & (np.abs(exact.nearest) >= exact.format.smallest_normal)] = KINDS.index(ZERO)
    wrong = np.isinf(got) & (errors > 0)
    found[wrong] = KINDS.index(INFINITE)
    found[np.isnan(got)] = KINDS.index(NAN)
    found[~exact.defined] = -1
    return found


def regions(
    x: Array, exact: ExactValues, got: Array, errors: Array, near_root: Array, kink: Array
) -> tuple[Region, ...]:
    """The regions of failure among points in ascending order.

    Near a root only NaN and infinities are failures: a zero or a large relative error is judged on the scale of the
    function there.
    """
    kind_at = kinds(exact, got, errors)
    kind_at[near_root & (kind_at >= KINDS.index(ZERO))] = -1
    kind_at[kink & np.isfinite(got) & (kind_at >= KINDS.index(ZERO))] = KINDS.index(KINK)
    found = []
    for number, kind in enumerate(KINDS):
        at = np.flatnonzero(kind_at == number)
        if at.size:
            for run in np.split(at, np.flatnonzero(np.diff(at) > GAP + 1) + 1):
                worst = float(np.max(errors[run]))
                found.append(Region(kind, float(x[run[0]]), float(x[run[-1]]), int(run.size), worst))
    return tuple(found)


def sharpened(
    found: Sequence[Region], x: Array, kinds_at: Callable[[Array], Array], format: Format
) -> tuple[Region, ...]:
    """The regions with their ends as exact as the dtype allows, where an end is sharp.

    x: the points in ascending order. kinds_at: the kinds of failure at other numbers.
    """
    chosen = [k for k, r in enumerate(found) if r.kind in SHARP][:MOST]
    ends: dict[tuple[int, str], tuple[int, int]] = {}
    for k in chosen:
        first, last = np.searchsorted(x, found[k].low), np.searchsorted(x, found[k].high)
        if first > 0:
            ends[k, "low"] = to_ordinal(float(x[first - 1]), format), to_ordinal(found[k].low, format)
        if last + 1 < x.size:
            ends[k, "high"] = to_ordinal(float(x[last + 1]), format), to_ordinal(found[k].high, format)
    while wide := [end for end, (good, bad) in ends.items() if abs(bad - good) > 1]:
        between = {end: _between(*ends[end]) for end in wide}
        numbers = [from_ordinal(o, format) for end in wide for o in between[end]]
        results = iter(kinds_at(np.array(numbers, dtype=format.dtype)))
        for end in wide:
            good, bad = ends[end]
            number = KINDS.index(found[end[0]].kind)
            fails = [next(results) == number for _ in between[end]]
            steps = [good, *between[end], bad]
            at = [False, *fails, True].index(True)
            ends[end] = steps[at - 1], steps[at]

    def moved(k: int, side: str, otherwise: float) -> float:
        return from_ordinal(ends[k, side][1], format) if (k, side) in ends else otherwise

    return tuple(replace(r, low=moved(k, "low", r.low), high=moved(k, "high", r.high)) for k, r in enumerate(found))


def _between(a: int, b: int) -> list[int]:
    """At most PARTS − 1 numbers strictly between two, in the order from a to b."""
    step = 1 if b > a else -1
    count = min(abs(b - a), PARTS)
    return [a + step * (abs(b - a) * k // count) for k in range(1, count)]
