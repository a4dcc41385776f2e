"""Sigmoid and softplus of one value, and of its negative, from one exponential: each computes exp(-abs(x)) itself.

Of s = sigmoid(x) and 1 - s = sigmoid(-x) the smaller one is q = e / (1 + e) for this exponential e. Then s is q or
1 - q, and s (1 - s) is q (1 - q): it keeps its digits where s rounds to 1, and costs no more than (1 - s) s.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from .. import program
from ..program import Node

#: Functions that are computed from exp(-abs(x)).
FUNCTIONS = ("sigmoid", "softplus", "sigmoid_minus")


def with_shared_exponentials(roots: Sequence[Node], names: Sequence[str] = (), apart: bool = False) -> list[Node]:
    """The same programs, where functions of one value or its negative share the exponential.

    names: those of the values that the first programs compute. apart: sums of cross-entropies are those of their two
    terms, as the first may be an inner product.
    """
    known = dict(zip(names, roots, strict=False))
    calls: dict[Node, dict[Node, None]] = defaultdict(dict)
    for node in program.all_nodes(roots):
        if node.op == "call" and node.data[0] in FUNCTIONS and node.args[0].kind == "float":
            calls[_positive(node.args[0])][node] = None
    uses = program.uses(roots)
    shared = {node for group in calls.values() if len(group) > 1 for node in group}
    both = {x for x, group in calls.items() if {program.call("sigmoid", x), _complement(x)} <= {*group}}
    slopes = _slopes(roots, both, known)

    def replaced(old: Node, node: Node) -> Node | None:
        if (found := _cross_entropy(old)) is not None:
            x, t = map(visit, found)
            return program.add(((1, program.mul((x, _off(x, t)))), (1, program.call("log1p", _exponential(x)))))
        summed = old.args[0] if apart and old.op == "reduce" and old.data[0] == "sum" else old
        if summed is not old and uses[summed] == 1 and _cross_entropy(summed) is not None:
            terms = visit(summed).args
            return program.add(tuple((1, program.reduce("sum", a, *old.data[1:])) for a in terms))  # type: ignore[arg-type]
        if (slope := slopes.get(old)) is not None:
            small = _smaller(visit(_positive(_resolved(old.args[slope[0]], known).args[0])))
            one_less = program.add(((1, program.const(1)), (-1, small)))
            args = [a for at, a in enumerate(node.args) if at != slope[1]]
            args[slope[0] : slope[0] + 1] = [small, one_less]
            return Node("mul", tuple(args), node.data, node.rank, node.kind)
        if old in shared:
            return _written_out(node, _positive(old.args[0]) in both)
        return None

    visit = program.rebuilder(replaced)
    return list(map(visit, roots))


def _slopes(roots: Sequence[Node], both: set[Node], known: Mapping[str, Node]) -> dict[Node, tuple[int, int]]:
    """Products of a sigmoid and its complement, with the places of the two. The complement serves nothing else."""
    found: dict[Node, tuple[int, int]] = {}
    used: Counter[Node] = Counter()
    for node in program.all_nodes(roots):
        if node.op != "mul":
            continue
        split: int = node.data[0]  # type: ignore[assignment]
        over = [_resolved(a, known) for a in node.args[:split]]
        pairs = (_pair(over, x) for x in both)
        if (pair := next((p for p in pairs if p is not None), None)) is not None:
            found[node] = pair
            used.update(over[at] for at in pair)
    uses = program.uses(roots)
    return {
        node: pair
        for node, pair in found.items()
        if any(node.args[at].op == "call" and uses[node.args[at]] == used[node.args[at]] for at in pair)
    }


def _pair(factors: Sequence[Node], x: Node) -> tuple[int, int] | None:
    """Where sigmoid(x) and sigmoid(-x) stand among factors."""
    both = (program.call("sigmoid", x), _complement(x))
    if not {*both} <= {*factors}:
        return None
    first, second = sorted(map(factors.index, both))
    return first, second


def _resolved(node: Node, known: Mapping[str, Node]) -> Node:
    """What a name stands for, or the node itself."""
    return known.get(str(node.data[0]), node) if node.op == "name" else node


def _positive(x: Node) -> Node:
    return x.args[0] if x.op == "neg" else x


def _complement(x: Node) -> Node:
    return program.call("sigmoid", program.negative(x))


def _exponential(x: Node) -> Node:
    return program.call("exp", program.negative(program.call("abs", _positive(x))))


def _smaller(x: Node) -> Node:
    """The smaller one of sigmoid(x) and sigmoid(-x)."""
    e = _exponential(x)
    return program.mul((e,), (program.add(((1, program.const(1)), (1, e))),))


def _written_out(node: Node, with_complement: bool) -> Node | None:
    x, e = node.args[0], _exponential(node.args[0])
    if node.data[0] == "softplus":
        return program.add(((1, program.call("relu", x)), (1, program.call("log1p", e))))
    if node.data[0] == "sigmoid" and with_complement:
        nearer_one = "<" if x.op == "neg" else ">="
        side = Node("compare", (_positive(x), program.const(0)), (nearer_one,), x.rank, "bool")
        return program.call("abs", program.add(((1, side), (-1, _smaller(x)))))
    if node.data[0] == "sigmoid":
        return program.call("sigmoid", x, e)
    one, t = program.const(1), node.args[1]
    sign = program.add(((1, one), (-1, program.mul((program.const(2), _is_positive(x))))))
    return program.add(((1, _off(x, t)), (1, program.mul((sign, _smaller(x))))))


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
