"""``nnmath accuracy``: its table, JSON and pictures, its exit codes, and what it says to wrong usage."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import nnmath
from nnmath import accuracies
from nnmath.cli import main
from nnmath.commands import accuracy as accuracy_command
from nnmath.commands import accuracy_plot
from nnmath.numeric.accuracy import points
from nnmath.numeric.accuracy.implementations import IMPLEMENTATIONS, generated
from nnmath.numeric.accuracy.unavailable import Unavailable
from nnmath.numeric.candidates import FORMS

Output = pytest.CaptureFixture[str]
FLOAT32 = ["--dtype", "float32"]


@pytest.fixture(autouse=True)
def _few_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told about a formula is tested here, not how densely it is measured."""
    for family in ("LOG_UNIFORM", "MODERATE", "UNIFORM"):
        monkeypatch.setattr(points, family, 200)
    monkeypatch.setattr(points, "WINDOW", 4)


def refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


def test_the_table_of_a_function(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["accuracy", "sigmoid", *FLOAT32, "--against", "torch,naive"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and max(map(len, out.splitlines())) <= 80
    assert [line.split()[:2] for line in out.splitlines() if "numpy" in line] == [
        ["y", "numpy"],
        ["dy_dx", "numpy"],
        ["d2y_dx2", "numpy"],
    ]
    assert out.count("torch") == out.count("naive") == 3
    assert "zero [16.64, 87.34]" in out and "NaN [-∞, -88.72]" in out
    assert out.rstrip().endswith("sigmoid: no NaN, infinity or wrong zero, and nowhere more than 1000 ULP off.")


def test_a_function_that_fails_somewhere(capsys: Output) -> None:
    """Without a rule of stability for it: naive exponentials of one's own cancel near 0."""
    assert main(["accuracy", "exp(x) - 1 - x", "--given", "x:", *FLOAT32]) == 1
    out = capsys.readouterr().out
    assert "> 1e3 ULP" in out and "the numpy code fails somewhere: L in float32" in out


def test_json(capsys: Output) -> None:
    assert main(["accuracy", "relu6", *FLOAT32, "--json"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=refuse)
    (entry,) = found["entries"]
    assert found["totals"] == {"entries": 1, "failed": 0} and entry["id"] == "relu6"
    assert [row["name"] for row in entry["rows"]] == ["y", "dy_dx", "d2y_dx2"]
    assert {"worst", "worst_at", "quantile", "away", "roots", "regions", "points"} <= set(entry["rows"][0])


def test_infinite_errors_are_text_in_json(capsys: Output) -> None:
    assert main(["accuracy", "sigmoid", *FLOAT32, "--against", "naive", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out, parse_constant=refuse)["entries"]
    assert "inf" in [row["worst"] for row in entry["rows"]]


def test_a_layer(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["accuracy", "kl-div", *FLOAT32, "--against", "torch,naive"]) == 0
    out, err = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= 80 and err == ""
    assert "almost equal" in out and out.count(" dU ") == 9


def test_a_bound(capsys: Output) -> None:
    assert main(["accuracy", "relu", *FLOAT32, "--bound", "0.5"]) == 0
    assert main(["accuracy", "sigmoid", *FLOAT32, "--bound", "0.5"]) == 1
    assert "dy_dx in float32 is" in capsys.readouterr().out


def test_a_parameter(capsys: Output) -> None:
    assert main(["accuracy", "leaky-relu", *FLOAT32, "--set", "alpha=0.25"]) == 0
    assert "alpha = 0.25" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "takes one id, or --all"),
        (["silu", "--all"], "takes one id, or --all"),
        (["siul"], "Did you mean"),
        (["silu", "--dtype", "int8"], "Known: float64, float32"),
        (["silu", "--target", "fortran"], "Known: numpy"),
        (["silu", "--against", "tensorflow"], "Known: torch, jax, naive"),
        (["silu", "--plot", "silu"], "Give FILE.svg"),
        (["silu", "--plot", "silu.txt"], "Give FILE.svg"),
        (["--all", "--plot", "silu.svg"], "go with one formula"),
        (["--all", "--jobs", "0"], "leaves no process"),
        (["elu", "--set", "alhpa=2"], "it has x, alpha"),
        (["elu", "--set", "x=2"], "function of no variable"),
        (["elu", "--set", "alpha=two"], "no parameter alpha"),
        (["softmax-ce", "--set", "Z=2"], "works on arrays"),
        (["sigmoid-slope"], "is a statement"),
        (["adam"], "is an update rule"),
        (["x*y", "--given", "x:\ny:"], "--set y=1"),
        (["x*y"], "nnmath list"),
    ],
)
def test_wrong_usage(arguments: list[str], part: str, capsys: Output) -> None:
    assert main(["accuracy", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and part in err and err.count("\n") == 1 and "Traceback" not in err


@pytest.mark.parametrize("package", ["jax", "torch"])
def test_what_is_not_installed(package: str, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["accuracy", "relu", *FLOAT32, "--against", package]) == 3
    out, err = capsys.readouterr()
    assert out == "" and "pip install" in err and package in err and err.count("\n") == 1
    assert main(["accuracy", "--all", "--against", package]) == 3


def test_without_matplotlib(capsys: Output, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["accuracy", "relu", "--plot", str(tmp_path / "relu.svg")]) == 3
    out, err = capsys.readouterr()
    assert out == "" and "pip install matplotlib" in err and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", accuracy_plot.FORMATS)
def test_a_picture(suffix: str, capsys: Output, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is an optional extra")
    target = tmp_path / f"relu.{suffix}"
    assert main(["accuracy", "relu", *FLOAT32, "--plot", str(target)]) == 0
    data = target.read_bytes()
    assert {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[suffix] == data[: 5 if suffix == "svg" else 4]
    assert main(["accuracy", "relu", *FLOAT32, "--plot", str(tmp_path / "none" / f"relu.{suffix}")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_many_entries_in_one_table(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(accuracies, "measurable", lambda: ["relu", "kl-div", "identity"])
    assert main(["accuracy", "--all", *FLOAT32, "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert [line.split()[0] for line in out.splitlines() if "float32" in line] == ["relu", "identity", "kl-div"]
    assert "3 entries measured, 0 failed." in out


def test_entries_without_code_of_a_kind_are_no_failures(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracies, "measurable", lambda: ["relu", "neuron"])

    def without_functions(subject: Any, dtype: str) -> Any:
        if subject.derivation.id == "neuron":
            raise Unavailable("neuron is not compiled: a function given by its derivative has no C form")
        return generated(subject, dtype)

    monkeypatch.setitem(IMPLEMENTATIONS, "c", without_functions)
    assert main(["accuracy", "--all", *FLOAT32, "--jobs", "1", "--target", "c"]) == 0
    out = capsys.readouterr().out
    assert "1 entries measured, 1 without c code, 0 failed." in out and "neuron is not compiled" in out


def test_nothing_measured_is_a_failure(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracies, "measurable", lambda: ["relu", "identity"])

    def nothing(subject: Any, dtype: str) -> Any:
        raise Unavailable("there is no compiler")

    monkeypatch.setitem(IMPLEMENTATIONS, "c", nothing)
    assert main(["accuracy", "--all", *FLOAT32, "--jobs", "1", "--target", "c"]) == 1
    assert "there is no compiler" in capsys.readouterr().out


def test_what_is_measured_by_all() -> None:
    ids = accuracies.measurable()
    assert len(ids) > 90 and {"silu", "layernorm", "attention"} <= set(ids)
    assert "adam" not in ids and "sigmoid-slope" not in ids and ids.index("silu") < ids.index("mse")


def test_the_command_knows_the_implementations() -> None:
    assert {*accuracies.OURS, *accuracies.OTHERS, *FORMS} == set(IMPLEMENTATIONS)
    from nnmath.numeric.accuracy.ulp import FORMATS

    assert set(accuracy_command.DTYPES) == set(FORMATS)


def test_from_python() -> None:
    found = nnmath.derive("relu").accuracy(["float32"], against=["naive"])
    assert not found.failed and {r.implementation for r in found.rows} == {"numpy", "naive"}
    assert "relu, float32" in str(found)


def test_jax_is_left_out_at_other_parameters() -> None:
    pytest.importorskip("jax", reason="jax is an optional extra")
    found = nnmath.derive("kl-div", reduction="sum").accuracy(["float32"], against=["jax"])
    assert {r.implementation for r in found.arrays} == {"numpy"} and "default parameters" in found.notes[0]


def test_candidates_are_measured_and_their_cost_is_said(capsys: Output) -> None:
    assert main(["accuracy", "silu", *FLOAT32, "--candidates"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    codes = [line.split()[-8:] for line in out.splitlines()]
    assert all(any(name in code for code in codes) for name in ("quotient", "reflection", "rules"))
    assert "Forms that are equal" in out
    assert main(["accuracy", "silu", *FLOAT32, "--candidates", "--json"]) == 0
    costs = json.loads(capsys.readouterr().out)["entries"][0]["costs"]
    assert costs["y"]["quotient"] < costs["y"]["reflection"] and set(costs) == {"y", "dy_dx", "d2y_dx2"}


@pytest.mark.parametrize("more", [["--plot", "f.svg"], ["--target", "c"]])
def test_candidates_go_with_numpy_code_of_one_formula(more: list[str], capsys: Output) -> None:
    assert main(["accuracy", "silu", "--candidates", *more]) == 2
    assert "nnmath accuracy silu --candidates" in capsys.readouterr().err


def test_a_layer_has_no_candidates(capsys: Output) -> None:
    assert main(["accuracy", "layernorm", "--candidates"]) == 2
    assert "only a function of one variable has candidates" in capsys.readouterr().err
