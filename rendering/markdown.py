"""A derivation as Markdown with ``$$`` blocks, for GitHub, KaTeX and notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..calculus.derivation import Derivation
from .latex import TEXT_WIDTH, assumed_rows, formula_rows, step_rows
from .latex_style import LATEX
from .options import PLAIN, Options
from .page import Page, page


def render(derivation: Derivation, options: Options = PLAIN) -> str:
    """The page; ``document`` makes no difference."""
    return "\n".join(_page(page(derivation, LATEX, brief=options.brief, detail=options.detail))) + "\n"


def _page(page: Page) -> Iterator[str]:
    yield from (f"# {page.title}", "", f"`{page.id}`", "", "## Given", "")
    for given in page.declared:
        yield f"- ${given.membership}$" + (f": {_escape(given.words)}" if given.words else "")
    if page.definitions:
        yield from ("", "## Define", "", *_block(formula_rows(page.definitions)))
        noted = [f"- ${f.noted}$: {_escape(f.note)}" for f in page.definitions if f.note]
        yield from ("", *noted) if noted else ()
    if page.assumptions:
        yield from ("", "## Assume", "", *_block(assumed_rows(page.assumptions)))
    for section in page.sections:
        if section.heading is not None:
            shape = f", shape ${section.shape}$" if section.shape is not None else ""
            heading = "" if section.says_it_in_a_line and section.title else f"${section.heading}${shape}"
            said = ": ".join(filter(None, (_escape(section.title), heading)))
            yield from ("", f"## {section.label} {said}")
        if section.note:
            yield from ("", _escape(section.note))
        if section.lines:
            yield from ("", *_block(step_rows(section.lines, TEXT_WIDTH)))
        for line in section.lines:
            if line.counterexample:
                yield from ("", f"**Step {line.number} is refuted**: at {_escape(str(line.counterexample))}.")
    yield from ("", "## Result", "", *_block(formula_rows(page.results)))
    for label, sentences in page.notes:
        if sentences:
            yield from ("", f"## {label}", "", *(f"- {_escape(s)}" for s in sentences))
    yield from ("", f"**Checked** {page.verdicts}.")


def _block(rows: Iterable[str]) -> list[str]:
    lines = list(rows)
    if not lines:
        return []
    return ["$$", r"\begin{aligned}", *(r + r" \\" for r in lines[:-1]), lines[-1], r"\end{aligned}", "$$"]


def _escape(text: str) -> str:
    """Signs that Markdown would take for emphasis, code or mathematics."""
    return "".join("\\" + c if c in "\\*_`$[]<>|" else c for c in text)
