"""Functions that may work on some rows of their arrays at a time, which keeps arrays on the way in the cache.

A function may where each of its results either has a row for every row of the arrays, and reads nothing but that row,
or is a sum over them. The number of all rows is known to each block, as the mean of a batch needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..array_function import ArrayFunction
from ..plans import identifier
from ..program import Node, all_nodes, rebuilder


class Whole(Exception):
    """The program needs all rows at once."""


@dataclass(frozen=True)
class Along:
    """How a value goes along the rows. axis: where they lie; None where it has none. total: it is a sum over them."""

    axis: int | None = None
    total: bool = False


FREE = Along()

#: Operations entry by entry. Of a multiple of the result the first three give the multiple.
LINEAR = ("neg", "cast", "over")
ELEMENTWISE = (*LINEAR, "pow", "compare", "call", "raise")


@dataclass(frozen=True)
class RowBlocks:
    """rows: the dimension of the rows. split: the arguments that have it, by Python name.

    kinds: of each result, ``rows`` or ``sum``. counted: whether their number is part of the formula.
    """

    rows: str
    split: tuple[str, ...]
    kinds: tuple[str, ...]
    counted: bool


def row_blocks(function: ArrayFunction) -> RowBlocks | None:
    """How a function may be split along the first axis of its arrays; None where it may not."""
    arrays = [a for a in function.arguments if a.given.rank]
    if function.elementwise or not arrays or not arrays[0].given.dims[0].is_Symbol:
        return None
    rows = arrays[0].given.dims[0]
    split = {identifier(a.given.name) for a in arrays if a.given.dims[0] == rows}
    if any(d.has(rows) for a in arrays for d in a.given.dims[a.name in split :]):
        return None
    if any(a.given.domain.function for a in function.arguments):
        return None
    try:
        found = _Reader(str(rows), split, dict(function.assigned))
        results = [found.read(node) for node in function.returned]
    except Whole:
        return None
    if not all(r.total or r.axis == 0 for r in results):
        return None
    kinds = tuple("sum" if r.total else "rows" for r in results)
    counted = any((n.op, n.data) == ("dim", (str(rows),)) for n in all_nodes(function.roots))
    return RowBlocks(str(rows), tuple(a.name for a in arrays if a.name in split), kinds, counted)


def counting(nodes: Sequence[Node], blocks: RowBlocks, first: str) -> list[Node]:
    """Programs for some of the rows, where their number is that of all. first: an array, of as many rows as there are.

    ``np.arange(n)`` counts the rows that are there.
    """

    def change(_: Node, node: Node) -> Node | None:
        if (node.op, node.data) == ("arange", (blocks.rows,)):
            return Node("arange", (), (f"len({first})",), node.rank, node.kind)
        return None

    return [*map(rebuilder(change), nodes)]


class _Reader:
    """What every value of a program is along the rows."""

    def __init__(self, rows: str, split: set[str], known: Mapping[str, Node]) -> None:
        self.rows, self.split, self.known = rows, split, known
        self.found: dict[int, tuple[Node, Along]] = {}  # with the node, which keeps its identity its own

    def read(self, node: Node) -> Along:
        if id(node) not in self.found:
            self.found[id(node)] = node, self._read(node)
        return self.found[id(node)][1]

    def _read(self, node: Node) -> Along:
        if node.op == "name":
            name = str(node.data[0])
            return self.read(self.known[name]) if name in self.known else Along(0) if name in self.split else FREE
        if node.op == "mul":
            return self._product(node)
        if node.op == "index":
            return self._index(node)
        if node.op == "dim":
            return FREE
        if self.rows in map(str, node.data) or (node.op == "full" and self.rows in str(node.data)):
            raise Whole
        read = [self.read(a) for a in node.args]
        if all(a == FREE for a in read):
            return FREE
        if node.op == "add":
            if len({a.total for a in read}) > 1:
                raise Whole
            return Along(self._axis(node), read[0].total)
        if node.op in ELEMENTWISE and node.data != ("vecdot",):
            if node.op not in LINEAR and any(a.total for a in read):
                raise Whole
            if node.op == "over" and read[1].total:
                raise Whole
            return Along(self._axis(node), read[0].total)
        if node.op in ("expand", "transpose") and not read[0].total:
            return self._moved(node, read[0])
        if node.op == "reduce":
            return self._reduced(node, read[0])
        if any(a.total for a in read):
            raise Whole
        if node.op in ("log_sum", "row_scale"):
            return Along(_without(read[0].axis, node.data))
        if node.op in ("zero_sum", "row_minus", "complement") and read[0].axis == 0 and node.data[0] != 0:
            return Along(0) if node.op == "zero_sum" else Along(self._axis(node))
        if node.op == "einsum":
            return self._einsum(node, read)
        raise Whole

    def _axis(self, node: Node) -> int | None:
        """Where the rows lie in what operands make entry by entry."""
        places = {r.axis - a.rank for a in node.args if (r := self.read(a)).axis is not None}
        if len(places) > 1:
            raise Whole
        return node.rank + places.pop() if places else None

    def _product(self, node: Node) -> Along:
        split: int = node.data[0]  # type: ignore[assignment]
        over, under = ([self.read(a) for a in part] for part in (node.args[:split], node.args[split:]))
        if any(a.total for a in under) or sum(a.total for a in over) > 1:
            raise Whole
        total = any(a.total for a in over)
        if total and any(a.axis is not None for a in (*over, *under)):
            raise Whole
        return Along(self._axis(Node("add", node.args, (), node.rank)), total)

    def _index(self, node: Node) -> Along:
        """One entry of each row: ``Z[np.arange(n), y]``."""
        first = node.args[1] if len(node.args) == 3 else node
        where = self.read(node.args[2]) if len(node.args) == 3 else FREE
        if (first.op, first.data) == ("arange", (self.rows,)) and self.read(node.args[0]) == where == Along(0):
            return Along(0)
        if all(self.read(a) == FREE for a in node.args):
            return FREE
        raise Whole

    @staticmethod
    def _moved(node: Node, inner: Along) -> Along:
        if inner.axis is None:
            return inner
        if node.op == "transpose":
            return Along(node.data.index(inner.axis))
        own = [at for at, kept in enumerate(node.data) if kept]
        return Along(own[inner.axis])

    @staticmethod
    def _reduced(node: Node, inner: Along) -> Along:
        op, axes, keepdims = node.data
        if op != "sum" and inner.total:
            raise Whole
        if inner.total or inner.axis is None:
            return inner
        if inner.axis in axes:  # type: ignore[operator]
            if op != "sum" or keepdims:
                raise Whole
            return Along(None, True)
        return Along(inner.axis if keepdims else _without(inner.axis, axes))  # type: ignore[arg-type]

    @staticmethod
    def _einsum(node: Node, read: list[Along]) -> Along:
        inputs, output = str(node.data[0]).split("->")
        parts = inputs.split(",")
        letters = {part[r.axis] for part, r in zip(parts, read, strict=True) if r.axis is not None}
        if len(letters) != 1 or any(letters & {*p} for p, r in zip(parts, read, strict=True) if r.axis is None):
            raise Whole
        at = output.find(letters.pop())
        return Along(None, True) if at < 0 else Along(at)


def _without(axis: int | None, gone: tuple[object, ...]) -> int | None:
    """Where the rows lie when other axes are gone."""
    if axis is None or axis in gone:
        raise Whole
    return axis - sum(a < axis for a in gone)  # type: ignore[operator]
