"""The order of the catalogue, how entries stand to one another, and what they are checked against."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripts import importing

from nnmath.derivations import COURSE, Entry, catalogue, find, special_case_of, topics, used_by
from nnmath.derivations.counterpart import AUTOGRAD, EXACT, PROOF, counterpart

DOCS = Path(__file__).parents[1] / "docs"


def _helper(torch: Any, x: Any) -> Any:
    return torch.nn.functional.gelu(x)


def _through_another(torch: Any, x: Any) -> Any:
    return {"y": [_helper(torch, v) for v in (x,)]}


def _short_name(torch: Any, x: Any) -> Any:
    F = torch.nn.functional
    return F.silu(x) + F.mish(x)


FORWARDS: list[tuple[Callable[..., Any] | None, str]] = [
    (lambda torch, x: torch.sigmoid(x), "torch.sigmoid"),
    (lambda torch, x: torch.nn.functional.gelu(x, approximate="tanh"), "torch.nn.functional.gelu"),
    (lambda torch, x: torch.stack([torch.nn.functional.elu(x)]), "torch.nn.functional.elu"),
    (lambda torch, x: x * torch.mean(x), AUTOGRAD),
    (lambda torch, x: torch.tanh(x) * torch.sigmoid(x), AUTOGRAD),
    (lambda torch, x: x**2, AUTOGRAD),
    (_through_another, "torch.nn.functional.gelu"),
    (_short_name, "torch.nn.functional.silu, torch.nn.functional.mish"),
    (None, EXACT),
]


@pytest.mark.parametrize(("forward", "name"), FORWARDS, ids=lambda v: v if isinstance(v, str) else "")
def test_the_counterpart_is_read_from_the_forward(forward: Callable[..., Any] | None, name: str) -> None:
    entry = Entry(id="e", title="T", given="x: real", define="y = x", wanted=("dy/dx",), torch=forward)
    assert counterpart(entry) == name


def test_what_computes_nothing_is_proved_alone() -> None:
    assert counterpart(find("gibbs")) == PROOF
    assert counterpart(Entry(id="e", title="T", against="by hand")) == "by hand"


@pytest.mark.parametrize("id", ["gelu", "layernorm", "softmax-ce", "conv2d"])
def test_every_name_is_one_of_torch(id: str) -> None:
    torch = pytest.importorskip("torch")
    thing = torch
    for name in counterpart(find(id)).split(".")[1:]:
        thing = getattr(thing, name)
    assert callable(thing)


def test_topics_come_in_the_order_of_the_course() -> None:
    known = list(topics())
    assert known == [topic for topic in COURSE if topic in known], "a topic without a place in COURSE"
    order = list(dict.fromkeys(entry.topic for entry in catalogue().values()))
    assert order == [topic for topic in known if topic in order]


def test_references_between_entries_hold_both_ways() -> None:
    entries = catalogue()
    for entry in entries.values():
        for other in (*entry.uses, *entry.generalises):
            assert other in entries and other != entry.id, f"{entry.id} names {other}"
        assert all(entry.id in used_by(other) for other in entry.uses)
        assert all(entry.id in special_case_of(other) for other in entry.generalises)
    assert "softmax-ce" in used_by("softmax-jacobian") and "swish" in special_case_of("silu")


@pytest.mark.parametrize("relation", ["uses", "generalises"])
def test_no_entry_builds_on_itself(relation: str) -> None:
    entries, done = catalogue(), set()

    def visit(id: str, path: tuple[str, ...]) -> None:
        assert id not in path, f"a circle: {' → '.join((*path, id))}"
        if id not in done:
            for other in getattr(entries[id], relation):
                visit(other, (*path, id))
            done.add(id)

    for id in entries:
        visit(id, ())


def test_the_list_says_kind_and_counterpart_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from nnmath.cli import main; main(['list', *sys.argv[1:]]); "
        "assert not {'sympy', 'numpy', 'torch', 'rich', 'flint'} & set(sys.modules)"
    )
    text, data = (
        subprocess.run([sys.executable, "-c", code, *more], capture_output=True, text=True, check=True).stdout
        for more in ([], ["--json"])
    )
    lines = {line.split()[0]: line for line in text.splitlines() if line.startswith("  ")}
    rows = {row["id"]: row for row in json.loads(data)}
    assert list(lines) == list(rows) == list(catalogue())
    for id, row in rows.items():
        assert lines[id].split()[1] == row["kind"] and lines[id].endswith(f"{row['title']} · {row['against']}")
    assert "torch.nn.functional.gelu" in lines["gelu"] and "softmax" in rows["softmax-jacobian"]["used_by"]


def test_the_course_page_names_every_entry_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with importing(DOCS) as module:
        generate, course_notes = module("generate"), module("course_notes")
    text = generate.course_page()
    assert list(course_notes.NOTES) == list(COURSE)
    assert [text.count(f"](entries/{id}.md)") for id in catalogue()] == [1] * len(catalogue())
    places = [text.index(f"](entries/{id}.md)") for id in catalogue()]
    assert places == sorted(places)
    monkeypatch.delitem(course_notes.NOTES, "networks")
    with pytest.raises(generate.BrokenSession, match="networks"):
        generate.course_page()
