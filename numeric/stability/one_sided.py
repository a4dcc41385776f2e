"""Functions that decay on one side and reach x, or a number, on the other: one quotient for both sides.

x·σ(x) = h·(x/D)·h with h = exp(x/2), E = h² and D = E + 1. Nothing overflows if x is bounded where the function has
reached its limit, and no side is chosen: on arrays that takes far fewer operations than the reflected form.

What is a polynomial over Dᵏ is written in powers of D: σ + x·σ·(1 − σ) = E·(1/D + x/D²) = (E + h·(x/D)·h)/D. A power of
x stands between the two halves of E, which alone would lose its digits; a number need not.
"""

from __future__ import annotations

import math

import sympy
from sympy import Expr, Mul, Poly, S

from ...calculus.tensors import Element
from .forms import Around, Beyond, BoundedHalfExp, Clip, HalfExp, InOrder, Squared
from .reflection import SATURATING, A, E, NotRational, Reflection, cancels, mixes, parts
from .saturation import radius

#: A function has reached its limit where it is this close to it, in parts of the limit.
REACHED = 2.0**-58

#: No exponential is larger than e to this, to the highest power in which it occurs: float32 ends at 88.7.
LARGEST = 85

#: Where the exponent itself is bounded: half an exponential is at most 2 to this, divided by that power.
HIGHEST_HALF = 60

#: How much larger than the rest a term may be that is computed from E, which has few digits where it is subnormal.
FEW_DIGITS = 4


def one_sided(expr: Expr) -> Expr | None:
    """The form as one quotient, of an expression in one variable that has one; else None."""
    variables = [e for e in expr.atoms(Element) if e.tensor.domain.value is None]
    if len(variables) != 1 or not expr.has(*SATURATING) or not mixes(expr, variables[0]):
        return None
    try:
        found = Reflection.of(expr, variables[0])
        if found.bell is not None or found.even or found.scaled:
            return None
        plain = found.hide(expr)
        sides = {sign: sympy.factor(sympy.cancel(found.side(plain, sign))) for sign in (-1, 1)}
    except NotRational:
        return None
    forms = (_form(found, sides, own) for own in (-1, 1))
    return next((f for f in forms if f is not None), None)


def _form(of: Reflection, sides: dict[int, Expr], own: int) -> Expr | None:
    """own: the side on which the function decays, as E·N/Dᵏ, with N = x·(a polynomial in E) where the limit is x."""
    constant, numerator, denominator, decay = parts(sides[own])
    power = numerator.pop(A, 0)
    if decay != 1 or len(denominator) != 1 or power > 1 or any(map(cancels, numerator)):
        return None
    ((base, times),) = denominator.items()
    over = Mul(constant, *(f**k for f, k in numerator.items()))
    limit = sympy.cancel(sides[-own].subs(E, 0) / (-own * A) ** power)
    if base.has(A) or not all(c.is_positive for c in Poly(base, E).coeffs()) or (power and over.has(A)):
        return None
    if not of.shown(limit).is_number or limit == 0:
        return None
    bounds = _bounds(of, sympy.cancel(sides[-own] / sides[-own].subs(E, 0) - 1), Poly(base, E).degree())
    if bounds is None:
        return None
    low, high, top = bounds
    bounded = Clip(of.x, *((-low, high) if own < 0 else (-high, low)))
    exponent = of.shown(of.exponent, -own * bounded)
    half = HalfExp(exponent) if top is None else BoundedHalfExp(exponent, top)
    values = {E: Squared(half), A: bounded}

    def shown(e: Expr, form: Expr | None = None) -> Expr:
        return of.shown(sympy.collect(e, E) if form is None else form).xreplace(values)

    under = shown(base, sympy.horner(base, wrt=E))
    *digits, last = _digits(sympy.expand(over.subs(A, own * A) * own**power / limit), base, times)
    total: Expr = S.Zero
    if power:
        for digit in digits:
            total = (total + shown(digit)) / under
        return of.shown(limit) * Beyond(_between(half, bounded / under, total + shown(last)), of.x, -own * high)
    for digit in digits:
        total = (total + shown(digit)) / under
    if not digits or last.has(A) or abs((last / base).subs(E, 0)) > FEW_DIGITS:
        return of.shown(limit) * Around(half, (total + shown(last)) / under)
    if len(digits) == 1 and (rest := sympy.cancel(digits[0] / A)).is_polynomial():
        decaying = _between(half, bounded / under, shown(rest))
    else:
        decaying = Around(half, total)
    return of.shown(limit) * (decaying + Squared(half) * shown(last)) / under


def _between(half: Expr, quotient: Expr, rest: Expr) -> Expr:
    """h·(x/D)·(the rest)·h: x/D is computed once, however often it is wanted."""
    number, rest = rest.as_coeff_Mul()
    return number * Around(half, quotient if rest == 1 else InOrder(quotient, rest))


def _digits(over: Expr, base: Expr, times: int) -> list[Expr]:
    """The digits of a polynomial in E in powers of another one, from that of the power 0: so many of them."""
    found = []
    for _ in range(times):
        over, digit = sympy.div(over, base, E)
        found.append(digit)
    assert over == 0
    return found


def _bounds(of: Reflection, rest: Expr, degree: int) -> tuple[int, int, int | None] | None:
    """Where the variable is bounded on the decaying side and on the other one, and k for a half exponential up to 2ᵏ.

    rest: what is left to the limit, in parts of it. None where it is too much at the bound.
    """
    exponent = of.shown(of.exponent)
    low = radius(exponent, A)
    if low is None:
        return None
    if exponent.has(Element):  # the parameter takes the exponent further out than can be said beforehand
        return low, low, HIGHEST_HALF // degree
    at = sympy.lambdify(A, exponent, "math")
    high = max((b for b in range(1, LARGEST) if at(b) * degree <= LARGEST), default=0)
    left = sympy.lambdify((A, E), of.shown(rest), "math")
    return (low, high, None) if high and abs(left(high, math.exp(-at(high)))) < REACHED else None
