"""Changed claims of the whole catalogue: refuted where they are wrong, and never called proved."""

from __future__ import annotations

from random import Random

import pytest
from claim_mutants import CHANGES, Claims, Mutant, claims, differ, mutants
from derived import derivation
from sympy import Integer

from nnmath.calculus.derivation import Step, Verdict
from nnmath.calculus.sums import bound_sum
from nnmath.calculus.tensors import Element, Index, Tensor, dimension
from nnmath.derivations import catalogue
from nnmath.derivations.build import derive_entry

#: Entries that state closed forms of derivatives.
IDS = [id for id, entry in catalogue().items() if entry.kind == "gradient" and entry.at().claim]
GROUPS = 6
MOST = 40


def drawn(of: Claims) -> list[Mutant]:
    """Some mutants of an entry, at random but always the same; fewer where a line is long to judge."""
    tensors = of.tensors()
    found = [m for line in of.lines for m in mutants(line, tensors)]
    few = MOST if len(of.derivation.definitions) <= 4 else 6 if len(of.derivation.definitions) <= 8 else 2
    return Random(of.derivation.id).sample(found, min(few, len(found)))


@pytest.mark.parametrize("group", range(GROUPS))
def test_mutants_of_claims_are_refuted(group: int) -> None:
    judged, wrong, missed, false = 0, 0, [], []
    for id in IDS[group::GROUPS]:
        of = claims(derivation(id))
        prover = of.prover()
        for mutant in drawn(of):
            verdict = prover.judge(mutant.left, mutant.right)
            judged += 1
            # A refutation is rigorous: it shows its point. What is not refuted is compared by other means.
            different = verdict.kind == "refuted" or differ(mutant.left, mutant.right, of)
            wrong += bool(different)
            if different and verdict.is_proved:
                false.append((id, mutant))
            elif different and verdict.kind == "open":
                missed.append((id, mutant))
    assert false == [], "called proved, and wrong"
    assert judged >= 250  # 1500 in all
    assert wrong >= 0.8 * judged
    assert len(missed) <= 0.005 * wrong, missed


N, M = dimension("n"), dimension("m")
I, J, K = Index("i", N), Index("j", N), Index("k", M)
A, B, V = Tensor("A", (N, N)), Tensor("B", (N, N)), Tensor("v", (M,))


@pytest.mark.parametrize(
    ("change", "right", "expected"),
    [
        ("sign", A[I, J] + B[I, J], A[I, J] - B[I, J]),
        ("factor", A[I, J], 2 * A[I, J]),
        ("dropped_term", A[I, J] + B[I, J], A[I, J]),
        ("dropped_factor", A[I, J] * B[I, J], A[I, J]),
        ("power", A[I, J] ** 2, A[I, J] ** 3),
        ("transposed", A[I, J] * B[I, J], A[I, J] * B[J, I]),
        ("wrong_axis", A[I, J] * bound_sum(V[K], K), A[I, J] * V[Integer(0)]),
        ("shifted", A[I, J], Element(A, Integer(0), J)),
        ("swapped_names", A[I, J], B[I, J]),
    ],
)
def test_each_kind_of_mutant_is_made(change: str, right: object, expected: object) -> None:
    line = Step(right, right, "rearrange", Verdict("proved"))  # type: ignore[arg-type]
    made = list(mutants(line, (A, B, V)))
    assert expected in [m.right for m in made if m.change == change]
    assert right not in [m.right for m in made] and len({m.right for m in made}) == len(made)


def test_every_kind_is_tested() -> None:
    mark = test_each_kind_of_mutant_is_made.pytestmark[0]  # type: ignore[attr-defined]
    assert {row[0] for row in mark.args[1]} == {change.__name__ for change in CHANGES}


def test_the_other_judge_tells_equal_from_different() -> None:
    of = claims(derive_entry(catalogue()["softmax-ce"]))
    (line,) = of.lines
    assert differ(line.left, line.right, of) is False
    assert all(differ(m.left, m.right, of) for m in mutants(line, ()) if m.change in ("sign", "factor"))
