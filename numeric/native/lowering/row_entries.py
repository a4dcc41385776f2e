"""The operations on rows as scalar expressions: entries that depend on reductions of their row."""

from __future__ import annotations

import math
from typing import Any

from ...program import Node
from ..scalars import Axis, Scalar, counter, dimension, negative, signed_sum
from .products import NeedsArray

#: An entry of a distribution above this is its largest, also where rounding moved the others.
MOST = 0.53125


class Rows:
    """The part of a lowering that writes operations on rows."""

    def _argmax(self: Any, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        """The first position of the largest entry, as minus the largest -position among the entries that reach it."""
        top = self._reduction("max", node, place)
        if not top.is_reduction:
            return Scalar("const", (), (0,))
        at, x = top.over[0], top.args[0]
        here = Scalar("compare", (x, top), ("==",), x.axes)
        behind = [Scalar("neg", (v,), (), v.axes) for v in (counter(at), Scalar("dim", (), (dimension(at),)))]
        body = Scalar("call", (here, *behind), ("where",), x.axes | {at})
        return negative(Scalar("max", (body,), (), top.axes, (at,)))

    def _at_largest(self: Any, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        """The entry of x where another array is largest along an axis; at a tie the largest of these, NaN aside."""
        x, key = node.args
        top = self._reduction("max", Node("reduce", (_exponent(key) or key,), ("max", node.data, True), x.rank), place)
        at: int = node.data[0]  # type: ignore[assignment]
        if not top.is_reduction:
            return self.entry(x, place)  # type: ignore[no-any-return]
        own = self.entry(x, (*place[:at], top.over[0], *place[at + 1 :]))
        if own.op != "load":  # a product minus its entry there, in one operation, would be its rounding error, not 0
            raise NeedsArray(x)
        here = Scalar("compare", (top.args[0], top), ("==",), top.args[0].axes)
        least = Scalar("const", (), (-math.inf,))
        body = Scalar("call", (here, own, least), ("where",), own.axes | here.axes)
        return Scalar("peak", (body,), (), body.axes - {top.over[0]}, top.over)

    def _row_scale(self: Any, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        """A power of two near the largest absolute value of a row, NaN aside: its row is NaN whatever the scale."""
        x = Node("call", (node.args[0],), ("abs",), node.args[0].rank)
        top = self.entry(Node("reduce", (x,), ("max", node.data, False), node.rank), place)
        if top.is_reduction:
            top = Scalar("peak", top.args, (), top.axes, top.over)
        least = self._operand(node.args[1], place)
        return Scalar("call", (top, least), ("row_scale",), top.axes | least.axes)

    def _over(self: Any, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        """A row times what is one over its scale: exact, because the scale is a power of two from 2^-126 to 2^127."""
        x, scale = (self._operand(a, place) for a in node.args)
        inverse = Scalar("mul", (Scalar("const", (), (1.0,)), scale), (1,), scale.axes)
        return Scalar("mul", (x, inverse), (2,), x.axes | scale.axes)

    def _row_minus(self: Any, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        """p - t for rows p that sum to 1; for the one p above 1/2, if any, 1 - t minus the sum of the others."""
        at: int = node.data[0]  # type: ignore[assignment]
        p, t = (self._operand(a, place) for a in node.args)
        k = place[at]
        if k is None or k not in p.axes:
            return signed_sum((1, p), (-1, t))
        most, rest = _others(p, k)
        from_one = signed_sum((1, signed_sum((1, Scalar("const", (), (1.0,))), (-1, t))), (-1, rest))
        return Scalar("call", (most, from_one, signed_sum((1, p), (-1, t))), ("where",), p.axes | t.axes)

    def _complement(self: Any, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        """1 - p for rows p that sum to 1; for the one p above 1/2, if any, the sum of the others."""
        p = self.entry(node.args[0], place)
        k = place[node.data[0]]  # type: ignore[call-overload]
        one_minus = signed_sum((1, Scalar("const", (), (1.0,))), (-1, p))
        if k is None or k not in p.axes:
            return one_minus
        return Scalar("call", (*_others(p, k), one_minus), ("where",), p.axes)

    def _zero_sum(self: Any, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        """x less something at one place of each row, or minus the sum of the others where that would cancel."""
        at: int = node.data[0]  # type: ignore[assignment]
        one_row = (*place[:at], *place[at + 1 :])
        own = self.entry(node.args[0], place)
        if node.data[1] == "p":
            p = self.entry(node.args[2], place)
            here = cancels = Scalar("compare", (p, Scalar("const", (), (MOST,))), (">",), p.axes)
            alone = own
        else:
            label, less = self.entry(node.args[1], one_row), self._operand(node.args[2], one_row)
            here = Scalar("compare", (counter(place[at]), label), ("==",), label.axes | counter(place[at]).axes)
            half = Scalar("mul", (Scalar("const", (), (0.5,)), less), (2,), less.axes)
            cancels = Scalar("compare", (own, half), (">",), own.axes | half.axes)
            alone = signed_sum((1, own), (-1, less))
        zero = Scalar("const", (), (0.0,))
        others = Scalar("call", (here, zero, own), ("where",), own.axes | here.axes)
        total = Scalar("sum", (others,), (), others.axes - {place[at]}, (place[at],))  # type: ignore[arg-type]
        there = negative(total)
        if cancels is not here:
            there = Scalar("call", (cancels, there, alone), ("where",), cancels.axes | there.axes | alone.axes)
        return Scalar("call", (here, there, own), ("where",), own.axes | here.axes | there.axes)


def _others(p: Scalar, k: Axis) -> tuple[Scalar, Scalar]:
    """Whether an entry of a distribution is above 1/2, and the sum of the others of its row."""
    most = Scalar("compare", (p, Scalar("const", (), (MOST,))), (">",), p.axes)
    if _is_softmax(p, k):  # its largest exponential is 1, and no other one where its share is that large
        exponential, total = p.args
        rest = Scalar("others", (exponential,), (), total.axes, total.over)
        return most, Scalar("mul", (rest, total), (1,), total.axes)
    others = Scalar("call", (most, Scalar("const", (), (0.0,)), p), ("where",), p.axes)
    return most, Scalar("sum", (others,), (), p.axes - {k}, (k,))


def _exponent(p: Node) -> Node | None:
    """z of exp(z - max z) over its sum: it is largest where p is."""
    e = p.args[0] if p.op == "mul" and p.data == (1,) and len(p.args) == 2 else p
    shifted = e.args[0] if e.op == "call" and e.data == ("exp",) else e
    if shifted is e or shifted.op != "add" or shifted.data != (1, -1):
        return None
    z, top = shifted.args
    top = top.args[0] if top.op == "expand" else top
    return z if top.op == "reduce" and top.data[0] == "max" and top.args[0] == z else None


def _is_softmax(p: Scalar, k: Axis) -> bool:
    """Whether p is exp(x - max x) over the sum of these."""
    if p.op != "mul" or p.data != (1,) or len(p.args) != 2 or p.args[0].op != "call" or p.args[0].data != ("exp",):
        return False
    exponential, total = p.args
    difference = exponential.args[0]
    if difference.op != "add" or difference.data != (1, -1):
        return False
    x, top = difference.args
    return (total.op, total.args, total.over) == ("sum", (exponential,), (k,)) and (top.op, top.args, top.over) == (
        "max",
        (x,),
        (k,),
    )
