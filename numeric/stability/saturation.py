"""Keep polynomials inside saturating functions from overflowing.

Where |x| is so large that e^(−x²/2), 1 + tanh(x + x³) or their like have reached their limit in every floating-point
format up to float64, x may be replaced by a bound without changing the result. That turns ∞·0 into 0 at x = 10³⁰.
"""

from __future__ import annotations

import math
from itertools import pairwise

import sympy
from sympy import Add, Expr, Mul, Poly, Pow, exp, tanh

from ...calculus.functions import Where, absolute, sigmoid
from ...calculus.sums import BoundSum, rebuild
from ...calculus.tensors import Element
from .forms import Clip, erfc, sech2

#: |argument| beyond which the function has reached its limit, with room for a polynomial factor (e^−800 ≈ 10^−347).
SATURATED: dict[type[Expr], float] = {exp: 800, sigmoid: 800, sech2: 400, tanh: 40, sympy.erf: 30, erfc: 30}

#: 1 + 1/x is 1 beyond it, in every format up to float64.
ALMOST = 10**18


def clip_saturated(expr: Expr) -> Expr:
    """Clip the variable of every polynomial of degree two or more inside a function that saturates there."""

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Mul):
            return _product(e) or _quotient(e)
        if type(e) in SATURATED and (found := _bound(e)) is not None:
            x, limit = found
            return e.xreplace({x: Clip(x, -limit, limit)})
        return None

    return rebuild(expr, leaf)


def _product(e: Mul) -> Expr | None:
    """In a product with a factor that vanishes at both ends, the polynomials are clipped along."""
    for f in e.args:
        base = f.base if isinstance(f, Pow) else f
        if isinstance(base, exp | sech2) and (found := _bound(base)) is not None:
            x, limit = found
            clipped = Clip(x, -limit, limit)
            return Mul(*(clip_saturated(g) if _leave(g, x) else g.xreplace({x: clipped}) for g in e.args))
    return None


def _quotient(e: Mul) -> Expr | None:
    """In a quotient of x and |x| with a limit other than 0, x is clipped to where it has reached it: ∞/∞ is NaN."""
    variables = e.atoms(Element)
    if len(variables) != 1 or not any(isinstance(f, Pow) and isinstance(f.base, Add) for f in e.args):
        return None
    (x,) = variables
    sides = [e.subs(absolute(x), sign * x) for sign in (1, -1)]
    parts = [sympy.fraction(sympy.cancel(s)) for s in sides]
    if not all(p.is_polynomial(x) and p.has(x) for pair in parts for p in pair):
        return None
    polynomials = [(Poly(over, x), Poly(under, x)) for over, under in parts]
    if any(over.degree() != under.degree() for over, under in polynomials):
        return None
    coefficients = [abs(c) for pair in polynomials for p in pair for c in p.coeffs()]
    if not all(c.is_Rational for c in coefficients):
        return None
    limit = ALMOST * math.ceil(max(coefficients) / min(coefficients))
    return e.xreplace({x: Clip(x, -limit, limit)})


def _leave(g: Expr, x: Expr) -> bool:
    """A bare power of x, multiplied after the vanishing factor, needs no clipping; a sum or a function does."""
    base, power = g.as_base_exp()
    return (base == x and power.is_Integer) or g.has(BoundSum, Where) or not g.has(x)


def _bound(f: Expr) -> tuple[Expr, int] | None:
    """(x, B): f's argument is a polynomial in x of degree ≥ 2 and f has reached its limits for |x| ≥ B."""
    argument = f.args[0]
    variables = [a for a in argument.atoms(Element) if a.tensor.domain.value is None]
    if len(variables) != 1 or not argument.is_polynomial(*variables):
        return None
    (x,) = variables
    terms = Poly(argument, x).terms()
    if terms[0][0][0] < 2 or (isinstance(f, exp) and (not terms[0][1].is_negative or terms[0][0][0] % 2)):
        return None  # e to a polynomial that grows on one side has no limit to keep there
    parameters = [power for (power,), c in terms if not c.is_number]
    if parameters and not _only_helps(terms):
        return None
    coefficients = [0.0] * (terms[0][0][0] + 1)
    for (power,), c in terms:
        coefficients[-1 - power] = 0.0 if power in parameters else float(c)
    while coefficients and coefficients[0] == 0.0:
        coefficients.pop(0)
    if len(coefficients) < 2:
        return None
    return x, max(2, math.ceil(_radius(coefficients, SATURATED[type(f)])))


def radius(exponent: Expr, x: Expr) -> int | None:
    """B such that a polynomial in x with positive coefficients exceeds 800 for x ≥ B.

    Terms with a parameter only take the exponent further out; None where there are no others.
    """
    terms = [(power, float(c)) for (power,), c in Poly(exponent, x).terms() if c.is_number]
    return max(2, math.ceil(min((SATURATED[exp] / c) ** (1 / power) for power, c in terms))) if terms else None


def is_exact(exponent: Expr, x: Expr) -> bool:
    """Whether an exponent is x times a power of two: no rounding."""
    slope = exponent / x
    return bool(slope.is_Rational) and all(k & (k - 1) == 0 for k in (abs(slope.p), slope.q))


def _only_helps(terms: list[tuple[tuple[int], Expr]]) -> bool:
    """Terms of one parity and one sign: what a parameter contributes only takes the argument further out."""
    signs = {bool(c.is_nonnegative) if c.is_nonnegative or c.is_nonpositive else None for _, c in terms}
    return len({power % 2 for (power,), _ in terms}) == 1 and len(signs) == 1 and None not in signs


def _radius(coefficients: list[float], level: float) -> float:
    """A radius outside of which p is monotone and |p| ≥ level: from Cauchy's bound inwards."""
    slope = [c * (len(coefficients) - 1 - at) for at, c in enumerate(coefficients[:-1])]
    high = 1 + max(abs(c) for c in (*coefficients[1:-1], abs(coefficients[-1]) + level)) / abs(coefficients[0])
    monotone = 1 + max((abs(c) for c in slope[1:]), default=0.0) / abs(slope[0]) if any(slope[1:]) else 0.0

    def low_at(x: float) -> float:
        return min(abs(sum(c * t**k for k, c in enumerate(reversed(coefficients)))) for t in (x, -x))

    steps = [high]
    while steps[-1] > monotone and low_at(steps[-1]) >= level:
        steps.append(steps[-1] * 0.9)
    return next((a for a, b in pairwise(steps) if b == steps[-1]), high)
