"""x − Σ P x for distributions P: counted from the entry of x where P is largest.

Where P is nearly 1, x there and the sum are nearly equal, and their difference has no digits left; yet it is what the
backward of a softmax returns for that entry. P sums to 1, so nothing changes when x moves by one number in each row.
Counted from that very entry, the difference is minus the sum over the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from . import program
from .program import Node

#: Makes the node of x less its entry where P is largest, in each row.
Centred = Callable[[Node, "Distribution"], Node]


@dataclass(frozen=True)
class Distribution:
    """P, the axes along which it sums to 1, and what is largest where P is: its logits, if they have a name, or P.

    terms: what P is over its own sum.
    """

    p: Node
    axes: tuple[int, ...]
    key: Node
    terms: Node


def with_centred_rows(names: Sequence[str], roots: Sequence[Node]) -> list[Node]:
    """The same programs with entries called ``at_largest``; names: those of the first of them."""

    def centred(x: Node, rows: Distribution) -> Node:
        return program.add(((1, x), (-1, Node("at_largest", (x, rows.key), rows.axes, x.rank))))

    change = centring(names, roots, centred)[0]
    return list(map(program.rebuilder(change), roots))


def centring(
    names: Sequence[str], roots: Sequence[Node], centred: Centred
) -> tuple[Callable[[Node, Node], Node | None], list[Distribution]]:
    """What :func:`~.program.rebuilder` needs to centre the rows of programs, and the distributions that are met.

    names: those of the first programs, which the others may read.
    """
    known = dict(zip(names, roots, strict=False))
    found = {node: rows for node in program.all_nodes(roots) if (rows := _centred(node, known)) is not None}

    def replaced(old: Node, node: Node) -> Node | None:
        if old not in found:
            return None
        x, total = node.args if node.args[1].op == "reduce" else node.args[::-1]
        p = total.args[0].args[total.args[0].args[0] == x]
        shifted = centred(x, found[old])
        less = {x: shifted, total: program.reduce("sum", program.mul((p, shifted)), found[old].axes, True)}
        return Node("add", tuple(less[a] for a in node.args), node.data, node.rank, node.kind)

    return replaced, list(found.values())


def _centred(node: Node, known: Mapping[str, Node]) -> Distribution | None:
    """P of ``x - (P * x).sum(axis, keepdims=True)``, or of its negative."""
    if node.op != "add" or node.data not in ((1, -1), (-1, 1)):
        return None
    for x, total in (node.args, node.args[::-1]):
        if total.op != "reduce" or total.data[0] != "sum" or not total.data[2] or x.op == "reduce":
            continue
        product, axes = total.args[0], total.data[1]
        if product.op != "mul" or product.data != (2,) or x not in product.args or len(axes) != 1:  # type: ignore[arg-type]
            continue
        p = product.args[product.args[0] == x]
        if (terms := _terms(p, axes, known)) is not None:
            return Distribution(p, axes, _logits(p, axes, known) or p, terms)  # type: ignore[arg-type]
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
