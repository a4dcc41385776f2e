"""A piece of typeset mathematics: its text, cut where a line may be broken, and how tightly it binds."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

#: How tightly an expression binds; parentheses go around what binds less than its place asks for.
SUM, PRODUCT, PREFIX, POWER, ATOM = range(5)


@dataclass(frozen=True)
class Box:
    """``chunks`` joined are the text; a line may be broken before every chunk but the first.

    levels: how deep inside the formula each of these breaks lies; a shallow one is better. tall: 0 for one line, 2 for
    fractions and sums, more for nested ones: the size of the parentheses. derivative: a quotient of differentials.
    """

    chunks: tuple[str, ...]
    binds: int = ATOM
    tall: int = 0
    levels: tuple[int, ...] = ()
    derivative: bool = False

    @property
    def text(self) -> str:
        return "".join(self.chunks)

    def __str__(self) -> str:
        return self.text

    def depth(self, at: int) -> int:
        """Level of the break before a chunk."""
        return self.levels[at] if at < len(self.levels) else 0

    def solid(self) -> Box:
        """The same without break points."""
        return replace(self, chunks=(self.text,), levels=())


def atom(text: str, tall: int = 0) -> Box:
    return Box((text,), ATOM, tall)


def join(parts: list[str | Box], binds: int) -> Box:
    """Boxes and strings in one box; before a string that starts with a newline a line may be broken."""
    chunks: list[str] = [""]
    levels: list[int] = [0]
    tall = 0
    deeper = int(sum(1 for p in parts if not isinstance(p, str)) > 1)
    for part in parts:
        if not isinstance(part, str):
            chunks[-1] += part.chunks[0]
            chunks.extend(part.chunks[1:])
            levels.extend(part.depth(at) + deeper for at in range(1, len(part.chunks)))
            tall = max(tall, part.tall)
        elif part.startswith("\n"):
            chunks.append(part[1:])
            levels.append(0)
        else:
            chunks[-1] += part
    return Box(tuple(chunks), binds, tall, tuple(levels))


def enclose(box: Box, left: str, right: str) -> Box:
    """The box between brackets, its breaks one level deeper."""
    first, *rest = box.chunks
    chunks = [left + first, *rest]
    chunks[-1] += right
    levels = tuple(box.depth(at) + 1 for at in range(len(chunks)))
    return Box(tuple(chunks), ATOM, box.tall, levels)


def break_lines(box: Box, measure: Callable[[str], float], first: float, rest: float) -> list[str]:
    """The box in lines no wider than asked where that is possible: few lines, broken at shallow places."""
    widths = [measure(c) for c in box.chunks]
    if len(widths) == 1 or sum(widths) <= first:
        return [box.text]
    floor = min((box.depth(at) for at in range(1, len(widths))), default=0)
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(widths) + 1):
        options = []
        for start in range(end):
            excess = sum(widths[start:end]) - (first if start == 0 else rest)
            cost = best[start][0] + 10 + (1000 + 20 * excess if excess > 0 else 0)
            options.append((cost + (12 * (box.depth(start) - floor) if start else 0), start))
        best.append(min(options))
    cuts = [len(widths)]
    while cuts[-1]:
        cuts.append(best[cuts[-1]][1])
    cuts.reverse()
    return ["".join(box.chunks[a:b]).strip() for a, b in itertools.pairwise(cuts)]
