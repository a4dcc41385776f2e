"""Correct gradients, in the styles in which people write them, get no finding; those in NumPy are proved."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import pytest
from correct_gradients import FUNCTIONS, PAIRS, TRACED, Correct
from correct_layers import LAYERS

import nnmath

NUMPY: dict[str, Correct] = {**FUNCTIONS, **PAIRS, **LAYERS, **TRACED}
#: Torch code is run, and not traced: the best that is said of it is that it agrees.
TORCH = (
    *("CrossEntropy", "Dense", "TransposedDense", "ReLU", "Swish", "GELU", "Softmax", "LayerNorm", "RMSNorm"),
    *("Attention", "MSE", "dense_layer", "dense_relu", "logits_loss"),
)


def judge(case: Correct) -> nnmath.Report:
    return nnmath.verify(case.subject, forward=case.forward, against=case.against, inputs=case.inputs)


@pytest.mark.parametrize("name", NUMPY)
def test_correct_numpy_code_gets_no_finding(name: str) -> None:
    report = judge(NUMPY[name])
    assert (report.verdict, report.findings) == ("proved" if NUMPY[name].proved else "agrees", ()), str(report)
    assert report.passed and report.proofs
    assert all(p.verdict == "proved" for p in report.proofs) == NUMPY[name].proved


@pytest.mark.parametrize("name", TORCH)
def test_correct_torch_code_gets_no_finding(name: str) -> None:
    pytest.importorskip("torch", reason="these are torch Functions; type: pip install torch")
    report = judge(import_module("correct_torch").TORCH[name])
    assert (report.verdict, report.findings) == ("agrees", ()), str(report)


def test_they_are_many_and_different() -> None:
    codes = {getattr(c.subject, "__name__", None) or c.subject[1].__name__ for c in NUMPY.values()}
    assert sum(c.proved for c in NUMPY.values()) >= 30 and len(codes) >= 60
    references = {_words(c) for c in NUMPY.values()}
    assert len(references) >= 40


def _words(case: Correct) -> tuple[str, str]:
    """What it is the gradient of: an id or an expression, else its own forward pass."""
    own = case.subject[0].__name__ if isinstance(case.subject, tuple) else case.subject.__name__
    return (case.against if isinstance(case.against, str) else own), case.inputs or ""


def test_every_torch_gradient_is_judged() -> None:
    pytest.importorskip("torch", reason="these are torch Functions; type: pip install torch")
    table: Mapping[str, Correct] = import_module("correct_torch").TORCH
    assert tuple(table) == TORCH
