"""What a notebook that reads no Markdown shows when a cell ends with a derivation."""

from __future__ import annotations

from ..calculus.derivation import Derivation


def latex_fragment(derivation: Derivation) -> str:
    """For ``_repr_latex_``: the steps as one block of mathematics, which is all that MathJax understands of LaTeX."""
    from .latex import TEXT_WIDTH, formula_rows, step_rows
    from .latex_style import LATEX
    from .page import page

    written = page(derivation, LATEX)
    rows = [r for s in written.sections for r in step_rows(s.lines, TEXT_WIDTH)] or list(formula_rows(written.results))
    return "$$\n\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}\n$$"
