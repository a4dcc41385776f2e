"""What a style of writing mathematics is: one table for each way of putting the same words on a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from .box import Box, enclose


@dataclass(frozen=True)
class Style:
    """The marks and constructions of a style; every construction gets finished boxes and returns one.

    name: a tensor's name with its index text (may be empty). fraction: over, under. power: base, exponent, and whether
    the base is a function applied in parentheses. derivative: order, numerator (may be empty), denominators, mark.
    """

    latex: bool
    minus: str
    times: str
    dot: str
    number_dot: str
    hadamard: str
    quotient: str
    transposed: str
    name: Callable[[str, frozenset[str], str], str]
    symbol: Callable[[str], str]
    indices: Callable[[Sequence[str]], str]
    parentheses: Callable[[int], tuple[str, str]]
    fraction: Callable[[Box, Box], Box]
    inline_fraction: Callable[[Box, Box], Box]
    power: Callable[[Box, Box], Box]
    root: Callable[[Box], Box]
    exponential: Callable[[Box, bool], Box | None]
    sum_over: Callable[[Sequence[str]], str]
    delta: Callable[[str], str]
    derivative: Callable[[int, Box | None, Sequence[Box], str], Box]
    cases: Callable[[Sequence[tuple[Box, Box]], Box], Box]
    primes: Callable[[str, int], str]
    functions: Mapping[str, str]
    operator: Callable[[str], str]
    relation: Mapping[str, str]
    words: Mapping[str, str]
    average: Mapping[str, str]
    measure: Callable[[str], float]

    def before(self, factor: Box) -> str:
        """What stands before a further factor of a product: a thin space more before an upright name."""
        upright = self.latex and factor.text.startswith(r"\mathrm{") and not factor.text.startswith(r"\mathrm{d}")
        return r" \thinspace " if upright else self.times

    def wrap(self, box: Box, at_least: int) -> Box:
        """The box, in parentheses where it binds less than its place asks for."""
        return box if box.binds >= at_least else self.enclosed(box)

    def bracketed(self, box: Box) -> Box:
        """The box in square brackets, as large as its parentheses would be."""
        left, right = (mark.replace("(", "[").replace(")", "]") for mark in self.parentheses(box.tall))
        return replace(enclose(box, left, right), tall=max(box.tall, min(box.tall + 1, 2)))

    def enclosed(self, box: Box) -> Box:
        return replace(enclose(box, *self.parentheses(box.tall)), tall=max(box.tall, min(box.tall + 1, 2)))
