"""Where text is read: the error that names the place, the source it points into, and what names mean there."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn

from sympy import Expr, S

from .arrays import ArrayExpr, ShapeError
from .tensors import Index, Tensor

if TYPE_CHECKING:
    from .shifts import Shifts

LONGEST_TEXT = 20_000
NOT_REAL = (S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity, S.ImaginaryUnit)


class ParseError(ValueError):
    """A text outside the grammar. ``problem`` says what was given, ``hint`` what was expected and what to type next."""

    def __init__(self, problem: str, hint: str = "", text: str = "", line: int = 1, column: int = 0) -> None:
        self.problem, self.hint, self.text, self.line, self.column = problem, hint, text, line, column
        shown, at = _around(text, column)
        place = f"line {line}: {shown}\n{' ' * (len(f'line {line}: ') + at)}^\n" if text else ""
        super().__init__(place + problem + (f"\n{hint}" if hint else ""))


def _around(text: str, column: int, width: int = 100) -> tuple[str, int]:
    """The part of a long line that is worth showing, and the column in it."""
    start = max(0, column - width // 2) if len(text) > width else 0
    return text[start : start + width], column - start


@dataclass(frozen=True)
class Source:
    """A piece of text and where it starts, for messages: ``first`` is the number of its first line."""

    text: str
    first: int = 1

    def fail(self, node: ast.AST | None, problem: str, hint: str = "") -> NoReturn:
        lines = self.text.splitlines() or [""]
        at = min(getattr(node, "lineno", 1), len(lines))
        line = lines[at - 1]
        column = len(line.encode()[: getattr(node, "col_offset", 0)].decode(errors="ignore"))
        raise ParseError(problem, hint, line, self.first + at - 1, column)

    def parse(self, mode: str) -> Any:
        """The syntax tree of the text."""
        if len(self.text) > LONGEST_TEXT:
            self.fail(None, f"the text has {len(self.text)} characters", f"At most {LONGEST_TEXT} are read at once.")
        try:
            return ast.parse(self.text, mode=mode)
        except SyntaxError as error:
            lines = self.text.splitlines() or [""]
            at = min(error.lineno or 1, len(lines))
            column = min((error.offset or 1) - 1, len(lines[at - 1]))
            hint = "Write formulas as in Python: * for products, ** for powers, balanced brackets."
            raise ParseError(error.msg, hint, lines[at - 1], self.first + at - 1, max(column, 0)) from None
        except (ValueError, MemoryError, RecursionError) as error:
            self.fail(None, f"the text cannot be read: {error or 'it is nested too deeply'}")


@dataclass(frozen=True)
class Scope:
    """What names mean: tensors by name, dimensions by name, indices by name.

    shapes: of arrays that have axes of length 1 in formulas, and none as tensors. shifts: takes a maximum over an axis,
    where one may be subtracted.
    """

    source: Source
    tensors: Mapping[str, Tensor]
    dims: Mapping[str, Expr]
    indices: Mapping[str, Index]
    nodes: Mapping[type[ast.AST], Callable[[Scope, Any], ArrayExpr]] = field(repr=False)
    shapes: Mapping[str, tuple[Expr, ...]] = field(default_factory=dict)
    shifts: Shifts | None = field(default=None, repr=False)

    def read(self, node: ast.expr) -> ArrayExpr:
        """The array that a syntax tree stands for."""
        reader = self.nodes.get(type(node))
        if reader is None:
            self.fail(node, f"{type(node).__name__} is not part of the grammar", GRAMMAR_HINT)
        try:
            value = reader(self, node)
        except ShapeError as error:
            self.fail(node, str(error))
        except RecursionError:
            self.fail(node, "the expression is nested too deeply")
        if value.body.is_number and value.body.has(*NOT_REAL):
            self.fail(node, f"this has no real value: {ast.unparse(node)}")
        return value

    def fail(self, node: ast.AST | None, problem: str, hint: str = "") -> NoReturn:
        self.source.fail(node, problem, hint)

    def unknown(self, node: ast.AST, kind: str, name: str, known: Sequence[str], also: str = "") -> NoReturn:
        close = get_close_matches(name, known, 1)
        listed = f"Known: {', '.join(sorted(set(known)))}." if known else "None is declared."
        guess = f" Did you mean {close[0]}?" if close else ""
        self.fail(node, f"{kind} {name} is not known here.{guess}", f"{listed} {also}".strip())


GRAMMAR_HINT = "An expression is made of + - * / ** @, numbers, names, X[i, j], functions, and sum(… for k in C)."
