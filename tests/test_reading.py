"""How pages read: what stands in brackets, which factor stands first, and letters that mean one thing only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from nnmath import derive
from nnmath.cli import main
from nnmath.rendering.latex_prose import math_words
from nnmath.rendering.names import latex_name


def formula(text: str, given: str) -> Any:
    return derive(text, given=given)


@pytest.mark.parametrize(
    ("formula_", "given", "text", "latex"),
    [
        # A brace that nothing closes must not swallow the factor behind it, nor the division below it.
        (
            "sum(where(x > 0, a, b)*x)",
            "x: n, a: real, b: real",
            "{ a if x_i > 0; b otherwise }",
            r"x_{i} \begin{cases}",
        ),
        ("sum(where(x > 0, x, 2*x)**2)", "x: n", "{ x_i if", r"\end{cases}\Biggr)^{2}"),
        ("sum(where(x > 0, x, 2*x))/c", "x: n, c: positive", "Σ_i { x_i if", r"\frac{1}{c} \sum_{i} \begin{cases}"),
        # Scalars before the entries of arrays.
        ("sum(x*(1 - c)*exp(x))", "x: n, c: real", "(1 − c) x_i exp(x_i)", r"(1 - c) x_{i} e^{x_{i}}"),
        ("sum(x**2*c)", "x: n, c: real", "Σ_i c x_i²", r"\sum_{i} c x_{i}^{2}"),
        # A scalar alone keeps the usual order.
        ("x*sigmoid(x)*(1 - sigmoid(x))", "x: real", "x σ(x) (1 − σ(x))", r"x \sigma(x) \bigl(1 - \sigma(x)\bigr)"),
    ],
)
def test_factors(formula_: str, given: str, text: str, latex: str) -> None:
    page = formula(formula_, given)
    assert text in page.render("text", width=120)
    assert latex in page.latex()


def test_a_parameter_called_delta_leaves_no_kronecker_delta() -> None:
    """``δ`` is a parameter of the Huber loss: Kronecker's is written [i = j] there, and δ_ij elsewhere."""
    huber = derive("huber")
    assert not re.search(r"δ_\w", huber.render("text")) and "∂r_i/∂y_j = [i = j]" in huber.render("text")
    assert r"\delta_{" not in huber.latex() and r"\mathbf{1}[i = j]" in huber.latex()
    assert "δ_ij" in derive("layernorm").render("text")


def test_twice_an_indicator_is_not_twenty_one() -> None:
    assert r"2 \cdot \mathbf{1}[x > 0]" in derive("squared-relu").latex()


def test_upright_names_keep_their_distance() -> None:
    assert r"2 \thinspace \mathrm{ReLU}(x)" in derive("squared-relu").latex()


def test_numbers_of_steps_stand_in_one_column() -> None:
    lines = derive("transformer-block").render("text", width=100).splitlines()
    steps = [found for line in lines if (found := re.match(r" *(\d+)  +\S", line))]
    assert int(steps[-1][1]) > 100
    assert len({found.end(1) for found in steps}) == 1


def test_no_index_is_called_i1() -> None:
    assert not re.search(r"_\{[^}]*[a-z]\d", derive("transformer-block").render("text", width=120))


@pytest.mark.parametrize(
    ("name", "latex"), [("Wq", "W_{q}"), ("dWq", r"\mathrm{d}W_{q}"), ("Xi", r"\Xi"), ("lr", r"\mathit{lr}")]
)
def test_small_letters_behind_a_capital_are_a_subscript(name: str, latex: str) -> None:
    assert latex_name(name) == latex


def test_relations_in_reasons_bring_their_own_space() -> None:
    assert math_words("k = 0") == r"\text{k}=\text{0}"
    assert math_words("squares, c > 0") == r"\text{squares, c}>\text{0}"


def test_document_needs_no_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "sigmoid", "--document"]) == 0
    assert capsys.readouterr().out.startswith(r"\documentclass")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["derive", "x*exp(x)"], ['--given "x: n"', "--given", "real"]),
        (["derive", "x*exp(x)", "--given", "x"], ["x: real", "x: n"]),
        (["derive", "gelu", "--latex"], ["Did you mean --format latex?", "nnmath derive --help"]),
        (["derive", "gelu", "--formt", "latex"], ["Did you mean --format?", "nnmath derive --help"]),
        (["verify", "net.py:grad", "gelu"], ["Did you mean --against gelu?", "nnmath verify --help"]),
        (["check", "gelu", "relu", "--tpoic"], ["--tpoic", "nnmath check --help"]),
    ],
)
def test_a_formula_says_what_to_type(
    arguments: list[str], parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert all(part in err for part in parts)


def test_a_caret_stands_below_what_it_points_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "x*expo(x)", "--given", "x: real"]) == 2
    first, second, *_ = capsys.readouterr().err.splitlines()
    assert first[second.index("^") :].startswith("expo")


DENSE = """import numpy as np
def dense_backward(dY, W, X):
    dW = X.T @ dY
    dX = dY @ W.T
    db = dY.{}(axis=0)
    return dW, db, dX
"""
UNNAMED = """import numpy as np
def dense_backward(X, W, dY):
    return X.T @ dY, dY.{}(axis=0), dY @ W.T
"""


@pytest.mark.parametrize("text", [DENSE, UNNAMED])
@pytest.mark.parametrize(("reduce", "code"), [("sum", 0), ("mean", 1)])
def test_the_gradient_of_a_bias_that_the_code_does_not_take(
    text: str, reduce: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """db is the gradient of b, although a backward needs no b; a wrong one is named."""
    file = tmp_path / "dense.py"
    file.write_text(text.format(reduce))
    assert main(["verify", f"{file}:dense_backward", "--against", "dense"]) == code
    out = capsys.readouterr().out
    assert "→ dW, db, dX" in out and "returns no db" not in out
    assert ("scale: db = 1/n · true" in out) == bool(code)


def test_notes_of_variants_do_not_repeat_what_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="compares with torch")
    assert main(["check", "clip-norm"]) == 0
    out = capsys.readouterr().out
    assert out.count("NumPy against torch") == 1 and "norm=1: " in out
