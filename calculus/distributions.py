"""Expectations evaluated exactly, over finite laws that meet what is assumed: the judge's own way, by enumeration.

The law of an independent entry has two or three values, with the mean and the variance that are stated and weights
drawn at random; a Gaussian has the three points of Gauss and Hermite, exact for polynomials up to degree 5 in it.
Arrays that are not independent share a few outcomes. Where no such law exists or the outcomes are too many, nothing is
said. The outcomes are walked as a tree: an entry is given a value when it is first read.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

import sympy
from flint import arb, fmpq
from sympy import Expr

from .code import Code, Slots
from .duals import ONE, UNDEFINED, ZERO, Number, Position, power, primal
from .expectation import Average, is_random
from .moments import Entrywise, Moments
from .sums import BoundSum, Delta
from .tensors import Element, Tensor

if TYPE_CHECKING:
    from .balls import Setup, World

#: More evaluations than this for one expectation are not made.
MOST_OUTCOMES = 1500
#: Degrees in Gaussian entries that the finite laws are exact for: of independent entries, and of joint ones.
EXACT_ALONE, EXACT_JOINT = 5, 3
#: One value of an entry and its weight.
Atom = tuple[Number, Number]


class Unassigned(Exception):
    """An entry is read that has no value in this outcome yet."""

    def __init__(self, tensor: Tensor, at: Position) -> None:
        super().__init__(tensor.name, at)
        self.tensor, self.at = tensor, at


class _Open(dict[Position, Number]):
    """The entries of one array in one outcome, of which only some are settled."""

    def __init__(self, tensor: Tensor, settled: dict[Position, Number]) -> None:
        super().__init__(settled)
        self.tensor = tensor

    def __bool__(self) -> bool:
        return True

    def get(self, at: Position, default: Any = None) -> Number:
        if at not in self:
            raise Unassigned(self.tensor, at)
        return self[at]


def parameters(tensor: Tensor) -> frozenset[Tensor]:
    """The tensors that the stated moments of a random array read."""
    found = tensor.domain.random
    return frozenset() if found is None else frozenset().union(*(e.atoms(Tensor) for e in found.parameters))


def averaged(expr: Expr, body: Code) -> Code:
    """The code of the expectation of an expression, whose own code is ``body``."""
    reads = frozenset(t for t in body.reads if t.domain.random is None or t.domain.random.derived)

    def run(w: World, e: Slots) -> Number:
        given = _reached(w.setup, body)
        if not given:
            return body.run(w, e)
        if not _is_exact(w.setup, expr, given):
            return UNDEFINED
        total, count = ZERO, 0
        for outcome, weight in _joint_outcomes(w, [t for t in given if not _law(t).independent]):
            waiting: list[tuple[dict[str, dict[Position, Number]], Number]] = [({}, weight)]
            while waiting:
                settled, share = waiting.pop()
                count += 1
                if count > MOST_OUTCOMES:
                    return UNDEFINED
                try:
                    total = total + share * body.run(_inside(w, given, outcome, settled), e)
                except Unassigned as asked:
                    name = asked.tensor.name
                    for value, part in _atoms(w, asked.tensor, asked.at):
                        now = {**settled, name: {**settled.get(name, {}), asked.at: value}}
                        waiting.append((now, share * part))
        return total

    return Code(run, body.slots, reads, body.sizes, body.opaque)


def _law(tensor: Tensor) -> Moments:
    assert tensor.domain.random is not None
    return tensor.domain.random


def _reached(setup: Setup, body: Code) -> list[Tensor]:
    """The random givens that an expression reads, directly or through definitions."""
    found: dict[str, Tensor] = {}
    seen: set[str] = set()
    queue = list(body.reads)
    while queue:
        tensor = queue.pop()
        if tensor.name in seen:
            continue
        seen.add(tensor.name)
        if tensor.name in setup.units:
            queue += setup.units[tensor.name][1].code.reads
        elif tensor.domain.random is not None:
            found[tensor.name] = tensor
    return [found[name] for name in sorted(found)]


def _inside(w: World, given: list[Tensor], outcome: dict[str, Any], settled: dict[str, Any]) -> World:
    """The world in which the random arrays have the values of one outcome."""
    from .balls import World

    names = frozenset(t.name for t in given)
    moving = names.union(*(w.setup.downstream(n) for n in names))
    world = World(w.setup, w, "", moving)
    world.ready = set(w.setup.units)  # nothing is evaluated before it is read: that would settle more than is needed
    for tensor in given:
        law = _law(tensor)
        world.arrays[tensor.name] = (
            _Open(tensor, settled.get(tensor.name, {})) if law.independent else outcome[tensor.name]
        )
    return world


# -- laws --------------------------------------------------------------------------------------------------------------


def _drawn(w: World, *what: object) -> random.Random:
    """Random numbers that depend on the point and on what they are for, and on nothing else."""
    salt = w.setup.laws.get("salt")
    if salt is None:
        root = w
        while root.parent is not None:
            root = root.parent
        values = [
            f"{name}{at}{primal(v).mid().str(8, radius=False)}"
            for name, array in sorted(root.arrays.items())
            if name not in w.setup.units
            for at, v in sorted(array.items())
        ]
        salt = w.setup.laws["salt"] = f"{sorted((str(d), s) for d, s in w.setup.sizes.items() if d.is_Symbol)}{values}"
    return random.Random(f"{what}{salt}")


def _number(w: World, moment: Entrywise, *at: int) -> Number:
    from .compiled import compiled

    return compiled(moment.body)(w, dict(zip(moment.indices, at, strict=True)) if moment.indices else {})


def _root(x: Number) -> Number:
    return ZERO if primal(x).is_exact() and primal(x) == 0 else power(x, fmpq(1, 2))


def _atoms(w: World, tensor: Tensor, at: Position) -> list[Atom]:
    """The law of one entry of an independent array."""
    law, rng = _law(tensor), _drawn(w, tensor.name, at)
    mean = None if law.mean is None else _number(w, law.mean, *at)
    if tensor.domain.mask or tensor.domain.positive:
        return _bounded(tensor, mean, law, rng)
    mean = arb(fmpq(rng.randint(-8, 8), 4)) if mean is None and not law.symmetric else ZERO if mean is None else mean
    spread = arb(fmpq(rng.randint(2, 9), 4)) if law.var is None else _root(_number(w, law.var, *at))
    if law.gaussian:
        steps = [(ZERO, fmpq(2, 3)), (arb(3).sqrt(), fmpq(1, 6)), (-arb(3).sqrt(), fmpq(1, 6))]
    elif law.symmetric:
        q = fmpq(rng.randint(1, 4), 8)
        far = (1 / arb(2 * q)).sqrt()
        steps = [(far, q), (-far, q), *([(ZERO, 1 - 2 * q)] if q != fmpq(1, 2) else [])]
    else:
        p = fmpq(rng.choice((1, 2, 4, 5)), 6)
        steps = [(arb((1 - p) / p).sqrt(), p), (-arb(p / (1 - p)).sqrt(), 1 - p)]
    return [(mean + spread * step, arb(weight)) for step, weight in steps]


def _bounded(tensor: Tensor, mean: Number | None, law: Moments, rng: random.Random) -> list[Atom]:
    """Positive entries, or entries 0 and 1; with a stated mean, but no stated variance."""
    if law.var is not None or law.gaussian or law.symmetric:
        return [(UNDEFINED, ONE)]
    if tensor.domain.mask:
        chance = arb(fmpq(rng.randint(1, 7), 8)) if mean is None else mean
        inside = primal(chance) >= 0 and primal(chance) <= 1
        return [(ONE, chance), (ZERO, 1 - chance)] if inside else [(UNDEFINED, ONE)]
    mean = arb(fmpq(rng.randint(1, 12), 4)) if mean is None else mean
    if not primal(mean) > 0:
        return [(UNDEFINED, ONE)]
    return [(mean * arb(fmpq(1, 2)), arb(fmpq(2, 3))), (mean * 2, arb(fmpq(1, 3)))]


def _joint_outcomes(w: World, tensors: list[Tensor]) -> Iterator[tuple[dict[str, Any], Number]]:
    """Equally likely outcomes of all arrays that may depend on each other."""
    if not tensors:
        yield {}, ONE
        return
    key = ("joint", *(t.name for t in tensors))
    found = w.setup.laws.get(key)
    if found is None:
        sizes = [len(_places(w, t)) for t in tensors if _law(t).cov is not None or _law(t).gaussian]
        half = max(2, *sizes) if sizes else 2
        arrays = {t.name: _outcomes(w, t, half) for t in tensors}
        found = [{name: found[k] for name, found in arrays.items()} for k in range(2 * half)]
        if not any(_law(t).parameters for t in tensors):
            w.setup.laws[key] = found
    for outcome in found:
        yield outcome, arb(fmpq(1, len(found)))


def _places(w: World, tensor: Tensor) -> list[Position]:
    return list(product(*map(range, w.setup.shape(tensor))))


def _outcomes(w: World, tensor: Tensor, half: int) -> list[dict[Position, Number]]:
    """The array in each of ``2 · half`` equally likely outcomes."""
    law, places = _law(tensor), _places(w, tensor)
    rng = _drawn(w, tensor.name, "joint", half)
    if tensor.domain.mask or tensor.domain.positive:
        if law.parameters or law.gaussian or law.symmetric:
            return [dict.fromkeys(places, UNDEFINED)] * (2 * half)
        choose = (lambda: rng.randint(0, 1)) if tensor.domain.mask else (lambda: fmpq(rng.randint(1, 12), 4))
        return [{at: arb(choose()) for at in places} for _ in range(2 * half)]
    if law.cov is not None or law.gaussian:
        rows = _correlated(w, tensor, places, half)
    else:
        rows = [{at: arb(fmpq(rng.randint(-16, 16), 4)) for at in places} for _ in range(2 * half)]
        if law.symmetric:
            rows = [{at: v if k % 2 else -v for at, v in rows[k // 2].items()} for k in range(2 * half)]
        rows = _standardised(w, law, places, rows)
    if law.mean is None:
        return rows
    means = {at: _number(w, law.mean, *at) for at in places}
    return [{at: v + means[at] for at, v in row.items()} for row in rows]


def _standardised(w: World, law: Moments, places: list[Position], rows: list[dict[Position, Number]]) -> Any:
    """Outcomes with mean 0 where a mean is stated, and with the variance that is stated."""
    out: list[dict[Position, Number]] = [{} for _ in rows]
    for at in places:
        values = [row[at] for row in rows]
        mean = sum(values, ZERO) / len(values)
        centred = [v - mean for v in values]
        if law.var is not None:
            own = sum((v * v for v in centred), ZERO) / len(values)
            factor = _root(_number(w, law.var, *at)) * (1 / own.sqrt())  # undefined where the draws are all the same
            centred = [v * factor for v in centred]
        shift = ZERO if law.mean is not None else mean
        for row, value in zip(out, centred, strict=True):
            row[at] = value + shift
    return out


def _correlated(w: World, tensor: Tensor, places: list[Position], half: int) -> list[dict[Position, Number]]:
    """Outcomes with mean 0 and the stated covariances: ±√half times a column of a root of the covariance matrix."""
    law = _law(tensor)
    rng = _drawn(w, tensor.name, "covariance")

    def entry(a: Position, b: Position) -> Number:
        if law.cov is not None and law.cov.indices:
            return _number(w, law.cov, *a, *b)
        if a == b:
            return _number(w, law.var, *a) if law.var is not None else ONE
        return _number(w, law.cov) if law.cov is not None else ZERO

    if law.cov is None:  # jointly Gaussian with any covariance
        triangle = {(i, j): arb(fmpq(rng.randint(1, 8), 4)) for i in range(len(places)) for j in range(i + 1)}
        if law.var is not None:
            for i, at in enumerate(places):
                size = _root(sum((triangle[i, j] ** 2 for j in range(i + 1)), ZERO))
                for j in range(i + 1):
                    triangle[i, j] = triangle[i, j] * _root(_number(w, law.var, *at)) / size
    else:
        triangle = {}
        for i, a in enumerate(places):
            for j, b in enumerate(places[: i + 1]):
                if not primal(entry(a, b)).overlaps(primal(entry(b, a))):
                    return [dict.fromkeys(places, UNDEFINED)] * (2 * half)
                rest = entry(a, b) + sum((-1 * triangle[i, k] * triangle[j, k] for k in range(j)), ZERO)
                triangle[i, j] = _root(rest) if i == j else rest * power(triangle[j, j], -1)
    scale = arb(half).sqrt()
    return [
        {at: triangle[i, k // 2] * (scale if k % 2 else -scale) if k // 2 <= i else ZERO for i, at in enumerate(places)}
        for k in range(2 * half)
    ]


# -- degrees -----------------------------------------------------------------------------------------------------------


def _is_exact(setup: Setup, expr: Expr, given: list[Tensor]) -> bool:
    """Whether the finite laws of Gaussian arrays give the expectation that every Gaussian law gives."""
    for kind, limit in ((True, EXACT_ALONE), (False, EXACT_JOINT)):
        names = frozenset(t.name for t in given if _law(t).gaussian and _law(t).independent is kind)
        if names:
            key = ("degree", expr, names)
            if key not in setup.laws:
                setup.laws[key] = degree(setup, expr, names)
            found = setup.laws[key]
            if found is None or found > limit:
                return False
    return True


def degree(setup: Setup, expr: Expr, names: frozenset[str]) -> int | None:
    """The degree of an expression as a polynomial in the entries of arrays; None where it is none."""
    if isinstance(expr, Element):
        if any(is_random(i) for i in expr.indices):
            return None
        if expr.tensor.name in names:
            return 1
        unit = setup.units.get(expr.tensor.name)
        return 0 if unit is None else degree(setup, unit[0].body, names)
    if isinstance(expr, Average) or not expr.args:
        return 0
    if isinstance(expr, BoundSum):
        return degree(setup, expr.body, names)
    parts = [degree(setup, a, names) for a in expr.args if isinstance(a, Expr)]
    known = [p for p in parts if p is not None]
    if len(known) < len(parts):
        return None
    if isinstance(expr, sympy.Add):
        return max(known)
    if isinstance(expr, sympy.Mul):
        return sum(known)
    if isinstance(expr, sympy.Pow) and expr.exp.is_Integer and expr.exp > 0:
        return known[0] * int(expr.exp)
    return None if any(known) or (isinstance(expr, Delta) and is_random(expr)) else 0
