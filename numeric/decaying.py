"""Decaying exponentials as array operations: half of one, something between two halves, and a choice of two sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Expr, Mul, Poly, S

from ..calculus.comparisons import Comparison, comparison
from ..calculus.functions import relu
from . import program
from .layout import Array, Layout, align
from .program import Node
from .stability import forms
from .stability.choices import multiple_of
from .stability.exact_exponents import split
from .stability.saturation import is_exact

Lower = Callable[[Any, Layout], Array]


def half_exp(e: Expr, lower: Lower, hint: Layout) -> Array:
    """exp(x/2). Where x is a polynomial in a bounded variable, its rounding would show: it gets twice the precision."""
    exponent = e.args[0]
    if (found := split(exponent)) is not None and found[-1] == 1:
        return _exp_multiple(found[0], found[1] / 2, found[2], lower, hint)
    bounded = sorted(exponent.atoms(forms.Clip), key=sympy.default_sort_key)
    if not bounded or is_exact(exponent, bounded[0]):
        number, rest = (exponent / 2).as_coeff_Mul()
        inner = lower(rest, hint)
        scaled = inner.node if number == 1 else program.mul((program.const(float(number)), inner.node))
        return Array(program.call("exp", program.negative(inner.node) if number == -1 else scaled), inner.layout)
    (variable,) = bounded
    terms = {power: c for (power,), c in Poly(exponent / 2, variable).terms()}
    scale = _number_in(terms[min(terms)])
    coefficients = [lower(sympy.cancel(terms.get(k, 0) / scale), hint).node for k in range(1, max(terms) + 1)]
    inner = lower(variable, hint)
    numbers = (*_pair(scale), *map(program.as_decimal, coefficients))
    return Array(program.call("exp_polynomial", inner.node, *numbers), inner.layout)


def _pair(number: Expr) -> tuple[Node, Node]:
    """A number as a float, and what rounding took from it."""
    high = float(number)
    return program.const(high), program.const(float((number - sympy.Rational(high)).evalf(20)))


def _number_in(c: Expr) -> Expr:
    """The numeric factor of a coefficient."""
    return Mul(*(f for f in Mul.make_args(c) if f.is_number))


def exact_exp(e: Expr, lower: Lower, hint: Layout) -> Array:
    """exp(n·p/q·x), see :func:`~.exact_exponents.split`."""
    found = split(e.args[0])
    assert found is not None
    variable, number, over, under = found
    if under == 1:
        return _exp_multiple(variable, number, over, lower, hint)
    inner, divisor = lower(variable, hint), lower(under / number, hint).node
    return Array(program.call("exp_quotient", inner.node, program.as_decimal(divisor)), inner.layout)


def _exp_multiple(variable: Expr, number: Expr, parameter: Expr, lower: Lower, hint: Layout) -> Array:
    """exp(number·parameter·variable)."""
    inner = lower(variable, hint)
    factor, rest = _pair(number)
    if parameter != 1:
        factor, rest = lower(number * parameter, hint).node, program.const(0.0)
    return Array(program.call("exp_product", inner.node, factor, rest), inner.layout)


def bounded_half_exp(e: Expr, lower: Lower, hint: Layout) -> Array:
    """exp(x/2), at most a power of two. A polynomial in the exponent is bounded where that is computed."""
    half = half_exp(e, lower, hint)
    top = 2.0 ** int(e.args[1])  # type: ignore[arg-type]
    if half.node.data == ("exp_polynomial",):
        return Array(Node("call", half.node.args, ("exp_polynomial", "top", top), half.node.rank), half.layout)
    return Array(program.call("clip", half.node, program.const(0.0), program.const(top)), half.layout)


def whole_exp(e: Expr, lower: Lower, hint: Layout) -> Array:
    """exp(x) from exp(x/2), which the same line needs anyway."""
    half = lower(forms.HalfExp(e.args[0]), hint)
    return Array(program.mul((half.node, half.node)), half.layout)


def around(e: Expr, lower: Lower, hint: Layout) -> Array:
    """h·r·h, in this order."""
    (half, rest), layout = align([lower(a, hint) for a in e.args], hint)
    return Array(program.mul((half, rest, half)), layout)


def plain_exp(e: Expr, lower: Lower, hint: Layout) -> Array:
    """exp(x), with a factor of x in front of it."""
    number, rest = e.args[0].as_coeff_Mul()  # type: ignore[union-attr]
    inner = lower(rest, hint)
    scaled = inner.node if number == 1 else program.mul((program.const(float(number)), inner.node))
    return Array(program.call("exp", program.negative(inner.node) if number == -1 else scaled), inner.layout)


def normal_distribution(e: Expr, lower: Lower, hint: Layout) -> Array:
    """The absolute value of the nearer of 0 and 1, minus what is beyond."""
    assert isinstance(e, forms.normal_distribution)
    side = lower(e.beyond, hint)
    return Array(program.call("abs", side.node), side.layout)


def squared(e: Expr, lower: Lower, hint: Layout) -> Array:
    inner = lower(e.args[0], hint)
    return Array(program.mul((inner.node, inner.node)), inner.layout)


def in_order(e: Expr, lower: Lower, hint: Layout) -> Array:
    """(a)·b."""
    factors, layout = align([lower(a, hint) for a in e.args], hint)
    return Array(program.mul(factors), layout)


def beyond(e: Expr, lower: Lower, hint: Layout) -> Array:
    """x where x > b, or x < b for a negative b."""
    (inner, x), layout = align([lower(a, hint) for a in e.args[:2]], hint)
    return Array(program.call("beyond", inner, x, program.const(float(e.args[2]))), layout)  # type: ignore[arg-type]


def select(e: Expr, lower: Lower, hint: Layout) -> Array:
    """a where x > 0, b where x ≤ 0: both are computed, and multiplied by 1 or 0; c·x on the right is c·max(x, 0)."""
    said = comparison(e.args[0])
    if said.left - said.right not in (e.args[0], -e.args[0]):
        said = Comparison(e.args[0], True, S.Zero)
    sides = (1, -1) if said.greater else (-1, 1)
    branches = [_on_side(value, said, side) for value, side in zip(e.args[1:], sides, strict=True)]
    (left, right, *values), layout = align([lower(v, hint) for v in (said.left, said.right, *branches)], hint)
    signs = (">", "<=") if said.greater else ("<", ">=")
    terms = []
    for sign, value, expr, branch in zip(signs, values, e.args[1:], branches, strict=True):
        mask = Node("compare", (left, right), (sign,), max(left.rank, right.rank), "bool")
        if branch != expr:
            terms.append(value)
        elif expr != 0:
            # Times a Python number a truth value would become float64.
            mask = program.as_float(mask) if value.kind == "python" and expr != 1 else mask
            terms.append(mask if expr == 1 else program.mul((mask, program.as_decimal(value))))
    if len(terms) == 1:
        return Array(program.as_float(terms[0]), layout)
    return Array(program.add(tuple((1, t) for t in terms)), layout)


def _on_side(branch: Expr, said: Comparison, side: int) -> Expr:
    """A multiple of the variable as one of its positive or negative part, which needs no mask and may be infinite."""
    multiple = multiple_of(branch, said.left) if said.right == 0 and branch != 0 else None
    return branch if multiple is None else side * multiple * relu(side * said.left)


def table(lower: Lower) -> dict[type, Callable[[Expr, Layout], Array]]:
    """What :mod:`lower` asks for these forms."""
    return {
        forms.HalfExp: lambda e, hint: half_exp(e, lower, hint),
        forms.BoundedHalfExp: lambda e, hint: bounded_half_exp(e, lower, hint),
        forms.Beyond: lambda e, hint: beyond(e, lower, hint),
        forms.Squared: lambda e, hint: squared(e, lower, hint),
        forms.InOrder: lambda e, hint: in_order(e, lower, hint),
        forms.ExactExp: lambda e, hint: exact_exp(e, lower, hint),
        forms.normal_distribution: lambda e, hint: normal_distribution(e, lower, hint),
        forms.PlainExp: lambda e, hint: plain_exp(e, lower, hint),
        forms.WholeExp: lambda e, hint: whole_exp(e, lower, hint),
        forms.Around: lambda e, hint: around(e, lower, hint),
        forms.Select: lambda e, hint: select(e, lower, hint),
    }
