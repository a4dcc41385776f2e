"""Correct gradients, in the styles in which people write them, get no finding and are proved."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from correct_gradients import FUNCTIONS, PAIRS, TRACED, Correct
from correct_layers import LAYERS

import nnmath

NUMPY: dict[str, Correct] = {**FUNCTIONS, **PAIRS, **LAYERS, **TRACED}
#: By name, so that the tests can be listed where torch is not installed.
TORCH = (
    *("CrossEntropy", "Dense", "TransposedDense", "ReLU", "Swish", "GELU", "Softmax", "LayerNorm", "RMSNorm"),
    *("Attention", "MSE", "dense_layer", "dense_relu", "logits_loss"),
)


def judge(case: Correct) -> nnmath.Report:
    return nnmath.verify(case.subject, forward=case.forward, against=case.against, inputs=case.inputs)


@pytest.mark.parametrize("name", NUMPY)
def test_correct_numpy_code_gets_no_finding(name: str) -> None:
    report = judge(NUMPY[name])
    assert (report.verdict, report.findings) == ("proved", ()), str(report)
    assert report.proofs and all(p.verdict == "proved" for p in report.proofs)


@pytest.mark.parametrize("name", TORCH)
def test_correct_torch_code_gets_no_finding(name: str) -> None:
    pytest.importorskip("torch", reason="these are torch Functions; type: pip install torch")
    report = judge(import_module("correct_torch").TORCH[name])
    assert (report.verdict, report.findings) == ("proved", ()), str(report)
    assert report.proofs and all(p.verdict == "proved" for p in report.proofs)


def test_they_are_many_and_different() -> None:
    codes = {getattr(c.subject, "__name__", None) or c.subject[1].__name__ for c in NUMPY.values()}
    assert len(codes) >= 60
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


def test_a_default_that_the_code_does_not_take_is_part_of_the_formula() -> None:
    def gradient(slope: float) -> Any:
        def forward(x: Any) -> Any:
            return np.where(x > 0, x, slope * x), x

        def backward(dout: Any, x: Any) -> Any:
            return np.where(x > 0, dout, slope * dout)

        return forward, backward

    assert nnmath.verify(gradient(0.01), against="leaky-relu").verdict == "proved"
    assert nnmath.verify(gradient(0.02), against="leaky-relu").verdict == "wrong"


def test_a_maximum_has_one_kink_in_either_order() -> None:
    def backward(dout: Any, x: Any) -> Any:
        return dout * (x > 0)

    for forward in (lambda x: (np.maximum(x, 0), x), lambda x: (np.maximum(0, x), x)):
        assert nnmath.verify((forward, backward), inputs="x: n d").verdict == "proved"


def test_a_target_needs_no_gradient_and_a_weight_does() -> None:
    torch = pytest.importorskip("torch", reason="these are torch Functions; type: pip install torch")

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, w: Any) -> Any:
            ctx.save_for_backward(x, w)
            return x @ w

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad @ ctx.saved_tensors[1].T, None

    report = nnmath.verify(Product, against="Y = x @ w\nL = upstream(grad, Y)", inputs="x: n D, w: D H, grad: n H")
    assert report.verdict == "wrong" and "shape" in report.kinds()
