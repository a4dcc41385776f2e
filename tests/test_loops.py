"""Loops over sizes: proved at concrete sizes and said so, never called proved for all; errors in them are refuted."""

from __future__ import annotations

from typing import Any

import looping_gradients as code
import pytest
from sympy import Integer

import nnmath
from nnmath.calculus.parser import parse_definitions, parse_givens
from nnmath.verification.at_sizes import PROVED
from nnmath.verification.subjects.protocol import SubjectError
from nnmath.verification.tracing.concrete import at_sizes

LINEAR = {"against": "mean((X @ w - y)**2)", "inputs": "X: n d, w: d, y: n"}
SQUARE = {"against": "x**2", "inputs": "x: real"}
RIGHT: list[tuple[Any, dict[str, Any], str]] = [
    (code.softmax_ce_rows, {"against": "softmax-ce-labels"}, "n = 3; n = 2; n = 1, each for all C"),
    (code.softmax_ce_classes, {"against": "softmax-ce-labels"}, "C = 3; C = 2; C = 1, each for all n"),
    (code.squared_error, LINEAR, "n = 3; n = 2; n = 1, each for all d"),
    (code.squares, SQUARE, "n = 3; n = 2; n = 1"),
]


@pytest.mark.parametrize(("function", "options", "sizes"), RIGHT, ids=lambda v: getattr(v, "__name__", ""))
def test_a_loop_over_a_size_is_proved_at_numbers(function: Any, options: dict[str, Any], sizes: str) -> None:
    report = nnmath.verify(function, dtypes=("float64",), **options)
    assert report.verdict == "agrees" and not report.findings
    assert [p.verdict for p in report.proofs] == [PROVED]
    basis = report.proofs[0].basis
    assert basis.startswith(sizes) and "a loop over range(" in basis
    assert "in looping_gradients.py, line" in basis and "keeps it from being for all sizes" in basis
    assert not any("not proved" in text for text in report.not_tested)


WRONG: list[tuple[Any, dict[str, Any]]] = [
    (code.half_of_it, LINEAR),
    (code.without_the_last, LINEAR),
    (code.neighbours, SQUARE),
]


@pytest.mark.parametrize(("function", "options"), WRONG, ids=lambda v: getattr(v, "__name__", ""))
def test_an_error_in_a_loop_is_refuted(function: Any, options: dict[str, Any]) -> None:
    report = nnmath.verify(function, dtypes=("float64",), **options)
    assert report.verdict == "wrong" and report.findings
    assert [p.verdict for p in report.proofs] == ["refuted"]


def test_what_holds_at_the_sizes_that_were_tried_is_not_called_proved() -> None:
    report = nnmath.verify(code.only_from_four_on, dtypes=("float64",), **LINEAR)
    assert report.verdict != "proved" and all(p.verdict != "proved" for p in report.proofs)


def test_what_else_has_no_formula_is_what_the_report_names() -> None:
    report = nnmath.verify(code.relu_by_branches, against="relu", dtypes=("float64",))
    assert report.verdict == "agrees" and not report.proofs
    assert any("not proved" in text and "a branch on the value" in text for text in report.not_tested)


RNN = "X: n 3 d, W: d k, U: k k, h0: n k"
CONV = "X: n 4, K: 2"


@pytest.mark.parametrize(
    ("backward", "forward", "inputs", "verdict"),
    [
        (code.rnn_backward, code.rnn_forward, RNN, "proved"),
        (code.truncated_backward, code.rnn_forward, RNN.replace("3", "2"), "wrong"),
        (code.conv_backward, code.conv_forward, CONV, "proved"),
        (code.flipped_backward, code.conv_forward, CONV, "wrong"),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_stated_sizes_are_numbers_and_the_others_stay_symbols(
    backward: Any, forward: Any, inputs: str, verdict: str
) -> None:
    report = nnmath.verify(backward, forward=forward, inputs=inputs, dtypes=("float64",))
    assert report.verdict == verdict, str(report)


def test_a_forward_pass_that_loops_says_what_to_type() -> None:
    with pytest.raises(SubjectError, match=r'Give T a number: --inputs "X: n 3 d, W: d k, U: k k, h0: n k"'):
        nnmath.verify(code.rnn_backward, forward=code.rnn_forward, inputs=RNN.replace("3", "T"))


def test_a_sum_over_some_numbers_and_some_symbols() -> None:
    (x,) = parse_givens("x: n 2")
    (d,) = parse_definitions("L = sum(x[i, k]**2 for i in n for k in 2)", [x])
    found = at_sizes(d.body, {})
    (columns,) = parse_definitions("M = sum(x[i, 0]**2 for i in n) + sum(x[i, 1]**2 for i in n)", [x])
    assert found == columns.body
    n = x.dims[0]
    assert at_sizes(d.body, {n: Integer(3)}) == at_sizes(columns.body, {n: Integer(3)})
