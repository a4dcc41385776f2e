"""Functions that decay on one side and reach a power of x on the other: one quotient for both sides.

x·σ(x) = h·(x/D)·h with h = exp(x/2) and D = 1 + h². Nothing overflows if x is bounded where the function has reached its
limit, and no side is chosen: that takes far fewer operations on arrays than the reflected form. What is a polynomial over
Dᵏ is written in powers of D, ((r/D + q)/D + …): each digit is divided as often as it has to be, and no Dᵏ is computed.
"""

from __future__ import annotations

import math

import sympy
from sympy import Expr, Integer, Mul, Poly, S

from ...calculus.tensors import Element
from .forms import Around, BoundedHalfExp, Clip, InOrder, Squared
from .reflection import SATURATING, A, E, NotRational, Reflection, cancels, mixes, parts
from .saturation import radius

#: A function has reached its limit where it is this close to it.
REACHED = 2.0**-58

#: The exponential may be 2 to this, to the highest power in which it occurs, and its half e to that: all in float32.
LARGEST, OVERFLOW = 120, 85


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
    """own: the side on which the function decays."""
    constant, numerator, denominator, decay = parts(sides[own])
    limit = sides[-own].subs(E, 0)
    power = numerator.pop(A, 0)
    if decay != 1 or len(denominator) != 1 or limit.has(S.NaN, S.ComplexInfinity) or limit == 0:
        return None
    ((base, times),) = denominator.items()
    over = Mul(constant, Integer(own) ** power, *(f**k for f, k in numerator.items()))
    if base.has(A) or not all(c.is_positive for c in Poly(base, E).coeffs()) or any(map(cancels, numerator)):
        return None
    if not of.shown(sympy.cancel(limit / A**power)).is_number or (power and over.has(A)):
        return None
    bounds = _bounds(of, sides[-own] / limit - 1, Poly(base, E).degree())
    if bounds is None:
        return None
    low, high, top = bounds
    bounded = Clip(of.x, *((-low, high) if own < 0 else (-high, low)))
    open_ended = Clip(of.x, *((-low, S.Infinity) if own < 0 else (S.NegativeInfinity, low)))
    half = BoundedHalfExp(of.shown(of.exponent, -own * bounded), top)
    values = {E: Squared(half), A: bounded}
    under = of.shown(sympy.horner(base, wrt=E)).xreplace(values)
    total: Expr = S.Zero
    for digit in _digits(sympy.expand(over.subs(A, own * A)), base, times):
        total = (total + of.shown(sympy.collect(digit, E)).xreplace(values)) / under
    if power:
        total = InOrder(total, open_ended**power) if over.has(E) else total * open_ended**power
    return Around(half, total)


def _digits(over: Expr, base: Expr, times: int) -> list[Expr]:
    """The digits of a polynomial in E in powers of another one, from that of the power 0: so many of them."""
    found = []
    for _ in range(times):
        over, digit = sympy.div(over, base, E)
        found.append(sympy.factor(digit))
    assert over == 0
    return found


def _bounds(of: Reflection, rest: Expr, degree: int) -> tuple[int, int, int] | None:
    """Where the variable is bounded on the decaying side and on the other one, and k for a half exponential up to 2ᵏ.

    rest: what is left to the limit, in parts of it. None where a bound would come too early or too late.
    """
    exponent = of.shown(of.exponent)
    low, top = radius(exponent, A), LARGEST // (2 * degree)
    if low is None:
        return None
    if exponent.has(Element):  # the parameter takes the exponent further out than can be said beforehand
        return low, low, top
    at = sympy.lambdify(A, exponent, "math")
    high = next((b for b in range(1, low) if at(b) >= 2 * top * math.log(2)), low)
    left = sympy.lambdify((A, E), of.shown(sympy.cancel(rest)), "math")
    reached = abs(left(high, 2.0 ** (-2 * top))) < REACHED and at(high) / 2 < OVERFLOW
    return (low, high, top) if reached else None
