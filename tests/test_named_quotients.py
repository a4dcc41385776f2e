"""Formulas that give exponentials a name and divide by them: what underflows, or overflows, by name, is no divisor."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import nnmath
from nnmath.calculus.derivation import Definition
from nnmath.calculus.functions import softplus
from nnmath.calculus.parser import parse_definitions, parse_givens
from nnmath.calculus.prover import Prover
from nnmath.calculus.sums import rebuild
from nnmath.calculus.tensors import Element, Tensor
from nnmath.numeric.accuracy import measure_arrays
from nnmath.numeric.stability.forms import ExpRatio
from nnmath.numeric.stability.rewriting import stabilise

#: A formula, its givens.
FORMULAS = {
    "softmax": ("e = exp(z); p = e/sum(e); -sum(y*log(p))", "z: n\ny: n"),
    "softmax of rows": ("e = exp(Z); s = sum(e, axis=1, keepdims=True); P = e/s; -sum(Y*log(P))/n", "Z: n c\nY: n c"),
    "sigmoid": ("q = 1/(1 + exp(-z)); -mean(t*log(q) + (1 - t)*log(1 - q))", "z: n\nt: n unit"),
    "two exponentials": ("u = exp(a); v = exp(b); -sum(log(u/(u + v)))", "a: n\nb: n"),
    "without names": ("-sum(log(exp(a)/(exp(a) + exp(b))))", "a: n\nb: n"),
    "hyperbolic cosine": ("mean(log(cosh(x - t)))", "x: n\nt: n"),
    "share of squares": ("sum(x**2/(1 + x**2))", "x: n"),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("text", "given"), FORMULAS.values(), ids=FORMULAS)
def test_values_and_gradients_are_finite_at_any_scale(text: str, given: str, dtype: str) -> None:
    page = nnmath.derive(text, given=given)
    for row in measure_arrays(page.derivation, dtype):
        assert (row.nan, row.infinite, row.zeros) == (0, 0, 0), row


@pytest.mark.parametrize("scale", [30.0, 1e4])
def test_the_gradient_of_a_softmax_by_names_is_that_of_the_entry(scale: float) -> None:
    rng = np.random.default_rng(0)
    z, y = scale * rng.standard_normal((2, 12))
    y = np.eye(12)[3]
    found: dict[str, object] = {}
    text, given = FORMULAS["softmax"]
    exec(nnmath.derive(text, given=given).source("numpy"), found)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dz, _ = found["expression_gradient"](z=z, y=y)  # type: ignore[operator]
    p = np.exp(z - z.max())
    np.testing.assert_allclose(dz, p / p.sum() - y, atol=1e-15)


#: Definitions, and what must not be read by the stable form of R.
SYSTEMS = {
    "the backward of a softmax": (
        "z: n\ny: n",
        "e[i] = exp(z[i])\np[i] = e[i]/sum(e[k] for k in n)\ng[i] = -y[i]/p[i]\n"
        "R[i] = (g[i] - sum(g[k]*p[k] for k in n))*p[i]",
        "eg",
    ),
    "a softmax": ("z: n", "e[i] = exp(z[i])\nR[i] = e[i]/sum(e[k] for k in n)", "e"),
    "the backward of a sigmoid": (
        "z: n\nt: n",
        "q[i] = 1/(1 + exp(-z[i]))\nR[i] = (1 - q[i])*q[i]*((1 - t[i])/(1 - q[i]) - t[i]/q[i])",
        "",
    ),
    "a share": ("a: n\nb: n", "u[i] = exp(a[i])\nv[i] = exp(b[i])\nR[i] = 2*v[i]/(u[i] + v[i])", "uv"),
}


def parsed(given: str, define: str) -> tuple[list[Tensor], dict[str, Definition]]:
    givens = list(parse_givens(given))
    return givens, {d.name: d for d in parse_definitions(define, givens)}


@pytest.mark.parametrize(("given", "define", "gone"), SYSTEMS.values(), ids=SYSTEMS)
def test_what_comes_out_is_equal(given: str, define: str, gone: str) -> None:
    givens, known = parsed(given, define)
    target = known.pop("R")
    better = stabilise(target.body, known)
    assert better != target.body and not {x.tensor.name for x in better.atoms(Element)} & {*gone}
    forms = ExpRatio | softplus
    plain = rebuild(better, lambda x: x.as_elementary() if isinstance(x, forms) else None)
    prover = Prover(list(known.values()), givens)
    assert prover.judge(target.body, plain).kind == "proved"
    assert prover.judge(target.body, 2 * plain).kind == "refuted"


#: Where no divisor cancels, names stay: given, definitions.
KEPT = {
    "nothing to cancel": ("z: n\ny: n", "p[i] = exp(z[i])*y[i]\nR[i] = z[i]/p[i]"),
    "no exponential": ("z: n\ny: n", "p[i] = z[i]**2\ng[i] = y[i]/p[i]\nR[i] = (g[i] + 1)*p[i]"),
}


@pytest.mark.parametrize(("given", "define"), KEPT.values(), ids=KEPT)
def test_names_stay_where_nothing_is_gained(given: str, define: str) -> None:
    _, known = parsed(given, define)
    target = known.pop("R")
    assert stabilise(target.body, known) == target.body
