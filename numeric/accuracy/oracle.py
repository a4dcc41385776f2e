"""Exact values of a function of one variable and of its derivatives: the definition in ball arithmetic.

Derivatives are read off dual numbers, never off a derived formula, except at a kink: there the convention of the entry
holds, which is what its derived formula states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf
from typing import Any

from flint import arb, ctx
from sympy import Expr

from ...calculus.balls import Setup, World
from ...calculus.compiled import Compiled, compiled
from ...calculus.derivation import Derivation
from ...calculus.duals import Position, primal
from ...calculus.functions import Indicator, Where, absolute, relu
from ...calculus.sums import Partial, occurrences
from ...calculus.tensors import Tensor
from ..plans import outputs
from .ulp import Format, rounded

#: Powers of two far beyond the range of every dtype, and multiples of each: how a quantity goes on from one to the next
#: tells its limit.
FAR, MULTIPLES = (1_100, 2_200, 4_400), (1.0, 1.3125, 1.625)

#: Bits of the first attempt and the most that are tried. Near 0 a difference of exponentials needs 1100 in float64.
PRECISION = 128
MAX_PRECISION = 8192


@dataclass(frozen=True)
class Quantity:
    """Something that is measured: a value or a derivative by its name in the derivation, and its order."""

    name: str
    order: int
    compiled: Compiled
    at_kink: Compiled


class Oracle:
    """The definition of a derivation with one free variable, at fixed parameters.

    parameters: numbers for the givens that have a default; they are taken as exact.
    """

    def __init__(self, derivation: Derivation, variable: Tensor, parameters: Mapping[str, float]) -> None:
        self.derivation, self.variable = derivation, variable
        given = {t.name for t in derivation.givens}
        named = {d.name: d for d in derivation.definitions}
        named |= {r.name: r.definition for r in derivation.results if r.name not in given and r.name not in named}
        self.setup = Setup(list(named.values()), {}, kinks=True)
        self.parameters: dict[str, dict[Position, Any]] = {n: {(): arb(value)} for n, value in parameters.items()}
        self.precision: dict[str, int] = {}

    @cached_property
    def quantities(self) -> dict[str, Quantity]:
        """The values that nothing else reads, and every wanted derivative, by name."""
        found = {}
        for d in outputs(self.derivation):
            code = compiled(d.tensor())
            found[d.name] = Quantity(d.name, 0, code, code)
        for r in self.derivation.wanted:
            if r.of is not None and r.wrt and not r.indices:
                expr: Expr = r.of()
                for t in r.wrt:
                    expr = Partial(expr, t())
                found[r.name] = Quantity(r.name, len(r.wrt), compiled(expr), compiled(r.expr))
        return found

    @cached_property
    def switches(self) -> tuple[Compiled, ...]:
        """The quantities at whose zeros a case changes."""
        found: dict[Expr, None] = {}
        for d in self.derivation.definitions:
            for kind in (Where, Indicator, relu, absolute):
                found.update(dict.fromkeys(e.args[0] for e in occurrences(d.body, kind)))
        return tuple(compiled(e) for e in found)

    def exact(self, name: str, x: float, format: Format) -> Any | None:
        """A ball much narrower than a unit of its value in the format; None where the value is undefined."""
        quantity = self.quantities[name]
        precision = self.precision.get(name, PRECISION)
        first = True
        while precision <= MAX_PRECISION:
            ball = self._ball(quantity, x, precision)
            if rounded(ball, format) is not None:
                # The next point is near: it needs about as many bits, and perhaps fewer.
                self.precision[name] = max(PRECISION, precision // 2) if first else precision
                return ball
            precision, first = precision * 2, False
        self.precision[name] = PRECISION
        return None

    def limit(self, name: str, sign: int, format: Format) -> Any | None:
        """What a quantity tends to as x goes to ±∞: a ball, which is beyond the range for an infinity.

        The quantity is evaluated at numbers far beyond the range. It is None where it neither settles at what is one
        and the same number for the format, nor grows from one of them to the next.
        """
        balls: list[Any] = [self._far(name, sign * multiple, power) for power in FAR for multiple in MULTIPLES]
        found = [None if b is None else rounded(b, format) for b in balls]
        if None in found:
            return None
        if len({(f[0], abs(f[1]) == inf) for f in found if f is not None}) == 1:
            return balls[-1]
        first, second, third = balls[:: len(MULTIPLES)]
        for side in (1, -1):
            grows = all(side * (b - a) > 0 for a, b in pairwise(balls))
            if grows and side * first > 0 and 1 < side * (second - first) < side * (third - second):
                return side * arb(2) ** (format.highest + 2)
        return None

    def _far(self, name: str, multiple: float, power: int) -> Any | None:
        quantity = self.quantities[name]
        for precision in (2 * PRECISION, 5 * power):
            with ctx.workprec(precision):
                ball = primal(quantity.compiled(self._world(multiple * arb(2) ** power), {}))
            if ball.is_finite() and (ball.rel_accuracy_bits() > 64 or abs(ball) < arb(2) ** -power):
                return ball
        return None

    def _ball(self, quantity: Quantity, x: float, precision: int) -> Any:
        with ctx.workprec(precision):
            world = self._world(x)
            code = quantity.at_kink if quantity.order and self._at_kink(world) else quantity.compiled
            return primal(code(world, {}))

    def _world(self, x: Any) -> World:
        world = World(self.setup, None, "", frozenset())
        world.arrays = {**self.parameters, self.variable.name: {(): arb(x)}}
        return world

    def _at_kink(self, world: World) -> bool:
        return any(primal(s(world, {})).is_zero() for s in self.switches)

    def signs(self, x: float) -> tuple[int, ...] | None:
        """The sign of every switch at a point: −1, 0 or 1; None where a ball does not tell."""
        with ctx.workprec(PRECISION):
            world = self._world(x)
            found = [sign(primal(s(world, {}))) for s in self.switches]
        return None if None in found else tuple(k for k in found if k is not None)

    def sign(self, name: str, x: float) -> int | None:
        """The sign of a quantity at a point; None where narrow balls do not tell."""
        quick = sign(self._ball(self.quantities[name], x, 2 * PRECISION))
        return sign(self._ball(self.quantities[name], x, 20 * PRECISION)) if quick is None else quick


def sign(ball: Any) -> int | None:
    """−1, 0 or 1; None where the ball does not tell."""
    return 1 if ball > 0 else -1 if ball < 0 else 0 if ball.is_zero() else None
