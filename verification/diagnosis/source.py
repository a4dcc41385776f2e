"""The person's source, searched for the lines that a finding is about."""

from __future__ import annotations

import ast
import inspect
import linecache
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Line:
    """A line of the person's code: where it stands, its text, and what should stand there."""

    file: str
    number: int
    text: str
    fixed: str = ""

    @property
    def where(self) -> str:
        return f"{os.path.basename(self.file)}:{self.number}: {self.text}"


def line_at(file: str, number: int, fixed: str = "") -> Line:
    return Line(file, number, linecache.getline(file, number).strip(), fixed)


def global_maxima(objects: tuple[Any, ...]) -> list[Line]:
    """Calls of max over a whole array, ``np.max(x)`` or ``x.max()``, with the shift per row in their place."""
    found: list[Line] = []
    for file, tree in _trees(objects):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or any(k.arg == "axis" for k in node.keywords):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            method = isinstance(node.func, ast.Attribute) and not _is_module(node.func.value)
            if name not in ("max", "amax") or len(node.args) != (0 if method else 1):
                continue
            arguments = ", ".join((*map(ast.unparse, node.args), "axis=1", "keepdims=True"))
            found.append(_replaced(file, node, f"{ast.unparse(node.func)}({arguments})"))
    return found


def small_constants(objects: tuple[Any, ...]) -> list[Line]:
    """Sums with a small constant inside a logarithm, a square root or a denominator: ``log(p + 1e-8)``."""
    found: list[Line] = []
    for file, tree in _trees(objects):
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.BinOp)
                and isinstance(node.op, ast.Add | ast.Sub)
                and any(map(_is_small, (node.left, node.right)))
            ):
                found.append(_replaced(file, node, ""))
    return found


def clipped(objects: tuple[Any, ...]) -> list[Line]:
    """Calls of clip and clamp."""
    found = []
    for file, tree in _trees(objects):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in ("clip", "clamp"):
                    found.append(_replaced(file, node, ""))
    return found


def _is_small(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float) and 0 < abs(node.value) < 1e-3


def _is_module(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("np", "numpy", "torch", "jnp", "xp", "cp")


def _replaced(file: str, node: ast.expr, text: str) -> Line:
    line = linecache.getline(file, node.lineno)
    raw = line.encode()
    old = raw[node.col_offset : node.end_col_offset].decode() if node.end_lineno == node.lineno else ""
    return Line(file, node.lineno, line.strip(), line.replace(old, text).strip() if old and text else "")


def _trees(objects: tuple[Any, ...]) -> Iterator[tuple[str, ast.AST]]:
    """The syntax trees of functions and classes, with the line numbers of their files; helpers in the file included."""
    seen: set[tuple[str, str]] = set()
    queue = list(objects)
    while queue:
        obj = queue.pop(0)
        obj = type(obj) if not (inspect.isfunction(obj) or isinstance(obj, type)) else obj
        if not hasattr(obj, "__qualname__") or obj.__module__ == "builtins":
            continue
        try:
            lines, start = inspect.getsourcelines(obj)
            file = inspect.getsourcefile(obj) or ""
            tree = ast.parse(_dedented(lines))
        except (OSError, TypeError, SyntaxError, ValueError):
            continue
        if (file, obj.__qualname__) in seen or len(seen) > 30:
            continue
        seen.add((file, obj.__qualname__))
        indent = len(lines[0]) - len(lines[0].lstrip())
        for node in ast.walk(tree):
            if isinstance(node, ast.expr | ast.stmt):
                node.lineno += start - 1
                node.end_lineno = (node.end_lineno or 0) + start - 1
                node.col_offset += indent
                node.end_col_offset = (node.end_col_offset or 0) + indent
        yield file, tree
        queue += _helpers(obj, tree)


def _helpers(obj: Any, tree: ast.AST) -> list[Any]:
    """The functions of the same file that a function or the methods of a class call."""
    functions = [obj] if inspect.isfunction(obj) else [m for m in vars(obj).values() if inspect.isfunction(m)]
    names = functions[0].__globals__ if functions else {}
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    found = [names.get(name) for name in sorted(called)]
    return [f for f in found if inspect.isfunction(f) and f.__globals__ is names]


def _dedented(lines: list[str]) -> str:
    indent = len(lines[0]) - len(lines[0].lstrip())
    return "".join(line[indent:] if line[:indent].isspace() or not indent else line.lstrip() for line in lines)


@dataclass(frozen=True)
class Assignment:
    """``name = value`` in the person's code, and the same line with a copy."""

    line: Line
    value: str
    copied: str


def assignments(objects: tuple[Any, ...], name: str) -> list[Assignment]:
    """The plain assignments to a local name."""
    found = []
    for file, tree in _trees(tuple(objects)):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == [name]:
                value = ast.unparse(node.value)
                found.append(Assignment(line_at(file, node.lineno), value, f"{name} = {value}.copy()"))
    return found
