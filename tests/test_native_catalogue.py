"""The C target has a form of every function of the catalogue: as it is printed, and as ``nnmath.compiled`` runs it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiler_here import needs_compiler
from derived import derivation

import nnmath
from nnmath.derivations import catalogue
from nnmath.numeric.checking.crosscheck import check
from nnmath.numeric.native import build, compiler
from nnmath.numeric.native.checkable import checkable
from nnmath.numeric.native.module import write
from nnmath.numeric.plans import plans

pytestmark = pytest.mark.usefixtures("own_cache")
THOROUGH = bool(os.environ.get("NNMATH_THOROUGH"))

#: Windows with and without padding, scattered sums along one axis and two, labels, functions that are arguments, matrix
#: products after each other, two sums apart, and the product of two vectors.
SAMPLE: list[tuple[str, dict[str, Any]]] = [
    ("conv1d", {"stride": 2, "padding": 1}),
    ("avg-pool2d", {"padding": (0, 1), "divisor": "given"}),
    ("max-pool2d", {}),
    ("embedding", {}),
    ("backprop", {}),
    ("attention", {}),
    ("mse-l2", {}),
    ("multi-margin", {"weights": True}),
    ("lstm", {"steps": 3}),
]
#: These are compiled and run by other tests as well, or take a compiler seconds.
UNRUN = ("attention", "max-pool2d", "multi-margin", "lstm")
WITH_CODE = [id for id, e in catalogue().items() if e.wanted and not e.state]
EVERY = [(id, dict(v)) for id in WITH_CODE for v in ({}, *catalogue()[id].variants)]


def _said(case: tuple[str, Mapping[str, Any]]) -> str:
    return case[0] + "".join(f", {n}={v}" for n, v in case[1].items())


@pytest.mark.parametrize("case", EVERY if THOROUGH else SAMPLE, ids=_said)
@pytest.mark.parametrize("products", (False, True), ids=("printed", "with NumPy's products"))
def test_every_function_has_a_c_form(case: tuple[str, Mapping[str, Any]], products: bool) -> None:
    id, options = case
    d = derivation(id) if not options else nnmath.derive(id, **options).derivation
    assert not write(d, plans(d), products).missing


def test_functions_that_compilers_take_minutes_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As five steps of the layer are at the limit that there is."""
    monkeypatch.setattr(build, "MAX_OPERATIONS", 400)
    d = nnmath.derive("lstm", steps=2).derivation
    assert dict(write(d, plans(d)).missing) == {"lstm_backward": "it has more than 400 operations"}


@needs_compiler
@pytest.mark.parametrize("case", EVERY if THOROUGH else [c for c in SAMPLE if c[0] not in UNRUN], ids=_said)
def test_printed_functions_are_within_the_bounds_of_the_cross_check(case: tuple[str, Mapping[str, Any]]) -> None:
    id, options = case
    page = nnmath.derive(id, **options)
    printed = vars(checkable(page.derivation))
    names = None if THOROUGH else ["unequal sizes", "equal sizes", "all dimensions one", "non-contiguous"]
    report = check(page.derivation, **printed, regimes=names)
    if report.failures:  # where torch has no finite value either, such as a direction of length 0, none is demanded
        report = check(page.derivation, page.forward, **printed, regimes=names)
    assert not report.failures, report.failures[0]


@needs_compiler
def test_a_wrong_size_is_refused_as_numpy_refuses_it() -> None:
    module = nnmath.compiled("conv1d")
    X, K, dY = np.ones((2, 3, 7)), np.ones((4, 3, 2)), np.ones((2, 4, 6))
    assert [a.shape for a in module.conv1d_backward(X, K, dY)] == [(2, 3, 7), (4, 3, 2), (4,)]
    for arguments in ((X, K, dY[:, :, :5]), (X[:, :, :1], K, dY)):
        with pytest.raises(ValueError) as expected:
            module.numpy["conv1d_backward"](*arguments)
        with pytest.raises(ValueError) as found:
            module.conv1d_backward(*arguments)
        assert str(found.value) == str(expected.value)


@needs_compiler
def test_scattered_sums_of_repeated_labels_add_up() -> None:
    module = nnmath.compiled("embedding")
    assert not module.notes
    rng = np.random.default_rng(0)
    E, ids, dY = rng.normal(size=(5, 3)), np.array([4, 0, 4, 4]), rng.normal(size=(4, 3))
    expected = np.zeros_like(E)
    np.add.at(expected, ids, dY)
    np.testing.assert_allclose(module.embedding_backward(E, ids, dY), expected, rtol=1e-15, atol=1e-15)
    with pytest.raises(ValueError, match="ids has labels"):
        module.embedding_backward(E, ids + 1, dY)


@needs_compiler
@pytest.mark.parametrize(
    "given", (lambda x: 1.0, lambda x: x.astype(np.float64), lambda x: x[:1]), ids=("number", "dtype", "shape")
)
def test_what_a_function_gives_may_be_no_array_of_its_argument(given: Any) -> None:
    module = nnmath.compiled("residual")
    assert not module.notes and "residual" in module.products
    rng = np.random.default_rng(0)
    X, W, b = (rng.normal(size=s).astype(np.float32) for s in ((4, 3), (3, 3), (3,)))
    found, expected = module.residual(X, W, b, given), module.numpy["residual"](X, W, b, given)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@needs_compiler
@pytest.mark.parametrize("id", ("rnn", "neuron"))
def test_the_printed_file_has_no_warnings(id: str, tmp_path: Path) -> None:
    file = tmp_path / "module.c"
    file.write_text(nnmath.derive(id).source("c"), encoding="utf-8")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-O1", "-c"]
    run = subprocess.run([compiler.compiler(), *flags, str(file), "-o", str(tmp_path / "x.o")], capture_output=True)
    assert run.returncode == 0, run.stderr.decode()


@needs_compiler
@pytest.mark.parametrize("index", ("i_O", "i_U"))
def test_a_window_that_is_off_by_one_is_found(index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from nnmath.numeric.native import calling

    d, load = derivation("conv1d"), calling.load
    assert "* H + (i_O + i_U)]" in nnmath.derive("conv1d").source("c")
    wrong = f"* H + (i_O + i_U - ({index} > 0))]"
    monkeypatch.setattr(calling, "load", lambda source: load(source.replace("* H + (i_O + i_U)]", wrong)))
    assert not check(d, **vars(checkable(d)), regimes=["unequal sizes"], dtypes=["float64"]).passed


@needs_compiler
def test_many_rows_in_threads_give_the_same_as_one() -> None:
    module = nnmath.compiled("conv1d")
    rng = np.random.default_rng(0)
    X, K, b = rng.normal(size=(9, 5, 300)), rng.normal(size=(7, 5, 4)), rng.normal(size=7)
    np.testing.assert_allclose(module.conv1d(X, K, b), module.numpy["conv1d"](X, K, b), rtol=1e-12, atol=1e-13)
    dY = rng.normal(size=(9, 7, 297))
    pairs = zip(module.conv1d_backward(X, K, dY), module.numpy["conv1d_backward"](X, K, dY), strict=True)
    for a, e in pairs:
        np.testing.assert_allclose(a, e, rtol=1e-11, atol=1e-12)
