r"""A derivation as LaTeX: ``align*`` blocks with the reasons in a column of their own.

A fragment needs amsmath, amssymb and bm; ``document`` is a whole file. Lines are broken before an operator so that
nothing runs over the margin of a page with ``TEXT_WIDTH`` points.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from ..calculus.derivation import Derivation
from .box import Box, break_lines
from .latex_prose import math_words, prose
from .latex_style import LATEX
from .latex_width import latex_width
from .options import PLAIN, Options
from .page import Assumed, Formula, Line, Page, page

TEXT_WIDTH = 470.0
REASONS = (44, 34, 26)
COLUMN_GAP = 26.0
_MARKS = {"proved": r"\checkmark", "refuted": r"\text{refuted}", "open": r"\text{open}"}

_DOCUMENT = r"""\documentclass[11pt]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb,bm}
\usepackage[a4paper,margin=2cm]{geometry}
\allowdisplaybreaks
% A heading does not stay alone at the foot of a page.
\renewcommand{\medskip}{\par\vskip 0pt plus 5\baselineskip\penalty-100
  \vskip 0pt plus -5\baselineskip\vskip\medskipamount}
\setlength{\parindent}{0pt}
\setlength{\emergencystretch}{3em}
\begin{document}
"""


def render(derivation: Derivation, options: Options = PLAIN) -> str:
    """A fragment for a larger text, or with ``document`` a file that compiles as it is."""
    written = page(derivation, LATEX, brief=options.brief, detail=options.detail)
    body = "\n".join(_page(written)) + "\n"
    return f"{_DOCUMENT}{body}\\end{{document}}\n" if options.document else body


def _page(page: Page) -> Iterator[str]:
    yield rf"{{\Large\bfseries {prose(page.title)}}}\hfill\texttt{{{prose(page.id)}}}\par"
    yield from _block("Given", align(given_rows(page)))
    noted = [rf"\item \({f.noted}\): {prose(f.note)}" for f in page.definitions if f.note]
    listed = [r"\begin{itemize}", *noted, r"\end{itemize}"] if noted else []
    yield from _block("Define", [*align(formula_rows(page.definitions)), *listed])
    if page.assumptions:
        yield from _block("Assume", align(assumed_rows(page.assumptions)))
    for section in page.sections:
        if section.heading is not None:
            shape = rf", shape \({section.shape}\)" if section.shape is not None else ""
            title = prose(section.title)
            heading = "" if section.says_it_in_a_line else rf"\(\displaystyle {section.heading}\){shape}"
            said = ": ".join(filter(None, (title, heading)))
            yield rf"\medskip\noindent\textbf{{{section.label}}}" + (f" {said}" if said else "")
        if section.note:
            yield rf". {prose(section.note)}"
        yield from align(step_rows(section.lines, TEXT_WIDTH))
        for line in section.lines:
            if line.counterexample:
                yield rf"\noindent Step {line.number} is refuted: at {prose(str(line.counterexample))}.\par"
    yield from _block("Result", align(formula_rows(page.results)))
    for label, sentences in page.notes:
        if sentences:
            yield from _block(label, [r"\begin{itemize}", *(rf"\item {prose(s)}" for s in sentences), r"\end{itemize}"])
    yield rf"\medskip\noindent\textbf{{Checked}} {prose(page.verdicts)}.\par"


def _block(label: str, lines: Iterable[str]) -> Iterator[str]:
    yield rf"\medskip\noindent\textbf{{{label}}}"
    yield from lines


def align(rows: Iterable[str]) -> list[str]:
    """An ``align*`` block."""
    lines = list(rows)
    return (
        [r"\begin{align*}", *(row + r" \\[3pt]" for row in lines[:-1]), *lines[-1:], r"\end{align*}"] if lines else []
    )


def given_rows(page: Page) -> Iterator[str]:
    """``Z &\\in R^{n x C} && logits``, long words on further rows."""
    widest = max((latex_width(g.membership.text) for g in page.declared), default=0.0)
    columns = int((TEXT_WIDTH - widest - COLUMN_GAP) / 5.4)
    for given in page.declared:
        first, *more = textwrap.wrap(given.words, columns) or [""]
        math = given.membership.text.replace(r" \in ", r" &\in ", 1)
        math = math if "&" in math else math.replace(" = ", r" &= ", 1)
        math = math if "&" in math else math.replace(": ", r" &\colon ", 1)
        yield math + (f" && {math_words(first)}" if first else "")
        yield from (f" & && {math_words(words)}" for words in more)


def assumed_rows(assumptions: Sequence[Assumed]) -> Iterator[str]:
    """``left &\\leq right && (smooth) words``, the words on a row of their own where a formula is long."""
    texts = [rf"\text{{({prose(a.name)})}}" + (rf"\ {math_words(a.words)}" if a.words else "") for a in assumptions]
    rows = [list(_equation(a.formula.left.text, a.formula.right, a.formula.relation)) for a in assumptions]
    widths = [max(map(latex_width, column), default=0.0) for column in (chain(*rows), texts)]
    beside = sum(widths) + COLUMN_GAP <= TEXT_WIDTH
    for own, text in zip(rows, texts, strict=True):
        yield from own[:-1]
        yield from (f"{own[-1]} && {text}",) if beside else (own[-1], rf"&\qquad {text}")


def formula_rows(formulas: Sequence[Formula]) -> Iterator[str]:
    """Matrix form, element form and form in the output, one below the other."""
    pairs = _side_by_side(formulas)
    for formula in formulas:
        if formula.words:
            start = "& & " if pairs else ""
            yield rf"{start}{formula.left} & \text{{ {formula.words} }} {formula.right} = {formula.matrix_right}"
            continue
        if pairs:
            matrix = "&" if formula.matrix_left is None else f"{formula.matrix_left} &= {formula.matrix_right}"
            yield f"{matrix} & {formula.left} {_aligned(formula.relation)} {formula.right}"
            if formula.in_output is not None:
                yield f"& & &= {formula.in_output}"
            continue
        if formula.matrix_left is not None and formula.matrix_right is not None:
            yield from _equation(formula.matrix_left.text, formula.matrix_right)
        yield from _equation(formula.left.text, formula.right, formula.relation)
        if formula.in_output is not None:
            yield from _equation("", formula.in_output)


def _side_by_side(formulas: Sequence[Formula]) -> bool:
    """True where the matrix forms and the element forms have room in two columns."""
    matrices = [f"{f.matrix_left} = {f.matrix_right}" for f in formulas if f.matrix_left is not None and not f.words]
    elements = [f"{f.left}{f.relation}{f.in_output or f.right}" for f in formulas if not f.words]
    widest = [max(map(latex_width, texts), default=0.0) for texts in (matrices, elements)]
    return bool(matrices) and sum(widest) + 3 * COLUMN_GAP <= TEXT_WIDTH


def _equation(left: str, right: Box, relation: str = " = ") -> Iterator[str]:
    room = TEXT_WIDTH - latex_width(left) - 20
    for at, text in enumerate(broken(right, room)):
        yield f"{left} {_aligned(relation)} {text}" if at == 0 else rf"&\qquad {text}"


def _aligned(relation: str) -> str:
    """A sign that the rows of a block share a column at."""
    return "&" + relation.strip()


def broken(box: Box, room: float) -> list[str]:
    r"""The box in rows; a row that goes on with an operator starts with ``{}`` so that it is spaced as one."""
    first, *rest = break_lines(box, latex_width, room, room - 36)
    signs = ("+", "-", r"\odot", r"\oslash", r"\cdot")
    return [first, *(("{}" if text.startswith(signs) else r"{} \cdot ") + text for text in rest)]


def step_rows(lines: Sequence[Line], width: float) -> list[str]:
    """``left &= right && reason``; the reason stands on the last row of a long formula, or on a row of its own."""
    return min((_steps(lines, width, columns) for columns in REASONS), key=len)


def _steps(lines: Sequence[Line], width: float, columns: int) -> list[str]:
    cap = 0.3 * width
    lefts = [latex_width(x.left.text) for x in lines if x.left is not None]
    widest = max((w for w in lefts if w <= cap), default=20.0)
    reasons = [_reason(x, columns) for x in lines]
    reason = max((latex_width(r) for rs in reasons for r in rs), default=0.0) + COLUMN_GAP / 2
    whole = width - widest - 16
    rows = [_rows(line, widest, whole, whole - reason - COLUMN_GAP) for line in lines]
    # A row wider than that pushes the column of reasons off the page: then the reasons stand below the formulas.
    beside = all(latex_width(row.replace("&", "")) <= widest + whole - reason for row in chain(*rows))
    return [row for line_rows, words in zip(rows, reasons, strict=True) for row in _with(line_rows, words, beside)]


def _reason(line: Line, columns: int) -> list[str]:
    first, *more = map(math_words, textwrap.wrap(f"({line.number}) {line.rule}", columns))
    return [f"{first} && {_MARKS[line.verdict.kind]}", *more]


def _rows(line: Line, widest: float, whole: float, beside: float) -> list[str]:
    """The formula of a step, broken so that its reason has room beside the last row, if it can be."""
    rows: list[str] = []
    left = line.left.text if line.left is not None else ""
    if line.left is not None and latex_width(left) > widest + 1:
        parts = [left] if latex_width(left) <= beside else broken(line.left, beside)
        rows += [f"& {p}" if at == 0 else rf"&\qquad {p}" for at, p in enumerate(parts)]
        left = ""
    pieces = [line.right.text] if latex_width(line.right.text) <= beside else broken(line.right, beside)
    if any(latex_width(p) > beside for p in pieces):
        pieces = broken(line.right, whole)
    sign = _aligned(line.relation)
    return rows + [f"{left} {sign} {p}" if at == 0 else rf"&\qquad {p}" for at, p in enumerate(pieces)]


def _with(rows: list[str], words: list[str], beside: bool) -> Iterator[str]:
    """The rows of a step with its reason: in a column of its own, from the last row on, or in rows below."""
    if beside:
        yield from rows[:-1]
        yield from (f"{row} && {text}" for row, text in zip([rows[-1], *["&"] * (len(words) - 1)], words, strict=True))
    else:
        yield from rows
        yield from (rf"&\qquad {text.replace('&&', chr(92) + 'quad')}" for text in words)
