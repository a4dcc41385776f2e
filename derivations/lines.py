"""The lines of a text of definitions, to be written with other expressions at some of their places."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..calculus.grammar import subscripts
from ..calculus.parser import logical_lines
from ..calculus.scope import Source

#: Where a call stands in its line: from where to where.
Place = tuple[int, int, int | None, int | None]


def place_of(node: ast.expr) -> Place:
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


@dataclass(frozen=True)
class Line:
    """A definition: its text, its syntax tree, and the comment behind it."""

    source: Source
    tree: ast.Assign
    comment: str

    @property
    def behind(self) -> str:
        """The comment as it stands behind the definition."""
        return f"  # {self.comment}" if self.comment else ""

    def written(self, changed: Mapping[Place, ast.expr]) -> str:
        """The line with other expressions at some places."""
        text = ast.unparse(Replaced(changed).visit(self.source.parse("exec"))) if changed else self.source.text
        return text + self.behind


def lines_of(text: str) -> list[Line]:
    """The definitions of a text that can be read, in order."""
    return [Line(source, source.parse("exec").body[0], comment) for source, comment in logical_lines(text)]


class Replaced(ast.NodeTransformer):
    """Other expressions in place of some calls. ``max(…)[j]`` with a part of its indices known takes the others."""

    def __init__(self, changed: Mapping[Place, ast.expr]) -> None:
        self.changed = changed

    def visit_Call(self, node: ast.Call) -> ast.AST:
        new = self.changed.get(place_of(node))
        return self.generic_visit(node) if new is None else new

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        new = self.changed.get(place_of(node.value)) if isinstance(node.value, ast.Call) else None
        if not isinstance(new, ast.Subscript):
            return self.generic_visit(node)
        indices = [ast.unparse(k) for k in (*subscripts(new), *subscripts(node))]
        return tree_of(with_brackets(ast.unparse(new.value), indices))


class Names:
    """Names that are free in a text; each is given once."""

    def __init__(self, *texts: str) -> None:
        self.taken = set(re.findall(r"\w+", "\n".join(texts)))

    def take(self, wanted: str) -> str:
        name = next(n for n in (*wanted, *(f"{wanted[0]}{k}" for k in range(1, 100))) if n not in self.taken)
        self.taken.add(name)
        return name


def tree_of(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def with_brackets(name: str, indices: Sequence[str]) -> str:
    return f"{name}[{', '.join(indices)}]" if indices else name
