"""Rows of exponentials over their largest: where that entry is, and the sum of the others, are found once.

``log_sum`` and ``row_minus`` both need them. The sum of a whole row is then 1 plus that of the others, r. The largest
entry of the distribution is 1/(1 + r), and that minus a target t is ((1 - t) - t r)/(1 + r), in which nothing cancels
but what cancels for exact p and t.

Where a difference is wanted, all of that is computed only if some row has a total near 1. In all others the sum of the
row, its logarithm and the difference as they stand keep their digits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from .. import program
from ..plans import fresh_name
from ..program import Node
from .branches import either

#: Rows of exponentials with a total from here on have no probability above 0.8. What is lost in taking 1 off 0.8 is
#: below 9 units of rounding of the result. Of 64 rows of 10 random logits, none has a smaller total 19 times out of 20.
SURE = 1.25


def sure(terms: Node, axes: tuple[int, ...]) -> Node:
    """Whether a probability is above 0.8, of rows of exponentials whose largest is 1."""
    total = program.reduce("sum", terms, axes)
    small = Node("compare", (total, program.const(SURE)), ("<",), total.rank, "bool")
    return Node("call", (small,), ("count_nonzero",), 0, "int") if total.rank else small


@dataclass(frozen=True)
class _Rows:
    """exp(values - largest): the values, the axis of the rows, and the position of the largest in each row."""

    values: Node
    axis: int
    place: Node


def with_shared_sums(
    names: Sequence[str], roots: Sequence[Node], distributions: Collection[str], taken: set[str]
) -> tuple[list[str], list[Node]]:
    """The same programs; names: those of the first of them, which the others may read.

    distributions: names of arrays whose rows, along the last axis, sum to 1. taken: names that are in use; what is
    computed before the exponentials, which may then overwrite what they are of, gets another one.
    """
    known = dict(zip(names, roots, strict=False))
    rows = _wanted(roots, known)
    if not rows:
        return list(names), list(roots)
    early: dict[Node, Node] = {}
    largest = {(r.values, r.axis): r for r in rows.values()}
    spent = _spent(roots, rows, known)
    differences = {t for n in program.all_nodes(roots) if n.op == "row_minus" and (t := _normalised(n, known)) in rows}
    logarithms = {n.args[0] for n in program.all_nodes(roots) if n.op == "log_sum"}

    def condition(terms: Node) -> Node:
        return sure(visit(terms), (rows[terms].axis,))

    def sums(terms: Node) -> tuple[Node, Node]:
        """The sum of each row, and its logarithm."""
        others = rest(terms)
        exact = (program.call("log1p", others), program.add(((1, program.const(1)), (1, others))))
        if terms not in differences:
            return exact[1], exact[0]
        total = program.reduce("sum", visit(terms), (rows[terms].axis,))
        plain, names = (program.call("log", total), total), ("logs", "total")
        if terms not in logarithms:
            return either(condition(terms), exact[1:], plain[1:], names[1:])[0], exact[0]
        log, total = either(condition(terms), exact, plain, names)
        return total, log

    def rest(terms: Node) -> Node:
        r = rows[terms]
        return Node("rest", (visit(terms), visit(r.place)), (r.axis, terms in spent), terms.rank - 1)

    def replaced(old: Node, node: Node) -> Node | None:
        axes: tuple[int, ...] = old.data[1] if old.op == "reduce" else ()  # type: ignore[assignment]
        if (weighted := _weighted_logs(old, rows, distributions)) is not None:
            shifted, weights, summed = weighted
            early[summed] = inner = Node("call", (visit(shifted), weights), ("vdot",), 0)
            logs = sums(summed)[1]
            total = program.reduce("sum", logs, tuple(range(logs.rank)))
            return program.negative(program.add(((1, total), (-1, inner))))
        if old.op == "neg" and node.args[0] is not old.args[0]:
            return _without_sign(node.args[0])
        if old.op == "add" and any(a is not b and _without_sign(a) for a, b in zip(node.args, old.args, strict=True)):
            return _without_signs(node)
        if len(axes) == 1:
            axis = axes[0]
            keepdims = tuple(at != axis for at in range(old.args[0].rank)) if old.data[2] else ()
            if old.data[0] == "max" and (r := largest.get((old.args[0], axis))):
                found = Node("index", (node.args[0], visit(r.place)), (), old.args[0].rank - 1)
            elif old.data[0] == "sum" and old.args[0] in rows and rows[old.args[0]].axis == axis:
                found = sums(old.args[0])[0]
            else:
                return None
            return program.expand(found, keepdims) if keepdims else found
        if old.op == "log_sum" and old.args[0] in rows:
            return sums(old.args[0])[1]
        if old.op == "row_minus" and (terms := _normalised(old, known)) in rows:
            others, place, total = rest(terms), visit(rows[terms].place), sums(terms)[0]
            own = Node("index", (node.args[1], place), (), others.rank)
            lost = program.add(((1, program.const(1)), (-1, own)))
            left = program.mul((program.add(((1, lost), (-1, program.mul((own, others))))),), (total,))
            return Node("row_minus", (*node.args, place, left, condition(terms)), node.data, node.rank)
        return None

    visit = program.rebuilder(replaced)
    found, changed = list(names), [visit(r) for r in roots]
    for terms, inner in early.items():
        at = next((k for k, root in enumerate(roots[: len(names)]) if terms in program.all_nodes([root])), len(names))
        found.insert(at, fresh_name("weighted", taken))
        changed.insert(at, inner)
    return found, changed


def _without_sign(x: Node) -> Node | None:
    """-x for a negative, or a negative over something."""
    front = x.args[0] if x.op == "mul" and x.data == (1,) else x
    return program.mul(front.args, x.args[1:] if front is not x else ()) if front.op == "neg" else None


def _without_signs(node: Node) -> Node:
    """``a - -b`` as ``a + b``."""
    signs: tuple[int, ...] = node.data  # type: ignore[assignment]
    terms = ((sign, a, _without_sign(a)) for sign, a in zip(signs, node.args, strict=True))
    return program.add(tuple((sign, a) if bare is None else (-sign, bare) for sign, a, bare in terms))


def _wanted(roots: Sequence[Node], known: Mapping[str, Node]) -> dict[Node, _Rows]:
    """The exponentials whose largest entry is looked for anyway."""
    found: dict[Node, _Rows] = {}
    for node in program.all_nodes(roots):
        terms = node.args[0] if node.op == "log_sum" else _normalised(node, known) if node.op == "row_minus" else None
        rows = None if terms is None else _rows(terms)
        if terms is not None and rows is not None and (rows.axis,) == node.data:
            found[terms] = rows
    return found


def _spent(roots: Sequence[Node], rows: Mapping[Node, _Rows], known: Mapping[str, Node]) -> set[Node]:
    """The exponentials whose largest nobody reads once the sum of the others is known.

    Sums and their logarithms need those only. So does a distribution that is nothing but what ``row_minus`` overwrites.
    """
    readers: dict[Node, list[Node | None]] = {root: [None] * list(roots).count(root) for root in roots}
    for node in program.all_nodes(roots):
        for a in node.args:
            readers.setdefault(a, []).append(node)
    called = {node: program.name(name, node.rank) for name, node in known.items()}

    def overwritten(p: Node) -> bool:
        by = [*readers[p], *(readers.get(called[p], ()) if p in called else ())]
        reading = [r for r in by if r is not None]
        return len(by) - len(reading) <= (p in called) and [r.op for r in reading] == ["row_minus"]

    def may_go(e: Node) -> bool:
        others = [r for r in readers[e] if r is None or not (r.op == "log_sum" or _is_sum(r, rows[e].axis))]
        return not others or (len(others) == 1 and others[0] is not None and overwritten(others[0]))

    return {e for e in rows if may_go(e)}


def _is_sum(node: Node, axis: int) -> bool:
    return node.op == "reduce" and node.data[:2] == ("sum", (axis,))


def _weighted_logs(
    node: Node, rows: Collection[Node], distributions: Collection[str]
) -> tuple[Node, Node, Node] | None:
    """(s, Y, e) where a node is Σ Y (s − log Σ e) for e = exp(s) and rows Y that sum to 1: it is Σ Y s − Σ log Σ e.

    Both terms have one sign, so that nothing cancels.
    """
    product = node.args[0] if node.op == "reduce" and node.data[0] == "sum" and not node.data[2] else node
    if product.rank < 2 or product.op != "mul" or product.data != (2,) or node.rank:
        return None
    for weights, logs in (product.args, product.args[::-1]):
        if weights.op != "name" or weights.data[0] not in distributions or (logs.op, logs.data) != ("add", (1, -1)):
            continue
        shifted, total = logs.args
        total = total.args[0] if total.op == "expand" else total
        if total.op == "log_sum" and total.data == (product.rank - 1,) and total.args[0] in rows:
            terms = total.args[0]
            return (shifted, weights, terms) if terms.args[0] == shifted and weights.rank == product.rank else None
    return None


def _normalised(node: Node, known: Mapping[str, Node]) -> Node | None:
    """t for a ``row_minus`` of t over its sums."""
    p = node.args[0]
    p = known.get(str(p.data[0]), p) if p.op == "name" else p
    if p.op != "mul" or p.data != (1,) or len(p.args) != 2:
        return None
    terms, total = p.args
    total = total.args[0] if total.op == "expand" else total
    is_sum = total.op == "reduce" and total.args[0] == terms and total.data[:2] == ("sum", node.data)
    return terms if is_sum else None


def _rows(terms: Node) -> _Rows | None:
    """What exponentials are of, if they are over the largest of each row."""
    shifted = terms.args[0] if terms.op == "call" and terms.data == ("exp",) else None
    if shifted is None or shifted.op != "add" or shifted.data != (1, -1):
        return None
    values, largest = shifted.args
    largest = largest.args[0] if largest.op == "expand" else largest
    if largest.op != "reduce" or largest.data[0] != "max" or largest.args[0] != values:
        return None
    axes: tuple[int, ...] = largest.data[1]  # type: ignore[assignment]
    if len(axes) != 1:
        return None
    top = Node("reduce", (values,), ("argmax", axes, False), values.rank - 1, "int")
    return _Rows(values, axes[0], Node("place", (values, top), axes, values.rank - 1, "int"))
