"""From array programs to lines of Python: shared operations get a name, the rest is one expression."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from .. import program
from ..plans import fresh_name
from ..program import Node
from .names import CALLS, NAMES
from .row_text import ROW_TEXT, place_name

#: Precedence of Python operators, low to high.
COMPARE, SUM, PRODUCT, UNARY, POWER, ATOM = range(6)

#: A part of a line that is longer than LONG gets a name; lines are at most WIDEST.
LONG, WIDEST = 84, 112


class Writer:
    """Writes assignments for named nodes, in order, with the temporaries they share.

    taken: names that are in use. dtype: the expression for the dtype of the inputs. prepared: nodes that already have a
    name.
    """

    def __init__(self, taken: Iterable[str], dtype: str) -> None:
        self.taken = set(taken)
        self.dtype = dtype
        self.lines: list[str] = []
        self.names: dict[Node, str] = {}
        self.helpers: dict[str, None] = {}
        self.dims: dict[str, None] = {}
        self.uses: Counter[Node] = Counter()
        self.twins: set[Node] = set()
        self.read: set[object] = set()
        self.longest = LONG
        self.locals: dict[str, Node] = {}
        self.planned: dict[Node, str] = {}
        self.branches: dict[tuple[Node, bool], dict[Node, str]] = {}
        self.branch_end: tuple[Node, bool, int] | None = None

    def assign(self, targets: Sequence[tuple[str, Node]], returns: Sequence[Node]) -> list[str]:
        """Lines that compute the targets and return the last nodes."""
        roots = [node for _, node in targets] + list(returns)
        self._count(roots)
        self.locals = dict(targets)
        self.planned = {node: target for target, node in reversed(targets) if not node.is_atom}
        for target, node in targets:
            if self.names.get(node) == target:
                continue
            text = self._line(f"{target} = ", [node])
            # What was computed before needs its own name only where later lines use that name.
            if target in self.read or text != f"{target} = {self.names.get(node)}":
                self.lines.append(text)
                self.names[node] = target
        self.lines.append(self._line("return ", returns))
        return self.lines

    def _line(self, start: str, nodes: Sequence[Node]) -> str:
        """One line; where it grows too long, more of its parts get names."""
        for self.longest in (LONG, LONG // 2, LONG // 4):
            line = start + ", ".join(self.expression(n, inline=self.uses[n] < 2 or len(nodes) == 1)[0] for n in nodes)
            if len(line) <= WIDEST:
                break
        return line

    def _count(self, roots: Iterable[Node]) -> None:
        found = program.uses(roots)
        self.uses.update(found)
        self.read |= {n.data[0] for n in found if n.op == "name"}
        plain = {(n.args[0], n.data[:2]) for n in found if n.op == "reduce" and not n.data[2]}
        self.twins = {n for n in found if n.op == "reduce" and n.data[2] and (n.args[0], n.data[:2]) in plain}
        for twin in self.twins:  # computed once without the kept axis
            self.uses[self._plain(twin)] += self.uses[twin] + 1

    @staticmethod
    def _plain(twin: Node) -> Node:
        op, axes, _ = twin.data
        return program.reduce(op, twin.args[0], axes)  # type: ignore[arg-type]

    def expression(self, node: Node, inline: bool = False) -> tuple[str, int]:
        """Text and precedence; a node used more than once, or too long, gets a name first."""
        if node in self.names:
            return self.names[node], ATOM
        if node in self.twins:
            axes: tuple[int, ...] = node.data[1]  # type: ignore[assignment]
            slots = ", ".join("None" if at in axes else ":" for at in range(node.rank))
            return f"{self.expression(self._plain(node))[0]}[{slots}]", ATOM
        text, precedence = self.write(node)
        if len(text) > WIDEST - len("u00 = ") and self.longest == LONG and not inline:
            self.longest = LONG // 2  # its parts get names too
            text, precedence = self.write(node)
            self.longest = LONG
        if node in self.names:  # a part of it was the same operation
            return self.names[node], ATOM
        worth_a_name = len(text) > self.longest or (self.uses[node] > 1 and not self._is_view(node))
        if not inline and worth_a_name:
            fresh = self.planned.pop(node, "") or self._fresh(node)
            self.lines.append(f"{fresh} = {text}")
            self.names[node] = fresh
            return fresh, ATOM
        return text, precedence

    def write(self, node: Node) -> tuple[str, int]:
        """Text and precedence of one operation, in the language of this writer."""
        return WRITE[node.op](self, node)

    @staticmethod
    def _is_view(node: Node) -> bool:
        """Costs nothing to write again: a name, a view of one, or its negative."""
        views = ("transpose", "expand", "neg", "arange")
        return node.is_atom or (node.op in views and all(a.is_atom for a in node.args))

    def operand(self, node: Node, above: int) -> str:
        """Text with parentheses unless it binds at least as tightly as ``above``."""
        text, precedence = self.expression(node)
        return text if precedence >= above else f"({text})"

    def helper(self, name: str) -> str:
        if name.startswith("_"):
            self.helpers[name] = None
        return name

    def named(self, node: Node, base: str) -> str:
        """The name of a node; it gets one with this base, unless it is a name or a short expression."""
        text, _ = self.expression(node, inline=True)
        return text if len(text) <= 18 else self.variable(node, base)

    def variable(self, node: Node, base: str) -> str:
        """The name of a node; it gets one with this base, unless it has one."""
        text, _ = self.expression(node, inline=True)
        if node in self.names or node.op == "name":
            return text
        self.names[node] = fresh_name(base, self.taken)
        self.lines.append(f"{self.names[node]} = {text}")
        return self.names[node]

    def _fresh(self, node: Node) -> str:
        key = str(node.data[0]) if node.op in ("call", "reduce") else node.op
        if key == "add" and any("max" in str(_reduction(a)) for a in node.args):
            base = "shifted"
        elif key == "add" and [a.op for a in node.args] == ["const", "rest"]:
            base = "total"
        elif key == "index" and node.args[1].op == "place":
            base = "largest" if node.args[0] == node.args[1].args[0] else "own"
        elif key == "cast" and node.args[0].data == (">",) and node.args[0].args[1] == program.const(0):
            base = "positive"
        elif key == "abs" and node.args[0].args and node.args[0].args[0].data in ((">=",), ("<",)):
            base = "s"
        elif key == "mul" and node.args == (e := node.args[0], program.add(((1, program.const(1)), (1, e)))):
            base = "q"  # of e and 1, the share of e
        elif key == "mul" and node.data == (1,) and node.args[0].op == "name" and node.args[1].kind == "python":
            base = "scaled"
        elif key == "clip" and node.args[0].op == "call" and str(node.args[0].data[0]).startswith("exp"):
            base = "e"
        else:
            minus = key == "add" and node.data == (1, -1) and all(a.is_atom for a in node.args)
            base = "difference" if minus else NAMES.get(key, "u")
        return fresh_name(base, self.taken)


def _reduction(node: Node) -> object:
    """Which reduction of rows a node is: an entry at the place of the largest is the largest."""
    inner = node.args[0] if node.op == "expand" else node
    if inner.op == "index" and inner.args[1].op == "place":
        inner = inner.args[1].args[1]
    return "max" if inner.op == "row_max" else inner.data[0] if inner.op == "reduce" else ""


# --- one writer for each operation ---


def _name(w: Writer, n: Node) -> tuple[str, int]:
    return str(n.data[0]), ATOM


def _const(w: Writer, n: Node) -> tuple[str, int]:
    value = n.data[0]
    if abs(value) == math.inf:  # type: ignore[arg-type]
        return ("np.inf", ATOM) if value > 0 else ("-np.inf", UNARY)  # type: ignore[operator]
    return _number(value), ATOM if value >= 0 else UNARY  # type: ignore[operator, arg-type]


def _number(value: float) -> str:
    """A number; a large power of two as one."""
    if isinstance(value, float) and 2.0**20 < value < math.inf and math.frexp(value)[0] == 0.5:
        return f"2.0**{math.frexp(value)[1] - 1}"
    return repr(value)


def _dim(w: Writer, n: Node) -> tuple[str, int]:
    return w_dim(w, str(n.data[0])), ATOM


def w_dim(w: Writer, text: str) -> str:
    """A dimension by name, a number, or a length."""
    if text.isidentifier():
        w.dims[text] = None
    return text


def _add(w: Writer, n: Node) -> tuple[str, int]:
    text = ""
    for sign, arg in zip(n.data, n.args, strict=True):
        part = w.operand(arg, SUM if sign == 1 else PRODUCT)
        if not text:
            number = arg.op == "mul" and arg.args[0].op == "const"  # the sign is the number's
            text = part if sign == 1 else f"-{part if number else w.operand(arg, UNARY)}"
        else:
            text += f" + {part}" if sign == 1 else f" - {part}"
    return text, SUM


def _mul(w: Writer, n: Node) -> tuple[str, int]:
    split: int = n.data[0]  # type: ignore[assignment]
    over, under = n.args[:split], n.args[split:]
    text = " * ".join(w.operand(a, PRODUCT if at == 0 and a.op != "matmul" else UNARY) for at, a in enumerate(over))
    if not under:
        return text, PRODUCT
    scalars = [a for a in under if not a.rank and a.op in ("dim", "const")]
    arrays = [a for a in under if a not in scalars]
    for group in ([a] for a in arrays):
        text += f" / {w.operand(group[0], UNARY)}"
    if len(scalars) == 1:
        text += f" / {w.operand(scalars[0], UNARY)}"
    elif scalars:
        text += f" / ({' * '.join(w.operand(a, PRODUCT) for a in scalars)})"
    return text, PRODUCT


def _neg(w: Writer, n: Node) -> tuple[str, int]:
    inner = n.args[0]
    return f"-{w.operand(inner, PRODUCT if inner.op == 'mul' else UNARY)}", PRODUCT if inner.op == "mul" else UNARY


def _pow(w: Writer, n: Node) -> tuple[str, int]:
    return f"{w.operand(n.args[0], ATOM)}**{n.data[0]!r}", POWER


def _raise(w: Writer, n: Node) -> tuple[str, int]:
    base, exponent = n.args
    between = "**" if base.is_atom and exponent.is_atom else " ** "
    return f"{w.operand(base, ATOM)}{between}{w.operand(exponent, UNARY)}", POWER


def _transpose(w: Writer, n: Node) -> tuple[str, int]:
    inner = w.operand(n.args[0], ATOM)
    if n.data == (1, 0):
        return f"{inner}.T", ATOM
    return f"{inner}.transpose({', '.join(map(str, n.data))})", ATOM


def _expand(w: Writer, n: Node) -> tuple[str, int]:
    return f"{w.operand(n.args[0], ATOM)}[{', '.join(':' if own else 'None' for own in n.data)}]", ATOM


def _reduce(w: Writer, n: Node) -> tuple[str, int]:
    op, axes, keepdims = n.data
    arguments = []
    if len(axes) < n.args[0].rank or keepdims:  # type: ignore[arg-type]
        arguments.append(f"axis={axes[0] if len(axes) == 1 else axes}")  # type: ignore[arg-type, index]
    if keepdims:
        arguments.append("keepdims=True")
    return f"{w.operand(n.args[0], ATOM)}.{op}({', '.join(arguments)})", ATOM


def _matmul(w: Writer, n: Node) -> tuple[str, int]:
    a, b = n.args
    return f"{w.operand(a, PRODUCT if a.op == 'matmul' else UNARY)} @ {w.operand(b, UNARY)}", PRODUCT


def _einsum(w: Writer, n: Node) -> tuple[str, int]:
    operands = ", ".join(w.expression(a)[0] for a in n.args)
    optimize = ", optimize=True" if len(n.args) > 2 or program.is_product_of_matrices(str(n.data[0])) else ""
    return f'np.einsum("{n.data[0]}", {operands}{optimize})', ATOM


def _index(w: Writer, n: Node) -> tuple[str, int]:
    if n.args[1].op == "place":
        return f"{w.operand(n.args[0], ATOM)}.take({place_name(w, n.args[1])})", ATOM
    positions = ", ".join(w.expression(a)[0] for a in n.args[1:])
    return f"{w.operand(n.args[0], ATOM)}[{positions}]", ATOM


def _take(w: Writer, n: Node) -> tuple[str, int]:
    """Entries of one axis; zero where the position is outside."""
    array = w.operand(n.args[0], ATOM)
    at = w.named(n.args[1], "places")
    if n.op == "take":
        return f"{array}.take({at}, axis={n.data[0]})", ATOM
    return f"{w.helper('_take')}({array}, {at}, axis={n.data[0]})", ATOM


def _put(w: Writer, n: Node) -> tuple[str, int]:
    values = w.expression(n.args[0])[0]
    return f"{w.helper(str(n.data[0]))}({values}, {w.named(n.args[1], 'places')}, {w_dim(w, str(n.data[1]))})", ATOM


def _eye(w: Writer, n: Node) -> tuple[str, int]:
    return f"np.eye({w_dim(w, str(n.data[0]))}, dtype={'bool' if n.kind == 'bool' else w.dtype})", ATOM


def _arange(w: Writer, n: Node) -> tuple[str, int]:
    return f"np.arange({w_dim(w, str(n.data[0]))})", ATOM


def _compare(w: Writer, n: Node) -> tuple[str, int]:
    a, b = (w.operand(x, SUM) for x in n.args)
    return f"{a} {n.data[0]} {b}", COMPARE


def _cast(w: Writer, n: Node) -> tuple[str, int]:
    return f"{w.operand(n.args[0], ATOM)}.astype({w.dtype})", ATOM


def _log_sum(w: Writer, n: Node) -> tuple[str, int]:
    return f"{w.helper('_log_sum')}({w.expression(n.args[0])[0]}, axis={n.data[0]})", ATOM


def _call(w: Writer, n: Node) -> tuple[str, int]:
    function = str(n.data[0])
    arguments = [w.expression(a)[0] for a in n.args]
    if function == "relu":
        arguments.append("0.0")
    if n.data[1:] == ("copy",):
        arguments[0] = f"{w.operand(n.args[0], ATOM)}.copy()"
    if n.data[1:2] == ("top",):
        arguments.append(f"top={_number(float(n.data[2]))}")  # type: ignore[arg-type]
    if n.data[1:] == ("in double",):
        return f"{w.helper('_in_double')}({w.helper(CALLS[function])}, {', '.join(arguments)})", ATOM
    return f"{w.helper(CALLS[function])}({', '.join(arguments)})", ATOM


def _apply(w: Writer, n: Node) -> tuple[str, int]:
    return f"{n.data[0]}({w.expression(n.args[0])[0]})", ATOM


def _full(w: Writer, n: Node) -> tuple[str, int]:
    """A value spread over a shape, as an array of its own."""
    value = w.expression(n.args[0])[0]
    like, shape = n.data
    for size in re.findall(r"[^\W\d]\w*", str(shape or "")):
        w_dim(w, size)
    if n.args[0].kind == "python":
        if shape is None:
            return (f"np.zeros_like({like})" if value == "0" else f"np.full_like({like}, {value})"), ATOM
        return f"np.full({shape}, {value}, dtype={w.dtype})", ATOM
    return f"np.broadcast_to({value}, {shape}).copy()", ATOM


WRITE: dict[str, Callable[[Writer, Node], tuple[str, int]]] = {
    "name": _name,
    "const": _const,
    "dim": _dim,
    "add": _add,
    "mul": _mul,
    "neg": _neg,
    "pow": _pow,
    "raise": _raise,
    "transpose": _transpose,
    "expand": _expand,
    "reduce": _reduce,
    "matmul": _matmul,
    "einsum": _einsum,
    "index": _index,
    "take": _take,
    "take_inside": _take,
    "put": _put,
    "eye": _eye,
    "arange": _arange,
    "compare": _compare,
    "cast": _cast,
    "log_sum": _log_sum,
    "call": _call,
    "apply": _apply,
    "full": _full,
    **{op: lambda w, n, write=write: (write(w, n), ATOM) for op, write in ROW_TEXT.items()},  # type: ignore[misc]
}
