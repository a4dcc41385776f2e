"""Inputs exactly at the kinks: at ±λ, at margins and at borders, where a wrong comparison shows, and only there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from derived import derivation, module

import nnmath
from nnmath.derivations import catalogue
from nnmath.numeric.checking.crosscheck import check
from nnmath.numeric.checking.kinks import at_kinks, kinks_of, regimes_of
from nnmath.numeric.plans import is_elementwise

#: id: the given at kinks, and what its argument is there, from its values by name
KINKS = {
    "hardshrink": ("x", lambda v: np.abs(v["x"]) - v["lam"]),
    "softshrink": ("x", lambda v: np.abs(v["x"]) - v["lam"]),
    "threshold": ("x", lambda v: v["x"] - v["theta"]),
    "relu6": ("x", lambda v: v["x"] * (v["x"] - 6)),
    "hardtanh": ("x", lambda v: (v["x"] - v["low"]) * (v["x"] - v["high"])),
    "hinge": ("s", lambda v: 1 - v["s"] * v["y"]),
    "hinge-embedding": ("x", lambda v: v["x"] - v["margin"]),
    "reglu": ("b", lambda v: v["X"] @ v["W"] + v["b"]),
}


@pytest.mark.parametrize("id", KINKS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_some_entries_are_exactly_at_a_kink(id: str, dtype: str) -> None:
    name, argument = KINKS[id]
    made, elementwise = derivation(id), is_elementwise(derivation(id))
    regimes = {r.name: (r, *found) for r, found in regimes_of(made, elementwise).items()}
    case = at_kinks(made, *regimes[f"{name} at kinks"], np.dtype(dtype), 0, elementwise)
    assert case is not None
    at = argument(case.values)
    assert np.count_nonzero(at == 0) >= 2
    assert all(v.dtype == dtype or v.dtype.kind == "i" for v in case.values.values())


#: id: what the code says, what it shall say: the other side of a kink
PLANTED = [
    ("hardshrink", "np.where(x > lam, x,", "np.where(x >= lam, x,"),
    ("hardshrink", "np.where(x >= -lam, 0.0", "np.where(x > -lam, 0.0"),
    ("hardshrink", "np.where(x > lam, 1.0", "np.where(x >= lam, 1.0"),
    ("softshrink", "np.where(x < -lam, 1.0", "np.where(x <= -lam, 1.0"),
    ("threshold", "np.where(x <= theta, v, x)", "np.where(x < theta, v, x)"),
    ("threshold", "(x > theta)", "(x >= theta)"),
    ("hardtanh", "np.where(x < high, 1.0, 0.0)", "np.where(x <= high, 1.0, 0.0)"),
    ("hardtanh", "np.where(x <= low, 0.0", "np.where(x < low, 0.0"),
    ("hinge", "np.where(s * y >= 1, 0.0, -y)", "np.where(s * y > 1, 0.0, -y)"),
    ("multi-margin", "mask = U > 0", "mask = U >= 0"),
    ("reglu", "dZ *= Z > 0", "dZ *= Z >= 0"),
]


@pytest.mark.parametrize(("id", "old", "new"), PLANTED, ids=[f"{p[0]}: {p[2]}" for p in PLANTED])
def test_a_comparison_that_takes_the_other_side_is_found(id: str, old: str, new: str) -> None:
    made = module(id)
    assert old in made.source
    names = [r.name for r in regimes_of(derivation(id), is_elementwise(derivation(id)))]
    right = check(derivation(id), regimes=names)
    assert right.passed and right.results, right.summary
    wrong = check(derivation(id), regimes=names, module=replace(made, source=made.source.replace(old, new)))
    assert {r.dtype for r in wrong.failures} == {"float64", "float32"}


def test_the_check_of_an_entry_tries_its_kinks_and_torch_agrees_there() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    report = check(derivation("hardshrink"), catalogue()["hardshrink"].torch)
    tried = [r for r in report.results if r.regime == "x at kinks"]
    assert report.passed and {r.result for r in tried} >= {"y", "dy_dx"}
    assert any(r.torch is not None for r in tried) and not any("kink" in note for note in report.notes)


def test_another_convention_of_the_counterpart_is_said() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    forward = lambda _, x, low, high: torch.clamp(x, float(low), float(high))  # noqa: E731
    report = check(derivation("hardtanh"), forward, regimes=["x at kinks"])
    assert report.passed and any("another value of dy_dx at the kink" in note for note in report.notes)


def test_a_formula_of_ones_own_is_tried_at_its_kinks() -> None:
    formula = "r = X @ w - y; mean(where(abs(r) <= c, 0, r))"
    page = nnmath.derive(formula, given="X: n d, w: d, y: n, c: positive", wrt="w")
    ((tensor, found),) = regimes_of(page.derivation, False).values()
    assert tensor.name == "y" and len(found) == 3  # r = c, r = −c and, for the absolute value, r = 0
    assert "y at kinks" in {r.regime for r in page.check().results}


def test_an_argument_that_is_linear_in_nothing_has_no_kink_to_go_to() -> None:
    page = nnmath.derive("sum(relu(exp(x) - x**2))", given="x: n")
    assert kinks_of(page.derivation) == {}
