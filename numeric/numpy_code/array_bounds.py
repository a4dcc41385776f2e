"""Bounds in the forms that NumPy is fast at: np.maximum and np.minimum of two arrays, np.clip with two numbers.

With a number for one side, np.maximum and np.minimum are five times slower than with an array.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .. import program
from ..program import Node

INFINITY = float("inf")


def with_array_bounds(roots: Sequence[Node], elementwise: bool = True) -> list[Node]:
    """The same programs: max(x, a) takes its bound from clip(x, a, b) where there is one, and is a clip elsewhere.

    A value that is nothing else stays np.maximum(x, 0.0). elementwise: whether all arrays have the shape of the inputs;
    otherwise only what is computed of whole arrays is changed.
    """
    clips = [n for n in program.all_nodes(roots) if n.op == "call" and n.data == ("clip",)]
    memo: dict[int, Node] = {}  # by identity: 0 and 0.0 are equal, and are not the same text

    def visit(node: Node) -> Node:
        if id(node) not in memo:
            memo[id(node)] = bound(node) or unchanged(node)
        return memo[id(node)]

    def unchanged(node: Node) -> Node:
        args = tuple(map(visit, node.args))
        same = all(a is b for a, b in zip(args, node.args, strict=True))
        return node if same else Node(node.op, args, node.data, node.rank, node.kind)

    def bound(node: Node) -> Node | None:
        if node.op != "call" or node.args[0].kind != "float" or (not elementwise and not node.rank):
            return None
        x, zero = node.args[0], program.const(0.0)
        if node.data == ("relu",):
            return program.call("clip", visit(x), zero, program.const(INFINITY))
        if not elementwise or node.data not in (("maximum",), ("minimum",)) or node.args[1].op != "const":
            return None
        at = node.args[1]
        below = node.data == ("maximum",)
        found = next((n for n in clips if n.args[0] == x and n.args[1 if below else 2] == at), None)
        if found is not None:
            return program.call(str(node.data[0]), visit(x), visit(found))
        ends = (at, program.const(INFINITY)) if below else (program.const(-INFINITY), at)
        return program.call("clip", visit(x), *ends)

    return [unchanged(r) for r in roots]


def beyond_last(roots: Sequence[Node], named: int) -> list[Node]:
    """The same programs, where what is x itself beyond a bound gets its entries from there when all else is computed.

    That overwrites it. The first ``named`` programs are values with a name; what is returned of them is theirs. Where
    another program reads such a value in its middle, it overwrites a copy.
    """
    uses = Counter(a for n in program.all_nodes(roots) for a in n.args)
    memo: dict[int, Node] = {}

    def visit(node: Node, outermost: bool) -> Node:
        if outermost or id(node) not in memo:
            args = tuple(visit(a, False) for a in node.args)
            data = node.data
            if data == ("beyond",) and not outermost and uses[node.args[0]] > 1:
                data = ("beyond", "copy")
            same = data is node.data and all(a is b for a, b in zip(args, node.args, strict=True))
            found = node if same else Node(node.op, args, data, node.rank, node.kind)
            if outermost:
                return found
            memo[id(node)] = found
        return memo[id(node)]

    found = [visit(r, True) for r in roots]
    return [n.args[0] if at < named and n.data == ("beyond",) else n for at, n in enumerate(found)]
