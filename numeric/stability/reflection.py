"""Functions of one variable that mix powers of it with saturating functions: one exponential that only ever decays.

With E = exp(−|w|), every sigmoid(w), tanh(w/2), … is a rational function of E on either side of w = 0, and with
C = erfcx(|y|), E = exp(−y²) so are erf(y) and erfc(y). So x·σ(x) and its like are, on the left, E^m·N(|x|, E)/D(E) with
nothing in it that overflows. Often the right side is the mirror image of the left one plus or minus a polynomial,
as in x·σ(x) = max(x, 0) − |x|·σ(−|x|); then one side serves for both.

Where a power of x multiplies E, the product is written h·(…)·h with h = exp(−|w|/2): E alone would lose its digits
before the product does. Each form is equal to the expression that it replaces, for all values of the variable.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sympy
from sympy import Add, Dummy, Expr, Mul, Pow, S, exp, tanh

from ...calculus.functions import Indicator, Where, absolute, relu, sigmoid, softplus
from ...calculus.tensors import Element
from .forms import Around, Clip, HalfExp, Select, WholeExp, erfc, erfcx, expm1, finite, sech2
from .saturation import SATURATED, is_exact, radius

#: For each saturating function f(u), the multiple of u whose exponential it is a rational function of.
MULTIPLES: dict[type[Expr], int] = {sigmoid: 1, exp: 1, softplus: 1, tanh: 2, sech2: 2}
BELLS = (sympy.erf, erfc)
SATURATING = (*MULTIPLES, *BELLS)

#: The highest power of E that an argument may stand for: beyond it the polynomials are no good any more.
HIGHEST = 8

#: |x|, |w|, E and C.
A, W, E, C = (Dummy(letter, positive=True) for letter in "awEC")


class NotRational(Exception):
    """The expression is no rational function of E and the variable."""


def reflected(expr: Expr) -> Expr:
    """The form in one decaying exponential, where an expression of one variable has one that is better; else itself."""
    variables = [e for e in expr.atoms(Element) if e.tensor.domain.value is None]
    if len(variables) != 1 or not expr.has(*SATURATING) or not mixes(expr, variables[0]):
        return expr
    try:
        return Reflection.of(expr, variables[0]).form(expr)
    except NotRational:
        return expr


def mixes(expr: Expr, x: Expr) -> bool:
    """Whether x multiplies a saturating function of x, or one such function stands in another."""
    outer = Dummy()

    def hide(e: Expr) -> Expr:
        if isinstance(e, SATURATING):
            return outer
        return e if not e.args or isinstance(e, Element) else e.func(*map(hide, e.args))  # type: ignore[arg-type]

    if any(e.args[0].has(*SATURATING) for e in expr.atoms(*SATURATING)):
        return True
    products = hide(expr).atoms(Mul)
    return any(m.has(x) and any(f.has(outer) for f in m.args) and any(f.has(x) for f in m.args) for m in products)


@dataclass
class Reflection:
    """x: the variable. exponent: w, or y² for the bell. bell: y, for the functions erf and erfc.

    even: the exponent is the same for x and −x. scaled: it is βx with a parameter β, of either sign if it is signed.
    hidden: parameters and irrational constants by the symbol that stands for them.
    """

    x: Expr
    exponent: Expr = S.Zero
    bell: Expr | None = None
    even: bool = False
    scaled: bool = False
    signed: bool = False
    hidden: dict[Expr, Expr] = field(default_factory=dict)

    @classmethod
    def of(cls, expr: Expr, x: Expr) -> Reflection:
        found = cls(x)
        plain = found.hide(expr)
        bells = [e.args[0] for e in plain.atoms(*BELLS)]
        arguments = [MULTIPLES[type(e)] * e.args[0] for e in plain.atoms(*MULTIPLES) if not e.args[0].has(*SATURATING)]
        if bells:
            found.bell = _positive(bells[0])
            found.exponent, found.even = found.hide(found.shown(found.bell, x) ** 2), True
            if any(_ratio(b, found.bell) not in (1, -1) for b in bells):
                raise NotRational
        elif arguments:
            found.exponent = _unit(arguments)
            found.even = _parity(found.exponent) == 0
        slope = found.exponent / A
        found.scaled = found.hidden.get(slope, S.One).has(Element)
        found.signed = found.scaled and not slope.is_positive
        if _parity(found.exponent) is None and not found.signed:
            raise NotRational
        return found

    # --- the two sides ---

    def hide(self, e: Expr) -> Expr:
        """x as a symbol; parameters and irrational factors as symbols too."""
        if e == self.x:
            return A
        if isinstance(e, Element) or (e.is_number and not e.is_Rational):
            return self._symbol(e)
        if isinstance(e, Mul):
            numbers = [f for f in e.args if f.is_number and not f.is_Rational]
            rest = [self.hide(f) for f in e.args if f not in numbers]
            return Mul(*rest, *([self._symbol(Mul(*numbers))] if numbers else []))
        return e.func(*(self.hide(a) for a in e.args)) if e.args else e  # type: ignore[arg-type]

    def _symbol(self, e: Expr) -> Expr:
        for symbol, hidden in self.hidden.items():
            if hidden == e:
                return symbol
        symbol = Dummy(positive=True) if e.is_positive else Dummy(real=True)
        self.hidden[symbol] = e
        return symbol

    def side(self, e: Expr, sign: int) -> Expr:
        """e, whose variable is x = ±a, as a rational function of a, E and C."""
        if e is A:
            return sign * A
        if not e.args:
            return e
        if isinstance(e, Add | Mul):
            return e.func(*(self.side(a, sign) for a in e.args))  # type: ignore[arg-type]
        if isinstance(e, Pow) and e.exp.is_Integer:
            return Pow(self.side(e.base, sign), e.exp)
        if isinstance(e, sympy.erf | erfc) and self.bell is not None:
            right = sign * _ratio(e.args[0], self.bell) == 1
            tail = E * C if right else 2 - E * C
            return tail if isinstance(e, erfc) else 1 - tail
        if isinstance(e, exp):
            return self.power(e.args[0], sign)
        if type(e) in MULTIPLES and not isinstance(e, softplus):
            q = self.power(MULTIPLES[type(e)] * e.args[0], sign)
            if isinstance(e, tanh):
                return (q - 1) / (q + 1)
            return q / (1 + q) if isinstance(e, sigmoid) else 4 * q / (1 + q) ** 2
        raise NotRational

    def power(self, exponent: Expr, sign: int) -> Expr:
        """exp(exponent) on one side."""
        times, rest = exponent.as_coeff_Mul()
        if isinstance(rest, softplus) and times.is_Integer:
            return (1 + self.power(rest.args[0], sign)) ** times
        times = _ratio(exponent, self.exponent)
        if not times.is_Integer:
            raise NotRational
        return E ** (-times if self.even else -sign * times)  # type: ignore[no-any-return]

    # --- the form ---

    def form(self, expr: Expr) -> Expr:
        plain = self.hide(expr)
        sides = {sign: sympy.factor(sympy.cancel(self.side(plain, sign))) for sign in (-1, 1)}
        if self.even and self.bell is None:
            return self.written(sides[1], 0)
        if (product := self.product(sides[1])) is not None:
            return product
        for own in (-1, 1):
            for sign in (1, -1):
                rest = _monomial(sides[-own] - sign * sides[own])
                if rest is not None and (rest == 0 or parts(sides[own])[-1] > 0):
                    return self.mirrored(sides[own], rest, sign, -own)
        bounds = [b for b in map(self.bound, sides.values()) if b is not None]
        right, left = (self.written(sides[s], s, max(bounds, default=None)) for s in (1, -1))
        return Select(self.border(1), right, left)

    def product(self, right: Expr) -> Expr | None:
        """A power of the exponential times a polynomial of x, which is no more than x: the same on both sides."""
        constant, numerator, denominator, decay = parts(right)
        if self.scaled or self.bell is not None or not decay or any(f.has(E) for f in (*numerator, *denominator)):
            return None
        rest = Mul(*(f**k for f, k in numerator.items()))
        if denominator or not rest.has(A) or _may_overflow(rest):
            return None
        bound = radius(self.shown(self.exponent), A)
        bounded = self.x if bound is None else Clip(self.x, S.NegativeInfinity, bound)
        half = HalfExp(-decay * self.shown(self.exponent, bounded))
        return self.shown(constant) * Around(half, self.shown(rest, bounded))

    def mirrored(self, own: Expr, rest: Expr, sign: int, other: int) -> Expr:
        """own(|x|) on one side; rest(|x|) ± own(|x|) on the other one, which is the right one for ``other`` = 1."""
        value = self.written(own, 0)
        if sign == 1:
            return value + (
                self.beyond(rest, other) if rest.has(A) else self.shown(rest) * Indicator(self.border(other))
            )
        if rest == 0 or rest.has(A):
            return self.beyond(rest, other) + value * (1 - 2 * Indicator(self.border(other)))
        return value + Indicator(self.border(other)) * (self.shown(rest) - 2 * value)

    def border(self, side: int) -> Expr:
        """What is positive on one side."""
        return side * (self.shown(self.exponent, self.x) if self.signed else self.x)

    def beyond(self, power: Expr, side: int) -> Expr:
        """A multiple of a power of |x| on one side, 0 on the other one."""
        there = Where(self.border(side), side * self.x, S.Zero) if self.signed else relu(side * self.x)
        return self.shown(power, there)

    def written(self, side: Expr, sign: int, bound: int | None = None) -> Expr:
        """A side in terms of x: E^m·N/D, with half of the exponential at either end where N has a power of x.

        sign: which side; 0 where the form is used on both. bound: of the variable, where the other side needs one.
        """
        constant, numerator, denominator, decay = parts(side)
        if decay < 0 or any(map(cancels, (*numerator, *denominator))):
            raise NotRational
        even = self.even and self.bell is None  # then both sides read the same in x itself
        variable = bounded = self.x if even else self.magnitude
        bound = bound or self.bound(side)
        if bound is not None:
            bounded = Clip(variable, -bound if even else S.NegativeInfinity, bound)
        elif decay and self.scaled:
            bounded = self.magnitude_of(finite(self.x))
        exponent = -self.exponent_at(bounded)
        if not decay and side.subs(E, 0).has(A):  # no bound for what grows, and no growth on the other side
            bounded = relu(sign * self.x) if sign and not self.signed else variable
        values: dict[Expr, Expr] = {E: WholeExp(exponent), A: bounded, W: self.size}
        if self.bell is not None:
            values[C] = erfcx(
                self.shown(self.bell, variable if bound is None else Clip(variable, S.NegativeInfinity, bound))
            )
        constant, numerator = _signed(constant, numerator)
        powers = [*numerator.items(), *((f, -k) for f, k in denominator.items())]
        rest = Mul(self.shown(constant), *(self.factor(f, k, exponent).xreplace(values) for f, k in powers))
        if not decay:
            return rest
        if not any(f.has(A) for f in numerator):
            return WholeExp(exponent) ** decay * rest
        half = WholeExp(exponent) ** (decay // 2) * HalfExp(exponent) ** (decay % 2)
        if self.scaled and (pairs := numerator.get(A, 0) // 2):  # h·x is small where x·x may be infinite
            half, rest = half * finite(self.x) ** pairs, rest / finite(self.x) ** (2 * pairs)
        return -Around(half, -rest) if constant.is_negative else Around(half, rest)

    def factor(self, f: Expr, times: int, exponent: Expr) -> Expr:
        """f to a power, with what was hidden; E − 1 as a function of its own."""
        if f in (E - 1, 1 - E):
            return (expm1(exponent) * (1 if f == E - 1 else -1)) ** times
        if self.scaled:  # β|x| is |w|, and |x|² is x²: no sign is needed
            f = f.subs(self.exponent, W)
            return self.shown(sympy.collect(f, E) ** times).replace(_is_even_power, lambda e: finite(self.x) ** e.exp)
        return self.shown(sympy.collect(f, E) if f.has(A) else f) ** times

    @property
    def magnitude(self) -> Expr:
        return self.magnitude_of(self.x)

    def magnitude_of(self, x: Expr) -> Expr:
        """|x|; for an exponent βx with a β of either sign, x times the sign of the exponent."""
        if not self.signed:
            return absolute(x)
        return (2 * Indicator(self.shown(self.exponent, self.x)) - 1) * x

    def exponent_at(self, variable: Expr) -> Expr:
        """The exponent at a variable; with a parameter it is |β|·|x|."""
        if not self.scaled:
            return self.shown(self.exponent, variable)
        slope = self.shown(self.exponent / A)
        return (slope if slope.is_positive else absolute(slope)) * absolute(self.x)

    @property
    def size(self) -> Expr:
        """|w|, kept to where half of its exponential is 0."""
        return Clip(absolute(self.shown(self.exponent, self.x)), S.NegativeInfinity, 2 * SATURATED[exp])

    def bound(self, side: Expr) -> int | None:
        """Where the exponential is 0, if the variable has to be bounded there: no polynomial of it may be infinite."""
        if self.scaled:
            return None
        _, numerator, _, decay = parts(side)
        if decay and any(f.has(A) for f in numerator):  # 0 times a power of x, which may be infinite
            return radius(self.shown(self.exponent), A)
        if not is_exact(self.exponent, A) or any(map(_may_overflow, numerator)):
            return radius(self.shown(self.exponent), A)
        return None

    def shown(self, e: Expr, x: Expr | None = None) -> Expr:
        """e with what was hidden, and with the variable."""
        return e.xreplace({**self.hidden, **({} if x is None else {A: x})})


def parts(side: Expr) -> tuple[Expr, dict[Expr, int], dict[Expr, int], int]:
    """The constant, the factors of the numerator and of the denominator, and the power of E."""
    over, under = (sympy.factor_list(p) for p in sympy.fraction(side))
    numerator, denominator = dict(over[1]), dict(under[1])
    decay = numerator.pop(E, 0) - denominator.pop(E, 0)
    return over[0] / under[0], numerator, denominator, int(decay)


def _may_overflow(f: Expr) -> bool:
    """Whether a polynomial in a may be larger than a."""
    polynomial = sympy.Poly(f, A, E, C)
    return any(power > 1 or (power and not abs(c) <= 1) for (power, *_), c in polynomial.terms() if c.is_number) or any(
        not c.is_number for c in polynomial.coeffs()
    )


def _signed(constant: Expr, factors: dict[Expr, int]) -> tuple[Expr, dict[Expr, int]]:
    """A negative constant is made positive, by turning the first sum among the factors around."""
    turned = next((f for f, k in factors.items() if isinstance(f, Add) and k % 2 and f != E - 1), None)
    if not constant.is_negative or turned is None:
        return constant, factors
    return -constant, {(-f if f == turned else f): k for f, k in factors.items()}


def _is_even_power(e: Expr) -> bool:
    return bool(isinstance(e, Pow) and e.base == A and e.exp.is_even)


def cancels(f: Expr) -> bool:
    """Whether a factor vanishes where x = 0 without being x or E − 1: then its terms cancel there."""
    if f in (A, E - 1, 1 - E):
        return False
    return bool(sympy.expand(f.subs({A: 0, E: 1, C: 1})) == 0)


def _monomial(e: Expr) -> Expr | None:
    """e as a multiple of a power of a, without E and C; None where it is none."""
    e = sympy.cancel(e)
    if e.has(E, C) or not e.is_polynomial(A):
        return None
    return e if e == 0 or sympy.Poly(e, A).is_monomial else None


def _positive(e: Expr) -> Expr:
    return -e if e.could_extract_minus_sign() else e


def _ratio(e: Expr, unit: Expr) -> Expr:
    return sympy.cancel(e / unit)


def _unit(arguments: list[Expr]) -> Expr:
    """The largest w of which all arguments are whole multiples."""
    first = _positive(arguments[0])
    ratios = [_ratio(a, first) for a in arguments]
    if not all(r.is_Rational for r in ratios):
        raise NotRational
    unit = sympy.gcd(list(map(abs, ratios)))
    if any(abs(r) > HIGHEST * unit for r in ratios):
        raise NotRational
    return first * unit


def _parity(e: Expr) -> int | None:
    """1 for an odd polynomial in a, 0 for an even one, whose coefficients are all positive; else None."""
    if not e.is_polynomial(A) or not e.has(A):
        return None
    terms = sympy.Poly(e, A).terms()
    powers = {power % 2 for (power,), _ in terms}
    if len(powers) != 1 or any(power == 0 or not c.is_positive for (power,), c in terms):
        return None
    return int(powers.pop())
