"""Array programs: what a NumPy expression is before it is text.

A node is positional: it knows its operands and its rank, not the names of indices. Two index expressions that read the
same array in the same way are therefore one node, which is how shared subexpressions are found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["float", "bool", "int", "python"]


@dataclass(frozen=True)
class Node:
    """One array operation.

    op: what it does. args: operands. data: static arguments (a name, axes, a permutation, a literal).
    rank: number of axes. kind: what the entries are; ``python`` is a Python number, which never changes a dtype.
    """

    op: str
    args: tuple[Node, ...] = ()
    data: tuple[object, ...] = ()
    rank: int = 0
    kind: Kind = "float"

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.op, self.args, self.data, self.rank)))

    def __hash__(self) -> int:
        return self._hash  # type: ignore[attr-defined, no-any-return]

    @property
    def is_atom(self) -> bool:
        return self.op in ("name", "const", "dim")


def uses(roots: Iterable[Node]) -> Counter[Node]:
    """How often each node of these programs is read: by another node, or as a root. The last roots come first."""
    found: Counter[Node] = Counter()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in found:
            stack.extend(node.args)
        found[node] += 1
    return found


def all_nodes(roots: Iterable[Node]) -> list[Node]:
    """The nodes of these programs, each once: the last roots first, operands after what reads them first."""
    return list(uses(roots))


def rebuilder(change: Callable[[Node, Node], Node | None]) -> Callable[[Node], Node]:
    """A function that makes a program anew, operands first.

    change: gets a node as it was and the same operation on the new operands, and returns what replaces it, or None.
    What does not change stays the same object.
    """
    memo: dict[int, tuple[Node, Node]] = {}  # by identity: 0 and 0.0 are equal, and are not the same text

    def visit(node: Node) -> Node:
        if id(node) not in memo:
            args = tuple(map(visit, node.args))
            same = all(a is b for a, b in zip(args, node.args, strict=True))
            found = node if same else Node(node.op, args, node.data, node.rank, node.kind)
            memo[id(node)] = node, change(node, found) or found  # the node stays alive, so its id stays its own
        return memo[id(node)][1]

    return visit


def name(text: str, rank: int, kind: Kind = "float") -> Node:
    """An array by the name that it has in the code."""
    return Node("name", (), (text,), rank, kind)


def const(value: float | int) -> Node:
    """A number that stands in the code."""
    return Node("const", (), (value,), 0, "python")


def dim(text: str) -> Node:
    """The length of a dimension, a Python number."""
    return Node("dim", (), (text,), 0, "python")


def joint_kind(args: tuple[Node, ...]) -> Kind:
    """The kind of an arithmetic result."""
    kinds = {a.kind for a in args}
    if "float" in kinds:
        return "float"
    if kinds == {"python"}:
        return "python"
    return "bool" if kinds == {"bool"} else "float"


def call(function: str, *args: Node, kind: Kind | None = None) -> Node:
    """An elementwise function by its table name (see :mod:`text`)."""
    return Node("call", args, (function,), max(a.rank for a in args), kind or joint_kind(args))


def add(terms: tuple[tuple[int, Node], ...]) -> Node:
    """Signed sum, in the order given."""
    args = tuple(t for _, t in terms)
    return Node("add", args, tuple(s for s, _ in terms), max(a.rank for a in args), joint_kind(args))


def mul(numerator: tuple[Node, ...], denominator: tuple[Node, ...] = ()) -> Node:
    """Product of the numerator over product of the denominator, in the order given."""
    if len(numerator) == 1 and not denominator:
        return numerator[0]
    args = (*numerator, *denominator)
    return Node("mul", args, (len(numerator),), max((a.rank for a in args), default=0), joint_kind(args))


def negative(x: Node) -> Node:
    """−x; twice is x itself."""
    if x.op == "const":
        return const(-x.data[0])  # type: ignore[operator]
    if x.op == "neg":
        return x.args[0]
    return Node("neg", (x,), (), x.rank, x.kind)


def power(base: Node, exponent: float | int) -> Node:
    """Every entry to a power that is a number."""
    return Node("pow", (base,), (exponent,), base.rank, base.kind)


def transpose(x: Node, permutation: tuple[int, ...]) -> Node:
    """The axes in another order; of two transpositions one is made."""
    if permutation == tuple(range(len(permutation))):
        return x
    if x.op == "transpose":
        inner: tuple[int, ...] = x.data  # type: ignore[assignment]
        return transpose(x.args[0], tuple(inner[p] for p in permutation))
    return Node("transpose", (x,), permutation, x.rank, x.kind)


def expand(x: Node, pattern: tuple[bool, ...]) -> Node:
    """Insert axes of length one: ``pattern`` has True for an axis of x, False for a new one."""
    while pattern and not pattern[0]:  # leading axes broadcast by themselves
        pattern = pattern[1:]
    if all(pattern):
        return x
    if x.op == "reduce":
        op, axes, _ = x.data
        if tuple(at for at, own in enumerate(pattern) if not own) == axes:
            return reduce(op, x.args[0], axes, keepdims=True)  # type: ignore[arg-type]
    return Node("expand", (x,), pattern, len(pattern), x.kind)


def as_float(x: Node) -> Node:
    """A truth value as a number of the dtype of the inputs."""
    return Node("cast", (x,), (), x.rank, "float") if x.kind == "bool" else x


def as_decimal(x: Node) -> Node:
    """A literal integer written as a float."""
    return const(float(x.data[0])) if x.op == "const" else x  # type: ignore[arg-type]


def reduce(op: str, x: Node, axes: tuple[int, ...], keepdims: bool = False) -> Node:
    """``sum`` or ``max`` over axes."""
    rank = x.rank if keepdims else x.rank - len(axes)
    return Node("reduce", (x,), (op, axes, keepdims), rank, "float")


def matmul(a: Node, b: Node) -> Node:
    """Matrix product; operands of more than two axes are stacks of matrices."""
    rank = a.rank + b.rank - 2 if min(a.rank, b.rank) <= 2 else max(a.rank, b.rank)
    return Node("matmul", (a, b), (), rank, "float")


def einsum(spec: str, *args: Node) -> Node:
    """A contraction by its text, such as ``ij,jk->ik``."""
    return Node("einsum", args, (spec,), len(spec.split("->")[1]), "float")


def is_product_of_matrices(spec: str) -> bool:
    """Whether two operands, with their axes joined, are matrices that are multiplied: BLAS then does it, if asked."""
    given, out = spec.split("->")
    a, b = map(set, given.split(","))
    return bool(a & b) and not a & b & set(out) and a - b <= set(out) and b - a <= set(out) and a - b != set() != b - a
