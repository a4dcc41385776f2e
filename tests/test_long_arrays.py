"""The cross-check reaches what only long arrays reach: errors planted there, and nowhere else, are found."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest
from derived import derivation, module

from nnmath.calculus.derivation import Derivation
from nnmath.derivations import catalogue
from nnmath.numeric.checking import code, trajectories, updates
from nnmath.numeric.checking.crosscheck import check
from nnmath.numeric.checking.long_arrays import OTHERWISE, REGIME, case_of, forms_in, on_long_arrays, orders_of
from nnmath.numeric.checking.report import CheckReport
from nnmath.numeric.joint import joint
from nnmath.numeric.numpy_code.generator import assemble
from nnmath.numeric.plans import GeneratedModule, LongForm
from nnmath.page import Page

LONG, ROWS = "long arrays", "unequal sizes"

#: Where the lines of a form for moderate entries begin; and what is wrong where its helper is.
BEGIN, BOTH = 'into the arrays given last."""', {"mish", "mish_derivative", "mish_value_and_gradient"}

#: (id, regime, where the text begins that is changed, the text as generated, the text with an error, where it is found)
PLANTED = [
    ("gelu", LONG, "_gelu_derivative_near(", BEGIN, f"{BEGIN}\n    x = -x", {"gelu_derivative"}),
    (
        "gelu-tanh",
        LONG,
        "_gelu_tanh_second_derivative_near(",
        BEGIN,
        f"{BEGIN}\n    x = 1.1 * x",
        {"_second_derivative"},
    ),
    ("mish", LONG, "_mish_near(", BEGIN, f"{BEGIN}\n    x = -x", {"mish"}),
    ("silu", LONG, "_silu_value_and_gradient_near(", BEGIN, f"{BEGIN}\n    x = -x", {"_value_and_gradient"}),
    ("mish", LONG, "_mish_value_and_gradient_near(", BEGIN, f"{BEGIN}\n    upstream = x", {"_value_and_gradient"}),
    ("mish", LONG, "mish(x):", "-80.0, 42.0", "-80.0, 2000.0", {"mish"}),
    ("mish", LONG, "_mostly_near(", "_put_parts(found, far,", "_put_parts(found, far[::-1],", BOTH),
    ("mish", LONG, "_mostly_near(", "range(0, x.size, step)", "range(0, x.size - step, step)", BOTH),
    ("mish", LONG, "_mostly_near(", "v[start : start + step] for", "np.roll(v, -step)[start : start + step] for", BOTH),
    ("mish", LONG, "_mostly_near(", "np.logical_not((low <= v) & (v <= high))", "(v < low)", BOTH),
    ("mish", LONG, "_mostly_near(", "far.append(at + start)", "far.append(at)", BOTH),
    ("mish", LONG, "_mostly_near(", "_put_parts(parts, ...,", "_put_parts(parts[:0], ...,", BOTH),
    ("mish", LONG, "_mostly_near(", "*numbers, *parts)", "*numbers, *(-p for p in parts))", BOTH),
    ("mish", LONG, "_put_parts(", "whole[at] = part", "whole[at] = -part", BOTH),
    (
        "gelu-tanh",
        LONG,
        "_in_blocks(",
        "whole[start : start + step] = part",
        "whole[:step] = part[:step]",
        {"gelu_tanh"},
    ),
    ("tanh", LONG, "_in_blocks(", "range(0, x.size, step)", "range(step, x.size, step)", {"tanh", "tanh_derivative"}),
    ("gelu-tanh", OTHERWISE.name, "_in_blocks(", "= part\n", "= -part\n", {"gelu_tanh_derivative"}),
    ("softmax-ce", ROWS, "_by_rows(", "**others)", "n=step)", {"softmax_ce", "softmax_ce_gradient"}),
    ("softmax-ce", ROWS, "_by_rows(", "whole[0][rows] = part", "whole[0][:step] = part", {"value_and_gradient"}),
    ("layernorm", ROWS, "_by_rows(", "np.sum(x, axis=0)", "x[0]", {"layernorm_backward", "value_and_gradient"}),
    ("layernorm", ROWS, "_by_rows(", "start + step)", "min(start + step, n - 1))", {"layernorm"}),
    ("layernorm", ROWS, "_sum_rows(", "total = _sum_rows(_ones", "total = -_sum_rows(_ones", {"layernorm_backward"}),
    ("layernorm", ROWS, "_sum_products(", "total +=", "total -=", {"layernorm_backward", "value_and_gradient"}),
    ("bce-with-logits", ROWS, "_inner(", "total +=", "total -=", {"bce_with_logits", "value_and_gradient"}),
    ("bce-with-logits", ROWS, "_sum_each_row(", "total +=", "total -=", {"bce_with_logits", "value_and_gradient"}),
]


@cache
def together(id: str) -> GeneratedModule:
    both, plan = joint(derivation(id))
    return assemble(both, (plan,))


def damaged(monkeypatch: pytest.MonkeyPatch, id: str, after: str, old: str, new: str) -> Counter[str]:
    """From now on the text that is checked has an error, wherever it stands; counts how often that was."""
    planted: Counter[str] = Counter()

    def spoilt(made: GeneratedModule) -> GeneratedModule:
        head, found, rest = made.source.partition(f"def {after}")
        own, ends, others = rest.partition("\n\n\n")
        planted[after] += old in own
        return GeneratedModule(head + found + own.replace(old, new) + ends + others, made.functions)

    monkeypatch.setattr(code, "generate", lambda _: spoilt(module(id)))
    monkeypatch.setattr(code, "assemble", lambda *_: spoilt(together(id)))
    return planted


@pytest.mark.parametrize(
    ("id", "regime", "after", "old", "new", "where"), PLANTED, ids=[f"{p[0]}: {p[4]}" for p in PLANTED]
)
def test_an_error_for_long_arrays_only_is_found(
    id: str, regime: str, after: str, old: str, new: str, where: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = damaged(monkeypatch, id, after, old, new)
    report = check(derivation(id), dtypes=("float64",), regimes=[regime])
    assert planted.total() and not report.passed
    assert all(r.form for r in report.failures), report.failures[0]
    found = {r.function for r in report.failures}
    assert all(any(f.endswith(w) for f in found) for w in where), found


def test_an_error_in_the_blocks_of_an_update_rule_is_found() -> None:
    entry, d = catalogue()["adam"].at(), derivation("adam")
    rule = updates.Rule(d, entry.state, entry.start)
    right = updates.generate(rule)
    assert trajectories.check(rule, None, dtypes=("float32",), module=right).passed
    spoilt = right.source.replace("whole[0][rows] = part", "whole[0][: len(part)] = part")
    wrong = GeneratedModule(spoilt, right.functions)
    assert wrong.source != right.source
    (failure,) = trajectories.check(rule, None, dtypes=("float32",), module=wrong).failures
    assert "every other step in blocks of rows" in str(failure)


def ways(id: str) -> dict[str, list[str]]:
    return {f.name: [form.kind for form in f.long] for f in module(id).functions}


def test_a_module_says_how_it_computes_long_arrays() -> None:
    assert ways("relu") == {"relu": [], "relu_derivative": [], "relu_second_derivative": []}
    assert ways("tanh")["tanh"] == ["blocks"]
    assert ways("gelu-tanh")["gelu_tanh_derivative"] == ["near", "blocks"]
    assert set(map(tuple, ways("layernorm").values())) == {("rows",)}
    near = next(f for f in module("gelu").functions if f.name == "gelu_derivative").long[0]
    assert near.arrays == ("x",) and near.low == -near.high < -4
    assert f"_gelu_derivative_near, 1, {near.low!r}, {near.high!r}, gelu_derivative, x)" in module("gelu").source


@pytest.mark.parametrize(
    "id", [id for id, e in catalogue().items() if id in ("gelu", "tanh", "prelu", "softmax", "mse")]
)
def test_what_it_says_is_what_its_text_does(id: str) -> None:
    """Counted while functions run: nothing is divided at the size that it gives, and all is one byte above."""
    source, calls = module(id).source, Counter[str]()
    namespace = code.load_source(source)

    def counted(name: str) -> Any:
        inner = namespace[name]

        def call(*given: Any) -> Any:
            calls[name] += 1
            return inner(*given)

        return call

    helpers = {"near": "_mostly_near", "blocks": "_in_blocks", "rows": "_by_rows"}
    for name in helpers.values():
        if name in namespace:
            namespace[name] = counted(name)
    divided = 0
    for f in module(id).functions:
        for size, expected in ((-1, 0), (0, 0), (1, 1)) if f.long else ():
            form, d = f.long[0], derivation(id)
            numbers = {"alpha": 0.25} if "alpha" in f.arguments else {}
            matrix = any(t.rank == 2 and t.name in form.arrays for t in d.givens)
            shape = (form.above // 64 + size, 8) if matrix else (form.above // 8 + size,)
            calls.clear()
            given = {t.name: np.full(shape[: max(t.rank, 1)], 0.5) for t in d.givens if t.name in f.arguments}
            namespace[f.name](**{**given, **numbers})
            assert bool(calls[helpers[form.kind]]) == bool(expected), (f.name, size)
            divided += expected
    assert divided


def test_the_orders_reach_every_branch() -> None:
    form = LongForm("near", ("x",), 2**18, 2**18, -2.0, 3.0)
    x = np.array([-9.0, -2.5, -2.0, 0.0, 3.0, 3.5], np.float32)
    step, counts = form.block // x.itemsize, []
    for entries in (x[at].ravel() for at in orders_of(x, form)):
        assert x.nbytes < form.above < entries.nbytes
        outside = (entries < -2) | (entries > 3)
        counts.append([int(np.count_nonzero(outside[k : k + step])) for k in range(0, entries.size, step)])
        assert entries.size % step
    inside, low, mixed = counts
    assert set(inside) == {0} and low[0] == 0 < low[-1] < step // 48
    assert {0, step // 16, step // 16 + 1, step} <= set(mixed) and 0 < mixed[-1] < step // 48
    low_side, both = (x[at] for at in orders_of(x, form)[1:])
    assert low_side.max() == 3 and set(np.unique(low_side)) == set(x[:-1]) and set(np.unique(both)) == set(x)


def test_the_blocks_are_those_of_the_text() -> None:
    source = module("gelu").source
    near = next(f for f in module("gelu").functions if f.name == "gelu_derivative").long[0]
    text = source.partition("def _mostly_near(")[2].partition("\n\n\n")[0]
    assert f"2**{near.block.bit_length() - 1} // x.itemsize" in text
    assert f"x.nbytes > 2**{near.above.bit_length() - 1}" in source


def test_the_points_hold_both_ends_and_what_is_next_to_them() -> None:
    d, functions = derivation("gelu-tanh"), module("gelu-tanh").functions
    forms = forms_in(functions, REGIME)
    for dtype in map(np.dtype, ("float32", "float64")):
        case = case_of(d, REGIME, forms, dtype, 0)
        for end in (-3.25, 3.25, 9.875):
            next_to = [np.nextafter(dtype.type(end), dtype.type(s)) for s in (-np.inf, np.inf)]
            assert {float(end), *map(float, next_to)} & set(map(float, case.values["x"])) >= {end}
        assert np.isclose(case.values["k"], 0.044715)
    assert set(forms_in(functions, OTHERWISE)) == {"gelu_tanh_derivative", "gelu_tanh_second_derivative"}
    assert float(case_of(d, OTHERWISE, forms, np.dtype(float), 0).values["k"]) != 0.044715


def test_of_each_point_the_worst_entry_is_returned() -> None:
    form = LongForm("blocks", ("x",), 2**10, 2**10)

    def wrong(x: Any) -> Any:
        out = 2 * x
        if out.size > 4:
            out.flat[np.flatnonzero(x.ravel() == 2.0)[-1]] = 3.5
            out.flat[np.flatnonzero(x.ravel() == 3.0)[5]] = np.nan
            out.flat[np.flatnonzero(x.ravel() == 4.0)[7]] = 1.0
        return np.where(x == 4.0, out * np.inf if out.size == 4 else np.where(out == 8.0, np.inf, out), out)

    x = np.array([1.0, 2.0, 3.0, 4.0])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(on_long_arrays(wrong, form)(x=x), [2.0, 3.5, np.nan, 1.0])

    def changing(x: Any) -> Any:
        x += x.size > 4
        return x

    with pytest.raises(ValueError, match="it changed its input x, which is long"):
        on_long_arrays(changing, form)(x=x)
    with pytest.raises(ValueError, match=r"its shape is \(.*\), expected"):
        on_long_arrays(lambda x: x if x.size == 4 else x.ravel(), form)(x=x)


def test_the_report_says_that_long_arrays_were_run() -> None:
    report = check(derivation("gelu"), dtypes=("float32",), regimes=["typical", LONG])
    assert report.passed and report.forms == ("in blocks", "by a form for moderate entries")
    assert "2 regimes, long arrays too (in blocks, by a form for moderate entries)" in report.summary
    assert report.as_json()["long_arrays"] == list(report.forms)
    plain = check(derivation("relu"), dtypes=("float32",), regimes=["typical"])
    assert plain.passed and "long" not in plain.summary


def own(text: str, given: str) -> tuple[Derivation, CheckReport]:
    import nnmath

    page: Page = nnmath.derive(text, given=given)
    return page.derivation, page.check(dtypes=("float64",))


def test_a_formula_of_ones_own_is_checked_so_too() -> None:
    _, report = own("x*exp(-x**2/2)*tanh(x)", "x: real")
    assert report.passed and report.forms == ("in blocks",)
    _, report = own("sum(exp(tanh(X[i, k]))*y[i] for i in n for k in d)/n", "X: n d, y: n")
    assert report.passed and report.forms == ("in blocks of rows",)


@pytest.mark.parametrize("id", ["gelu", "gelu-tanh", "silu", "mish"])
def test_other_layouts_and_numbers_are_right_in_long_arrays(id: str) -> None:
    """The other byte order, and parameters that are no numbers, as short arrays have them."""
    for source, functions in ((m.source, m.functions) for m in (module(id), together(id))):
        namespace = code.load_source(source)
        x = 3 * np.random.default_rng(0).standard_normal((300, 250)).astype(np.float32)
        for f in functions:
            for given in (x.astype(">f4"), np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x[:0]):
                arrays = [given] * (2 if "upstream" in f.arguments else 1)
                long = namespace[f.name](*arrays)
                alone = namespace[f.name](*(a[:5].astype(np.float32) for a in arrays))
                for a, b in zip(_parts(long), _parts(alone), strict=True):
                    assert a.shape == given.shape and a.dtype == np.float32 and a.dtype.isnative
                    np.testing.assert_allclose(a[:5], b, rtol=1e-4, atol=1e-6)
            for k in (np.nan, np.inf) if "k" in f.arguments else ():
                with np.errstate(all="ignore"):
                    for a in _parts(namespace[f.name](*[x.astype(float)] * len(arrays), k=k)):
                        assert np.isnan(a).all()


def _parts(out: Any) -> tuple[Any, ...]:
    return out if isinstance(out, tuple) else (out,)
