"""Sums of exponentials plus a number, as people type them: softmax with one more place, log(1 + Σ eᵛ), Σ eᵛ + ε."""

from __future__ import annotations

import numpy as np
import pytest
from compiler_here import needs_compiler
from sympy import Expr

import nnmath
from nnmath.calculus.derivation import Definition
from nnmath.calculus.functions import sigmoid, softplus
from nnmath.calculus.parser import parse_definitions, parse_givens
from nnmath.calculus.prover import Prover
from nnmath.calculus.sums import rebuild
from nnmath.calculus.tensors import Tensor
from nnmath.numeric.accuracy.implementations import Subject, implementation
from nnmath.numeric.stability.forms import ExpRatio, LogSumExp
from nnmath.numeric.stability.rewriting import stabilise

#: A formula, its givens.
FORMULAS = {
    "a softmax with a place for none": (
        "e = exp(Z); P = e/(1 + sum(e, axis=1, keepdims=True)); sum(P*G)",
        "Z: n d, G: n d",
    ),
    "without names": ("sum(exp(z)*g)/(1 + sum(exp(z)))", "z: d, g: d"),
    "a small number below": (
        "e = exp(Z); P = e/(sum(e, axis=1, keepdims=True) + eps); sum(P*G)",
        "Z: n d, G: n d, eps: positive",
    ),
    "a loss of all differences": ("mean(log(1 + sum(exp(Z), axis=1)))", "Z: n d"),
}


@pytest.mark.parametrize("target", ["numpy", pytest.param("c", marks=needs_compiler)])
@pytest.mark.parametrize("name", FORMULAS)
def test_values_and_gradients_are_finite_where_the_sum_is_not(name: str, target: str) -> None:
    """In float32 they are those of float64, and these at moderate scales those of the formula as it stands."""
    text, given = FORMULAS[name]
    derivation = nnmath.derive(text, given=given).derivation
    narrow, wide = (implementation(target, Subject(derivation), t) for t in ("float32", "float64"))
    plain = implementation("naive", Subject(derivation), "float64")
    shapes = {t.name: tuple({"n": 4, "d": 6}[str(k)] for k in t.dims) for t in derivation.givens}
    for scale in (1.0, 30.0, 1e4):
        rng = np.random.default_rng(8)
        drawn = {n: rng.standard_normal(s) * (scale if n in "zZ" else 1) if s else 1e-6 for n, s in shapes.items()}
        values = {n: np.asarray(v, dtype=np.float32) for n, v in drawn.items()}
        exact = wide({n: v.astype(np.float64) for n, v in values.items()})
        for n, found in narrow(values).items():
            assert np.isfinite(exact[n]).all()
            np.testing.assert_allclose(found, exact[n], rtol=1e-3, atol=1e-6)
        if scale < 100:
            for n, said in plain({n: v.astype(np.float64) for n, v in values.items()}).items():
                np.testing.assert_allclose(exact[n], said, rtol=1e-9, atol=1e-11 * np.abs(said).max())


TOTAL = "sum(exp(z[k]) for k in n)"
#: What it is about, what R is, the form that must appear.
RULES: dict[str, tuple[str, type[Expr]]] = {
    "a logarithm": (f"R = 3*log(2 + {TOTAL})", softplus),
    "a reciprocal": (f"R = 1/(a + {TOTAL})**2", sigmoid),
    "a place": (f"R[i] = exp(z[i])/(1 + {TOTAL})", ExpRatio),
    "two places": (f"R[i, j: n] = exp(z[i])*exp(z[j])/(1 + {TOTAL})**2", ExpRatio),
    "a mean": (f"R = sum(x[k]*exp(z[k]) for k in n)/(a + {TOTAL})", ExpRatio),
    "a derivative": (
        f"R[i] = (x[i]*(1 + {TOTAL}) - sum(x[k]*exp(z[k]) for k in n))*exp(z[i])/(1 + {TOTAL})**2",
        ExpRatio,
    ),
}


def parsed(define: str) -> tuple[list[Tensor], dict[str, Definition]]:
    givens = list(parse_givens("z: n\nx: n\na: positive"))
    return givens, {d.name: d for d in parse_definitions(define, givens)}


def elementary(e: Expr) -> Expr:
    """Forms by what they stand for."""
    forms = ExpRatio | LogSumExp | sigmoid | softplus
    if isinstance(e, forms):
        return elementary(e.as_elementary())
    return rebuild(e, lambda x: elementary(x) if isinstance(x, forms) else None)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_rewrites_to_something_equal(name: str) -> None:
    define, form = RULES[name]
    givens, known = parsed(define)
    target = known.pop("R")
    better = stabilise(target.body, known)
    assert better.has(form)
    plain = elementary(better)
    prover = Prover([], givens)
    assert prover.judge(target.body, plain).kind == "proved"
    assert prover.judge(target.body, 2 * plain).kind == "refuted"


@pytest.mark.parametrize(
    "define", [f"R = log({TOTAL} - 1)", f"R = 1/(x[0] + {TOTAL})", f"R[i] = exp(z[i])/(1 + {TOTAL}*a)"]
)
def test_what_may_be_negative_or_has_a_factor_stays(define: str) -> None:
    _, known = parsed(define)
    assert not stabilise(known["R"].body, {}).has(sigmoid, softplus)
