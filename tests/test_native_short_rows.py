"""Rows that are shorter than a vector are computed side by side: what comes out is what each row gives alone."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
import pytest
from compiler_here import needs_compiler
from derived import derivation, page

import nnmath
from nnmath.numeric.checking.crosscheck import check
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.native import calling
from nnmath.numeric.native.checkable import checkable

pytestmark = [needs_compiler, pytest.mark.usefixtures("own_cache")]

#: From these on, rows are taken side by side, and this many bytes are no short row any more.
SIDE, NARROW = 16, 128
DTYPES = ("float32", "float64")


@cache
def compiled(id: str) -> Any:
    return nnmath.compiled(id)


def scores(rows: int, length: int, dtype: str, spread: float = 3.0) -> Any:
    return np.random.default_rng([rows, length]).normal(scale=spread, size=(rows, length)).astype(dtype)


def targets(rows: int, length: int, dtype: str) -> Any:
    return np.random.default_rng(length).dirichlet(np.ones(length), rows).astype(dtype)


def near(ours: Any, expected: Any, ulp: float) -> None:
    """Equal up to a few roundings of the largest entry of the row, and infinite or NaN in the same places."""
    assert ours.dtype == expected.dtype and ours.shape == expected.shape
    assert np.array_equal(np.isfinite(ours), np.isfinite(expected))
    assert np.array_equal(np.isnan(ours), np.isnan(expected))
    known = np.isfinite(expected)
    scale = np.max(np.abs(expected), axis=-1, keepdims=True, initial=0.0, where=known)
    off = np.abs(np.subtract(ours, expected, where=known, out=np.zeros_like(ours)))
    assert np.all(off <= ulp * np.finfo(ours.dtype).eps * scale), float(np.max(off))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [1, 2, 10, 15, 16, 31, 32, 33])
@pytest.mark.parametrize("rows", [SIDE, SIDE + 1, 3 * SIDE + 5])
def test_each_row_is_what_it_is_alone(rows: int, length: int, dtype: str) -> None:
    softmax = compiled("softmax")
    Z, dP = scores(rows, length, dtype), scores(rows, length, dtype)[::-1].copy()
    near(softmax.softmax(Z), np.concatenate([softmax.softmax(Z[k : k + 1]) for k in range(rows)]), 4)
    alone = np.concatenate([softmax.softmax_backward(Z[k : k + 1], dP[k : k + 1]) for k in range(rows)])
    near(softmax.softmax_backward(Z, dP), alone, 16)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [1, 3, 10, 31])
@pytest.mark.parametrize("rows", [SIDE, 5 * SIDE + 3])
def test_sums_over_all_rows_are_those_of_numpy(rows: int, length: int, dtype: str) -> None:
    Z, Y = scores(rows, length, dtype), targets(rows, length, dtype)
    ours, theirs = compiled("softmax-ce"), load_source(page("softmax-ce").source("numpy"))
    wide = [a.astype("float64") for a in (Z, Y)]
    np.testing.assert_allclose(ours.softmax_ce(Z, Y), theirs["softmax_ce"](*wide), rtol=16 * np.finfo(dtype).eps)
    near(ours.softmax_ce_gradient(Z, Y), theirs["softmax_ce_gradient"](*wide).astype(dtype), 16)


@pytest.mark.parametrize("dtype", DTYPES)
def test_infinities_and_nan_stay_in_their_rows(dtype: str) -> None:
    softmax = compiled("softmax").softmax
    Z = scores(2 * SIDE, 5, dtype)
    Z[3, 2], Z[7, :], Z[9, 1], Z[20, 4], Z[21] = -np.inf, -np.inf, np.nan, np.inf, 3e4
    near(softmax(Z), np.concatenate([softmax(row[None]) for row in Z]), 4)


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("rows", [50, 53, 1001])
def test_threads_divide_rows_as_they_like(rows: int, threads: int) -> None:
    """The part of a thread begins anywhere, and what is left of it after whole vectors is computed row by row."""
    Z, Y = scores(rows, 7, "float32"), targets(rows, 7, "float32")
    module = compiled("softmax-ce")
    alone = np.concatenate([module.softmax_ce_gradient(Z[k:][:1], Y[k:][:1]) for k in range(rows)]) / np.float32(rows)
    assert module.library is not None
    entries = ctypes.c_double.in_dll(module.library, "nn_thread_entries")
    before, most = entries.value, module.library.omp_get_max_threads()
    try:
        entries.value = 0.0
        module.library.omp_set_num_threads(threads)
        near(module.softmax_ce_gradient(Z, Y), alone, 4)
    finally:
        entries.value = before
        module.library.omp_set_num_threads(most)


@pytest.mark.parametrize("id", ["softmax", "softmax-ce", "softmax-ce-labels", "info-nce", "attention"])
def test_the_c_text_has_loops_for_short_rows(id: str) -> None:
    assert f"#define NN_SIDE {SIDE}" in page(id).source("c") and f"#define NN_NARROW {NARROW}" in page(id).source("c")


@pytest.mark.parametrize("id", ["layernorm", "silu", "mlp-mse"])
def test_where_rows_are_read_once_or_nothing_costs_much_there_are_none(id: str) -> None:
    assert "NN_SIDE" not in page(id).source("c")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("* NN_SIDE + side] =", "* NN_SIDE + 0] ="),  # the rows overwrite each other's entries
        ("row += NN_SIDE) {", "row += NN_SIDE + 1) {"),  # a row is left out
        ("largest[side] = -INFINITY", "largest[side] = 0.0"),
    ],
)
def test_an_error_in_these_loops_is_found(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    load, d = calling.load, derivation("softmax")
    monkeypatch.setattr(calling, "load", lambda source: load(source.replace(old, new)))
    assert old in page("softmax").source("c")
    found = {**vars(checkable(d)), "larger": True}
    for regimes, passes in ((["unequal sizes"], True), (["many rows"], False)):  # three rows are none of these
        assert check(d, **found, dtypes=("float32",), regimes=regimes).passed == passes
