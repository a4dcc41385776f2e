"""A formula's text, evaluated by torch: the independent counterpart of what a user types.

It shares nothing with the parser of the engine but the text. Only the nodes listed here are evaluated. An index such as
``i`` in ``Z[i, c]`` is an axis with a name; the axes of whole arrays come behind those and have none.
"""

from __future__ import annotations

import ast
import itertools
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
FUNCTIONS = "exp log sqrt tanh sinh cosh sin cos atan erf sigmoid relu abs".split()
REDUCTIONS = ("sum", "mean", "softmax", "log_softmax", "logsumexp")
OTHERS = ("softplus", "indicator", "where", "max", "min", "outer", "diag", "delta", "upstream")
CALLS = frozenset({*FUNCTIONS, *REDUCTIONS, *OTHERS})
NODES = (
    *(ast.Module, ast.Assign, ast.Expression, ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call),
    *(ast.Subscript, ast.Tuple, ast.Slice, ast.GeneratorExp, ast.comprehension, ast.keyword, ast.Attribute, ast.Load),
    *(ast.Store, ast.MatMult),
)


def text_forward(given: str, define: str) -> Callable[..., Any] | None:
    """A function of torch and the givens by name that returns the last value that ``define`` defines.

    None where the text uses what torch is not told here, such as the derivative of an unspecified function.
    """
    lines = "\n".join(line.partition("#")[0].strip() for line in define.splitlines())
    try:
        tree = ast.parse(lines)
    except SyntaxError:
        return None
    axes = _axes(given)
    if not all(map(_is_known, ast.walk(tree))) or {c for c in _calls(tree) if c not in axes} - CALLS:
        return None

    def forward(torch: Any, **arrays: Any) -> Any:
        sizes: dict[str, int] = {}
        for name, array in arrays.items():
            if axes.get(name) and hasattr(array, "shape"):
                sizes.update(zip(axes[name], array.shape, strict=True))
        evaluator = _Evaluator(torch, dict(arrays), sizes)
        value = None
        for statement in tree.body:
            assert isinstance(statement, ast.Assign)
            value = evaluator.define(statement.targets[0], statement.value)
        return value

    return forward


def _axes(given: str) -> dict[str, tuple[str, ...]]:
    """The names of the dimensions of every array, by its name."""
    found = {}
    for line in given.splitlines():
        for piece in line.partition("#")[0].split(","):
            name, _, rest = piece.partition(":")
            words = re.sub(r"int\s*<\s*", "int<", rest.partition("=")[0]).split()
            ends = [k for k, w in enumerate(words) if w in DOMAINS or w.startswith("int<")]
            found[name.strip()] = tuple(words[: ends[0]] if ends else words)
    return found


DOMAINS = frozenset("real positive nonnegative rows onehot mask function".split())


def _is_known(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "T"
    return isinstance(node, NODES) or type(node) in OPERATORS


def _calls(tree: ast.AST) -> list[str]:
    return [n.func.id if isinstance(n.func, ast.Name) else "?" for n in ast.walk(tree) if isinstance(n, ast.Call)]


_NUMBERS = itertools.count()


@dataclass(frozen=True)
class _Value:
    """A tensor, or a number of Python; its leading axes have the names of indices."""

    data: Any
    names: tuple[str, ...] = ()

    @property
    def rank(self) -> int:
        """The number of axes without a name."""
        return getattr(self.data, "ndim", 0) - len(self.names)


@dataclass
class _Evaluator:
    torch: Any
    arrays: dict[str, Any]
    sizes: dict[str, int]
    indices: Mapping[str, tuple[str, int]] = field(default_factory=dict)  # by their name: a unique one, and the size

    def define(self, target: ast.expr, value: ast.expr) -> Any:
        """Evaluate one definition and keep it under its name."""
        if isinstance(target, ast.Name):
            self.arrays[target.id] = self.read(value).data
            return self.arrays[target.id]
        assert isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name)
        names = []
        for part in _parts(target):
            node = part.lower if isinstance(part, ast.Slice) else part
            assert isinstance(node, ast.Name)
            stated = part.upper if isinstance(part, ast.Slice) else None
            names.append((node.id, self._dim(stated) if stated is not None else self._used(value, node.id)))
        inner = self._with(names)
        found = inner._spread(inner.read(value), [inner.indices[n][0] for n, _ in names])
        self.arrays[target.value.id] = found.data
        return found.data

    def _used(self, tree: ast.expr, index: str) -> int:
        """The size of an index: that of an axis at which it stands."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
                for axis, part in enumerate(_parts(node)):
                    if isinstance(part, ast.Name) and part.id == index:
                        return int(self.arrays[node.value.id].shape[axis])
        raise ValueError(f"no array is indexed by {index}")

    def _dim(self, node: ast.expr) -> int:
        return int(ast.literal_eval(node)) if isinstance(node, ast.Constant) else self.sizes[ast.unparse(node)]

    def _with(self, names: Sequence[tuple[str, int]]) -> _Evaluator:
        new = {n: (f"{n}{next(_NUMBERS)}", size) for n, size in names}
        return _Evaluator(self.torch, self.arrays, self.sizes, {**self.indices, **new})

    # -- axes ----------------------------------------------------------------------------------------------------

    def _aligned(self, *values: _Value) -> tuple[list[Any], tuple[str, ...]]:
        """The tensors with the named axes of all of them in one order, and as many axes without a name."""
        names = tuple(dict.fromkeys(n for v in values for n in v.names))
        rank = max(v.rank for v in values)
        return [self._at(v, names, rank) for v in values], names

    def _at(self, value: _Value, names: tuple[str, ...], rank: int) -> Any:
        if not hasattr(value.data, "ndim"):
            return value.data
        order = [value.names.index(n) for n in names if n in value.names]
        data = value.data.permute((*order, *range(len(order), value.data.ndim)))
        shape = iter(data.shape[: len(order)])
        full = [next(shape) if n in value.names else 1 for n in names]
        return data.reshape((*full, *[1] * (rank - value.rank), *data.shape[len(order) :]))

    def _spread(self, value: _Value, names: Sequence[str]) -> _Value:
        """The value with these named axes first, also those that it does not depend on."""
        size = dict(self.indices.values())
        everything = (*names, *(n for n in value.names if n not in names))
        data = self._at(_Value(self._tensor(value.data), value.names), everything, value.rank)
        return _Value(data.expand((*(size[n] for n in everything), *data.shape[len(everything) :])), everything)

    def _tensor(self, data: Any) -> Any:
        return data if hasattr(data, "ndim") else self.torch.as_tensor(float(data), **self._kind())

    def _kind(self) -> dict[str, Any]:
        """dtype and device of the floating-point arrays."""
        found = next((a for a in self.arrays.values() if getattr(a, "is_floating_point", bool)()), None)
        return {} if found is None else {"dtype": found.dtype, "device": found.device}

    def _elementwise(self, function: Callable[..., Any], *values: _Value) -> _Value:
        tensors, names = self._aligned(*values)
        return _Value(function(*tensors), names)

    # -- nodes ---------------------------------------------------------------------------------------------------

    def read(self, node: ast.expr) -> _Value:
        if isinstance(node, ast.Constant):
            return _Value(node.value)
        if isinstance(node, ast.Name):
            return self._index(node) if node.id in self.indices else _Value(self._name(node.id))
        if isinstance(node, ast.Attribute):
            value = self._whole(node.value)
            return _Value(value.permute(tuple(reversed(range(value.ndim)))))
        if isinstance(node, ast.UnaryOp):
            return self._elementwise(OPERATORS[type(node.op)], self.read(node.operand))
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.MatMult):
                return _Value(self._whole(node.left) @ self._whole(node.right))
            return self._elementwise(OPERATORS[type(node.op)], self.read(node.left), self.read(node.right))
        if isinstance(node, ast.Compare):
            sides = (self.read(node.left), self.read(node.comparators[0]))
            return self._elementwise(OPERATORS[type(node.ops[0])], *sides)
        if isinstance(node, ast.Subscript):
            places, names = self._aligned(*map(self._index, _parts(node)))
            places = [p if hasattr(p, "ndim") else self.torch.as_tensor(p) for p in places]
            return _Value(self.arrays[ast.unparse(node.value)][tuple(places)], names)
        assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        return self._call(node.func.id, node)

    def _name(self, name: str) -> Any:
        if name in self.arrays:
            return self.arrays[name]
        return self.sizes[name] if name in self.sizes else {"pi": math.pi, "e": math.e}[name]

    def _whole(self, node: ast.expr) -> Any:
        value = self.read(node)
        if value.names:
            raise ValueError(f"{ast.unparse(node)} is an entry, and a whole array is expected")
        return value.data

    def _index(self, node: ast.expr) -> _Value:
        """An index, a number or a label as whole numbers."""
        if isinstance(node, ast.Name):
            name, size = self.indices[node.id]
            device = self._kind().get("device")
            return _Value(self.torch.arange(size, device=device), (name,))
        return self.read(node)

    def _call(self, name: str, node: ast.Call) -> _Value:
        torch = self.torch
        if name == "sum" and isinstance(node.args[0], ast.GeneratorExp):
            return self._sum(node.args[0])
        if name == "delta":
            equal = self._elementwise(operator.eq, *map(self._index, node.args))
            return _Value(self._tensor(equal.data).to(self._kind().get("dtype")), equal.names)
        values = [self.read(a) for a in node.args]
        if name in self.arrays:
            return self._elementwise(self.arrays[name], *values)
        if name in REDUCTIONS:
            return self._reduced(name, values[0], {k.arg: ast.literal_eval(k.value) for k in node.keywords})
        if name in ("max", "min"):
            return self._larger(name, node.args, values)
        plain: dict[str, Callable[..., Any]] = {
            **{f: getattr(torch, f) for f in FUNCTIONS},
            "softplus": torch.nn.functional.softplus,
            "indicator": lambda x: (x > 0).to(self._kind().get("dtype")),
            "where": torch.where,
            "outer": torch.outer,
            "diag": torch.diag,
            "upstream": lambda gradient, array: (gradient * array).sum(),
        }
        return self._elementwise(plain[name], *(_Value(self._tensor(v.data), v.names) for v in values))

    def _larger(self, name: str, nodes: Sequence[ast.expr], values: Sequence[_Value]) -> _Value:
        a, b = (_Value(self._tensor(v.data), v.names) for v in values)
        zero = [isinstance(n, ast.Constant) and n.value == 0 for n in nodes]
        if any(zero):  # torch's relu has the derivative 0 at the kink
            one = b if zero[0] else a
            relu = self.torch.relu
            return self._elementwise(relu if name == "max" else lambda x: -relu(-x), one)
        decide = operator.gt if name == "max" else operator.lt
        return self._elementwise(lambda x, y: self.torch.where(decide(x, y), x, y), a, b)

    def _reduced(self, name: str, value: _Value, options: Mapping[str | None, Any]) -> _Value:
        data = self._tensor(value.data)
        first = len(value.names)
        last = (-1,) if name in ("softmax", "log_softmax", "logsumexp") else tuple(range(value.rank))
        axes = options.get("axis", last)
        axes = tuple(a % value.rank + first for a in (axes if isinstance(axes, tuple) else (axes,)))
        if not axes:
            return value
        if name == "softmax" or name == "log_softmax":
            return _Value(getattr(self.torch, name)(data, axes[0]), value.names)
        return _Value(getattr(self.torch, name)(data, axes, keepdim=options.get("keepdims", False)), value.names)

    def _sum(self, node: ast.GeneratorExp) -> _Value:
        inner, bound = self, []
        conditions = []
        for loop in node.generators:
            assert isinstance(loop.target, ast.Name)
            inner = inner._with([(loop.target.id, self._dim(loop.iter))])
            bound.append(inner.indices[loop.target.id][0])
            for test in loop.ifs:
                assert isinstance(test, ast.Compare)
                sides = (inner._index(test.left), inner._index(test.comparators[0]))
                conditions.append(inner._elementwise(OPERATORS[type(test.ops[0])], *sides))
        value = inner.read(node.elt)
        for condition in conditions:
            value = inner._elementwise(lambda x, c: x * c, value, condition)
        spread = inner._spread(value, bound)
        return _Value(spread.data.sum(tuple(range(len(bound)))), spread.names[len(bound) :])


def _parts(node: ast.Subscript) -> list[ast.expr]:
    return list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
