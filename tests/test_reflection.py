"""Forms in one decaying exponential: each is proved equal to what it replaces; a wrong one is refuted."""

from __future__ import annotations

import os
import random
import runpy
from pathlib import Path

import numpy as np
import pytest
from derived import derivation as derived
from sympy import Expr, Mul, erf, exp, tanh
from test_stability_rules import RULES

from nnmath.calculus.functions import Where, absolute, sigmoid, softplus
from nnmath.calculus.parser import parse_givens
from nnmath.calculus.prover import Prover
from nnmath.calculus.sums import rebuild
from nnmath.calculus.tensors import Element
from nnmath.numeric.array_function import _unfold
from nnmath.numeric.numpy_code.error_functions import ERROR_FUNCTIONS
from nnmath.numeric.stability import forms
from nnmath.numeric.stability.choices import selected
from nnmath.numeric.stability.exact_exponents import exact_exponents
from nnmath.numeric.stability.reflection import reflected
from nnmath.numeric.stability.rewriting import stabilise

GIVENS = parse_givens("x: real\nz: real\nb: positive = 1\nc: real = 1")
X, Z, B, C = (t() for t in GIVENS)
PROVER = Prover([], GIVENS)


def elementary(expr: Expr) -> Expr:
    """Every stable form as its definition; a bound, which only keeps numbers finite, as what it bounds."""

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, forms.Clip):
            return elementary(e.args[0])
        own = type(e).__module__ == forms.__name__
        return elementary(e.as_elementary()) if own else None

    return rebuild(expr, leaf)


def written(expr: Expr) -> Expr:
    return selected(exact_exponents(reflected(stabilise(expr))))


FORMULAS = [
    X * sigmoid(X),
    X * sigmoid(17 * X / 10),
    X * sigmoid(-2 * X) / 3,
    (X - 1) * sigmoid(X),
    X**2 * sigmoid(X),
    X**3 * sigmoid(X) ** 2,
    X * sigmoid(X**3),
    X * tanh(X),
    X * tanh(X / 3) * sigmoid(X),
    X * tanh(softplus(X)),
    tanh(softplus(2 * X)),
    X * (1 + erf(X / 2)),
    X * (1 - erf(X)) * exp(-(X**2)),
    X**3 * exp(-(X**2)),
    (1 - X**2) * exp(-(X**2) / 2),
    (1 - X) * exp(-X),
    X * exp(-X) / (1 + exp(-X)),
    sigmoid(X) * (1 + X * (1 - sigmoid(X))),
    X * sigmoid(B * X),
    X**2 * sigmoid(B * X) * (1 - sigmoid(B * X)),
    X * sigmoid(C * X),
    3 * X * sigmoid(C * X) - 1,
    X**2 * sigmoid(C * X) * (1 - sigmoid(C * X)),
    sigmoid(C * X) * (1 + C * X * sigmoid(-C * X)),
    Where(-X, B * (exp(X / B) - 1), X),
    exp(-3 * X),
    sigmoid(C * X),
    sigmoid(17 * X / 10),
    softplus(B * X) / B,
    softplus(-3 * X),
    softplus(X / B),
]


@pytest.mark.parametrize("expr", FORMULAS, ids=str)
def test_a_form_is_another_one_and_proved_equal(expr: Expr) -> None:
    form = written(expr)
    assert form != stabilise(expr)
    sides = elementary(expr), elementary(form)
    assert any(PROVER.judge(*map(view, sides)).kind == "proved" for view in (lambda e: e, generic))


def generic(expr: Expr) -> Expr:
    """b·x as a variable of its own, for a b of either sign: the prover has no cases for the sign of a product."""
    return expr.subs(absolute(C) * absolute(X), absolute(Z)).subs(C * X, Z)


@pytest.mark.parametrize("expr", FORMULAS[:14], ids=str)
def test_a_wrong_form_is_refuted(expr: Expr) -> None:
    form = elementary(written(expr))
    for wrong in (-form, form + sigmoid(X), form * (1 + tanh(X)), form.subs(X, -X) if not expr.has(erf) else form / 2):
        assert PROVER.judge(expr, wrong).kind == "refuted" or expr.subs(X, -X) == expr


@pytest.mark.parametrize(("expr", "expected"), RULES, ids=[str(r[0]) for r in RULES])
def test_the_rules_of_stability_are_proved(expr: Expr, expected: Expr) -> None:
    prover = Prover([], [t.tensor for t in expr.atoms(Element)])
    assert prover.judge(expr, elementary(expected)).kind == "proved"
    assert prover.judge(expr, elementary(expected) * 2 + 1).kind == "refuted"


@pytest.mark.parametrize("id", ["silu", "gelu", "gelu-tanh", "mish", "celu", "elu", "selu"])
def test_the_forms_of_the_catalogue_are_proved(id: str) -> None:
    derivation = derived(id)
    prover = Prover([], derivation.givens)
    known = {d.name: d for d in (*derivation.definitions, *(r.definition for r in derivation.results))}
    for d in known.values():
        expr = _unfold(d.body, known, True)
        assert prover.judge(elementary(expr), elementary(written(expr))).kind == "proved", d.name


SATURATING = (sigmoid, tanh, lambda u: exp(-(u**2)), erf, lambda u: 1 + tanh(softplus(u)), lambda u: 1 - sigmoid(u))


@pytest.mark.parametrize("seed", range(60 if os.environ.get("NNMATH_THOROUGH") else 12))
def test_random_products_are_proved(seed: int) -> None:
    rng = random.Random(seed)

    def term() -> Expr:
        powers = (X, X**2, 1 + X, X - 2, 1 - X**2, X / 2)
        multiples = (X, X, -X, 2 * X, -2 * X, 3 * X, X / 2, 17 * X / 10, B * X)
        return rng.choice(powers) * Mul(
            *(rng.choice(SATURATING)(rng.choice(multiples)) for _ in range(rng.choice((1, 1, 2))))
        )

    expr = term() + rng.choice((0, 1)) * term()
    assert PROVER.judge(elementary(expr), elementary(written(expr))).kind == "proved"


#: Terms that cancel at 0, functions of something else, an exponential that grows: the form would not be better.
LEFT_ALONE = [
    X + tanh(X),
    X * (sigmoid(X) - sigmoid(2 * X)) + tanh(X),
    X * sigmoid(X - 3),
    X * Z * sigmoid(X),
    X * erf(X),
]


@pytest.mark.parametrize("expr", LEFT_ALONE, ids=str)
def test_what_would_not_be_better_is_left_alone(expr: Expr) -> None:
    assert reflected(stabilise(expr)) == stabilise(expr)


def test_exact_multiples_stay_as_they_are() -> None:
    for expr in (exp(X), exp(-X / 4), exp(2 * X), exp(X * Z)):
        assert exact_exponents(expr) == expr
    assert exact_exponents(exp(3 * X)) == forms.ExactExp(3 * X)


def test_the_coefficients_are_those_of_the_script() -> None:
    tables = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "error_function.py"))["tables"]
    namespace: dict[str, object] = {"np": np}
    exec("\n".join(ERROR_FUNCTIONS.values()), namespace)
    for name, table in tables().items():
        digits = 9 if name.endswith("32") else 16
        assert np.allclose(namespace[name], table, rtol=10.0**-digits, atol=0.0), name
