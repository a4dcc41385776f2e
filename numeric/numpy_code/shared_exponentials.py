"""Sigmoid and softplus of one value, and of its negative, from one exponential: each computes exp(-abs(x)) itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from .. import program
from ..program import Node

#: Functions that are computed from exp(-abs(x)).
FUNCTIONS = ("sigmoid", "softplus", "sigmoid_minus")


def with_shared_exponentials(roots: Sequence[Node]) -> list[Node]:
    """The same programs, where functions of one value or its negative share the exponential."""
    calls: dict[Node, dict[Node, None]] = defaultdict(dict)
    for node in program.all_nodes(roots):
        if node.op == "call" and node.data[0] in FUNCTIONS and node.args[0].kind == "float":
            calls[_positive(node.args[0])][node] = None
    shared = {node for group in calls.values() if len(group) > 1 for node in group}
    return list(map(program.rebuilder(lambda old, new: _written_out(new) if old in shared else None), roots))


def _positive(x: Node) -> Node:
    return x.args[0] if x.op == "neg" else x


def _written_out(node: Node) -> Node:
    x = node.args[0]
    e = program.call("exp", program.negative(program.call("abs", _positive(x))))
    if node.data[0] == "softplus":
        return program.add(((1, program.call("relu", x)), (1, program.call("log1p", e))))
    return program.call(str(node.data[0]), *node.args, e)
