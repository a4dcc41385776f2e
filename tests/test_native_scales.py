"""Scales of rows in compiled code: rows whose squares leave the range beside others, which are read once less."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiler_here import needs_compiler

import nnmath
from nnmath.numeric.native.loops.kernels import Kernel, Target, schedule
from nnmath.numeric.native.rewriting import scale_at_need
from nnmath.numeric.native.scalars import Scalar, load, signed_sum

pytestmark = [needs_compiler, pytest.mark.usefixtures("own_cache")]

#: Exponents of rows, one after the other, so that rows of all kinds meet: the squares of some are out of range.
POWERS = {"float32": (0, 40, -40, 70, -70, 100, 0, -90, 60), "float64": (0, 300, -300, 700, -700, 980, 0, -980, 520)}
WIDTH = 70


def rows(dtype: str, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((len(POWERS[dtype]), WIDTH)).astype(dtype)


def factors(dtype: str) -> np.ndarray:
    return np.ldexp(np.ones((len(POWERS[dtype]), 1), dtype), np.array(POWERS[dtype])[:, None])


def wrong(module: Any, dtype: str) -> float:
    """How much weights w = g u/‖u‖, and derivatives times the power of two, are off where rows get a power of two.

    In units of rounding of their largest entry.
    """
    u, g, upstream = rows(dtype), rows(dtype, 1)[:, 0], rows(dtype, 2)
    s = factors(dtype)
    off = []
    for name, more, power in (("weightnorm", {}, 0), ("weightnorm_backward", {"dW": upstream}, 1)):
        function = getattr(module, name)
        plain, scaled = (function(U=x, g=g, **more) for x in (u, u * s))
        plain, scaled = (x[0] if isinstance(x, tuple) else x for x in (plain, scaled))
        found = scaled.astype(np.float64) * s.astype(np.float64) ** power
        off.append(np.max(np.abs(found - plain)) / np.abs(plain).max() / np.finfo(dtype).eps)
    return float(np.nan_to_num(max(off), nan=np.inf))


@pytest.mark.parametrize("dtype", POWERS)
def test_a_power_of_two_changes_no_digit(dtype: str) -> None:
    assert wrong(nnmath.compiled("weightnorm"), dtype) < 4


@pytest.mark.parametrize("dtype", POWERS)
def test_sums_of_plain_squares_do_not_serve_everywhere(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale_at_need, "FAR", {"float": np.inf, "double": np.inf})
    with np.errstate(all="ignore"):
        assert wrong(nnmath.compiled("weightnorm"), dtype) > 1000


@pytest.mark.parametrize("dtype", POWERS)
def test_a_scale_of_its_own_floor_is_used(dtype: str) -> None:
    """√ε is what the scale is at least: where it is large, rows of ordinary size have a scale, too."""
    norm, x, g = nnmath.compiled("rmsnorm").rmsnorm, rows(dtype), np.ones(WIDTH, dtype)
    huge = {"float32": 2.0**90, "float64": 2.0**900}[dtype]
    np.testing.assert_allclose(norm(X=x, g=g, eps=huge), x / np.sqrt(huge), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", POWERS)
@pytest.mark.parametrize("value", (np.nan, np.inf, 0.0))
def test_rows_without_a_size_leave_the_others_alone(value: float, dtype: str) -> None:
    x, g = rows(dtype) * factors(dtype), rows(dtype, 1)[:, 0]
    function = nnmath.compiled("weightnorm").weightnorm
    plain = function(U=x, g=g)
    x[3] = value
    found = function(U=x, g=g)
    assert not np.isfinite(found[3]).any()
    assert np.array_equal(np.delete(found, 3, axis=0), np.delete(plain, 3, axis=0))


def _kernel(mean: bool) -> Kernel:
    """x̂/√Σx̂² of rows x; or of x − Σx, whose scale needs a sum before it."""
    x = load("X", ("n", "D"), ("n", "D"))
    row = frozenset({"n"})
    over = signed_sum((1, x), (-1, Scalar("sum", (x,), (), row, ("D",)))) if mean else x
    size = Scalar("call", (over,), ("abs",), x.axes)
    top = Scalar("peak", (size,), (), row, ("D",))
    scale = Scalar("call", (top, Scalar("const", (), (0.0,))), ("row_scale",), row)
    inverse = Scalar("mul", (Scalar("const", (), (1.0,)), scale), (1,), row)
    scaled = Scalar("mul", (over, inverse), (2,), x.axes)
    norm = Scalar("pow", (Scalar("sum", (Scalar("pow", (scaled,), (2,), x.axes),), (), row, ("D",)),), (0.5,), row)
    return schedule([Target("Y", signed_sum((1, Scalar("mul", (scaled, norm), (1,), x.axes))), ("n", "D"))])


def test_what_may_be_left_out() -> None:
    kernel = scale_at_need.scaled_at_need(_kernel(mean=False), "double")
    assert [r.op for r in kernel.shortcuts] == ["peak", "sum"]
    left = _kernel(mean=True)
    assert scale_at_need.scaled_at_need(left, "double") is left
