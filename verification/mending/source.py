"""The person's source as syntax trees, and other code in the place of theirs, as long as it is tried."""

from __future__ import annotations

import ast
import gc
import inspect
import linecache
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

#: What ``from __future__`` imports change in compiling.
_FUTURE = 0x1FF0000
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Position:
    """A stretch of a file: lines from 1, columns in bytes from 0."""

    file: str
    line: int
    end_line: int
    column: int
    end_column: int

    def holds(self, node: ast.AST) -> bool:
        """Whether a node is just this stretch."""
        place = (self.line, self.end_line, self.column, self.end_column)
        return place == tuple(getattr(node, n, None) for n in ("lineno", "end_lineno", "col_offset", "end_col_offset"))


class Source:
    """One file, as a tree that may be changed, and the living functions that were made from it."""

    def __init__(self, file: str) -> None:
        """Raises OSError, SyntaxError and ValueError where there is no source."""
        lines = linecache.getlines(file)
        if not lines:
            raise OSError(f"there is no source of {file}")
        self.file = file
        self.tree = ast.parse("".join(lines))
        self.functions = [f for f in gc.get_objects() if type(f) is FunctionType and f.__code__.co_filename == file]

    def enclosing(self, line: int) -> Function | None:
        """The innermost function around a line."""
        around = [
            n
            for n in ast.walk(self.tree)
            if isinstance(n, Function) and _first_line(n) <= line <= (n.end_lineno or n.lineno)
        ]
        return max(around, key=lambda n: n.lineno, default=None)

    def top_level(self, node: ast.AST) -> ast.stmt | None:
        """The statement of the file that a node belongs to."""
        line = getattr(node, "lineno", 0)
        return next((s for s in self.tree.body if _first_line(s) <= line <= (s.end_lineno or s.lineno)), None)

    @contextmanager
    def compiled(self, statements: list[ast.stmt]) -> Iterator[None]:
        """While it lasts, the functions of these statements are what the tree says now.

        Raises SyntaxError and ValueError where that is no program.
        """
        codes: dict[tuple[str, int], list[CodeType]] = {}
        flags = next((f.__code__.co_flags & _FUTURE for f in self.functions), 0)
        for statement in dict.fromkeys(statements):
            module = ast.Module([ast.fix_missing_locations(statement)], [])
            for code in _codes(compile(module, self.file, "exec", flags, dont_inherit=True)):
                codes.setdefault((code.co_qualname, code.co_firstlineno), []).append(code)
        before: list[tuple[FunctionType, CodeType]] = []
        try:
            for function in self.functions:
                old = function.__code__
                new = codes.get((old.co_qualname, old.co_firstlineno), ())
                if len(new) == 1 and _interchangeable(old, new[0]):
                    before.append((function, old))
                    function.__code__ = new[0]
            yield
        finally:
            for function, old in before:
                function.__code__ = old


def _first_line(statement: ast.stmt) -> int:
    """Where a statement begins, with its decorators."""
    return min((d.lineno for d in getattr(statement, "decorator_list", ())), default=statement.lineno)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _interchangeable(old: CodeType, new: CodeType) -> bool:
    """Whether they take the same arguments and hold on to the same names."""
    taken = [c.co_varnames[: c.co_argcount + c.co_kwonlyargcount] for c in (old, new)]
    return old.co_freevars == new.co_freevars and taken[0] == taken[1]


def replace_node(root: ast.AST, old: ast.AST, new: ast.AST) -> bool:
    """Put a node in the place of another one, which is found by identity; whether it was there."""
    for parent in ast.walk(root):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
                return True
            if isinstance(value, list) and any(v is old for v in value):
                value[next(k for k, v in enumerate(value) if v is old)] = new
                return True
    return False


def file_of(function: Any) -> str | None:
    """The file that the code of a function or class stands in."""
    try:
        return inspect.getsourcefile(inspect.unwrap(function))
    except (TypeError, OSError, ValueError):
        return None
