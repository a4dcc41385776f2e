"""Sums of squares of rows, which tell whether these need a scale: they serve for scaled rows too, where no row does.

That is nearly always: scales are for rows whose squares would overflow, or vanish.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import program
from ..plans import fresh_name
from ..program import Node


def with_known_squares(names: Sequence[str], roots: Sequence[Node], taken: set[str]) -> tuple[list[str], list[Node]]:
    """The same programs, and the names of the first of them, which the others may read. taken: names in use."""
    found, nodes = list(names), list(roots)
    for name in names:
        known = dict(zip(found, nodes, strict=False))
        scale = known[name]
        if scale.op != "row_scale" or scale.data != (scale.rank,):
            continue
        x = scale.args[0]
        if x.op != "name" or x.data[0] in names:  # what is computed may be overwritten when it is scaled
            continue
        for other, node in known.items():
            scaled = program.name(other, x.rank)
            inner = Node("call", (scaled, scaled), ("vecdot",), scale.rank, "float")
            if not _is_scaled(node, x, name) or inner not in program.all_nodes(nodes):
                continue
            squares = program.name(fresh_name("squares", taken), scale.rank)
            again = Node("squares_again", (squares, scaled, x, inner), (), scale.rank)
            nodes = list(map(program.rebuilder(lambda _, n: again if n == inner else None), nodes))  # noqa: B023
            at = found.index(name)
            nodes[at] = Node("row_scale", (*scale.args, squares), scale.data, scale.rank)
            found.insert(at, str(squares.data[0]))
            nodes.insert(at, Node("row_squares", (x,), (), scale.rank))
            break
    return found, nodes


def _is_scaled(node: Node, x: Node, scale: str) -> bool:
    """Whether a node is x over a scale, of which each row has one."""
    if node.op != "over" or node.args[0] != x:
        return False
    under = node.args[1].args[0] if node.args[1].op == "expand" else node.args[1]
    return under == program.name(scale, x.rank - 1)
