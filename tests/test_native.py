"""The compiled functions: against exact values, against NumPy on bad input, and what happens without a compiler."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiler_here import needs_compiler

import nnmath
from nnmath.cli import main
from nnmath.derivations import catalogue
from nnmath.numeric.checking.crosscheck import check
from nnmath.numeric.native import compiler
from nnmath.numeric.native.matrices.hybrid import as_matrices

pytestmark = pytest.mark.usefixtures("own_cache")

#: One entry of each shape of loops: entry by entry, rows in stages, totals over rows, labels, columns, two sums apart.
SAMPLE = (
    *("softmax-ce", "softmax-ce-labels", "layernorm", "gan-minimax", "log-softmax", "celu", "bce-with-logits"),
    *("attention", "info-nce"),  # matrix products, and a diagonal
)
THOROUGH = tuple(id for id in catalogue() if id not in SAMPLE) if os.environ.get("NNMATH_THOROUGH") else ()


@pytest.fixture(scope="module")
def softmax(own_cache: None) -> Any:
    return nnmath.compiled("softmax-ce")


def arrays(dtype: type = np.float32, n: int = 5, C: int = 3) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    Z, Y = rng.normal(size=(n, C)), rng.uniform(size=(n, C))
    return Z.astype(dtype), (Y / Y.sum(axis=1, keepdims=True)).astype(dtype)


@needs_compiler
@pytest.mark.parametrize("id", (*SAMPLE, *THOROUGH))
def test_compiled_functions_are_within_the_bounds_of_the_cross_check(id: str) -> None:
    page = nnmath.derive(id)
    if not page.has_code or page.entry.state:
        pytest.skip("it has no functions")
    module = nnmath.compiled(page)
    if id in SAMPLE:
        assert module.notes == {}
    report = check(page.derivation, functions=module.namespace)
    if report.failures:  # where torch has no finite value either, such as a direction of length 0, none is demanded
        report = check(page.derivation, page.forward, functions=module.namespace)
    assert not report.failures, report.failures[0]


@needs_compiler
def test_the_cross_check_refuses_a_planted_error(softmax: Any) -> None:
    wrong = {
        **softmax.namespace,
        "softmax_ce_gradient": lambda Z, Y: softmax.softmax_ce_gradient(Z, Y) * Z.dtype.type(1.001),
    }
    assert check(nnmath.derive("softmax-ce").derivation, functions=wrong).failures


BAD = {
    "another number of rows": lambda Z, Y: (Z, Y[:-1]),
    "one axis": lambda Z, Y: (Z[0], Y),
    "complex": lambda Z, Y: (Z.astype(complex), Y),
    "empty": lambda Z, Y: (Z[:0], Y[:0]),
    "text": lambda Z, Y: ("logits", Y),
    "nothing": lambda Z, Y: (None, Y),
}


@needs_compiler
@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
def test_bad_input_is_refused_as_numpy_refuses_it(softmax: Any, change: Any) -> None:
    given = change(*arrays())
    with pytest.raises((TypeError, ValueError)) as expected:
        softmax.numpy["softmax_ce_gradient"](*given)
    with pytest.raises(type(expected.value)) as found:
        softmax.softmax_ce_gradient(*given)
    assert str(found.value) == str(expected.value)


def _read_only(a: Any) -> Any:
    b = a.copy()
    b.flags.writeable = False
    return b


GOOD = {
    "contiguous": lambda Z, Y: (Z, Y),
    "columns first": lambda Z, Y: (np.asfortranarray(Z), Y),
    "backwards": lambda Z, Y: (Z[::-1][::-1], Y[:, ::-1][:, ::-1]),
    "every second": lambda Z, Y: (np.repeat(Z, 2, axis=1)[:, ::2], Y),
    "read only": lambda Z, Y: (_read_only(Z), _read_only(Y)),
    "lists": lambda Z, Y: (Z.tolist(), Y.tolist()),
    "integers": lambda Z, Y: (np.arange(Z.size).reshape(Z.shape), Y),
    "two dtypes": lambda Z, Y: (Z.astype(np.float64), Y),
    "float16": lambda Z, Y: (Z.astype(np.float16), Y.astype(np.float16)),
    "other byte order": lambda Z, Y: (Z.astype(Z.dtype.newbyteorder()), Y),
}


@needs_compiler
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("change", GOOD.values(), ids=GOOD)
def test_other_arrays_give_what_numpy_gives(softmax: Any, change: Any, dtype: type) -> None:
    given = change(*arrays(dtype))
    expected = softmax.numpy["softmax_ce_gradient"](*given)
    found = softmax.softmax_ce_gradient(*given)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=2e-3 if expected.dtype == np.float16 else 1e-5, atol=1e-7)
    value = softmax.softmax_ce(*given)
    assert type(value) is type(softmax.numpy["softmax_ce"](*given))


@needs_compiler
def test_numpy_multiplies_matrices_between_the_stages() -> None:
    module = nnmath.compiled("dense")
    assert module.products == module.functions == ("dense", "dense_backward") and not module.notes
    rng = np.random.default_rng(0)
    X, W, b = rng.normal(size=(5, 3)), rng.normal(size=(3, 4)), rng.normal(size=4)
    np.testing.assert_allclose(module.dense(X, W, b), X @ W + b, rtol=1e-14)
    assert module.dense(X[::2], np.asfortranarray(W), b).shape == (3, 4)
    with pytest.raises(ValueError, match="W has shape"):
        module.dense(X, W[:2], b)


@pytest.mark.parametrize("spec", ("abc,acd->bd", "abc,adc->db", "abc,dac->bd", "abc,ca->b", "ab,ba->", "abcd,dbe->eac"))
def test_a_sum_over_several_axes_is_a_product_of_matrices(spec: str) -> None:
    rng = np.random.default_rng(0)
    A, B = (rng.integers(-9, 9, [3 + "abcde".index(c) for c in part]) for part in spec.split("->")[0].split(","))
    text = as_matrices(spec, ("A", "B"))
    assert text is not None
    found = eval(text, {"tensordot": np.tensordot, "A": A, "B": B})
    np.testing.assert_array_equal(found, np.einsum(spec, A, B))


@pytest.mark.parametrize("spec", ("abc,acd->abd", "aab,bc->c", "ab,c->c", "ab,bc->c", "ab,bc,cd->ad", "ab,cd->abcd"))
def test_other_sums_are_left_to_einsum(spec: str) -> None:
    assert as_matrices(spec, ("A", "B")) is None


@needs_compiler
def test_heads_are_summed_alike_by_matrices_and_by_einsum() -> None:
    module = nnmath.compiled("multi-head-attention")
    rng = np.random.default_rng(0)
    for n, E, d in ((3, 4, 2), (24, 32, 8)):
        X, *W = (rng.normal(size=s) for s in ((n, E), *[(4, E, d)] * 3, (4, d, E)))
        expected = module.numpy["multi_head_attention"](X, *W)
        np.testing.assert_allclose(module.multi_head_attention(X, *W), expected, rtol=1e-10, atol=1e-12)


@needs_compiler
def test_labels_are_checked() -> None:
    module = nnmath.compiled("softmax-ce-labels")
    Z, _ = arrays()
    with pytest.raises(ValueError, match=r"labels 0 to 3, expected 0 to 2"):
        module.softmax_ce_labels_gradient(Z, np.array([0, 1, 2, 3, 0]))
    for kind in (np.int32, np.uint8, np.int64):
        found = module.softmax_ce_labels_gradient(Z, np.array([0, 1, 2, 2, 0], dtype=kind))
        expected = module.numpy["softmax_ce_labels_gradient"](Z, np.array([0, 1, 2, 2, 0]))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@needs_compiler
def test_many_rows_in_threads_give_the_same_as_one(softmax: Any) -> None:
    Z, Y = arrays(np.float64, 4096, 33)
    np.testing.assert_allclose(
        softmax.softmax_ce_gradient(Z, Y), softmax.numpy["softmax_ce_gradient"](Z, Y), rtol=1e-12, atol=1e-18
    )
    np.testing.assert_allclose(softmax.softmax_ce(Z, Y), softmax.numpy["softmax_ce"](Z, Y), rtol=1e-13)
    Z[4000, 3] = np.nan
    assert np.isnan(softmax.softmax_ce(Z, Y))
    assert np.isnan(softmax.softmax_ce_gradient(Z, Y)).any(axis=1).nonzero()[0].tolist() == [4000]


def test_without_a_compiler_numpy_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/nonexistent")
    module = nnmath.compiled("silu")
    assert set(module.notes) == set(module.functions)
    assert "CC is '/nonexistent'" in module.notes["silu"] and "NumPy serves" in module.notes["silu"]
    np.testing.assert_array_equal(module.silu(np.ones(3)), module.numpy["silu"](np.ones(3)))


@needs_compiler
def test_a_compiler_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "false")
    with pytest.raises(compiler.NoCompiler, match="cannot compile"):
        compiler.load("int nothing;")


@needs_compiler
def test_the_cache_is_used_again_and_need_not_be_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiler.load("int nn_one(void) { return 1; }")
    files = list((tmp_path / "nnmath").iterdir())
    assert [f.suffix for f in files] == [".so"]
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("compiled again"))
    assert compiler.load("int nn_one(void) { return 1; }").nn_one() == 1
    monkeypatch.undo()
    closed = tmp_path / "file"
    closed.write_text("not a folder")
    closed.chmod(stat.S_IRUSR)
    monkeypatch.setenv("XDG_CACHE_HOME", str(closed))
    assert compiler.load("int nn_two(void) { return 2; }").nn_two() == 2


@needs_compiler
def test_the_printed_file_stands_alone(tmp_path: Path) -> None:
    file = tmp_path / "softmax_ce.c"
    assert main(["code", "softmax-ce", "--target", "c", "-o", str(file)]) == 0
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-O1", "-c"]
    run = subprocess.run([compiler.compiler(), *flags, str(file), "-o", str(tmp_path / "x.o")], capture_output=True)
    assert run.returncode == 0, run.stderr.decode()


def test_an_unknown_function_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/nonexistent")
    with pytest.raises(AttributeError, match="there are silu, silu_derivative"):
        nnmath.compiled("silu").nothing  # noqa: B018


@needs_compiler
def test_accuracy_is_measured_of_compiled_code_too() -> None:
    found = nnmath.derive("gelu").accuracy(["float32"], code="c")
    assert not found.failed and {r.name for r in found.rows} == {"y", "dy_dx", "d2y_dx2"}
    assert all(r.away <= 8 for r in found.rows)


@needs_compiler
@pytest.mark.parametrize("beta", (1.5, np.float64(1.5), np.float32(1.5), np.array(1.5)))
def test_a_number_may_be_an_array_without_axes(beta: Any) -> None:
    module = nnmath.compiled("swish")
    x = np.linspace(-3, 3, 7)
    assert {type(v) for v in (module.swish(x, beta), module.numpy["swish"](x, 1.5))} == {np.ndarray}
    assert np.array_equal(module.swish(x, beta), module.swish(x, 1.5))


def test_accuracy_is_not_measured_where_numpy_would_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/nonexistent")
    with pytest.raises(ValueError, match="CC is '/nonexistent', which is not a program"):
        nnmath.derive("silu").accuracy(["float32"], code="c")
