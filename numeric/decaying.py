"""Decaying exponentials as array operations: half of one, something between two halves, and a choice of two sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Expr, Mul, Poly

from . import forms, program
from .layout import Array, Layout, align
from .program import Node
from .saturation import is_exact

Lower = Callable[[Any, Layout], Array]


def half_exp(e: Expr, lower: Lower, hint: Layout) -> Array:
    """exp(x/2). Where x is a polynomial in a bounded variable, its rounding would show: it gets twice the precision."""
    exponent = e.args[0]
    bounded = sorted(exponent.atoms(forms.Clip), key=sympy.default_sort_key)
    if not bounded or is_exact(exponent, bounded[0]):
        inner = lower(exponent / 2, hint)
        return Array(program.call("exp", inner.node), inner.layout)
    (variable,) = bounded
    terms = {power: c for (power,), c in Poly(exponent / 2, variable).terms()}
    scale = _number_in(terms[min(terms)])
    high = float(scale)
    low = (
        float((scale - sympy.Float(high, 40)).evalf(40))
        if not scale.is_Rational
        else float(scale - sympy.Rational(high))
    )
    coefficients = [lower(sympy.cancel(terms.get(k, 0) / scale), hint).node for k in range(1, max(terms) + 1)]
    inner = lower(variable, hint)
    numbers = (program.const(high), program.const(low), *map(program.as_decimal, coefficients))
    return Array(program.call("exp_polynomial", inner.node, *numbers), inner.layout)


def _number_in(c: Expr) -> Expr:
    """The numeric factor of a coefficient."""
    return Mul(*(f for f in Mul.make_args(c) if f.is_number))


def whole_exp(e: Expr, lower: Lower, hint: Layout) -> Array:
    """exp(x) from exp(x/2), which the same line needs anyway."""
    half = lower(forms.HalfExp(e.args[0]), hint)
    return Array(program.mul((half.node, half.node)), half.layout)


def around(e: Expr, lower: Lower, hint: Layout) -> Array:
    """h·r·h, in this order."""
    (half, rest), layout = align([lower(a, hint) for a in e.args], hint)
    return Array(program.mul((half, rest, half)), layout)


def select(e: Expr, lower: Lower, hint: Layout) -> Array:
    """a where x > 0, b where x ≤ 0: both are computed, and multiplied by 1 or 0."""
    (x, a, b), layout = align([lower(v, hint) for v in e.args], hint)
    zero = program.const(0)
    right, left = (Node("compare", (x, zero), (sign,), x.rank, "bool") for sign in (">", "<="))
    return Array(program.add(((1, program.mul((right, a))), (1, program.mul((left, b))))), layout)


def table(lower: Lower) -> dict[type, Callable[[Expr, Layout], Array]]:
    """What :mod:`lower` asks for these forms."""
    return {
        forms.HalfExp: lambda e, hint: half_exp(e, lower, hint),
        forms.WholeExp: lambda e, hint: whole_exp(e, lower, hint),
        forms.Around: lambda e, hint: around(e, lower, hint),
        forms.Select: lambda e, hint: select(e, lower, hint),
    }
