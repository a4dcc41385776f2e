"""What ordinary inputs do not reach is checked as well: defaults, other parameters, rows that are scaled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from derived import derivation, module

from nnmath.derivations import catalogue
from nnmath.numeric.checking.crosscheck import check
from nnmath.numeric.checking.report import CheckReport

SCALED = "R = 1 / np.sqrt(eps / X_scale / X_scale + V)"


def checked(id: str, old: str, new: str, regime: str) -> CheckReport:
    made = module(id)
    assert old in made.source
    spoiled = replace(made, source=made.source.replace(old, new))
    return check(derivation(id), regimes=[regime], dtypes=("float64",), module=spoiled)


@pytest.mark.parametrize(
    ("id", "old", "new", "said"),
    [
        ("layernorm", "eps=1e-05", "eps=1e-06", "its argument eps has the default 1e-06, expected 1e-05"),
        ("huber", ", delta=1.0)", ", delta)", "its argument delta has no default, expected 1.0"),
    ],
)
def test_another_default_is_an_error(id: str, old: str, new: str, said: str) -> None:
    report = checked(id, old, new, "unequal sizes")
    assert {said in f.detail for f in report.failures} == {True}, report.summary
    assert checked(id, old, old, "unequal sizes").passed


@pytest.mark.parametrize(
    ("id", "old", "new", "form"),
    [
        ("layernorm", SCALED, SCALED.replace("eps / X_scale / X_scale", "eps / X_scale"), "in blocks of rows, with"),
        ("batchnorm", SCALED, SCALED.replace("eps / X_scale / X_scale", "eps"), "with all rows scaled"),
        ("rmsnorm", "dX = _over(dX, X_scale[:, None])", "dX = dX", "in blocks of rows, with all rows scaled"),
    ],
)
def test_rows_that_are_scaled_are_checked_on_ordinary_inputs(id: str, old: str, new: str, form: str) -> None:
    report = checked(id, old, new, "unequal sizes")
    assert report.failures and all(form in f.form for f in report.failures), report.summary
    right = checked(id, old, old, "unequal sizes")
    assert right.passed and any(form in way for way in right.forms)


def test_whatever_the_code_raises_is_a_failure() -> None:
    report = checked("dense", "return dX, dW, db", "return dense_backward(X, W, dY)", "unequal sizes")
    assert any("RecursionError" in f.detail for f in report.failures), report.summary


@pytest.mark.parametrize(
    ("id", "old", "new"),
    [
        ("elu", " * alpha)", ")"),
        ("smooth-l1", "r * r / beta / 2", "r * r / 2"),
        ("huber", "r < -delta, -delta", "r < -1, -1"),
    ],
)
def test_a_parameter_that_is_left_out_is_missed(id: str, old: str, new: str) -> None:
    """At their default, which is 1, these parameters change nothing."""
    ordinary = "typical" if id == "elu" else "unequal sizes"
    assert checked(id, old, new, ordinary).passed
    report = checked(id, old, new, "other parameters")
    assert report.failures and all(f.kind == "wrong" for f in report.failures), report.summary
    assert checked(id, old, old, "other parameters").passed


@pytest.mark.parametrize("id", ["selu", "cosine-embedding", "elu"])
def test_torch_is_asked_only_where_it_takes_the_parameters(id: str) -> None:
    pytest.importorskip("torch")
    report = check(derivation(id), catalogue()[id].torch, regimes=["other parameters"], dtypes=("float64",))
    assert report.passed and not report.notes, report.summary
    assert all((r.torch is not None) == (id == "elu") for r in report.results if r.result in ("y", "L"))
