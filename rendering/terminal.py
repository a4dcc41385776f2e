"""A derivation in the terminal; rich decides about colour, so pipes and NO_COLOR are respected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..calculus.derivation import Derivation
from .lines import Row, page_rows
from .options import PLAIN, Options
from .page import page
from .text_style import TEXT

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

WIDEST = 120
COLOURS = {
    "id": "bold cyan", "title": "bold", "label": "bold", "heading": "bold", "math": "", "second": "dim",
    "detail": "dim", "number": "dim", "reason": "italic", "proved": "green", "refuted": "bold red",
    "open": "yellow", "prose": "",
}  # fmt: skip
_SUBSCRIPT = re.compile(r"(?<=\w)_(?:\{[^}]*\}|\w+)")


class Renderable:
    """Something rich can print: it is laid out when the width is known."""

    def __init__(self, derivation: Derivation, options: Options = PLAIN) -> None:
        self.page = page(derivation, TEXT, brief=options.brief, detail=options.detail)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        for row in page_rows(self.page, max(min(options.max_width, WIDEST), 40)):
            yield _text(row)


def _text(row: Row) -> Text:
    from rich.text import Text

    line = Text(no_wrap=True, overflow="ignore")
    for text, role in row:
        start = len(line)
        line.append(text, COLOURS.get(role, ""))
        if role in ("math", "heading"):
            for match in _SUBSCRIPT.finditer(text):
                line.stylize("cyan", start + match.start(), start + match.end())
    return line


def renderable(derivation: Derivation, *, brief: bool = False, detail: bool = False) -> Renderable:
    """What to hand to ``rich.console.Console().print``."""
    return Renderable(derivation, Options(brief=brief, detail=detail))


def render(derivation: Derivation, options: Options = PLAIN) -> str:
    """What a terminal of that width shows, with colour codes only where standard output is a terminal."""
    from rich.console import Console

    console = Console(width=options.width, soft_wrap=True, highlight=False)
    with console.capture() as capture:
        console.print(Renderable(derivation, options))
    return capture.get()
