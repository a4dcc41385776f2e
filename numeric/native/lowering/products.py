"""Matrix products, other sums of products, and scattered sums as scalar expressions: the part of a lowering for them.

A sum in which each array lacks some of the loop variables reads its arrays again and again: it is a ``product`` and
gets loops of its own (:mod:`..loops.accumulate`). Where one array has all of them it is a plain sum, and part of any
kernel. A ``put`` adds its values up at computed places. Both are reductions, and complete only after all their loops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...lower import Unsupported
from ...program import Node
from ..scalars import Axis, Scalar, axis, closure, counter, dimension
from .factors import summed

#: Reductions that have loops of their own.
ACCUMULATED = ("product", "put")
VIEWS = ("transpose", "expand")
WINDOWS = ("take", "take_inside")


class NeedsArray(Exception):
    """An operand that must be an array of its own first, such as the source of a gather."""

    def __init__(self, node: Node) -> None:
        super().__init__(node.op)
        self.node = node


class Products:
    """The part of a lowering that writes products and scattered sums."""

    def _matmul(self: Any, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        a, b = node.args
        first, second = len(self.shape(a)), len(self.shape(b))
        letters = iter("abcdefghijklmnopqrstuvwxyz")
        stack = [next(letters) for _ in range(max(first, second) - 2)]
        row, column, inner = next(letters), next(letters), next(letters)
        left = [*stack[len(stack) - max(0, first - 2) :], row, inner] if first > 1 else [inner]
        right = [*stack[len(stack) - max(0, second - 2) :], inner, column] if second > 1 else [inner]
        out = [*stack, *([row] if first > 1 else []), *([column] if second > 1 else [])]
        return self._contracted(node, ("".join(left), "".join(right)), "".join(out), place)  # type: ignore[no-any-return]

    def _einsum(self: Any, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        given, out = str(node.data[0]).split("->")
        return self._contracted(node, tuple(given.split(",")), out, place)  # type: ignore[no-any-return]

    def _contracted(self: Any, node: Node, given: Sequence[str], out: str, place: tuple[Axis | None, ...]) -> Scalar:
        """The sum of the product of the operands over all letters that the result does not have."""
        shapes = [self.shape(a) for a in node.args]
        dims: dict[str, str] = {}
        for letters, shape in zip(given, shapes, strict=True):
            dims |= {c: d for c, d in zip(letters, shape, strict=True) if d != "1"}
        at: dict[str, Axis | None] = dict(zip(out, place, strict=True))
        over: list[Axis] = []
        for c in dict.fromkeys("".join(given)):
            if c in at:
                continue
            at[c] = None
            if c in dims:
                over.append(axis(dims[c], [a for a in at.values() if a]))
                at[c] = over[-1]
        every = set(dims)
        shared = bool(over) and not any(set(letters) & every >= every for letters in given)
        if shared:
            for operand in node.args:
                self._need_operand(operand)
        factors = []
        for operand, letters, shape in zip(node.args, given, shapes, strict=True):
            spots = tuple(None if d == "1" else at[c] for c, d in zip(letters, shape, strict=True))
            factors.append(self.entry(operand, spots))
        if shared and self.real == "float":
            factors = [Scalar("widen", (f,), (), f.axes) for f in factors]
        body = Scalar("mul", tuple(factors), (len(factors),), frozenset().union(*(f.axes for f in factors)))
        if not over:
            return body
        if shared:
            order = tuple(a for a in place if a)
            return Scalar("product", (body,), (order,), body.axes - set(over), tuple(over))
        return summed(body, tuple(over), self.real == "float")

    def _need_operand(self: Any, node: Node) -> None:
        """What is read many times is computed once: views and windows of arrays are read, all else is stored."""
        if node in self.arrays:
            return
        if node.op in VIEWS:
            self._need_operand(node.args[0])
        elif node.op in WINDOWS:
            self._need_source(node)
        else:
            raise NeedsArray(node)

    def _need_source(self: Any, node: Node) -> None:
        source = node.args[0]
        if source.op in (*WINDOWS, *VIEWS) and source not in self.arrays:
            self._need_source(source) if source.op in WINDOWS else self._need_operand(source)
        elif source not in self.arrays:
            raise NeedsArray(source)

    # --- scattered sums ---

    def _put(self: Any, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        """The sum of the values whose position is the last variable of the place."""
        values, positions = node.args
        target = place[-1]
        if target is None:
            raise Unsupported("a sum scattered over an axis of length one has no C form yet")
        lead = place[:-1]
        taken = [a for a in place if a]
        sources: list[Axis | None] = []
        for dim in self.shape(positions):
            sources.append(None if dim == "1" else axis(dim, [*taken, *(s for s in sources if s)]))
        shape = self.shape(values)
        spots = (*lead, *sources)[len(lead) + len(sources) - len(shape) :]
        value = self.entry(values, tuple(None if d == "1" else a for a, d in zip(spots, shape, strict=True)))
        if value.op not in ACCUMULATED and any(v.is_reduction for v in closure([value])):
            raise NeedsArray(values)
        at = self.entry(positions, tuple(sources))
        over = tuple(s for s in sources if s)
        order = tuple(a for a in place if a)
        if value.op in ACCUMULATED:
            value = _renamed(value, {*taken, *over})
        if value.op == "put":  # scattered along two axes: each value once, to its place
            body, *others = value.args
            axes = (value.axes | {target}) - set(over)
            return Scalar("put", (body, *others, at), ((*value.data[0], target), order), axes, (*value.over, *over))
        if value.op == "product":
            value, over = value.args[0], (*value.over, *over)
        axes = (value.axes | {target}) - set(over)
        return Scalar("put", (value, at), ((target,), order), axes, over)


def _renamed(total: Scalar, taken: set[Axis]) -> Scalar:
    """A sum whose own variables are none of these."""
    new: dict[Axis, Axis] = {}
    for a in total.over:
        if a in taken:
            new[a] = axis(dimension(a), {*taken, *total.axes, *total.over, *new.values()})
    if not new:
        return total
    by = {a: counter(b) for a, b in new.items()}
    args = tuple(substituted(a, by) for a in total.args)
    return Scalar(total.op, args, total.data, total.axes, tuple(new.get(a, a) for a in total.over))


def substituted(s: Scalar, by: Mapping[Axis, Scalar]) -> Scalar:
    """A value with expressions in place of loop variables."""
    memo: dict[Scalar, Scalar] = {}
    for v in closure([s]):
        if v.op == "counter" and v.data[0] in by:
            memo[v] = by[v.data[0]]  # type: ignore[index]
        elif not v.axes & set(by):
            memo[v] = v
        else:
            args = tuple(memo[a] for a in v.args)
            memo[v] = Scalar(v.op, args, v.data, frozenset().union(*(a.axes for a in args)) - set(v.over), v.over)
    return memo[s]


__all__ = ["ACCUMULATED", "VIEWS", "WINDOWS", "NeedsArray", "Products", "substituted"]
