"""Lines of C text, with the depth at which they stand."""

from __future__ import annotations


class Lines:
    """Writes the body of a C function."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 1

    def put(self, line: str) -> None:
        self.lines.append(line if line.startswith("#if") or line in ("#else", "#endif") else "    " * self.depth + line)

    def open(self, line: str) -> None:
        self.put(line)
        self.depth += 1

    def close(self) -> None:
        self.depth -= 1
        self.put("}")
