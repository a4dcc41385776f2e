"""The error bound of a sum of few terms: what rounding does to it is allowed, and little more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from derived import derivation, module

import nnmath
from nnmath.numeric.checking import crosscheck
from nnmath.numeric.checking.exact import Judge
from nnmath.numeric.checking.regimes import REGIMES

EPS = 2.0**-52
#: dX of a dense layer has many entries here, and each is a sum of two products.
SIZES = {"n": 2, "D": 530, "H": 2}


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [SIZES[str(d)] for d in derivation("dense").dims]
    regime = replace(REGIMES[-1], name="wide", real=lambda rng, s: rng.normal(size=s), sizes=lambda k: sizes)
    monkeypatch.setattr(crosscheck, "applicable", lambda *_: (regime,))


def test_each_rounding_of_a_short_sum_is_in_its_movement() -> None:
    """With five patterns of signs, both terms of a few sums move alike each time, and seem not to move at all."""
    judge, rng = Judge(derivation("dense")), np.random.default_rng(3)
    shapes = {t: tuple(SIZES[str(d)] for d in t.dims) for t in judge.derivation.givens}
    values = {t: rng.normal(size=shape) for t, shape in shapes.items()}
    sizes = {d: SIZES[str(d)] for d in judge.derivation.dims}
    exact = judge.evaluate(["dX"], sizes, values, EPS, np.random.default_rng(0))["dX"].closer()
    by_name = {t.name: np.abs(v) for t, v in values.items()}
    terms = by_name["dY"][:, None] * by_name["W"]  # sample, input, output
    alone = np.sqrt((terms**2).sum(axis=-1)) * EPS
    assert np.min(exact.movement / alone) < 0.2
    closer = exact.closer().movement
    assert np.min(closer / alone) > 0.5 and np.max(closer / alone) < 8


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("seed", [2, 5])
def test_two_products_that_nearly_cancel_may_round(seed: int) -> None:
    report = crosscheck.check(derivation("dense"), dtypes=("float64",), seed=seed)
    assert report.passed, report.summary


PLANTED = [
    "dX *= 1 + 200 * np.finfo(dX.dtype).eps",
    "dX[1, 45] += 200 * np.finfo(dX.dtype).eps * abs(dX).max()",
    "dX += 200 * np.finfo(dX.dtype).eps",
    "dX = (dY.astype('f4') @ W.T.astype('f4')).astype(dY.dtype)",
]


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("planted", PLANTED)
def test_an_error_of_a_few_hundred_roundings_is_found(planted: str) -> None:
    made = module("dense")
    assert made.source.count("return dX, dW, db") == 1
    spoiled = replace(made, source=made.source.replace("return dX, dW, db", f"{planted}\n    return dX, dW, db"))
    report = crosscheck.check(derivation("dense"), dtypes=("float64",), seed=2, module=spoiled)
    assert {f.result for f in report.failures} == {"dX"}, report.summary


LAYERNORM = """
import numpy as np

def backward(dY, X, g, eps=1e-5):
    mu = X.mean(axis=1, keepdims=True)
    R = 1 / np.sqrt(X.var(axis=1, keepdims=True) + eps)
    H = (X - mu) * R
    H = H + np.mean({added})
    dH = dY * g
    return R * (dH - dH.mean(axis=1, keepdims=True) - H * (dH * H).mean(axis=1, keepdims=True))
"""


@pytest.mark.parametrize(("added", "verdict"), [("H", "proved"), ("H * H - 1", "wrong"), ("H + X", "wrong")])
def test_a_mean_that_is_zero_may_be_added(added: str, verdict: str, tmp_path: Path) -> None:
    """The rows of H are centred, so its mean is 0 whatever X is: adding it is no error, and is proved to be none."""
    file = tmp_path / "layer.py"
    file.write_text(LAYERNORM.format(added=added))
    given = "dY: n D, X: n D, g: D, eps: positive = 1e-5"
    report = nnmath.verify(f"{file}:backward", against="layernorm", inputs=given, dtypes=("float64",))
    assert report.verdict == verdict, str(report)
