"""A derivation as plain text."""

from __future__ import annotations

from ..calculus.derivation import Derivation
from .lines import page_rows
from .page import page
from .text_style import TEXT

WIDTH = 100


def render(
    derivation: Derivation, *, brief: bool = False, document: bool = False, detail: bool = False, width: int | None = None
) -> str:
    """The page as text of at most ``width`` columns where its formulas can be broken (100 by default)."""
    rows = page_rows(page(derivation, TEXT, brief=brief, detail=detail), max(width or WIDTH, 40))
    return "\n".join("".join(text for text, _ in row).rstrip() for row in rows) + "\n"
