"""Centred rows in NumPy: the place of the largest entry is found once, by ``argmax``, and serves for take and put."""

from __future__ import annotations

from collections.abc import Sequence

from .. import program
from ..centred_rows import Distribution, centring
from ..program import Node


def with_centred_rows(names: Sequence[str], roots: Sequence[Node]) -> list[Node]:
    """The same programs; names: those of the first of them, which the others may read.

    The largest of a softmax is where that of its logits is, which is then found once.
    """
    change, found = centring(names, roots, _entry)
    logits = {rows.key: rows for rows in found if rows.key != rows.p}

    def replaced(old: Node, node: Node) -> Node | None:
        if old.op == "reduce" and old.data[0] == "max" and old.data[2]:
            rows = logits.get(old.args[0])
            return _entry(node.args[0], rows) if rows is not None and old.data[1] == rows.axes else None
        return change(old, node)

    return list(map(program.rebuilder(replaced), roots))


def _entry(x: Node, rows: Distribution) -> Node:
    at = Node("reduce", (rows.key,), ("argmax", rows.axes, False), rows.key.rank - 1, "int")
    place = Node("place", (rows.key, at), rows.axes, rows.key.rank - 1, "int")
    return program.expand(Node("index", (x, place), (), x.rank - 1), tuple(k not in rows.axes for k in range(x.rank)))
