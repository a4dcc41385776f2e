"""Sums over columns in one pass: of squares around a mean, from sums of products, where digits allow it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiler_here import needs_compiler

from nnmath.derivations import find
from nnmath.derivations.build import derive_entry
from nnmath.numeric.joint import joint
from nnmath.numeric.native.calling import CompiledModule
from nnmath.numeric.native.rewriting import moments
from nnmath.numeric.native.scalars import Scalar, load, signed_sum

pytestmark = [needs_compiler, pytest.mark.usefixtures("own_cache")]

COLUMNS = 40


def batchnorm() -> Any:
    derivation, plan = joint(derive_entry(find("batchnorm").at()), ("L",))
    module = CompiledModule(derivation, (plan,))
    assert not module.notes
    return module, plan.name


@pytest.fixture(scope="module")
def compiled(own_cache: None) -> Any:
    return batchnorm()


def normal(n: int, scale: float = 1.0, offset: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(n).standard_normal((n, COLUMNS)) * scale + offset).astype(np.float32)


def one_column(x: np.ndarray, value: float) -> np.ndarray:
    x[:, 7] = value + x[:, 7] * 1e-3 * abs(value) ** 0.5
    return x


#: Where the sums of products keep enough digits, and where they do not.
INPUTS: dict[str, Callable[[], np.ndarray]] = {
    "typical": lambda: normal(200),
    "offset 30": lambda: normal(200, offset=30.0),
    "offset 300": lambda: normal(200, offset=300.0),
    "offset 1e4": lambda: normal(200, offset=1e4),
    "offset 1e4, small variance": lambda: normal(200, 0.05, 1e4),
    "one column far off": lambda: one_column(normal(200), 1e6),
    "constant columns": lambda: normal(200, 0.0, 3.7),
    "zeros": lambda: normal(200, 0.0),
    "one row": lambda: normal(1),
    "two rows": lambda: normal(2, offset=5.0),
    "five rows": lambda: normal(5),
    "1e20": lambda: normal(50, 1e20),
    "1e-25": lambda: normal(50, 1e-25),
}


def wrong(module: Any, name: str, X: np.ndarray) -> dict[str, float]:
    """Errors of the results, in eps of the largest entry of their column."""
    rng = np.random.default_rng(1)
    g, b = (rng.standard_normal(COLUMNS, np.float32) for _ in range(2))
    dY = rng.standard_normal(X.shape, np.float32)
    given = {"X": X, "g": g, "b": b, "dY": dY}
    found = getattr(module, name)(**given)
    exact = module.numpy[name](**{k: v.astype(np.float64) for k, v in given.items()})
    eps = np.finfo(np.float32).eps
    errors = {}
    for part, f, e in zip(("Y", "dX", "dg", "db"), found, exact, strict=True):
        assert np.isfinite(f).all()
        top = np.abs(e).max(axis=0)
        if part == "dX":  # where the terms of a gradient cancel, they say how large an error is
            top = np.maximum(top, np.abs(g * dY).max(axis=0) / np.sqrt(X.astype(np.float64).var(axis=0) + 1e-5))
        if part == "dg":
            top = np.abs(dY).sum(axis=0)
        errors[part] = float((np.abs(f - e) / np.where(top > 0, top, 1)).max() / eps)
    return errors


@pytest.mark.parametrize("make", INPUTS.values(), ids=INPUTS)
def test_results_keep_their_digits(make: Callable[[], np.ndarray], compiled: Any) -> None:
    errors = wrong(*compiled, make())
    assert all(e < 8 for e in errors.values()), errors


def test_without_the_second_pass_digits_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "LEAST", Scalar("const", (), (-1.0,)))
    module, name = batchnorm()
    assert max(wrong(module, name, INPUTS["offset 1e4, small variance"]()).values()) > 100


def test_the_second_pass_is_made_for_floats_only_where_it_must_be(compiled: Any) -> None:
    source = compiled[0].source
    calls = [line for line in source.splitlines() if "const int failed = " in line]
    assert ["[0] > 0.0 && " in line for line in calls] == [True, False]


@pytest.mark.parametrize("value", (np.nan, np.inf, -np.inf))
def test_what_is_not_finite_stays_in_its_column(value: float, compiled: Any) -> None:
    module, name = compiled
    for where in ("X", "dY"):
        given = {"X": normal(50), "g": np.ones(COLUMNS, np.float32), "b": np.ones(COLUMNS, np.float32)}
        given["dY"] = normal(51)[1:]
        plain = getattr(module, name)(**given)
        given[where] = given[where].copy()
        given[where][3, 5] = value
        with np.errstate(all="ignore"):
            expected = module.numpy[name](**{k: v.astype(np.float64) for k, v in given.items()})
        for f, e, p in zip(getattr(module, name)(**given), expected, plain, strict=True):
            assert np.array_equal(np.isfinite(f), np.isfinite(e))
            assert np.array_equal(np.isnan(f), np.isnan(e))
            others = [c for c in range(COLUMNS) if c != 5]
            assert np.abs(f[..., others] - p[..., others]).max() < 1e-5


def test_polynomials() -> None:
    x, a, b = (load(n, s, s) for n, s in (("X", ("n", "C")), ("a", ("C",)), ("b", ("C",))))
    v = signed_sum((1, Scalar("mul", (x, a), (2,), x.axes)), (-1, b))
    rows = frozenset({"n"})
    linear = moments.polynomial(v, rows)
    assert linear is not None and set(linear) == {(x,), ()}
    square = moments.polynomial(Scalar("mul", (v, v), (2,), v.axes), rows)
    assert square is not None and set(square) == {(x, x), (x,), ()}
    assert moments.polynomial(Scalar("pow", (v,), (2,), v.axes), rows) is not None
    half = Scalar("pow", (v,), (0.5,), v.axes)
    for no in (half, Scalar("call", (v,), ("exp",), v.axes), Scalar("mul", (a, v), (1,), v.axes)):
        assert moments.polynomial(no, rows) is None
