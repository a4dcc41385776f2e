"""Sums over rows from sums of products of their first pass: where digits allow it, and not where they do not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiler_here import needs_compiler

import nnmath
from nnmath.numeric.native.rewriting import row_moments
from nnmath.numeric.native.rewriting.moments import polynomial
from nnmath.numeric.native.scalars import Scalar, load, signed_sum

pytestmark = [needs_compiler, pytest.mark.usefixtures("own_cache")]

COLUMNS = 700


@pytest.fixture(scope="module")
def layernorm(own_cache: None) -> Any:
    return nnmath.compiled("layernorm")


def normal(scale: float = 1.0, offset: float = 0.0, columns: int = COLUMNS, rows: int = 40) -> np.ndarray:
    return (np.random.default_rng(columns).standard_normal((rows, columns)) * scale + offset).astype(np.float32)


def with_entries(x: np.ndarray, value: float) -> np.ndarray:
    x[3, 5] = value
    x[4] = value
    x[5, ::2] = value
    return x


#: Where the sums of products keep enough digits, and where they do not.
INPUTS: dict[str, Callable[[], np.ndarray]] = {
    "typical": normal,
    "offset 200": lambda: normal(offset=200.0),
    "offset 400": lambda: normal(offset=400.0),
    "offset 1e4": lambda: normal(offset=1e4),
    "offset 1e4, small variance": lambda: normal(0.01, 1e4),
    "offsets of rows": lambda: normal() + np.float32(10.0) ** np.arange(-20, 20, dtype=np.float32)[:, None] % 1e5,
    "single large entries": lambda: with_entries(normal(), 1e30),
    "single large entries among small ones": lambda: with_entries(normal(1e-25), 1e8),
    "constant": lambda: normal(0.0, 3.7),
    "zeros": lambda: normal(0.0),
    "1e38": lambda: normal(7e37),
    "1e-25": lambda: normal(1e-25),
    "1e-41": lambda: normal(1e-41),
    "one column": lambda: normal(columns=1),
    "two columns": lambda: normal(offset=5.0, columns=2),
    "odd columns": lambda: normal(columns=1037),
}


def wrong(module: Any, X: np.ndarray, eps: float = 1e-5) -> dict[str, float]:
    """Errors of the results, in eps of the largest entry of their row."""
    rng = np.random.default_rng(1)
    g, b = (rng.standard_normal(X.shape[1], np.float32) for _ in range(2))
    dY = rng.standard_normal(X.shape, np.float32)
    names = ("layernorm", "layernorm_backward")
    errors = {}
    for name, given in zip(names, ({"X": X, "g": g, "b": b}, {"X": X, "g": g, "dY": dY}), strict=True):
        found = getattr(module, name)(**given, eps=eps)
        exact = module.numpy[name](**{k: v.astype(np.float64) for k, v in given.items()}, eps=eps)
        if name == "layernorm":
            found, exact = (found,), (exact,)
        for part, f, e in zip(("Y",) if name == names[0] else ("dX", "dg", "db"), found, exact, strict=True):
            assert np.isfinite(f).all()
            top = np.abs(e).max(axis=-1, keepdims=True)
            if part == "dX":  # where the terms of a gradient cancel, they say how large an error is
                size = np.sqrt(X.astype(np.float64).var(axis=1, keepdims=True) + eps)
                top = np.maximum(top, np.abs(g * dY).max(axis=1, keepdims=True) / size)
            if part == "dg":
                top = np.abs(dY).sum(axis=0)
            top = np.maximum(top, 1e3 * np.finfo(np.float32).smallest_normal)
            errors[part] = float((np.abs(f - e) / top).max() / np.finfo(np.float32).eps)
    return errors


@pytest.mark.parametrize("make", INPUTS.values(), ids=INPUTS)
def test_results_keep_their_digits(make: Callable[[], np.ndarray], layernorm: Any) -> None:
    errors = wrong(layernorm, make())
    assert all(e < 8 for e in errors.values()), errors


@pytest.mark.parametrize("size", (1e-18, 1e-12, 1e12, 1e18))
def test_without_a_constant_any_size_is_normalised(size: float, layernorm: Any) -> None:
    errors = wrong(layernorm, with_entries(normal(size, columns=48), 100 * size)[:4], eps=1e-300)
    assert all(e < 8 for e in errors.values()), errors


def test_without_the_second_pass_digits_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_moments, "LEAST", Scalar("const", (), (-1.0,)))
    assert max(wrong(nnmath.compiled("layernorm"), INPUTS["offset 1e4, small variance"]()).values()) > 100


@pytest.mark.parametrize("value", (np.nan, np.inf, -np.inf))
def test_what_is_not_finite_stays_in_its_row(value: float, layernorm: Any) -> None:
    for where in ("X", "dY"):
        given = {"X": normal(), "g": np.ones(COLUMNS, np.float32), "dY": normal(2.0)}
        plain = layernorm.layernorm_backward(**given)[0]
        given[where] = given[where].copy()
        given[where][3, 5] = value
        with np.errstate(all="ignore"):
            expected = layernorm.numpy["layernorm_backward"](**{k: v.astype(np.float64) for k, v in given.items()})[0]
        found = layernorm.layernorm_backward(**given)[0]
        assert not np.isfinite(found[3]).any() and not np.isfinite(expected[3]).any()
        assert np.array_equal(np.delete(found, 3, axis=0), np.delete(plain, 3, axis=0))


#: Functions, loops over a row that they have in all, and how many of these run only where digits are lost.
LOOPS = {
    ("layernorm", "layernorm_f32"): (3, 1),
    ("layernorm", "layernorm_backward_f32"): (3, 1),
    ("rmsnorm", "rmsnorm_f32"): (4, 2),
    ("rmsnorm", "rmsnorm_backward_f64"): (5, 2),
    ("layernorm", "layernorm_f64"): (6, 2),
    ("triplet-margin", "triplet_margin_gradient_f32"): (4, 2),
    ("triplet-margin", "triplet_margin_f64"): (3, 2),
}


@pytest.mark.parametrize(("id", "name"), LOOPS)
def test_how_often_a_row_is_read(id: str, name: str) -> None:
    source = nnmath.compiled(id).source
    body = source[source.index(f"int {name}(") :].partition("\n}\n")[0]
    rows = body[body.index("const ptrdiff_t i_n = row;") :].partition("\n        }\n")[0]
    simd = len(re.findall("#pragma omp simd", rows))
    assert (simd, rows.count("if (!(")) == LOOPS[id, name]


def test_a_coefficient_that_is_a_double_in_the_loops_is_none() -> None:
    x = load("X", ("n", "D"), ("n", "D"))
    mean = Scalar("mul", (Scalar("sum", (x,), (), frozenset({"n"}), ("D",)), Scalar("dim", (), ("D",))), (1,))
    rows = frozenset({"D"})

    def any_coefficient(s: Scalar) -> bool:
        return True

    v = signed_sum((1, x), (-1, mean))
    found = polynomial(v, rows, lambda s: s == x, any_coefficient)
    assert found is not None and set(found) == {(x,), ()}
    wide = signed_sum((1, Scalar("widen", (x,), (), x.axes)), (-1, mean))
    assert polynomial(wide, rows, lambda s: s == x, any_coefficient) is None


def test_sums_along_a_row_of_several_axes_leave_its_loops_to_vectors() -> None:
    source = nnmath.compiled("groupnorm").source
    for name in ("groupnorm_backward_f32", "groupnorm_backward_f64"):
        lines = source[source.index(f"int {name}(") :].partition("\n}\n")[0].splitlines()
        loops = [at for at, line in enumerate(lines) if re.search(r"for \(ptrdiff_t i_S = block;", line)]
        assert len(loops) >= 2 and all("#pragma omp simd" in lines[at - 2] for at in loops)
        added = [line for line in lines if re.search(r"sum2?\[i_G \* K \+ i_K\] \+= total\d*;", line)]
        assert len(added) == 2
