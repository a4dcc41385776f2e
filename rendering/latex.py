r"""A derivation as LaTeX: ``align*`` blocks with the reasons in a column of their own.

A fragment needs amsmath, amssymb and bm; ``document`` is a whole file. Lines are broken before an operator so that
nothing runs over the margin of a page with ``TEXT_WIDTH`` points.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

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
    yield from _block("Define", align(formula_rows(page.definitions)))
    if page.assumptions:
        yield from _block("Assume", align(assumed_rows(page.assumptions)))
    for section in page.sections:
        if section.heading is not None:
            shape = rf", shape \({section.shape}\)" if section.shape is not None else ""
            title = f"{prose(section.title)}: " if section.title else ""
            yield rf"\medskip\noindent\textbf{{{section.label}}} {title}\(\displaystyle {section.heading}\){shape}"
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
    widest = max((latex_width(g.membership.text) for g in page.givens), default=0.0)
    columns = int((TEXT_WIDTH - widest - COLUMN_GAP) / 5.4)
    for given in page.givens:
        first, *more = textwrap.wrap(given.words, columns) or [""]
        math = given.membership.text.replace(r" \in ", r" &\in ", 1)
        math = math if "&" in math else math.replace(": ", r" &\colon ", 1)
        yield math + (f" && {math_words(first)}" if first else "")
        yield from (f" & && {math_words(words)}" for words in more)


def assumed_rows(assumptions: Sequence[Assumed]) -> Iterator[str]:
    """``left &\\leq right && (smooth) words``, the words on a row of their own where a formula is long."""
    for assumed in assumptions:
        formula = assumed.formula
        words = rf"\text{{({prose(assumed.name)})}}" + (rf"\ {math_words(assumed.words)}" if assumed.words else "")
        rows = list(_equation(formula.left.text, formula.right, formula.relation))
        if len(rows) == 1 and latex_width(rows[0]) + latex_width(words) + COLUMN_GAP <= TEXT_WIDTH:
            yield f"{rows[0]} && {words}"
        else:
            yield from rows
            yield rf"&\qquad {words}"


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
    return [
        row
        for line, words in zip(lines, reasons, strict=True)
        for row in _step(line, words, widest, width - widest - 16, reason)
    ]


def _reason(line: Line, columns: int) -> list[str]:
    first, *more = map(math_words, textwrap.wrap(f"({line.number}) {line.rule}", columns))
    return [f"{first} && {_MARKS[line.verdict.kind]}", *more]


def _step(line: Line, words: list[str], widest: float, whole: float, reason: float) -> Iterator[str]:
    beside = whole - reason - COLUMN_GAP
    left = line.left.text if line.left is not None else ""
    if latex_width(left) > widest + 1:
        yield f"& {left}"
        left = ""
    box = line.right
    pieces = [box.text] if latex_width(box.text) <= beside else broken(box, beside)
    if any(latex_width(p) > beside for p in pieces):
        pieces = broken(box, whole)
    sign = _aligned(line.relation)
    rows = [f"{left} {sign} {p}" if at == 0 else rf"&\qquad {p}" for at, p in enumerate(pieces)]
    at = len(rows) - 1 if latex_width(pieces[-1]) + (36 if len(rows) > 1 else 0) <= beside else len(rows)
    for k, text in enumerate(words):
        if at + k >= len(rows):
            rows.append("&")
        rows[at + k] += f" && {text}"
    yield from rows
