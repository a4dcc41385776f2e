"""How many columns a text takes: an accent that combines with the letter before it takes none."""

from __future__ import annotations

from unicodedata import combining


def columns(text: str) -> int:
    return len(text) if text.isascii() else sum(not combining(c) for c in text)


def padded(text: str, width: int) -> str:
    """The text with spaces up to a width."""
    return text + " " * (width - columns(text))
