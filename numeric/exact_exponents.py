"""Exponentials of a multiple of a variable, in functions that are computed entry by entry.

Where |c·x| is large, rounding c·x moves exp(c·x) by up to half of |c·x| units of the last place: 44 of them in float32,
370 in float64. Multiples by a power of two are exact; for all others what rounding took from the exponent is made good.
"""

from __future__ import annotations

from sympy import Expr, Mul, Pow, S, exp

from ..calculus.functions import Where, absolute, relu
from ..calculus.sums import rebuild
from ..calculus.tensors import Element
from .forms import Clip, ExactExp, Select, expm1
from .saturation import is_exact


def exact_exponents(expr: Expr) -> Expr:
    """exp(c·x) as :class:`ExactExp`, for a c that is a parameter, one over a parameter, or a number but no 2ᵏ."""
    return rebuild(expr, lambda e: ExactExp(e.args[0]) if isinstance(e, exp) and split(e.args[0]) else None)


def split(exponent: Expr) -> tuple[Expr, Expr, Expr, Expr] | None:
    """(x, n, p, q): the exponent is n·p/q·x with a number n and parameters p and q, one of which is 1. None: exact."""
    factors = Mul.make_args(exponent)
    variables = [f for f in factors if not _is_parameter(f) and not f.is_number]
    if len(variables) != 1 or not _is_variable(variables[0]):
        return None
    number = Mul(*(f for f in factors if f.is_number))
    over = [f for f in factors if _is_parameter(f) and not isinstance(f, Pow)]
    under = [f.base for f in factors if isinstance(f, Pow) and _is_parameter(f)]
    if len(over) + len(under) > 1 or (not over and not under and is_exact(number * variables[0], variables[0])):
        return None
    return variables[0], number, over[0] if over else S.One, under[0] if under else S.One


def _is_variable(e: Expr) -> bool:
    """Whether e is a variable: itself, bounded, or its absolute value."""
    return _is_variable(e.args[0]) if isinstance(e, absolute | Clip) else isinstance(e, Element)


def _is_parameter(e: Expr) -> bool:
    base = e.base if isinstance(e, Pow) and e.exp == -1 else e.args[0] if isinstance(e, absolute) else e
    return isinstance(base, Element) and base.tensor.domain.value is not None and not base.indices


def selected(expr: Expr) -> Expr:
    """A choice between a decaying exponential and what is finite anyway, as two products with 1 and 0; x or 0 as relu.

    That is faster than np.where, whose branches are as random as the signs of the entries.
    """

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Where) and e.args[0] == e.args[1] and e.args[2] == 0:
            return relu(e.args[0])
        if isinstance(e, Where) and e.has(exp, ExactExp, expm1) and all(map(_is_finite, e.args[1:])):
            return Select(*e.args)
        return None

    return rebuild(expr, leaf)


def _is_finite(e: Expr) -> bool:
    """Whether e is finite at every finite number: a number, a variable, a decaying exponential, their multiples."""
    if isinstance(e, exp | ExactExp | expm1):
        found = e.args[0].atoms(Clip)
        return len(found) == 1 and all(c.args[2] == 0 for c in found) and bool((e.args[0] / found.pop()).is_positive)
    if isinstance(e, Mul):
        rest = [f for f in e.args if not (f.is_number or _is_parameter(f))]
        return len(rest) <= 1 and all(isinstance(f, exp | ExactExp | expm1) and _is_finite(f) for f in rest)
    return isinstance(e, Element) or e.is_number
