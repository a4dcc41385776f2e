"""Points at which hypotheses hold, and what rigorous evaluation says of a relation there.

A relation that a ball contradicts at a point where every hypothesis certainly holds is refuted. That none is
contradicted proves nothing; but a proof from hypotheses that hold nowhere would be worthless, so the points that meet
them are counted.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

from flint import arb, ctx, fmpq
from sympy import Expr, Symbol

from .balls import ImpossibleSize, Valuation
from .compiled import compiled
from .derivation import Counterexample, Definition
from .goal import Example
from .hypotheses import Hypothesis
from .refutation import AGREEMENT_BITS, counterexample_at, inputs_of, shown
from .relations import Relation
from .sampling import Draw, Point, points
from .sums import Partial
from .tensors import Index, Tensor

PRECISION = 340
#: Points that are tried, and the number of those meeting the hypotheses that is enough.
TRIES, ENOUGH = 600, 20
#: Values that all numbers take at a corner.
CORNERS = tuple(fmpq(a, b) for a, b in ((0, 1), (1, 1), (-1, 1), (-1, 2)))
#: Values of the free indices that are looked at.
PLACES = 12


@dataclass(frozen=True)
class Met:
    """How many points met the hypotheses, of how many tried, and the first that contradicts the relation."""

    points: int
    tried: int
    counterexample: Counterexample | None = None


@dataclass(frozen=True)
class Conditions:
    """Definitions, inputs and hypotheses over which relations are sampled."""

    definitions: tuple[Definition, ...]
    givens: tuple[Tensor, ...]
    hypotheses: tuple[Hypothesis, ...] = ()
    examples: tuple[Example, ...] = ()

    def refute(self, left: Expr, relation: Relation, right: Expr, *, thorough: bool = False) -> Met:
        """Look for a point that meets the hypotheses and certainly contradicts ``left relation right``."""
        sides = [left, right, *(h.slack.body for h in self.hypotheses)]
        inputs, dims = inputs_of(sides, self.definitions, self.givens)
        kinks = not any(_has_partial(e) for e in (*sides, *(d.body for d in self.definitions)))
        wanted = ENOUGH * (3 if thorough else 1)
        met = tried = 0
        for point in self._points(inputs, dims, kinks):
            if met >= wanted or tried >= (TRIES // 10 if self.examples else TRIES) * (3 if thorough else 1):
                break
            tried += 1
            try:
                valuation = Valuation(self.definitions, point.sizes, point.values, precision=PRECISION, kinks=kinks)
                if not all(self._holds(h, valuation, point) for h in self.hypotheses if h.solved is None):
                    continue
                decided, found = self._contradicts(left, relation, right, valuation, point, inputs)
            except (ImpossibleSize, IndexError):
                continue
            met += decided
            if found is not None:
                return Met(met, tried, found)
        return Met(met, tried)

    def _points(self, inputs: Sequence[Tensor], dims: Sequence[Symbol], kinks: bool) -> Iterator[Point]:
        for example in self.examples:
            yield _example_point(example, inputs, dims)
        for seed in range(TRIES):
            # Corners and ties first: that is where an inequality that is strict by mistake fails.
            if kinks and seed == 0:
                yield from (_corner(inputs, dims, size, value) for size in (1, 2) for value in CORNERS)
            if kinks:
                yield from points(inputs, dims, seed, thorough=False, kinks=True)
            yield from points(inputs, dims, seed, thorough=False)
            yield from points(inputs, dims, seed, thorough=False, styles=("unit", "positive", "unit"))

    def _holds(self, hypothesis: Hypothesis, valuation: Valuation, point: Point) -> bool:
        """Whether a hypothesis certainly holds at a point (an equation: as far as balls can tell)."""
        for indices in _places(hypothesis.slack.indices, point):
            slack = valuation.value(hypothesis.slack.body, indices)
            if not slack.is_finite():
                return False
            if hypothesis.interval.zero:
                if 0 not in slack or not _small(slack):
                    return False
            elif not (slack > 0 if hypothesis.interval.positive else slack >= 0):
                return False
        return True

    def _contradicts(
        self, left: Expr, relation: Relation, right: Expr, valuation: Valuation, point: Point, inputs: Sequence[Tensor]
    ) -> tuple[bool, Counterexample | None]:
        """Whether the point said anything, and a counterexample."""
        free = tuple(dict.fromkeys((*compiled(left).free, *compiled(right).free)))
        said = False
        for indices in _places(free, point)[:PLACES]:
            values = valuation.value(left, indices), valuation.value(right, indices)
            if not all(v.is_finite() for v in values):
                continue
            said = True
            if is_false(*values, relation):
                at = tuple(indices[i] for i in free)
                return True, counterexample_at(free, shown((left, right), inputs), point, at, *values)
        return said, None


def is_false(left: Any, right: Any, relation: Relation) -> bool:
    """Whether two balls certainly contradict a relation."""
    with ctx.workprec(PRECISION):
        slack = right - left if relation[0] == "<" else left - right
        if relation == "=":
            return 0 not in slack
        return bool(slack < 0) if "=" in relation else bool(slack <= 0)


def _small(ball: Any) -> bool:
    with ctx.workprec(PRECISION):
        return bool(ball.abs_upper() * arb(2) ** AGREEMENT_BITS < 1)


def _places(indices: Sequence[Index], point: Point) -> list[dict[Index, int]]:
    sizes = [int(i.dim.xreplace(point.sizes)) for i in indices]
    return [dict(zip(indices, at, strict=True)) for at in product(*map(range, sizes))]


def _has_partial(expr: Expr) -> bool:
    return bool(expr.atoms(Partial))


def _example_point(example: Example, inputs: Sequence[Tensor], dims: Sequence[Symbol]) -> Point:
    """A given point; what it does not name is drawn at random."""
    sizes = {d: example.sizes.get(d.name, 2) for d in dims}
    draw = Draw(random.Random(0), sizes, "mixed", named=True)
    values = {t: _flat(example.values[t.name]) if t.name in example.values else draw.tensor(t) for t in inputs}
    return Point(sizes, values)


class _Corner(Draw):
    """Every number the same (or the nearest admissible one), and every row at a corner of the simplex."""

    def __init__(self, sizes: Mapping[Symbol, int], value: fmpq) -> None:
        super().__init__(random.Random(0), sizes, "ties", named=True)
        self.value = value

    def _number(self, positive: bool, nonnegative: bool) -> fmpq:
        value = abs(self.value) if positive or nonnegative else self.value
        return fmpq(1) if positive and not value else value

    def _row(self, size: int, *, inside: bool) -> list[fmpq]:
        return [fmpq(1, size) if inside else fmpq(int(c == 0)) for c in range(size)]


def _corner(inputs: Sequence[Tensor], dims: Sequence[Symbol], size: int, value: fmpq) -> Point:
    sizes = dict.fromkeys(dims, size)
    draw = _Corner(sizes, value)
    return Point(sizes, {t: draw.tensor(t) for t in inputs if not t.domain.function})


def _flat(value: Any) -> dict[tuple[int, ...], Any]:
    if not isinstance(value, list | tuple):
        number = Fraction(value)
        return {(): fmpq(number.numerator, number.denominator)}
    return {(k, *at): v for k, row in enumerate(value) for at, v in _flat(row).items()}
