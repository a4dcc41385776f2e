"""Dual numbers over balls: a value and its partial derivatives, for the rigorous judge.

A number is a ball (``arb``) or a :class:`Dual` whose value and partial derivatives are numbers again, of a lower level:
a dual of duals carries second derivatives. The derivatives of the scalar functions are stated here anew, so an error in
the rules of differentiation cannot repeat itself in the judge.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from flint import arb, fmpq

Position = tuple[int, ...]
Number = Any  # arb | Dual: the operators of either accept both

ZERO, ONE = arb(0), arb(1)
UNDEFINED = arb.nan()


class Dual:
    """``value + Σ_p parts[p] ε_p`` at a level, with ε_p ε_q = 0. A position not in ``parts`` has derivative 0."""

    __slots__ = ("level", "parts", "value")

    def __init__(self, level: int, value: Number, parts: Mapping[Position, Number]) -> None:
        self.level = level
        self.value = value
        self.parts = parts

    def chain(self, value: Number, slope: Number) -> Dual:
        """f(self), given f and its derivative at the value."""
        return Dual(self.level, value, {at: slope * part for at, part in self.parts.items()})

    def __add__(self, other: Number) -> Dual:
        if other.__class__ is Dual:
            if other.level == self.level:
                parts = dict(self.parts)
                for at, part in other.parts.items():
                    parts[at] = parts[at] + part if at in parts else part
                return Dual(self.level, self.value + other.value, parts)
            if other.level > self.level:
                return Dual(other.level, other.value + self, other.parts)
        return Dual(self.level, self.value + other, self.parts)

    __radd__ = __add__

    def __mul__(self, other: Number) -> Dual:
        if other.__class__ is Dual:
            if other.level == self.level:
                a, b = self.value, other.value
                parts = {at: part * b for at, part in self.parts.items()}
                for at, part in other.parts.items():
                    parts[at] = parts[at] + part * a if at in parts else part * a
                return Dual(self.level, a * b, parts)
            if other.level > self.level:
                return Dual(other.level, other.value * self, {at: part * self for at, part in other.parts.items()})
        return Dual(self.level, self.value * other, {at: part * other for at, part in self.parts.items()})

    __rmul__ = __mul__

    def __neg__(self) -> Dual:
        return self.__mul__(-1)

    def __sub__(self, other: Number) -> Dual:
        return self.__add__(-other)

    def __rsub__(self, other: Number) -> Dual:
        return self.__neg__().__add__(other)


def total(terms: Sequence[Number]) -> Number:
    """The sum of numbers; merges the partial derivatives of many terms at once."""
    plain, duals = ZERO, []
    for term in terms:
        if term.__class__ is Dual:
            duals.append(term)
        else:
            plain = plain + term
    if not duals:
        return plain
    level = max(d.level for d in duals)
    values: list[Number] = [plain]
    parts: dict[Position, list[Number]] = {}
    for dual in duals:
        if dual.level < level:
            values.append(dual)
            continue
        values.append(dual.value)
        for at, part in dual.parts.items():
            parts.setdefault(at, []).append(part)
    return Dual(level, total(values), {at: ps[0] if len(ps) == 1 else total(ps) for at, ps in parts.items()})


def primal(x: Number) -> Any:
    """The ball of a number, without its derivatives."""
    while x.__class__ is Dual:
        x = x.value
    return x


@dataclass(frozen=True)
class Scalar:
    """A function of one real variable on balls, and its derivative ``slope(x, f(x))`` on numbers."""

    at: Callable[[Any], Any]
    slope: Callable[[Number, Number], Number]

    def __call__(self, x: Number) -> Number:
        if x.__class__ is Dual:
            y = self(x.value)
            return x.chain(y, self.slope(x.value, y))
        return self.at(x)


def power(x: Number, exponent: int | fmpq) -> Number:
    """x to a constant exponent; undefined where it is not real."""
    if x.__class__ is Dual:
        return x.chain(power(x.value, exponent), _exact(exponent) * power(x.value, exponent - 1))
    if exponent.__class__ is int and 0 < exponent < 64 and x.contains(0):  # type: ignore[operator]
        return prod([x] * exponent, start=arb(1))  # type: ignore[operator]  # python-flint's own power is nan here
    return x**exponent


def _exact(number: int | fmpq) -> Any:
    return arb(number)


def general_power(x: Number, exponent: Number) -> Number:
    """x to an exponent that varies: eᵉˡᵒᵍˣ, and for an exact integer exponent an ordinary power."""
    if exponent.__class__ is Dual:
        return EXP(exponent * LOG(x))
    if exponent.is_integer():
        return power(x, int(exponent.unique_fmpz()))
    if x.__class__ is Dual:
        return x.chain(general_power(x.value, exponent), exponent * general_power(x.value, exponent - 1))
    return x**exponent


def _reciprocal(x: Number) -> Number:
    return power(x, -1)


def _softplus(x: Any) -> Any:
    return x.exp().log1p() if x < 0 else x + (-x).exp().log1p()


def _sigmoid(x: Any) -> Any:
    if x < 0:
        e = x.exp()
        return e / (1 + e)
    return 1 / (1 + (-x).exp())


def _bell(x: Number) -> Number:
    return EXP(-(x * x)) * (2 / arb.const_sqrt_pi())


EXP: Scalar = Scalar(lambda x: x.exp(), lambda x, y: y)
LOG: Scalar = Scalar(lambda x: x.log(), lambda x, y: _reciprocal(x))
SIN: Scalar = Scalar(lambda x: x.sin(), lambda x, y: COS(x))
COS: Scalar = Scalar(lambda x: x.cos(), lambda x, y: -SIN(x))
SINH: Scalar = Scalar(lambda x: x.sinh(), lambda x, y: COSH(x))
COSH: Scalar = Scalar(lambda x: x.cosh(), lambda x, y: SINH(x))
SIGMOID: Scalar = Scalar(_sigmoid, lambda x, y: y * (1 - y))

#: By the name of the function's class.
SCALARS: dict[str, Scalar] = {
    "exp": EXP,
    "log": LOG,
    "sin": SIN,
    "cos": COS,
    "sinh": SINH,
    "cosh": COSH,
    "tan": Scalar(lambda x: x.tan(), lambda x, y: 1 + y * y),
    "tanh": Scalar(lambda x: x.tanh(), lambda x, y: 1 - y * y),
    "asinh": Scalar(lambda x: x.asinh(), lambda x, y: power(1 + x * x, fmpq(-1, 2))),
    "atanh": Scalar(lambda x: x.atanh(), lambda x, y: _reciprocal(1 - x * x)),
    "asin": Scalar(lambda x: x.asin(), lambda x, y: power(1 - x * x, fmpq(-1, 2))),
    "acos": Scalar(lambda x: x.acos(), lambda x, y: -power(1 - x * x, fmpq(-1, 2))),
    "atan": Scalar(lambda x: x.atan(), lambda x, y: _reciprocal(1 + x * x)),
    "erf": Scalar(lambda x: x.erf(), lambda x, y: _bell(x)),
    "erfc": Scalar(lambda x: x.erfc(), lambda x, y: -_bell(x)),
    "sigmoid": SIGMOID,
    "softplus": Scalar(_softplus, lambda x, y: SIGMOID(x)),
}


def unknown(name: str, order: int) -> Scalar:
    """The derivative of that order of a concrete smooth function g(x) = sin(ax + b) + cx²/2 that stands for ``name``.

    The constants come from the name, so unlike names are unlike functions.
    """
    seed = zlib.crc32(name.encode())
    a, b, c = fmpq(5 + seed % 7, 8), fmpq(1 + seed // 7 % 13, 8), fmpq(3 + seed // 91 % 5, 8)

    def at(x: Any) -> Any:
        angle = a * x + b
        wave = (angle.sin(), angle.cos(), -angle.sin(), -angle.cos())[order % 4] * a**order
        bowl = (c * x * x / 2, c * x, arb(c))
        return wave + bowl[order] if order < len(bowl) else wave

    return Scalar(at, lambda x, y: unknown(name, order + 1)(x))
