"""A page as lines of a given width: what the terminal and the plain text have in common.

A line is a row of spans, each a text and the role that a terminal may colour. Steps stand in columns: number, left side
aligned on ``=``, right side, reason, verdict. A formula too long for its column takes the whole width, is broken before
an operator, and its reason and verdict stand on the right below it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .box import Box, break_lines
from .page import Formula, Line, Page, Section

Span: TypeAlias = tuple[str, str]
Row: TypeAlias = tuple[Span, ...]

LABEL = 10
NUMBER = 4
VERDICT = 7
GAP = 3


@dataclass(frozen=True)
class _Columns:
    """Where the columns of a section stand: the place of ``=`` and the width of the reasons."""

    width: int
    equals: int
    reason: int

    @property
    def formula(self) -> int:
        """Room for the right side beside its reason and verdict."""
        return self.width - NUMBER - self.equals - 3 - GAP - self.reason - 2 - VERDICT


def page_rows(page: Page, width: int) -> Iterator[Row]:
    """The page, top to bottom."""
    yield ((page.id, "id"), ("   ", ""), (page.title, "title"))
    yield from _labelled("Given", (_given_rows(page, width)))
    yield from _labelled("Define", _formula_rows(page.definitions, width))
    for section in page.sections:
        yield ()
        yield from _section(section, width)
    yield ()
    yield from _labelled("Result", _formula_rows(page.results, width))
    for label, sentences in (("Note", page.conventions), ("Pitfalls", page.pitfalls), ("See", page.references)):
        yield from _labelled(label, _prose(sentences, width))
    yield from _labelled("Checked", [((page.verdicts, page.verdict.kind),)])


def _labelled(label: str, rows: Iterable[Row]) -> Iterator[Row]:
    for at, row in enumerate(rows):
        yield ((label.ljust(LABEL) if at == 0 else " " * LABEL, "label"), *row)


def _prose(sentences: Sequence[str], width: int) -> Iterator[Row]:
    for sentence in sentences:
        for at, line in enumerate(textwrap.wrap(sentence, max(width - LABEL - 2, 20))):
            yield (("  " if at else "", ""), (line, "prose"))


def _given_rows(page: Page, width: int) -> Iterator[Row]:
    widest = max((len(g.membership.text) for g in page.givens), default=0)
    for given in page.givens:
        room = max(width - LABEL - widest - GAP, 20)
        for at, words in enumerate(textwrap.wrap(given.words, room) or [""]):
            math = given.membership.text if at == 0 else ""
            yield ((math.ljust(widest if words else 0), "math"), (" " * GAP if words else "", ""), (words, "prose"))


def _formula_rows(formulas: Sequence[Formula], width: int) -> Iterator[Row]:
    """Matrix form and element form side by side where every pair has room, else one below the other."""
    room = width - LABEL
    matrices = [_matrix_text(f) for f in formulas]
    widest = max(map(len, matrices), default=0)
    elements = [f"{f.left} = {f.right}" for f in formulas]
    beside = widest and all(widest + GAP + len(e) <= room for e, m in zip(elements, matrices, strict=True) if m)
    for formula, matrix in zip(formulas, matrices, strict=True):
        if formula.words:
            yield ((f"{formula.left} ", "math"), (f"{formula.words} ", "prose"), (f"{formula.right} = {formula.matrix_right}", "math"))
            continue
        if matrix and beside:
            yield ((matrix.ljust(widest + GAP), "math"), (f"{formula.left} = {formula.right}", "second"))
        else:
            if matrix:
                assert formula.matrix_left is not None and formula.matrix_right is not None
                yield from _equation(formula.matrix_left.text, formula.matrix_right, room, "math")
            yield from _equation(formula.left.text, formula.right, room, "second" if matrix else "math", 2 if matrix else 0)
        if formula.in_output is not None:
            yield from _equation(" " * len(formula.left.text), formula.in_output, room, "math")


def _matrix_text(formula: Formula) -> str:
    return f"{formula.matrix_left} = {formula.matrix_right}" if formula.matrix_left is not None else ""


def _equation(left: str, right: Box, room: int, role: str, indent: int = 0) -> Iterator[Row]:
    lead = " " * indent + left + " = "
    hang = min(len(lead), 12)
    for at, text in enumerate(break_lines(right.chunks, len, room - len(lead), room - hang)):
        yield ((lead + text if at == 0 else " " * hang + text, role),)


def _section(section: Section, width: int) -> Iterator[Row]:
    if section.heading is not None:
        label = "Wanted" if section.wanted else "First"
        shape: Row = ((f", shape {section.shape}", "prose"),) if section.shape is not None else ()
        yield from _labelled(label, [((section.heading.text, "heading"), *shape)])
    if section.note:
        yield from _labelled("", _prose((section.note,), width))
    columns = _columns(section.lines, width)
    for line in section.lines:
        yield from _step(line, columns)


def _columns(lines: Sequence[Line], width: int) -> _Columns:
    cap = max(10, min(28, width // 4))
    lefts = [len(x.left.text) for x in lines if x.left is not None]
    fitting = [n for n in lefts if n <= cap]
    reasons = [min(len(x.rule), 34) for x in lines]
    return _Columns(width, max(fitting, default=min(cap, 6)), min(max(reasons, default=0), max(18, width // 3)))


def _step(line: Line, columns: _Columns) -> Iterator[Row]:
    role = "math" if line.depth == 0 else "detail"
    number = f"{line.number:>{NUMBER - 2}}  " if line.depth == 0 else f"{line.number:>{NUMBER}}  "
    indent = len(number)
    left = line.left.text if line.left is not None else ""
    if len(left) > columns.equals + (0 if line.depth == 0 else -2):
        chunks = line.left.chunks if line.left is not None else ()
        for at, text in enumerate(break_lines(chunks, len, columns.width - indent, columns.width - indent - 2)):
            yield ((number if at == 0 else " " * (indent + 2), "number"), (text, role))
        number, left = " " * indent, ""
    lead = left.ljust(columns.equals + NUMBER - indent) + " = "
    reasons = textwrap.wrap(line.rule, columns.reason) or [""]
    verdict: Span = (f"{line.verdict.kind:<{VERDICT}}".rstrip(), line.verdict.kind)
    room = columns.width - indent - len(lead)
    fits = len(line.right.text) <= columns.formula
    pieces = [line.right.text] if fits else break_lines(line.right.chunks, len, room, room)
    rows: list[list[Span]] = []
    for at, text in enumerate(pieces):
        start = number if at == 0 else " " * indent
        rows.append([(start, "number"), ((lead if at == 0 else " " * len(lead)) + text, role)])
    at = 0 if fits or len(pieces[-1]) > columns.formula else len(rows) - 1
    if not fits and len(pieces[-1]) > columns.formula:
        at = len(rows)
    for k, reason in enumerate(reasons):
        if at + k >= len(rows):
            rows.append([])
        row = rows[at + k]
        used = sum(len(t) for t, _ in row)
        column = columns.width - VERDICT - 2 - columns.reason
        row += [(" " * (column - used), ""), (reason, "reason")]
        if k == 0:
            row += [(" " * (columns.reason - len(reason) + 2), ""), verdict]
    yield from (tuple(row) for row in rows)
    if line.counterexample:
        for text in textwrap.wrap("because at " + line.counterexample, columns.width - indent - 2):
            yield ((" " * (indent + 2), ""), (text, "refuted"))
    elif line.verdict.kind == "open" and line.verdict.basis:
        for text in textwrap.wrap(line.verdict.basis, columns.width - indent - 2):
            yield ((" " * (indent + 2), ""), (text, "open"))
