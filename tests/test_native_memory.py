"""Compiled functions on long arrays: results that go past the cache, rows read ahead, sums of columns in groups."""

from __future__ import annotations

import ctypes
import inspect
import os
import re
from typing import Any

import numpy as np
import pytest
from compiler_here import needs_compiler

import nnmath
from nnmath.derivations import catalogue
from nnmath.numeric.checking.crosscheck import check
from nnmath.numeric.native import module
from nnmath.numeric.native.compiler import load
from nnmath.numeric.native.functions.double_functions import support
from nnmath.numeric.native.functions.float_functions import float_support
from nnmath.numeric.native.loops import memory

pytestmark = [needs_compiler, pytest.mark.usefixtures("own_cache")]

SAMPLE = ("layernorm",)
THOROUGH = tuple(id for id in catalogue() if id not in SAMPLE) if os.environ.get("NNMATH_THOROUGH") else ()


@pytest.fixture(scope="module")
def layernorm(own_cache: None) -> Any:
    return nnmath.compiled("layernorm")


@pytest.mark.parametrize("id", (*SAMPLE, *THOROUGH))
def test_where_every_array_counts_as_long_results_stay_right(id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nn_cache_bytes = 24e6" in memory.STREAM
    monkeypatch.setattr(module, "STREAM", memory.STREAM.replace("nn_cache_bytes = 24e6", "nn_cache_bytes = 0.0"))
    page = nnmath.derive(id)
    if not page.has_code or page.entry.state:
        pytest.skip("it has no functions")
    compiled = nnmath.compiled(page)
    if id in SAMPLE:
        assert "nn_stream(" in compiled.source and not compiled.notes
    report = check(page.derivation, functions=compiled.namespace)
    if report.failures:
        report = check(page.derivation, page.forward, functions=compiled.namespace)
    assert not report.failures, report.failures[0]


#: What is replaced in the C text, and by what; and where not all is written then.
WRONG = {
    "no first part": ("memcpy(a, b, before);", ";"),
    "no last part": ("#endif\n    memcpy(a, b, bytes);", "#endif"),
    "every second line": ("a += 64, b += 64, bytes -= 64", "a += 128, b += 128, bytes -= 128"),
}


def copied(text: str) -> list[tuple[int, int]]:
    """Offsets and lengths in bytes at which copying past the cache changes other bytes than it should."""
    head = "#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n"
    call = "\nvoid nn_copy(void *to, void *from, size_t bytes) { nn_stream(to, from, bytes); nn_streamed(); }"
    lines = "\n#ifdef NN_LINE\nint nn_lines = 1;\n#else\nint nn_lines = 0;\n#endif\n"
    library = load(head + text + call + lines)
    if text != memory.STREAM and not ctypes.c_int.in_dll(library, "nn_lines").value:
        pytest.skip("this machine has no stores past the cache")
    copy = library.nn_copy
    copy.argtypes, copy.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t], None
    source = np.random.default_rng(0).integers(1, 255, 1024).astype(np.uint8)
    wrong = []
    for offset in (0, 4, 16, 60, 64):
        for length in (0, 4, 60, 64, 68, 128, 192, 332, 512):
            target, expected = np.zeros(1024, np.uint8), np.zeros(1024, np.uint8)
            expected[offset : offset + length] = source[3 : 3 + length]
            copy(target.ctypes.data + offset, source.ctypes.data + 3, length)
            if not np.array_equal(target, expected):
                wrong.append((offset, length))
    return wrong


def test_copies_past_the_cache_are_whole() -> None:
    assert copied(memory.STREAM) == []


@pytest.mark.parametrize("old, new", WRONG.values(), ids=WRONG)
def test_planted_errors_in_such_copies_are_found(old: str, new: str) -> None:
    assert memory.STREAM.count(old) == 1
    if "128" in new:
        new = new.replace("bytes -= 128", "bytes -= bytes < 128 ? bytes : 128")
    assert copied(memory.STREAM.replace(old, new))


@pytest.mark.parametrize("n", (1, 15, 16, 17, 1000))
def test_sums_of_columns_have_the_digits_of_double(layernorm: Any, n: int) -> None:
    """In float, a thousand entries of one sign would lose two digits of their sum."""
    rng = np.random.default_rng(n)
    X, dY = (rng.uniform(0.5, 1.5, size=(n, 64)).astype(np.float32) for _ in range(2))
    *_, db = layernorm.layernorm_backward(X, np.ones(64, np.float32), dY, 1e-5)
    exact = dY.astype(np.float64).sum(axis=0)
    assert np.abs(db / exact - 1).max() < 3e-7
    one_by_one = np.cumsum(dY, axis=0, dtype=np.float32)[-1]
    assert n < 1000 or np.abs(one_by_one / exact - 1).max() > 3e-7


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_what_is_the_same_in_every_row_is_computed_once(dtype: type) -> None:
    compiled = nnmath.compiled("batchnorm")
    assert not compiled.notes
    assert "column[i_C] = (float)temporary" in compiled.source
    rng = np.random.default_rng(0)
    X, dY = (rng.normal(size=(100, 33)).astype(dtype) for _ in range(2))
    g, b, m = (rng.normal(size=33).astype(dtype) for _ in range(3))
    given = {"X": X, "dY": dY, "g": g, "b": b, "m": m, "v": m * m, "eps": 1e-5}
    for name in compiled.functions:
        function = compiled.numpy[name]
        chosen = {n: given[n] for n in inspect.signature(function).parameters}
        for f, e in zip(compiled.namespace[name](**chosen), function(**chosen), strict=True):
            assert np.abs(f - e).max() <= 50 * np.finfo(dtype).eps * np.abs(e).max()


def test_long_arrays_give_what_numpy_gives(layernorm: Any) -> None:
    rng = np.random.default_rng(0)
    n, D = 2100, 1029  # 26 MB in three arrays
    X, dY = (rng.standard_normal((n, D), np.float32) for _ in range(2))
    g = rng.standard_normal(D, np.float32)
    found = layernorm.layernorm_backward(X, g, dY, 1e-5)
    expected = layernorm.numpy["layernorm_backward"](X, g, dY, 1e-5)
    for f, e in zip(found, expected, strict=True):
        assert np.abs(f - e).max() < 2e-6 * np.abs(e).max()


def test_rows_are_read_ahead_where_an_entry_costs_much(layernorm: Any) -> None:
    """Once in a row, by the loop that has this row in the cache."""
    source = nnmath.compiled("softmax-ce").source
    body = source[source.index("int softmax_ce_gradient_f32(") :].partition("\n}\n")[0]
    largest, rest = body.split("double row2 = (", 1)
    assert "nn_ahead(" not in largest and re.findall(r"nn_ahead\((\w+) ", rest) == ["Z"]


def test_rows_of_several_arrays_are_read_ahead(layernorm: Any) -> None:
    for name, expected in (("layernorm", []), ("layernorm_backward", ["X", "dY"])):
        body = layernorm.source.partition(f"int {name}_f32(")[2].partition("\n}\n")[0]
        assert re.findall(r"nn_ahead\((\w+) ", body) == expected


@pytest.mark.parametrize("rows, D", ((3, 600), (2100, 1029), (5, 65536)))
def test_long_rows_that_are_read_ahead_give_what_numpy_gives(
    rows: int, D: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STREAM", memory.STREAM.replace("nn_cache_bytes = 24e6", "nn_cache_bytes = 0.0"))
    compiled = nnmath.compiled("softmax")
    Z = np.random.default_rng(D).standard_normal((rows, D), np.float32) * 5
    found, expected = compiled.softmax(Z), compiled.numpy["softmax"](Z.astype(np.float64))
    assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()
    compiled = nnmath.compiled("rmsnorm")
    assert "nn_ahead(dY + " in compiled.source
    given = Z, Z[0], Z[::-1].copy()
    exact = compiled.numpy["rmsnorm_backward"](*(a.astype(np.float64) for a in given))
    for f, e in zip(compiled.rmsnorm_backward(*given), exact, strict=True):
        assert np.abs(f - e).max() < 2e-6 * np.abs(e).max()


@pytest.mark.parametrize("real, size", (("double", 1022), ("float", 126)))
def test_the_power_of_two_is_the_nearest(real: str, size: int) -> None:
    """Cut off, that of 0.9999 would be 1/2: vectors that are nearly parallel would lose the digits of their angle."""
    used = {"float power_of_two"} if real == "float" else {"power_of_two"}
    shorter, doubles = float_support(n.removeprefix("float ") for n in used if real == "float")
    text = module.HEADER + support([*doubles, *(used if real == "double" else ())]) + shorter
    name = "nnf" if real == "float" else "nn"
    library = load(f"{text}\n{real} nn_try({real} x) {{ return {name}_power_of_two(x); }}")
    kind = ctypes.c_float if real == "float" else ctypes.c_double
    library.nn_try.argtypes, library.nn_try.restype = [kind], kind
    for x, power in ((1.0, 0), (0.9999, 0), (1.0001, 0), (0.72, 0), (0.7, -1), (1.41, 0), (1.42, 1), (1.9, 1)):
        for shift in (0, 30, -30, size, -size, -size - 10):
            for sign in (1, -1):
                assert library.nn_try(sign * x * 2.0**shift) == sign * 2.0 ** (power + shift)
    assert library.nn_try(0.0) == 0.0
