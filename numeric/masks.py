"""Comparisons of indices and masked exponents as array operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sympy import Expr, Mul

from ..calculus.index_order import index_orders
from ..calculus.sums import BoundSum, bound_sum
from ..calculus.tensors import Index
from . import program
from .layout import Array, Layout, align
from .program import Node
from .stability import forms

Lower = Callable[[Any, Layout], Array]


def index_comparison(total: BoundSum, lower: Lower, hint: Layout) -> Array | None:
    """``Σ_t δ(j, i − t)`` as ``i >= j``; None where a sum is no comparison of indices."""
    orders = index_orders(total)
    if not orders:
        return None
    sides = [lower(side, hint) for order in orders for side in (order.larger, order.smaller)]
    nodes, layout = align(sides, hint)
    rank = len(layout)
    compared = [Node("compare", (a, b), (">=",), rank, "bool") for a, b in zip(nodes[::2], nodes[1::2], strict=True)]
    return Array(compared[0] if len(compared) == 1 else program.mul(tuple(compared)), layout)


def with_comparisons(body: Expr, bound: Sequence[Index]) -> tuple[Expr, tuple[Index, ...]]:
    """A delta under a sum over an index that only it has, ``Σ_{k,t} δ(k, i − t) f(k)``, as ``Σ_k [k ≤ i] f(k)``.

    A window, which has two ends, is left as it is.
    """
    factors = list(Mul.make_args(body))
    kept = list(bound)
    for t in bound:
        holders = [f for f in factors if f.has(t)]
        if len(holders) == 1 and len(index_orders(total := bound_sum(holders[0], t)) or ()) == 1:
            factors[factors.index(holders[0])] = total
            kept.remove(t)
    return Mul(*factors), tuple(kept)


def masked_exponent(e: Expr, lower: Lower, hint: Layout) -> Array:
    """v where the weight is 1, −∞ elsewhere."""
    assert isinstance(e, forms.WeightedExponent)
    exponent, weight = (lower(a, hint) for a in e.args)
    (v, w), layout = align([exponent, weight], hint)
    rank = max(v.rank, w.rank)
    if not isinstance(e, forms.MaskedExponent):
        return Array(program.call("log_weighted", v, w, kind="float"), layout)
    masked = Node("compare", (w, program.const(0)), ("==",), rank, "bool")
    if w.kind == "bool":
        return Array(program.call("where", w, _decimal(v), program.const(float("-inf")), kind="float"), layout)
    return Array(program.call("where", masked, program.const(float("-inf")), _decimal(v), kind="float"), layout)


def _decimal(v: Node) -> Node:
    return program.as_float(program.as_decimal(v))


def with_numbers(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """Named truth values as numbers, unless all that reads them is a comparison: two of them would add up to True."""
    counted: set[object] = set()
    for node in program.all_nodes(nodes.values()):
        if node.op not in ("compare", "expand", "transpose"):
            counted |= {a.data[0] for a in map(_viewed, node.args) if a.op == "name"}
    counted |= {a.data[0] for a in map(_viewed, nodes.values()) if a.op == "name"}
    return {n: program.as_float(node) if n in counted else node for n, node in nodes.items()}


def _viewed(node: Node) -> Node:
    while node.op in ("expand", "transpose"):
        node = node.args[0]
    return node
