"""exp and log in normal form: exp of a sum splits, log of a product splits, and the two undo each other."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import sympy
from sympy import E, Expr, Integer, Mul, Pow, exp, log

from .polynomials import (
    UNIT,
    Exponent,
    Monomial,
    Poly,
    Undefined,
    accumulate,
    accumulate_all,
    constant,
    scale,
    tidy,
)

if TYPE_CHECKING:
    from .normal_form import Normalizer


def exponential(normalizer: Normalizer, p: Poly) -> Poly:
    """exp of a polynomial: one factor per term, exp(c log b) = b^c."""
    out = constant(Fraction(1))
    for m, c in p.items():
        c_exp: Exponent = tidy(c)
        if m == UNIT:
            factor: Poly = {frozenset({(E, c_exp)}): Fraction(1)}
        else:
            inner = _single_log(m)
            if inner is not None:
                factor = normalizer.power(normalizer.base(inner), c_exp)
            else:
                factor = {frozenset({(exp(normalizer.expr({m: Fraction(1)})), c_exp)}): Fraction(1)}
        out = normalizer.multiply(out, factor)
    return out


def _single_log(m: Monomial) -> Expr | None:
    if len(m) == 1:
        ((atom, e),) = m
        if e == 1 and isinstance(atom, log):
            return atom.args[0]  # type: ignore[no-any-return]
    return None


def positive_factors(expr: Expr) -> list[tuple[Expr, Fraction]]:
    """Bases and exponents of a product: those known to be positive one by one, before powers of sums are expanded."""
    found: list[tuple[Expr, Fraction]] = []
    rest: list[Expr] = []
    for factor in Mul.make_args(expr):
        base, exponent = factor.as_base_exp()
        if isinstance(factor, Pow) and exponent.is_Rational and base.is_positive:
            found.append((base, Fraction(int(exponent.p), int(exponent.q))))
        elif factor.is_positive:
            found.append((factor, Fraction(1)))
        else:
            rest.append(factor)
    return [*found, (Mul(*rest), Fraction(1))] if rest else found


def logarithm(normalizer: Normalizer, p: Poly) -> Poly:
    """log of a polynomial, split over the factors that are known to be positive."""
    if not p:
        raise Undefined("the logarithm of zero")
    coefficient, monomial, rest = normalizer.primitive(p, positive_only=True)
    if coefficient < 0:
        coefficient, rest = -coefficient, scale(rest, -1)
    out: Poly = {}
    for number, sign in ((coefficient.numerator, 1), (coefficient.denominator, -1)):
        for prime, times in sympy.factorint(number).items():
            accumulate(out, frozenset({(log(Integer(prime)), 1)}), Fraction(sign * times))
    for atom, e in monomial:
        if atom is E:
            accumulate(out, UNIT, Fraction(e))
        elif isinstance(atom, exp):
            accumulate_all(out, normalizer.poly(atom.args[0]), Fraction(e))
        else:
            accumulate(out, frozenset({(log(atom), 1)}), Fraction(e))
    if rest != constant(Fraction(1)):
        base = normalizer.expr(rest)
        normalizer.bases.setdefault(base, rest)
        accumulate(out, frozenset({(log(base), 1)}), Fraction(1))
    return out
