"""Many entries at once: rows in order, a crash that stays with its entry, a table that fits its screen."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from nnmath.checks import CrossCheck, Row, cores, run
from nnmath.cli import main
from nnmath.commands.check_table import as_json, as_table, totals
from nnmath.derivations import catalogue

IDS = ("tanh", "sigmoid", "relu", "gelu", "silu")


def fake(id: str, parameters: object, device: str, dtypes: object) -> Row:
    """Later entries are ready earlier."""
    time.sleep(0.02 * (len(IDS) - IDS.index(id)))
    return Row(id, kind="gradient", steps=1, proved=1, seconds=float(os.getpid()))


def crash(id: str, parameters: object, device: str, dtypes: object) -> Row:
    if id == "relu":
        os._exit(9)
    return fake(id, parameters, device, dtypes)


@pytest.mark.parametrize("jobs", [1, 2, None])
def test_rows_come_in_the_order_asked_for(jobs: int | None) -> None:
    rows = run(IDS, {}, "cpu", ("float64",), jobs, fake)
    assert [row.id for row in rows] == list(IDS)
    processes = {row.seconds for row in rows}
    assert os.getpid() not in processes and len(processes) <= (jobs or cores())


def test_an_entry_that_kills_its_process_does_not_take_the_others_with_it() -> None:
    rows = run(IDS, {}, "cpu", ("float64",), 2, crash)
    assert [row.id for row in rows] == list(IDS)
    assert [row.id for row in rows if row.failed] == ["relu"]
    (failed,) = (row for row in rows if row.failed)
    assert failed.kind == "gradient" and "relu: the process that checked it ended" in failed.messages[0]
    assert all(row.proved == 1 for row in rows if row is not failed)


FINE = {"float64": CrossCheck(True, 12, 1.5, 60.0), "float32": CrossCheck(True, 12, 2.0, 1e3)}
ROWS = [
    Row("gan-optimal-discriminator", "inequality", 7, 6, 0, 1, statement=True, seconds=1.23, failed=True),
    Row("softmax-ce", "gradient", 12, 12, cross_checks=FINE, seconds=100.5),
    Row("relu-interpolation", "construction", 8, 6, 2, 0, failed=True, statement=True),
    Row("natural-gradient", "identity", 3, 3, against="exact values", cross_checks=FINE),
    Row("tanh", "gradient", 3, 3, cross_checks={**FINE, "float32": CrossCheck(False, 12, 99.0, 12.0)}, failed=True),
    Row("sigmoid", "gradient", 3, 3, missing=True),
]


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_the_table_fits_and_nothing_is_cut(width: int) -> None:
    lines = as_table(ROWS, ("float64", "float32"), width).splitlines()
    assert max(map(len, lines)) <= width
    head = next(line for line in lines if line.split()[:2] == ["entry", "kind"])
    assert head.split()[-3:] == ["float64", "float32", "s"]
    by_id = {line.split()[0]: line for line in lines if line.strip() and line.split()[0] in {r.id for r in ROWS}}
    assert list(by_id) == [row.id for row in ROWS]
    assert "—" in by_id["relu-interpolation"] and "FAILED" in by_id["tanh"] and by_id["sigmoid"].count("not run") == 2
    text = " ".join(" ".join(lines).split())
    assert "Open, which is not a pass: gan-optimal-discriminator (1)." in text
    assert "36 steps: 33 proved, 2 refuted, 1 open. 1 cross-checked against torch" in text
    assert "1 checked against exact values, without torch, 2 without code, 3 failed." in text
    if width == 80:
        assert "1 open" in by_id["gan-optimal-discriminator"] and "2 refuted" in by_id["relu-interpolation"]


def test_totals_count_nothing_twice() -> None:
    sums: dict[str, Any] = json.loads(as_json(ROWS))["totals"]
    assert sums == totals(ROWS)
    assert sums["steps"] == sums["proved"] + sums["refuted"] + sums["open"]
    assert sums["open_entries"] == ["gan-optimal-discriminator"]
    assert sum(sums["kinds"].values()) == sums["entries"] == len(ROWS)


def test_open_is_no_pass(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnmath.checks.run", lambda ids, *more: [row for row in ROWS if row.open])
    assert main(["check", "--all"]) == 1
    assert "1 open" in capsys.readouterr().out


def test_no_process_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--all", "--jobs", "0"]) == 2
    assert "--jobs 2" in capsys.readouterr().err


def test_all_means_every_id_of_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def note(ids: list[str], *more: object) -> list[Row]:
        asked.extend(ids)
        return [Row(id, "gradient", 1, 1) for id in ids]

    monkeypatch.setattr("nnmath.checks.run", note)
    assert main(["check", "--all", "--json"]) == 0
    assert asked == list(catalogue())
