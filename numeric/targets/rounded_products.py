"""Products from which the largest of their row is subtracted: compiled by XLA they are not rounded first.

XLA computes ``S = D / tau`` once for the largest and once for ``S - largest``, there as one operation with a single
rounding. The largest entry minus itself is then the rounding error of a product instead of 0: at 1e9, in float32, tens
of units, of which exp is taken. ``_rounded`` keeps the two operations apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .. import program
from ..program import Node


def with_rounded_products(names: Sequence[str], roots: Sequence[Node]) -> list[Node]:
    """The same programs; names: those of the first of them, which the others may read."""
    known = dict(zip(names, roots, strict=False))
    products = {_meant(largest.args[0], known) for largest in _subtracted(roots, known)}
    products = {p for p in products if p.op == "mul" or (p.op == "neg" and p.args[0].op == "mul")}
    rounded = program.rebuilder(lambda old, new: program.call("rounded", new) if old in products else None)
    return [rounded(root) for root in roots]


def _subtracted(roots: Sequence[Node], known: Mapping[str, Node]) -> list[Node]:
    """What is the largest of each row, or an entry of it, and stands in a sum behind a minus sign."""
    sums = (n for n in program.all_nodes(roots) if n.op == "add")
    meant = (_meant(a, known) for n in sums for sign, a in zip(n.data, n.args, strict=True) if sign == -1)
    return [m for m in meant if m.op == "at_largest" or (m.op == "reduce" and m.data[0] == "max")]


def _meant(node: Node, known: Mapping[str, Node]) -> Node:
    """What a node is a view of, or a name of."""
    while node.op in ("expand", "transpose") or (node.op == "name" and node.data[0] in known):
        node = known[str(node.data[0])] if node.op == "name" else node.args[0]
    return node
