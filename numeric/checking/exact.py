"""Exact values and how far they move: the formulas of a derivation in ball arithmetic, at exactly the tested inputs.

Next to every value stands its movement: the largest change when every continuous input and every named intermediate
moves by one unit of rounding, with random signs. A named intermediate counts because a program that rounds it correctly
cannot do better than that; so does a sum inside a formula (the Σ of ``P (dP − Σ P dP)``), which has no name but is
computed and rounded before it is subtracted.

A few patterns of signs tell how far a sum of many terms moves. Of a sum of two terms that nearly cancel, they may all
move both terms alike, and such a sum does not seem to move at all. So where a movement is about to decide that a value
is wrong, it is taken from many patterns first (see :meth:`ExactArray.closer`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from itertools import product
from typing import Any

import numpy as np
import sympy
from flint import arb
from sympy import Add, Expr, Symbol

from ...calculus.balls import Valuation
from ...calculus.derivation import Definition, Derivation
from ...calculus.functions import Indicator, Unknown, Where, absolute, relu
from ...calculus.sums import BoundSum, rebuild
from ...calculus.tensors import Element, Tensor
from .movement import ROUNDING, Moving, twin, twin_of

#: Bits of the first attempt; more are taken where a ball is too wide for the comparison.
PRECISION = 256
MAX_PRECISION = 16384

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ExactArray:
    """Exact entries (balls, in an object array), and how far each moves under one rounding of what it depends on.

    movement: from one pattern of signs; what is correct is mostly within that already.
    kink: True where the value rests on the convention at a kink.
    rest: the movements from a few more patterns, and from many, each computed when it is asked for.
    """

    values: Array
    movement: Array
    kink: Array
    rest: tuple[Callable[[], Array], ...] = ()

    def closer(self) -> ExactArray:
        """The same with a movement from more patterns of signs, where that is larger."""
        if not self.rest:
            return self
        return replace(self, movement=np.maximum(self.movement, self.rest[0]()), rest=self.rest[1:])

    def closest(self) -> ExactArray:
        """The same with a movement from all patterns of signs."""
        found = self
        while found.rest:
            found = found.closer()
        return found


class Judge:
    """The definitions and results of one derivation, ready to be evaluated exactly.

    An unspecified function g is judged with g = tanh.
    """

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        given = {t.name for t in derivation.givens}
        named = [*derivation.definitions, *(r.definition for r in derivation.results if r.name not in given)]
        self.definitions = {d.name: Definition(d.tensor, d.indices, _specific(d.body)) for d in named}
        self.noise = {name: Tensor(f"·{name}", d.tensor.dims) for name, d in self.definitions.items()}

    @cached_property
    def sums(self) -> dict[str, Tensor]:
        """Noise for the terms with sums inside the formulas, by the definition that holds them."""
        counts = {n: len(_inner_sums(d)) for n, d in self.definitions.items()}
        return {n: Tensor(f"·sums of {n}", (k, *self.definitions[n].tensor.dims)) for n, k in counts.items() if k}

    @cached_property
    def rounded(self) -> tuple[Definition, ...]:
        """Every definition, and every sum inside it, times 1 + ε s, with a sign s of its own for each entry."""

        def noisy(name: str, d: Definition) -> Definition:
            signs = {e: Element(self.sums[name], k, *d.indices) for k, e in enumerate(_inner_sums(d))}
            body = rebuild(d.body, lambda e: e * (1 + ROUNDING() * signs[e]) if e in signs else None)
            sign = Element(self.noise[name], *d.indices)
            return Definition(d.tensor, d.indices, body * (1 + ROUNDING() * sign))

        return tuple(noisy(name, d) for name, d in self.definitions.items())

    @cached_property
    def held(self) -> tuple[Definition, ...]:
        """The rounded definitions, in which every case is decided by what is not rounded."""

        def unmoved(expr: Expr) -> Expr:
            return rebuild(expr, lambda e: twin(e) if isinstance(e, Element) else None)

        def leaf(e: Expr) -> Expr | None:
            if isinstance(e, relu | absolute):
                return rebuild(e.as_elementary(), leaf)
            if isinstance(e, Where):
                return Where(unmoved(e.args[0]), *(rebuild(branch, leaf) for branch in e.args[1:]))
            return Indicator(unmoved(e.args[0])) if isinstance(e, Indicator) else None

        rounded = (replace(d, body=rebuild(d.body, leaf)) for d in self.rounded)
        plain = (Definition(twin_of(d.tensor), d.indices, unmoved(d.body)) for d in self.definitions.values())
        return (*plain, *rounded)

    def evaluate(
        self,
        names: Iterable[str],
        sizes: Mapping[Symbol, int],
        values: Mapping[Tensor, Array],
        eps: float,
        rng: np.random.Generator,
        *,
        held: bool = False,
    ) -> dict[str, ExactArray]:
        """Exact arrays of definitions and results by name. eps is the unit of rounding of the tested dtype.

        held: every case distinction is decided without a rounding, so nothing crosses a kink when it moves.
        Entries that are undefined at the inputs (log of zero) are ``nan`` balls.
        """
        wanted = [self.definitions[n].tensor for n in names]
        precision = PRECISION
        exact = self.at(wanted, sizes, values, precision)
        seed = int(rng.integers(2**32))
        moving = Moving(self, wanted, sizes, values, exact, eps, precision, held, seed)
        movement = moving.first()
        while precision < MAX_PRECISION and not all(_narrow(exact[t.name], movement[t.name], eps) for t in wanted):
            precision *= 4
            exact = self.at(wanted, sizes, values, precision)
            moving = Moving(self, wanted, sizes, values, exact, eps, precision, held, seed)
            movement = moving.first()
        kink = {t.name: np.zeros(exact[t.name].shape, dtype=bool) for t in wanted}
        if self.has_kinks:
            smooth = self.at(wanted, sizes, values, precision, kinks=False)
            kink = {n: _undefined(smooth[n]) & ~_undefined(exact[n]) for n in kink}
        rest = {t.name: (cache(partial(moving.largest, t)), cache(partial(moving.spread, t))) for t in wanted}
        return {n: ExactArray(e, movement[n], kink[n], rest[n]) for n, e in exact.items()}

    @cached_property
    def has_kinks(self) -> bool:
        return any(d.body.has(Where, Indicator, relu, absolute) for d in self.definitions.values())

    def at(
        self,
        wanted: Sequence[Tensor],
        sizes: Mapping[Symbol, int],
        values: Mapping[Tensor, Array],
        precision: int,
        *,
        definitions: Sequence[Definition] = (),
        kinks: bool = True,
    ) -> dict[str, Array]:
        """Balls of definitions and results by name, at one precision in bits.

        definitions: others in place of the exact ones, such as the rounded ones, with ε and the signs among the values.
        kinks: False leaves entries that rest on the convention at a kink undefined.
        """
        definitions = definitions or tuple(self.definitions.values())
        inputs = {t: _entries(v) for t, v in values.items()}
        valuation = Valuation(definitions, sizes, inputs, precision=precision, kinks=kinks)
        found = {t.name: _object_array(valuation.array(t)) for t in wanted}
        valuation.forget()
        return found

    def entries(
        self,
        name: str,
        positions: Iterable[tuple[int, ...]],
        sizes: Mapping[Symbol, int],
        values: Mapping[Tensor, Array],
        precision: int = PRECISION,
    ) -> list[Any]:
        """Balls of a few entries of one result; nothing is computed or converted that they do not need."""
        lazy = {t: LazyBalls(v) for t, v in values.items()}
        valuation = Valuation(list(self.definitions.values()), sizes, lazy, precision=precision, lazily=True)
        return [valuation.element(self.definitions[name].tensor, at) for at in positions]


class LazyBalls(dict[tuple[int, ...], Any]):
    """The entries of an array as balls, made when they are asked for."""

    def __init__(self, array: Array) -> None:
        super().__init__()
        self.values_at = np.asarray(array)

    def __bool__(self) -> bool:
        return True

    def __contains__(self, at: object) -> bool:
        return self.get(at) is not None

    def __missing__(self, at: tuple[int, ...]) -> Any:
        if len(at) != self.values_at.ndim or not all(0 <= p < s for p, s in zip(at, self.values_at.shape, strict=True)):
            raise KeyError(at)
        found = self[at] = arb(float(self.values_at[at]))
        return found

    def get(self, at: Any, default: Any = None) -> Any:
        try:
            return self[at]
        except KeyError:
            return default


def _inner_sums(d: Definition) -> tuple[Expr, ...]:
    """The terms with a sum over an index that a formula adds up: each is rounded before the addition may cancel it.

    A sum that is only a factor moves the formula as a whole, which moves anyway.
    """
    found: dict[Expr, None] = {}

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Add):
            found.update(dict.fromkeys(t for t in e.args if t.has(BoundSum)))
            return e
        return e if isinstance(e, BoundSum) else None

    rebuild(d.body, leaf)
    return tuple(found)


def _specific(body: Expr) -> Expr:
    """Unspecified functions become tanh and its derivatives."""

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Unknown):
            x = Symbol("x", real=True)
            return sympy.tanh(x).diff(x, e.order).xreplace({x: rebuild(e.argument, leaf)})
        return None

    return rebuild(body, leaf)


def _entries(v: Array) -> dict[tuple[int, ...], Any]:
    positions = product(*map(range, v.shape))
    return {at: x if isinstance(x, arb) else arb(float(x)) for at, x in zip(positions, np.ravel(v), strict=True)}


def _object_array(entries: Mapping[tuple[int, ...], Any]) -> Array:
    shape = tuple(m + 1 for m in max(entries)) if entries else ()
    return _reshaped(list(entries.values()), shape)


def _reshaped(items: list[Any], shape: tuple[int, ...]) -> Array:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array.reshape(shape)


def _narrow(exact: Array, movement: Array, eps: float) -> bool:
    """The balls are much narrower than any error that would be tolerated."""
    for ball, moved in zip(exact.ravel(), movement.ravel(), strict=True):
        if not ball.is_finite():
            return False
        if float(ball.rad()) > 1e-3 * (float(moved) + eps * abs(float(ball.mid()))) + 1e-330:
            return False
    return True


def _undefined(exact: Array) -> Array:
    return np.array([not b.is_finite() for b in exact.ravel()], dtype=bool).reshape(exact.shape)


def as_floats(exact: Array) -> Array:
    """Midpoints as float64, 0 where a ball cannot be told from it; nan where undefined."""
    flat = [(0.0 if y.contains(0) else float(y.mid())) if y.is_finite() else np.nan for y in exact.ravel()]
    return np.array(flat, dtype=float).reshape(exact.shape)


def digits(ball: Any) -> str:
    """A ball for a report."""
    if not ball.is_finite():
        return "undefined"
    return "0" if ball.contains(0) else str(ball.str(17, radius=False))


def joined(points: Sequence[ExactArray], shape: tuple[int, ...]) -> ExactArray:
    """An array of which every entry was evaluated by itself."""

    def of(entries: Iterable[Any], kind: type) -> Array:
        return np.array([kind(e[()]) for e in entries], dtype=kind).reshape(shape)

    def later(stage: int) -> Array:
        return of((p.rest[stage]() for p in points), float)

    values = _reshaped([p.values[()] for p in points], shape)
    movement, kink = of((p.movement for p in points), float), of((p.kink for p in points), bool)
    stages = min((len(p.rest) for p in points), default=0)
    return ExactArray(values, movement, kink, tuple(partial(later, stage) for stage in range(stages)))
