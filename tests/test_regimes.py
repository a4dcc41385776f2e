"""Regimes: they obey the domains, are rounded to the tested dtype, reproducible, and of the shapes they promise."""

from __future__ import annotations

import numpy as np
import pytest
from derived import formula

from nnmath.calculus.derivation import Derivation
from nnmath.numeric.checking.regimes import REGIMES, applicable, draw

GIVEN = """
    X: n D          # inputs
    Q: n C rows
    T: n C onehot
    M: n D mask
    e: n D sign
    u: n D unit
    s: D positive
    a: D nonnegative
    y: n int<C
    lam: positive = 0.01
"""


def derivation(given: str = GIVEN, define: str = "R[i, j] = X[i, j]*s[j]") -> Derivation:
    return formula(given, define)


ALL = derivation()
ARRAYS = applicable(ALL, elementwise=False)


@pytest.mark.parametrize("regime", ARRAYS, ids=[r.name for r in ARRAYS])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_domains_are_obeyed(regime, dtype) -> None:
    case = draw(ALL, regime, np.dtype(dtype), 3, elementwise=False)
    sizes = {str(k): v for k, v in case.sizes.items()}
    v = case.values
    assert v["X"].shape == (sizes["n"], sizes["D"])
    assert {a.dtype.name for n, a in v.items() if n != "y"} == {dtype}
    assert (v["Q"] >= 0).all() and np.allclose(v["Q"].sum(-1), 1)
    assert set(np.unique(v["T"])) <= {0, 1} and (v["T"].sum(-1) == 1).all()
    assert set(np.unique(v["M"])) <= {0, 1}
    assert v["M"].any() and set(np.unique(v["e"])) <= {-1, 1} and (v["u"] > 0).all() and (v["u"] < 1).all()
    assert (v["s"] > 0).all() and (v["a"] >= 0).all()
    assert v["y"].dtype.kind == "i" and v["y"].min() >= 0 and v["y"].max() < sizes["C"]
    assert v["lam"].ndim == 0 and v["lam"] == np.dtype(dtype).type(0.01 * regime.parameters)


def test_a_regime_is_reproducible_and_depends_on_the_seed() -> None:
    first, again, other = (draw(ALL, ARRAYS[0], np.dtype("float64"), seed, False).values["X"] for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


PROMISES = {
    "unequal sizes": lambda c: len(set(c.sizes.values())) == len(c.sizes),
    "equal sizes": lambda c: set(c.sizes.values()) == {3},
    "batch of one": lambda c: next(iter(c.sizes.values())) == 1 and max(c.sizes.values()) > 1,
    "last dimension one": lambda c: list(c.sizes.values())[-1] == 1 and max(c.sizes.values()) > 1,
    "all dimensions one": lambda c: set(c.sizes.values()) == {1},
    "ties": lambda c: len(np.unique(c.values["X"])) < c.values["X"].size,
    "zeros": lambda c: not c.values["X"].any(),
    "large logits (1000)": lambda c: np.abs(c.values["X"]).max() == 1000,
    "large logits (1e4)": lambda c: np.abs(c.values["X"]).max() > 3000,
    "row offsets": lambda c: np.abs(c.values["X"].mean(1)).min() > 200 and np.ptp(c.values["X"], axis=1).max() < 10,
    "column offsets": lambda c: np.abs(c.values["X"].mean(0)).min() > 200 and np.ptp(c.values["X"], axis=0).max() < 10,
    "tiny variance": lambda c: np.ptp(c.values["X"]) < 0.01 and c.values["X"].mean() > 2,
    "one-hot targets": lambda c: set(np.unique(c.values["Q"])) <= {0, 1},
    "one-hot, large logits": lambda c: set(np.unique(c.values["Q"])) <= {0, 1} and np.abs(c.values["X"]).max() >= 1000,
    "repeated labels": lambda c: len(np.unique(c.values["y"])) == 1,
    "one entry counts": lambda c: (c.values["M"].sum(axis=-1) == 1).all(),  # in every row
    "all entries count": lambda c: c.values["M"].all(),
    "other parameters": lambda c: c.values["lam"] == np.float32(0.0075),
    "non-contiguous": lambda c: not c.values["X"].flags.c_contiguous,
    "float extremes": lambda c: np.abs(c.values["X"]).max() > 1e29,
}


def test_every_array_regime_has_a_promise() -> None:
    assert {r.name for r in REGIMES if not r.elementwise} == set(PROMISES)


@pytest.mark.parametrize("regime", ARRAYS, ids=[r.name for r in ARRAYS])
def test_promises_are_kept(regime) -> None:
    assert PROMISES[regime.name](draw(ALL, regime, np.dtype("float32"), 0, elementwise=False))


@pytest.mark.parametrize(
    ("given", "define", "absent"),
    [
        ("X: n D", "R[i, j] = X[i, j]**2", {"one-hot targets", "one-hot, large logits", "repeated labels"}),
        ("P: n C positive rows", "L = -sum(log(P[i, c]) for i in n for c in C)", {"one-hot targets", "zeros", "ties"}),
        ("X: n D\nW: D H", "R = X @ W", {"float extremes"}),
        ("x: n", "r[i] = x[i]**2", {"batch of one", "last dimension one", "column offsets"}),
    ],
)
def test_only_applicable_regimes_are_used(given, define, absent) -> None:
    names = {r.name for r in applicable(derivation(given, define), elementwise=False)}
    assert names and not names & absent


def test_an_offset_of_columns_is_one_of_the_data() -> None:
    layer = derivation("X: n D\nb: D\ndY: n D", "Y[i, j] = X[i, j] + b[j]\nL = upstream(dY, Y)")
    regime = next(r for r in REGIMES if r.name == "column offsets")
    values = draw(layer, regime, np.dtype("float64"), 0, elementwise=False).values
    assert np.abs(values["X"]).min() > 200 and np.abs(values["dY"]).max() < 10 and np.abs(values["b"]).max() < 10


def test_a_parameter_that_is_0_is_not_in_another_regime() -> None:
    scalar = derivation("x: real\nmargin: real = 0\nalpha: positive = 1", "y = alpha*x + margin")
    (regime,) = (r for r in applicable(scalar, elementwise=True) if r.name == "other parameters")
    values = draw(scalar, regime, np.dtype("float64"), 0, elementwise=True).values
    assert (values["margin"], values["alpha"]) == (0.25, 0.75)


def test_functions_of_scalars_get_points() -> None:
    scalar = derivation("x: real\nalpha: positive = 0.5", "y = alpha*x")
    regimes = applicable(scalar, elementwise=True)
    assert {"typical", "tails", "large", "float extremes", "non-contiguous"} <= {r.name for r in regimes}
    for regime in regimes:
        x = draw(scalar, regime, np.dtype("float32"), 0, elementwise=True).values["x"]
        assert x.shape == (12,) and np.isfinite(x).all()
