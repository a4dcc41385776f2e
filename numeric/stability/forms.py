"""Stable forms: functions that stability rewriting introduces and that have a safe way to be computed.

Each equals an ordinary expression (``as_elementary``); what it adds is the promise that it is evaluated without
overflow and without cancellation.
"""

from __future__ import annotations

import sympy
from sympy import Expr, Function, Mul

from ...calculus.functions import Indicator, NamedFunction, Where, absolute
from ...calculus.sums import BoundSum


class sech2(NamedFunction):
    """1 − tanh²."""

    is_positive = True

    def as_elementary(self) -> Expr:
        return 1 / sympy.cosh(self.args[0]) ** 2


class erfc(NamedFunction):
    """1 − erf (SymPy's own rewrites erfc(−x) into a difference, which cancels)."""

    is_positive = True

    def as_elementary(self) -> Expr:
        return 1 - sympy.erf(self.args[0])


class erfcx(NamedFunction):
    """exp(x²)·(1 − erf(x)) for x ≥ 0: erfc without its exponential."""

    is_positive = True

    def as_elementary(self) -> Expr:
        return sympy.exp(self.args[0] ** 2) * (1 - sympy.erf(self.args[0]))


class normal_tail(NamedFunction):
    """exp(x²/2)·(1 − Φ(x)) for x ≥ 0, where Φ is the normal distribution: erfcx(x/√2)/2, where x is not large."""

    is_positive = True

    def as_elementary(self) -> Expr:
        return sympy.exp(self.args[0] ** 2 / 2) * (1 - sympy.erf(self.args[0] / sympy.sqrt(2))) / 2


class normal_distribution(NamedFunction):
    """Φ(x), the probability of a normal variable below x, as |[x > 0] − (that of one beyond x)|: with all its digits.

    It serves where x is moderate, see :class:`normal_tail`.
    """

    is_positive = True

    def as_elementary(self) -> Expr:
        return (1 + sympy.erf(self.args[0] / sympy.sqrt(2))) / 2

    @property
    def beyond(self) -> Expr:
        """[x > 0] − Φ(−|x|), of which this is the absolute value."""
        (x,) = self.args
        return Indicator(x) - normal_tail(absolute(x)) * PlainExp(-Squared(x) / 2)


class HalfExp(NamedFunction):
    """exp(x/2): a factor of exp(x) that is still a normal number where exp(x) is none."""

    is_positive = True

    def as_elementary(self) -> Expr:
        return sympy.exp(self.args[0] / 2)


class WholeExp(NamedFunction):
    """exp(x), as the square of :class:`HalfExp`."""

    is_positive = True

    def as_elementary(self) -> Expr:
        return sympy.exp(self.args[0])


class PlainExp(NamedFunction):
    """exp(x) where x is neither so small nor so large that it has to be computed in another way."""

    is_positive = True

    def as_elementary(self) -> Expr:
        return sympy.exp(self.args[0])


class BoundedHalfExp(NamedFunction):
    """``BoundedHalfExp(x, k)``: exp(x/2), but 2ᵏ beyond it, where what is computed from it has reached its limit.

    A power of two is divided by, and multiplied with, without rounding.
    """

    nargs = 2  # type: ignore[assignment]
    is_positive = True

    def as_elementary(self) -> Expr:
        return sympy.exp(self.args[0] / 2)


class Beyond(NamedFunction):
    """``Beyond(f, x, b)``: x where x is beyond the number b, on the side of its sign, and f(x) is x there; else f."""

    nargs = 3  # type: ignore[assignment]

    def as_elementary(self) -> Expr:
        return self.args[0]  # type: ignore[return-value]


class Squared(NamedFunction):
    """x², which is a value of its own in higher powers of x."""

    def as_elementary(self) -> Expr:
        return self.args[0] ** 2


class InOrder(NamedFunction):
    """``InOrder(a, b)``: a·b, where a is computed first: it is small where b is large."""

    nargs = 2  # type: ignore[assignment]

    def as_elementary(self) -> Expr:
        return self.args[0] * self.args[1]


class ExactExp(NamedFunction):
    """exp(x) for a multiple x of a variable: what rounding takes from a large x is made good."""

    is_positive = True

    def as_elementary(self) -> Expr:
        return sympy.exp(self.args[0])


class Around(NamedFunction):
    """``Around(h, r)``: h·r·h, multiplied in that order, so that a large r meets only one small h at a time."""

    nargs = 2  # type: ignore[assignment]

    def as_elementary(self) -> Expr:
        return self.args[0] ** 2 * self.args[1]


class Select(NamedFunction):
    """``Select(x, a, b)``: a where x > 0, else b, of two values that are finite everywhere."""

    nargs = 3  # type: ignore[assignment]

    def as_elementary(self) -> Expr:
        return Where(*self.args)


class expm1(NamedFunction):
    """eˣ − 1."""

    def as_elementary(self) -> Expr:
        return sympy.exp(self.args[0]) - 1


class log1p(NamedFunction):
    """log(1 + x)."""

    def as_elementary(self) -> Expr:
        return sympy.log(1 + self.args[0])


class xlogx(NamedFunction):
    """x log x, with its limit 0 at x = 0."""

    def as_elementary(self) -> Expr:
        return self.args[0] * sympy.log(self.args[0])


class log_or_zero(NamedFunction):
    """log x, and 0 at x = 0: what is multiplied by x."""

    def as_elementary(self) -> Expr:
        return sympy.log(self.args[0])


class tanh_remainder(NamedFunction):
    """x − tanh(x), which cancels near 0."""

    def as_elementary(self) -> Expr:
        return self.args[0] - sympy.tanh(self.args[0])


class Clip(Function):
    """``Clip(x, low, high)``: x kept within bounds, which are numbers; an unbounded side is ±∞."""

    nargs = 3
    is_commutative = True
    is_real = True

    @classmethod
    def eval(cls, x: Expr, low: Expr, high: Expr) -> Expr | None:
        """Bounds within bounds are one pair."""
        if isinstance(x, Clip):
            return Clip(x.args[0], *(sympy.Min(sympy.Max(b, low), high) for b in x.args[1:]))
        return None


class finite(NamedFunction):
    """x, with the largest number of its dtype in place of an infinity: what vanishes there may be multiplied by it."""

    def as_elementary(self) -> Expr:
        return self.args[0]  # type: ignore[return-value]


class WeightedExponent(NamedFunction):
    """``WeightedExponent(v, w)``: the logarithm of w eᵛ for a weight w ≥ 0. It is −∞ where w is 0, whatever v is."""

    nargs = 2  # type: ignore[assignment]
    is_real = None  # type: ignore[assignment]

    def as_elementary(self) -> Expr:
        return self.args[0] + sympy.log(self.args[1])


class MaskedExponent(WeightedExponent):
    """A :class:`WeightedExponent` whose weight is 0 or 1: v, or −∞."""


class LogSumExp(NamedFunction):
    """log S, where S is a sum of exponentials: shifted by the largest exponent."""

    def as_elementary(self) -> Expr:
        return sympy.log(self.args[0])


class LogTotal(LogSumExp):
    """The same where its absolute error is what counts: a digit less is kept where S is near 1."""


class ShiftedRatio(NamedFunction):
    """What exp(u) / (S₁^k₁ ⋯) is a function of, where each S is a sum of exponentials: u, S₁, k₁, and so on."""

    nargs = tuple(range(3, 21, 2))  # type: ignore[assignment]

    @property
    def exponent(self) -> Expr:
        return self.args[0]  # type: ignore[return-value]

    @property
    def sums(self) -> tuple[tuple[BoundSum, int], ...]:
        rest = self.args[1:]
        return tuple((s, int(k)) for s, k in zip(rest[::2], rest[1::2], strict=True))  # type: ignore[arg-type, misc]


class ExpRatio(ShiftedRatio):
    """``ExpRatio(u, S₁, k₁, …)``: exp(u) / (S₁^k₁ ⋯), shifted by the largest exponent."""

    is_nonnegative = True

    def _eval_is_positive(self) -> bool | None:
        """A weighted exponential may be zero."""
        return None if self.args[0].has(MaskedExponent, WeightedExponent) else True

    def as_elementary(self) -> Expr:
        return Mul(sympy.exp(self.exponent), *(s**-k for s, k in self.sums))


class LogExpRatio(ShiftedRatio):
    """The logarithm of an :class:`ExpRatio`: u − k₁ log S₁ − …, shifted before anything is subtracted.

    It is no :class:`ExpRatio`: rows of logarithms do not sum to 1.
    """

    def as_elementary(self) -> Expr:
        return self.exponent - sum(k * sympy.log(s) for s, k in self.sums)


def is_exp_sum(expr: Expr) -> bool:
    """Σ exp(v), with nothing else in the body."""
    return isinstance(expr, BoundSum) and isinstance(expr.body, sympy.exp)
