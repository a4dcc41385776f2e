"""Planted errors in hand-written gradients are found and named; the correct gradients get no finding.

MISSED and UNNAMED list, by id, the mutants that are not found, and those that are found under another name than their
own. They only bound: a mutant in UNNAMED that is named after all is no failure.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from mutants import GRADIENTS, MUTANTS, Mutant, judged
from mutants_unnamed import MISSED, UNNAMED

#: The kinds of the issue's list, each of which has mutants.
CLASSES = (
    *("scale", "sign", "transpose", "missing-term", "extra-term", "wrong-axis", "constant", "chain-factor", "detached"),
    *("broadcast", "swapped", "overflow", "cancellation", "epsilon", "kink", "aliasing", "mutation", "state", "stride"),
    *("dtype", "shape", "mask", "contract"),
)
#: Errors that float32 shows, too or only; the others are looked for in float64, which takes half the time.
OF_FLOATING_POINT = ("overflow", "cancellation", "epsilon", "dtype")


@pytest.fixture(autouse=True)
def _torch_is_loaded_where_it_is_spoken_of(request: pytest.FixtureRequest) -> None:
    if "torch" in request.node.name:
        pytest.importorskip("torch")


@pytest.mark.parametrize("name", GRADIENTS)
def test_no_finding_in_a_correct_gradient(name: str, tmp_path: Path) -> None:
    report = judged(GRADIENTS[name], GRADIENTS[name].text, tmp_path, name)
    assert report.passed and not report.findings, str(report)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[m.id for m in MUTANTS])
def test_mutant_is_found_and_named(mutant: Mutant, tmp_path: Path) -> None:
    if mutant.id in MISSED:
        pytest.xfail(MISSED[mutant.id])
    dtypes = None if mutant.kinds[0] in OF_FLOATING_POINT else ("float64",)
    report = judged(GRADIENTS[mutant.gradient], mutant.text, tmp_path, "mutant", dtypes)
    assert not report.passed, f"missed\n{report}"
    if mutant.id not in UNNAMED:
        assert set(report.kinds()) & set(mutant.kinds), f"is {' or '.join(mutant.kinds)}\n{report}"


def test_how_many_are_found_and_named() -> None:
    """98 % found, 80 % named, over all classes; what the tests above hold the table to."""
    ids = {m.id for m in MUTANTS}
    assert len(ids) == len(MUTANTS) >= 150 and len({m.gradient for m in MUTANTS}) >= 20
    assert {m.kinds[0] for m in MUTANTS} == set(CLASSES)
    assert not (set(MISSED) | set(UNNAMED)) - ids, "no such mutant"
    table = _table()
    assert len(MUTANTS) - len(MISSED) >= 0.98 * len(MUTANTS), table
    assert len(MUTANTS) - len({*MISSED, *UNNAMED}) >= 0.8 * len(MUTANTS), table


def _table() -> str:
    def count(left_out: set[str]) -> Counter[str]:
        return Counter(m.kinds[0] for m in MUTANTS if m.id not in left_out)

    every, found, named = count(set()), count({*MISSED}), count({*MISSED, *UNNAMED})
    rows = [f"{c:<14}{every[c]:>8}{found[c]:>8}{named[c]:>8}" for c in CLASSES]
    total = f"{'all':<14}{every.total():>8}{found.total():>8}{named.total():>8}"
    return "\n".join([f"{'class':<14}{'mutants':>8}{'found':>8}{'named':>8}", *rows, total])
