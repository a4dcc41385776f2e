"""The benchmark of speed checks what it times, says who is missing, and prints it. Nothing here depends on time."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from derived import derivation

from nnmath.benchmarks.speed import contestants, floor, table
from nnmath.benchmarks.speed.cases import CASES, Case
from nnmath.benchmarks.speed.contestants import CONTESTANTS, Absent, Contestant
from nnmath.benchmarks.speed.measure import (
    Effort,
    Measured,
    Timing,
    balanced_orders,
    difference,
    exact,
    inputs,
    measure,
    take_turns,
)
from nnmath.cli import main
from nnmath.commands.bench import BEGIN, END
from nnmath.derivations import catalogue

Output = pytest.CaptureFixture[str]

ONCE = Effort(1, 0.0)

#: One case for each formula and part.
DIFFERENT = {(c.formula, c.part): c for c in CASES.values()}


def small(case: Case) -> Case:
    """The same on short axes, which stay different from each other."""
    lengths = {size: at + 3 for at, size in enumerate({s for shape in case.shapes.values() for s in shape})}

    def cut(shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(lengths[s] for s in shape)

    return replace(case, shapes={n: cut(s) for n, s in case.shapes.items()}, value=cut(case.value))


@pytest.fixture(scope="module")
def tiny() -> Case:
    return small(CASES["softmax-ce-64x10"])


@pytest.fixture(autouse=True)
def _derived_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = contestants._derivation
    monkeypatch.setattr(contestants, "_derivation", lambda id: derivation(id) if id in catalogue() else made(id))


@pytest.mark.parametrize("count", range(8))
def test_orders_are_balanced(count: int) -> None:
    """Whoever leaves threads behind that still wait for work does so to everybody alike."""
    names = "abcdefgh"[:count]
    orders = balanced_orders(list(names))
    assert all(sorted(order) == list(names) for order in orders)
    behind = Counter(pair for order in orders for pair in pairwise(order))
    places = Counter(place for order in orders for place in enumerate(order))
    assert len(behind) == count * (count - 1) and len({*behind.values()}) <= 1
    assert len(places) == count**2 and len({*places.values()}) <= 1


@pytest.mark.parametrize("case", DIFFERENT.values(), ids=lambda c: c.id)
def test_every_contestant_returns_the_right_thing(case: Case) -> None:
    case = small(case)
    names = [n for n in CONTESTANTS if n != "torch-compile"]
    found = measure(case, names, ONCE, 1)
    assert found.timings["numpy"].status == found.timings["hand"].status == "timed"
    for name, timing in found.timings.items():
        here = {"torch": "torch", "jax": "jax"}.get(name)
        allowed = {"timed"} if name in ("numpy", "hand") or (here and find_spec(here)) else {"timed", "absent"}
        assert timing.status in allowed, timing.note
        assert (timing.seconds is not None) == (timing.status == "timed")


def other(function: Any) -> Contestant:
    return Contestant("another", lambda case, arrays: lambda: function(arrays))


def right(arrays: Mapping[str, Any]) -> tuple[Any, ...]:
    return exact(CASES["softmax-ce-64x10"], arrays)


def test_a_wrong_gradient_is_not_timed(tiny: Case) -> None:
    off = other(lambda arrays: (right(arrays)[0], right(arrays)[1] * 1.001))
    found = measure(tiny, ["off"], ONCE, 1, contestants={"off": off}).timings["off"]
    assert (found.status, found.seconds) == ("wrong", None) and found.note.startswith("result 1 is off by 1.0e-03")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda value, gradient: (value,), "1 results, expected 2"),
        (lambda value, gradient: (value, gradient[:1]), "result 1 has shape (1, "),
        (lambda value, gradient: (value + 1, gradient), "result 0 is off by"),
        (lambda value, gradient: (value, gradient * np.nan), "result 1 is off by nan"),
        (lambda value, gradient: (value, gradient), ""),
    ],
)
def test_what_is_wrong_is_said(tiny: Case, change: Any, said: str) -> None:
    expected = exact(tiny, inputs(tiny))
    found = difference(change(*expected), expected)
    assert found.startswith(said) and bool(found) == bool(said)


def test_others_are_timed_where_one_fails_or_is_absent(tiny: Case) -> None:
    def absent(case: Case, arrays: Any) -> Any:
        raise Absent("nothing is not installed. Type: pip install nothing")

    made = {"broken": other(lambda a: 1 / 0), "absent": Contestant("gone", absent), "right": other(right)}
    found = measure(tiny, list(made), ONCE, 1, contestants=made).timings
    assert [t.status for t in found.values()] == ["failed", "absent", "timed"]
    assert "ZeroDivisionError" in found["broken"].note and found["absent"].note.endswith("pip install nothing")


def test_calls_that_were_held_up_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that stands still but for what the calls say: every 50th call takes a hundred times as long."""
    now = [0.0]
    monkeypatch.setattr(sys.modules[measure.__module__], "perf_counter", lambda: now[0])
    calls = {"two": 0, "seven": 0}

    def call(name: str, seconds: float) -> None:
        calls[name] += 1
        now[0] += seconds * (100 if calls[name] % 50 == 0 else 1)

    both = {"two": lambda: call("two", 2.0), "seven": lambda: call("seven", 7.0)}
    times = take_turns(both, Effort(40, 45.0))
    assert times == {"two": [2.0] * 40, "seven": [7.0] * 40}
    assert min(calls.values()) > 250


def test_the_least_that_is_moved_and_computed() -> None:
    assert CASES["softmax-ce-64x10"].bytes == 4 * (3 * 640 + 1)
    assert CASES["silu-1e6"].bytes == 16e6
    assert CASES["layernorm-backward-4096x1024"].bytes == 4 * (3 * 4096 * 1024 + 3 * 1024)
    assert CASES["attention-8x256x64"].operations == 12 * 8 * 256 * 256 * 64


@pytest.mark.parametrize(
    ("id", "share"),
    [
        ("silu-1e6", 1.0),  # one copy of as many bytes
        ("softmax-ce-64x10", 1 / 104),  # one of so many copies, which one call makes
        ("mlp-1024", CASES["mlp-1024"].operations / (2 * 1024**3)),  # so much of one product
    ],
)
def test_the_floor_copies_the_bytes_of_a_case_or_multiplies_its_matrices(id: str, share: float) -> None:
    least = floor.floor(CASES[id], 2)
    least.call()
    assert least.share == pytest.approx(share, rel=0.01)


CASE = CASES["softmax-ce-64x10"]
MADE = Measured(
    CASE,
    2e-6,
    {
        "torch": Timing("timed", 40e-6, 0.02, 1.0, 20.0),
        "numpy": Timing("timed", 20e-6, 0.05, 2.0, 10.1),
        "c": Timing("absent", note="no compiler"),
        "hand": Timing("wrong", note="result 1 is off"),
    },
)


def test_the_tables_say_ratios_to_torch_and_to_the_floor() -> None:
    speed, by_hand, times = table.tables([MADE])
    assert speed.rows == ((CASE.id, "0.04 ±2%", "2.00 ±5%", "—", "wrong", "20.0"),)
    assert by_hand.rows == ((CASE.id, "?", "—"),)
    assert times.rows == ((CASE.id, "0.002", "20.0", "10.1", "—", "wrong"),)
    assert table.notes([MADE]) == ["compiled: no compiler", "NumPy by hand: wrong, not timed: result 1 is off"]
    assert all(len(row) == len(t.head) for t in (speed, by_hand, times) for row in t.rows)


def test_generated_code_is_compared_with_numpy_by_hand_in_each_round(
    tiny: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounds in which everything takes twice as long say nothing else."""
    rounds = [1.0, 2.0, 1.0, 2.0, 2.0]
    times = {"torch": [6 * r for r in rounds], "numpy": [2 * r for r in rounds], "hand": [3 * r for r in rounds]}
    monkeypatch.setattr(sys.modules[measure.__module__], "take_turns", lambda calls, effort: {**times, "": rounds})
    everybody = {name: other(right) for name in times}
    found = measure(tiny, list(times), ONCE, 1, contestants=everybody)
    assert {name: (t.ratio, t.by_hand) for name, t in found.timings.items()} == {
        "torch": (1.0, 0.5),
        "numpy": (3.0, 1.5),
        "hand": (2.0, 1.0),
    }
    assert table.tables([found])[1].rows == ((tiny.id, "1.50"),)
    del times["hand"]
    assert measure(tiny, list(times), ONCE, 1, contestants=everybody).timings["numpy"].by_hand is None


def test_without_torch_there_is_one_table() -> None:
    alone = replace(MADE, timings={"numpy": Timing("timed", 20e-6, 0.05, None, 10.1)})
    (times,) = table.tables([alone])
    assert times.rows[0][-1] == "10.1"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="memory is kept with a call of glibc")
def test_freed_memory_is_kept() -> None:
    """In a process of its own: arrays that come again need no new pages. Left alone, they do where pages are small."""
    code = (
        "import resource, sys, numpy as np\n"
        "from nnmath.benchmarks.speed.memory import keep\n"
        "kept = sys.argv[1] == 'keep' and keep()\n"
        "make = lambda: [np.ones(10**6, np.float32) for _ in range(6)]\n"
        "make()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "make()\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
    )
    new = {
        how: int(subprocess.run([sys.executable, "-c", code, how], capture_output=True, text=True, check=True).stdout)
        for how in ("keep", "leave")
    }
    assert new["keep"] < 100 and new["keep"] <= new["leave"]


# -- the command -----------------------------------------------------------------------------------------------------

QUICK = ["bench", "softmax-ce-64x10", "--quick", "--threads", "1"]


def test_json(capsys: Output) -> None:
    assert main([*QUICK, "--against", "hand", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    (case,) = data["cases"]
    assert set(case["contestants"]) == {"numpy", "c", "hand"} and case["contestants"]["numpy"]["seconds"] > 0
    assert data["machine"]["threads"] == "1" and data["machine"]["numpy"] == np.__version__


def test_a_run_is_put_into_its_page(capsys: Output, tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    page.write_text(f"# Speed\n\n{BEGIN}\nold\n{END}\n\nThe rest.\n", encoding="utf-8")
    assert main([*QUICK, "--against", "hand", "--markdown", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# Speed\n\n{BEGIN}\n") and text.endswith(f"{END}\n\nThe rest.\n")
    assert "old" not in text and "| softmax-ce-64x10 | " in text
    assert "softmax-ce-64x10" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["maxsoft"], "no case is called 'maxsoft'. Cases: softmax-ce-64x10, "),
        (["--against", "tf"], "'tf' is nothing to measure against. Known: torch, hand, hand-quick, torch-compile, jax"),
        (["--threads", "0"], "Give 1 or more: --threads 2"),
        (["--json", "--markdown", "x.md"], "Give one of them"),
    ],
)
def test_wrong_usage(capsys: Output, arguments: list[str], said: str) -> None:
    assert main(["bench", *arguments]) == 2
    out, err = capsys.readouterr()
    assert not out and said in err


def test_a_page_without_a_place_for_the_run(capsys: Output, tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    page.write_text("# Speed\n", encoding="utf-8")
    assert main([*QUICK, "--markdown", str(page)]) == 2
    assert "has no place for the run" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == "# Speed\n"


def test_a_wrong_result_fails_the_command(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    from nnmath.benchmarks.speed import hand_written

    monkeypatch.setitem(hand_written.BY_HAND, ("softmax-ce", "forward + backward"), lambda Z, Y: (1.0, Z))
    assert main([*QUICK, "--against", "hand"]) == 1
    assert "generated NumPy: wrong, not timed" in capsys.readouterr().out
