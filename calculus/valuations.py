"""The points at which the steps of a derivation are sampled, and what has been evaluated there.

A step begins where the one before ended, and reads the same definitions. So points are drawn once for all steps that
read the same inputs, and their definitions are evaluated once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import Symbol

from .balls import Valuation
from .derivation import Definition
from .sampling import Point, points
from .tensors import Tensor

#: For so many families of points values are kept.
KEPT = 6

Family = tuple[Any, ...]


class Valuations:
    """Points by what they are drawn for, and the values of definitions at them."""

    def __init__(self) -> None:
        self._points: dict[Family, list[Point]] = {}
        self._made: dict[Family, dict[tuple[int, int, bool], Valuation]] = {}
        self._family: dict[int, Family] = {}

    def points(self, inputs: Sequence[Tensor], dims: Sequence[Symbol], seed: int, **options: Any) -> list[Point]:
        """As of :func:`nnmath.calculus.sampling.points`; the same ones each time."""
        family = (tuple(inputs), tuple(dims), seed, *sorted(options.items()))
        found = self._points.pop(family, None)
        if found is None:
            found = list(points(inputs, dims, seed, **options))
            self._family |= {id(p): family for p in found}
        self._points[family] = found  # the last one is the one used last
        while len(self._points) > KEPT:
            self._forget(next(iter(self._points)))
        return found

    def at(self, point: Point, definitions: Sequence[Definition], *, precision: int, kinks: bool) -> Valuation:
        """The values of definitions at a point. Of what is random they are new: laws follow from all that is read."""
        if any(t.domain.random is not None for t in point.values) or id(point) not in self._family:
            return Valuation(definitions, point.sizes, point.values, precision=precision, kinks=kinks)
        made = self._made.setdefault(self._family[id(point)], {})
        key = (id(point), precision, kinks)
        if key in made and made[key].extended(definitions):
            return made[key]
        made[key] = Valuation(definitions, point.sizes, point.values, precision=precision, kinks=kinks)
        return made[key]

    def _forget(self, family: Family) -> None:
        for point in self._points.pop(family):
            del self._family[id(point)]
        for valuation in self._made.pop(family, {}).values():
            valuation.forget()
