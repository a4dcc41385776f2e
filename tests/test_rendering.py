"""What a reader sees: whole pages in every format and width."""

from __future__ import annotations

import json
import re

import pytest
from rendered_pages import PAGES, backprop, refuted, silu, softmax_ce

import nnmath
from nnmath.rendering import FORMATS, UnknownFormat, render


def test_the_page_of_softmax_ce():
    assert render(softmax_ce(), "text", width=80) == (
        """\
softmax-ce   Softmax cross-entropy
Given     Z ∈ ℝ^(n×C)   logits
          Y ∈ ℝ^(n×C)   target distributions, rows sum to 1
Define    P = softmax(Z)        P_ic = exp(Z_ic) / Σ_b exp(Z_ib)
          L = −⟨Y, log P⟩_F/n   L = −(1/n) Σ_i Σ_c Y_ic log P_ic

Wanted    ∂L/∂Z, shape n×C
 1  ∂L/∂P_ic    = −Y_ic / (n P_ic)                   derivative of log   proved
 2  ∂P_ic/∂Z_jb = δ_ij P_ic (δ_cb − P_ib)            softmax Jacobian    proved
 3  ∂L/∂Z_jb    = Σ_i Σ_c ∂L/∂P_ic · ∂P_ic/∂Z_jb     chain rule          proved
 4              = (P_jb Σ_c Y_jc − Y_jb)/n           contract deltas     proved
 5              = (P_jb − Y_jb)/n                    rows of Y sum to 1  proved

Result    ∂L/∂Z = (P − Y)/n   ∂L/∂Z_jb = (P_jb − Y_jb)/n
Note      A gradient has the shape of its variable.
          The logarithm is natural.
          Softmax acts on each row.
Pitfalls  Do not divide by n twice: 100 % wrong.
See       Bishop, 2006, eq. 4.108
Checked   5 steps: 5 proved, for all n, C
"""
    )


def test_one_scalar_variable_is_written_with_d():
    page = render(silu(), "text")
    assert "Result    dy/dx = σ(x) (1 + x (1 − σ(x)))\n                = y + σ(x) (1 − y)\n" in page
    assert "d²y/dx² = σ(x) (1 − σ(x)) (2 + x (1 − 2 σ(x)))" in page
    assert "∂" not in page


def test_backpropagation_reads_like_a_textbook():
    page = render(backprop(), "text", width=100)
    for line in (
        "Z₁ = X W₁ + 1 b₁ᵀ",
        "L any scalar with ∂L/∂U = dU",
        "First     ∂L/∂Z₁ = dZ₁, shape n×H",
        "Wanted    ∂L/∂W₁ = dW₁, shape D×H",
        "dZ₁ = (dU Vᵀ) ⊙ (1 − A₁ ⊙ A₁)",
        "dW₁ = Xᵀ dZ₁",
        "⊙ multiplies entry by entry.",
    ):
        assert line in page


def test_a_refuted_step_shows_its_counterexample():
    for format in ("text", "latex", "markdown"):
        page = render(refuted(), format, width=80)
        assert "at j = 0, b = 1 the left side" in " ".join(page.replace("$", "").split()) and "-0.25" in page, format
        assert "4 proved, 1 refuted" in page
    data = json.loads(render(refuted(), "json"))
    verdict = data["parts"][0]["steps"][4]["verdict"]
    assert verdict["kind"] == data["verdict"]["kind"] == "refuted"
    assert verdict["counterexample"]["sizes"] == {"n": 1, "C": 2}
    assert verdict["counterexample"]["at"] == {"j": 0, "b": 1}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", PAGES)
def test_every_format_says_the_essentials_and_no_inner_name(format, name):
    derivation = PAGES[name]()
    page = render(derivation, format)
    assert derivation.title in page
    assert not re.search(r"~\d|·\d", page)
    for step in derivation.steps:
        assert step.rule in page
    brief = render(derivation, format, brief=True)
    assert derivation.steps[0].rule not in brief and len(brief) < len(page)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_page(name, width):
    lines = render(PAGES[name](), "text", width=width).splitlines()
    limit = width if width >= 80 else width + 20
    assert max(map(len, lines)) <= limit


def test_detail_shows_the_steps_behind_a_line():
    assert "quotient rule" not in render(softmax_ce(), "text")
    assert re.search(r"^ +2\.1 .*quotient rule", render(softmax_ce(), "text", detail=True), re.MULTILINE)
    steps = json.loads(render(softmax_ce(), "json", detail=True))["parts"][0]["steps"]
    assert [len(s["detail"]) for s in steps] == [0, 1, 0, 0, 0]


def test_json_is_complete():
    data = json.loads(render(softmax_ce(), "json"))
    assert data["givens"][1]["shape"] == ["n", "C"] and data["givens"][1]["domain"] == "rows sum to 1"
    assert data["steps"] == {"total": 5, "proved": 5, "refuted": 0, "open": 0}
    (result,) = data["results"]
    assert result["name"] == "dZ" and result["matrix_right"]["text"] == "(P − Y)/n"
    step = data["parts"][0]["steps"][3]
    assert step["continues"] and step["left"]["text"] == "∂L/∂Z_jb" and step["rule"] == "contract deltas"


def test_the_terminal_respects_pipes_and_no_color(monkeypatch):
    assert "\x1b" not in render(softmax_ce(), "terminal", width=80)
    assert render(softmax_ce(), "terminal", width=80) == render(softmax_ce(), "text", width=80)
    from rich.console import Console

    from nnmath.rendering.terminal import renderable

    def colours(**settings):
        console = Console(width=80, force_terminal=True, color_system="truecolor", **settings)
        with console.capture() as capture:
            console.print(renderable(softmax_ce()))
        return re.search(r"\x1b\[[\d;]*3\d", capture.get())

    assert colours()
    assert not colours(no_color=True)


def test_an_unknown_format_names_those_that_exist():
    with pytest.raises(UnknownFormat, match="terminal, text, latex, markdown, json"):
        render(softmax_ce(), "pdf")


def test_an_identity_is_its_own_heading():
    assert "Wanted    D = H − S" in render(nnmath.derive("kl-ce").derivation, "text")
