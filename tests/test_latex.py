"""LaTeX that works everywhere: the commands used, sentences, widths, and documents that compile."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from rendered_pages import PAGES

import nnmath
from nnmath.rendering import render
from nnmath.rendering.latex_prose import math_words, prose
from nnmath.rendering.latex_width import latex_width
from nnmath.rendering.notebook import latex_fragment

ALLOWED = set(
    r"""\begin \end \frac \partial \sum \log \exp \tanh \sigma \delta \mathrm \mathbf \mathbb \mathit \text \in \times
    \langle \rangle \odot \top \cdot \thinspace \bigl \bigr \Bigl \Bigr \biggl \biggr \checkmark \quad \qquad \sqrt
    \dots \hat \lVert \rVert \lbrace \rbrace \displaystyle""".split()
)
LAYOUT = set(r"\noindent \textbf \medskip \par \item \Large \bfseries \hfill \texttt".split())


@pytest.mark.parametrize("name", PAGES)
def test_only_commands_that_work_everywhere(name):
    for text, allowed in (
        (render(PAGES[name](), "markdown"), ALLOWED),
        (latex_fragment(PAGES[name]()), ALLOWED),
        (render(PAGES[name](), "latex"), ALLOWED | LAYOUT),
    ):
        assert set(re.findall(r"\\[a-zA-Z]+", text)) <= allowed
        assert text.count("{") == text.count("}") and text.count("$$") % 2 == 0


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("50 % of #1 & x_1^2", r"50 \% of \#1 \& x\_1\textasciicircum{}2"),
        ("σ′ ≤ ¼", r"$\sigma '\le \frac14$"),
        ("e⁻ˣ and x₁", r"e$^{-x}$ and x$_{1}$"),
        ("Böhning – “maps” …", r"Böhning -- ``maps'' \dots{}"),
        ("日本", ""),
        ("m̂ and ᾱ", r"$\hat{m}$ and $\bar{\alpha}$"),
    ],
)
def test_sentences_become_latex(text, latex):
    expected = latex.replace(r"\frac14", r"\tfrac{1}{4}").replace("'\\le \\tfrac", "'$ $\\le$ $\\tfrac")
    assert prose(text) == expected
    assert "$" not in math_words(text).replace(r"\$", "")


@pytest.mark.parametrize(("text", "points"), [("x", 6), (r"\frac{a}{bcd}", 20), (r"\sum_{i} x_i", 32), ("a + b", 26)])
def test_widths_are_near(text, points):
    assert latex_width(text) == pytest.approx(points, rel=0.25)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("name", PAGES)
def test_documents_compile_without_overfull_lines(name, tmp_path):
    (tmp_path / "page.tex").write_text(render(PAGES[name](), "latex", document=True, detail=True), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert run.returncode == 0, run.stdout[-2000:]
    assert all(float(points) <= 5 for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", run.stdout))


def test_a_sign_in_front_is_no_factor_of_one():
    page = render(nnmath.derive("kl-ce").derivation, "latex")
    assert r"H &= -P^{\top} \log Q" in page and "-1 P" not in page
