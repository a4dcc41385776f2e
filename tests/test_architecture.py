"""Which room may import which: data only moves to the right."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import nnmath

ROOT = Path(nnmath.__file__).parent

#: Room: the rooms it may import besides itself. A file at the root, or in commands/, may import everything.
ROOMS = {
    "calculus": set(),
    "derivations": {"calculus"},
    "numeric": {"calculus"},
    "rendering": {"calculus"},
    "verification": {"calculus", "numeric", "derivations"},
}
#: Libraries a room may not import at all, and those it may import only inside functions.
NEVER = {
    "calculus": {"numpy", "torch", "rich"},
    "derivations": {"numpy", "torch", "rich"},
    "numeric": {"rich"},
    "rendering": {"numpy", "torch"},
}
LAZILY = {"numeric": {"torch"}, "verification": {"torch"}}

FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imports(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, ast.stmt]]:
    """Every imported module by its full name, with the statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join((*base, *([node.module] if node.module else [])))
            yield stem, node
            yield from ((f"{stem}.{alias.name}", node) for alias in node.names)


def package_of(path: Path) -> tuple[str, ...]:
    return ("nnmath", *path.relative_to(ROOT).parent.parts)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_import_runs_back_up(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    room = path.relative_to(ROOT).parts[0]
    at_top = {id(node) for node in tree.body}
    wrong = []
    for name, node in imports(tree, package_of(path)):
        first, _, rest = name.partition(".")
        other = rest.split(".")[0]
        if first == "nnmath" and rest and other != room and other not in ROOMS[room]:
            wrong.append(f"line {node.lineno}: {room} may not import {name}")
        if first in NEVER.get(room, ()):
            wrong.append(f"line {node.lineno}: {room} never imports {first}")
        if first in LAZILY.get(room, ()) and id(node) in at_top:
            wrong.append(f"line {node.lineno}: {room} imports {first} only inside functions")
    assert wrong == []


def test_the_test_sees_imports() -> None:
    tree = ast.parse("from ..numeric import check\nfrom . import sums\nimport torch")
    found = {name for name, _ in imports(tree, ("nnmath", "calculus"))}
    assert {"nnmath.numeric", "nnmath.numeric.check", "nnmath.calculus.sums", "torch"} <= found
    assert len(FILES) > 20


def test_a_file_stays_small() -> None:
    checkout = Path(__file__).parent.parent
    folders = ("benchmarks", "commands", "examples", "tests")
    beside = [path for folder in folders for path in (checkout / folder).rglob("*.py")]
    lengths = {str(p): len(p.read_text(encoding="utf-8").splitlines()) for p in (*FILES, *ROOT.glob("*.py"), *beside)}
    assert Path(__file__) in beside and len(lengths) > 500
    assert {path: lines for path, lines in lengths.items() if lines > 400} == {}
