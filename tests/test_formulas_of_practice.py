"""Losses, layers and penalties as people type them: what comes out reads as in a textbook, and all of it is proved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnmath
from nnmath.calculus.parser import ParseError

#: name: definitions, arrays, some of the results
FORMULAS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "Huber": (
        "mean(where(abs(X@w - y) > c, c*(abs(X@w - y) - c/2), (X@w - y)**2/2))",
        "X: n d, w: d, y: n, c: positive",
        ("X_ie (Σ_r X_ir w_r − y_i) otherwise",),
    ),
    "hinge": (
        "mean(maximum(0, 1 - y*(X @ w + b))) + lam/2*sum(w**2)",
        "X: n d, w: d, b: real, y: n, lam: positive",
        ("∂L/∂w = λ w − Xᵀ (y ⊙ [1 − y ⊙ (X w + b 1) > 0])/n",),
    ),
    "lasso": (
        "sum((X@w - y)**2)/2 + lam*sum(abs(w))",
        "X: n d, w: d, y: n, lam: positive",
        ("∂L/∂w = Xᵀ (X w − y) + λ ([w > 0] − [w < 0])",),
    ),
    "a normalisation of rows by name": (
        "r = sqrt(mean(X**2, axis=1, keepdims=True) + eps); H = X/r; Y = H*g; L = upstream(dY, Y)",
        "X: n d, g: d, dY: n d, eps: positive",
        (
            "dX = diag(r)⁻¹ (dH − diag((H ⊙ dH) 1) H/d)",
            "dX_ij = (dH_ij − (H_ij/d) Σ_q H_iq dH_iq) / r_i",
            "dg = (H ⊙ dY)ᵀ 1",
        ),
    ),
    "rows of length 1": (
        "r = norm(X, axis=1, keepdims=True); H = X/r; sum(H*G)",
        "X: n d, G: n d",
        ("∂L/∂X = diag(r)⁻¹ (G − diag((G ⊙ H) 1) H)",),
    ),
    "a temperature": (
        "S = A @ B.T / tau; -mean(S[i,i] - logsumexp(S)[i] for i in n)",
        "A: n d, B: n d, tau: positive",
        ("dS = (softmax(S) − I)/n", "dτ = −⟨S, dS⟩_F/τ"),
    ),
    "a sum inside of a sum": (
        "V = softmax(X@W); 1 - mean(sum(V**2, axis=1))",
        "X: n d, W: d k",
        ("dW = Xᵀ (V ⊙ (dV − (V ⊙ dV) 1 1ᵀ))", "dW_ej = Σ_i X_ie V_ij (dV_ij − Σ_r V_ir dV_ir)"),
    ),
    "a relative error": ("norm(X@w - y)/norm(y)", "X: n d, w: d, y: n", ("L = ‖X w − y‖/‖y‖",)),
    "reciprocals": (
        "sum(w/x) + sum(1/x)",
        "x: n positive, w: n",
        ("L = 1ᵀ (1 ⊘ x) + 1ᵀ (w ⊘ x)", "∂L/∂w = 1 ⊘ x"),
    ),
    "distances of points apart": (
        "-sum(log(abs(x[i] - x[j]) + delta(i, j)) for i in n for j in n if j != i)",
        "x: n",
        (),
    ),
    "products without one factor": (
        "sum(w[i]*prod(x[j] for j in n if j != i) for i in n)",
        "x: n positive, w: n",
        ("L = wᵀ exp((1 − I) log x)",),
    ),
    "a product of differences": (
        "prod(x[i] - x[j] for i in 3 for j in 3 if j < i)",
        "x: 3",
        ("L = (x_{1} − x_{0}) (x_{2} − x_{0}) (x_{2} − x_{1})",),
    ),
    "products along rows": (
        "sum(w[i]*prod(X[i, k] for k in 2) for i in n)",
        "X: n 2, w: n",
        ("∂L/∂w_i = X_i0 X_i1",),
    ),
    "a softmax without a name": (
        "-sum(Y*log(softmax(X@W)))/n",
        "X: n d, W: d C, Y: n C rows",
        ("P = softmax(X W)", "L = −⟨Y, log P⟩_F/n", "∂L/∂W = Xᵀ (P − Y)/n"),
    ),
    "a softmax of a softmax, its name taken": (
        "sum((softmax(softmax(Z)) - P)**2) + sum(softmax(Z)**2)",
        "Z: n C, P: n C",
        ("S = softmax(Z)", "A = softmax(S)", "L = ‖S‖_F² + ‖A − P‖_F²"),
    ),
    "a softmax that has a name": (
        "Q = softmax(Z)  # over classes\nsum(softmax(Z)*T)",
        "Z: n C, T: n C",
        ("over classes", "∂L/∂Z = Q ⊙ (T − (Q ⊙ T) 1 1ᵀ)"),
    ),
}


#: What to differentiate in, where it is not all of the arrays.
WRT = {"a normalisation of rows by name": ["X", "g"], "a sum inside of a sum": ["W"]}


@pytest.mark.parametrize("name", FORMULAS)
def test_what_people_type(name: str) -> None:
    formula, given, wanted = FORMULAS[name]
    page = nnmath.derive(formula, given=given, wrt=WRT.get(name, ()))
    text = " ".join(str(page).split())
    for result in wanted:
        assert result in text, str(page)
    assert page.derivation.proved, str(page)


def test_a_softmax_of_one_row_of_a_loop_keeps_its_place() -> None:
    """It has an index from outside, so that it is no array of its own."""
    page = nnmath.derive("sum(softmax(w*X[i, 0])[j]*w[j] for i in n for j in d)", given="X: n d, w: d", wrt="w")
    assert [d.name for d in page.derivation.definitions] == ["L"] and page.derivation.proved


def test_a_product_over_indices_in_code() -> None:
    page = nnmath.derive("prod(x[j] for j in n if j != s)", given="x: n positive, s: int<n", wrt="x")
    space: dict[str, Any] = {}
    exec(page.numpy_source(), space)
    x = np.array([2.0, 3.0, 0.5])
    assert np.isclose(space["expression"](x, np.array(1)), 1.0)
    assert np.allclose(space["expression_gradient"](x, np.array(1)), [0.5, 0, 2])


REFUSED = {
    "sum(abs(i - j)*A[i, j] for i in n for j in n)": "inside brackets only(.|\n)*give an array, u: n(.|\n)*B",
    "prod(x[i] for i in n)": "positive entries only(.|\n)*declare x: n positive",
    "sum(1/(x[j] - x[s]) for j in n if j != s)": "the term has no value where j = s",
    "prod(1/(x[i] - x[j]) for i in n for j in n if j != i)": "the term has no value where j = i",
}


@pytest.mark.parametrize("formula", REFUSED)
def test_what_is_refused_says_what_to_type(formula: str) -> None:
    with pytest.raises(ParseError, match=REFUSED[formula]):
        nnmath.derive(formula, given="x: n, A: n n, s: int<n")


def test_a_gradient_whose_name_is_taken_gets_another() -> None:
    page = nnmath.derive("sum((x + dx)**2*dx)", given="x: n, dx: n", wrt=["x", "dx"])
    assert [r.name for r in page.results] == ["dL_dx", "ddx"] and page.derivation.proved
    space: dict[str, Any] = {}
    exec(page.numpy_source(), space)
    x, dx = np.array([1.0, 2.0]), np.array([0.5, -1.0])
    assert np.allclose(space["expression_gradient"](x, dx)[0], 2 * (x + dx) * dx)


def test_a_definition_may_be_called_as_the_gradient_of_another() -> None:
    page = nnmath.derive(
        "u = tanh(a*x + b); du = a*(1-u**2); sum((du + u)**2 + u**3)",
        given="x: n, a: real, b: real",
        wrt=["a", "b"],
    )
    assert {r.name for r in page.results} == {"ddu", "dL_du", "da", "db"} and page.derivation.proved
    assert "∂L/∂u = dL_du, shape n" in str(page)


def test_an_expression_that_has_an_upstream_gradient_is_to_be_named() -> None:
    with pytest.raises(ParseError, match=r"Y = x \* tanh\(x\); L = upstream\(dY, Y\)"):
        nnmath.derive("upstream(dy, x*tanh(x))", given="x: n, dy: n")
