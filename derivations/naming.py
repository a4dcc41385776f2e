"""Names for what a formula computes on the way and does not name: P for ``softmax(Q @ K.T)``, as in a textbook."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from ..calculus.calls import LIBRARIES
from ..calculus.grammar import subscripts
from ..calculus.parser import parse_definitions, parse_givens
from ..calculus.scope import ParseError
from .lines import Line, Names, lines_of, place_of, tree_of

#: Names for a softmax, in the order in which they are tried.
SOFTMAX = "PSAR"


def with_softmax_by_name(text: str, given: str) -> str:
    """The definitions of a text with one for each softmax of a whole array that stands inside of a formula."""
    names = Names(text, given)
    named = text
    while (found := _with_one(lines_of(named), names)) is not None:
        named = found
    try:
        parse_definitions(named, parse_givens(given))
    except ParseError:  # such as one that would need an index from outside
        return text
    return named


def _with_one(lines: Sequence[Line], names: Names) -> str | None:
    """The text with the first softmax that has no name yet under one; None where there is none."""
    for at, line in enumerate(lines):
        for call in _inside(line):
            written = ast.dump(call)
            before = (d.tree for d in lines[:at] if ast.dump(d.tree.value) == written)
            known = next((d.targets[0].id for d in before if isinstance(d.targets[0], ast.Name)), None)
            name = known or names.take(SOFTMAX)
            new = [] if known else [f"{name} = {ast.unparse(call)}"]
            later = [
                d.written({place_of(c): tree_of(name) for c in _inside(d) if ast.dump(c) == written})
                for d in lines[at:]
            ]
            return "\n".join([*(d.written({}) for d in lines[:at]), *new, *later])
    return None


def _inside(line: Line) -> Iterator[ast.Call]:
    """The calls of softmax inside of a line that have none inside, and no index that is bound around them."""
    tree = line.tree
    left = subscripts(tree.targets[0]) if isinstance(tree.targets[0], ast.Subscript) else []
    loops = [n.target for n in ast.walk(tree) if isinstance(n, ast.comprehension)]
    bound = {n.id for side in (*left, *loops) for n in ast.walk(side) if isinstance(n, ast.Name)}
    for node in ast.walk(tree.value):
        if _is_softmax(node) and node is not tree.value:
            within = [n for n in ast.walk(node) if n is not node]
            free = bound.isdisjoint(n.id for n in within if isinstance(n, ast.Name))
            if free and not any(map(_is_softmax, within)):
                assert isinstance(node, ast.Call)
                yield node


def _is_softmax(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    library, _, name = ast.unparse(node.func).rpartition(".")
    return name == "softmax" and library in ("", *LIBRARIES)
