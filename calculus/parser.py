"""Text to mathematics: givens, definitions and claims, as an entry or a user writes them. Nothing is ever evaluated."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sympy import Expr, Integer

from .arrays import ArrayExpr, readable_indices, shape_text
from .calls import dimension_of, read_call
from .derivation import Definition
from .expectation import is_random
from .givens import Givens, check_name, parse_givens
from .grammar import ATOMS_AND_OPERATORS, find_array, find_tensor, shape_of, subscripts
from .moments import DERIVED
from .scope import ParseError, Scope, Source
from .shifts import Shifts
from .sums import bound_sum, substitute
from .tensors import REAL, Domain, Index, Tensor, fresh_index

__all__ = ["ParseError", "parse_array", "parse_claim", "parse_definitions", "parse_expression", "parse_givens"]

NODES = {**ATOMS_AND_OPERATORS, ast.Call: read_call}

DEFINITION_HINT = "A definition reads P[i, c] = …, or A = … for a whole array"


# -- definitions -----------------------------------------------------------------------------------------------------


class Definitions(tuple[Definition, ...]):
    """The definitions of a text. cancelled: the maxima that were left out, as they were written."""

    cancelled: tuple[str, ...]

    def __new__(cls, definitions: Iterable[Definition], cancelled: tuple[str, ...]) -> Definitions:
        made = super().__new__(cls, definitions)
        made.cancelled = cancelled
        return made


def parse_definitions(text: str, givens: Iterable[Tensor]) -> Definitions:
    """The definitions of a text, one a line, in order; each may use the givens and the definitions before it.

    A line that ends inside brackets continues. Index form ``P[i, c] = …`` or array form ``A = tanh(X @ W + b)``;
    ``L = upstream(dY, Y)`` declares an unspecified scalar L whose gradient with respect to Y is dY. A maximum over an
    axis (``max(Z, axis=1)``) is left out where it cancels, with the definitions that it goes through until it does.

    **Raises** :class:`ParseError` with the line, what was expected and what to type.
    """
    sizes = dict(givens.sizes) if isinstance(givens, Givens) else {}
    tensors = {t.name: t for t in givens}
    found: list[Definition] = []
    shapes: dict[str, tuple[Expr, ...]] = {}
    shifts = Shifts()
    lines = list(logical_lines(text))
    paired = {name for source, _ in lines for name in _paired(source)}
    for at, (source, description) in enumerate(lines, 1):
        definition = _definition(source, tensors, shapes, description, sizes, shifts)
        if at < len(lines) and definition.name not in paired:
            shapes[definition.name] = definition.tensor.dims
            definition = _without_unit_axes(definition)
        tensors[definition.name] = definition.tensor
        settled = shifts.settled(definition, at == len(lines)) if shifts.known else definition
        if settled is not None:
            found.append(settled)
    return Definitions(found, tuple(shifts.cancelled))


def _paired(source: Source) -> Iterator[str]:
    """The arrays that have an upstream gradient: Y in ``L = upstream(dY, Y)``."""
    try:
        tree = ast.parse(source.text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):  # said when the line is read
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "upstream":
            yield from (a.id for a in node.args[1:2] if isinstance(a, ast.Name))


def _without_unit_axes(definition: Definition) -> Definition:
    """An array on the way that a sum with ``keepdims=True`` made, (n, 1), as one of shape (n,)."""
    tensor, indices = definition.tensor, [i for i in definition.indices if i.dim != 1]
    if len(indices) == tensor.rank:
        return definition
    body = substitute(definition.body, {i: Integer(0) for i in definition.indices if i.dim == 1})
    plain = Tensor(tensor.name, tuple(i.dim for i in indices), tensor.domain, tensor.description)
    return replace(definition, tensor=plain, indices=tuple(indices), body=body)


def logical_lines(text: str) -> Iterator[tuple[Source, str]]:
    """Lines joined while a bracket is open, without their comments; and the comment of the last one."""
    pending: list[str] = []
    first = depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        code, _, comment = line.partition("#")
        if not pending and not code.strip():
            continue
        first = first if pending else number
        pending.append(code.rstrip())
        depth += sum(code.count(c) for c in "([{") - sum(code.count(c) for c in ")]}")
        if depth <= 0:
            yield _dedented(pending, first), comment.strip()
            pending, depth = [], 0
    if pending:
        yield _dedented(pending, first), ""


def _dedented(lines: Sequence[str], first: int) -> Source:
    return Source("\n".join([lines[0].lstrip(), *lines[1:]]), first)


def _definition(
    source: Source,
    tensors: Mapping[str, Tensor],
    shapes: Mapping[str, tuple[Expr, ...]],
    description: str,
    sizes: Mapping[str, Expr],
    shifts: Shifts,
) -> Definition:
    body = source.parse("exec").body
    if len(body) != 1 or not isinstance(body[0], ast.Assign) or len(body[0].targets) != 1:
        source.fail(body[0] if body else None, "this is not a definition", DEFINITION_HINT)
    target, value = body[0].targets[0], body[0].value
    scope = Scope(source, tensors, {**sizes, **_dims(tensors.values())}, {}, NODES, shapes, shifts)
    name_node = target.value if isinstance(target, ast.Subscript) else target
    if not isinstance(name_node, ast.Name):
        source.fail(target, f"{ast.unparse(target)} cannot be defined", DEFINITION_HINT)
    name = check_name(name_node.id, lambda problem, hint: source.fail(target, problem, hint))
    if name in tensors or name in scope.dims:
        source.fail(target, f"{name} is already {'defined' if name in tensors else 'a dimension'}", "Use another name.")
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "upstream":
        return Definition(Tensor(name, (), description=description), (), _upstream(scope, target, value), pairing=True)
    if not isinstance(target, ast.Subscript):
        array = scope.read(value)
        indices = readable_indices(array.dims, {*tensors, *scope.dims, name})
        body = array.at(*indices)
        return Definition(Tensor(name, array.dims, domain_of(body), description), indices, body)
    indices = _left_indices(scope, target, value)
    inner = replace(scope, indices={i.name: i for i in indices})
    array = inner.read(value)
    if array.rank:
        source.fail(
            value,
            f"the left side is one entry, and the right side an array of shape {shape_text(array.dims)}",
            f"Write {name} = … without brackets, or index the arrays on the right.",
        )
    dims = tuple(i.dim for i in indices)
    return Definition(Tensor(name, dims, domain_of(array.body), description), indices, array.body)


def domain_of(body: Expr) -> Domain:
    """The domain of a definition: real, and random where its body is."""
    return replace(REAL, random=DERIVED) if is_random(body) else REAL


def _dims(tensors: Iterable[Tensor]) -> dict[str, Expr]:
    return {str(s): s for t in tensors for d in t.dims for s in d.free_symbols}


def _upstream(scope: Scope, target: ast.expr, call: ast.Call) -> Expr:
    """⟨dY, Y⟩ for ``upstream(dY, Y)``."""
    if isinstance(target, ast.Subscript) or len(call.args) != 2 or call.keywords:
        scope.fail(call, "upstream declares a scalar", "Write L = upstream(dY, Y): dY is the gradient of L in Y.")
    pair: list[ArrayExpr] = []
    for node in call.args:
        if not isinstance(node, ast.Name):
            hint = f"Give it a name first: Y = {ast.unparse(node)}; L = upstream(dY, Y)."
            scope.fail(node, "upstream takes the names of two arrays", hint)
        pair.append(find_array(scope, node))
    gradient, array = pair
    if gradient.dims != array.dims:
        given, wanted = shape_text(gradient.dims), shape_text(array.dims)
        scope.fail(call, f"a gradient has the shape of its array: {given} was given for {wanted}")
    return bound_sum(gradient.body * array.at(*gradient.indices), *gradient.indices)


def _left_indices(scope: Scope, target: ast.Subscript, value: ast.expr) -> tuple[Index, ...]:
    """The indices on the left side, each with the dimension that the right side uses it for (or ``i: n`` states)."""
    found: list[Index] = []
    uses = dict(_index_uses(value, scope, frozenset()))
    for node in subscripts(target):
        stated = None
        if (
            isinstance(node, ast.Slice)
            and isinstance(node.lower, ast.Name)
            and node.upper is not None
            and node.step is None
        ):
            stated, node = node.upper, node.lower
        if not isinstance(node, ast.Name):
            scope.fail(node, f"{ast.unparse(node)} is not the name of an index", DEFINITION_HINT)
        if node.id in scope.tensors or node.id in scope.dims:
            scope.fail(node, f"{node.id} already names {'an array' if node.id in scope.tensors else 'a dimension'}")
        if any(i.name == node.id for i in found):
            scope.fail(node, f"the index {node.id} stands twice on the left side", "Write delta(i, j) instead.")
        if stated is not None:
            dim: Expr | None = dimension_of(scope, stated)
        else:
            dim = uses.get(node.id)
        if dim is None:
            _refuse_unknown_arrays(scope, value)
            hint = f"Use it in brackets, or state its dimension: [{node.id}: n]."
            scope.fail(node, f"no array on the right side is indexed by {node.id}, so its dimension is not known", hint)
        found.append(Index(node.id, dim))
    return tuple(found)


def _refuse_unknown_arrays(scope: Scope, value: ast.expr) -> None:
    for node in ast.walk(value):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id not in scope.tensors:
            find_tensor(scope, node.value)


def _index_uses(node: ast.AST, scope: Scope, bound: frozenset[str]) -> Iterator[tuple[str, Expr]]:
    """Which dimension each index that is not bound inside is used for."""
    if isinstance(node, ast.GeneratorExp):
        targets = {loop.target.id for loop in node.generators if isinstance(loop.target, ast.Name)}
        bound = bound | targets
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in scope.tensors:
        for part, dim in zip(subscripts(node), shape_of(scope, scope.tensors[node.value.id]), strict=False):
            if isinstance(part, ast.Name) and part.id not in bound:
                yield part.id, dim
    for child in ast.iter_child_nodes(node):
        yield from _index_uses(child, scope, bound)


# -- claims ----------------------------------------------------------------------------------------------------------


def parse_expression(text: str, tensors: Mapping[str, Tensor], indices: Mapping[str, Index] | None = None) -> Expr:
    """The entry that a text stands for. An array is taken at ``indices``, which are then its axes, in order.

    **Arguments**: text, such as ``(P[i, c] - Y[i, c])/n`` or ``(P - Y)/n``; the tensors it may name; the free indices.

    **Raises** :class:`ParseError` with the place, what was expected and what to type.
    """
    array = parse_array(text, tensors, indices)
    if not array.rank:
        return array.body
    axes = tuple((indices or {}).values())
    if array.dims != tuple(i.dim for i in axes):
        wanted = shape_text(i.dim for i in axes)
        problem = f"the expression has shape {shape_text(array.dims)}, and shape {wanted} is expected"
        Source(" ".join(text.split())).fail(None, problem)
    return array.at(*axes)


def parse_array(
    text: str,
    tensors: Mapping[str, Tensor],
    indices: Mapping[str, Index] | None = None,
    functions: Mapping[str, Callable[[Scope, ast.Call], ArrayExpr]] | None = None,
) -> ArrayExpr:
    """The array that a text stands for; ``functions`` are known beside those of the grammar. Raises ParseError."""
    source = Source(" ".join(text.split()))
    indices = indices or {}
    dims = {**_dims(tensors.values()), **{str(s): s for i in indices.values() for s in i.dim.free_symbols}}
    nodes: dict[type[ast.AST], Callable[[Scope, Any], ArrayExpr]] = dict(NODES)
    if functions:
        nodes[ast.Call] = partial(read_call_or, functions)
    return Scope(source, tensors, dims, indices, nodes).read(source.parse("eval").body)


def read_call_or(
    functions: Mapping[str, Callable[[Scope, ast.Call], ArrayExpr]], scope: Scope, node: ast.Call
) -> ArrayExpr:
    """A call of one of ``functions``, or of the grammar's own."""
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    return functions[name](scope, node) if name in functions else read_call(scope, node)


def parse_claim(text: str, tensors: Mapping[str, Tensor], axes: Sequence[Expr]) -> tuple[tuple[Index, ...], Expr]:
    """A closed form for an array with these axes: ``(P - Y)/n``, or by its entry, ``i, c: (P[i, c] - Y[i, c])/n``.

    **Returns** the indices of the axes and the entry at them.
    """
    names, colon, body = text.partition(":")
    if not colon:
        indices = tuple(fresh_index(d) for d in axes)
        return indices, parse_expression(text, tensors, {i.name: i for i in indices})
    listed = [n.strip() for n in names.split(",")]
    if len(listed) != len(axes) or len(set(listed)) != len(listed) or not all(n.isidentifier() for n in listed):
        problem = f"{names.strip()!r} does not name the {len(axes)} axes of shape {shape_text(axes)}"
        raise ParseError(problem, "Write i, c: … with one name per axis.")
    indices = tuple(Index(n, d) for n, d in zip(listed, axes, strict=True))
    return indices, parse_expression(body, tensors, {i.name: i for i in indices})
