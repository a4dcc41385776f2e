"""The benchmark runs, verifies what it times, and computes what it says about growth. Nothing here depends on time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripts import importing

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPT = str(FOLDER / "derivations.py")


@pytest.fixture
def module() -> Iterator[Any]:
    with importing(FOLDER) as module:
        yield module


def test_a_tiny_run_verifies_and_says_what_is_missing() -> None:
    options = ["--depths", "1", "2", "3", "--repeats", "1", "--json"]
    done = subprocess.run([sys.executable, SCRIPT, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert [d["equations"] for d in data["growth"]["depths"]] == [3, 6, 9]
    assert all(d["proved"] for d in data["growth"]["depths"])
    assert data["growth"]["exactly_linear"]
    rows = {(r["tool"].split()[0], r["what"]): r["timings"] for r in data["side_by_side"]["rows"]}
    for what in ("derive", "derive + prove"):
        assert {t["status"] for t in rows["nnmath", what].values()} == {"right"}
    for tool, what in rows:
        if {t["status"] for t in rows[tool, what].values()} == {"not installed"}:
            assert f"{tool} is not measured" in done.stderr and "pip install" in done.stderr


@pytest.mark.parametrize("option", [["--repeats", "0"], ["--depths", "x"], ["--depths", "65"]])
def test_wrong_options(option: list[str]) -> None:
    done = subprocess.run([sys.executable, SCRIPT, *option], capture_output=True, text=True)
    assert done.returncode == 2
    assert "a whole number from 1 to 64" in done.stderr


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({2: 38, 4: 80, 8: 164}, "exactly linear at these depths: nodes = 21·depth − 4"),
        ({2: 38, 4: 80, 8: 165}, "not linear: nodes added per layer 21, 85/4"),
        ({1: 2, 2: 4, 3: 8, 4: 16}, "not linear: nodes added per layer 2, 4, 8"),
        ({2: 38, 4: 80}, "Fewer than three depths"),
    ],
)
def test_growth_is_computed(module: Any, sizes: dict[int, int], said: str) -> None:
    growth = module("growth")
    rows = [growth.Depth(depth, 0, nodes, 0, True, 0.0, 0.0) for depth, nodes in sizes.items()]
    assert said in growth.sentence(rows)
    assert growth.law(rows) == ((Fraction(21), Fraction(-4)) if "21·depth" in said else None)


def test_a_wrong_gradient_is_shown_as_wrong(module: Any) -> None:
    cases, script = module("cases"), module("derivations")
    for case in cases.CASES:
        assert case.agrees(case.expected)
        for wrong in (-case.expected, case.expected * 1.001, case.expected.T[:1], case.expected * np.nan):
            assert not case.agrees(wrong)
    case = cases.CASES[0]
    assert script._timing(case, str, lambda _: -case.expected, 1).status == "wrong"
    assert script._timing(case, str, lambda _: 1 / 0, 1).status == "failed"
    assert script._timing(case, str, lambda _: case.expected, 1).status == "right"


def test_deriving_alone_gives_the_proved_equations(module: Any) -> None:
    ours = module("ours")
    for entry in ours.ENTRIES.values():
        plain = [part.result.expr for part in ours.derive(entry) if part.result is not None]
        proved = ours.prove(entry)
        assert proved.proved
        assert plain == [result.expr for result in proved.results]


def test_the_right_answer_agrees_with_finite_differences(module: Any) -> None:
    for case in module("cases").CASES:
        x = case.point[case.wrt]
        at = tuple(0 for _ in x.shape)
        step = np.zeros_like(x)
        step[at] = 1e-6
        up, down = (case.loss(**{**case.point, case.wrt: x + s}) for s in (step, -step))
        assert (up - down) / 2e-6 == pytest.approx(case.expected[at], rel=1e-6, abs=1e-8)
