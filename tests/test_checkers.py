"""The benchmarks of verify run, and compute what they say. Nothing here depends on time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from mutants import GRADIENTS, MUTANTS
from scripts import importing

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def verify_cost() -> Iterator[Any]:
    with importing(FOLDER) as module:
        yield module("verify_cost")


def test_every_tool_sees_the_same_mutants() -> None:
    command = [sys.executable, str(FOLDER / "checkers.py"), "--gradients", "bilinear", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    trials = json.loads(done.stdout)
    tools = {t["tool"] for t in trials}
    expected = {m.id for m in MUTANTS if m.gradient == "bilinear"} | {""}
    for tool in tools:
        own = [t for t in trials if t["tool"] == tool]
        assert {t["change"] for t in own} == expected
        assert not any(t["found"] for t in own if not t["kind"]), "the correct gradient is accused"
        assert any(t["found"] for t in own)
    for tool, package in (("gradcheck", "torch"), ("check_grads", "jax")):
        assert tool in tools or f"{tool}: not installed. Type: pip install {package}" in done.stderr


def test_every_gradient_has_a_forward_pass(verify_cost: Any) -> None:
    forwards = import_module("peer_forwards").FORWARDS
    assert set(forwards) == set(GRADIENTS)
    for name, forward in forwards.items():
        assert (forward.value is None) == ("def forward" in GRADIENTS[name].source)


@pytest.mark.parametrize(
    ("verify", "said"),
    [
        ((0.2, 0.2, 0.2), "at most linear: size^0.00 from 100 to 1000, size^0.00 from 1000 to 100000"),
        ((0.1, 1.0, 100.0), "at most linear: size^1.00 from 100 to 1000"),
        ((0.1, 2.0, 300.0), "faster than linear: size^1.30 from 100 to 1000"),
    ],
)
def test_growth_is_computed(verify_cost: Any, verify: Any, said: str) -> None:
    sizes = (10**2, 10**3, 10**5)
    rows = [verify_cost.Row("g", n, "proved", True, v, None) for n, v in zip(sizes, verify, strict=True)]
    assert said in verify_cost.sentence(rows)
    assert "one size says nothing" in verify_cost.sentence(rows[:1])


def test_sizes_are_tried_and_gradcheck_is_left_out_with_a_reason(verify_cost: Any) -> None:
    subject = verify_cost._subjects()["softmax_ce"]
    row = verify_cost.measure("softmax_ce", subject, 200, 1)
    assert (row.verdict, row.tried) == ("proved", True) and row.verify > 0
    assert row.gradcheck or row.why == "torch is not installed"
    checked, why = verify_cost._gradcheck(subject, 10**6, 1)
    assert checked is None and ("times" in why or "installed" in why)
