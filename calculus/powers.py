"""Powers in normal form: roots of numbers, and powers whose exponent varies.

``b^e = exp(e log b)`` for every b that is not zero. So ``b^e b^f = b^(e + f)`` holds whatever the sign of b, and a
factor that is known to be positive leaves the base. Where b is positive itself, its powers are exponentials.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING

import sympy
from sympy import Expr, Integer, Pow, Rational

from .polynomials import UNIT, Exponent, Poly, Undefined, add, constant, is_positive_poly, scale, single

if TYPE_CHECKING:
    from .normal_form import Normalizer


def root(normalizer: Normalizer, c: Fraction, exponent: Fraction) -> Poly:
    """c to a rational power, over its primes."""
    if exponent.denominator == 1:
        return constant(c ** int(exponent))
    if c < 0:
        return single(Pow(Rational(c.numerator, c.denominator), Rational(exponent.numerator, exponent.denominator)))
    factors: dict[Expr, Exponent] = {}
    for number, sign in ((c.numerator, 1), (c.denominator, -1)):
        for prime, times in sympy.factorint(number).items():
            factors[Integer(prime)] = factors.get(Integer(prime), 0) + exponent * times * sign
    return normalizer.finish(factors)


def varying_power(normalizer: Normalizer, body: Poly, exponent: Poly) -> Poly:
    """A polynomial to an exponent that is no number."""
    if is_positive_poly(body):
        return normalizer.exponential(normalizer.multiply(exponent, normalizer.logarithm(body)))
    if not body:
        return _of_zero(normalizer.expr(exponent))
    coefficient, monomial, rest = normalizer.primitive(body, positive_only=True)
    drawn = normalizer.logarithm({monomial: abs(coefficient)})
    base = normalizer.expr(rest if coefficient > 0 else scale(rest, -1))
    outside = normalizer.exponential(normalizer.multiply(exponent, drawn))
    return normalizer.multiply(outside, _of_base(normalizer, base, exponent))


def repeated(factors: Mapping[Expr, Exponent]) -> dict[Expr, Exponent]:
    """The powers with varying exponents that are not a whole by themselves: raised, or two with one base."""
    varying = {a: e for a, e in factors.items() if isinstance(a, Pow) and not a.exp.is_Rational and e and e == floor(e)}
    bases = [a.base for a in varying]
    return {a: e for a, e in varying.items() if e != 1 or bases.count(a.base) > 1}


def joined_powers(normalizer: Normalizer, powers: Mapping[Expr, Exponent]) -> Poly:
    """The product of powers with varying exponents: one for each base."""
    exponents: dict[Expr, Poly] = {}
    for atom, times in powers.items():
        base, exponent = atom.args
        exponents[base] = add(exponents.get(base, {}), scale(normalizer.poly(exponent), times))
    return normalizer.product(_of_base(normalizer, base, exponent) for base, exponent in exponents.items())


def _of_zero(exponent: Expr) -> Poly:
    """0 to an exponent that is no number: 0 where that is positive everywhere."""
    if exponent.is_negative:
        raise Undefined(f"a zero to the power {exponent}")
    return {} if exponent.is_positive else single(Pow(0, exponent, evaluate=False))


def _of_base(normalizer: Normalizer, base: Expr, exponent: Poly) -> Poly:
    """``b^(c + u) = b^c b^u`` for the number c in the exponent."""
    number = exponent.get(UNIT, Fraction(0))
    varying = {m: c for m, c in exponent.items() if m != UNIT}
    out = normalizer.power(normalizer.base(base), int(number) if number.denominator == 1 else number)
    return normalizer.multiply(out, single(Pow(base, normalizer.expr(varying)))) if varying else out
