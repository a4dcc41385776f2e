"""What a reader sees: expressions in both styles, index letters, whole pages in every format and width."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
import sympy

import nnmath
from nnmath.calculus.derivation import Counterexample, Definition, Derivation, Part, Result, Step, Verdict
from nnmath.calculus.functions import Indicator, Unknown, Where, sigmoid
from nnmath.calculus.sums import Delta, Partial, bound_sum
from nnmath.calculus.tensors import Domain, Index, Tensor, dimension, fresh_index
from nnmath.rendering import FORMATS, UnknownFormat, render
from nnmath.rendering.box import atom, break_lines, join
from nnmath.rendering.expressions import Writer
from nnmath.rendering.latex_prose import math_words, prose
from nnmath.rendering.latex_style import LATEX
from nnmath.rendering.latex_width import latex_width
from nnmath.rendering.letters import Alphabet
from nnmath.rendering.names import latex_name, text_name
from nnmath.rendering.notebook import latex_fragment
from nnmath.rendering.text_style import TEXT

n, C, d = dimension("n"), dimension("C"), dimension("d")
i, c, k = Index("i", n), Index("c", C), Index("k", C)
j, b = Index("j", n), Index("b", C)
X, Y, Z, P, W = (Tensor(s, (n, C)) for s in "XYZPW")
W1 = Tensor("W1", (C, C))
labels = Tensor("y", (n,), Domain(below=C))
L, x, lam, beta = Tensor("L"), Tensor("x")(), Tensor("lambda")(), Tensor("beta")()
PROVED = Verdict("proved", "normal form")

EXPRESSIONS = [
    # expression, text, LaTeX
    (-Y[i, c] / (n * P[i, c]), "−Y_ic / (n P_ic)", r"-\frac{Y_{ic}}{n P_{ic}}"),
    ((P[i, c] - Y[i, c]) / n, "(P_ic − Y_ic)/n", r"\frac{P_{ic} - Y_{ic}}{n}"),
    (-(Y[i, c] - P[i, c]) / n, "(P_ic − Y_ic)/n", r"\frac{P_{ic} - Y_{ic}}{n}"),
    (-Y[i, c] + P[i, c], "P_ic − Y_ic", "P_{ic} - Y_{ic}"),
    (Delta(i, j) * P[i, c] * (Delta(c, b) - P[i, b]), "δ_ij P_ic (δ_cb − P_ib)",
     r"\delta_{ij} P_{ic} (\delta_{cb} - P_{ib})"),
    (-bound_sum(Y[i, c] * sympy.log(P[i, c]), i, c) / n, "−(1/n) Σ_i Σ_c Y_ic log P_ic",
     r"-\frac{1}{n} \sum_{i,c} Y_{ic} \log P_{ic}"),
    (P[j, b] * bound_sum(Y[j, c], c), "P_jb Σ_c Y_jc", r"P_{jb} \sum_{c} Y_{jc}"),
    (bound_sum(Y[i, c] + P[i, c], c), "Σ_c (P_ic + Y_ic)", r"\sum_{c} (P_{ic} + Y_{ic})"),
    (bound_sum(X[i, c], c) * bound_sum(Y[i, c], c), "(Σ_c X_ic) Σ_c Y_ic",
     r"\Bigl(\sum_{c} X_{ic}\Bigr) \sum_{c} Y_{ic}"),
    (sympy.exp(Z[i, c]) / bound_sum(sympy.exp(Z[i, k]), k), "exp(Z_ic) / Σ_k exp(Z_ik)",
     r"\frac{e^{Z_{ic}}}{\sum_{k} e^{Z_{ik}}}"),
    (Partial(L(), P[i, c]) * Partial(P[i, c], Z[j, b]), "∂L/∂P_ic · ∂P_ic/∂Z_jb",
     r"\frac{\partial L}{\partial P_{ic}} \cdot \frac{\partial P_{ic}}{\partial Z_{jb}}"),
    (Partial(P[i, c], Z[j, b]) * Partial(L(), P[i, c]), "∂L/∂P_ic · ∂P_ic/∂Z_jb", None),
    (Partial(sympy.log(P[i, c]) + 1, P[j, b]), "∂/∂P_jb (1 + log P_ic)", None),
    (Partial(Partial(L(), Z[i, c]), Z[j, b]), "∂²L/(∂Z_ic ∂Z_jb)",
     r"\frac{\partial^{2} L}{\partial Z_{ic} \thinspace \partial Z_{jb}}"),
    (W1[c, k] ** 2 * lam / 2, "λ W₁_ck²/2", r"\frac{\lambda W_{1,ck}^{2}}{2}"),
    (P[i, labels[i]], "P_{i,y_i}", r"P_{i,y_{i}}"),
    (Delta(c, labels[i]), "δ_{c,y_i}", r"\delta_{c,y_{i}}"),
    (sympy.sqrt(d), "√d", r"\sqrt{d}"),
    (sympy.exp(-x**2 / 2) / sympy.sqrt(2 * sympy.pi), "exp(−x²/2) / √(2π)", r"\frac{e^{-x^{2}/2}}{\sqrt{2\pi}}"),
    (x * sympy.exp(-x), "x e⁻ˣ", "x e^{-x}"),
    (1 / (1 + sympy.exp(-x)), "1 / (1 + e⁻ˣ)", r"\frac{1}{1 + e^{-x}}"),
    (sympy.erf(x / sympy.sqrt(2)), "erf(x/√2)", r"\mathrm{erf}\Bigl(\frac{x}{\sqrt{2}}\Bigr)"),
    (sympy.tanh(x) ** 2, "tanh²(x)", r"\tanh^{2}(x)"),
    (sigmoid(beta * x) * (1 - sigmoid(beta * x)), "σ(β x) (1 − σ(β x))",
     r"\sigma(\beta x) \bigl(1 - \sigma(\beta x)\bigr)"),
    (Unknown("g", 1, Z[i, c]), "g′(Z_ic)", "g'(Z_{ic})"),
    (Indicator(x - 3), "[x > 3]", r"\mathbf{1}[x > 3]"),
    (Indicator(3 - x), "[x < 3]", r"\mathbf{1}[x < 3]"),
    (Indicator(beta - x), "[β > x]", r"\mathbf{1}[\beta > x]"),
    (Where(x + 3, Where(3 - x, x / 6 + sympy.Rational(1, 2), 1), 0),
     "{ 0 if x ≤ −3; 1/2 + x/6 if x < 3; 1 otherwise }",
     r"\begin{cases} 0 & x \le -3 \\ \frac{1}{2} + \frac{x}{6} & x < 3 \\ 1 & \text{otherwise} \end{cases}"),
    (Where(x + 3, Where(3 - x, x, 0), 0), "{ x if −3 < x < 3; 0 otherwise }",
     r"\begin{cases} x & -3 < x < 3 \\ 0 & \text{otherwise} \end{cases}"),
    (Where(3 - x, Where(x + 3, x, 0), 0), "{ x if −3 < x < 3; 0 otherwise }", None),
    (Where(x - 3, Where(x - 5, x, 0), 0), "{ 0 if x ≤ 3; x if x > 5; 0 otherwise }", None),
    (Where(3 - x, Where(1 - x, 1, x), 0), "{ 0 if x ≥ 3; 1 if x < 1; x otherwise }", None),
    (Where(x, x, lam * x), "{ x if x > 0; λ x otherwise }",
     r"\begin{cases} x & x > 0 \\ \lambda x & \text{otherwise} \end{cases}"),
    (sympy.Float("0.044715") * x, "0.044715 x", "0.044715 x"),
    (sympy.Rational(1, 2) * x + 1, "1 + x/2", r"1 + \frac{x}{2}"),
    (X[i, 0], "X_i0", "X_{i0}"),
]  # fmt: skip


@pytest.mark.parametrize(("expr", "text", "latex"), EXPRESSIONS, ids=[e[1] for e in EXPRESSIONS])
def test_expressions(expr, text, latex):
    letters = {index: index.name for index in (i, c, j, b) if index in expr.free_symbols}
    writer = Writer(TEXT, Alphabet({"n": "ij", "C": "ckb"}), letters)
    assert writer(expr).text == text
    if latex is not None:
        assert replace(writer, style=LATEX)(expr).text == latex


@pytest.mark.parametrize(
    ("name", "text", "latex"),
    [
        ("W1", "W₁", "W_{1}"),
        ("dW1", "dW₁", r"\mathrm{d}W_{1}"),
        ("alpha", "α", r"\alpha"),
        ("lambda", "λ", r"\lambda"),
        ("eps", "ε", r"\varepsilon"),
        ("A_prev", "A_prev", r"A_{\text{prev}}"),
        ("loss", "loss", r"\mathit{loss}"),
        ("depth", "depth", r"\mathit{depth}"),
        ("Z10", "Z₁₀", "Z_{10}"),
        ("y_hat", "ŷ", r"\hat{y}"),
        ("m1_hat", "m̂₁", r"\hat{m}_{1}"),
        ("dM_hat", "dM̂", r"\mathrm{d}\hat{M}"),
        ("alpha_bar", "ᾱ", r"\bar{\alpha}"),
        ("x_tilde_prev", "x̃_prev", r"\tilde{x}_{\text{prev}}"),
        ("word_hat", "word_hat", r"\mathit{word}_{\text{hat}}"),
    ],
)
def test_names(name, text, latex):
    assert text_name(name) == text
    assert latex_name(name) == latex


def test_d_is_a_gradient_mark_only_before_a_name_in_use():
    assert latex_name("dgamma", frozenset({"gamma"})) == r"\mathrm{d}\gamma"
    assert latex_name("dgamma") == r"\mathit{dgamma}"


class TestLetters:
    def test_no_inner_name_is_shown(self):
        p, q = fresh_index(n), fresh_index(C)
        text = Writer(TEXT)(bound_sum(X[p, q] * Y[p, k], p)).text
        assert not set("~·") & set(text)

    def test_a_bound_letter_never_collides_with_a_free_one(self):
        body = bound_sum(X[i, c] * Y[i, k], i)
        assert Writer(TEXT)(body * P[i, c]).text == "P_ic Σ_j X_jc Y_jk"

    def test_nested_sums_get_different_letters(self):
        assert Writer(TEXT)(bound_sum(X[i, c] * bound_sum(Y[j, c], j), i)).text == "Σ_i X_ic Σ_j Y_jc"

    def test_preferred_letters(self):
        writer = Writer(TEXT, Alphabet({"n": "uv", "C": "w"}))
        p, q, r = fresh_index(n), fresh_index(C), fresh_index(n)
        assert writer(X[p, q] * Y[r, q]).text in ("X_uw Y_vw", "X_vw Y_uw")

    def test_letters_run_out_gracefully(self):
        indices = [fresh_index(C) for _ in range(40)]
        names = Alphabet({"C": "cb"}).name(indices, {})
        assert len(set(names.values())) == 40

    def test_two_indices_of_one_name_are_told_apart(self):
        names = Alphabet().name([Index("i", n), Index("i", C)], {})
        assert len(set(names.values())) == 2


class TestBreaking:
    def test_a_shallow_break_is_preferred(self):
        inner = TEXT.enclosed(join([atom("aaaa"), "\n + ", atom("bbbb")], 0))
        box = join([atom("xxxx"), "\n + ", join([atom("y"), "\n ", inner], 1)], 0)
        assert break_lines(box, len, 18, 18) == ["xxxx", "+ y (aaaa + bbbb)"]

    def test_nothing_is_lost(self):
        expr = sum((Tensor(f"A{t}")() * Tensor(f"B{t}")() for t in range(9)), sympy.Integer(0))
        box = Writer(TEXT)(expr)
        lines = break_lines(box, len, 20, 20)
        assert " ".join(lines) == box.text
        assert max(map(len, lines)) <= 20


def proved(left, right, rule, continues=False, **more):
    return Step(left, right, rule, PROVED, continues, **more)


def softmax_ce(last=PROVED):
    z = Tensor("Z", (n, C), description="logits")
    y = Tensor("Y", (n, C), Domain(rows=True), "target distributions")
    p = Tensor("P", (n, C))
    a, e, q, r, s, t, u, v = (fresh_index(dim) for dim in (n, C, n, C, n, C, C, C))
    if last.counterexample is not None:
        last = replace(last, counterexample=replace(last.counterexample, at={q.name: 0, r.name: 1}))
    node = Partial(L(), z[q, r])
    jacobian = Delta(a, q) * p[a, e] * (Delta(e, r) - p[a, r])
    steps = (
        proved(Partial(L(), p[a, e]), -y[a, e] / (n * p[a, e]), "derivative of log"),
        proved(Partial(p[a, e], z[q, r]), jacobian, "softmax Jacobian",
               detail=(proved(Partial(p[a, e], z[q, r]), jacobian, "quotient rule"),)),
        proved(node, bound_sum(Partial(L(), p[s, t]) * Partial(p[s, t], z[q, r]), s, t), "chain rule"),
        proved(node, (p[q, r] * bound_sum(y[q, u], u) - y[q, r]) / n, "contract deltas", True),
        Step(node, (p[q, r] - y[q, r]) / n, "rows of Y sum to 1", last, True),
    )  # fmt: skip
    definitions = (
        Definition(p, (i, c), sympy.exp(z[i, c]) / bound_sum(sympy.exp(z[i, v]), v)),
        Definition(L, (), -bound_sum(y[i, c] * sympy.log(p[i, c]), i, c) / n),
    )
    result = Result("dZ", (q, r), (p[q, r] - y[q, r]) / n, L, (z,))
    return Derivation(
        "softmax-ce", "Softmax cross-entropy", (z, y), definitions, (Part(node, steps, result),),
        ("The logarithm is natural.",), ("Do not divide by n twice: 100 % wrong.",), ("Bishop, 2006, eq. 4.108",),
        "losses", {"n": "ij", "C": "cbk"},
    )  # fmt: skip


def refuted():
    point = Counterexample({"n": 1, "C": 2}, {"Z": ("0.5", "1")}, {}, "0.25", "-0.25")
    return softmax_ce(Verdict("refuted", "", point))


def silu():
    y = Tensor("y")
    node, s = Partial(y(), x), sigmoid(x)
    first, second = s * (1 + x * (1 - s)), s * (1 - s) * (2 + x * (1 - 2 * s))
    return Derivation(
        "silu", "Sigmoid linear unit", (x.tensor,), (Definition(y, (), x * s),),
        (
            Part(node, (proved(node, s + x * Partial(s, x), "product rule"), proved(node, first, "collect", True)),
                 Result("dy_dx", (), first, y, (x.tensor,), in_output=y() + s * (1 - y()))),
            Part(Partial(node, x), (proved(Partial(node, x), second, "product rule"),),
                 Result("d2y_dx2", (), second, y, (x.tensor, x.tensor))),
        ),
    )  # fmt: skip


def backprop():
    D, H, K = dimension("D"), dimension("H"), dimension("K")
    inputs, weights, bias = Tensor("X", (n, D)), Tensor("W1", (D, H)), Tensor("b1", (H,))
    above, up = Tensor("V", (H, K)), Tensor("dU", (n, K))
    z, a, u, loss = Tensor("Z1", (n, H)), Tensor("A1", (n, H)), Tensor("U", (n, K)), Tensor("L")
    p, e, h, m = Index("i", n), Index("d", D), Index("h", H), Index("m", K)
    dz = Tensor("dZ1", (n, H))
    definitions = (
        Definition(z, (p, h), bound_sum(inputs[p, e] * weights[e, h], e) + bias[h]),
        Definition(a, (p, h), sympy.tanh(z[p, h])),
        Definition(u, (p, m), bound_sum(a[p, h] * above[h, m], h)),
        Definition(loss, (), bound_sum(up[p, m] * u[p, m], p, m), pairing=True),
    )
    to_z = (1 - a[p, h] ** 2) * bound_sum(up[p, m] * above[h, m], m)
    to_w = bound_sum(inputs[p, e] * dz[p, h], p)
    parts = (
        Part(Partial(loss(), z[p, h]), (proved(Partial(loss(), z[p, h]), to_z, "chain rule"),),
             Result("dZ1", (p, h), to_z, loss, (z,), wanted=False)),
        Part(Partial(loss(), weights[e, h]), (proved(Partial(loss(), weights[e, h]), to_w, "chain rule"),),
             Result("dW1", (e, h), to_w, loss, (weights,))),
    )  # fmt: skip
    return Derivation("layer", "One layer", (inputs, weights, bias, above, up), definitions, parts)


PAGES = {"softmax-ce": softmax_ce, "silu": silu, "backprop": backprop, "refuted": refuted}


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


def test_an_identity_is_its_own_heading():
    assert "Wanted    D = H − S" in render(nnmath.derive("kl-ce").derivation, "text")
