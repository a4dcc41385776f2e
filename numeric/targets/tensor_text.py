"""What the writers of torch and of JAX share: NumPy's text, with the operations that are called otherwise."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..lower import Unsupported
from ..numpy_code.text import ATOM, PRODUCT, SUM, UNARY, WRITE, Writer, w_dim
from ..program import Node

Write = Callable[["TensorWriter", Node], tuple[str, int]]


@dataclass(frozen=True)
class Language:
    """A library of arrays. title: as it is called. prefix: of its functions. calls: elementwise functions, as they are
    written; a leading underscore is a helper of the module. write: the operations that differ from NumPy's text.
    helpers: source text by name, in the order in which they appear; needs: further helpers that a helper uses.
    """

    title: str
    prefix: str
    calls: Mapping[str, str]
    write: Mapping[str, Write]
    helpers: Mapping[str, str]
    needs: Mapping[str, tuple[str, ...]]

    def support(self, used: Iterable[str]) -> list[str]:
        """The source of the helpers that are used, and of those that these use."""
        wanted = set(used)
        for name in reversed(list(self.helpers)):
            wanted |= set(self.needs.get(name, ())) if name in wanted else set()
        return [self.helpers[name].strip("\n") for name in self.helpers if name in wanted]


#: Functions of one number, where that is a number of Python.
OF_NUMBERS = {
    "abs": "abs",
    "arctan": "math.atan",
    **{f: f"math.{f}" for f in "exp log tanh sinh cosh sin cos sqrt expm1 log1p erf erfc".split()},
}

#: Operations that are written here as in NumPy.
AS_IN_NUMPY = ("name", "dim", "mul", "pow", "raise", "expand", "index", "apply")


class TensorWriter(Writer):
    """Writes for torch or JAX. tensors: names of parameters that are arrays here, since they have a derivative."""

    def __init__(self, language: Language, taken: Iterable[str], anchor: str, tensors: Iterable[str]) -> None:
        super().__init__(taken, f"{anchor}.dtype")
        self.language = language
        self.anchor = anchor
        self.tensors = frozenset(tensors)

    def write(self, node: Node) -> tuple[str, int]:
        write = self.language.write.get(node.op) or SHARED.get(node.op)
        if write is not None:
            return write(self, node)
        if node.op not in AS_IN_NUMPY:
            raise Unsupported(
                f"the operation {node.op} has no {self.language.title} form yet; NumPy has: --target numpy"
            )
        return WRITE[node.op](self, node)

    def is_number(self, node: Node) -> bool:
        """Whether a node is a number of Python."""
        if node.op == "name":
            return node.kind == "python" and node.data[0] not in self.tensors
        return node.kind == "python" and all(self.is_number(a) for a in node.args)

    def as_dtype(self, node: Node) -> str:
        """A factor or a term as an array of the dtype of the answer: truth values do not add up."""
        if node.kind != "bool":
            return self.expression(node)[0]
        return self.language.write["cast"](self, Node("cast", (node,), (), node.rank))[0]

    def steps(self, targets: Sequence[tuple[str, Node]]) -> tuple[list[str], list[str]]:
        """Lines that compute the targets, and for each target the name that has its value after them."""
        lines = self.assign(targets, ())[:-1]
        return lines, [self.names.get(node, self.expression(node)[0]) for _, node in targets]


# --- operations ---


def _const(w: TensorWriter, n: Node) -> tuple[str, int]:
    if n.data[0] == float("-inf"):
        return f"-{w.language.prefix}.inf", UNARY
    return WRITE["const"](w, n)


def _add(w: TensorWriter, n: Node) -> tuple[str, int]:
    args = tuple(_number(w, a) for a in n.args)
    return WRITE["add"](w, Node("add", args, n.data, n.rank, n.kind))


def _number(w: TensorWriter, node: Node) -> Node:
    return Node("cast", (node,), (), node.rank) if node.kind == "bool" else node


def _numbers(op: str) -> Write:
    """An operation whose operands must be floats."""

    def write(w: TensorWriter, n: Node) -> tuple[str, int]:
        return WRITE[op](w, Node(op, tuple(_number(w, a) for a in n.args), n.data, n.rank, n.kind))

    return write


def _einsum(w: TensorWriter, n: Node) -> tuple[str, int]:
    operands = ", ".join(w.as_dtype(a) for a in n.args)
    return f'{w.language.prefix}.einsum("{n.data[0]}", {operands})', ATOM


def _call(w: TensorWriter, n: Node) -> tuple[str, int]:
    function = str(n.data[0])
    if all(w.is_number(a) for a in n.args) and function in OF_NUMBERS:
        return f"{OF_NUMBERS[function]}({w.expression(n.args[0])[0]})", ATOM
    special = w.language.write.get(function)
    if special is not None:
        return special(w, n)
    if function not in w.language.calls:
        raise Unsupported(
            f"the function {function} has no {w.language.title} form yet; NumPy code has it: --target numpy"
        )
    arguments = ", ".join(w.as_dtype(a) for a in n.args)
    return f"{w.helper(w.language.calls[function])}({arguments})", ATOM


def _take(w: TensorWriter, n: Node) -> tuple[str, int]:
    name = w.helper("_take" if n.op == "take" else "_take_inside")
    at = w.named(n.args[1], "places")
    return f"{name}({w.expression(n.args[0])[0]}, {at}, {n.data[0]})", ATOM


def _put(w: TensorWriter, n: Node) -> tuple[str, int]:
    size = w_dim(w, str(n.data[1]))
    return f"{w.helper('_put')}({w.as_dtype(n.args[0])}, {w.named(n.args[1], 'places')}, {size})", ATOM


def _log_sum(w: TensorWriter, n: Node) -> tuple[str, int]:
    return f"{w.helper('_log_sum')}({w.expression(n.args[0])[0]}, {n.data[0]})", ATOM


def _rows(w: TensorWriter, n: Node) -> tuple[str, int]:
    """A helper of the name of the operation, of two arrays along an axis."""
    x, other, *more = (w.as_dtype(a) for a in n.args)
    named = "".join(f", {name}={text}" for name, text in zip(n.data[1:], more, strict=True))
    return f"{w.helper(f'_{n.op}')}({x}, {other}, {n.data[0]}{named})", ATOM


def _complement(w: TensorWriter, n: Node) -> tuple[str, int]:
    return f"{w.helper('_complement')}({w.expression(n.args[0])[0]}, {n.data[0]})", ATOM


def _over(w: TensorWriter, n: Node) -> tuple[str, int]:
    x, scale = n.args
    return f"{w.operand(x, PRODUCT)} / {w.operand(scale, UNARY)}", PRODUCT


def _row_scale(w: TensorWriter, n: Node) -> tuple[str, int]:
    axes = ", ".join(map(str, n.data))
    x, *least = (w.expression(a)[0] for a in n.args)
    return f"{w.helper('_row_scale')}({', '.join([x, f'({axes},)', *least])})", ATOM


def _compare(w: TensorWriter, n: Node) -> tuple[str, int]:
    a, b = (w.operand(x, SUM) for x in n.args)
    return f"{a} {n.data[0]} {b}", 0


SHARED: Mapping[str, Write] = {
    "const": _const,
    "add": _add,
    "neg": _numbers("neg"),
    "matmul": _numbers("matmul"),
    "reduce": _numbers("reduce"),
    "einsum": _einsum,
    "call": _call,
    "take": _take,
    "take_inside": _take,
    "put": _put,
    "log_sum": _log_sum,
    "zero_sum": _rows,
    "row_minus": _rows,
    "complement": _complement,
    "over": _over,
    "row_scale": _row_scale,
    "compare": _compare,
}


# --- which lines serve which result ---


@dataclass(frozen=True)
class Grouped:
    """Lines in the order of their use. shared: for several results. own: for each result, those that only it needs."""

    shared: tuple[str, ...]
    own: tuple[tuple[str, ...], ...]


def grouped(lines: Sequence[str], results: Sequence[str]) -> Grouped:
    """Assignments sorted by the results that read them, directly or through others; what nobody reads is left out."""
    reads: dict[str, set[str]] = {}
    for line in lines:
        tree = ast.parse(line).body[0]
        assert isinstance(tree, ast.Assign) and isinstance(tree.targets[0], ast.Name)
        reads[tree.targets[0].id] = names_in(tree.value)
    serves: list[set[str]] = []
    for result in results:
        found: set[str] = set()
        stack = list(names_in(ast.parse(result, mode="eval").body))
        while stack:
            name = stack.pop()
            if name in reads and name not in found:
                found.add(name)
                stack += reads[name]
        serves.append(found)
    by_name = dict(zip(reads, lines, strict=True))
    counts = {name: sum(name in s for s in serves) for name in by_name}
    shared = tuple(line for name, line in by_name.items() if counts[name] > 1)
    own = tuple(tuple(line for name, line in by_name.items() if name in s and counts[name] == 1) for s in serves)
    return Grouped(shared, own)


def names_in(tree: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
