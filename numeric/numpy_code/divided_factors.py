"""``(Q @ K.T) / u`` and ``(G.T @ Q) / u`` as ``scaled @ K.T`` and ``G.T @ scaled`` with ``scaled = Q / u``.

A factor that is multiplied along one of its axes here, and along the other there, is divided once in place of both
products. Divisors are at least 1: nothing overflows that did not before.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import program
from ..program import Node

#: A factor and its divisors: what both products have.
Key = tuple[Node, tuple[Node, ...]]


def with_divided_factors(names: Sequence[str], roots: Sequence[Node]) -> list[Node]:
    """The same programs; names: those of the first of them, which are computed: other names are arguments."""
    nodes = program.all_nodes(roots)[::-1]
    along: dict[Key, set[int]] = {}
    for node in nodes:
        for factor, axis, _ in _factors(node, names):
            along.setdefault((factor, node.args[1:]), set()).add(axis)
    taken: dict[Node, int] = {}
    for key in (key for key, axes in along.items() if len(axes) > 1):
        found = [(n, at) for n in nodes for f, _, at in _factors(n, names) if (f, n.args[1:]) == key and n not in taken]
        if len(found) > 1:
            taken.update(found)

    def replaced(old: Node, node: Node) -> Node | None:
        if old not in taken:
            return None
        operands, under = list(node.args[0].args), node.args[1:]
        factor = operands[taken[old]]
        turned = factor.op == "transpose"
        divided = program.mul((factor.args[0] if turned else factor,), under)
        operands[taken[old]] = program.transpose(divided, factor.data) if turned else divided  # type: ignore[arg-type]
        return program.matmul(*operands)

    return list(map(program.rebuilder(replaced), roots))


def _factors(node: Node, names: Sequence[str]) -> list[tuple[Node, int, int]]:
    """The arguments that are factors of a divided matrix product: each with the axis that is summed, and its place."""
    if node.op != "mul" or node.data != (1,) or node.args[0].op != "matmul" or not all(map(_is_large, node.args[1:])):
        return []
    found = []
    for at, operand in enumerate(node.args[0].args):
        factor = operand.args[0] if operand.op == "transpose" else operand
        axes = operand.data if operand.op == "transpose" else range(operand.rank)
        if factor.op == "name" and factor.data[0] not in names and factor.rank > 1 and factor.kind == "float":
            found.append((factor, int(axes[-1 - at]), at))  # type: ignore[call-overload, index]
    return found


def _is_large(x: Node) -> bool:
    """Whether a number is at least 1 for every size."""
    if x.op == "const":
        return bool(x.data[0] >= 1)  # type: ignore[operator]
    return x.op == "dim" or (x.op == "pow" and x.data[0] > 0 and _is_large(x.args[0]))  # type: ignore[operator]
