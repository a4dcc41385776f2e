"""Array programs as scalar expressions over loop variables: what stands inside the loops of a compiled kernel.

An array operation of :mod:`...program` says what happens to whole arrays. Here the same operation is written for one
entry, whose place is given by loop variables such as ``n`` or ``C`` (``C'`` for a second loop over the same dimension).
Equal entries at equal places are equal values, so that what two arrays share is computed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...lower import Unsupported
from ...program import Node
from ..scalars import Axis, Scalar, Shape, axis, counter, dimension, load
from .factors import summed
from .products import VIEWS, WINDOWS, NeedsArray, Products, substituted
from .row_entries import Rows

#: Operations on entries that broadcast.
ENTRYWISE = ("add", "mul", "neg", "pow", "raise", "compare", "cast", "call")

#: Elementwise functions that C has.
KNOWN = frozenset(
    "exp log tanh sinh cosh sin cos arctan abs sign sqrt power expm1 log1p where minimum maximum clip sigmoid softplus "
    "sech2 erf erfc erfcx xlogx log_weighted tanh_remainder finite sigmoid_minus tanh_minus power_of_two relu "
    "exp_polynomial exp_product exp_quotient row_scale".split()
)


def axes_for(shape: Shape) -> tuple[Axis | None, ...]:
    """A loop variable for each axis of a shape; None for an axis of length one."""
    found: list[Axis | None] = []
    for dim in shape:
        found.append(None if dim == "1" else axis(dim, [a for a in found if a]))
    return tuple(found)


def broadcast(shapes: Iterable[Shape]) -> Shape:
    """NumPy's broadcasting of symbolic shapes."""
    result: list[str] = []
    for shape in shapes:
        result = ["1"] * (len(shape) - len(result)) + result
        for at, dim in enumerate(reversed(shape), 1):
            if dim != "1":
                if result[-at] not in ("1", dim):
                    raise Unsupported(f"axes of lengths {result[-at]} and {dim} side by side have no C form")
                result[-at] = dim
    return tuple(result)


class Lowering(Rows, Products):
    """Scalar expressions of the nodes of one function.

    arrays: names and shapes of nodes that are arrays in memory: arguments, and what an earlier kernel stored. real:
    float or double. positive: parameters that are.
    """

    def __init__(
        self, arrays: Mapping[Node, tuple[str, Shape]], real: str = "double", positive: frozenset[str] = frozenset()
    ) -> None:
        self.arrays, self.real, self.positive = dict(arrays), real, positive
        self.shapes: dict[Node, Shape] = {}
        self.memo: dict[tuple[Node, tuple[Axis | None, ...]], Scalar] = {}
        self.places = 0

    def store(self, node: Node, name: str) -> None:
        """From now on the node is read from memory."""
        self.arrays[node] = (name, self.shape(node))
        self.memo.clear()

    # --- shapes ---

    def shape(self, node: Node) -> Shape:
        if node in self.arrays:
            return self.arrays[node][1]
        if node not in self.shapes:
            self.shapes[node] = self._shape(node)
        return self.shapes[node]

    def _shape(self, node: Node) -> Shape:
        args = [self.shape(a) for a in node.args]
        if node.op in (*ENTRYWISE, "over", "row_minus"):
            return broadcast(args)
        if node.op in ("const", "dim", "name"):
            return ()
        if node.op == "transpose":
            return tuple(args[0][p] for p in node.data)  # type: ignore[call-overload]
        if node.op == "expand":
            own = iter(args[0])
            return tuple(next(own) if kept else "1" for kept in node.data)
        if node.op == "at_largest":
            return tuple("1" if at in node.data else d for at, d in enumerate(args[0]))
        if node.op in ("reduce", "log_sum", "row_scale"):
            return self._reduced(node, args[0])
        if node.op == "index":
            heads = len(node.args) - 1
            return (*broadcast(args[1:]), *args[0][heads:])
        if node.op in ("take", "take_inside"):
            at: int = node.data[0]  # type: ignore[assignment]
            return (*args[0][:at], *args[1], *args[0][at + 1 :])
        if node.op == "eye":
            return (str(node.data[0]),) * 2
        if node.op == "arange":
            return (str(node.data[0]),)
        if node.op in ("zero_sum", "complement", "apply"):
            return args[0]
        if node.op == "full":
            text = node.data[1]
            if text is None:  # as many entries as an argument has
                return args[0]
            return tuple(part.strip() for part in str(text).strip("()").split(",") if part.strip())
        if node.op == "put":
            return (*args[0][: len(args[0]) - len(args[1])], str(node.data[1]))
        if node.op == "matmul":
            return _product(*args)
        if node.op == "einsum":
            left, right = str(node.data[0]).split("->")
            sizes = {
                c: d
                for spec, shape in zip(left.split(","), args, strict=True)
                for c, d in zip(spec, shape, strict=True)
            }
            return tuple(sizes[c] for c in right)
        raise Unsupported(f"{_said(node)} has no C form yet")

    @staticmethod
    def _reduced(node: Node, shape: Shape) -> Shape:
        axes, keep = reduced(node)
        return tuple("1" if at in axes else d for at, d in enumerate(shape) if keep or at not in axes)

    # --- entries ---

    def entry(self, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        """The entry of a node at a place: one loop variable for each of its axes."""
        place = tuple(None if d == "1" else a for a, d in zip(place, self.shape(node), strict=True))
        key = (node, place)
        if key not in self.memo:
            self.memo[key] = self._entry(node, place)
        return self.memo[key]

    def _entry(self, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        if node in self.arrays:
            name, shape = self.arrays[node]
            return load(name, shape, place)
        if node.op in ENTRYWISE:
            if node.op == "call" and node.data[0] not in KNOWN:
                raise Unsupported(f"the function {node.data[0]} has no C form yet")
            args = tuple(self._operand(a, place) for a in node.args)
            return Scalar(node.op, args, node.data, frozenset().union(*(a.axes for a in args)))
        if node.op in ("const", "dim"):
            return Scalar(node.op, (), node.data)
        if node.op == "name":
            name = str(node.data[0])
            return Scalar("parameter", (), (name, "positive") if name in self.positive else (name,))
        build = getattr(self, f"_{node.op}", None)
        if build is None:
            raise Unsupported(f"{_said(node)} has no C form yet")
        return build(node, place)  # type: ignore[no-any-return]

    def _operand(self, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        rank = len(self.shape(node))
        return self.entry(node, place[len(place) - rank :] if rank else ())

    def _transpose(self, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        inner: list[Axis | None] = [None] * len(place)
        for a, p in zip(place, node.data, strict=True):
            inner[p] = a  # type: ignore[call-overload]
        return self.entry(node.args[0], tuple(inner))

    def _expand(self, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        return self.entry(node.args[0], tuple(a for a, own in zip(place, node.data, strict=True) if own))

    def _full(self, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        return self._operand(node.args[0], place)

    def _reduce(self, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        op = str(node.data[0])
        if op == "argmax":
            return self._argmax(node, place)
        if op not in ("sum", "max"):
            raise Unsupported(f"the reduction {op} has no C form yet")
        return self._reduction(op, node, place)

    def _log_sum(self, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        return self._reduction("log_sum", node, place)

    def _reduction(self, op: str, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        axes, keep = reduced(node)
        shape = self.shape(node.args[0])
        kept = iter([a for at, a in enumerate(place) if not (keep and at in axes)])
        inner: list[Axis | None] = [None if at in axes else next(kept) for at in range(len(shape))]
        over: list[Axis] = []
        for at in axes:
            if shape[at] != "1":
                inner[at] = axis(shape[at], [a for a in inner if a])
                over.append(inner[at])  # type: ignore[arg-type]
        body = self.entry(node.args[0], tuple(inner))
        constant = [a for a in over if a not in body.axes]
        if constant and op == "sum":  # a value that does not depend on the variable, that many times
            body = Scalar(
                "mul", (body, *(Scalar("dim", (), (dimension(a),)) for a in constant)), (1 + len(constant),), body.axes
            )
        over = [a for a in over if a not in constant]
        if not over:
            return Scalar("call", (Scalar("const", (), (0,)),), ("log1p",)) if op == "log_sum" else body
        if op == "sum":
            return summed(body, tuple(over), self.real == "float")
        return Scalar(op, (body,), (), body.axes - set(over), tuple(over))

    def _eye(self, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        a, b = (counter(p) for p in place)
        return Scalar("compare", (a, b), ("==",), a.axes | b.axes)

    def _apply(self, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        x = self._operand(node.args[0], place)
        return Scalar("apply", (x,), node.data, x.axes)

    def _arange(self, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        return counter(place[0])

    def _index(self, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        source = node.args[0]
        if source not in self.arrays:
            raise NeedsArray(source)
        name, shape = self.arrays[source]
        tail = len(shape) - len(node.args) + 1
        head = place[: len(place) - tail]
        places = tuple(self._operand(p, head) for p in node.args[1:])
        return load(name, shape, (*places, *place[len(place) - tail :]))

    def _take(self, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        return self._taken(node, place)[0]

    def _take_inside(self, node: Node, place: tuple[Axis | None, ...]) -> Scalar:
        found, at, size = self._taken(node, place)
        return Scalar("inside", (at, size, found), (), at.axes | found.axes)

    def _taken(self, node: Node, place: tuple[Axis | None, ...]) -> tuple[Scalar, Scalar, Scalar]:
        source, at_node = node.args
        if source not in self.arrays and source.op not in (*WINDOWS, *VIEWS):
            raise NeedsArray(source)
        shape = self.shape(source)
        at: int = node.data[0]  # type: ignore[assignment]
        width = len(self.shape(at_node))
        where = self.entry(at_node, place[at : at + width])
        self.places += 1
        there = f"@{self.places}"  # stands for the position, which is put in its place
        entry = self.entry(source, (*place[:at], there, *place[at + width :]))
        return substituted(entry, {there: where}), where, Scalar("dim", (), (shape[at],))


def reduced(node: Node) -> tuple[tuple[int, ...], bool]:
    """The axes that a node reduces, and whether they stay with length one."""
    if node.op == "log_sum":
        return (int(node.data[0]),), False  # type: ignore[call-overload]
    if node.op == "row_scale":
        return tuple(node.data), False  # type: ignore[arg-type]
    return node.data[1], bool(node.data[2])  # type: ignore[return-value]


def _product(a: Shape, b: Shape) -> Shape:
    if len(a) == len(b) == 1:
        return ()
    if len(a) == 1:
        return (*b[:-2], b[-1])
    if len(b) == 1:
        return a[:-1]
    return (*broadcast((a[:-2], b[:-2])), a[-2], b[-1])


def _said(node: Node) -> str:
    return f"{node.op} {node.data[0]}" if node.op == "call" and node.data else node.op
