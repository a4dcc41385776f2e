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
from sympy import Add, Dummy, Expr, Integer, Mul, Pow, S, exp, tanh

from ..calculus.functions import Indicator, absolute, relu, sigmoid, softplus
from ..calculus.tensors import Element
from .forms import Around, Clip, HalfExp, Select, erfc, erfcx, expm1, sech2
from .saturation import radius

#: For each saturating function f(u), the multiple of u whose exponential it is a rational function of.
MULTIPLES: dict[type[Expr], int] = {sigmoid: 1, exp: 1, softplus: 1, tanh: 2, sech2: 2}
BELLS = (sympy.erf, erfc)
SATURATING = (*MULTIPLES, *BELLS)

#: |x|, E and C.
A, E, C = Dummy("a", positive=True), Dummy("E", positive=True), Dummy("C", positive=True)


class NotRational(Exception):
    """The expression is no rational function of E and the variable."""


def reflected(expr: Expr) -> Expr:
    """The form in one decaying exponential, where an expression of one variable has one that is better; else itself."""
    variables = [e for e in expr.atoms(Element) if e.tensor.domain.value is None]
    if len(variables) != 1 or not expr.has(*SATURATING) or not _mixes(expr, variables[0]):
        return expr
    try:
        return _Reflection.of(expr, variables[0]).form(expr)
    except NotRational:
        return expr


def _mixes(expr: Expr, x: Expr) -> bool:
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
class _Reflection:
    """x: the variable. exponent: w, or y² for the bell. bell: y, for the functions erf and erfc.

    even: the exponent is a bell, the same on both sides. hidden: parameters and irrational constants by the symbol that
    stands for them.
    """

    x: Expr
    exponent: Expr = S.Zero
    bell: Expr | None = None
    even: bool = False
    hidden: dict[Expr, Expr] = field(default_factory=dict)

    @classmethod
    def of(cls, expr: Expr, x: Expr) -> _Reflection:
        found = cls(x)
        plain = found.hide(expr)
        bells = [e.args[0] for e in plain.atoms(*BELLS)]
        arguments = [MULTIPLES[type(e)] * e.args[0] for e in plain.atoms(*MULTIPLES) if not e.args[0].has(*SATURATING)]
        if bells:
            found.bell = _positive(bells[0])
            found.exponent, found.even = found.bell**2, True
            if any(_ratio(b, found.bell) not in (1, -1) for b in bells):
                raise NotRational
        elif arguments:
            found.exponent = _unit(arguments)
            found.even = _parity(found.exponent) == 0
        if _parity(found.exponent) is None:
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
        return E ** (times if self.even else -sign * times)  # type: ignore[no-any-return]

    # --- the form ---

    def form(self, expr: Expr) -> Expr:
        plain = self.hide(expr)
        left, right = (sympy.factor(sympy.cancel(self.side(plain, sign))) for sign in (-1, 1))
        for sign in (1, -1):
            if (polynomial := _straight(right - sign * left)) is not None:
                return self.mirrored(left, polynomial, sign)
        return Select(self.x, self.written(right), self.written(left))

    def mirrored(self, left: Expr, polynomial: Expr, sign: int) -> Expr:
        """left(|x|) on the left; polynomial(x) ± left(|x|) on the right."""
        if sign == 1 and polynomial == 0 and self.even and left.subs(A, -A) == left:
            return self.written(left, self.x)
        value = self.written(left)
        straight = self.shown(polynomial, self.x)
        if sign == -1:
            return value + Indicator(self.x) * (straight - 2 * value)
        slope, rest = polynomial.as_independent(A, as_Add=False)
        if rest == A:
            return self.shown(slope, self.x) * relu(self.x) + value
        return Indicator(self.x) * straight + value

    def written(self, side: Expr, atom: Expr | None = None) -> Expr:
        """A side in terms of x: E^m·N/D, with half of the exponential at either end where N has a power of x."""
        numerator, denominator = (dict(sympy.factor_list(p)[1]) for p in sympy.fraction(side))
        constant = Mul(*(sympy.factor_list(p)[0] / 1 for p in sympy.fraction(side)[:1]))
        constant /= sympy.factor_list(sympy.fraction(side)[1])[0]
        decay = numerator.pop(E, 0) - denominator.pop(E, 0)
        if decay < 0 or any(_cancels(f) for f in numerator) or any(_cancels(f) for f in denominator):
            raise NotRational
        variable = atom or absolute(self.x)
        exponent = self.shown(self.exponent, variable)
        bound = radius(exponent, variable)
        if bound is not None:
            low = S.NegativeInfinity if atom is None else -bound
            variable = Clip(variable, low, bound)
            exponent = self.shown(self.exponent, variable)
        half = HalfExp(-exponent)
        values = {E: half**2, A: variable}
        if self.bell is not None:
            values[C] = erfcx(self.shown(self.bell, variable))

        def factor(f: Expr) -> Expr:
            if f in (E - 1, 1 - E):
                return expm1(-exponent) * (1 if f == E - 1 else -1)
            return self.shown(_nested(f), None).xreplace(values)

        rest = self.shown(constant, None)
        rest *= Mul(*(factor(f) ** k for f, k in numerator.items())) / Mul(*(factor(f) ** k for f, k in denominator.items()))
        if not decay:
            return rest
        grows = any(f.has(A) for f in numerator)
        return Around(half**decay, rest) if grows else half ** (2 * decay) * rest

    def shown(self, e: Expr, x: Expr | None) -> Expr:
        """e with what was hidden, and with the variable."""
        return e.xreplace({**self.hidden, **({} if x is None else {A: x})})


def _nested(f: Expr) -> Expr:
    """A polynomial in a and E, collected by powers of E."""
    return sympy.collect(f, E) if f.has(A) else f


def _cancels(f: Expr) -> bool:
    """Whether a factor vanishes where x = 0 without being x or E − 1: then its terms cancel there."""
    if f in (A, E - 1, 1 - E):
        return False
    return bool(sympy.expand(f.subs({A: 0, E: 1, C: 1})) == 0)


def _straight(e: Expr) -> Expr | None:
    """e as a polynomial of degree one or none in a, without E and C; None where it is none."""
    e = sympy.cancel(e)
    if e.has(E, C) or not e.is_polynomial(A) or sympy.degree(e, A) > 1:
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
    return first * sympy.gcd(list(map(abs, ratios)))


def _parity(e: Expr) -> int | None:
    """1 for an odd polynomial in a, 0 for an even one, whose coefficients are all positive; else None."""
    if not e.is_polynomial(A) or not e.has(A):
        return None
    terms = sympy.Poly(e, A).terms()
    powers = {power % 2 for (power,), _ in terms}
    if len(powers) != 1 or any(power == 0 or not c.is_positive for (power,), c in terms):
        return None
    return int(powers.pop())
