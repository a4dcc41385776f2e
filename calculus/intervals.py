"""Where a value lies, for all inputs and sizes: intervals with exact ends, from an expression as it is written.

This is the sign checker of certificates: a sum of squares with non-negative weights is seen to be non-negative, and
nothing that is not seen is assumed. An interval holds wherever the expression is defined; :mod:`.definedness` says
where that is. Each term is taken by itself, so x − x lies anywhere: a certificate says why a difference has a sign.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy
from sympy import Add, Expr, Mul, Pow, Symbol

from .derivation import Definition
from .expectation import Expectation, Variance
from .functions import Indicator, Where, absolute, relu, sigmoid, softplus
from .lemmas import Gap
from .sums import BoundSum, Delta
from .tensors import Element, Index, Tensor

LARGEST_POWER = 64


@dataclass(frozen=True)
class Interval:
    """low … high; None is infinite. An end that is *open* is not attained."""

    low: Fraction | None = None
    high: Fraction | None = None
    low_open: bool = False
    high_open: bool = False

    @property
    def positive(self) -> bool:
        return self.low is not None and (self.low > 0 or (self.low == 0 and self.low_open))

    @property
    def nonnegative(self) -> bool:
        return self.low is not None and self.low >= 0

    @property
    def zero(self) -> bool:
        return self.low == 0 == self.high

    @property
    def nonzero(self) -> bool:
        return self.positive or (-self).positive

    def __neg__(self) -> Interval:
        return self.scaled(Fraction(-1))

    def scaled(self, by: Fraction) -> Interval:
        """The interval times a number."""
        if by == 0:
            return point(0)
        low = None if self.low is None else self.low * by
        high = None if self.high is None else self.high * by
        if by > 0:
            return Interval(low, high, self.low_open, self.high_open)
        return Interval(high, low, self.high_open, self.low_open)

    def __add__(self, other: Interval) -> Interval:
        return Interval(
            None if self.low is None or other.low is None else self.low + other.low,
            None if self.high is None or other.high is None else self.high + other.high,
            self.low_open or other.low_open,
            self.high_open or other.high_open,
        )

    def __mul__(self, other: Interval) -> Interval:
        if self.zero or other.zero:
            return point(0)
        if (-self).nonnegative and not self.nonnegative:
            return -((-self) * other)
        if (-other).nonnegative and not other.nonnegative:
            return -(self * (-other))
        if self.nonnegative and other.nonnegative:
            return _product(self, other)
        return _mixed(self, other)

    def hull(self, other: Interval) -> Interval:
        """The smallest interval around both."""
        low, low_open = _end(self.low, self.low_open, other.low, other.low_open, min)
        high, high_open = _end(self.high, self.high_open, other.high, other.high_open, max)
        return Interval(low, high, low_open, high_open)


def point(number: Fraction | int) -> Interval:
    return Interval(Fraction(number), Fraction(number))


REALS = Interval()
POSITIVE = Interval(Fraction(0), None, True)
NONNEGATIVE = Interval(Fraction(0))
UNIT = Interval(Fraction(0), Fraction(1))
AT_LEAST_ONE = Interval(Fraction(1))


def _end(
    a: Fraction | None, a_open: bool, b: Fraction | None, b_open: bool, choose: Callable[..., Fraction]
) -> tuple[Fraction | None, bool]:
    if a is None or b is None:
        return None, False
    if a == b:
        return a, a_open and b_open
    return (a, a_open) if choose(a, b) == a else (b, b_open)


def _product(a: Interval, b: Interval) -> Interval:
    """The product of two non-negative intervals, neither of which is {0}."""
    assert a.low is not None and b.low is not None
    low = a.low * b.low
    # A product is zero where one factor is; it attains another lower end only where both factors do.
    low_open = (a.positive and b.positive) if low == 0 else (a.low_open or b.low_open)
    if a.high is None or b.high is None:
        return Interval(low, None, low_open)
    return Interval(low, a.high * b.high, low_open, a.high_open or b.high_open)


def _mixed(a: Interval, b: Interval) -> Interval:
    ends = (a.low, a.high, b.low, b.high)
    if any(end is None for end in ends):
        return REALS
    products = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]  # type: ignore[operator]
    return Interval(min(products), max(products))


class Intervals:
    """Intervals over a list of definitions.

    known: what hypotheses say of the entries of a tensor, such as the slack of an inequality that is assumed.
    """

    def __init__(self, definitions: Iterable[Definition] = (), known: Mapping[Tensor, Interval] | None = None) -> None:
        self.definitions = {d.tensor: d for d in definitions}
        self.known = dict(known or {})
        self._memo: dict[Expr, Interval] = {}

    def __call__(self, expr: Expr) -> Interval:
        """An interval that holds every value of the expression, wherever it is defined."""
        found = self._memo.get(expr)
        if found is None:
            found = self._memo[expr] = self._of(expr)
        return found

    def _of(self, expr: Expr) -> Interval:
        if expr.is_Rational:
            return point(Fraction(int(expr.p), int(expr.q)))
        if expr in (sympy.pi, sympy.E):
            return AT_LEAST_ONE
        for kind, rule in RULES.items():
            if isinstance(expr, kind):
                return rule(self, expr)
        return REALS


# -- one rule for each kind of expression ---------------------------------------------------------------------------


def _element(at: Intervals, e: Element) -> Interval:
    found = _entry(at, e)
    return found if e.is_inside else found.hull(point(0))  # outside its array an element reads zero


def _entry(at: Intervals, e: Element) -> Interval:
    if e.tensor in at.known:
        return at.known[e.tensor]
    domain = e.tensor.domain
    if domain.onehot or domain.mask:
        return UNIT
    if domain.rows:
        return Interval(Fraction(0), Fraction(1), domain.positive)
    if domain.sign:
        return Interval(Fraction(-1), Fraction(1))
    if domain.unit:
        return Interval(Fraction(0), Fraction(1), True, True)
    if domain.positive:
        return POSITIVE
    if domain.nonnegative or domain.below is not None:
        return NONNEGATIVE
    definition = at.definitions.get(e.tensor)
    return REALS if definition is None else at(definition.at(*e.indices))


def _symbol(at: Intervals, expr: Expr) -> Interval:
    """A dimension is at least 1, an index at least 0."""
    if isinstance(expr, Index):
        return NONNEGATIVE
    return AT_LEAST_ONE if expr.is_integer and expr.is_positive else REALS


def _sum(at: Intervals, expr: Add) -> Interval:
    sizes = [t for t in expr.args if _is_size(t)]
    total = _sizes(Add(*sizes)) if sizes else point(0)
    for term in expr.args:
        if not _is_size(term):
            total = total + at(term)
    return total


def _is_size(expr: Expr) -> bool:
    """A polynomial in dimensions, or a number."""
    symbols = expr.free_symbols
    return not expr.atoms(Element) and (
        bool(expr.is_Rational)
        or (bool(symbols) and all(_is_dimension(s) for s in symbols) and bool(expr.is_polynomial(*symbols)))
    )


def _is_dimension(symbol: Any) -> bool:
    return (
        isinstance(symbol, Symbol) and not isinstance(symbol, Index) and bool(symbol.is_integer and symbol.is_positive)
    )


def _sizes(expr: Expr) -> Interval:
    """n² − n and the like: with every dimension as 1 plus something non-negative, its coefficients show a sign."""
    if expr.is_Rational:
        return point(Fraction(int(expr.p), int(expr.q)))
    symbols = sorted(expr.free_symbols, key=str)
    shifted = sympy.Poly(expr.subs({s: s + 1 for s in symbols}, simultaneous=True), *symbols)
    if not all(c.is_Rational for c in shifted.coeffs()):
        return REALS
    zero = shifted.coeff_monomial(1)
    lowest = Fraction(int(zero.p), int(zero.q))
    if all(c >= 0 for m, c in shifted.terms() if any(m)):
        return Interval(lowest)
    if all(c <= 0 for m, c in shifted.terms() if any(m)):
        return Interval(None, lowest)
    return REALS


def _times(at: Intervals, expr: Mul) -> Interval:
    coefficient, factors = expr.as_coeff_mul()
    if not coefficient.is_Rational:
        coefficient, factors = sympy.Integer(1), expr.args
    total = point(1)
    for factor in factors:
        total = total * at(factor)
    return total.scaled(Fraction(int(coefficient.p), int(coefficient.q)))


def _power(at: Intervals, expr: Pow) -> Interval:
    base, exponent = expr.args
    inner = at(base)
    if not exponent.is_Rational:
        if inner.positive:
            return POSITIVE
        return NONNEGATIVE if inner.nonnegative else REALS
    if not exponent.is_Integer:
        # A root is defined for a non-negative base only, and one in a denominator for a positive base only.
        if exponent < 0 or inner.positive:
            return POSITIVE
        return UNIT if inner.high is not None and inner.high <= 1 else NONNEGATIVE
    if exponent < 0:
        return _reciprocal(_whole_power(inner, int(-exponent)))
    return _whole_power(inner, int(exponent))


def _whole_power(inner: Interval, exponent: int) -> Interval:
    if exponent > LARGEST_POWER:
        return REALS if exponent % 2 else NONNEGATIVE
    if inner.nonnegative:
        total = point(1)
        for _ in range(exponent):
            total = total * inner
        return total
    if (-inner).nonnegative:
        total = _whole_power(-inner, exponent)
        return -total if exponent % 2 else total
    if exponent % 2:
        return REALS
    if inner.low is None or inner.high is None:
        return NONNEGATIVE
    return Interval(Fraction(0), max(-inner.low, inner.high) ** exponent)


def _reciprocal(inner: Interval) -> Interval:
    """1/x, where x is not zero."""
    if inner.nonnegative and not inner.zero:
        if inner.high is None:
            return POSITIVE
        return Interval(1 / inner.high, None, inner.high_open)
    if (-inner).nonnegative and not inner.zero:
        return -_reciprocal(-inner)
    return REALS


def _bound(at: Intervals, expr: BoundSum) -> Interval:
    """A sum of at least one term: what bounds each term on the side of zero bounds the sum."""
    body, _ = expr.open()
    one = at(body)
    low = (one.low, one.low_open) if one.nonnegative else (None, False)
    high = (one.high, one.high_open) if (-one).nonnegative else (None, False)
    return Interval(low[0], high[0], low[1], high[1])


def _exp(at: Intervals, expr: Expr) -> Interval:
    inner = at(expr.args[0])
    if inner.nonnegative:
        return Interval(Fraction(1), None, inner.positive)
    if (-inner).nonnegative:
        return Interval(Fraction(0), Fraction(1), True, (-inner).positive)
    return POSITIVE


def _log(at: Intervals, expr: Expr) -> Interval:
    above = at(expr.args[0]) + point(-1)
    if above.nonnegative:
        return Interval(Fraction(0), None, above.positive)
    if (-above).nonnegative:
        return Interval(None, Fraction(0), False, (-above).positive)
    return REALS


def _odd(largest: Fraction | None) -> Callable[[Intervals, Expr], Interval]:
    """A function with the sign of its argument, below ``largest`` in size."""

    def rule(at: Intervals, expr: Expr) -> Interval:
        inner = at(expr.args[0])
        low = None if largest is None else -largest
        if inner.nonnegative:
            return Interval(Fraction(0), largest, inner.positive, largest is not None)
        if (-inner).nonnegative:
            return Interval(low, Fraction(0), largest is not None, (-inner).positive)
        return Interval(low, largest, largest is not None, largest is not None)

    return rule


def _relu(at: Intervals, expr: Expr) -> Interval:
    inner = at(expr.args[0])
    return (
        inner if inner.nonnegative else Interval(Fraction(0), inner.high if not (-inner).nonnegative else Fraction(0))
    )


def _absolute(at: Intervals, expr: Expr) -> Interval:
    inner = at(expr.args[0])
    return inner if inner.nonnegative else -inner if (-inner).nonnegative else NONNEGATIVE


def _constant(interval: Interval) -> Callable[[Intervals, Expr], Interval]:
    return lambda at, expr: interval


RULES: dict[Any, Callable[[Intervals, Any], Interval]] = {
    Element: _element,
    Symbol: _symbol,
    Delta: _constant(UNIT),
    Indicator: _constant(UNIT),
    BoundSum: _bound,
    Expectation: lambda at, e: at(e.of[0]),
    Variance: _constant(NONNEGATIVE),
    Add: _sum,
    Mul: _times,
    Pow: _power,
    sympy.exp: _exp,
    sympy.log: _log,
    Where: lambda at, expr: at(expr.args[1]).hull(at(expr.args[2])),
    Gap: _constant(NONNEGATIVE),
    sigmoid: _constant(Interval(Fraction(0), Fraction(1), True, True)),
    softplus: _constant(POSITIVE),
    relu: _relu,
    absolute: _absolute,
    sympy.tanh: _odd(Fraction(1)),
    sympy.erf: _odd(Fraction(1)),
    sympy.sinh: _odd(None),
    sympy.atan: _odd(None),
    sympy.cosh: _constant(AT_LEAST_ONE),
    sympy.sin: _constant(Interval(Fraction(-1), Fraction(1))),
    sympy.cos: _constant(Interval(Fraction(-1), Fraction(1))),
}
