"""Parts of arrays in formulas, as NumPy writes them: ``X[:, 0]``, ``y[:, None]``, ``Z[arange(n), y]``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from sympy import Expr

from .arrays import ArrayExpr, shape_text
from .scope import Scope
from .tensors import Element, Index, fresh_index

#: Reads one index of an axis: the scope, the node, the dimension, and the axis in words.
ReadIndex = Callable[[Scope, ast.expr, Expr | None, str], Expr]


def is_part(scope: Scope, parts: Sequence[ast.expr]) -> bool:
    """Whether brackets hold more than an index for each axis: then what they give has axes."""
    return any(isinstance(p, ast.Slice) or _is_new(p) or _is_rest(p) or _is_vector(scope, p) for p in parts)


def part_of(
    scope: Scope, node: ast.Subscript, array: ArrayExpr, parts: Sequence[ast.expr], index: ReadIndex
) -> ArrayExpr:
    """The part of an array: ``:`` is all of an axis, None a new one of length 1, ``...`` all axes that are not named.

    Labels and ``arange`` choose together, ``Z[arange(n), y]`` is Z[i, y[i]] for each i. What they choose has one axis,
    where the first of them stands; in front of all others where ``:`` or None stands between them, as in NumPy.
    """
    text = ast.unparse(node.value)
    named = [p for p in parts if not (_is_new(p) or _is_rest(p))]
    if len(named) > array.rank or sum(map(_is_rest, parts)) > 1:
        said = f"{len(named)} indices for an array of {array.rank} axes: {text} is {shape_text(array.dims)}"
        scope.fail(node, said if len(named) > array.rank else "... stands twice")
    rest: list[ast.expr] = [ast.copy_location(ast.Slice(), node)] * (array.rank - len(named))
    at = next((k for k, p in enumerate(parts) if _is_rest(p)), len(parts))
    whole = (*parts[:at], *rest, *parts[at + 1 :])
    choosing = [k for k, p in enumerate(whole) if not (_is_new(p) or isinstance(p, ast.Slice))]
    in_front = bool(choosing) and choosing[-1] - choosing[0] >= len(choosing)
    kept: list[Index] = []
    places: list[Expr] = []
    chosen: Index | None = None
    for p in whole:
        if _is_new(p):
            kept.append(fresh_index(1))
            continue
        dim, where = array.dims[len(places)], f"axis {len(places)} of {text}"
        if isinstance(p, ast.Slice):
            if p.lower or p.upper or p.step:
                scope.fail(p, f"{ast.unparse(p)} is not all of {where}", SLICE_HINT)
            kept.append(fresh_index(dim))
            places.append(kept[-1])
        elif _is_vector(scope, p):
            length, entry = _vector(scope, p, dim, where)
            if chosen is None:
                chosen = fresh_index(length)
                kept.insert(0 if in_front else len(kept), chosen)
            if chosen.dim != length:
                scope.fail(p, f"{ast.unparse(p)} has {length} entries, and what stands beside it {chosen.dim}")
            places.append(entry(chosen))
        else:
            places.append(index(scope, p, dim, where))
    return ArrayExpr(tuple(kept), array.at(*places))


SLICE_HINT = "A slice is all of an axis, as in X[:, 0]. For some entries write an index: X[t + 1] for t in T."


def _is_new(part: ast.expr) -> bool:
    """``None`` and ``np.newaxis``."""
    name = part.attr if isinstance(part, ast.Attribute) else part.id if isinstance(part, ast.Name) else ""
    return name == "newaxis" or (isinstance(part, ast.Constant) and part.value is None)


def _is_rest(part: ast.expr) -> bool:
    return isinstance(part, ast.Constant) and part.value is ...


def _is_vector(scope: Scope, part: ast.expr) -> bool:
    """``arange(n)``, and an array of labels by its name."""
    if isinstance(part, ast.Call):
        return _function(part) == "arange"
    tensor = scope.tensors.get(part.id) if isinstance(part, ast.Name) else None
    return tensor is not None and tensor.rank == 1 and tensor.domain.below is not None


def _vector(scope: Scope, part: ast.expr, dim: Expr, where: str) -> tuple[Expr, Callable[[Index], Expr]]:
    """The length of a vector of places along an axis, and its entries."""
    if isinstance(part, ast.Name):
        labels = scope.tensors[part.id]
        if labels.domain.below != dim:
            scope.fail(part, f"{part.id} holds labels below {labels.domain.below}, and {where} has {dim} entries")
        return labels.dims[0], lambda k: Element(labels, k)
    assert isinstance(part, ast.Call)
    if len(part.args) != 1 or part.keywords:
        scope.fail(part, f"{ast.unparse(part)} is not every place of {where}", f"Write arange({dim}).")
    length = _length(scope, part.args[0])
    if length != dim:
        scope.fail(part, f"{ast.unparse(part)} runs over {ast.unparse(part.args[0])}, but {where} has {dim} entries")
    return dim, lambda k: k


def _length(scope: Scope, node: ast.expr) -> Expr | None:
    """A dimension by name, or ``len(y)``; None for anything else."""
    if isinstance(node, ast.Name) and node.id in scope.dims:
        return scope.dims[node.id]
    if isinstance(node, ast.Call) and _function(node) == "len" and len(node.args) == 1:
        array = scope.read(node.args[0])
        return array.dims[0] if array.rank else None
    return None


def _function(call: ast.Call) -> str:
    """The name of a function, without the library it is from."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
