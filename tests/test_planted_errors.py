"""Wrong claims and wrong definitions, planted on purpose: every one is refuted, and none is ever proved."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import pytest
from flint import arb
from planted_claims import CLOSED, MISSHAPEN, RIGHT, WRONG, WRONG_DEFINITIONS, WRONG_IDENTITIES, entry_of
from planted_layers import LAYER_TOPICS
from planted_losses import LOSS_TOPICS, WRONG_OPTIONS

from nnmath.calculus.balls import Valuation
from nnmath.calculus.derivation import Counterexample, Derivation, Part, Step
from nnmath.calculus.parser import ParseError
from nnmath.calculus.rules import CLAIM
from nnmath.calculus.sums import Partial
from nnmath.derivations import catalogue, find
from nnmath.derivations.build import derive_entry


def name(row: tuple[str, ...]) -> str:
    return " | ".join(row)


# -- what a refutation must show ---------------------------------------------------------------------------------------


def refuted_steps(derivation: Derivation) -> list[tuple[Part, Step]]:
    return [(p, s) for p in derivation.parts for s in p.steps if s.verdict.kind == "refuted"]


def valuation_at(derivation: Derivation, example: Counterexample) -> Valuation:
    """The values that a counterexample prints, read back from its text; what it does not mention is drawn as 1/2."""
    sizes = {d: example.sizes.get(d.name, 1) for d in derivation.dims}
    values = {}
    for tensor in derivation.givens:
        if not tensor.domain.function:
            shape = [int(d.xreplace(sizes)) for d in tensor.dims]
            printed = example.values.get(tensor.name, "0.5")
            values[tensor] = {at: read(printed, at) for at in product(*map(range, shape))}
    names = {t.name for t in derivation.givens}
    adjoints = (r.definition for r in derivation.results if not r.of.rank and r.name not in names)
    definitions = (*derivation.definitions, *adjoints)
    return Valuation(definitions, sizes, values)


def read(nested: Any, at: tuple[int, ...]) -> arb:
    for k in at:
        nested = nested if isinstance(nested, str) else nested[k]
    return arb(nested)


def assert_genuine(derivation: Derivation, part: Part, step: Step) -> None:
    """The printed point gives the printed sides; there the derivative (by dual numbers) is not what was claimed."""
    example = step.verdict.counterexample
    assert example is not None and example.left != example.right
    assert set(example.sizes) >= {i.dim.name for i in step.left.free_symbols if hasattr(i, "dim") and i.dim.is_Symbol}
    valuation = valuation_at(derivation, example)
    free = {i.name: i for side in (step.left, step.right, part.left) for i in side.free_symbols if hasattr(i, "dim")}
    indices = {index: example.at.get(name, 0) for name, index in free.items()}
    left, right = (valuation.value(side, indices) for side in (step.left, step.right))
    assert left.is_finite() and right.is_finite() and 0 not in left - right
    assert close(left, example.left) and close(right, example.right)
    if isinstance(part.left, Partial):
        true = valuation.value(part.left, indices)
        assert (true - right).abs_lower() > 1e-9, "the counterexample does not show that the claim is wrong"


def close(ball: arb, text: str) -> bool:
    """Printed with at least six digits, from inputs printed with twelve."""
    return bool(abs(ball - arb(text)) <= 1e-5 * (1 + abs(arb(text))))


@cache
def derived(id: str, wanted: str, claim: str) -> Derivation:
    of, _, wrt = wanted.removesuffix(" in output").partition("/")
    first = (f"d{of[2:]}/{wrt[:-1]}",) if of.startswith("d2") else ()
    return derive_entry(replace(entry_of(id), wanted=(*first, f"{of}/{wrt}"), claim={wanted: claim}))


# -- claims ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", WRONG, ids=name)
def test_a_wrong_claim_is_refuted(row: tuple[str, str, str, str]) -> None:
    id, wanted, claim, _ = row
    derivation = derived(id, wanted, claim)
    (found,) = refuted_steps(derivation)
    part, step = found
    assert step.rule == CLAIM and derivation.verdict.kind == "refuted"
    assert all(s.verdict.is_proved for s in derivation.steps if s is not step)
    assert_genuine(derivation, part, step)
    assert part.result is not None and part.result.expr != step.right, "a refuted claim must not become the result"


@pytest.mark.parametrize("row", WRONG_OPTIONS, ids=lambda row: f"{row[0]} {row[1]} {row[3]}")
def test_a_wrong_claim_is_refuted_at_every_setting(row: tuple[str, dict[str, str], str, str]) -> None:
    id, setting, wanted, claim = row
    derivation = derive_entry(replace(find(id).at(**setting), wanted=(wanted,), claim={wanted: claim}))
    ((part, step),) = refuted_steps(derivation)
    assert step.rule == CLAIM and all(s.verdict.is_proved for s in derivation.steps if s is not step)
    assert_genuine(derivation, part, step)


@pytest.mark.parametrize("row", RIGHT, ids=name)
def test_a_right_claim_is_proved_however_it_is_written(row: tuple[str, str, str]) -> None:
    derivation = derived(*row)
    assert derivation.proved, [str(s.verdict.counterexample) for s in derivation.steps if not s.verdict.is_proved]


@pytest.mark.parametrize("row", MISSHAPEN, ids=name)
def test_a_claim_of_a_wrong_shape_is_rejected(row: tuple[str, str, str, str]) -> None:
    id, wanted, claim, message = row
    with pytest.raises(ParseError) as caught:
        derived(id, wanted, claim)
    assert message in str(caught.value)


def test_the_table_is_what_it_says() -> None:
    assert len(WRONG) == len(set(WRONG)) >= 150
    families = {catalogue()[id].topic for id, *_ in WRONG if id in catalogue()}
    complete = {"activations", "bounds", "classification", "identities", "information", *LOSS_TOPICS, *LAYER_TOPICS}
    assert families >= {*complete, "convolution"}
    derived_entries = {id: entry for id, entry in catalogue().items() if entry.at().wanted}
    assert {id for id, *_ in WRONG} >= {id for id, entry in derived_entries.items() if entry.topic in complete}
    classes = " ".join(error for *_, error in WRONG)
    for kind in "sign|factor|index swapped|transposed|missing term|power|normaliser|captured index".split("|"):
        assert kind in classes


# -- definitions and identities ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", WRONG_DEFINITIONS, ids=name)
def test_a_right_claim_about_a_wrong_definition_is_refuted(row: tuple[str, str, str, str]) -> None:
    id, old, new, _ = row
    entry = entry_of(id)
    assert isinstance(entry.define, str) and old in entry.define
    claims = CLOSED.get(id, entry.claim)
    assert derive_entry(replace(entry, claim=claims)).proved
    derivation = derive_entry(replace(entry, claim=claims, define=entry.define.replace(old, new, 1)))
    found = refuted_steps(derivation)
    assert found and found[0][1].rule == CLAIM
    for part, step in found:
        assert_genuine(derivation, part, step)


@pytest.mark.parametrize("identity", WRONG_IDENTITIES)
def test_a_wrong_identity_is_refuted(identity: str) -> None:
    derivation = derive_entry(replace(find("kl-ce"), wanted=(identity,), claim={}))
    assert derivation.verdict.kind == "refuted"
    ((_, step),) = refuted_steps(derivation)
    example = step.verdict.counterexample
    assert example is not None and example.left != example.right
    valuation = valuation_at(derivation, example)
    assert 0 not in valuation.value(step.left) - valuation.value(step.right)
