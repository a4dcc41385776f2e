"""Sigmoid by its name: which quotients are one, which are not, that each is proved, and what a reader gets."""

from __future__ import annotations

import pytest
from sympy import Expr, Integer, exp

import nnmath
from nnmath.calculus.functions import sigmoid
from nnmath.calculus.logistic import named_sigmoid
from nnmath.calculus.prover import Prover
from nnmath.calculus.sums import bound_sum
from nnmath.calculus.tensors import Index, Tensor, dimension

n, d = dimension("n"), dimension("d")
i, a = Index("i", n), Index("a", d)
X, w, x, t = Tensor("X", (n, d)), Tensor("w", (d,)), Tensor("x", (n,)), Tensor("t", (n,))
u, v = x[i], t[i]
s = sigmoid(u)
SCORE = bound_sum(X[i, a] * w[a], a)

#: name, expression, what it is called
CASES: list[tuple[str, Expr, Expr]] = [
    ("the function", exp(u) / (1 + exp(u)), s),
    ("its other form", 1 / (1 + exp(-u)), s),
    ("of minus u", 1 / (1 + exp(u)), sigmoid(-u)),
    ("the derivative", exp(u) / (1 + exp(u)) ** 2, s * (1 - s)),
    ("the derivative, of minus u", exp(-u) / (1 + exp(-u)) ** 2, s * (1 - s)),
    ("a square", exp(2 * u) / (1 + exp(u)) ** 2, s**2),
    ("a cube of the other", 1 / (1 + exp(u)) ** 3, sigmoid(-u) ** 3),
    ("with factors", -v * exp(-u * v) / (1 + exp(-u * v)), -v * sigmoid(-u * v)),
    ("a line over it", (1 + exp(-u) + u * exp(-u)) / (1 + exp(-u)) ** 2, s * (1 + u * (1 - s))),
    ("in a sum", bound_sum(u / (1 + exp(-u)), i), bound_sum(u * s, i)),
    ("of a sum", 1 / (1 + exp(-SCORE)), sigmoid(SCORE)),
    ("both sides", 1 / (1 + exp(-u)) + 1 / (1 + exp(u)), Integer(1)),
    ("in a function", exp(u / (1 + exp(-u))), exp(u * s)),
    ("another number than 1", exp(u) / (2 + exp(u)), exp(u) / (2 + exp(u))),
    ("another exponential", exp(v) / (1 + exp(u)), exp(v) * sigmoid(-u)),
    ("a difference", exp(u) / (1 - exp(u)), exp(u) / (1 - exp(u))),
    ("a numerator", exp(u) * (1 + exp(u)), exp(u) * (1 + exp(u))),
]


@pytest.mark.parametrize(("expr", "called"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_it_is_called(expr: Expr, called: Expr) -> None:
    assert named_sigmoid(expr) == called
    assert Prover((), (X, w, x, t)).judge(expr, called).is_proved


FALSE = [
    ("the other side", exp(u) / (1 + exp(u)), sigmoid(-u)),
    ("no square", exp(u) / (1 + exp(u)) ** 2, s),
    ("another number", exp(u) / (2 + exp(u)), s),
    ("the sign of the line", (1 + exp(-u) + u * exp(-u)) / (1 + exp(-u)) ** 2, s * (1 - u * (1 - s))),
]


@pytest.mark.parametrize(("expr", "called"), [c[1:] for c in FALSE], ids=[c[0] for c in FALSE])
def test_what_it_is_not_called_is_refuted(expr: Expr, called: Expr) -> None:
    assert Prover((), (x,)).judge(expr, called).kind == "refuted"


READ = [
    ("sum(log(1 + exp(-y*(X @ w))))", "−Xᵀ (y ⊙ σ(−(X w) ⊙ y))"),
    ("sum(y*log(1/(1 + exp(-X @ w))) + (1 - y)*log(1 - 1/(1 + exp(-X @ w))))", "Xᵀ (y − σ(X w))"),
    ("sum(y*log(sigmoid(X @ w)) + (1 - y)*log(1 - sigmoid(X @ w)))", "Xᵀ (y − σ(X w))"),
]


@pytest.mark.parametrize(("formula", "gradient"), READ)
def test_a_gradient_of_logistic_regression_reads_as_in_textbooks(formula: str, gradient: str) -> None:
    page = nnmath.derive(formula, given="X: n d\nw: d\ny: n", wrt="w")
    assert page.proved
    assert f"∂L/∂w = {gradient} " in str(page).replace("\n", " ")
