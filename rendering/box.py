"""A piece of typeset mathematics: its text, cut where a line may be broken, and how tightly it binds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

#: How tightly an expression binds; parentheses go around what binds less than its place asks for.
SUM, PRODUCT, PREFIX, POWER, ATOM = range(5)


@dataclass(frozen=True)
class Box:
    """``chunks`` joined are the text; a line may be broken before every chunk but the first.

    tall: 0 for one line of text, 1 with scripts on both levels, 2 for fractions and sums, more for nested ones: the
    size of the parentheses.
    """

    chunks: tuple[str, ...]
    binds: int = ATOM
    tall: int = 0

    @property
    def text(self) -> str:
        return "".join(self.chunks)

    def __str__(self) -> str:
        return self.text

    def solid(self) -> Box:
        """The same without break points."""
        return replace(self, chunks=(self.text,))


def atom(text: str, tall: int = 0) -> Box:
    return Box((text,), ATOM, tall)


def join(parts: list[str | Box], binds: int, breaks: bool = True) -> Box:
    """Boxes and the strings between them in one box; a string starting with a break mark ``\\n`` may start a line."""
    chunks: list[str] = [""]
    tall = 0
    for part in parts:
        if isinstance(part, str):
            if part.startswith("\n") and breaks:
                chunks.append(part[1:])
            else:
                chunks[-1] += part.removeprefix("\n")
        else:
            chunks[-1] += part.chunks[0]
            chunks.extend(part.chunks[1:])
            tall = max(tall, part.tall)
    return Box(tuple(chunks), binds, tall)


def break_lines(chunks: tuple[str, ...], measure: Callable[[str], float], first: float, rest: float) -> list[str]:
    """Chunks gathered into lines no wider than asked (a chunk wider than that stands alone)."""
    lines: list[str] = []
    line = ""
    for chunk in chunks:
        room = rest if lines else first
        if line and measure((line + chunk).strip()) > room:
            lines.append(line)
            line = chunk.lstrip()
        else:
            line += chunk
    return [*lines, line]
