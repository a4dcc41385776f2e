"""Lines of a generated function, taken apart."""

from __future__ import annotations

from dataclasses import dataclass

#: What begins a line of an ``if`` statement.
BRANCHING = ("if", "else")


@dataclass(frozen=True)
class Line:
    """``target op text``: op is ``=``, ``+=`` and so on, ``return``, ``if``, ``else``, or empty for a call alone.

    depth: the blanks before it, of a line inside an ``if`` statement. text: an expression, whatever the op.
    """

    target: str
    op: str
    text: str
    depth: str = ""

    def __str__(self) -> str:
        if self.op == "else":
            return f"{self.depth}else:"
        if self.op == "if":
            return f"{self.depth}if {self.text}:"
        if self.op == "return":
            return f"{self.depth}return {self.text}"
        return f"{self.depth}{self.target} {self.op} {self.text}" if self.op else f"{self.depth}{self.text}"

    @property
    def is_plain(self) -> bool:
        """Whether it is always executed, and is no part of an ``if`` statement."""
        return not self.depth and self.op not in BRANCHING


def parsed(line: str) -> Line:
    inner = line.lstrip(" ")
    depth = line[: len(line) - len(inner)]
    if inner.startswith("return "):
        return Line("", "return", inner.removeprefix("return "), depth)
    if inner == "else:":
        return Line("", "else", "None", depth)
    if inner.startswith("if ") and inner.endswith(":"):
        return Line("", "if", inner.removeprefix("if ").removesuffix(":"), depth)
    target, equals, text = inner.partition(" = ")
    if not equals:
        return Line("", "", inner, depth)
    return Line(target, "=", text, depth)
