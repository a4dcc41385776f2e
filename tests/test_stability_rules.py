"""Stability rules: each is the same function in a form that keeps its digits, and none overflows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy
from derived import formula as formula_of
from sympy import cosh, erf, exp, log, sinh, sqrt, tanh

import nnmath
from nnmath.calculus.balls import Valuation
from nnmath.calculus.functions import Where, sigmoid, softplus
from nnmath.calculus.parser import parse_definitions, parse_givens
from nnmath.calculus.prover import Prover
from nnmath.calculus.tensors import Domain, Element, Tensor
from nnmath.numeric.accuracy import measure
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.numpy_code.generator import generate
from nnmath.numeric.stability.forms import Clip, erfc, expm1, log1p, sech2, tanh_remainder
from nnmath.numeric.stability.rewriting import stabilise
from nnmath.numeric.stability.saturation import clip_saturated

X = Tensor("x")()
RULES = [
    (1 / (1 + exp(-X)), sigmoid(X)),
    (exp(X) / (1 + exp(X)), sigmoid(X)),
    (exp(-X) / (1 + exp(-X)) ** 2, sigmoid(X) * sigmoid(-X)),
    (1 - sigmoid(X), sigmoid(-X)),
    (3 * sigmoid(X) - 3 * sigmoid(X) ** 2, 3 * sigmoid(X) * sigmoid(-X)),
    (1 - 2 * sigmoid(X), -tanh(X / 2)),
    (sigmoid(X) - 3 * sigmoid(X) ** 2 + 2 * sigmoid(X) ** 3, -sigmoid(X) * sigmoid(-X) * tanh(X / 2)),
    (log(1 + exp(X)), softplus(X)),
    (log(exp(X) + exp(-X)), softplus(2 * X) - X),
    (log(1 / (1 + exp(-X))), -softplus(-X)),
    (log(1 - sigmoid(X)), -softplus(X)),
    (1 - tanh(X) ** 2, sech2(X)),
    (1 / cosh(X) ** 2, sech2(X)),
    (1 + tanh(X), 2 * sigmoid(2 * X)),
    ((exp(X) - exp(-X)) / (exp(X) + exp(-X)), tanh(X)),
    (exp(X) - 1, expm1(X)),
    (log(1 + X), log1p(X)),
    (1 + erf(X), erfc(-X)),
    (1 - erf(X / sqrt(2)), erfc(sqrt(2) * X / 2)),
    (X - tanh(X), tanh_remainder(X)),
    (3 * tanh(2 * X) - 6 * X, -3 * tanh_remainder(2 * X)),
    (X**2 - X * tanh(X) + 1, 1 + X * tanh_remainder(X)),
    (sigmoid(X) - sigmoid(-X), tanh(X / 2)),
    (2 * X * sigmoid(-3 * X) - 2 * X * sigmoid(3 * X), -2 * X * tanh(3 * X / 2)),
    (3 * X - 3 * X * X**2 / (X**2 + 2), 6 * X / (X**2 + 2)),
    (X + 1 - 4 / (X**2 + 4), X + X**2 / (X**2 + 4)),
]

#: What looks like one of the forms above and is not.
UNCHANGED = [X + tanh(X), 2 * X - tanh(X), X - tanh(2 * X), sigmoid(X) + sigmoid(-X), sigmoid(X) - sigmoid(-2 * X)]


@pytest.mark.parametrize(("expr", "expected"), RULES, ids=[str(r[0]) for r in RULES])
def test_stability_rule(expr, expected) -> None:
    assert stabilise(expr) == expected


@pytest.mark.parametrize("expr", UNCHANGED, ids=str)
def test_no_rule_takes_what_it_does_not_mean(expr) -> None:
    assert not stabilise(expr).has(tanh_remainder)
    for point in (-3, -1, 2, 5):
        valuation = Valuation((), {}, {X.tensor: {(): sympy.Rational(point, 7)}})
        assert valuation.value(expr).overlaps(valuation.value(stabilise(expr)))


@pytest.mark.parametrize(("expr", "expected"), RULES, ids=[str(r[0]) for r in RULES])
def test_stable_form_is_the_same_function(expr, expected) -> None:
    for point in (-3, -1, 2, 5) if not expr.has(log1p) and expr != log(1 + X) else (1, 2):
        valuation = Valuation((), {}, {X.tensor: {(): sympy.Rational(point, 7)}})
        assert valuation.value(expr).overlaps(valuation.value(stabilise(expr)))


CLIPPED = [
    ("x*exp(-x**2/2)", lambda x: x * np.exp(-(x**2) / 2)),
    ("(2 - x**2)*exp(-x**2)", lambda x: (2 - x**2) * np.exp(-(x**2))),
    ("x*sigmoid(x + x**3)", lambda x: x / (1 + np.exp(-x - x**3))),
    ("(1 - tanh(x**3 + x)**2)*(1 + 3*x**2)", lambda x: (1 + 3 * x**2) / np.cosh(x**3 + x) ** 2),
]


@pytest.mark.parametrize(("formula", "direct"), CLIPPED, ids=[c[0] for c in CLIPPED])
def test_clipping_changes_nothing_but_overflow(formula, direct) -> None:
    source = generate(formula_of("x: real", f"y = {formula}")).source
    assert "np.clip" in source or "np.minimum" in source
    f = load_source(source)["formula"]
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(f(np.array([-1e30, -1e200, 1e30, 1e200]))).all()
    x = np.linspace(-5, 5, 41)
    np.testing.assert_allclose(f(x), direct(x), rtol=1e-10, atol=1e-15)


def test_clipping_leaves_growing_functions_alone() -> None:
    for expr in (exp(X**2), exp(X**3), exp(-X), X**4, sigmoid(X)):
        assert clip_saturated(expr) == expr


def test_the_unselected_branch_cannot_overflow() -> None:
    kept = Clip(X, -sympy.oo, 0)
    assert stabilise(Where(X, X, exp(X) - 1)) == Where(X, X, expm1(kept))
    square = X**2 / 6 + X
    low, both = Clip(X, -3, sympy.oo), Clip(X, -3, 3)
    two_borders = Where(X + 3, Where(3 - X, square, X), 0)
    assert stabilise(two_borders) == Where(X + 3, Where(3 - X, square.xreplace({X: both}), X), 0)
    assert stabilise(Where(-X - 3, 0, exp(X))) == Where(-X - 3, 0, exp(low))
    assert stabilise(Where(X, 2 * X + 1, X)) == Where(X, 2 * X + 1, X), "a straight line needs no bounds"


BRANCHES = [
    ("where(x > 0, x**2, 0)", lambda x: np.where(x > 0, x**2, 0)),
    (
        "where(x > -3, where(x < 3, x*(x + 3)/6, x), 0)",
        lambda x: np.where(x > -3, np.where(x < 3, x * (x + 3) / 6, x), 0),
    ),
    ("where(x > 1, 1/x**2, 2 - x)", lambda x: np.where(x > 1, 1 / np.maximum(x, 1) ** 2, 2 - x)),
    ("where(x < 1, exp(x), 3 - log(x))", lambda x: np.where(x < 1, np.exp(x), 3 - np.log(np.maximum(x, 1)))),
    ("where(2*x - 3 > 0, x, exp(x/2)*x**3)", lambda x: np.where(x > 1.5, x, np.exp(x / 2) * x**3)),
]


@pytest.mark.parametrize(("formula", "direct"), BRANCHES, ids=[b[0] for b in BRANCHES])
def test_a_branch_is_computed_on_its_own_side_only(formula, direct) -> None:
    f = load_source(generate(formula_of("x: real", f"y = {formula}")).source)["formula"]
    x = np.linspace(-5, 5, 41)
    np.testing.assert_allclose(f(x), direct(x), rtol=1e-13, atol=1e-15)
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(f(np.array([-1e12, -1e3, 1e3, 1e12], np.float32))).all()
        if formula == BRANCHES[0][0]:
            assert f(np.float32(-1e30)) == 0


def test_a_bound_within_bounds_is_one() -> None:
    assert Clip(Clip(X, -3, sympy.oo), -sympy.oo, 3) == Clip(X, -3, 3)
    assert Clip(Clip(X, 0, 1), 2, 5) == Clip(X, 2, 2)


def test_powers_in_a_denominator_do_not_overflow() -> None:
    f = load_source(generate(formula_of("x: real", "y = x/(1 + abs(x))**3")).source)["formula"]
    with np.errstate(all="raise", under="ignore"):
        assert f(np.float32(1e30)) == 0
    assert f(2.0) == pytest.approx(2 / 27, rel=1e-15)


#: Logarithms of what underflows, by name: givens, definitions, the names that are unfolded.
DENSITIES = {
    "a density": (
        "t: n\nf: n\ns: positive",
        "p[i] = exp(-(t[i] - f[i])**2/(2*s**2))/s\nR = -sum(log(p[i]) for i in n)",
        "p",
    ),
    "a weighted one": (
        "t: n\nw: n positive",
        "q[i] = exp(-abs(t[i]))\np[i] = w[i]*q[i]\nR[i] = 2*log(p[i])",
        "pq",
    ),
    "a likelihood": (
        "z: n\nt: n\nw: n positive",
        "p[i] = w[i]*exp(t[i]*z[i])\nS = sum(t[i]*log(p[i]) for i in n)\nq = exp(-S)/2\nR = log(q)",
        "pq",
    ),
}


@pytest.mark.parametrize(("given", "define", "unfolded"), DENSITIES.values(), ids=DENSITIES)
def test_the_logarithm_of_a_product_with_an_exponential_is_taken_of_its_factors(
    given: str, define: str, unfolded: str
) -> None:
    givens = list(parse_givens(given))
    known = {d.name: d for d in parse_definitions(define, givens)}
    target = known.pop("R").body
    if "S" in known:
        known["S"] = replace(known["S"], body=stabilise(known["S"].body, known))
    better = stabilise(target, known)
    read = {e.tensor.name for x in (better, *(known[n].body for n in known if n == "S")) for e in x.atoms(Element)}
    assert not read & {*unfolded}
    prover = Prover(list(known.values()), givens)
    assert prover.judge(target, better).kind == "proved"
    assert prover.judge(target, 2 * better).kind == "refuted"


def test_a_share_of_two_exponentials_is_a_sigmoid() -> None:
    givens = list(parse_givens("a: n\nb: n"))
    (definition,) = parse_definitions("R[i] = 3*exp(b[i])/(exp(a[i]) + exp(b[i]))", givens)
    share = definition.body
    a, b = (Element(t, *definition.indices) for t in givens)
    assert stabilise(share) == 3 * sigmoid(b - a)
    assert Prover([], givens).judge(share, 3 * sigmoid(b - a)).kind == "proved"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_logarithm_of_a_hyperbolic_cosine_keeps_its_digits(dtype: str) -> None:
    page = nnmath.derive("log(cosh(x))", given="x:")
    (row, _) = measure(page.derivation, dtype, "numpy")
    assert row.worst < 4 and not row.regions
    u = Tensor("u", (), Domain(positive=True))()
    assert Prover([], [u.tensor]).judge(log(cosh(u)), u + log(1 + (exp(-2 * u) - 1) / 2)).kind == "proved"
    assert Prover([], [u.tensor]).judge(log(cosh(u)), log(1 + 2 * sinh(u / 2) ** 2)).kind == "proved"
    assert Prover([], [u.tensor]).judge(log(cosh(u)), log(1 + 2 * sinh(u) ** 2)).kind == "refuted"


@pytest.mark.parametrize("body", ["a[i]*b[i]", "a[i] + b[i]", "a[i]*(1 + exp(b[i])*a[i])"])
def test_other_definitions_stay_inside_of_a_logarithm(body: str) -> None:
    givens = list(parse_givens("a: n positive\nb: n positive"))
    known = {d.name: d for d in parse_definitions(f"p[i] = {body}\nR[i] = log(p[i])", givens)}
    assert stabilise(known["R"].body, {"p": known["p"]}) == known["R"].body


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_likelihood_that_underflows_has_a_logarithm(dtype: str) -> None:
    page = nnmath.derive("p = exp(-(t - f)**2/(2*s**2))/s; -sum(log(p))", given="t: n\nf: n\ns: positive")
    value = load_source(page.source("numpy"))["expression"]
    t, f = np.array([40.0, -100.0], dtype), np.zeros(2, dtype)
    np.testing.assert_allclose(value(t=t, f=f, s=np.dtype(dtype).type(0.5)), 23200 + 2 * np.log(0.5), rtol=1e-6)
