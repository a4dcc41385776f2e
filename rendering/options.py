"""What a reader may ask of a page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """brief: givens, definitions and results only. document: a whole file (LaTeX). detail: also the rewriting steps
    that one line joins. width: columns of text.
    """

    brief: bool = False
    document: bool = False
    detail: bool = False
    width: int | None = None


PLAIN = Options()
