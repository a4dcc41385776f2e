"""The grammar of expressions, without its functions: text over Python's ``ast``, read by a table of nodes.

Text is never evaluated. Everything is an array: ``Z`` is a whole one, ``Z[i, c]`` an entry (an array without axes), and
the operations of :mod:`.arrays` combine them. An index is bound by the left side of a definition or by ``for k in C``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Expr, Integer, Rational

from . import arrays
from .array_parts import is_part, part_of
from .arrays import ArrayExpr, ShapeError, elementwise, scalar, shape_text, whole
from .functions import absolute
from .ranges import is_affine, linear
from .scope import GRAMMAR_HINT, Scope
from .sums import rebuild
from .tensors import Element, Index, Tensor, fresh_index

CONSTANTS: dict[str, Expr] = {"pi": sympy.pi, "e": sympy.E}
LARGEST_POWER = 1000


# -- indices ---------------------------------------------------------------------------------------------------------


def subscripts(node: ast.Subscript) -> list[ast.expr]:
    """What stands between the brackets, one for each axis."""
    return list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]


def index_expression(scope: Scope, node: ast.expr, dim: Expr | None, where: str) -> Expr:
    """An index: a name, a number, an integer label such as ``y[i]``, or an affine one such as ``2*h + u - 1``.

    A name, a number or a label must fit the dimension ``dim``; an affine index may lie outside, where it reads zero.
    """
    found = _affine(scope, node) if isinstance(node, ast.BinOp | ast.UnaryOp) else _single(scope, node)
    if is_affine(found) or (isinstance(node, ast.BinOp) and isinstance(found, Index)):
        return found
    if isinstance(found, Integer):
        if dim is not None and sympy.true != (found < dim):  # a relation may stay symbolic
            scope.fail(node, f"{where} has {dim} entries, so there may be no entry {found}")
        return found
    has = found.dim if isinstance(found, Index) else found.tensor.domain.below  # type: ignore[attr-defined]
    if dim is not None and has != dim:
        scope.fail(node, f"{ast.unparse(node)} runs over {has}, but {where} has {dim} entries")
    return found


def _single(scope: Scope, node: ast.expr) -> Expr:
    """An index by name, a number, or a label."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return Integer(node.value)
    if isinstance(node, ast.Name):
        label = scope.tensors.get(node.id)
        if label is not None and not label.rank and label.domain.below is not None:
            return Element(label)
        if node.id not in scope.indices:
            scope.unknown(
                node, "index", node.id, list(scope.indices), f"To sum over it, write sum(… for {node.id} in …)."
            )
        return scope.indices[node.id]
    if isinstance(node, ast.Subscript):
        found = scope.read(node).body
        if not isinstance(found, Element) or found.tensor.domain.below is None:
            scope.fail(node, f"{ast.unparse(node)} is not an integer label", "Declare labels as y: n int<C.")
        return found
    scope.fail(node, f"{ast.unparse(node)} is not an index", INDEX_HINT)


INDEX_HINT = "An index is a name, a number from 0, a label y[i], or a sum of such, with whole numbers: 2*h + u - 1."
LARGEST_SHIFT = 10_000


def _affine(scope: Scope, node: ast.expr) -> Expr:
    """A sum of indices with whole numbers or dimensions as factors."""
    found = sympy.expand(_affine_part(scope, node))
    if linear(found) is None or found.is_negative or any(abs(n) > LARGEST_SHIFT for n in found.atoms(Integer)):
        scope.fail(node, f"{ast.unparse(node)} is not an index", INDEX_HINT)
    return found


def _affine_part(scope: Scope, node: ast.expr) -> Expr:
    if isinstance(node, ast.BinOp) and type(node.op) in (ast.Add, ast.Sub, ast.Mult):
        return BINARY[type(node.op)](_affine_part(scope, node.left), _affine_part(scope, node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _affine_part(scope, node.operand)
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.Name) and node.id in scope.dims and node.id not in scope.indices:
        return scope.dims[node.id]
    return _single(scope, node)


def read_subscript(scope: Scope, node: ast.Subscript) -> ArrayExpr:
    """``X[i, j]``: an entry of a named array; ``X[:, 0]``: a part of one."""
    parts = subscripts(node)
    if is_part(scope, parts):
        return part_of(scope, node, scope.read(node.value), parts, index_expression)
    if not isinstance(node.value, ast.Name):
        return _entry_of(scope, node)
    tensor = find_tensor(scope, node.value)
    dims = shape_of(scope, tensor)
    if len(parts) != len(dims):
        shape = f"{tensor.name} is {shape_text(dims)}" + (f" ({len(dims)} axes)" if dims else "")
        scope.fail(node, f"{len(parts)} indices for an array of {len(dims)} axes: {shape}", _all_of(node, len(dims)))
    where = [f"axis {a} of {tensor.name}" for a in range(len(dims))]
    found = [index_expression(scope, p, d, w) for p, d, w in zip(parts, dims, where, strict=True)]
    return scalar(_element(tensor, found, dims))


def _entry_of(scope: Scope, node: ast.Subscript) -> ArrayExpr:
    """``log_softmax(Z)[i, y[i]]``: an entry of what is computed."""
    array, parts = scope.read(node.value), subscripts(node)
    text = ast.unparse(node.value)
    if len(parts) != array.rank:
        said = f"{len(parts)} indices for an array of {array.rank} axes: {text} is {shape_text(array.dims)}"
        scope.fail(node, said, _all_of(node, array.rank))
    where = [f"axis {a} of {text}" for a in range(array.rank)]
    found = [index_expression(scope, p, d, w) for p, d, w in zip(parts, array.dims, where, strict=True)]
    return scalar(array.at(*found))


def _all_of(node: ast.Subscript, rank: int) -> str:
    """What to type where indices are missing."""
    parts = subscripts(node)
    if len(parts) > rank:
        return ""
    full = ", ".join([*map(ast.unparse, parts), *[":"] * (rank - len(parts))])
    return f"For all of an axis write a colon: {ast.unparse(node.value)}[{full}]."


def shape_of(scope: Scope, tensor: Tensor) -> tuple[Expr, ...]:
    """The shape of an array in formulas: with its axes of length 1."""
    return scope.shapes.get(tensor.name, tensor.dims)


def find_array(scope: Scope, node: ast.Name) -> ArrayExpr:
    """All of an array, in its shape in formulas."""
    tensor = find_tensor(scope, node)
    dims = shape_of(scope, tensor)
    indices = tuple(fresh_index(d) for d in dims)
    return whole(tensor) if dims == tensor.dims else ArrayExpr(indices, _element(tensor, indices, dims))


def _element(tensor: Tensor, indices: Sequence[Expr], dims: tuple[Expr, ...]) -> Element:
    """An entry of an array that has the dimensions ``dims`` in formulas."""
    if dims == tensor.dims:
        return Element(tensor, *indices)
    return Element(tensor, *(i for i, d in zip(indices, dims, strict=True) if d != 1))


def find_tensor(scope: Scope, node: ast.Name) -> Tensor:
    """The array of that name, which is no function."""
    if node.id not in scope.tensors:
        scope.unknown(node, "array", node.id, list(scope.tensors))
    tensor = scope.tensors[node.id]
    if tensor.domain.function:
        scope.fail(node, f"{node.id} is a function of one variable", f"Apply it: {node.id}(x).")
    return tensor


# -- atoms -----------------------------------------------------------------------------------------------------------


def exact_number(text: str) -> Rational:
    """The exact value of a decimal text such as ``0.01``, ``1e-5`` or ``1/3``."""
    match = re.search(r"[eE]([+-]?\d+)", text)
    if match and abs(int(match[1])) > LARGEST_POWER:
        raise ValueError(f"the exponent of {text} is too large")
    return Rational(text.replace("_", ""))


def read_number(scope: Scope, node: ast.Constant) -> ArrayExpr:
    if type(node.value) not in (int, float):
        scope.fail(node, f"{node.value!r} is not a number", GRAMMAR_HINT)
    text = ast.get_source_segment(scope.source.text, node) or repr(node.value)
    try:
        return scalar(Integer(node.value) if type(node.value) is int else exact_number(text))
    except ValueError as error:
        scope.fail(node, str(error))


def read_name(scope: Scope, node: ast.Name) -> ArrayExpr:
    if node.id in scope.tensors:
        return find_array(scope, node)
    if node.id in scope.dims:
        return scalar(scope.dims[node.id])
    if node.id in CONSTANTS:
        return scalar(CONSTANTS[node.id])
    if node.id in scope.indices:
        dim = scope.indices[node.id].dim
        hint = f"For a number that depends on it give an array, u: {dim}, and write u[{node.id}]; on two, B[i, j]."
        scope.fail(node, f"{node.id} is an index: it stands inside brackets only", hint)
    known = [*scope.tensors, *scope.dims, *CONSTANTS]
    scope.unknown(node, "name", node.id, known, "An entry is written with brackets: X[i, j].")


def read_attribute(scope: Scope, node: ast.Attribute) -> ArrayExpr:
    if node.attr != "T":
        scope.fail(node, f".{node.attr} is not part of the grammar", "X.T is the transpose of X.")
    return scope.read(node.value).transposed


# -- operations ------------------------------------------------------------------------------------------------------


def power(base: Expr, exponent: Expr) -> Expr:
    """The base to an exponent that is not too large to be multiplied out. **Raises** ShapeError."""
    if exponent.is_Rational and max(abs(exponent.p), exponent.q) > LARGEST_POWER:
        raise ShapeError(f"the exponent {exponent} is out of range (at most {LARGEST_POWER})")
    return own_absolute(base**exponent)


def own_absolute(expr: Expr) -> Expr:
    """SymPy turns sqrt(x²) into its own Abs, which has no convention at the kink: ours has one."""
    if not expr.has(sympy.Abs):
        return expr
    return rebuild(expr, lambda e: absolute(own_absolute(e.args[0])) if isinstance(e, sympy.Abs) else None)


BINARY: dict[type[ast.operator], Callable[[Expr, Expr], Expr]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: power,
}


def read_binary(scope: Scope, node: ast.BinOp) -> ArrayExpr:
    left, right = scope.read(node.left), scope.read(node.right)
    if isinstance(node.op, ast.MatMult):
        return arrays.matmul(left, right)
    operation = BINARY.get(type(node.op))
    if operation is None:
        scope.fail(node, f"the operator in {ast.unparse(node)} is not part of the grammar", "Powers are written **.")
    return elementwise(operation, left, right)


def read_unary(scope: Scope, node: ast.UnaryOp) -> ArrayExpr:
    value = scope.read(node.operand)
    if isinstance(node.op, ast.USub):
        return ArrayExpr(value.indices, -value.body)
    if isinstance(node.op, ast.UAdd):
        return value
    scope.fail(node, f"{ast.unparse(node)} is not part of the grammar", GRAMMAR_HINT)


ATOMS_AND_OPERATORS: dict[type[ast.AST], Callable[[Scope, Any], ArrayExpr]] = {
    ast.Constant: read_number,
    ast.Name: read_name,
    ast.Subscript: read_subscript,
    ast.Attribute: read_attribute,
    ast.BinOp: read_binary,
    ast.UnaryOp: read_unary,
}
