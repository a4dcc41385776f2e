"""The command: what it prints where, its exit codes, and what it does with wrong usage and bad outputs."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import nnmath
from nnmath.cli import main
from nnmath.derivations import catalogue

Output = pytest.CaptureFixture[str]


def run(*arguments: str, code: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a fresh process."""
    start = [sys.executable, *(["-c", code] if code else ["-m", "nnmath"]), *arguments]
    return subprocess.run(start, capture_output=True, text=True, env={**os.environ, **environment}, timeout=120)


# -- list ------------------------------------------------------------------------------------------------------------


def test_list_names_every_entry(capsys: Output) -> None:
    assert main(["list"]) == 0
    out, err = capsys.readouterr()
    listed = [line.split()[0] for line in out.splitlines() if line.startswith("  ")]
    assert listed == list(catalogue()) and err == ""


def test_list_as_json_by_topic(capsys: Output) -> None:
    assert main(["list", "--topic", "networks", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in rows] == [e.id for e in catalogue().values() if e.topic == "networks"]
    related = ("uses", "used_by", "generalises", "special_case_of")
    assert {tuple(row) for row in rows} == {("id", "title", "names", "topic", "kind", "against", *related)}


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["derive", "--help"], ["--version"]])
def test_what_lists_and_helps_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from nnmath.cli import main; code = main(sys.argv[1:]); "
        "print([m for m in ('sympy', 'numpy', 'torch', 'rich', 'flint') if m in sys.modules], code, file=sys.stderr)"
    )
    done = run(*arguments, code=code)
    assert done.stderr.strip() == "[] 0"
    assert done.stdout


# -- wrong usage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "required"),
        (["prove"], "invalid choice: 'prove'"),
        (["derive"], "required: ID"),
        (["derive", "sotfmax-ce"], "Did you mean softmax-ce"),
        (["code", "nothing-like-it"], "All ids: nnmath list"),
        (["check", "sigmoid", "tahn"], "Did you mean tanh"),
        (["derive", "sigmoid", "--format", "pdf"], "invalid choice: 'pdf'"),
        (["derive", "sigmoid", "--format", "text", "--document"], "Leave --format out"),
        (["derive", "mlp-deep", "--set", "depth"], "--set depth=4"),
        (["derive", "mlp-deep", "--set", "depth=0"], "from 1 to 64"),
        (["derive", "mlp-deep", "--set", "depth=99999999999999999999"], "from 1 to 64"),
        (["derive", "mse", "--set", "reduction=avg"], "one of mean, sum, half-sum"),
        (["derive", "mlp-deep", "--set", "width=3"], "its parameters: depth=3"),
        (["derive", "sigmoid", "--set", "depth=3"], "its parameters: none"),
        (["list", "--topic", "cooking"], "Topics: networks, activations"),
        (["check"], "--all"),
        (["check", "sigmoid", "--all"], "--all"),
        (["check", "sigmoid", "--dtype", "int8"], "Known: float64"),
        (["check", "sigmoid", "--device", "tpu"], "invalid choice: 'tpu'"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(arguments: list[str], part: str, capsys: Output) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nnmath: ") and err.count("\n") == 1 and part in err


def test_a_bug_is_one_line_and_code_1(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnmath.cli.catalogue", lambda: 1 / 0)
    assert main(["list"]) == 1
    assert capsys.readouterr().err.startswith("nnmath: this is a bug in nnmath: ZeroDivisionError")


def test_something_not_installed_is_code_3_and_the_line_to_type(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(id: str) -> None:
        raise ModuleNotFoundError("No module named 'flint'", name="flint.types")

    monkeypatch.setattr("nnmath.commands.options.find", find)
    assert main(["derive", "sigmoid"]) == 3
    assert capsys.readouterr().err == "nnmath: python-flint is not installed. Type: pip install python-flint\n"


# -- outputs ---------------------------------------------------------------------------------------------------------


def test_a_file_is_replaced_as_a_whole_and_keeps_its_rights(tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "sigmoid.py"
    file.write_text("old")
    file.chmod(0o640)
    assert main(["code", "sigmoid", "-o", str(file)]) == 0
    assert "def " in file.read_text() and stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [file]
    assert capsys.readouterr().out == ""


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    assert main(["derive", "sigmoid", "-o", str(tmp_path / "link.txt")]) == 0
    assert (tmp_path / "link.txt").is_symlink() and "igmoid" in (tmp_path / "real.txt").read_text()


@pytest.mark.parametrize("place", ["missing/out.txt", ".", "file.txt/out.txt"])
def test_an_output_that_cannot_be_written_is_code_2(place: str, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "file.txt").write_text("old")
    before = sorted(tmp_path.rglob("*"))
    assert main(["derive", "sigmoid", "-o", str(tmp_path / place)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("nnmath: cannot write ") and err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before and (tmp_path / "file.txt").read_text() == "old"


def test_a_failure_half_way_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    file = tmp_path / "out.txt"
    file.write_text("old")

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nnmath.commands.output.os.fsync", no_space)
    assert main(["derive", "sigmoid", "-o", str(file)]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("arguments", ["list", "derive sigmoid"])
def test_a_broken_pipe_is_quiet(arguments: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    start = [sys.executable, "-m", "nnmath", *arguments.split()]
    done = subprocess.run(start, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_on_stdout_is_code_2() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "nnmath", "list"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "nnmath: cannot write to standard output: No space left on device\n"


# -- derive, code, check ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["terminal", "text", "latex", "markdown", "json"])
def test_derive_in_every_format(format: str, capsys: Output) -> None:
    assert main(["derive", "softmax-ce", "--format", format]) == 0
    out, err = capsys.readouterr()
    assert out.endswith("\n") and err == ""
    assert "\x1b" not in out, "no colours into a pipe"
    if format == "json":
        assert json.loads(out)["id"] == "softmax-ce"


def test_brief_is_shorter_and_detail_longer(capsys: Output) -> None:
    lengths = []
    for option in (["--brief"], [], ["--detail"]):
        assert main(["derive", "softmax-ce", "--format", "text", *option]) == 0
        lengths.append(len(capsys.readouterr().out.splitlines()))
    assert lengths[0] < lengths[1] < lengths[2]


def test_parameters_reach_the_entry(capsys: Output) -> None:
    assert main(["derive", "mlp-deep", "--brief", "--set", "depth=2"]) == 0
    out = capsys.readouterr().out
    assert "₂" in out or "2" in out
    assert "W₃" not in out and "W3" not in out


def test_code_prints_a_module_that_runs(capsys: Output) -> None:
    assert main(["code", "sigmoid"]) == 0
    source = capsys.readouterr().out
    names: dict[str, object] = {}
    exec(compile(source, "sigmoid.py", "exec"), names)
    assert any(callable(value) for name, value in names.items() if not name.startswith("_"))


def test_check_one_entry_as_json(capsys: Output) -> None:
    pytest.importorskip("torch", reason="the cross-check needs torch")
    assert main(["check", "sigmoid", "--dtype", "float64", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (row,) = found["entries"]
    assert row["id"] == "sigmoid" and row["proved"] == row["steps"] > 0
    assert row["cross_checks"]["float64"]["passed"] and row["cross_checks"]["float64"]["regimes"] > 3
    assert found["totals"]["failed"] == 0


def test_check_several_entries_in_page_order() -> None:
    pytest.importorskip("torch", reason="the cross-check needs torch")
    done = run("check", "tanh", "sigmoid", "--dtype", "float64", COLUMNS="120")
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("tanh") < done.stdout.index("sigmoid")
    assert "2 entries" in done.stdout.splitlines()[-1]


def test_without_torch_the_proofs_are_made_and_the_code_is_3(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')"
    )
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    done = run("check", "sigmoid", PYTHONPATH=path)
    assert done.returncode == 3
    assert "pip install" in done.stderr and "proved" in done.stdout


# -- Python ----------------------------------------------------------------------------------------------------------


def test_the_page_of_a_formula() -> None:
    page = nnmath.derive("softmax-ce")
    assert page.proved and page.steps and page.results
    assert "align*" in page.latex() and r"\documentclass" in page.latex(document=True)
    assert "import numpy" in page.numpy_source()
    assert page._repr_markdown_().startswith("#")
    assert page._repr_latex_().startswith("$$"), "one formula: a notebook reads no other LaTeX"
    assert str(page).startswith("softmax-ce") and "proved" in repr(page)


def test_a_page_shows_itself_in_rich() -> None:
    from rich.console import Console

    with open(os.devnull, "w") as nowhere:
        console = Console(width=100, file=nowhere, record=True)
        console.print(nnmath.derive("softmax-ce"))
    assert "softmax-ce" in console.export_text()


def test_an_unknown_name_of_the_package() -> None:
    with pytest.raises(AttributeError, match=r"it has .*derive"):
        nnmath.derives  # noqa: B018


@pytest.mark.parametrize("formula", ["-sum(y*log(x))", "-x**2", "-(x @ y)", "-2*x"])
def test_a_formula_may_begin_with_a_minus_sign(formula: str, capsys: Output) -> None:
    assert main(["derive", formula, "--given", "x: n, y: n", "--wrt", "x", "--brief"]) == 0
    assert capsys.readouterr().out.startswith(f"expression   {formula}\n")


def test_an_option_is_none(capsys: Output) -> None:
    assert main(["derive", "-s", "sigmoid"]) == 2
    assert "-s" in capsys.readouterr().err
