"""Terms and factors that cancel, and roots in terms of the output: what is simplified, and what is left alone."""

from __future__ import annotations

import pytest
from sympy import Expr, Rational

import nnmath
from nnmath.calculus.cancellation import cancelled, divisors, without_divisors
from nnmath.calculus.derivation import Definition
from nnmath.calculus.output_form import in_terms_of_output
from nnmath.calculus.prover import Prover
from nnmath.calculus.tensors import Domain, Element, Tensor

P, T, U = (Tensor(name, (), Domain(positive=True)) for name in "ptu")
p, t, u = map(Element, (P, T, U))

CASES: list[tuple[Expr, Expr]] = [
    (p * (1 - p) * ((1 - t) / (1 - p) - t / p), p - t),
    (p * (t / p - 1) / 3, (t - p) / 3),
    (p * (t - p), p * (t - p)),  # no denominator
    (t * (1 / p - u), t * (1 / p - u)),  # none that is a factor
    (p * (1 / p + 1 / (1 + u) + 1 / (2 + t)), p * (1 / p + 1 / (1 + u) + 1 / (2 + t))),  # a larger result
    (t * (1 - p) - p * (1 - t), t - p),
    (u * (t * (1 - p) - p * (1 - t)), u * (t - p)),
    (1 + t * (1 - p), 1 + t * (1 - p)),  # more terms
    ((1 - p) * (1 - t), (1 - p) * (1 - t)),  # no sum of products
]


@pytest.mark.parametrize(("expr", "wanted"), CASES)
def test_only_what_gets_smaller_is_cancelled(expr: Expr, wanted: Expr) -> None:
    found = cancelled(expr)
    assert found.expand() == wanted.expand() and (found == expr) == (wanted == expr)
    assert Prover((), (P, T, U)).judge(expr, found).is_proved


DIVIDED: list[tuple[Expr, Expr]] = [
    (p * (u - t / p), p * u - t),
    (u * p * (u - t / p) / 3, u * (p * u - t) / 3),
    (p * (u - t / p**2), p * (u - t / p**2)),  # p stays below
    (p * (u - t / p) + 1 / p, p * (u - t / p) + 1 / p),  # elsewhere too
    (p * (u - t), p * (u - t)),
]


@pytest.mark.parametrize(("expr", "wanted"), DIVIDED)
def test_a_divisor_that_cancels_is_multiplied_in(expr: Expr, wanted: Expr) -> None:
    found = without_divisors(expr)
    assert found == wanted and (divisors(found) < divisors(expr)) == (found != expr)
    assert Prover((), (P, T, U)).judge(expr, found).is_proved


@pytest.mark.parametrize("power", [Rational(1, 2), Rational(-1, 2), Rational(1, 3)])
def test_the_derivative_of_a_root_is_a_power_of_the_root(power: Expr) -> None:
    root = Tensor("r")
    definition = Definition(root, (), u**power)
    derivative = power * u ** (power - 1)
    found = in_terms_of_output(derivative, definition)
    assert found == power * Element(root) ** (1 - 1 / power)
    assert Prover([definition], (U,)).judge(derivative, found).is_proved


def test_a_wrong_power_of_the_root_is_refuted() -> None:
    root = Tensor("r")
    definition = Definition(root, (), u ** Rational(1, 2))
    verdict = Prover([definition], (U,)).judge(u ** Rational(-1, 2) / 2, 2 / Element(root))
    assert verdict.kind == "refuted"


def test_logistic_regression_ends_in_a_difference() -> None:
    text = "p = sigmoid(z)\nL = -sum(t*log(p) + (1 - t)*log(1 - p))"
    page = nnmath.derive(text, given="z: n, t: n", wrt="z")
    assert page.proved and str(page.results[-1].expr) == "p[i] - t[i]"
