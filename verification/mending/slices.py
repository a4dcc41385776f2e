"""The expressions of some functions, by how directly they lead to the place where shapes do not fit."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .clash import Clash
from .source import Function

#: The distance of what does not lead there at all.
FAR = 9


@dataclass(frozen=True)
class Site:
    """An expression, the file it stands in, and how many statements lie between it and the trouble.

    is_value: all that is assigned or returned in one place. names: the arguments of the function that it stands in.
    """

    node: ast.expr
    file: str
    distance: int
    is_value: bool
    names: tuple[str, ...]
    function: Function


def sites(
    functions: Sequence[Function], files: Mapping[Function, str], clash: Clash | None, gradients: set[str]
) -> list[Site]:
    """All expressions of the functions, the closest to the trouble first.

    **Arguments**: clash, where the code raises; without one, gradients are the names of those in a wrong shape.
    """
    found: list[Site] = []
    for function in dict.fromkeys(functions):
        statements = list(_statements(function))
        arguments = function.args
        names = tuple(a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))
        distances = _distances(statements, _starts(statements, files[function], clash, gradients))
        for statement in statements:
            distance = distances.get(statement, FAR)
            whole = set(_values(statement))
            for part in _expressions(statement):
                found.append(Site(part, files[function], distance, part in whole, names, function))
    return sorted(found, key=lambda s: s.distance)


def _statements(function: Function) -> Iterator[ast.stmt]:
    """The statements of a function in order, without those of functions inside it."""
    waiting: list[ast.stmt] = list(function.body)
    while waiting:
        statement = waiting.pop(0)
        if isinstance(statement, Function | ast.ClassDef):
            continue
        yield statement
        inner = [s for field in ("body", "orelse", "finalbody") for s in getattr(statement, field, [])]
        waiting = inner + waiting


def _expressions(statement: ast.stmt) -> Iterator[ast.expr]:
    """The expressions of a statement itself, the outermost first."""
    waiting: list[ast.AST] = [c for c in ast.iter_child_nodes(statement) if isinstance(c, ast.expr)]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            yield node
        waiting += [c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr | ast.keyword)]


def _values(statement: ast.stmt) -> list[ast.expr]:
    value = getattr(statement, "value", None) if isinstance(statement, ast.Assign | ast.Return) else None
    if value is None:
        return []
    return list(value.elts) if isinstance(value, ast.Tuple) else [value]


def _starts(statements: Sequence[ast.stmt], file: str, clash: Clash | None, gradients: set[str]) -> dict[ast.stmt, int]:
    """The statements that the trouble shows in: with a distance, since it may be a caller's."""
    if clash is None:
        named = [s for s in statements if _assigned(s) & gradients]
        return {s: 0 for s in named} or {s: 0 for s in statements if isinstance(s, ast.Return)}
    found: dict[ast.stmt, int] = {}
    for back, place in enumerate(reversed(clash.places)):
        for s in statements:
            if place.file == file and s.lineno <= place.line <= (s.end_lineno or s.lineno):
                if not isinstance(s, ast.For | ast.While | ast.If | ast.With | ast.Try):
                    found.setdefault(s, back)
    return found


def _distances(statements: Sequence[ast.stmt], starts: Mapping[ast.stmt, int]) -> dict[ast.stmt, int]:
    """How many definitions lie between a statement and those at the start."""
    distances = dict(starts)
    waiting = list(starts)
    while waiting:
        statement = waiting.pop(0)
        reads = {ast.unparse(e) for e in _expressions(statement) if isinstance(e, ast.Name | ast.Attribute)}
        for other in statements:
            if other.lineno <= statement.lineno and other not in distances and _assigned(other) & reads:
                distances[other] = distances[statement] + 1
                waiting.append(other)
    return distances


def _assigned(statement: ast.stmt) -> set[str]:
    """The names and attributes that a statement gives a value: ``dW``, ``self.dW``, and of those the last part."""
    targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
    found: set[str] = set()
    for target in targets:
        for part in ast.walk(target) if target is not None else ():
            if isinstance(part, ast.Name):
                found.add(part.id)
            elif isinstance(part, ast.Attribute):
                found |= {ast.unparse(part), part.attr}
    return found
