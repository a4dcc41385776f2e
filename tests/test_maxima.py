"""Maxima over an axis that stay, by the places where they are reached: derived, proved, and by finite differences."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import nnmath
from nnmath.calculus.parser import ParseError

Array = NDArray[np.float64]
X = np.random.default_rng(5).normal(size=(4, 3))
x = np.random.default_rng(6).normal(size=4)
SQUARE = np.random.default_rng(7).normal(size=(4, 4))
LABELS = np.array([0, 1, 0, 1])
SAME = LABELS[:, None] == LABELS

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
        "∂L/∂x_i = 2 δ_is (m − M) + 2 δ_it (M − m)",
        lambda: {"s": x.argmax(), "t": x.argmin()},
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
    assert page.derivation.proved and "∂k/∂s" not in str(page) and "onehot(t)" in str(page)


#: definitions, arrays by name, a result, the value in NumPy of what is given
SEVERAL: dict[str, tuple[str, str, dict[str, Array], str, Callable[..., float]]] = {
    "all of a matrix": ("max(X)**2", "X: n d", {"X": X}, "∂L/∂X_ie = 2 δ_is δ_et m", lambda X: X.max() ** 2),
    "of what is computed": (
        "H = X/max(abs(X)); sum(H*Y)",
        "X: n d, Y: n d",
        {"X": X, "Y": np.tanh(X)},
        "m = A_st",
        lambda X, Y: (X / np.abs(X).max() * Y).sum(),
    ),
    "two axes of three": (
        "sum(amin(X, axis=(0, 1))*w)",
        "X: B n d, w: d",
        {"X": np.random.default_rng(8).normal(size=(2, 4, 3)), "w": X[0]},
        "∂L/∂X_irk = δ_{i,s_k} δ_{r,t_k} w_k",
        lambda X, w: (X.min(axis=(0, 1)) * w).sum(),
    ),
    "a generator": (
        "max(x[i]*y[j] for i in n for j in m)",
        "x: n, y: m",
        {"x": x, "y": X[1]},
        "dx = dA y",
        lambda x, y: np.outer(x, y).max(),
    ),
    "a generator in a sum": (
        "sum(max(X[k, i] for k in n)**2 for i in d)",
        "X: n d",
        {"X": X},
        "m_i = X_{s_i,i}",
        lambda X: (X.max(axis=0) ** 2).sum(),
    ),
    "a line of its own": (
        "t[i] = min(X[i, k] for k in d)  # the least\nsum(t**2)/2 + sum(min(X[j, k] for k in d) for j in n)",
        "X: n d",
        {"X": X},
        "∂L/∂X = diag(1 + t) onehot(s)",
        lambda X: (X.min(axis=1) ** 2 / 2 + X.min(axis=1)).sum(),
    ),
    "what depends on an index outside": (
        "sum(max(X*X[i, 0], axis=1)[i] for i in n)",
        "X: n d",
        {"X": X},
        "m_ij = A_{i,j,s_ij}",
        lambda X: sum((X * X[i, 0]).max(axis=1)[i] for i in range(len(X))),
    ),
    "the hardest of a batch": (
        "mean(relu(g + max(D[i,j] for j in n if y[j] == y[i]) - min(D[i,j] for j in n if y[j] != y[i])) for i in n)",
        "D: n n, y: n int<n, g: positive",
        {"D": SQUARE, "g": np.array(0.3)},
        "∂L/∂D = diag([m + g 1 − M > 0]) (onehot(s) − onehot(t))/n",
        lambda D, g: np.maximum(
            g + np.where(SAME, D, -np.inf).max(axis=1) - np.where(SAME, np.inf, D).min(axis=1), 0
        ).mean(),
    ),
}


#: What a maximum is of, where that is no array that is given.
MADE = {
    "of what is computed": np.abs(X),
    "a generator": np.outer(x, X[1]),
    "what depends on an index outside": X[:, :1, None] * X,
}


@pytest.mark.parametrize("name", SEVERAL)
def test_maxima_over_several_axes_and_over_generators(name: str) -> None:
    """The page proves, and its code has the right value and gradient at the places that its note says in NumPy."""
    formula, given, inputs, result, value = SEVERAL[name]
    page = nnmath.derive(formula, given=given, wrt=[*inputs])
    text = " ".join(str(page).split())
    assert page.derivation.proved and result in text, text
    space: dict[str, Any] = {}
    exec(page.numpy_source(), space)
    known: dict[str, Any] = {**inputs, "y": inputs.get("y", LABELS), "np": np, **_sizes(given, inputs)}
    known |= {"A": MADE.get(name)}
    places: dict[str, Array] = {}
    pattern = r"(\w+)(?: and (\w+))? says? where .* reached, (?:s, t = )?(.*?)\.(?: Here .*)? Where two .*"
    for note in page.derivation.conventions[1:]:
        said = re.fullmatch(pattern, note)
        assert said is not None, note
        found = eval(said[3], known | {"keep": ~SAME if "!=" in note else SAME})
        places |= dict(zip([n for n in said.groups()[:2] if n], found if said[2] else [found], strict=True))
    assert np.isclose(space["expression"](**inputs, **places), value(*inputs.values()))
    found = space["expression_gradient"](**inputs, **places)
    for gradient, of in zip(found if isinstance(found, tuple) else [found], inputs, strict=True):
        for place in np.ndindex(np.shape(gradient)):
            sides = []
            for step in (1e-6, -1e-6):
                moved = {k: v.copy() for k, v in inputs.items()}
                moved[of][place] += step
                sides.append(value(*moved.values()))
            assert np.isclose(np.asarray(gradient)[place], (sides[0] - sides[1]) / 2e-6, rtol=1e-6, atol=1e-8)


def _sizes(given: str, inputs: Mapping[str, Array]) -> dict[str, int]:
    shapes = (piece.partition(":") for piece in given.split(","))
    pairs = [(name.strip(), dims.split()) for name, _, dims in shapes]
    return {d: n for name, dims in pairs if name in inputs for d, n in zip(dims, inputs[name].shape, strict=False)}


def test_a_maximum_that_no_entry_stands_for_is_refused() -> None:
    with pytest.raises(ParseError, match=r"does not cancel(.|\n)*X\[i, s\[i\]\] with labels"):
        nnmath.derive("sum(max(X*X[i, 0], axis=1)*x for i in n)", given="X: n d, x: n")


def test_classes_that_are_only_compared() -> None:
    with pytest.raises(ParseError, match="only compared with each other may be any: y: n int<n"):
        nnmath.derive("sum(x[i]*x[j]*delta(y[i], y[j]) for i in n for j in n)", given="x: n, y: n int<C")


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
