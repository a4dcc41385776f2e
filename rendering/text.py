"""A derivation as plain text."""

from __future__ import annotations

from ..calculus.derivation import Derivation
from .lines import page_rows
from .options import PLAIN, Options
from .page import page
from .text_style import TEXT

WIDTH = 100


def render(derivation: Derivation, options: Options = PLAIN) -> str:
    """The page as text of at most ``width`` columns where its formulas can be broken (100 by default)."""
    rows = page_rows(
        page(derivation, TEXT, brief=options.brief, detail=options.detail), max(options.width or WIDTH, 40)
    )
    return "\n".join("".join(text for text, _ in row).rstrip() for row in rows) + "\n"
