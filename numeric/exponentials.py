"""Sums of exponentials as array operations, shifted by the largest exponent among the terms that count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sympy import Expr, S

from ..calculus.sums import BoundSum
from . import program
from .layout import Array, Layout, align, broadcastable
from .program import Node
from .stability import forms

Lower = Callable[[Any, Layout], Array]


@dataclass(frozen=True)
class Shifted:
    """Σ w exp(v): the largest v, the terms over e to its power, their sum, its layout, the axes that are summed.

    weighted: there are weights other than 0 and 1, so that the largest term need not be 1.
    """

    largest: Node
    terms: Node
    total: Node
    layout: Layout
    axes: tuple[int, ...]
    weighted: bool

    @property
    def logarithm(self) -> Node:
        """The logarithm of the sum."""
        if len(self.axes) > 1 or self.weighted:
            return program.call("log", self.total)
        return Node("log_sum", (self.terms,), self.axes, self.terms.rank - 1)


def _shifted(total: BoundSum, lower: Lower, hint: Layout) -> Shifted:
    body, bound = total.open()
    exponent, weight = _split(body.args[0])  # type: ignore[arg-type]
    values = lower(exponent, (*hint, *bound))
    axes = tuple(sorted(values.layout.index(k) for k in bound))
    rest = tuple(k for k in values.layout if k not in bound)
    largest = program.reduce("max", values.node, axes)
    shifted = program.add(((1, values.node), (-1, broadcastable(Array(largest, rest), values.layout))))
    terms = program.call("exp", shifted)
    if weight != 1:
        weights = broadcastable(lower(weight, values.layout), values.layout)
        terms = program.mul((weights, terms))
    return Shifted(largest, terms, program.reduce("sum", terms, axes), rest, axes, weight != 1)


def _split(exponent: Expr) -> tuple[Expr, Expr]:
    """The exponent, −∞ where its weight is 0, and the weight, which is 1 where the exponent says all."""
    if isinstance(exponent, forms.WeightedExponent) and not isinstance(exponent, forms.MaskedExponent):
        return forms.MaskedExponent(*exponent.args), exponent.args[1]  # type: ignore[return-value]
    return exponent, S.One


def log_sum_exp(e: Expr, lower: Lower, hint: Layout) -> Array:
    found = _shifted(e.args[0], lower, hint)  # type: ignore[arg-type]
    return Array(program.add(((1, found.largest), (1, found.logarithm))), found.layout)


def log_total(e: Expr, lower: Lower, hint: Layout) -> Array:
    """The same without care for a sum near 1."""
    found = _shifted(e.args[0], lower, hint)  # type: ignore[arg-type]
    return Array(program.add(((1, found.largest), (1, program.call("log", found.total)))), found.layout)


def _over(exponent: Expr, sums: list[tuple[Shifted, int]], lower: Lower, hint: Layout) -> Array:
    """u − Σ k·max."""

    def largest(s: Shifted, k: int) -> Node:
        return s.largest if k == 1 else program.mul((program.const(k), s.largest))

    parts = [Array(largest(s, k), s.layout) for s, k in sums]
    terms = [Array(program.negative(s.largest) if k == 1 else largest(s, -k), s.layout) for s, k in sums]
    nodes, layout = align([lower(exponent, hint), *terms], hint)
    signed: list[tuple[int, Node]] = [(1, nodes[0])] if exponent != 0 else []
    signed += [(-1, broadcastable(part, layout)) for part in parts]
    return Array(program.add(tuple(signed)), layout)


def exp_ratio(e: Expr, lower: Lower, hint: Layout) -> tuple[list[Array], list[Array]]:
    """The factors above and below the line."""
    assert isinstance(e, forms.ExpRatio)
    exponent, weight = _split(e.exponent)
    sums = [(_shifted(s, lower, hint), k) for s, k in e.sums]
    shifted = _over(exponent, sums, lower, hint)
    over = Array(program.call("exp", shifted.node), shifted.layout)
    if weight != 1:
        (weights, plain), layout = align([lower(weight, shifted.layout), over], shifted.layout)
        over = Array(program.mul((weights, plain)), layout)
    return [over], [Array(s.total if k == 1 else program.power(s.total, k), s.layout) for s, k in sums]


def log_exp_ratio(e: Expr, lower: Lower, hint: Layout) -> Array:
    assert isinstance(e, forms.LogExpRatio)
    exponent, weight = _split(e.exponent)
    sums = [(_shifted(s, lower, hint), k) for s, k in e.sums]
    shifted = _over(exponent if weight == 1 else exponent.args[0], sums, lower, hint)  # type: ignore[arg-type]
    if weight != 1:
        (x, w), layout = align([shifted, lower(weight, shifted.layout)], shifted.layout)
        shifted = Array(program.call("log_weighted", x, w, kind="float"), layout)
    logs = [Array(s.logarithm if k == 1 else program.mul((program.const(k), s.logarithm)), s.layout) for s, k in sums]
    nodes, layout = align([shifted, *logs], hint)
    return Array(program.add(((1, nodes[0]), *((-1, n) for n in nodes[1:]))), layout)
