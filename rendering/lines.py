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
from .page import Assumed, Formula, Line, Page, Section
from .width import columns, padded

Span: TypeAlias = tuple[str, str]
Row: TypeAlias = tuple[Span, ...]

LABEL = 10
NUMBER = 4
VERDICT = 7
GAP = 3


@dataclass(frozen=True)
class _Columns:
    """Where the columns of a section stand: the width of the numbers, the place of ``=``, the width of the reasons."""

    width: int
    equals: int
    reason: int
    number: int

    @property
    def reason_start(self) -> int:
        """Where the reasons begin."""
        return self.width - VERDICT - 2 - self.reason


def page_rows(page: Page, width: int) -> Iterator[Row]:
    """The page, top to bottom."""
    yield ((page.id, "id"), ("   ", ""), (page.title, "title"))
    yield from _labelled("Given", (_given_rows(page, width)))
    yield from _labelled("Define", _formula_rows(page.definitions, width))
    yield from _labelled("Assume", _assumed_rows(page.assumptions, width))
    digits = max((len(line.number) for s in page.sections for line in s.lines if line.depth == 0), default=0)
    before: Section | None = None
    for section in page.sections:
        # Statements of one line without a title stand one below the other.
        if before is None or section.title or not (section.says_it_in_a_line and before.says_it_in_a_line):
            yield ()
        before = section
        yield from _section(section, width, digits)
    yield ()
    yield from _labelled("Result", _formula_rows(page.results, width))
    for label, sentences in zip(("Note", "Pitfalls", "See"), page.notes, strict=True):
        yield from _labelled(label, _prose(sentences[1], width))
    yield from _labelled("Checked", [((page.verdicts, page.verdict.kind),)])


def _labelled(label: str, rows: Iterable[Row]) -> Iterator[Row]:
    for at, row in enumerate(rows):
        yield ((label.ljust(LABEL) if at == 0 else " " * LABEL, "label"), *row)


def _prose(sentences: Sequence[str], width: int) -> Iterator[Row]:
    for sentence in sentences:
        for at, line in enumerate(textwrap.wrap(sentence, max(width - LABEL - 2, 20))):
            yield (("  " if at else "", ""), (line, "prose"))


def _given_rows(page: Page, width: int) -> Iterator[Row]:
    widest = max((columns(g.membership.text) for g in page.declared), default=0)
    for given in page.declared:
        room = max(width - LABEL - widest - GAP, 20)
        for at, words in enumerate(textwrap.wrap(given.words, room) or [""]):
            math = given.membership.text if at == 0 else ""
            yield ((padded(math, widest if words else 0), "math"), (" " * GAP if words else "", ""), (words, "prose"))


def _assumed_rows(assumptions: Sequence[Assumed], width: int) -> Iterator[Row]:
    """``smooth: f1 ≤ f0 + …``, and the words beside it or, where there is no room, below."""
    for assumed in assumptions:
        formula = assumed.formula
        rows = list(_equation(formula.left.text, formula.right, width - LABEL - len(assumed.name) - 2, "math", formula))
        used = sum(columns(text) for text, _ in rows[-1]) + len(assumed.name) + 2
        beside = len(rows) == 1 and used + GAP + len(assumed.words) <= width - LABEL
        for at, row in enumerate(rows):
            lead: Span = (f"{assumed.name}: ", "label") if at == 0 else (" " * (len(assumed.name) + 2), "")
            yield (lead, *row, *(((" " * GAP, ""), (assumed.words, "prose")) if beside and assumed.words else ()))
        if assumed.words and not beside:
            for text in textwrap.wrap(assumed.words, max(width - LABEL - 2, 20)):
                yield (("  ", ""), (text, "prose"))


def _formula_rows(formulas: Sequence[Formula], width: int) -> Iterator[Row]:
    """Matrix form and element form side by side where every pair has room, else one below the other."""
    room = width - LABEL
    matrices = [_matrix_text(f) for f in formulas]
    pairs = [(columns(m), columns(f"{f.left} = {f.right}")) for f, m in zip(formulas, matrices, strict=True) if m]
    fitting = [m for m, e in pairs if m + GAP + e <= room]
    widest = max(fitting, key=lambda c: (sum(m <= c and c + GAP + e <= room for m, e in pairs), c), default=0)
    for formula, matrix in zip(formulas, matrices, strict=True):
        yield from _with_note(list(_one_formula(formula, matrix, widest, room)), formula.note, room)


def _one_formula(formula: Formula, matrix: str, widest: int, room: int) -> Iterator[Row]:
    if formula.words:
        yield (
            (f"{formula.left} ", "math"),
            (f"{formula.words} ", "prose"),
            (f"{formula.right} = {formula.matrix_right}", "math"),
        )
        return
    element = f"{formula.left}{formula.relation}{formula.right}"
    role = "second" if matrix else "math"
    if matrix and columns(matrix) <= widest and widest + GAP + columns(element) <= room:
        yield ((padded(matrix, widest + GAP), "math"), (element, role))
    else:
        if matrix:
            assert formula.matrix_left is not None and formula.matrix_right is not None
            yield from _equation(formula.matrix_left.text, formula.matrix_right, room, "math", formula)
        yield from _equation(formula.left.text, formula.right, room, role, formula, 2 if matrix else 0)
    if formula.in_output is not None:
        yield from _equation(" " * columns(formula.left.text), formula.in_output, room, "math", formula)


def _with_note(rows: list[Row], note: str, room: int) -> Iterator[Row]:
    """The rows of a formula, and what it is in words beside the last or, where there is no room, below."""
    used = sum(columns(text) for text, _ in rows[-1])
    if note and used + GAP + columns(note) <= room:
        rows[-1] = (*rows[-1], (" " * GAP, ""), (note, "prose"))
        note = ""
    yield from rows
    for text in textwrap.wrap(note, room - 2):
        yield (("  ", ""), (text, "prose"))


def _matrix_text(formula: Formula) -> str:
    return f"{formula.matrix_left} = {formula.matrix_right}" if formula.matrix_left is not None else ""


def _equation(left: str, right: Box, room: int, role: str, formula: Formula, indent: int = 0) -> Iterator[Row]:
    lead = " " * indent + left + formula.relation
    hang = min(columns(lead), 12)
    for at, text in enumerate(_broken(right, room - columns(lead), room - hang)):
        yield ((lead + text if at == 0 else " " * hang + text, role),)


def _broken(box: Box, first: int, rest: int) -> list[str]:
    """The box in lines; where a product goes on in the next line a dot says so."""
    lines = break_lines(box, columns, first, rest - 2)
    return [
        f"· {text}" if at and text[0] not in "+−⊙⊘/·" and lines[at - 1][-1] != ";" else text
        for at, text in enumerate(lines)
    ]


def _section(section: Section, width: int, digits: int) -> Iterator[Row]:
    if section.heading is not None:
        shape: Row = ((f", shape {section.shape}", "prose"),) if section.shape is not None else ()
        if section.title or section.says_it_in_a_line:
            yield from _labelled(section.label, _prose((section.title,) if section.title else (), width))
            if not section.says_it_in_a_line:
                yield from _labelled("", _heading_rows(section.heading, width))
        else:
            rows = list(_heading_rows(section.heading, width))
            yield from _labelled(section.label, [*rows[:-1], (*rows[-1], *shape)])
    if section.note:
        yield from _labelled("", _prose((section.note,), width))
    layout = _columns(section.lines, width, digits)
    for line in section.lines:
        yield from _step(line, layout)


def _heading_rows(heading: Box, width: int) -> Iterator[Row]:
    for text in break_lines(heading, columns, width - LABEL, width - LABEL):
        yield ((text, "heading"),)


def _columns(lines: Sequence[Line], width: int, digits: int) -> _Columns:
    """The narrowest column of reasons that costs no row: more room for the formulas."""
    cap = max(10, min(28, width // 4))
    number = max(NUMBER, digits + GAP - 1)
    lefts = [columns(x.left.text) + len(_number(x, number)) - number for x in lines if x.left is not None]
    equals = max((n for n in lefts if n <= cap), default=min(cap, 6))
    longest = max((len(x.rule) for x in lines), default=0)
    tries = [
        _Columns(width, equals, reason, number) for reason in range(min(12, longest), min(longest, width // 3) + 1)
    ]
    return min(
        tries,
        key=lambda c: (sum(len(_body(x, c)) for x in lines), -c.reason),
        default=_Columns(width, equals, 12, number),
    )


def _step(line: Line, layout: _Columns) -> Iterator[Row]:
    yield from _body(line, layout)
    indent = len(_number(line, layout.number))
    if line.counterexample:
        for text in textwrap.wrap(f"because at {line.counterexample}", layout.width - indent - 2):
            yield ((" " * (indent + 2), ""), (text, "refuted"))
    elif line.verdict.kind == "open" and line.verdict.basis:
        for text in textwrap.wrap(line.verdict.basis, layout.width - indent - 2):
            yield ((" " * (indent + 2), ""), (text, "open"))


def _number(line: Line, width: int) -> str:
    return f"{line.number:>{width - 2}}  " if line.depth == 0 else f"{line.number:>{width}}  "


def _body(line: Line, layout: _Columns) -> list[Row]:
    """The rows of a step: its formula with the reason beside the last row that leaves room, or below."""
    role = "math" if line.depth == 0 else "detail"
    start = _number(line, layout.number)
    indent = len(start)
    left = line.left.text if line.left is not None else ""
    rows: list[list[Span]] = []
    if line.left is not None and columns(left) > layout.equals - (indent - layout.number):
        for text in break_lines(line.left, columns, layout.width - indent, layout.width - indent):
            rows.append([(start, "number"), (text, role)])
            start = " " * indent
        left = ""
    lead = padded(left, layout.equals + layout.number - indent) + line.relation
    room = layout.width - indent - columns(lead)
    beside = layout.reason_start - GAP - indent - columns(lead)
    reasons = textwrap.wrap(line.rule, max(layout.reason, 8)) or [""]
    if columns(line.right.text) <= room - GAP - len(line.rule) - 2 - VERDICT:
        reasons = [line.rule]
    pieces = _broken(line.right, room, room)
    first = len(rows)
    for text in pieces:
        rows.append([(start, "number"), (lead + text, role)])
        start, lead = " " * indent, " " * columns(lead)
    at = first if len(pieces) == 1 else len(rows) - 1
    widest = max(map(len, reasons))
    if columns(pieces[-1]) > max(beside, room - GAP - widest - 2 - VERDICT):
        at = len(rows)
    for k, reason in enumerate(reasons):
        if at + k >= len(rows):
            rows.append([])
        row = rows[at + k]
        used = sum(columns(t) for t, _ in row)
        column = min(max(layout.reason_start, used + GAP if row else 0), layout.width - VERDICT - 2 - widest)
        row += [(" " * (column - used), ""), (reason, "reason")]
        if k == 0:
            gap = layout.width - VERDICT - column - len(reason)
            row += [(" " * gap, ""), (line.verdict.kind, line.verdict.kind)]
    return [tuple(row) for row in rows]
