"""The forms of :mod:`row_forms` as array operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..calculus.sums import BoundSum, Delta
from ..calculus.tensors import Index
from . import program
from .layout import Array, Layout, align, broadcastable
from .program import Node
from .stability.row_forms import (
    Centred,
    Complement,
    Largest,
    LessMean,
    Over,
    RowMinus,
    RowScale,
    UnitMinus,
    ZeroSum,
    sigmoid_minus,
    tanh_minus,
)

Lower = Callable[[Any, Layout], Array]


def zero_sum(e: ZeroSum, lower: Lower, hint: Layout) -> Array:
    """Rows, the position of one entry in each, and what is taken off there, or the distribution that is largest there.

    One row for all positions is repeated.
    """
    x, c, at, *less = e.args
    rows = lower(x, hint)
    places = lower(at, tuple(k for k in hint if k != c))
    if missing := [k for k in places.layout if k not in rows.layout]:
        layout = tuple(k for k in hint if k in missing or k in rows.layout)
        shape = ", ".join(str(k.dim) for k in layout)
        rows = Array(Node("full", (broadcastable(rows, layout),), ("", f"({shape})"), len(layout)), layout)
    rest = tuple(k for k in rows.layout if k != c)
    where = broadcastable(places, rest)
    axis = rows.layout.index(c)  # type: ignore[arg-type]
    if less:
        off = broadcastable(lower(less[0], rest), rest)
        return Array(Node("zero_sum", (rows.node, where, off), (axis, "less"), rows.node.rank), rows.layout)
    return Array(Node("zero_sum", (rows.node, where, where.args[0]), (axis, "p"), rows.node.rank), rows.layout)


def row_minus(e: RowMinus, lower: Lower, hint: Layout) -> Array:
    """A distribution minus another array of the same axes."""
    p, t, c = e.args
    nodes, layout = align([lower(p, hint), lower(t, hint)], hint)
    return Array(Node("row_minus", nodes, (layout.index(c),), len(layout)), layout)  # type: ignore[arg-type]


def complement(e: Complement, lower: Lower, hint: Layout) -> Array:
    """1 minus a distribution."""
    p, c = e.args
    rows = lower(p, hint)
    return Array(Node("complement", (rows.node,), (rows.layout.index(c),), rows.node.rank), rows.layout)  # type: ignore[arg-type]


def unit_minus(e: UnitMinus, lower: Lower, hint: Layout) -> Array:
    """The complement where two indices are equal, and elsewhere minus the distribution."""
    p, c, at = e.args
    here = lower(Delta(c, at), hint)  # type: ignore[arg-type]
    mask = Node(here.node.op, here.node.args, here.node.data, here.node.rank, "bool")
    (where, one, other), layout = align(
        [Array(mask, here.layout), complement(Complement(p, c), lower, hint), lower(p, hint)], hint
    )
    return Array(program.call("where", where, one, program.negative(other), kind="float"), layout)


def less_mean(e: LessMean, lower: Lower, hint: Layout) -> Array:
    """x minus the sum of p x, which :mod:`.centred_rows` finds in this form."""
    x, p, c, sign = e.args
    (value, weight), layout = align([lower(x, hint), lower(p, hint)], hint)
    mean = program.reduce("sum", program.mul((weight, value)), (layout.index(c),), keepdims=True)  # type: ignore[arg-type]
    more, less = (value, mean) if sign == 1 else (mean, value)
    return Array(program.add(((1, more), (-1, less))), layout)


def largest(e: Largest, lower: Lower, hint: Layout) -> Array:
    """Positions along an axis."""
    p, c = e.args
    rows = lower(p, (*hint, c))  # type: ignore[arg-type]
    axis = rows.layout.index(c)  # type: ignore[arg-type]
    node = Node("reduce", (rows.node,), ("argmax", (axis,), False), rows.node.rank - 1, "int")
    return Array(node, tuple(k for k in rows.layout if k != c))


def two_arguments(e: sigmoid_minus | tanh_minus, lower: Lower, hint: Layout) -> Array:
    """An elementwise function of two arrays."""
    nodes, layout = align([lower(a, hint) for a in e.args], hint)
    return Array(program.call(type(e).__name__, *nodes), layout)


def over(e: Over, lower: Lower, hint: Layout) -> Array:
    """A row over its scale."""
    nodes, layout = align([lower(a, hint) for a in e.args], hint)
    return Array(Node("over", nodes, (), len(layout)), layout)


def centred(e: Centred, lower: Lower, hint: Layout) -> Array:
    """x, and then what is left of its mean taken off: x is rounded before."""
    x, total, count = e.args
    nodes, layout = align([lower(x, hint), lower(total / count, hint)], hint)  # type: ignore[operator]
    return Array(program.add(((1, nodes[0]), (-1, nodes[1]))), layout)


def row_scale(e: RowScale, lower: Lower, hint: Layout) -> Array:
    """A power of two for each row."""
    total, least = e.args
    assert isinstance(total, BoundSum)
    body, bound = total.open()
    values = lower(body, (*hint, *bound))
    axes = tuple(sorted(values.layout.index(k) for k in bound))
    rest: tuple[Index, ...] = tuple(k for k in values.layout if k not in bound)
    floor = lower(least, rest)
    return Array(Node("row_scale", (values.node, broadcastable(floor, rest)), axes, len(rest)), rest)
