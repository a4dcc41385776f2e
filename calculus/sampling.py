"""Random points that obey the domains: sizes for the dimensions and exact, short values for the tensors."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import prod
from typing import Any, Literal

from flint import fmpq
from sympy import Expr, Symbol

from .dimensions import defined_dimensions, fitted, free_dimensions, is_window
from .duals import Position
from .tensors import Tensor

#: mixed: both signs. positive: all reals positive. unit: all reals in (0, 1). ties: few values, zeros and repeats.
#: generic: both signs and far out, and no relation between two values unless the formulas make one.
Style = Literal["mixed", "positive", "unit", "ties", "generic"]

#: Generic values are fractions with this denominator, a prime.
PRIME = 2**31 - 1
#: How far out they lie at least: beyond the borders that formulas usually have.
FAR = 12

MAX_ELEMENTS = 200


@dataclass(frozen=True)
class Point:
    """Sizes of the dimensions and values of the tensors: exact fractions, or a constant expression (the λ of selu).

    generic: no value lies at a kink by chance.
    """

    sizes: Mapping[Symbol, int]
    values: Mapping[Tensor, Mapping[Position, Any]]
    generic: bool = False

    @property
    def elements(self) -> int:
        return sum(map(len, self.values.values()))


def size_plans(dims: Sequence[Symbol], rng: random.Random, *, thorough: bool = True) -> list[dict[Symbol, int]]:
    """Sizes to try: all distinct in changing order (any two of them both ways), all equal, all one, and mixtures."""
    start = 2 if len(dims) <= 4 else 1

    def distinct() -> dict[Symbol, int]:
        sizes = list(range(start, start + len(dims)))
        rng.shuffle(sizes)
        return dict(zip(dims, sizes, strict=True))

    def mixture() -> dict[Symbol, int]:
        return {d: rng.choice((1, 1, 2, 3)) for d in dims}

    if not dims:
        return [{}] * (12 if thorough else 6)
    plans = [distinct(), dict.fromkeys(dims, 2), dict.fromkeys(dims, 1)]
    if thorough:
        reverse = {d: 2 * start + len(dims) - 1 - size for d, size in plans[0].items()}
        plans += [distinct(), dict.fromkeys(dims, 3 if len(dims) <= 4 else 2), mixture(), mixture(), reverse]
    return plans


def points(
    tensors: Iterable[Tensor],
    dims: Iterable[Symbol],
    seed: int = 0,
    *,
    thorough: bool = True,
    kinks: bool = False,
    styles: Sequence[Style] = ("mixed", "mixed", "mixed", "positive"),
    far: int = FAR,
) -> Iterator[Point]:
    """The planned points, smallest first.

    kinks: a family of its own, with zeros, ties and repeated values, where equalities that hold almost everywhere may
    fail. Otherwise no value is zero, and no two magnitudes agree as long as short values last.
    A named constant has its own value at every other point, and an admissible random one between.
    far: how far out generic values lie at most.
    """
    rng = random.Random(seed)
    given = sorted((t for t in set(tensors) if not t.domain.function), key=lambda t: t.name)
    dims = tuple(dims)
    plans = size_plans(sorted(free_dimensions(dims), key=lambda d: d.name), rng, thorough=thorough)
    found = []
    for at, plan in enumerate(plans):
        sizes = _with_outputs(plan, dims)
        if any(prod(_size(d, sizes) for d in t.dims) > MAX_ELEMENTS for t in given):
            sizes = fitted({d: min(size, 2 + at % 2) for d, size in plan.items()}, dims)
        if all(_size(d, sizes) > 0 for t in given for d in t.dims):
            draw = Draw(rng, sizes, "ties" if kinks else styles[at % len(styles)], named=at % 2 == 0, far=far)
            found.append(Point(sizes, {t: draw.tensor(t) for t in given}, draw.style == "generic"))
    yield from sorted(found, key=lambda p: p.elements)


def _with_outputs(plan: Mapping[Symbol, int], dims: Sequence[Expr]) -> dict[Symbol, int]:
    """The sizes of a plan; where outputs follow from inputs and windows, small ones with more than one output."""
    if not defined_dimensions(dims) or max(plan.values(), default=1) == 1:
        return fitted(plan, dims)
    related = {s for d in defined_dimensions(dims) for s in free_dimensions([d])}
    distinct = len(set(plan.values())) == len(plan)
    small = {d: min(size, 3 if d in related else 2) for d, size in plan.items()}
    drawn = sorted(related & plan.keys(), key=lambda d: plan[d])
    for group in ([d for d in drawn if is_window(d, dims)], [d for d in drawn if not is_window(d, dims)]):
        small |= {d: 2 + at % 2 for at, d in enumerate(group) if distinct}
    return fitted(small, dims, least=(3, 2))


def _size(dim: Expr, sizes: Mapping[Symbol, int]) -> int:
    return int(dim.xreplace(sizes)) if dim.free_symbols else int(dim)


class Draw:
    """Draws the values of one point."""

    def __init__(
        self, rng: random.Random, sizes: Mapping[Symbol, int], style: Style, *, named: bool, far: int = FAR
    ) -> None:
        self.rng, self.sizes, self.style, self.named, self.far = rng, sizes, style, named, far
        self.used: set[fmpq] = set()

    def tensor(self, tensor: Tensor) -> dict[Position, Any]:
        """All elements of a tensor, obeying its domain."""
        domain = tensor.domain
        shape = [_size(d, self.sizes) for d in tensor.dims]
        places = product(*map(range, shape))
        if domain.value is not None and self.named:
            return dict.fromkeys(places, domain.value)
        if domain.onehot or domain.rows:
            inside = self.style != "ties" or domain.positive
            row: Callable[[int], list[fmpq]] = self._onehot if domain.onehot else partial(self._row, inside=inside)
            rows = product(*map(range, shape[:-1]))
            return {(*at, c): v for at in rows for c, v in enumerate(row(shape[-1]))}
        if domain.below is not None:
            below = _size(domain.below, self.sizes)
            return {at: fmpq(self.rng.randrange(below)) for at in places}
        if domain.mask:
            return self._mask(shape) if self.named and shape else self._two_valued(list(places), 0, 1)
        if domain.sign:
            return self._two_valued(list(places), -1, 1)
        if domain.unit:
            return {at: self._fraction() for at in places}
        return {at: self._number(domain.positive, domain.nonnegative) for at in places}

    def _number(self, positive: bool, nonnegative: bool) -> fmpq:
        if self.style == "ties":
            low = 1 if positive else 0 if nonnegative else -2
            return fmpq(self.rng.randint(low, 2), self.rng.choice((1, 2)))
        if self.style == "generic":
            magnitude = fmpq(self.rng.randint(1, self.far * PRIME), PRIME)
            return -magnitude if not positive and not nonnegative and self.rng.random() < 0.5 else magnitude
        limit = 1 if self.style == "unit" else 3
        magnitude = fmpq(1)
        for denominator in (4, 8, 16, 32, 64):
            magnitude = fmpq(self.rng.randint(1, limit * denominator - 1), denominator)
            if magnitude not in self.used:
                break
        self.used.add(magnitude)
        signed = self.style == "mixed" and not positive and not nonnegative
        return -magnitude if signed and self.rng.random() < 0.5 else magnitude

    def _two_valued(self, places: list[Position], low: int, high: int) -> dict[Position, Any]:
        """One of two values at each place; both occur where there is room for them."""
        values = [low, high] * (len(places) // 2) + [self.rng.choice((low, high))] * (len(places) % 2)
        self.rng.shuffle(values)
        return dict(zip(places, map(fmpq, values), strict=True))

    def _mask(self, shape: list[int]) -> dict[Position, Any]:
        """A mask with one 0 in every other row, and in a single row.

        Where half of the entries are 0, as at the other points, many rows have none left or one: a mean over the first
        is undefined, and a softmax over the second does not depend on anything.
        """
        mask = {at: fmpq(1) for at in product(*map(range, shape))}
        for number, row in enumerate(product(*map(range, shape[:-1]))):
            if shape[-1] > 1 and (number % 2 or prod(shape[:-1]) == 1):
                mask[*row, self.rng.randrange(shape[-1])] = fmpq(0)
        return mask

    def _fraction(self) -> fmpq:
        """Between 0 and 1, ends excluded; among ties often one half."""
        if self.style == "ties":
            return fmpq(self.rng.randint(1, 3), 4)
        return fmpq(self.rng.randint(1, 63), 64)

    def _row(self, size: int, *, inside: bool) -> list[fmpq]:
        """Dyadic fractions that sum to exactly 1; none is zero where they lie inside the simplex."""
        whole = 8
        while whole < 2 * size:
            whole *= 2
        if not inside:
            cuts = sorted(self.rng.randint(0, whole) for _ in range(size - 1))
        else:
            cuts = sorted(self.rng.sample(range(1, whole), size - 1))
        return [fmpq(b - a, whole) for a, b in zip([0, *cuts], [*cuts, whole], strict=True)]

    def _onehot(self, size: int) -> list[fmpq]:
        hot = self.rng.randrange(size)
        return [fmpq(int(c == hot)) for c in range(size)]
