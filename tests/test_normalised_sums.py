"""Weighted means Σ eᵛ w/Σ eᵛ and their derivatives, written as quotients of sums: no sum overflows, no mean cancels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from compiler_here import needs_compiler
from sympy import Expr

import nnmath
from nnmath.calculus.derivation import Definition
from nnmath.calculus.parser import parse_definitions, parse_givens
from nnmath.calculus.prover import Prover
from nnmath.calculus.sums import BoundSum, rebuild
from nnmath.calculus.tensors import Tensor
from nnmath.numeric.accuracy.implementations import Subject, implementation
from nnmath.numeric.stability.forms import ExpRatio
from nnmath.numeric.stability.rewriting import stabilise
from nnmath.numeric.stability.row_forms import LessMean

#: A formula, its givens, the order of its derivative.
FORMULAS = {
    "a smooth maximum": ("sum(x*exp(x))/sum(exp(x))", "x: d", 1),
    "its Hessian": ("sum(x*exp(x))/sum(exp(x))", "x: d", 2),
    "smooth maxima of rows": ("s = sum(X*exp(X), axis=1)/sum(exp(X), axis=1); mean(s)", "X: n d", 1),
    "a temperature": ("sum(x*exp(a*x))/sum(exp(a*x))", "x: d, a: positive", 1),
    "a mean of other values": ("sum(y*exp(x))/sum(exp(x))", "x: d, y: d", 1),
}


@pytest.mark.parametrize("target", ["numpy", pytest.param("c", marks=needs_compiler)])
@pytest.mark.parametrize("name", FORMULAS)
def test_derivatives_are_finite_where_the_sums_are_not(name: str, target: str) -> None:
    """In float32 they are those of float64, but for what rounding takes from a large exponent."""
    text, given, order = FORMULAS[name]
    derivation = nnmath.derive(text, given=given, order=order).derivation
    narrow, wide = (implementation(target, Subject(derivation), t) for t in ("float32", "float64"))
    rng = np.random.default_rng(3)
    shapes = {t.name: tuple({"n": 3, "d": 12}[str(d)] for d in t.dims) for t in derivation.givens}
    for scale in (30.0, 1e4):
        drawn = {n: scale * rng.standard_normal(shape) if shape else 0.5 for n, shape in shapes.items()}
        values = {n: np.asarray(v, dtype=np.float32) for n, v in drawn.items()}
        found = narrow(values)
        for n, exact in wide({n: v.astype(np.float64) for n, v in values.items()}).items():
            assert np.isfinite(exact).all()
            np.testing.assert_allclose(found[n], exact, rtol=1e-3, atol=1e-5 * np.abs(exact).max())


def test_a_temperature_has_its_digits_at_an_offset() -> None:
    """Its derivative is the variance of x, which as a difference of two means would have none of them."""
    found: dict[str, object] = {}
    exec(nnmath.derive("sum(x*exp(a*x))/sum(exp(a*x))", given="x: d, a: positive", wrt="a").numpy_source(), found)
    x = np.float32(1e4) + np.arange(4, dtype=np.float32)
    p = np.exp(np.arange(4.0) / 2)
    p /= p.sum()
    exact = p @ (np.arange(4.0) - p @ np.arange(4.0)) ** 2
    da = found["expression_gradient"](x, np.float32(0.5))  # type: ignore[operator]
    assert abs(float(da) / exact - 1) < 1e-6
    assert abs(float(p.astype(np.float32) @ x**2 - (p.astype(np.float32) @ x) ** 2) / exact - 1) > 1e-2


WEIGHTS = "z: n\nx: n\ny: n\nm: n mask"
SOFTMAX = "P[i] = exp(z[i])/sum(exp(z[k]) for k in n)"
TOTAL = "sum(exp(z[k]) for k in n)"
#: What it is about, definitions, the form that must appear.
RULES: Mapping[str, tuple[str, type[Expr]]] = {
    "a mean in a gradient": (f"R[i] = (x[i]*{TOTAL} - sum(x[k]*exp(z[k]) for k in n))*exp(z[i])/{TOTAL}**2", LessMean),
    "twice": (f"R[i] = (x[i]*{TOTAL}**2 - y[i]*{TOTAL}*sum(x[k]*exp(z[k]) for k in n))/{TOTAL}**2", ExpRatio),
    "terms and their total": (f"R[i] = (exp(z[i])*x[i] + 2*{TOTAL})*exp(z[i])/{TOTAL}**2", ExpRatio),
    "with a mask": (
        "R[i] = (x[i]*sum(m[k]*exp(z[k]) for k in n) - sum(m[k]*x[k]*exp(z[k]) for k in n))*m[i]*exp(z[i])"
        "/sum(m[k]*exp(z[k]) for k in n)**2",
        ExpRatio,
    ),
    "several terms less their mean": (
        f"{SOFTMAX}\nR[i] = P[i]*(sum(P[k]*(2*x[k] + y[k] + 1) for k in n) - 2*x[i] - y[i] - 1)",
        LessMean,
    ),
    "a logarithm less its mean": (
        f"{SOFTMAX}\nR[i] = P[i]*(log(P[i]) + 1 - sum(P[k]*(log(P[k]) + 1) for k in n))",
        LessMean,
    ),
    "a variance": (f"{SOFTMAX}\nR = 3*sum(P[k]*x[k]**2 for k in n) - 3*sum(P[k]*x[k] for k in n)**2", LessMean),
    "a covariance": (
        f"{SOFTMAX}\nR[i] = y[i]*sum(P[k]*x[k] for k in n)*sum(P[k]*z[k] for k in n)"
        " - y[i]*sum(P[k]*x[k]*z[k] for k in n) + 1",
        LessMean,
    ),
}


def parsed(given: str, define: str) -> tuple[list[Tensor], dict[str, Definition]]:
    givens = list(parse_givens(given))
    return givens, {d.name: d for d in parse_definitions(define, givens)}


def elementary(e: Expr) -> Expr:
    """Forms by what they stand for."""
    forms = ExpRatio | LessMean
    if isinstance(e, forms):
        return elementary(e.as_elementary())
    return rebuild(e, lambda x: elementary(x) if isinstance(x, forms) else None)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_rewrites_to_something_equal(name: str) -> None:
    define, form = RULES[name]
    givens, known = parsed(WEIGHTS, define)
    target = known.pop("R")
    better = stabilise(target.body, known)
    assert better != target.body and better.has(form)
    plain = elementary(better)
    arbitrary = sorted({t for t in plain.atoms(Tensor) if t.name == "at"}, key=str)
    prover = Prover(list(known.values()), [*givens, *arbitrary])
    assert prover.judge(target.body, plain).kind == "proved"
    assert prover.judge(target.body, 2 * plain).kind != "proved"  # refuted, but where all weights may be 0


def test_a_computed_distribution_sums_to_one_and_a_given_one_only_as_far_as_its_dtype_lets_it() -> None:
    _, known = parsed(WEIGHTS, f"{SOFTMAX}\nR[i] = y[i]*sum(P[k] for k in n)\nS[i] = y[i]*sum(m[k] for k in n)")
    assert not stabilise(known["R"].body, known).has(BoundSum)
    assert stabilise(known["S"].body, known) == known["S"].body


#: Sums that are not over their total, and differences that are no covariances.
KEPT = {
    "a term without a total": f"R[i] = (x[i] + {TOTAL})*y[i]",
    "another mean": (
        f"{SOFTMAX}\nR = sum(P[k]*x[k]*z[k] for k in n) - sum(P[k]*x[k] for k in n)*sum(P[k]*y[k] for k in n)"
    ),
    "given weights": "R = sum(y[k]*x[k]**2 for k in n) - sum(y[k]*x[k] for k in n)**2",
    "half of it": f"{SOFTMAX}\nR = sum(P[k]*x[k]**2 for k in n) - sum(P[k]*x[k] for k in n)**2/2",
}


@pytest.mark.parametrize("name", KEPT)
def test_what_no_rule_is_for_stays(name: str) -> None:
    _, known = parsed(WEIGHTS, KEPT[name])
    target = known.pop("R")
    assert stabilise(target.body, known) == target.body
