"""The normal form of ``[x > 0]``, 1 where x > 0 and 0 elsewhere, and of what is defined by it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from sympy import Expr

from .functions import Indicator, absolute, relu
from .polynomials import Poly, add, constant, exponent_above_one, monomial_key, primitive, scale, single
from .sums import Delta
from .tensors import Element

if TYPE_CHECKING:
    from .normal_form import Normalizer

#: With more factors than these that are 0 or 1, an indicator is not taken apart.
MAX_SWITCHES = 4
ONE = constant(Fraction(1))


def indicator(normalizer: Normalizer, x: Expr) -> Poly:
    """``[x > 0]`` for the primitive part of x."""
    defined = normalizer.unfold.get(x.tensor) if isinstance(x, Element) else None
    meant = x if defined is None else defined.at(*x.indices)  # type: ignore[attr-defined]
    if isinstance(meant, relu):  # relu(u) > 0 where u > 0
        return indicator(normalizer, meant.args[0])
    body = normalizer.poly(x)
    if not body:
        return {}
    switch = _switch(body)
    if switch is not None:
        on, off = (indicator(normalizer, normalizer.expr(_switched(body, switch, at))) for at in (1, 0))
        return chosen(normalizer, single(switch), on, off)
    coefficient, _, rest = normalizer.primitive(body, positive_only=True)
    if rest == ONE:
        return ONE if coefficient > 0 else {}
    if coefficient < 0 and normalizer.kinks is not None:
        argument = normalizer.expr(rest)
        normalizer.kinks[argument] = None
        return add(ONE, scale(indicator(normalizer, argument), -1))
    rest = scale(rest, 1 if coefficient > 0 else -1)
    exponent = exponent_above_one(rest)
    if exponent is not None:
        return indicator(normalizer, exponent)
    argument = normalizer.expr(rest)
    if argument in normalizer.known:
        return ONE if normalizer.known[argument] else {}
    new = Indicator(argument)
    return single(new) if isinstance(new, Indicator) else normalizer.poly(new)


def ramp(normalizer: Normalizer, expr: Expr) -> Poly:
    """relu and abs by the indicator of the argument under one of its two signs: relu(−x) = relu(x) − x."""
    x = normalizer.poly(expr.args[0])
    if not x:
        return {}
    flipped = primitive(x, positive_only=True)[0] < 0
    up = scale(x, -1) if flipped else x
    shown = normalizer.expr(up)
    ramp = up if shown.is_nonnegative else normalizer.multiply(up, indicator(normalizer, shown))
    if isinstance(expr, absolute):
        return add(scale(ramp, 2), scale(up, -1))
    return add(ramp, x) if flipped else ramp


def chosen(normalizer: Normalizer, switch: Poly, on: Poly, off: Poly) -> Poly:
    """One value where a switch is 1, another where it is 0."""
    return add(normalizer.multiply(switch, on), off, scale(normalizer.multiply(switch, off), -1))


def _switch(p: Poly) -> Expr | None:
    """A factor of some of its terms that is either 0 or 1, if there are few of them: in [a + b·s > 0], s."""
    found = {a for m in p for a, _ in m if isinstance(a, Delta | Indicator)}
    return min(found, key=lambda a: monomial_key(frozenset({(a, 1)}))) if 0 < len(found) <= MAX_SWITCHES else None


def _switched(p: Poly, switch: Expr, value: int) -> Poly:
    """A polynomial where a factor is 0 or 1."""
    terms = [{m - {(a, e) for a, e in m if a == switch}: c} for m, c in p.items() if value or switch not in dict(m)]
    return add(*terms)
