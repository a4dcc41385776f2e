"""Layers as people write them are read and judged: right ones get no finding, and wrong ones get theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nnmath

HERE = Path(__file__).parent
NORM, COLUMNS = "x: n D, gamma: D, beta: D", "A: D n, W: H D, b: H"
REGRESSION = {
    "against": "P = softmax(X @ W)\nL = -sum(log(P[i, y[i]]) for i in n)/n + reg*sum(W**2)",
    "inputs": "W: D C, X: n D, y: n int<C, reg: real",
}
RIDGE = {"against": "sum((X@w - y)**2) + lam*sum(w**2)", "inputs": "X: n d, y: n, w: d, lam: positive"}
MLP, ROTARY = "x: n D, w1: D H, w2: H D", "x: n 4, cos_: n 2, sin_: n 2"

#: The code, what it is verified with, the verdict, the kinds of finding.
NUMPY: list[tuple[str, dict[str, Any], str, tuple[str, ...]]] = [
    ("layernorm", {"against": "layernorm"}, "proved", ()),
    ("LayerNorm", {"against": "layernorm"}, "proved", ()),
    ("softmax_regression", REGRESSION, "proved", ()),
    ("softmax_regression_half", REGRESSION, "wrong", ("value",)),
    ("ridge", RIDGE, "proved", ()),
    ("ridge_of_norms", RIDGE, "wrong", ("value",)),
    ("tanh_layer", {"inputs": "x: n D, w: D H, b: H"}, "proved", ()),
    ("Accumulating", {"against": "dense"}, "proved", ()),
    ("Columns", {"inputs": COLUMNS}, "proved", ()),
    ("Propagating", {"against": "dense"}, "proved", ()),
    ("Stored", {"against": "dense"}, "proved", ()),
    ("StoredWithoutBias", {"against": "dense"}, "wrong", ("value",)),
    ("Softmax", {"against": "softmax"}, "agrees", ()),
    ("SoftmaxDiagonal", {"against": "softmax"}, "wrong", ("missing-term",)),
    ("SoftmaxWithLoss", {"against": "softmax-ce"}, "unstable", ("epsilon",)),
    ("MSELoss", {"against": "mse"}, "proved", ()),
    ("TwoLayerNet", {"against": "mlp-softmax"}, "proved", ()),
    ("TwoLayerNetSum", {"against": "mlp-softmax"}, "wrong", ("value",)),
]
TORCH: list[tuple[str, dict[str, Any], str, tuple[str, ...]]] = [
    ("ByHand", {"inputs": MLP}, "proved", ()),
    ("ByHandLinear", {"inputs": MLP}, "wrong", ()),
    ("Rotary", {"inputs": ROTARY}, "proved", ()),
    ("RotaryForward", {"inputs": ROTARY}, "wrong", ()),
    ("cross_entropy", {"against": "softmax-ce"}, "proved", ()),
]


def judged(file: str, name: str, options: dict[str, Any]) -> nnmath.Report:
    return nnmath.verify(f"{HERE / file}:{name}", dtypes=("float64",), **options)


@pytest.mark.parametrize(("name", "options", "verdict", "kinds"), NUMPY, ids=[row[0] for row in NUMPY])
def test_numpy(name: str, options: dict[str, Any], verdict: str, kinds: tuple[str, ...]) -> None:
    report = judged("homework_layers.py", name, options)
    assert report.verdict == verdict and (not kinds or report.kinds() == kinds), str(report)
    assert report.passed or report.findings


@pytest.mark.parametrize(("name", "options", "verdict", "kinds"), TORCH, ids=[row[0] for row in TORCH])
def test_torch(name: str, options: dict[str, Any], verdict: str, kinds: tuple[str, ...]) -> None:
    pytest.importorskip("torch", reason="this is torch code; type: pip install torch")
    report = judged("homework_torch.py", name, options)
    assert report.verdict == verdict and (not kinds or report.kinds() == kinds), str(report)
    assert report.passed or report.findings


def test_gradients_that_nobody_finds_are_not_passed_over() -> None:
    report = judged("homework_layers.py", "Elsewhere", {"inputs": COLUMNS})
    said = "the gradient of W: it is not returned, in no attribute such as dW, and not applied in an update"
    assert said in report.not_tested, str(report)


def test_gradients_in_grad_are_not_passed_over() -> None:
    pytest.importorskip("torch", reason="this is torch code; type: pip install torch")
    report = judged("homework_torch.py", "IntoGrad", {"inputs": MLP})
    assert any(line.startswith("the gradient of w1, w2: it is not returned") for line in report.not_tested)
