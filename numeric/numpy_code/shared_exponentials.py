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
    roots = list(map(program.rebuilder(lambda old, new: _weighted(new)), roots))
    calls: dict[Node, dict[Node, None]] = defaultdict(dict)
    for node in program.all_nodes(roots):
        if node.op == "call" and node.data[0] in FUNCTIONS and node.args[0].kind == "float":
            calls[_positive(node.args[0])][node] = None
    known = set(program.all_nodes(roots))
    shared = {node for x, group in calls.items() if len(group) > 1 or _decaying(x) in known for node in group}
    return list(map(program.rebuilder(lambda old, new: _written_out(new, known) if old in shared else None), roots))


def _weighted(node: Node) -> Node | None:
    """``(1 - t) * softplus(x) + t * softplus(-x)`` as ``([x > 0] - t) * x + log1p(exp(-abs(x)))``: nothing cancels."""
    if node.op != "add" or node.data != (1, 1):
        return None
    for one, other in (node.args, node.args[::-1]):
        if one.op == other.op == "mul" and one.data == other.data == (2,) and len(one.args) == len(other.args) == 2:
            (rest, left), (t, right) = one.args, other.args
            if not all(n.op == "call" and n.data == ("softplus",) for n in (left, right)):
                continue
            x = left.args[0]
            if rest == program.add(((1, program.const(1)), (-1, t))) and right.args[0] == program.negative(x):
                product = program.mul((_above(x, t), x))
                return program.add(((1, product), (1, program.call("log1p", _decaying(_positive(x))))))
    return None


def _positive(x: Node) -> Node:
    return x.args[0] if x.op == "neg" else x


def _decaying(x: Node) -> Node:
    return program.call("exp", program.negative(program.call("abs", x)))


def _one(x: Node) -> Node:
    """1 where x > 0, elsewhere 0."""
    return program.as_float(Node("compare", (x, program.const(0)), (">",), x.rank, "bool"))


def _above(x: Node, t: Node) -> Node:
    """[x > 0] - t."""
    return program.add(((1, _one(x)), (-1, t)))


def _written_out(node: Node, known: set[Node]) -> Node:
    x = node.args[0]
    e = _decaying(_positive(x))
    if node.data[0] == "softplus":
        return program.add(((1, program.call("relu", x)), (1, program.call("log1p", e))))
    if node.data[0] == "sigmoid_minus" and _above(*node.args) in known:
        side = program.add(((1, program.const(1)), (-1, program.mul((program.const(2), _one(x))))))
        share = program.mul((e,), (program.add(((1, program.const(1)), (1, e))),))
        return program.add(((1, _above(*node.args)), (1, program.mul((side, share)))))
    return program.call(str(node.data[0]), *node.args, e)
