"""Losses as people type them: the code computes what the formula says, and saturated rows keep their digits."""

from __future__ import annotations

import numpy as np
import pytest
from compiler_here import needs_compiler

import nnmath
from nnmath.numeric.accuracy.implementations import Subject, implementation

DISTILLATION = "P = softmax(S/T); Q = softmax(R/T); T**2*sum(Q*(log(Q) - log(P)))/n"
#: A formula, its givens.
FORMULAS = {
    "distillation": (DISTILLATION, "S: n C, R: n C, T: positive"),
    "Brier score": ("P = softmax(Z); mean(sum((P - Y)**2, axis=1))", "Z: n C, Y: n C rows"),
    "entropy": ("P = softmax(Z); -mean(sum(P*log(P), axis=1))", "Z: n C"),
    "smoothed labels": ("P = softmax(Z); -mean(sum(((1 - s)*Y + s/C)*log(P), axis=1))", "Z: n C, Y: n C rows, s: unit"),
    "focal": ("P = softmax(Z); -mean(sum(Y*(1 - P)**2*log(P), axis=1))", "Z: n C, Y: n C rows"),
    "geometric mean": ("exp(mean(log(x)))", "x: n positive"),
    "a soft overlap": ("p = sigmoid(z); 1 - 2*sum(p*t)/(sum(p) + sum(t))", "z: n, t: n unit"),
}


def drawn(given: str, scale: float = 1.0) -> dict[str, np.ndarray]:
    """Values for these arrays."""
    rng, found = np.random.default_rng(2), {}
    for part in given.split(", "):
        name, dims = part.split(": ")
        shape = tuple({"n": 5, "C": 4}[k] for k in dims.split() if k in ("n", "C"))
        x = scale * rng.standard_normal(shape)
        if "positive" in dims or "unit" in dims:
            x = 1 / (1 + np.exp(-rng.standard_normal(shape)))
        if "rows" in dims:
            x = np.exp(rng.standard_normal(shape))
            x /= x.sum(axis=1, keepdims=True)
        found[name] = np.asarray(x)
    return found


@pytest.mark.parametrize("target", ["numpy", pytest.param("c", marks=needs_compiler)])
@pytest.mark.parametrize("name", FORMULAS)
def test_the_code_computes_what_the_formula_says(name: str, target: str) -> None:
    """Value and all gradients, which share what they read: none overwrites what another one needs."""
    text, given = FORMULAS[name]
    subject = Subject(nnmath.derive(text, given=given).derivation)
    values = drawn(given)
    said = implementation("naive", subject, "float64")(values)
    for n, found in implementation(target, subject, "float64")(values).items():
        np.testing.assert_allclose(found, said[n], rtol=1e-10, atol=1e-12 * np.abs(said[n]).max())


@pytest.mark.parametrize("name", ["entropy", "distillation"])
def test_saturated_rows_keep_their_digits(name: str) -> None:
    """Two probabilities that are both near 1, and a logarithm less its mean: float32 is as float64, entry by entry."""
    text, given = FORMULAS[name]
    subject = Subject(nnmath.derive(text, given=given).derivation)
    values = {n: v.astype(np.float32) for n, v in drawn(given, 12.0).items()}
    wide = implementation("numpy", subject, "float64")({n: v.astype(np.float64) for n, v in values.items()})
    for n, found in implementation("numpy", subject, "float32")(values).items():
        if found.ndim == 2:
            np.testing.assert_allclose(found, wide[n], rtol=1e-4)


def test_rows_of_logarithms_are_no_distribution() -> None:
    """1 − log P is not the sum of the other entries, nor is log Q − log P, whose rows do not sum to 0."""
    source = nnmath.derive(DISTILLATION, given=FORMULAS["distillation"][1]).numpy_source()
    assert "_complement(" not in source
    assert "p=u" not in source and "_zero_sum(u" not in source
