"""Parameters that are choices, switches and decimals, and the variants of the entries that have them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import nnmath
from nnmath import checks
from nnmath.cli import main
from nnmath.derivations import Entry, ParameterError, catalogue, find, scan
from nnmath.derivations.build import derive_entry
from nnmath.derivations.options import default

WITH_OPTIONS = [e for e in catalogue().values() if e.variants]
VARIANTS = [(e.id, setting) for e in WITH_OPTIONS for setting in e.variants]


def shown(value: Any) -> str:
    return " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, Mapping) else str(value)


TOY = Entry(
    id="toy",
    title="Toy",
    parameters={"reduction": ("mean", "sum"), "half": False, "scale": 2.5, "depth": 3, "p": (1, 2)},
    given="x: n",
    define=lambda reduction, half, scale, depth, p: (
        f"L = {scale}*{depth}*sum(x**{p}){'/2' * half}{'/n' * (reduction == 'mean')}"
    ),
    wanted=("dL/dx",),
    torch=lambda torch, x, reduction="mean", half=False: (reduction, half),
)


@pytest.mark.parametrize(
    ("setting", "define"),
    [
        ({}, "L = 2.5*3*sum(x**1)/n"),
        ({"reduction": "sum", "half": "yes"}, "L = 2.5*3*sum(x**1)/2"),
        ({"half": True, "scale": "0.5"}, "L = 0.5*3*sum(x**1)/2/n"),
        ({"half": "no", "depth": "4", "p": "2"}, "L = 2.5*4*sum(x**2)/n"),
        ({"scale": 3, "p": 2}, "L = 3.0*3*sum(x**2)/n"),
    ],
    ids=shown,
)
def test_a_value_is_read_as_what_the_parameter_is(setting: dict[str, Any], define: str) -> None:
    assert TOY.at(**setting).define == define


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"reduction": "avg"}, "one of mean, sum is expected, such as reduction=mean"),
        ({"reduction": "MEAN"}, "one of mean, sum"),
        ({"half": "maybe"}, "yes or no is expected, such as half=yes"),
        ({"half": 1}, "yes or no"),
        ({"scale": "wide"}, "a number is expected, such as scale=2.5"),
        ({"scale": "nan"}, "a number"),
        ({"scale": "inf"}, "a number"),
        ({"scale": True}, "a number"),
        ({"depth": "2.5"}, "a whole number from 1 to 64"),
        ({"depth": "65"}, "a whole number from 1 to 64"),
        ({"p": "3"}, "one of 1, 2"),
        ({"width": "1"}, "its parameters: reduction=mean|sum, half=no, scale=2.5, depth=3, p=1|2"),
    ],
    ids=shown,
)
def test_a_value_that_does_not_fit_is_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        TOY.at(**setting)
    assert message in str(caught.value)


def test_the_torch_forward_gets_the_parameters_it_asks_for() -> None:
    filled = TOY.at(reduction="sum", half="yes")
    assert filled.torch is not None and TOY.torch is not None
    assert filled.torch(None, x=0) == ("sum", True) and TOY.torch(None, x=0) == ("mean", False)
    assert filled.at().define == filled.define, "filling in twice changes nothing"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ('parameters={"reduction": ("mean",)}', "parameters="),
        ('parameters={"reduction": ("mean", "mean")}', "parameters="),
        ('parameters={"depth": 0}', "parameters="),
        ('variants=({"reduction": "sum"},)', "has no parameter reduction"),
        ('parameters={"half": True}, variants=({"half": "maybe"},)', "yes or no"),
        ("variants=3", "variants=3"),
    ],
)
def test_malformed_options_are_refused_with_their_place(tmp_path: Path, changed: str, message: str) -> None:
    folder = tmp_path / "topic"
    folder.mkdir()
    (folder / "a.py").write_text(
        "from nnmath.derivations import Entry\n\n"
        f'a = Entry(id="a", title="A", given="x: n", define="L = sum(x)", wanted=("dL/dx",), {changed})\n'
    )
    found = scan(tmp_path)
    assert not found.entries and f"{folder / 'a.py'}:3: entry 'a'" in found.problems[0] and message in found.problems[0]


# -- the variants of the catalogue -------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", WITH_OPTIONS, ids=lambda e: e.id)
def test_every_choice_is_exercised_by_some_variant(entry: Entry) -> None:
    """Of a range of more than two numbers, which one formula has as it has a whole number, another than the default."""
    for name, kind in entry.parameters.items():
        choices = set(kind) if isinstance(kind, tuple) else {True, False} if isinstance(kind, bool) else set()
        seen = {setting.get(name, default(kind)) for setting in ({}, *entry.variants)}
        if len(choices) > 2 and all(type(v) is int for v in choices):
            assert len(seen) > 1, f"{name}: nothing but {default(kind)} is tried"
            continue
        assert choices <= seen, f"{name}: {choices - seen} is nowhere tried"


@pytest.mark.parametrize(("id", "setting"), [v for v in VARIANTS if find(v[0]).kind != "update"], ids=shown)
def test_every_variant_is_proved_and_agrees_with_torch(id: str, setting: dict[str, Any]) -> None:
    pytest.importorskip("torch")
    from nnmath.numeric.crosscheck import check

    entry = find(id).at(**setting)
    derivation = derive_entry(entry)
    assert derivation.proved, [str(s.verdict.counterexample) for s in derivation.steps if not s.verdict.is_proved]
    ordinary = ("unequal sizes", "equal sizes", "last dimension one", "ties", "large logits (1000)")
    report = check(derivation, entry.torch, dtypes=("float64",), regimes=_those_of(derivation, ordinary))
    assert report.passed, report.summary
    compared = {r.result for r in report.results if r.torch is not None}
    if entry.kind == "identity":  # it has no results: both its sides are compared
        assert {name.strip() for sides in entry.wanted for name in sides.split("=")} <= compared
    else:
        assert any(r.name in compared for r in derivation.wanted)


def _those_of(derivation: Any, names: tuple[str, ...]) -> list[str]:
    from nnmath.numeric.regimes import applicable

    return [r.name for r in applicable(derivation, False) if r.name in names]


def test_variants_differ_from_the_default() -> None:
    """A setting that changes nothing would make its check worth nothing."""
    for id, setting in VARIANTS:
        changed, plain = find(id).at(**setting), find(id).at()
        assert (changed.given, changed.define) != (plain.given, plain.define), (id, setting)


# -- from outside ------------------------------------------------------------------------------------------------------


def test_options_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "mse", "--brief", "--set", "reduction=half-sum", "--set", "form=matrix"]) == 0
    assert "∂L/∂Y = Y − T" in capsys.readouterr().out
    assert main(["derive", "mse", "--set", "reduction=avg"]) == 2
    assert "reduction='avg' for mse: one of mean, sum, half-sum is expected" in capsys.readouterr().err


def test_options_from_python() -> None:
    assert nnmath.derive("softmax-ce-labels", weights=True, reduction="sum").proved


def test_check_runs_the_variants_and_names_the_one_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    row = checks.check_one("l2-penalty", {}, "cpu", ("float64",))
    alone = checks.check_one("l2-penalty", {"half": "no"}, "cpu", ("float64",))
    assert not row.failed and row.steps == row.proved > alone.steps
    assert row.cross_checks["float64"].regimes == 2 * alone.cross_checks["float64"].regimes
    wrong = lambda torch, W, lam, half=True: lam * W.pow(2).sum() / 2  # noqa: E731
    broken = {**catalogue(), "l2-penalty": _with(find("l2-penalty"), torch=wrong)}
    monkeypatch.setattr(checks, "catalogue", lambda: broken)
    monkeypatch.setattr("nnmath.page.find", broken.__getitem__)
    row = checks.check_one("l2-penalty", {}, "cpu", ("float64",))
    assert row.failed and all("l2-penalty with half=no" in m for m in row.messages) and row.messages


def _with(entry: Entry, **changed: Any) -> Entry:
    from dataclasses import replace

    return replace(entry, **changed)
