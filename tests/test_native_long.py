"""The cross-check of compiled code reaches what only long arrays reach: threads, blocks, groups of rows, streams."""

from __future__ import annotations

import pytest
from compiler_here import needs_compiler
from derived import derivation, page

from nnmath.numeric.checking.crosscheck import check
from nnmath.numeric.native import calling
from nnmath.numeric.native.checkable import checkable

pytestmark = [needs_compiler, pytest.mark.usefixtures("own_cache")]


SHARE = "row = rows * me / team;"

#: (id, regime, the C as generated, the C with an error, whether it is found only where long arrays are computed so)
PLANTED = [
    ("softmax-ce", "unequal sizes", "t = 1; t < threads", "t = 2; t < threads", True),
    ("layernorm", "unequal sizes", "from, size_t bytes) {", "from, size_t bytes) {\n    bytes -= 4;", True),
    ("softmax-ce", "long rows", "block += 512", "block += 513", False),
    ("layernorm", "many rows", "group += 16", "group += 15", False),
    ("elu", "long arrays", "first = row * 4096", "first = row * 4097", True),
    ("elu", "long arrays", SHARE, "row = rows * me / team + (me > 0);", True),
]


@pytest.mark.parametrize(("id", "regime", "old", "new", "only"), PLANTED, ids=[f"{p[0]}: {p[3][:30]}" for p in PLANTED])
def test_an_error_in_the_c_for_long_arrays_is_found(
    id: str, regime: str, old: str, new: str, only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert old in page(id).source("c")
    load = calling.load
    monkeypatch.setattr(calling, "load", lambda source: load(source.replace(old, new)))
    compiled = vars(checkable(derivation(id)))
    report = check(derivation(id), **compiled, regimes=[regime], dtypes=("float32",))
    assert not report.passed
    assert not only or all(r.form for r in report.failures)


def test_an_error_in_a_long_step_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    load, old = calling.load, "first = row * 4096"
    monkeypatch.setattr(calling, "load", lambda source: load(source.replace(old, "first = row * 4097")))
    (failure,) = page("adam").check(dtypes=("float32",), target="c").failures
    assert "every other step in threads" in str(failure)


def test_the_rows_of_a_report_name_it() -> None:
    report = page("layernorm").check(dtypes=("float32",), target="c")
    assert report.passed and report.forms == ("in threads and past the cache",)
    assert {"many rows", "long rows"} <= set(report.regimes)
    assert page("elu").check(dtypes=("float32",), target="c").forms == ("in threads",)
