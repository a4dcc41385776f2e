"""Every statement of the catalogue, spoiled: none is proved any more."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from nnmath.derivations import Entry, Statement, catalogue
from nnmath.derivations.build import derive_entry

ENTRIES = {id: entry.at() for id, entry in catalogue().items() if entry.proof}
TURN = {"<=": ">=", ">=": "<=", "<": ">", ">": "<"}


def flipped(statement: Statement) -> Statement | None:
    """The inequality the other way round; an equation made off by one."""
    body, loops = halves(statement.text)
    sides = re.split(r"(?<![<>=])(<=|>=|=|<|>)(?!=)", body)
    if set(sides[1::2]) == {"="}:
        return replace(statement, text=f"{body.rstrip()} + 1 {loops}")
    return replace(statement, text=" ".join(TURN.get(s, s) for s in sides) + f" {loops}")


def halves(text: str) -> tuple[str, str]:
    depth = 0
    for at, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and text.startswith(" for ", at):
            return text[:at], text[at:]
    return text, ""


def doubled(statement: Statement) -> Statement | None:
    """The certificate, or the last side of an equation, twice as large."""
    if statement.certificate:
        return replace(statement, certificate=f"2*({statement.certificate})")
    body, loops = halves(statement.text)
    left, sign, right = body.rpartition("=")
    return replace(statement, text=f"{left}{sign} 2*({right}) {loops}") if right.strip() != "0" else flipped(statement)


def moved(statement: Statement) -> Statement | None:
    """The certificate, or the last side, plus one."""
    if statement.certificate:
        return replace(statement, certificate=f"{statement.certificate} + 1")
    return flipped(statement)


def wrong_slope(statement: Statement) -> Statement | None:
    return replace(statement, slope=f"-({statement.slope})") if statement.slope else None


MUTATIONS = (flipped, doubled, moved)


def mutant(entry: Entry, mutate) -> Entry:
    """All statements of an entry spoiled, without their names being lost to those after."""
    # From assumptions that contradict each other everything follows, so there only the identity can be spoiled.
    proof = tuple((moved(s) if s.impossible else mutate(s)) or s for s in entry.proof)
    return replace(entry, wanted=(), claim={}, proof=proof)


@pytest.mark.parametrize("id", ENTRIES)
@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda f: f.__name__)
def test_a_spoiled_statement_is_not_proved(id: str, mutate) -> None:
    found = derive_entry(mutant(ENTRIES[id], mutate))
    proved = [str(p.stated) for p in found.parts if all(s.verdict.is_proved for s in p.steps)]
    assert not proved


def test_a_wrong_slope_is_not_proved() -> None:
    entries = {id: e for id, e in ENTRIES.items() if any(s.slope for s in e.proof)}
    assert entries
    for entry in entries.values():
        found = derive_entry(mutant(entry, wrong_slope))
        assert not found.parts[0].steps[-1].verdict.is_proved


@pytest.mark.parametrize("dropped", ["none", "second", "first", "both"])
def test_each_condition_is_needed_for_the_contradiction(dropped: str) -> None:
    entry = ENTRIES["xor-not-linear"]
    assume = {name: text for name, text in entry.assume.items() if name != dropped}
    (statement,) = entry.proof
    found = derive_entry(replace(entry, assume=assume, proof=(replace(statement, certificate=" + ".join(assume)),)))
    assert found.parts[0].steps[-1].verdict.kind == "refuted"


def test_there_are_enough_of_them() -> None:
    assert len(MUTATIONS) * sum(len(e.proof) for e in ENTRIES.values()) >= 250
