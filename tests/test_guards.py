"""Bounds that only keep a computation finite, masks with the other slope at a kink, and bounds that are meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnmath
from nnmath.verification.report import OFF_KINKS_ONLY, WITHOUT_GUARDS

LAYER = "x: n d"


def layer(forward: Callable[[Any], Any], slope: Callable[[Any], Any]) -> type:
    """A layer whose backward multiplies the upstream gradient by a slope at the input."""

    class Layer:
        def forward(self, x: Any) -> Any:
            self.x = x
            return forward(x)

        def backward(self, g: Any) -> Any:
            return g * slope(self.x)

    return Layer


def hardtanh(x: Any) -> Any:
    return np.clip(x, -1, 1)


def relu6(x: Any) -> Any:
    return np.clip(x, 0, 6)


def relu20(x: Any) -> Any:
    return np.minimum(np.maximum(x, 0), 20)


def log_std(x: Any) -> Any:
    return np.exp(np.clip(x, -20, 2))


EVERYWHERE = {
    "hardtanh": layer(hardtanh, lambda x: (x > -1) & (x < 1)),
    "hardtanh, |x| < 1": layer(hardtanh, lambda x: np.abs(x) < 1),
    "relu6": layer(relu6, lambda x: np.where((x > 0) & (x < 6), 1, 0)),
    "far bounds that are meant": layer(lambda x: np.clip(x, -50, 50), lambda x: np.abs(x) < 50),
}
OFF_KINKS = {
    "relu, x ≥ 0": (layer(lambda x: np.maximum(x, 0), lambda x: x >= 0), {"x_ij = 0"}),
    "hardtanh, both borders": (layer(hardtanh, lambda x: (x >= -1) & (x <= 1)), {"x_ij = 1", "x_ij = −1"}),
    "hardtanh, one border": (layer(hardtanh, lambda x: (x > -1) & (x <= 1)), {"x_ij = 1"}),
    "relu6, one border": (layer(relu6, lambda x: (x > 0) & (x <= 6)), {"x_ij = 6"}),
    "abs": (layer(np.abs, lambda x: np.where(x >= 0, 1, -1)), {"x_ij = 0"}),
}
WRONG = {
    "hardtanh without a mask": layer(hardtanh, np.ones_like),
    "relu6 with half a mask": layer(relu6, lambda x: x > 0),
    "relu20 with half a mask": layer(relu20, lambda x: x > 0),
    "a standard deviation without a mask": layer(log_std, lambda x: np.exp(np.clip(x, -20, 2))),
    "a border elsewhere": layer(hardtanh, lambda x: (x > -1) & (x < 2)),
}


@pytest.mark.parametrize("name", EVERYWHERE)
def test_a_mask_that_fits_is_proved(name: str) -> None:
    report = nnmath.verify(EVERYWHERE[name], inputs=LAYER)
    assert report.verdict == "proved" and not report.guards
    assert all(p.kinks == () for p in report.proofs)


@pytest.mark.parametrize("name", OFF_KINKS)
def test_a_mask_with_the_other_slope_is_proved_off_the_kinks(name: str) -> None:
    code, kinks = OFF_KINKS[name]
    report = nnmath.verify(code, inputs=LAYER)
    assert report.verdict == "proved"
    assert set(report.proofs[0].kinks) == kinks
    assert OFF_KINKS_ONLY in str(report) and "except where" in str(report)


@pytest.mark.parametrize("name", WRONG)
def test_a_mask_that_is_missing_is_named(name: str) -> None:
    report = nnmath.verify(WRONG[name], inputs=LAYER)
    assert report.verdict == "wrong" and not report.guards
    assert report.findings[0].kind == "mask", str(report)


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-np.clip(z, -500, 500)))


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def bce(z: Any, t: Any) -> Any:
    p = sigmoid(z)
    return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))


def bce_kept(z: Any, t: Any) -> Any:
    p = np.clip(1 / (1 + np.exp(-z)), 1e-7, 1 - 1e-7)
    return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))


def ce_kept(z: Any, y: Any) -> Any:
    return -np.sum(y * np.log(np.clip(softmax(z), 1e-12, 1 - 1e-12))) / len(z)


def ce_above(z: Any, y: Any) -> Any:
    return -np.sum(y * np.log(np.maximum(softmax(z), 1e-12))) / len(z)


def bce_gradient(z: Any, t: Any) -> Any:
    return (sigmoid(z) - t) / z.size


def ce_gradient(z: Any, y: Any) -> Any:
    return (softmax(z) - y) / len(z)


BINARY, ROWS = "z: n, t: n", "z: n C, y: n C onehot"
GUARDED = {
    "the logits": (bce, bce_gradient, BINARY, "clip(…, -500, 500)"),
    "the probability": (bce_kept, bce_gradient, BINARY, "clip(…, 1e-07, 0.9999999)"),
    "all probabilities": (ce_kept, ce_gradient, ROWS, "clip(…, 1e-12, 0.999999999999)"),
    "from below": (ce_above, ce_gradient, ROWS, "maximum(…, 1e-12)"),
}


@pytest.mark.parametrize("name", GUARDED)
def test_the_gradient_without_a_guard_is_proved_and_says_so(name: str) -> None:
    forward, backward, inputs, guard = GUARDED[name]
    report = nnmath.verify(backward, against=forward, inputs=inputs)
    assert report.verdict == "proved", str(report)
    assert guard in report.guards and f"read without {guard}" in report.reference
    assert WITHOUT_GUARDS in str(report) and "is read as a guard" in str(report)


@pytest.mark.parametrize("name", GUARDED)
@pytest.mark.parametrize("slip", [lambda g: -g, lambda g: 2 * g, lambda g: g * len(g)], ids=["sign", "twice", "sum"])
def test_a_guard_excuses_nothing_else(name: str, slip: Callable[[Any], Any]) -> None:
    forward, backward, inputs, _ = GUARDED[name]

    def spoiled(z: Any, t: Any) -> Any:
        return slip(backward(z, t))

    report = nnmath.verify(spoiled, against=forward, inputs=inputs)
    assert report.verdict == "wrong" and not report.guards


def scaled_down(g: Any, most: float) -> Any:
    return g * np.minimum(1, most / np.linalg.norm(g))


CLIPPED = {
    "near bounds": (lambda g: np.clip(g, -5, 5), "its entries are clipped at -5 from below and 5 from above"),
    "far bounds": (lambda g: np.clip(g, -50, 60), "its entries are clipped at -50 from below and 60 from above"),
    "one bound": (lambda g: np.minimum(g, 2), "its entries are clipped at 2 from above"),
    "a norm": (lambda g: scaled_down(g, 3), "it is scaled down to a norm of 3 where its norm is larger"),
}


@pytest.mark.parametrize("name", CLIPPED)
def test_a_gradient_that_is_clipped_where_it_is_made_is_named(name: str) -> None:
    clip, said = CLIPPED[name]

    class Linear:
        def forward(self, X: Any, W: Any) -> Any:
            self.X, self.W = X, W
            return X @ W

        def backward(self, dY: Any) -> Any:
            dX = dY @ self.W.T
            dW = self.X.T @ dY
            return dX, clip(dW)

    report = nnmath.verify(Linear, inputs="X: n D, W: D H")
    assert report.verdict == "wrong"
    assert [f.kind for f in report.findings] == ["contract"]
    assert f"dW: {said}" in report.findings[0].message


def hinge_of_classes(W: Any, X: Any, y: Any) -> Any:
    """The multiclass hinge loss as courses teach it."""
    n = len(X)
    S = X @ W
    margins = np.maximum(0, S - S[np.arange(n), y][:, None] + 1)
    margins[np.arange(n), y] = 0
    return margins.sum() / n


def of_margins(W: Any, X: Any, y: Any) -> Any:
    n = len(X)
    S = X @ W
    margins = np.maximum(0, S - S[np.arange(n), y][:, None] + 1)
    margins[np.arange(n), y] = 0
    counted = (margins > 0).astype(float)
    counted[np.arange(n), y] = -counted.sum(axis=1)
    return X.T @ counted / n


def of_margins_from_zero_on(W: Any, X: Any, y: Any) -> Any:
    n = len(X)
    S = X @ W
    counted = (S - S[np.arange(n), y][:, None] + 1 >= 0).astype(float)
    counted[np.arange(n), y] = 0
    counted[np.arange(n), y] = -counted.sum(axis=1)
    return X.T @ counted / n


def of_margins_and_the_own_one(W: Any, X: Any, y: Any) -> Any:
    n = len(X)
    S = X @ W
    counted = (S - S[np.arange(n), y][:, None] + 1 >= 0).astype(float)
    counted[np.arange(n), y] = -counted.sum(axis=1)
    return X.T @ counted / n


@pytest.mark.parametrize(
    ("backward", "verdict", "off_kinks"),
    [
        (of_margins, "proved", False),
        (of_margins_from_zero_on, "proved", True),
        (of_margins_and_the_own_one, "wrong", False),
    ],
)
def test_masks_inside_of_sums(backward: Callable[..., Any], verdict: str, off_kinks: bool) -> None:
    report = nnmath.verify(backward, against=hinge_of_classes, inputs="W: d C, X: n d, y: n int<C")
    assert report.verdict == verdict
    assert any(p.kinks for p in report.proofs) is off_kinks
