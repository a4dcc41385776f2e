"""How expressions are written in both styles: operators, names, index letters and line breaks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy

from nnmath.calculus.functions import Indicator, Unknown, Where, sigmoid
from nnmath.calculus.sums import Delta, Partial, bound_sum
from nnmath.calculus.tensors import Domain, Index, Tensor, dimension, fresh_index
from nnmath.rendering.box import atom, break_lines, join
from nnmath.rendering.expressions import Writer
from nnmath.rendering.latex_style import LATEX
from nnmath.rendering.letters import Alphabet
from nnmath.rendering.names import latex_name, text_name
from nnmath.rendering.text_style import TEXT

n, C, d = dimension("n"), dimension("C"), dimension("d")
i, c, k = Index("i", n), Index("c", C), Index("k", C)
j, b = Index("j", n), Index("b", C)
X, Y, Z, P, W = (Tensor(s, (n, C)) for s in "XYZPW")
W1 = Tensor("W1", (C, C))
labels = Tensor("y", (n,), Domain(below=C))
L, x, lam, beta = Tensor("L"), Tensor("x")(), Tensor("lambda")(), Tensor("beta")()

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
