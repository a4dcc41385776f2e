"""Maxima over an axis that stay, by the places where they are reached: derived, proved, and by finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

import nnmath
from nnmath.calculus.parser import ParseError

Array = NDArray[np.float64]
X = np.random.default_rng(5).normal(size=(4, 3))
x = np.random.default_rng(6).normal(size=4)

#: definitions, arrays, a result, the places, the value in NumPy of X and x
MAXIMA: dict[str, tuple[str, str, str, Callable[[], dict[str, Array]], Callable[[Array, Array], float]]] = {
    "rows": (
        "sum(max(X, axis=1))",
        "X: n d",
        "∂L/∂X = onehot(s)",
        lambda: {"s": X.argmax(axis=1)},
        lambda X, x: X.max(axis=1).sum(),
    ),
    "a name for it": (
        "top = np.max(X, axis=1); mean((x - top)**2)",
        "X: n d, x: n",
        "∂L/∂X = 2 diag(top − x) onehot(s)/n",
        lambda: {"s": X.argmax(axis=1)},
        lambda X, x: np.mean((x - X.max(axis=1)) ** 2),
    ),
    "kept axes": (
        "sum((X - X.max(axis=1, keepdims=True))**2)",
        "X: n d",
        "∂L/∂m_i",
        lambda: {"s": X.argmax(axis=1)},
        lambda X, x: ((X - X.max(axis=1, keepdims=True)) ** 2).sum(),
    ),
    "columns of what is computed": (
        "sum(np.amin(tanh(X), axis=0)**2)",
        "X: n d",
        "A = tanh(X)",
        lambda: {"s": X.argmin(axis=0)},
        lambda X, x: (np.tanh(X).min(axis=0) ** 2).sum(),
    ),
    "all of a vector, twice": (
        "(max(x) - min(x))**2",
        "x: n",
        "∂L/∂x_i = 2 δ_is (m − M) + 2 δ_ik (M − m)",
        lambda: {"s": x.argmax(), "k": x.argmin()},
        lambda X, x: (x.max() - x.min()) ** 2,
    ),
}


@pytest.mark.parametrize("name", MAXIMA)
def test_a_maximum_by_its_place(name: str) -> None:
    formula, given, result, places, value = MAXIMA[name]
    page = nnmath.derive(formula, given=given)
    text = " ".join(str(page).split())
    assert page.derivation.proved and result in text, text
    assert "Where two entries tie for it there is no derivative" in text and "is reached: " in text
    space: dict[str, Callable[..., tuple[Array, ...]]] = {}
    exec(page.numpy_source(), space)
    inputs = {"X": X, "x": x}
    mine = [t.name for t in page.derivation.givens if t.name in inputs]
    assert np.isclose(space["expression"](*(inputs[n] for n in mine), **places()), value(X, x))
    found = space["expression_gradient"](*(inputs[n] for n in mine), **places())
    for gradient, n in zip([found] if isinstance(found, np.ndarray) else found, mine, strict=True):
        for place in np.ndindex(gradient.shape):
            sides = []
            for step in (1e-6, -1e-6):
                moved = {k: v.copy() for k, v in inputs.items()}
                moved[n][place] += step
                sides.append(value(moved["X"], moved["x"]))
            assert np.isclose(gradient[place], (sides[0] - sides[1]) / 2e-6, rtol=1e-6, atol=1e-8)


def test_what_an_axis_says_of_ties() -> None:
    assert "as PyTorch's does along an axis" in " ".join(
        str(nnmath.derive("sum(max(X, axis=1))", given="X: n d")).split()
    )
    assert "over all entries shares it out" in " ".join(str(nnmath.derive("max(x)", given="x: n")).split())


def test_names_that_are_taken_and_lines_that_go_on() -> None:
    page = nnmath.derive("k = sum(\n    max(\n        s, axis=1)\n)\nk**2", given="s: n m")
    assert page.derivation.proved and "∂k/∂s" not in str(page) and "onehot(q)" in str(page)


@pytest.mark.parametrize(
    "formula",
    ["max(X)", "sum(max(X[i, k] for k in d) for i in n)", "sum(max(X*X[i, 0], axis=1)[i] for i in n)"],
)
def test_several_axes_have_no_place(formula: str) -> None:
    with pytest.raises(ParseError, match=r"does not cancel(.|\n)*X\[i, s\[i\]\] with labels"):
        nnmath.derive(f"sum({formula}**2)", given="X: n d")


REDUCTIONS = {
    "prod(x)": ("x: n positive", "∂L/∂x_i = L/x_i"),
    "sum(prod(X, axis=1))": ("X: n 2", "∂L/∂X_iu = δ_u0 X_i1 + δ_u1 X_i0"),
    "sum(cumsum(x)*y)": ("x: n, y: n", "∂L/∂x_i = Σ_j y_j [i ≤ j]"),
    "sum(X.std(axis=0))": ("X: n d", "∂L/∂X = (X − 1 1ᵀ X/n) diag(√(((X − 1 1ᵀ X/n)^⊙2)ᵀ 1))⁻¹/√n"),
    "std = mean(x); std**2": ("x: n", "∂L/∂x_i = 2 std/n"),
}


@pytest.mark.parametrize("formula", REDUCTIONS)
def test_products_deviations_and_running_sums(formula: str) -> None:
    given, result = REDUCTIONS[formula]
    page = nnmath.derive(formula, given=given)
    assert page.derivation.proved and result in " ".join(str(page).split()), str(page)


REFUSED = {
    "prod(x)": "known for positive entries only(.|\n)*declare x: n positive",
    "cumsum(X)": "cumsum runs along one axis",
    "log(det(A))": "det has no formula of entries(.|\n)*transposed inverse",
    "sum(np.linalg.inv(A))": "inv has no formula of entries",
    "sum(argmax(X, axis=1))": r"argmax has no formula(.|\n)*X\[i, s\[i\]\]",
    "sum(sort(x))": "sort has no formula",
    "sum(foo(x))": "function foo is not known here",
}


@pytest.mark.parametrize("formula", REFUSED)
def test_what_is_not_known_says_what_to_do(formula: str) -> None:
    with pytest.raises(ParseError, match=REFUSED[formula]):
        nnmath.derive(formula, given="x: n, X: n d, A: n n")
