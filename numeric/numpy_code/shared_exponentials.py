"""Sigmoid and softplus of one value, and of its negative, from one exponential: each computes exp(-abs(x)) itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from .. import program
from ..program import Node

#: Functions that are computed from exp(-abs(x)).
FUNCTIONS = ("sigmoid", "softplus", "sigmoid_minus")


def with_shared_exponentials(roots: Sequence[Node], apart: bool = False) -> list[Node]:
    """The same programs, where functions of one value or its negative share the exponential.

    apart: sums of cross-entropies are those of their two terms, as the first may be an inner product.
    """
    calls: dict[Node, dict[Node, None]] = defaultdict(dict)
    for node in program.all_nodes(roots):
        if node.op == "call" and node.data[0] in FUNCTIONS and node.args[0].kind == "float":
            calls[_positive(node.args[0])][node] = None
    uses = program.uses(roots)
    shared = {node for group in calls.values() if len(group) > 1 for node in group}

    def replaced(old: Node, node: Node) -> Node | None:
        if (found := _cross_entropy(old)) is not None:
            x, t = map(visit, found)
            return program.add(((1, program.mul((x, _off(x, t)))), (1, program.call("log1p", _exponential(x)))))
        summed = old.args[0] if apart and old.op == "reduce" and old.data[0] == "sum" else old
        if summed is not old and uses[summed] == 1 and _cross_entropy(summed) is not None:
            terms = visit(summed).args
            return program.add(tuple((1, program.reduce("sum", a, *old.data[1:])) for a in terms))  # type: ignore[arg-type]
        return _written_out(node) if old in shared else None

    visit = program.rebuilder(replaced)
    return list(map(visit, roots))


def _positive(x: Node) -> Node:
    return x.args[0] if x.op == "neg" else x


def _exponential(x: Node) -> Node:
    return program.call("exp", program.negative(program.call("abs", _positive(x))))


def _written_out(node: Node) -> Node | None:
    x, e = node.args[0], _exponential(node.args[0])
    if node.data[0] == "softplus":
        return program.add(((1, program.call("relu", x)), (1, program.call("log1p", e))))
    if node.data[0] == "sigmoid":
        return program.call("sigmoid", x, e)
    one, t = program.const(1), node.args[1]
    sign = program.add(((1, one), (-1, program.mul((program.const(2), _is_positive(x))))))
    share = program.mul((e,), (program.add(((1, one), (1, e))),))
    return program.add(((1, _off(x, t)), (1, program.mul((sign, share)))))


def _off(x: Node, t: Node) -> Node:
    """What a target is off by, for the nearer of 0 and 1."""
    return program.add(((1, _is_positive(x)), (-1, t)))


def _is_positive(x: Node) -> Node:
    return program.as_float(Node("compare", (x, program.const(0)), (">",), x.rank, "bool"))


def _cross_entropy(node: Node) -> tuple[Node, Node] | None:
    """x and t of ``(1 - t) * softplus(x) + t * softplus(-x)``, which is ``x * ((x > 0) - t) + log1p(exp(-abs(x)))``.

    Neither term is negative, as before: each may be summed alone. There is one product in place of two.
    """
    if node.op != "add" or node.data != (1, 1):
        return None
    if any(a.op != "mul" or a.data != (2,) or len(a.args) != 2 for a in node.args):
        return None
    for first, second in (node.args, node.args[::-1]):
        for rest, softplus in (first.args, first.args[::-1]):
            for t, other in (second.args, second.args[::-1]):
                if softplus.data != ("softplus",) or rest != program.add(((1, program.const(1)), (-1, t))):
                    continue
                x = softplus.args[0]
                if other == program.call("softplus", program.negative(x)) and x.kind == t.kind == "float":
                    return x, t
    return None
