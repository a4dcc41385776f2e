"""Norms of rows that are computed but have no name, as people type them: squares that leave the range do no harm."""

from __future__ import annotations

import numpy as np
import pytest
from compiler_here import needs_compiler

import nnmath
from nnmath.numeric.accuracy.implementations import Subject, implementation

#: A formula, its givens.
FORMULAS = {
    "a distance": ("sqrt(sum((a - b)**2))", "a: d, b: d"),
    "a norm of residuals": ("norm(X@w - y)", "X: n d, w: d, y: n"),
    "root mean square error": ("sqrt(mean((p - y)**2))", "p: n, y: n"),
    "distances of rows": ("mean(sqrt(sum((A - B)**2, axis=1)))", "A: n d, B: n d"),
    "a triplet loss": (
        "mean(maximum(0, sqrt(sum((A - P)**2, axis=1)) - sqrt(sum((A - N)**2, axis=1)) + 1))",
        "A: n d, P: n d, N: n d",
    ),
    "a contrastive loss": (
        "D = norm(A - B, axis=1); mean(y*D**2 + (1 - y)*maximum(0, m - D)**2)",
        "A: n d, B: n d, y: n unit, m: positive",
    ),
    "a cosine": ("1 - sum(a*b)/(sqrt(sum(a**2))*sqrt(sum(b**2)))", "a: d, b: d"),
}


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e18])
@pytest.mark.parametrize("target", ["numpy", pytest.param("c", marks=needs_compiler)])
@pytest.mark.parametrize("name", FORMULAS)
def test_a_norm_in_float32_is_that_in_float64(name: str, target: str, scale: float) -> None:
    """Also where squares overflow in float32, or vanish, although the result is an ordinary number."""
    text, given = FORMULAS[name]
    derivation = nnmath.derive(text, given=given).derivation
    rng = np.random.default_rng(5)
    values = {"m": np.float32(0.5), "y": rng.random(6)} if "unit" in given else {}
    for t in derivation.givens:
        data = scale if t.name not in ("X", "w") else scale**0.5
        shape = tuple({"n": 6, "d": 5}[str(k)] for k in t.dims)
        values.setdefault(t.name, data * rng.standard_normal(shape))
    narrow = {n: np.asarray(v, dtype=np.float32) for n, v in values.items()}
    found = implementation(target, Subject(derivation), "float32")(narrow)
    wide = implementation(target, Subject(derivation), "float64")
    for n, exact in wide({n: v.astype(np.float64) for n, v in narrow.items()}).items():
        with np.errstate(over="ignore", under="ignore"):
            np.testing.assert_allclose(found[n], exact.astype(np.float32), rtol=1e-5, atol=1e-6 * np.abs(exact).max())


#: Formulas in which no row is to be named: one array alone is scaled itself, a product of tables has no rows.
UNNAMED = {
    "less its mean": ("sqrt(mean((x - mean(x))**2))", "x: n"),
    "all pairs": ("mean(sqrt(sum((A[i,k] - B[j,k])**2 for k in d) + 1) for i in n for j in m)", "A: n d, B: m d"),
    "no root": ("sum((a - b)**2)", "a: d, b: d"),
}


@pytest.mark.parametrize("name", UNNAMED)
def test_other_differences_get_no_scale(name: str) -> None:
    text, given = UNNAMED[name]
    assert "difference_scale" not in nnmath.derive(text, given=given).numpy_source()


def test_a_difference_with_a_scale_is_computed_once() -> None:
    """Also where the derivative by the other array has the opposite sign, and under the name that a user took."""
    text, given = FORMULAS["distances of rows"]
    source = nnmath.derive(text, given=given).numpy_source()
    gradient = source[source.index("def _expression_gradient_rows") :]
    assert gradient.count("difference = A - B") == 1 and "B - A" not in gradient
    taken = nnmath.derive(text.replace("A", "difference"), given=given.replace("A", "difference")).numpy_source()
    assert "difference2 = difference - B" in taken or "difference2 = -B + difference" in taken
