"""How wide a piece of LaTeX will be, in points at 11 pt: near enough to decide where a line has to be broken."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\\[a-zA-Z]+\*?|\\.|[{}_^&]|.", re.DOTALL)
_WIDE = {
    r"\sum": 16.0, r"\partial": 6.2, r"\Bigl": 2.0, r"\Bigr": 2.0, r"\bigl": 1.0, r"\bigr": 1.0, r"\biggl": 3.5,
    r"\biggr": 3.5, r"\odot": 13.4, r"\oslash": 13.4, r"\cdot": 8.0, r"\times": 13.4, r"\in": 12.5, r"\quad": 11.0,
    r"\qquad": 22.0, r"\,": 1.8, r"\!": -1.8, r"\;": 3.0, r"\ ": 3.6, r"\log": 15.5, r"\exp": 18.0, r"\tanh": 24.0,
    r"\sinh": 22.0, r"\cosh": 22.0, r"\sin": 15.0, r"\cos": 16.0, r"\arctan": 32.0, r"\top": 8.0, r"\checkmark": 9.0,
    r"\langle": 4.5, r"\rangle": 4.5, r"\lVert": 5.5, r"\rVert": 5.5, r"\lvert": 3.0, r"\rvert": 3.0, r"\to": 15.0,
}  # fmt: skip
_SILENT = frozenset(
    rf"\{name}" for name in "mathrm mathit mathbf mathbb text displaystyle left right hat tilde bar".split()
)
_CHARS = {
    "=": 14.5, "+": 13.4, "-": 13.4, "(": 4.3, ")": 4.3, "[": 3.2, "]": 3.2, ",": 4.5, ">": 14.5, "<": 14.5, "/": 5.5,
    "|": 3.1,
}  # fmt: skip


def latex_width(text: str) -> float:
    tokens = _TOKEN.findall(text)
    width, _ = _run(tokens, 0)
    return width


def _run(tokens: list[str], at: int) -> tuple[float, int]:
    """Width up to the closing brace of the group that starts at ``at``."""
    total = 0.0
    while at < len(tokens) and tokens[at] != "}":
        width, at = _one(tokens, at)
        total += width
    return total, at + 1


def _one(tokens: list[str], at: int) -> tuple[float, int]:
    token = tokens[at]
    if token == "{":
        return _run(tokens, at + 1)
    if token in ("_", "^"):
        width, after = _one(tokens, at + 1) if at + 1 < len(tokens) else (0.0, at + 1)
        return 0.74 * width + 0.5, after
    if token == r"\frac":
        over, middle = _one(tokens, at + 1)
        under, after = _one(tokens, middle)
        return max(over, under) + 2.6, after
    if token == r"\sqrt":
        width, after = _one(tokens, at + 1)
        return width + 9.2, after
    if token in (r"\begin", r"\end"):
        _, after = _one(tokens, at + 1)
        return 8.0, after
    if token == r"\text":
        return _text(tokens, at + 1)
    if token in _SILENT or token in (" ", "&", "\n"):
        return 0.0, at + 1
    if token.startswith("\\"):
        return _WIDE.get(token, 6.5), at + 1
    return _CHARS.get(token, 5.6 if token.islower() else 7.8 if token.isupper() else 5.5), at + 1


def _text(tokens: list[str], at: int) -> tuple[float, int]:
    total = 0.0
    at += 1
    while at < len(tokens) and tokens[at] != "}":
        total += 3.65 if tokens[at] == " " else 5.4 if len(tokens[at]) == 1 else 6.0
        at += 1
    return total, at + 1
