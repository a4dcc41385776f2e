"""Polynomials over atoms: plain dictionaries from monomials to exact coefficients, and the signs known of atoms."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import floor, gcd, lcm

from sympy import Add, E, Expr, Mul, Pow, Rational, exp

from .functions import Indicator
from .keys import key
from .sums import BoundSum, Delta, Partial
from .tensors import Element, Index

Exponent = Fraction | int
Monomial = frozenset[tuple[Expr, Exponent]]
Poly = dict[Monomial, Fraction]

UNIT: Monomial = frozenset()


class Undecided(Exception):
    """There is no normal form; the question stays open."""


class Undefined(Undecided):
    """A power or logarithm of what is identically zero: no equation about it holds or fails."""


class TooLarge(Undecided):
    """The normal form would have too many terms: the question stays open."""


def factor_expr(pair: tuple[Expr, Exponent]) -> Expr:
    """An atom to its exponent, as an expression."""
    atom, e = pair
    if isinstance(atom, exp):
        return exp(atom.args[0] * Rational(Fraction(e).numerator, Fraction(e).denominator))
    return atom if e == 1 else Pow(atom, Rational(Fraction(e).numerator, Fraction(e).denominator))


def exponent_above_one(p: Poly) -> Expr | None:
    """u where p = exp(u) − 1, and −u where p = 1 − exp(u): the sign of p is the sign of that."""
    others = [m for m in p if m != UNIT]
    if len(p) != 2 or len(others) != 1 or p.get(UNIT) != -p[others[0]]:
        return None
    if not all(isinstance(a, exp) for a, _ in others[0]):
        return None
    u = Add(*(a.args[0] * Rational(Fraction(e).numerator, Fraction(e).denominator) for a, e in others[0]))
    return u if p[UNIT] < 0 else -u


def constant(c: Fraction) -> Poly:
    """A number as a polynomial; 0 has no term."""
    return {UNIT: c} if c else {}


def single(atom: Expr) -> Poly:
    """An atom as a polynomial."""
    return {frozenset({(atom, 1)}): Fraction(1)}


def accumulate(out: Poly, m: Monomial, c: Fraction) -> None:
    """Add a term to a polynomial, in place."""
    total = out.get(m, 0) + c
    if total:
        out[m] = Fraction(total)
    else:
        out.pop(m, None)


def accumulate_all(out: Poly, p: Poly, factor: Fraction) -> None:
    """Add a multiple of a polynomial to another, in place."""
    for m, c in p.items():
        accumulate(out, m, c * factor)


def add(*polys: Poly) -> Poly:
    """The sum of polynomials, as a new one."""
    out: Poly = {}
    for p in polys:
        accumulate_all(out, p, Fraction(1))
    return out


def scale(p: Poly, factor: Fraction | int) -> Poly:
    """A multiple of a polynomial."""
    if factor == 1:
        return p
    return {m: c * factor for m, c in p.items()} if factor else {}


def joined(a: Monomial, b: Monomial) -> Monomial:
    """The product of two monomials, its factors as they are."""
    exponents = dict(a)
    for atom, e in b:
        exponents[atom] = exponents.get(atom, 0) + e
    return frozenset((atom, e) for atom, e in exponents.items() if e != 0)


def monomial_key(m: Monomial) -> tuple[Exponent, list[tuple[str, Exponent]]]:
    """What monomials are ordered by: the degree, then the atoms by their keys."""
    return sum(e for _, e in m), sorted((key(a), e) for a, e in m)


def is_positive(atom: Expr) -> bool:
    """Known to be positive everywhere in its domain."""
    if isinstance(atom, exp) or atom is E or (atom.is_Integer and atom > 0):
        return True
    if isinstance(atom, Element):
        return atom.is_certainly_positive
    if isinstance(atom, BoundSum | Mul | Pow):
        return all(is_positive(a) for a in atom.args if not isinstance(a, Index) and not a.is_Rational) and not any(
            a.is_Rational and a < 0 for a in atom.args if isinstance(atom, Mul)
        )
    if isinstance(atom, Add):
        return all(is_positive(a) or (a.is_Rational and a > 0) for a in atom.args)
    if isinstance(atom, Delta | Indicator | Partial):
        return False
    return bool(atom.is_positive)


def is_positive_poly(p: Poly) -> bool:
    """Known to be positive: so is every coefficient and every atom."""
    return bool(p) and all(c > 0 and all(is_positive(a) for a, _ in m) for m, c in p.items())


def is_composite(atom: Expr) -> bool:
    """True for what a power multiplies out; u to an exponent that varies is a whole."""
    return isinstance(atom, Add | Mul) or (isinstance(atom, Pow) and bool(atom.exp.is_Rational))


def denominators(p: Poly) -> dict[Expr, int]:
    """The sums that stand in denominators, each with its lowest exponent, rounded down."""
    lowest: dict[Expr, int] = {}
    for m in p:
        for a, e in m:
            if e < 0 and isinstance(a, Add):
                lowest[a] = min(lowest.get(a, 0), floor(e))
    return lowest


def is_idempotent(atom: Expr) -> bool:
    """Known to be 0 or 1, so that it is its own square."""
    if isinstance(atom, Delta | Indicator):
        return True
    return isinstance(atom, Element) and (atom.tensor.domain.mask or atom.tensor.domain.onehot)


def is_onehot(atom: Expr) -> bool:
    """An entry of an array of which each row has one 1 and zeros."""
    return isinstance(atom, Element) and atom.tensor.domain.onehot


def folded(atom: Expr, e: Exponent) -> Exponent:
    """The exponent of an atom, tidied; of −1 or 1 only whether it is odd matters."""
    e = tidy(e)
    odd_or_even = isinstance(e, int) and isinstance(atom, Element) and atom.tensor.domain.sign
    return e % 2 if odd_or_even else e


def tidy(e: Exponent) -> Exponent:
    """A whole number as an int."""
    return int(e) if isinstance(e, Fraction) and e.denominator == 1 else e


def exponent_of(e: Expr) -> Exponent:
    """A rational number of SymPy as one of Python."""
    return int(e) if e.is_Integer else Fraction(int(e.p), int(e.q))


def primitive(p: Poly, *, positive_only: bool) -> tuple[Fraction, Monomial, Poly]:
    """p as coefficient · monomial · primitive part, the leading coefficient of which is positive.

    positive_only: only factors known to be positive are drawn out (for roots, logarithms and signs).
    """
    numerators = [c.numerator for c in p.values()]
    denominators = [c.denominator for c in p.values()]
    coefficient = Fraction(gcd(*numerators), lcm(*denominators))
    lead = max(p, key=monomial_key)
    if p[lead] < 0:
        coefficient = -coefficient
    common: dict[Expr, Exponent] | None = None
    for m in p:
        exponents = dict(m)
        if common is None:
            common = exponents
            continue
        for atom in set(common) | set(exponents):
            common[atom] = min(common.get(atom, 0), exponents.get(atom, 0))
    monomial = frozenset((a, e) for a, e in (common or {}).items() if e != 0 and (not positive_only or is_positive(a)))
    drawn = dict(monomial)
    rest: Poly = {}
    for m, c in p.items():
        exponents = dict(m)
        for a, e in drawn.items():
            exponents[a] = exponents.get(a, 0) - e
        accumulate(rest, frozenset((a, tidy(e)) for a, e in exponents.items() if e != 0), c / coefficient)
    return coefficient, monomial, rest


def divided(factors: Mapping[Expr, Exponent], divisor: Monomial) -> dict[Expr, Exponent]:
    """A product of atoms divided by a monomial."""
    out = dict(factors)
    for a, k in divisor:
        out[a] = out.get(a, 0) - k
    return out


def divisor_of(factors: Mapping[Expr, Exponent], base: Poly) -> tuple[Monomial, bool]:
    """The term of a denominator ``base`` by which a product of atoms is divided, and whether it is the other term.

    The leading term where the product holds it: x/(1 + x) is 1 − 1/(1 + x). Of two terms the other one where the
    product is divided by the leading term already: 1/(x (1 + x)) is 1/x − 1/(1 + x). UNIT and False: by none.
    """
    lead = max(base, key=monomial_key)
    if not lead:
        return UNIT, False
    if not any(factors.get(a, 0) < k if k > 0 else factors.get(a, 0) > k for a, k in lead):
        return lead, False
    held = {a: Fraction(factors.get(a, 0)) for a, _ in lead}
    if len(base) == 2 and all(held[a] * k < 0 and abs(held[a]) >= abs(Fraction(k)) for a, k in lead):
        (other,) = (m for m in base if m != lead)
        return other, True
    return UNIT, False
