"""The formulas that the catalogue owes: all are there, or named here as still missing."""

from __future__ import annotations

from pathlib import Path

from nnmath.derivations import catalogue

OWED = Path(__file__).with_name("owed_ids.txt").read_text(encoding="utf-8").split()

#: Edit this when one of them arrives: an id stays here no longer than it is missing.
MISSING = """

"""


def test_the_list_is_whole() -> None:
    assert len(OWED) == len(set(OWED)) == 167


def test_what_is_missing_is_named() -> None:
    assert sorted(set(OWED) - set(catalogue())) == MISSING.split()
