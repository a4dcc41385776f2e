"""Where no exponential over- or underflows, functions of one variable need no bounds and no halves of exponentials.

Most inputs lie there. h·(x/D)·h with h = exp(x/2) is x/D·exp(x) then, and nothing is bounded. What rounding takes from
an exponent that is a polynomial costs few digits where the exponent is small. The form serves between two numbers only:
elsewhere the other form is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy
from sympy import Add, Expr, Mul, Poly, Pow

from ...calculus.functions import absolute
from ...calculus.tensors import Element
from .exact_exponents import is_parameter
from .forms import (
    Around,
    Beyond,
    BoundedHalfExp,
    Clip,
    ExactExp,
    HalfExp,
    InOrder,
    PlainExp,
    Squared,
    WholeExp,
    erfc,
    erfcx,
    finite,
    normal_distribution,
    normal_tail,
)
from .saturation import is_exact

#: Exponents between which an exponential in float32 is a normal number, with room for a factor.
LOWEST, HIGHEST = -80, 85

#: A rounding of a part p of the exponent costs up to |p| units in the last place of its exponential. Independent
#: roundings add up to the root of the sum of squares: no more than so many units are lost.
UNITS = 14

#: :class:`~.forms.normal_tail` serves from 0 to here.
TAIL = 5.25

#: The ends of the interval are multiples of 1/STEPS, no further out than FURTHEST.
STEPS, FURTHEST = 8, 800


class _NoNearForm(Exception):
    """Half an exponential stands alone, or the exponent is no polynomial, or a multiple by a parameter."""


def near(expr: Expr) -> Expr | None:
    """The form without bounds and halves of exponentials, of a stable form; None where there is none."""
    if not expr.has(HalfExp, BoundedHalfExp, WholeExp):
        return None
    try:
        return _with_squares(_near(expr))
    except _NoNearForm:
        return None


def normal(expr: Expr) -> Expr | None:
    """The form of a sum of products with the normal distribution Φ, that is (1 + erf)/2, or with an exponential.

    None where expr is no such sum.
    """
    outside = [f for f in Mul.make_args(expr) if isinstance(f, Element)]
    inside = Mul(*(f for f in Mul.make_args(expr) if f not in outside))
    found: dict[Expr, Expr] = {}

    def distribution(x: Expr) -> Expr:
        return found.setdefault(x, sympy.Dummy(real=True))

    root = sympy.sqrt(2)
    plain = inside.replace(sympy.erf, lambda u: 2 * distribution(root * u) - 1)
    plain = sympy.expand(plain.replace(erfc, lambda u: 2 * distribution(-root * u)), power_exp=False)
    if len(found) != 1 or not plain.is_polynomial(*found.values()):
        return None
    ((x, symbol),) = found.items()
    if not isinstance(_plain(-x if x.could_extract_minus_sign() else x), Element) or sympy.degree(plain, symbol) != 1:
        return None
    if not all(any(f == symbol or isinstance(f, sympy.exp) for f in Mul.make_args(t)) for t in Add.make_args(plain)):
        return None
    try:
        exponentials = {e: _exponential(e.args[0]) for e in plain.atoms(sympy.exp)}
    except _NoNearForm:
        return None
    shown = sympy.collect(plain, symbol).xreplace({**exponentials, symbol: normal_distribution(x)})
    return Mul(_with_squares(shown), *outside)


def _near(e: Expr) -> Expr:
    if isinstance(e, Around) and isinstance(e.args[0], HalfExp | BoundedHalfExp):
        whole, rest = _exponential(e.args[0].args[0]), _near(e.args[1])  # type: ignore[arg-type]
        if isinstance(rest, InOrder):  # x/D·exp(x) may be a value of its own
            return InOrder(InOrder(rest.args[0], whole), rest.args[1])
        return InOrder(rest, whole)
    if isinstance(e, Squared) and isinstance(e.args[0], HalfExp | BoundedHalfExp):
        return _exponential(e.args[0].args[0])  # type: ignore[arg-type]
    if isinstance(e, WholeExp):
        return _exponential(e.args[0])  # type: ignore[arg-type]
    if isinstance(e, Clip | Beyond | finite):
        return _near(e.args[0])  # type: ignore[arg-type]
    if isinstance(e, erfcx):
        return 2 * normal_tail(sympy.sqrt(2) * _near(e.args[0]))  # type: ignore[arg-type]
    if isinstance(e, HalfExp | BoundedHalfExp | ExactExp):
        raise _NoNearForm
    return e if not e.args or isinstance(e, Element) else e.func(*map(_near, e.args))  # type: ignore[arg-type]


def _with_squares(e: Expr) -> Expr:
    """Squares of the variable, or of its absolute value, as one value."""
    return e.replace(_is_square, lambda p: Squared(_plain(p.base)) ** (p.exp / 2))


def _is_square(e: Expr) -> bool:
    """An even power of a variable, or of its absolute value."""
    return bool(isinstance(e, Pow) and isinstance(_plain(e.base), Element) and e.exp.is_even and e.exp.is_positive)


def _plain(e: Expr) -> Expr:
    return e.args[0] if isinstance(e, absolute) else e  # type: ignore[return-value]


def _exponential(exponent: Expr) -> Expr:
    """exp of a polynomial in the variable or its absolute value, by Horner's rule."""
    plain = _near(exponent)
    variable = _variable(plain)
    if variable is None or not plain.is_polynomial(variable):
        raise _NoNearForm
    if Poly(plain, variable).degree() == 1 and any(map(is_parameter, plain.atoms(Element))):
        raise _NoNearForm
    return PlainExp(sympy.horner(plain, wrt=variable))


def _variable(e: Expr) -> Expr | None:
    """What e is a polynomial of: an element that is no parameter, or its absolute value."""
    found = {x for x in e.atoms(Element) if x.tensor.domain.value is None}
    if len(found) != 1:
        return None
    (x,) = found
    return absolute(x) if e.has(absolute(x)) else x


def interval(forms: Sequence[Expr], nearer: Sequence[Expr | None]) -> tuple[float, float] | None:
    """Between which values of the variable the near forms of stable forms serve, with parameters at their defaults.

    None where that is no interval around 0, or where one of the forms has no near one.
    """
    if None in nearer or len({x for f in forms for x in f.atoms(Element) if _is_bounded(f, x)}) != 1:
        return None
    low, high = -float(FURTHEST), float(FURTHEST)
    for clip in (c for f in forms for c in f.atoms(Clip)):
        x, below, above = clip.args
        low = max(low, -float(above) if isinstance(x, absolute) else float(below))  # type: ignore[arg-type]
        high = min(high, float(above))  # type: ignore[arg-type]
    try:
        shown = [
            f.replace(normal_distribution, lambda x: normal_distribution(x).beyond) for f in nearer if f is not None
        ]
        tests = [_test(f) for form in shown for f in form.atoms(PlainExp, normal_tail)]
    except _NoNearForm:
        return None

    def serves(x: float) -> bool:
        return all(test(x) for test in tests)

    if not tests or not serves(0.0):
        return None
    beyond = range(1, FURTHEST * STEPS + 1)
    left, right = (next((n for n in beyond if not serves(s * n / STEPS)), beyond.stop) - 1 for s in (-1, 1))
    low, high = max(low, -left / STEPS), min(high, right / STEPS)
    return (low, high) if low < 0 < high else None


def _is_bounded(form: Expr, x: Expr) -> bool:
    """Whether x is the variable: what an exponential, or a bound, is a function of."""
    inside = form.atoms(HalfExp, BoundedHalfExp, WholeExp, Clip)
    return x.tensor.domain.value is None and any(e.has(x) for e in inside)  # type: ignore[attr-defined]


def _test(function: Expr) -> Callable[[float], bool]:
    """Whether a function of the variable serves where that has some value."""
    argument = function.args[0].replace(lambda e: isinstance(e, Squared), lambda e: e.args[0] ** 2)
    defaults = {k: k.tensor.domain.value for k in argument.atoms(Element) if k.tensor.domain.value is not None}
    plain, x = argument.xreplace(defaults), sympy.Dummy(real=True)
    (variable,) = plain.atoms(Element)
    value = sympy.lambdify(x, plain.replace(absolute, sympy.Abs).xreplace({variable: x}), "math")
    if isinstance(function, normal_tail):
        return lambda at: 0.0 <= value(at) <= TAIL
    there = plain.xreplace({absolute(variable): variable})
    if not there.is_polynomial(variable):
        raise _NoNearForm
    if is_exact(there, variable):
        return lambda at: LOWEST <= value(at) <= HIGHEST
    inside = sympy.Abs(x) if plain.has(absolute(variable)) else x
    squares = sympy.lambdify(x, _rounded(Poly(there, variable)).xreplace({variable: inside}), "math")
    return lambda at: LOWEST <= value(at) <= HIGHEST and (value(at) >= 0 or squares(at) <= UNITS**2)


def _rounded(polynomial: Poly) -> Expr:
    """The sum of the squares of all that is rounded when a polynomial is computed by Horner's rule."""
    (x,), terms = polynomial.gens, polynomial.terms()  # the highest power first
    found, part = sympy.Integer(0), sympy.Integer(0)
    for at, ((power,), coefficient) in enumerate(terms):
        term = coefficient * x**power
        part += term
        below = terms[at + 1][0][0] if at + 1 < len(terms) else 0
        factors = power - below - (at == 0)  # the first one is what the coefficient is multiplied with
        found += (factors + (at > 0)) * part**2 + (0 if is_exact(coefficient * x, x) else 2 * term**2)
    return found
