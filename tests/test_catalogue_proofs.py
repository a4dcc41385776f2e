"""Every entry of the catalogue derives what it wants, and every step of it is proved."""

from __future__ import annotations

import re
from itertools import islice

import pytest
from derived import derivation, page

from nnmath.calculus.rules import CLAIM
from nnmath.calculus.tensors import Index
from nnmath.derivations import catalogue
from nnmath.derivations.build import derive_entry

each_entry = pytest.mark.parametrize("id", catalogue())
#: The names of canonical and fresh indices, which are nobody's business.
INTERNAL = re.compile(r"·\d|~\d|_Dummy|_E\b")


@each_entry
def test_every_step_is_proved(id: str) -> None:
    found = derivation(id)
    assert found.steps and found.proved and str(found.verdict) == "proved"
    details = [line for step in found.steps for line in step.detail]
    for step in (*found.steps, *details):
        assert step.verdict.is_proved and step.verdict.basis, (step.rule, str(step.verdict))
        begins = re.fullmatch(r"\w = 0", step.rule)  # an induction
        assert step.rule and (step.left != step.right or begins)
    assert all(part.steps for part in found.parts)


@each_entry
def test_there_is_a_result_for_all_that_is_wanted(id: str) -> None:
    found = derivation(id)
    asked = {_named(text) for text in catalogue()[id].at().wanted if "=" not in text}
    assert {(r.of.name, *(t.name for t in r.wrt)) for r in found.wanted} == asked  # type: ignore[union-attr]
    for result in found.wanted:
        assert result.of is not None
        axes = (*result.of.dims, *(d for t in result.wrt for d in t.dims))
        assert result.dims == axes, "a gradient has the shape of its variable"
        assert {k for k in result.expr.free_symbols if isinstance(k, Index)} <= set(result.indices)


def _named(text: str) -> tuple[str, ...]:
    of, wrt = text.split("/")
    return (of[2:], wrt[1:-1], wrt[1:-1]) if of.startswith("d2") else (of[1:], wrt[1:])


@each_entry
def test_no_part_ends_in_something_else_than_its_result(id: str) -> None:
    """The lines of a part go from the derivative to what the result states."""
    for part in derivation(id).parts:
        if part.result is None:
            continue
        assert any(part.left == step.left for step in part.steps)
        assert {part.result.expr, part.result.in_output} & {step.right for step in part.steps}


@each_entry
def test_lines_that_go_on_start_where_the_line_before_ended(id: str) -> None:
    for part in derivation(id).parts:
        for before, step in zip(part.steps, part.steps[1:], strict=False):
            assert not step.continues or step.left == before.right


@each_entry
@pytest.mark.parametrize("kind", ["str", "latex"])
def test_no_internal_index_is_shown(id: str, kind: str) -> None:
    shown = page(id)
    text = str(shown) if kind == "str" else shown.latex()
    assert len(text) > 100 and not INTERNAL.search(text), INTERNAL.search(text)


@pytest.mark.parametrize("depth", [1, 2, 5, 9])
def test_a_deep_network_is_proved_at_any_depth(depth: int) -> None:
    found = derive_entry(catalogue()["mlp-deep"], depth=depth)
    assert found.proved and len(found.wanted) == 2 * depth


def test_thorough_sampling_finds_nothing_either() -> None:
    for id in ("softmax-ce", "backprop", "selu", "kl-ce"):
        assert derive_entry(catalogue()[id], thorough=True).proved


def test_claims_of_the_catalogue_were_judged() -> None:
    """An entry with a claim that differs from what the rules give shows a line for it; a few such entries do."""
    claiming = (id for id, entry in catalogue().items() if entry.at().claim)
    shown = (id for id in claiming if any(step.rule == CLAIM for step in derivation(id).steps))
    assert len(list(islice(shown, 6))) == 6
