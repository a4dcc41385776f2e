"""Regions of failure: intervals of x in which results are NaN, infinite, zero, or more than 1000 ULP off.

Right at a kink the convention of the entry is the exact value; another finite value there is a kind of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .ulp import ExactValues

Array = np.ndarray[Any, Any]

#: Beyond so many ULP a result is no approximation that anyone would call accurate.
MANY_ULP = 1e3
NAN, INFINITE, KINK, ZERO, LARGE = "NaN", "inf", "other value at a kink", "zero", "> 1e3 ULP"
#: The kinds of failure, worst first.
KINDS = (NAN, INFINITE, KINK, ZERO, LARGE)

#: Failures with at most so many sound points between them are one region.
GAP = 10


@dataclass(frozen=True)
class Region:
    """An interval of x with a failure of one kind.

    low, high: the first and the last point that fails. points: how many fail. worst: the largest error, in ULP.
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
