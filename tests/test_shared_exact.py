"""Exact values of a check: computed once for all functions, let go at once, and at sizes that do not take minutes."""

from __future__ import annotations

import weakref
from collections import Counter
from typing import Any

import pytest
from compiler_here import needs_compiler
from derived import derivation, page

import nnmath
from nnmath.calculus.dimensions import free_dimensions
from nnmath.numeric.checking.crosscheck import check
from nnmath.numeric.checking.exact import Judge
from nnmath.numeric.checking.long_arrays import ROUNDS, has_short_rows, larger_sizes, rounds
from nnmath.numeric.native import calling
from nnmath.numeric.native.checkable import checkable, checkables
from nnmath.numeric.plans import is_elementwise

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The inputs of each exact evaluation, from now on."""
    inputs: list[Any] = []
    evaluate = Judge.evaluate

    def noted(self: Judge, names: Any, sizes: Any, values: Any, *rest: Any, **more: Any) -> Any:
        inputs.append(tuple((t.name, v.dtype.str, v.shape, v.tobytes()) for t, v in values.items()))
        return evaluate(self, names, sizes, values, *rest, **more)

    monkeypatch.setattr(Judge, "evaluate", noted)
    return inputs


@needs_compiler
@pytest.mark.parametrize("id", ["dense", "silu"])
def test_all_compiled_functions_share_one_exact_value(id: str, evaluated: list[Any]) -> None:
    d, dtypes = derivation(id), ("float32", "float64")
    alone = check(d, **vars(checkable(d)), dtypes=dtypes)
    once = Counter(evaluated)
    evaluated.clear()
    report = page(id).check(dtypes=dtypes, target="c")
    assert report.passed and Counter(evaluated) == once
    before, found = (Counter(r.function for r in made.results) for made in (alone, report))
    assert found[f"{id}_value_and_gradient"] and all(found[name] >= count for name, count in before.items())
    if not is_elementwise(d):  # a function of scalars has the same point more than once in some regimes
        assert set(once.values()) == {1} and found[id] > before[id]  # once more where NumPy multiplies matrices


@needs_compiler
def test_exact_values_are_let_go_before_others_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate, made, most = Judge.evaluate, list[Any](), list[int]()

    def counted(self: Judge, *given: Any, **more: Any) -> Any:
        most.append(sum(ref() is not None for ref in made))
        found = evaluate(self, *given, **more)
        made.extend(weakref.ref(array) for array in found.values())
        return found

    monkeypatch.setattr(Judge, "evaluate", counted)
    assert page("layernorm").check(dtypes=("float64", "float32"), target="c").passed
    assert len(most) > 20 and set(most) == {0}


@needs_compiler
@pytest.mark.parametrize("plain", [True, False])
def test_an_error_is_found_in_the_functions_that_have_it(plain: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    load, together = calling.load, "softmax_ce_value_and_gradient_f64"
    spoilt: list[str] = []

    def changed(source: str) -> Any:
        if (together in source) == plain:
            return load(source)
        assert "/ (double)n" in source
        spoilt.append(source)
        return load(source.replace("/ (double)n", "/ (double)(n + 1)"))

    monkeypatch.setattr(calling, "load", changed)
    report = page("softmax-ce").check(dtypes=("float64",), target="c")
    wrong = {r.function for r in report.failures}
    assert spoilt and wrong == ({"softmax_ce", "softmax_ce_gradient"} if plain else {together.removesuffix("_f64")})


def test_rounds_are_counted_through_entries_and_terms() -> None:
    d = nnmath.derive("L = sum(A[i, j]*x[j] for i in n for j in m)", given="A: n m, x: m", wrt=["x"]).derivation
    n, m = d.dims
    # L and its n·m terms; the derivative of m entries, each a sum of n terms.
    assert rounds(d, {n: 7, m: 5}) == 1 + 7 * 5 + 5 + 7 * 5


@pytest.mark.parametrize(
    ("id", "short"),
    [("multilabel-margin", True), ("lstm", True), ("conv1d", True), ("layernorm", False), ("l1", False)],
)
def test_larger_sizes_are_those_whose_exact_values_take_seconds(id: str, short: bool) -> None:
    d = derivation(id)
    dims = free_dimensions(d.dims)
    found = {r.name: rounds(d, dict(zip(dims, r.sizes(len(dims)), strict=True))) for r in larger_sizes(d)}
    assert all(count <= ROUNDS for count in found.values())
    assert ("long rows" in found) != short and has_short_rows(d) == short


@needs_compiler
def test_where_rows_cannot_be_long_the_ends_of_blocks_are_reached_with_short_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = calling.load
    monkeypatch.setattr(calling, "load", lambda source: load(source.replace("block += 2)", "block += 3)")))
    d = derivation("multilabel-margin")
    plain = next(c for c in checkables(d) if c.functions)
    assert check(d, **vars(plain), dtypes=("float64",), regimes=["unequal sizes"]).passed
    report = page("multilabel-margin").check(dtypes=("float64",), target="c")
    assert report.failures and {r.form for r in report.failures} == {"in short blocks"}


@needs_compiler
def test_no_second_text_is_compiled_where_rows_can_be_long() -> None:
    assert all(c.functions for c in checkables(derivation("layernorm")))
    assert [c.joined is not None for c in checkables(derivation("softmax")) if not c.functions] == [False, True]
