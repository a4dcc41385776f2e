"""Centred rows in NumPy: the place of the largest entry is found once, by ``argmax``, and serves for take and put.

An array of its own that nothing else reads is centred in its place, and only where that saves digits: if some
probability is near 1, or if the entries of its rows are closer to each other than to 0. Otherwise x and its mean under
P are far enough apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import program
from ..centred_rows import Distribution, centring
from ..program import Node
from .row_sums import sure
from .row_text import FRESH


def with_centred_rows(names: Sequence[str], roots: Sequence[Node]) -> list[Node]:
    """The same programs; names: those of the first of them, which the others may read.

    The largest of a softmax is where that of its logits is, which is then found once.
    """
    own = _own(names, roots)

    def centred(x: Node, rows: Distribution) -> Node:
        if x in own and rows.key != rows.p and rows.axes == (x.rank - 1,):
            return Node("centred", (x, _place(rows), sure(visit(rows.terms), rows.axes)), (), x.rank)
        return program.add(((1, x), (-1, _entry(x, rows))))

    change, found = centring(names, roots, centred)
    logits = {rows.key: rows for rows in found if rows.key != rows.p}

    def replaced(old: Node, node: Node) -> Node | None:
        if old.op == "reduce" and old.data[0] == "max" and old.data[2]:
            rows = logits.get(old.args[0])
            return _entry(node.args[0], rows) if rows is not None and old.data[1] == rows.axes else None
        return change(old, node)

    visit = program.rebuilder(replaced)
    return list(map(visit, roots))


def _own(names: Sequence[str], roots: Sequence[Node]) -> set[Node]:
    """The named arrays that only ``x - (P * x).sum()`` reads: that is, a sum and a product.

    None that other programs have as a part: they will read it by its name.
    """
    known = dict(zip(names, roots, strict=False))
    parts = {*roots[len(names) :], *program.all_nodes([a for root in roots for a in root.args])}
    made = {name: node for name, node in known.items() if node.op in FRESH and node not in parts}
    readers: dict[Node, list[str]] = {program.name(name, node.rank): [] for name, node in made.items()}
    for node in program.all_nodes(roots):
        for a in {*node.args} & readers.keys():
            readers[a].append(node.op)
    return {x for x, by in readers.items() if sorted(by) == ["add", "mul"] and x not in roots}


def _place(rows: Distribution) -> Node:
    at = Node("reduce", (rows.key,), ("argmax", rows.axes, False), rows.key.rank - 1, "int")
    return Node("place", (rows.key, at), rows.axes, rows.key.rank - 1, "int")


def _entry(x: Node, rows: Distribution) -> Node:
    entry = Node("index", (x, _place(rows)), (), x.rank - 1)
    return program.expand(entry, tuple(k not in rows.axes for k in range(x.rank)))
