"""Code that reads and writes the largest entry of each row by its place: any layout in memory, any integer labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from derived import module

from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.numpy_code.helpers import HELPERS, with_called

Layout = Callable[[np.ndarray], np.ndarray]

LAYOUTS: dict[str, Layout] = {
    "columns first": np.asfortranarray,
    "every other column": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "backwards": lambda x: x[::-1].copy()[::-1],
    "one row, broadcast": lambda x: np.broadcast_to(x[:1], x.shape),
}
RNG = np.random.default_rng(11)
Z, Y = RNG.standard_normal((5, 4)) * 20, RNG.dirichlet(np.ones(4), 5)


def functions(id: str) -> list[tuple[Any, tuple[str, ...]]]:
    space = load_source(module(id).source)
    return [(space[f.name], f.arguments) for f in module(id).functions]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("id", ["softmax-ce", "softmax-ce-labels", "softmax"])
def test_the_layout_in_memory_does_not_matter(id: str, layout: str) -> None:
    laid = {"Z": LAYOUTS[layout](Z), "Y": LAYOUTS[layout](Y), "dP": LAYOUTS[layout](Y)}
    plain = {k: np.ascontiguousarray(v) for k, v in laid.items()} | {"y": np.array([3, 0, 1, 1, 2])}
    for function, names in functions(id):
        before = {k: v.copy() for k, v in laid.items()}
        found = function(**{n: laid.get(n, plain[n]) for n in names})
        np.testing.assert_allclose(found, function(**{n: plain[n] for n in names}), rtol=1e-13, atol=1e-300)
        for name, value in before.items():
            np.testing.assert_array_equal(laid[name], value)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64"])
def test_labels_of_any_integer_type(dtype: str) -> None:
    labels = np.array([3, 0, 1, 1, 2])
    for function, _ in functions("softmax-ce-labels"):
        np.testing.assert_array_equal(function(Z, labels.astype(dtype)), function(Z, labels))


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4), (2, 1, 3, 2)])
def test_places_along_every_axis(shape: tuple[int, ...]) -> None:
    space: dict[str, Any] = {"np": np}
    for name in ("_place", "_rest", "_row_max", "_zero_sum", "_row_minus", "_complement"):
        exec(HELPERS[name], space)
    x = RNG.permutation(np.arange(float(np.prod(shape)))).reshape(shape) + 1
    for axis in range(len(shape)):
        place = space["_place"](x, x.argmax(axis), axis)
        np.testing.assert_array_equal(x.take(place), x.max(axis))
        rows = x / x.sum(axis, keepdims=True)
        zero = space["_zero_sum"](rows.copy(), rows.argmax(axis), axis)
        np.testing.assert_allclose(zero.sum(axis), 0, atol=1e-15)
        assert np.count_nonzero(zero != rows) == rows.argmax(axis).size
        off = space["_row_minus"](rows.copy(), np.flip(rows, axis), axis)
        np.testing.assert_allclose(off, rows - np.flip(rows, axis), atol=1e-15)
        np.testing.assert_allclose(space["_complement"](rows, axis), 1 - rows, atol=1e-15)
    np.testing.assert_array_equal(space["_row_max"](x), x.max(axis=-1))


def test_a_distribution_that_is_returned_keeps_its_largest_entries() -> None:
    """The sum of the others leaves 0 there only where nobody reads them afterwards."""
    source = module("logsumexp-gradient").source
    assert "_rest(p, place, axis=0)" in source and ".put(" not in source.split("def logsumexp")[-1]
    assert "P.put(place, 0.0)" in module("softmax-ce").source
    _, p = functions("logsumexp-gradient")[0][0](Z[0])
    np.testing.assert_allclose(p, np.exp(Z[0] - Z[0].max()) / np.exp(Z[0] - Z[0].max()).sum(), rtol=1e-14)


def helpers(*names: str) -> dict[str, Any]:
    space: dict[str, Any] = {"np": np}
    for name in with_called(names):
        exec(HELPERS[name], space)
    return space


@pytest.mark.parametrize("rows", [1, 31, 32, 33, 65, 1003, 9001])
def test_rows_are_summed(rows: int) -> None:
    """Also of views, and of more axes; and in float32 with errors that do not grow as those of row after row do."""
    add = helpers("_sum_rows")["_sum_rows"]
    x = RNG.uniform(0.5, 1.5, (rows, 8, 5))
    np.testing.assert_allclose(add(x), x.sum(axis=0), rtol=1e-13)
    np.testing.assert_allclose(add(x[::-1, ::2]), x[:, ::2].sum(axis=0), rtol=1e-13)
    np.testing.assert_allclose(add(np.asfortranarray(x[:, 0])), x[:, 0].sum(axis=0), rtol=1e-13)
    single = add(x.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, x.sum(axis=0), rtol=7e-7)


@pytest.mark.parametrize("rows", [1, 7, 31, 32, 33, 40, 1003])
def test_products_are_summed_over_rows(rows: int) -> None:
    """Also of views; and in float32 with errors that do not grow as those of one row after the other do."""
    space = helpers("_sum_rows", "_sum_products")
    x, y = RNG.uniform(0.5, 1.5, (2, rows, 6))
    exact = (x * y).sum(axis=0)
    np.testing.assert_allclose(space["_sum_products"](x, y), exact, rtol=1e-14)
    np.testing.assert_allclose(space["_sum_products"](x[::-1, ::2], y[::-1, ::2]), exact[::2], rtol=1e-14)
    single = space["_sum_products"](x.astype(np.float32), y.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, rtol=4e-7)


@pytest.mark.parametrize("size", [1, 5, 1023, 1024, 1025, 5000])
def test_products_of_vectors_are_summed(size: int) -> None:
    """Also of views; and in float32 with errors that do not grow as those of one after the other do."""
    space = helpers("_inner")
    x, y = RNG.uniform(0.5, 1.5, (2, size))
    np.testing.assert_allclose(space["_inner"](x, y), (x * y).sum(), rtol=1e-14)
    np.testing.assert_allclose(space["_inner"](x[::-2], y[::2]), (x[::-2] * y[::2]).sum(), rtol=1e-14)
    many, ones = np.full(2**20 + size, 0.1, np.float32), np.ones(2**20 + size, np.float32)
    single = space["_inner"](many, ones)
    alone = helpers("_sum_each_row")["_sum_each_row"]
    np.testing.assert_allclose(alone(np.tile(x[::-1], 100)), 100 * x.sum(), rtol=1e-13)
    for found in (single, alone(many)):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, np.float64(many[0]) * many.size, rtol=2e-7)


@pytest.mark.parametrize("length", [1, 3, 128, 129, 1000, 1024, 1025, 5000])
@pytest.mark.parametrize("name", ["_sum_each_row", "_sum_exponentials"])
def test_each_row_is_summed(name: str, length: int) -> None:
    """Also of views and of more axes, and in float32."""
    total = helpers("_sum_each_row", "_sum_exponentials")[name]
    x = RNG.uniform(0.5, 1.5, (3, 4, length))
    np.testing.assert_allclose(total(x), x.sum(axis=-1), rtol=1e-14)
    np.testing.assert_allclose(total(x[:, 1, ::-1]), x[:, 1].sum(axis=-1), rtol=1e-14)
    for value in (0.1, 0.7):
        rows = np.full((2, length), value, np.float32)
        assert total(rows).dtype == np.float32
        np.testing.assert_allclose(total(rows), np.float64(rows[0, 0]) * length, rtol=1e-6)


def test_the_sum_of_a_row_does_not_depend_on_the_others() -> None:
    """What is left of it after a difference may be nothing but rounding."""
    total = helpers("_sum_each_row")["_sum_each_row"]
    x = RNG.standard_normal((37, 100)).astype(np.float32)
    for n in (1, 2, 5, 30):
        np.testing.assert_array_equal(total(x[:n]), total(x)[:n])
