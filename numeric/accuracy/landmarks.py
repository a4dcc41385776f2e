"""Roots, kinks and jumps of a function and its derivatives, found from signs of exact values."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from .oracle import Oracle
from .points import from_ordinal, points, to_ordinal, within
from .ulp import FORMATS, Format

Array = np.ndarray[Any, Any]

#: Signs are looked at on a grid of float32 numbers; every one of them is a float64 number too.
GRID = FORMATS["float32"]
GRID_STEP = 4

#: Of a quantity that changes its sign more often, such as a sine, only so many changes are looked at.
MOST = 40


@dataclass(frozen=True)
class Landmarks:
    """Numbers of a dtype next to which something happens.

    kinks: where a case of the definition changes. roots: of each quantity by name, the number on one side of a change
    of sign; a jump across zero is among them.
    """

    kinks: tuple[float, ...] = ()
    roots: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def all(self) -> tuple[float, ...]:
        return tuple(sorted({*self.kinks, *(r for found in self.roots.values() for r in found)}))


def landmarks(oracle: Oracle, format: Format) -> Landmarks:
    """The kinks of the definition and the roots of every quantity, as numbers of the format."""
    halves = np.arange(-64.0, 64.5, 0.5)
    domain = oracle.variable.domain
    grid = np.union1d(points(GRID, domain)[::GRID_STEP].astype(np.float64), halves[within(domain)(halves)])
    kinks = _changes(oracle.signs, grid, format)
    roots = {name: _changes(partial(oracle.sign, name), grid, format) for name in oracle.quantities}
    return Landmarks(kinks, roots)


def _changes(sign: Callable[[float], Hashable | None], grid: Array, format: Format) -> tuple[float, ...]:
    """Where a sign changes along a grid: a number of the format right on the change, or on the far side of it.

    Points at which the sign is not known are passed over. Of very many changes, those next to zero are returned.
    """
    known = [(float(x), s) for x in grid if (s := sign(float(x))) is not None]
    found: list[float] = []
    for (low, left), (high, right) in pairwise(known):
        if left != right:
            found.append(_change(sign, low, high, left, format))
    return tuple(sorted(sorted(_apart(found, format), key=abs)[:MOST]))


def _change(sign: Callable[[float], Hashable | None], low: float, high: float, left: Hashable, format: Format) -> float:
    """The first number at which the sign is not what it is on the left, by bisection."""
    a, b = to_ordinal(low, format), to_ordinal(high, format)
    while b - a > 1:
        middle = (a + b) // 2
        if sign(from_ordinal(middle, format)) in (left, None):
            a = middle
        else:
            b = middle
    return from_ordinal(b, format)


def _apart(found: Sequence[float], format: Format) -> list[float]:
    """Without those that are neighbours of one another: a change to 0 and away from it is one place."""
    kept: list[float] = []
    for x in found:
        if not kept or to_ordinal(x, format) - to_ordinal(kept[-1], format) > 2:
            kept.append(x)
    return kept
