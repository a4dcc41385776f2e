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
from nnmath.derivations.options import Kind, PerAxis, Value, default

WITH_OPTIONS = [e for e in catalogue().values() if e.variants]
VARIANTS = [(e.id, setting) for e in WITH_OPTIONS for setting in e.variants]


def shown(value: Any) -> str:
    return " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, Mapping) else str(value)


TOY = Entry(
    id="toy",
    title="Toy",
    parameters={
        "reduction": ("mean", "sum"),
        "half": False,
        "scale": 2.5,
        "depth": 3,
        "p": (1, 2),
        "step": PerAxis(1, 0, 4),
    },
    given="x: n",
    define=lambda reduction, half, scale, depth, p, step: (
        f"L = {scale}*{depth}*sum(x**{p}){'/2' * half}{'/n' * (reduction == 'mean')}"
        f"{f' + {step[0]} - {step[1]}' * (step != (1, 1))}"
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
        ({"step": "2"}, "L = 2.5*3*sum(x**1)/n + 2 - 2"),
        ({"step": "2,0"}, "L = 2.5*3*sum(x**1)/n + 2 - 0"),
        ({"step": (3, 4)}, "L = 2.5*3*sum(x**1)/n + 3 - 4"),
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
        ({"step": "5"}, "a whole number from 0 to 4, or one for each axis, is expected, such as step=1,0"),
        ({"step": "1,5"}, "a whole number from 0 to 4"),
        ({"step": "1,2,3"}, "a whole number from 0 to 4"),
        ({"step": "1,"}, "a whole number from 0 to 4"),
        ({"step": (1, True)}, "a whole number from 0 to 4"),
        ({"depth": (1, 2)}, "a whole number from 1 to 64"),
        ({"scale": (1, 2)}, "a number"),
        ({"width": "1"}, "its parameters: reduction=mean|sum, half=no, scale=2.5, depth=3, p=1|2, step=1,1"),
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


def seen(entry: Entry, name: str, kind: Kind) -> set[Value]:
    """The values of a parameter that the default or a variant tries; of a number per axis those of either axis."""
    values = [setting.get(name, default(kind)) for setting in ({}, *entry.variants)]
    if isinstance(kind, PerAxis):
        return {n for value in values for n in kind.read(value) or ()}
    return set(values)


@pytest.mark.parametrize("entry", WITH_OPTIONS, ids=lambda e: e.id)
def test_every_value_is_exercised_by_some_variant(entry: Entry) -> None:
    """Every choice, both sides of a switch, every number of a short range; of a longer one the least number that the
    entry takes and a larger one than the default."""
    for name, kind in entry.parameters.items():
        tried = seen(entry, name, kind)
        if isinstance(kind, PerAxis):
            choices: set[Value] = set(range(kind.least, kind.most + 1)) if kind.most < 10 else set()
            pairs = [kind.read(setting[name]) for setting in entry.variants if name in setting]
            assert any(pair and pair[0] != pair[1] for pair in pairs), f"{name}: both axes are always alike"
        else:
            choices = set(kind) if isinstance(kind, tuple) else {True, False} if isinstance(kind, bool) else set()
        assert choices <= tried, f"{name}: {choices - tried} is nowhere tried"
        assert len(tried) > 1, f"{name}: nothing but {default(kind)} is tried"
        if type(kind) is int:
            least = next(n for n in range(1, kind + 1) if takes(entry, name, n))
            assert least in tried and max(v for v in tried if type(v) is int) > kind, f"{name}: only {tried} are tried"


def takes(entry: Entry, name: str, value: Value) -> bool:
    try:
        return bool(entry.at(**{name: value}).given)
    except ParameterError:
        return False


@pytest.mark.parametrize(
    ("id", "setting", "part"),
    [
        ("upsample-nearest", {"factor": 1}, "from 2 on"),
        ("relu-interpolation", {"points": 33}, "at most 32"),
        ("max-pool2d", {"padding": "1,0", "height": 1}, "at most half the window"),
        ("max-pool2d", {"padding": "1", "dilation": "2"}, "padding and dilation along one axis"),
        ("avg-pool2d", {"padding": "0,1", "width": "1"}, "at most half the window"),
    ],
    ids=shown,
)
def test_settings_that_no_definition_fits_are_refused(id: str, setting: dict[str, Any], part: str) -> None:
    with pytest.raises(ParameterError, match=part):
        find(id).at(**setting)


def test_every_entry_with_parameters_has_variants() -> None:
    assert [e.id for e in catalogue().values() if e.parameters and not e.variants] == []


@pytest.mark.parametrize(("id", "setting"), [v for v in VARIANTS if find(v[0]).kind != "update"], ids=shown)
def test_every_variant_is_proved_and_agrees_with_torch(id: str, setting: dict[str, Any]) -> None:
    pytest.importorskip("torch")
    from nnmath.numeric.checking.crosscheck import check

    entry = find(id).at(**setting)
    derivation = derive_entry(entry)
    assert derivation.proved, [str(s.verdict.counterexample) for s in derivation.steps if not s.verdict.is_proved]
    if entry.kind == "construction":  # statements: nothing to run
        assert entry.torch is None
        return
    ordinary = ("unequal sizes", "equal sizes", "last dimension one", "ties", "large logits (1000)")
    report = check(derivation, entry.torch, dtypes=("float64",), regimes=_those_of(derivation, ordinary))
    assert report.passed, report.summary
    compared = {r.result for r in report.results if r.torch is not None}
    if entry.kind == "identity":  # it has no results: both its sides are compared
        assert {name.strip() for sides in entry.wanted for name in sides.split("=")} <= compared
    else:
        assert any(r.name in compared for r in derivation.wanted)


def _those_of(derivation: Any, names: tuple[str, ...]) -> list[str]:
    from nnmath.numeric.checking.regimes import applicable

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
