"""Exponentials of a multiple of a variable, in functions that are computed entry by entry.

Where |c·x| is large, rounding c·x moves exp(c·x) by up to half of |c·x| units of the last place: 44 of them in float32,
370 in float64. Multiples by a power of two are exact; for all others what rounding took from the exponent is made good.
"""

from __future__ import annotations

import sympy
from sympy import Add, Expr, Mul, Pow, S, exp

from ...calculus.functions import absolute, relu, sigmoid, softplus
from ...calculus.sums import rebuild
from ...calculus.tensors import Element
from .forms import Clip, ExactExp, Select, log1p
from .saturation import is_exact


def exact_exponents(expr: Expr) -> Expr:
    """exp(c·x) as :class:`ExactExp`, for a c that is a parameter, one over a parameter, or a number but no 2ᵏ.

    So too σ(c·x) and softplus(c·x), in terms of exp(−|c·x|).
    """

    def leaf(e: Expr) -> Expr | None:
        if not isinstance(e, exp | sigmoid | softplus) or (found := split(e.args[0])) is None:
            return None
        if isinstance(e, exp):
            return ExactExp(e.args[0])
        variable, *factors = found
        multiple = Mul(*factors[:2]) / factors[2]
        decaying = ExactExp(-_size(multiple) * absolute(variable))
        if isinstance(e, sigmoid):
            return Select(e.args[0], S.One, decaying) / (1 + decaying)
        sign = 1 if multiple.is_positive else -1 if multiple.is_negative else None
        above = relu(e.args[0]) if sign is None else sign * multiple * relu(sign * variable)
        return above + log1p(decaying)

    return rebuild(expr, leaf).replace(_is_sum_over_parameter, sympy.expand_mul)


def _size(multiple: Expr) -> Expr:
    """|n·p/q|, with the parameters that may be negative as absolute values."""
    factors = (f.as_base_exp() for f in Mul.make_args(multiple))
    return Mul(*((b if b.is_positive else abs(b) if b.is_number else absolute(b)) ** k for b, k in factors))


def _is_sum_over_parameter(e: Expr) -> bool:
    """(max(c·x, 0) + …)/c, whose first term is max(x, 0)."""
    sums = [f for f in Mul.make_args(e) if isinstance(f, Add)] if isinstance(e, Mul) else []
    rest = [f for f in Mul.make_args(e) if f not in sums]
    return len(sums) == 1 and sums[0].has(log1p) and sums[0].has(ExactExp) and all(map(is_parameter, rest))


def split(exponent: Expr) -> tuple[Expr, Expr, Expr, Expr] | None:
    """(x, n, p, q): the exponent is n·p/q·x with a number n and parameters p and q, one of which is 1. None: exact."""
    factors = Mul.make_args(exponent)
    variables = [f for f in factors if not is_parameter(f) and not f.is_number]
    if len(variables) != 1 or not _is_variable(variables[0]):
        return None
    number = Mul(*(f for f in factors if f.is_number))
    over = [f for f in factors if is_parameter(f) and not isinstance(f, Pow)]
    under = [f.base for f in factors if isinstance(f, Pow) and is_parameter(f)]
    if len(over) + len(under) > 1 or (not over and not under and is_exact(number * variables[0], variables[0])):
        return None
    return variables[0], number, over[0] if over else S.One, under[0] if under else S.One


def _is_variable(e: Expr) -> bool:
    """Whether e is a variable: itself, bounded, or its absolute value."""
    return _is_variable(e.args[0]) if isinstance(e, absolute | Clip) else isinstance(e, Element)


def is_parameter(e: Expr) -> bool:
    base = e.base if isinstance(e, Pow) and e.exp == -1 else e
    base = base.args[0] if isinstance(base, absolute) else base
    return isinstance(base, Element) and base.tensor.domain.value is not None and not base.indices
