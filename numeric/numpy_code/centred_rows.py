"""x − Σ P x for distributions P: counted from the entry of x where P is largest.

Where P is nearly 1, x there and the sum are nearly equal, and their difference has no digits left; yet it is what the
backward of a softmax returns for that entry. P sums to 1, so nothing changes when x moves by one number in each row.
Counted from that very entry, the difference is minus the sum over the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .. import program
from ..program import Node


def with_centred_rows(names: Sequence[str], roots: Sequence[Node]) -> list[Node]:
    """The same programs; names: those of the first of them, which the others may read.

    The largest of a softmax is where that of its logits is, which is then found once.
    """
    known = dict(zip(names, roots, strict=False))
    found = {node: p for node in program.all_nodes(roots) if (p := _centred(node, known)) is not None}
    logits = {v: axes for p, axes in found.values() if (v := _logits(p, axes, known)) is not None}

    def place(p: Node, axes: tuple[int, ...]) -> Node:
        values = _logits(p, axes, known) or p
        at = Node("reduce", (values,), ("argmax", axes, False), p.rank - 1, "int")
        return Node("place", (values, at), axes, p.rank - 1, "int")

    def entry(x: Node, at: Node, axes: tuple[int, ...]) -> Node:
        return program.expand(Node("index", (x, at), (), x.rank - 1), tuple(k not in axes for k in range(x.rank)))

    def replaced(old: Node, node: Node) -> Node | None:
        if old.op == "reduce" and old.data[0] == "max" and old.data[2] and logits.get(old.args[0]) == old.data[1]:
            return entry(node.args[0], place(old.args[0], logits[old.args[0]]), logits[old.args[0]])
        if old not in found:
            return None
        p, axes = found[old]
        x, total = node.args if node.args[1].op == "reduce" else node.args[::-1]
        centred = program.add(((1, x), (-1, entry(x, place(p, axes), axes))))
        less = {x: centred, total: program.reduce("sum", program.mul((p, centred)), axes, True)}
        return Node("add", tuple(less[a] for a in node.args), node.data, node.rank, node.kind)

    return list(map(program.rebuilder(replaced), roots))


def _centred(node: Node, known: Mapping[str, Node]) -> tuple[Node, tuple[int, ...]] | None:
    """P and the axis of ``x - (P * x).sum(axis, keepdims=True)``, or of its negative."""
    if node.op != "add" or node.data not in ((1, -1), (-1, 1)):
        return None
    for x, total in (node.args, node.args[::-1]):
        if total.op != "reduce" or total.data[0] != "sum" or not total.data[2] or x.op == "reduce":
            continue
        product, axes = total.args[0], total.data[1]
        if product.op != "mul" or product.data != (2,) or x not in product.args or len(axes) != 1:  # type: ignore[arg-type]
            continue
        p = product.args[product.args[0] == x]
        if _terms(p, axes, known) is not None:
            return p, axes  # type: ignore[return-value]
    return None


def _terms(p: Node, axes: object, known: Mapping[str, Node]) -> Node | None:
    """What p is over its own sum along the axes."""
    p = known.get(str(p.data[0]), p) if p.op == "name" else p
    if p.op != "mul" or p.data != (1,) or len(p.args) != 2:
        return None
    terms, total = p.args
    total = total.args[0] if total.op == "expand" else total
    return terms if total.op == "reduce" and total.args == (terms,) and total.data[:2] == ("sum", axes) else None


def _logits(p: Node, axes: object, known: Mapping[str, Node]) -> Node | None:
    """z of exp(z − max z) over its sum, where z has a name: others are computed again for it."""
    terms = _terms(p, axes, known)
    if terms is None or terms.op != "call" or terms.data != ("exp",) or terms.args[0].op != "add":
        return None
    z, *rest = terms.args[0].args
    largest = program.reduce("max", z, axes, True)  # type: ignore[arg-type]
    return z if z.op == "name" and rest == [largest] and terms.args[0].data == (1, -1) else None
