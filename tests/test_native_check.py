"""The cross-check of compiled code: it runs C and nothing else, finds planted errors, and names a missing compiler."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from compiler_here import needs_compiler

import nnmath
from nnmath.cli import FAILED, FINE, MISSING, main
from nnmath.derivations import catalogue
from nnmath.numeric.checking.crosscheck import check
from nnmath.numeric.lower import Unsupported
from nnmath.numeric.native import calling
from nnmath.numeric.native.checkable import checkable

pytestmark = pytest.mark.usefixtures("own_cache")
THOROUGH = bool(os.environ.get("NNMATH_THOROUGH"))

RULES = {id: entry for id, entry in catalogue().items() if entry.state}


@needs_compiler
def test_the_command_checks_compiled_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "relu", "--target", "c", "--json"]) == FINE
    (row,) = json.loads(capsys.readouterr().out)["entries"]
    assert set(row["cross_checks"]) == {"float64", "float32"} and "compiled C against torch" in row["notes"][0]


def test_without_a_compiler_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CC", "/nonexistent")
    assert main(["check", "silu", "--target", "c"]) == MISSING
    said = capsys.readouterr().err
    assert said == "nnmath: CC is '/nonexistent', which is not a program. Install one, or set CC to its path\n"


@needs_compiler
def test_numbers_that_differ_from_entry_to_entry_are_computed_in_c() -> None:
    derivation = nnmath.derive("prelu").derivation
    report = check(derivation, **vars(checkable(derivation)), regimes=["typical", "zeros"])
    assert report.passed, report.failures[0]


@needs_compiler
def test_a_call_that_numpy_would_serve_is_an_error() -> None:
    compiled = checkable(nnmath.derive("softmax-ce").derivation)
    rows = np.full((2, 3), 1 / 3)
    assert compiled.functions["softmax_ce"](rows, rows).shape == ()
    with pytest.raises(TypeError, match="softmax_ce was not computed in C"):
        compiled.functions["softmax_ce"](rows.astype(np.float16), rows)


#: (id, options, the C as generated, the C with an error)
PLANTED: list[tuple[str, Mapping[str, Any], str, str]] = [
    ("softmax-ce", {}, "/ (double)n", "/ (double)(n + 1)"),
    ("adam", {}, "1.0 - beta2", "1.0 - beta1"),
    ("clip-norm", {}, "sqrt(row5)", "row5"),
    ("exponential-decay", {}, "gamma_ * lr", "gamma_ + lr"),
]


@needs_compiler
@pytest.mark.parametrize(("id", "options", "old", "new"), PLANTED, ids=[p[0] for p in PLANTED])
def test_an_error_in_the_c_text_is_found(
    id: str, options: Mapping[str, Any], old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = nnmath.derive(id, **options)
    assert old in page.source("c")
    load = calling.load
    monkeypatch.setattr(calling, "load", lambda source: load(source.replace(old, new)))
    assert not page.check(dtypes=("float64",), target="c").passed


TOGETHER = [("softmax-ce", "/ (double)n", "/ (double)(n + 1)"), ("silu", "upstream[e]", "x[e]")]


@needs_compiler
@pytest.mark.parametrize(("id", "old", "new"), TOGETHER, ids=[p[0] for p in TOGETHER])
def test_an_error_where_value_and_gradients_are_returned_together_is_found(
    id: str, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, name = calling.load, f"{id.replace('-', '_')}_value_and_gradient"
    spoiled: list[str] = []

    def changed(source: str) -> Any:
        if name in source:
            assert old in source
            spoiled.append(source)
        return load(source.replace(old, new) if name in source else source)

    monkeypatch.setattr(calling, "load", changed)
    report = nnmath.derive(id).check(dtypes=("float32",), target="c")
    assert spoiled and {r.function for r in report.failures} == {name}


@needs_compiler
@pytest.mark.parametrize("id", tuple(RULES) if THOROUGH else ("lamb", "cosine-annealing"))
def test_compiled_steps_follow_the_exact_course(id: str) -> None:
    for options in ({}, *RULES[id].variants):
        report = nnmath.derive(id, **options).check(target="c")
        assert report.passed, report.failures[0]


@pytest.fixture(scope="module")
def adam(own_cache: None) -> Any:
    return nnmath.compiled("adam")


def _vectors(dtype: type, size: int = 9) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.uniform(size=size).astype(dtype) for _ in range(4)]


@needs_compiler
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_a_step_writes_over_its_arguments_what_it_returns_otherwise(adam: Any, dtype: type) -> None:
    assert not adam.notes
    w, g, m, v = _vectors(dtype, 10_001)
    expected = adam.adam_step(w, g, m, v, t=3)
    for a, b in zip(expected, adam.numpy["adam_step"](w, g, m, v, t=3), strict=True):
        np.testing.assert_allclose(a, b, rtol=8 * np.finfo(dtype).eps)
    out = (w.copy(), m.copy(), v.copy())
    found = adam.adam_step(out[0], g, out[1], out[2], t=3, out=out)
    assert all(a is b and np.array_equal(a, c) for a, b, c in zip(out, found, expected, strict=True))


@needs_compiler
def test_overlapping_and_strided_results_are_right_too(adam: Any) -> None:
    w, g, m, v = _vectors(np.float32)
    expected = adam.adam_step(w, g, m, v, t=1)
    long, wide = np.empty(10, np.float32), np.zeros(18, np.float32)
    long[:-1] = w
    adam.adam_step(long[:-1], g, m, v, t=1, out=(long[1:], m.copy(), v.copy()))
    assert np.array_equal(long[1:], expected[0])
    adam.adam_step(w, g, m, v, t=1, out=(wide[::2], m.copy(), v.copy()))
    assert np.array_equal(wide[::2], expected[0])
    twice = w.copy()
    adam.adam_step(w, g, m, v, t=1, out=(twice, twice, v.copy()))
    assert np.array_equal(twice, expected[1])  # one after the other, as NumPy would


BAD_OUT = {
    "too few": (lambda w, m, v: (w,), "out has 1 arrays, expected 3: w1, m1, v1"),
    "another dtype": (lambda w, m, v: (w.astype(float), m, v), r"out for w1 is float64\(9,\), expected an array"),
    "another shape": (lambda w, m, v: (w, m[:3], v), r"out for m1 is float32\(3,\), expected an array float32\(9,\)"),
    "a list": (lambda w, m, v: (w, m, [0.0]), "out for v1 is list, expected an array"),
}


@needs_compiler
@pytest.mark.parametrize(("made", "said"), BAD_OUT.values(), ids=BAD_OUT)
def test_arrays_that_do_not_fit_are_refused_and_nothing_is_written(adam: Any, made: Any, said: str) -> None:
    w, g, m, v = _vectors(np.float32)
    before = [a.copy() for a in (w, g, m, v)]
    with pytest.raises((TypeError, ValueError), match=said):
        adam.adam_step(w, g, m, v, t=1, out=made(w, m, v))
    assert all(np.array_equal(a, b) for a, b in zip(before, (w, g, m, v), strict=True))


@needs_compiler
def test_arrays_by_name_are_updated_by_the_compiled_step(adam: Any) -> None:
    parameters = {"W": np.ones((2, 3), np.float32), "b": np.zeros(4, np.float32)}
    state = adam.adam_init(parameters)
    after, state = adam.adam_update(parameters, parameters, state)
    assert after["W"].shape == (2, 3) and state["t"] == 1
    for k, w in parameters.items():
        flat, zeros = w.ravel(), np.zeros(w.size, w.dtype)
        expected = adam.numpy["adam_step"](flat, flat, zeros, zeros, t=1)[0]
        np.testing.assert_allclose(after[k].ravel(), expected, rtol=1e-6)


@needs_compiler
def test_a_function_without_a_c_form_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    from nnmath.numeric.native import module

    def refuse(*given: Any) -> Any:
        raise Unsupported("loops that run backwards have no C form")

    monkeypatch.setattr(module, "_function", refuse)
    row = __import__("nnmath.checks").checks.check_one("silu", {}, "cpu", ("float64",), "c")
    assert row.failed and row.messages == ("silu: silu is not compiled: loops that run backwards have no C form",)
    assert main(["check", "silu", "--target", "c"]) == FAILED
