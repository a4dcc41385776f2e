"""Refutation: two sides whose difference is a ball that excludes zero, at one point of the domain, are not equal.

Agreement at points is recorded, but it never proves anything.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain, product
from math import ceil, prod
from typing import Any

from flint import arb, ctx
from sympy import Add, Expr, Symbol

from .balls import ImpossibleSize
from .compiled import compiled
from .derivation import Counterexample, Definition
from .duals import Position
from .expectation import is_random
from .functions import Indicator, Where, absolute, relu
from .sampling import FAR, Point
from .tensors import Index, Tensor
from .valuations import Valuations

PRECISIONS = (170, 340, 680)
#: A difference this small, relative to the sides, counts as agreement.
AGREEMENT_BITS = 64
#: A border beyond this is left alone: values as large would hide everything else.
FURTHEST = 1000
#: With fewer points than this at which the sides agree, more are tried.
ENOUGH = 3


@dataclass(frozen=True)
class Sampled:
    """How two sides compare at points: tried, agreed (defined and equal as far as balls can tell), or refuted."""

    points: int
    agreed: int
    counterexample: Counterexample | None = None

    @property
    def refuted(self) -> bool:
        return self.counterexample is not None


@dataclass(frozen=True)
class Problem:
    """Two sides, their definitions, and what they read."""

    left: Expr
    right: Expr
    definitions: tuple[Definition, ...]
    free: tuple[Index, ...]
    inputs: tuple[Tensor, ...]
    dims: tuple[Symbol, ...]

    @cached_property
    def is_piecewise(self) -> bool:
        return any(map(_is_piecewise, self.formulas))

    @property
    def formulas(self) -> tuple[Expr, ...]:
        return (self.left, self.right, *(d.body for d in self.definitions))

    @cached_property
    def far(self) -> int:
        """How far out values have to lie to be beyond the borders of case distinctions."""
        return max((2 * border for border in map(_border, self.formulas) if FAR < border <= FURTHEST), default=FAR)


@cache
def _is_piecewise(expr: Expr) -> bool:
    return bool(expr.has(Where, Indicator, relu, absolute))


@cache
def _border(expr: Expr) -> int:
    """The largest number in what a case distinction asks for, such as 20 in min(x, 20); or in what it is a name for."""
    asked = (expr, *(e.args[0] for e in expr.atoms(Where, Indicator, relu, absolute)))
    return max((ceil(abs(t)) for test in asked for t in Add.make_args(test) if t.is_Rational), default=0)


def refute(
    left: Expr,
    right: Expr,
    *,
    definitions: Sequence[Definition] = (),
    givens: Sequence[Tensor] = (),
    free: Sequence[Index] | None = None,
    thorough: bool = True,
    seed: int = 0,
    kinks: bool = False,
    shared: Valuations | None = None,
) -> Counterexample | None:
    """A counterexample to ``left = right``, the smallest among the points tried, or None. See :func:`sample`."""
    options: dict[str, Any] = {"free": free, "thorough": thorough, "seed": seed, "kinks": kinks, "shared": shared}
    return sample(left, right, definitions=definitions, givens=givens, **options).counterexample


def sample(
    left: Expr,
    right: Expr,
    *,
    definitions: Sequence[Definition] = (),
    givens: Sequence[Tensor] = (),
    free: Sequence[Index] | None = None,
    thorough: bool = True,
    seed: int = 0,
    kinks: bool = False,
    entries: int = 8,
    shared: Valuations | None = None,
) -> Sampled:
    """Compare two sides rigorously at random points of the domain, smallest first, until one refutes.

    definitions: the named intermediates that the sides refer to (results and adjoints too, as definitions).
    givens: the order in which a counterexample shows the inputs that the sides read; the others follow by name.
    free: the free indices, in the order in which a counterexample shows them; default: those of both sides, by name.
    thorough: eight plans of sizes (distinct, equal, ones, mixtures), not three; without dimensions 12 points, not 6.
    kinks: try zeros and ties too; otherwise the kinks of piecewise functions are left out, so that an equality that
        holds almost everywhere is not refuted there. At generic points they are not: a formula that is at a border
        there, such as ``y < 1`` where y is clipped at 1, is so all around.
    entries: at how many values of the free indices a point is tried at most.
    shared: the points of other comparisons over the same definitions, and their values.

    A place where a side is undefined, or reads an element outside its array, gives no information.
    """
    problem = _problem(left, right, tuple(definitions), tuple(givens), free)
    rng = random.Random(seed)
    shared = Valuations() if shared is None else shared
    tried = agreed = 0
    for point in _planned(problem, shared, seed, thorough, kinks):
        # Extra points are for formulas that the usual ones leave undefined: log and sqrt of reals.
        if point is None:
            if agreed >= ENOUGH:
                break
            continue
        try:
            outcome = _compare(problem, shared, point, _places(problem, point, rng, entries), kinks)
        except ImpossibleSize:
            continue
        tried += 1
        if isinstance(outcome, Counterexample):
            return Sampled(tried, agreed, outcome)
        agreed += outcome
    return Sampled(tried, agreed)


def _problem(
    left: Expr,
    right: Expr,
    definitions: tuple[Definition, ...],
    givens: tuple[Tensor, ...],
    free: Sequence[Index] | None,
) -> Problem:
    sides = (compiled(left), compiled(right))
    found = {index for side in sides for index in side.free}
    order = tuple(free or ()) + tuple(sorted(found - set(free or ()), key=lambda i: (len(i.name), i.name)))
    reads, inputs, dims = _read_by((left, right), definitions, givens, order)
    used = tuple(d for d in definitions if d.name in reads)
    return Problem(left, right, used, order, inputs, dims)


def inputs_of(
    exprs: Sequence[Expr], definitions: Sequence[Definition], givens: Sequence[Tensor]
) -> tuple[tuple[Tensor, ...], tuple[Symbol, ...]]:
    """The inputs that expressions read through definitions, givens first, and the dimensions there are."""
    free = tuple(index for e in exprs for index in compiled(e).free)
    return _read_by(exprs, definitions, givens, free)[1:]


def _read_by(
    exprs: Sequence[Expr], definitions: Sequence[Definition], givens: Sequence[Tensor], free: Sequence[Index]
) -> tuple[dict[str, Tensor], tuple[Tensor, ...], tuple[Symbol, ...]]:
    """All tensors that are read, by name; the inputs among them, in order; the dimensions."""
    by_name = {d.name: d for d in definitions}
    sides = [compiled(e) for e in exprs]
    reads: dict[str, Tensor] = {}
    dims: set[Symbol] = set().union(*(side.code.sizes for side in sides))
    queue = list(chain.from_iterable(side.code.reads for side in sides))
    while queue:
        tensor = queue.pop()
        if tensor.name not in reads:
            reads[tensor.name] = tensor
            if tensor.name in by_name:
                body = compiled(by_name[tensor.name].body).code
                queue += body.reads
                dims |= body.sizes
    for tensor in reads.values():
        below = () if tensor.domain.below is None else (tensor.domain.below,)
        dims = dims.union(*(d.free_symbols for d in (*tensor.dims, *below)))
    for index in free:
        dims |= index.dim.free_symbols
    places = {t.name: at for at, t in enumerate(givens)}
    # What is averaged over is read by no side. It is drawn all the same: the laws follow from the point, so they vary.
    averaged = [t for t in givens if t.domain.random is not None and t.name not in reads]
    inputs = tuple(
        sorted(
            (
                *(t for t in reads.values() if t.name not in by_name),
                *(t for t in averaged if all(d.free_symbols <= dims for d in t.dims)),
            ),
            key=lambda t: (places.get(t.name, len(places)), t.name),
        )
    )
    return reads, inputs, tuple(sorted(dims, key=lambda d: d.name))


def _planned(problem: Problem, shared: Valuations, seed: int, thorough: bool, kinks: bool) -> Iterator[Point | None]:
    """The usual points, generic ones for case distinctions, then (after None) points where more is defined."""
    yield from shared.points(problem.inputs, problem.dims, seed, thorough=thorough, kinks=kinks)
    if problem.is_piecewise:
        few, far = not problem.dims, problem.far
        yield from shared.points(problem.inputs, problem.dims, seed, thorough=few, styles=("generic",), far=far)
        yield from shared.points(problem.inputs, problem.dims, seed + 1, styles=("unit", "mixed"), kinks=kinks)
    yield None
    yield from shared.points(problem.inputs, problem.dims, seed, thorough=False, styles=("positive", "unit"))


def _places(problem: Problem, point: Point, rng: random.Random, entries: int) -> list[Position]:
    """Values of the free indices: all, or some at random and the first (where all indices agree)."""
    shape = [int(i.dim.xreplace(point.sizes)) for i in problem.free]
    if prod(shape) <= entries:
        return list(product(*map(range, shape)))
    chosen = {tuple(rng.randrange(s) for s in shape) for _ in range(entries - 1)}
    return sorted(chosen | {(0,) * len(shape)})


def _compare(
    problem: Problem, shared: Valuations, point: Point, places: Sequence[Position], kinks: bool
) -> Counterexample | bool:
    """A counterexample, or whether the point gave any information."""
    agreed = False
    for precision in PRECISIONS:
        valuation = shared.at(point, problem.definitions, precision=precision, kinks=kinks or point.generic)
        undecided = []
        for place in places:
            indices = dict(zip(problem.free, place, strict=True))
            try:
                left, right = valuation.value(problem.left, indices), valuation.value(problem.right, indices)
            except IndexError:
                continue
            answer = _judge(left, right, precision)
            if answer is False:
                return _counterexample(problem, point, place, left, right)
            if answer is None:
                undecided.append(place)
            else:
                agreed = True
        places = undecided
        if not places:
            break
    return agreed


def _judge(left: Any, right: Any, precision: int) -> bool | None:
    """False: certainly different. True: equal to many digits. None: undefined or undecided at this precision."""
    if not (left.is_finite() and right.is_finite()):
        return None
    with ctx.workprec(precision):
        difference = left - right
        if 0 not in difference:
            return False
        scale = 1 + left.abs_upper() + right.abs_upper()
        return True if difference.rad() * arb(2) ** AGREEMENT_BITS < scale else None


def _counterexample(problem: Problem, point: Point, place: Position, left: Any, right: Any) -> Counterexample:
    inputs = shown((problem.left, problem.right), problem.inputs)
    return counterexample_at(problem.free, inputs, point, place, left, right)


def shown(sides: Sequence[Expr], inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The inputs that a counterexample names: random arrays that are averaged over have no value in it."""
    varying = any(map(is_random, sides))
    return tuple(t for t in inputs if varying or t.domain.random is None)


def counterexample_at(
    free: Sequence[Index], inputs: Sequence[Tensor], point: Point, place: Position, left: Any, right: Any
) -> Counterexample:
    """A point at which two sides were seen to be as they should not, for a reader."""
    names = [i.name if not (i.is_fresh or i.is_bound) else f"index {k}" for k, i in enumerate(free, 1)]
    values = {t.name: _nested(point.values[t], t.rank) for t in inputs if t in point.values}
    digits = next((d for d in (6, 12, 24, 48) if _decimal(left, d) != _decimal(right, d)), 100)
    return Counterexample(
        sizes={d.name: size for d, size in point.sizes.items()},
        values=values,
        at=dict(zip(names, place, strict=True)),
        left=_decimal(left, digits),
        right=_decimal(right, digits),
    )


def _decimal(ball: Any, digits: int) -> str:
    if 0 in ball:
        return "0"
    text: str = ball.mid().str(digits, radius=False)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def _nested(array: Mapping[Position, Any], rank: int) -> object:
    """Nested tuples of decimal strings; a scalar is one string."""
    if rank == 0:
        (value,) = array.values()
        with ctx.workprec(PRECISIONS[0]):
            return _decimal(arb(value), 12) if not isinstance(value, Expr) else str(value.evalf(12))
    rows: dict[int, dict[Position, Any]] = {}
    for (first, *rest), value in array.items():
        rows.setdefault(first, {})[tuple(rest)] = value
    return tuple(_nested(row, rank - 1) for row in rows.values())
