"""From a derivation to a page: one file for each format."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..calculus.derivation import Derivation

FORMATS = ("terminal", "text", "latex", "markdown", "json")


class UnknownFormat(ValueError):
    """A format that does not exist; the message names those that do."""


def render(
    derivation: Derivation,
    format: str = "text",
    *,
    brief: bool = False,
    document: bool = False,
    detail: bool = False,
    width: int | None = None,
) -> str:
    """The derivation in a format: terminal, text, latex, markdown or json.

    brief: givens, definitions and results only. document: a whole file (LaTeX). detail: also the rewriting steps that
    one line joins. width: columns, for terminal and text. **Raises** UnknownFormat.
    """
    if format not in FORMATS:
        raise UnknownFormat(f"there is no format {format!r}; the formats are {', '.join(FORMATS)}")
    from .options import Options

    module = import_module(f".{format}", __name__)
    text: str = module.render(derivation, Options(brief, document, detail, width))
    return text
