"""Points and values that the steps of a derivation share: what is shared, and what a new definition changes."""

from __future__ import annotations

import pytest

import nnmath
from nnmath.calculus import valuations
from nnmath.calculus.balls import Valuation
from nnmath.calculus.derivation import Definition
from nnmath.calculus.parser import parse_definitions, parse_givens
from nnmath.calculus.prover import Prover
from nnmath.calculus.sums import Partial
from nnmath.calculus.tensors import Element, Tensor
from nnmath.calculus.valuations import KEPT, Valuations

GIVENS = parse_givens("x: real, y: real")
U, V, L = parse_definitions("u = x*y\nv = u**2\nL = u*v", GIVENS)
X = GIVENS[0]


def values_of(valuation: Valuation, *definitions: Definition) -> list[float]:
    return [float(valuation.value(Partial(d.element, Element(X))).mid()) for d in definitions]


def test_a_definition_that_comes_later_moves_too() -> None:
    """What was perturbed before it came must not be taken for all that moves."""
    shared = Valuations()
    (point, *_) = shared.points(GIVENS, (), 0, thorough=False)
    first = shared.at(point, (U, V), precision=170, kinks=False)
    values_of(first, U, V)
    later = shared.at(point, (U, V, L), precision=170, kinks=False)
    assert later is first
    alone = Valuation((U, V, L), point.sizes, point.values)
    assert values_of(later, U, V, L) == values_of(alone, U, V, L)


def test_another_definition_of_the_same_name_is_not_taken_for_the_first() -> None:
    shared = Valuations()
    (point, *_) = shared.points(GIVENS, (), 0, thorough=False)
    other = Definition(V.tensor, (), U.element**3)
    made = [shared.at(point, (U, v), precision=170, kinks=False).value(v.element) for v in (V, other, V)]
    assert made[0] == made[2] != made[1]


def test_points_are_forgotten_with_their_values() -> None:
    shared = Valuations()
    for seed in range(3 * KEPT):
        for point in shared.points(GIVENS, (), seed, thorough=False):
            shared.at(point, (U,), precision=170, kinks=False).value(U.element)
    assert len(shared._points) == len(shared._made) == KEPT
    assert set(shared._family.values()) == set(shared._points)


def test_a_wrong_step_is_refuted_after_right_ones_at_the_same_points() -> None:
    prover = Prover([U, V], GIVENS)
    x, u = Element(X), U.element
    assert prover.judge(Partial(V.element, x), 2 * u * Element(GIVENS[1])).is_proved
    prover.define(L)
    assert prover.judge(Partial(L.element, x), 3 * u**2 * Element(GIVENS[1])).is_proved
    wrong = prover.judge(Partial(L.element, x), 2 * u**2 * Element(GIVENS[1]))
    assert wrong.kind == "refuted" and wrong == Prover([U, V, L], GIVENS).judge(
        Partial(L.element, x), 2 * u**2 * Element(GIVENS[1])
    )


def test_the_steps_of_a_derivation_share_values(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Valuation] = []
    original = valuations.Valuation

    def counting(*args: object, **options: object) -> Valuation:
        made.append(original(*args, **options))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setattr(valuations, "Valuation", counting)
    page = nnmath.derive("mlp-softmax")
    assert page.proved and len(made) < len(page.steps)  # each step is sampled at three points or more


def test_what_is_random_is_not_shared() -> None:
    shared = Valuations()
    (z,) = parse_givens("z: random mean=0 var=1")
    assert isinstance(z, Tensor) and z.domain.random is not None
    (point, *_) = shared.points((z,), (), 0, thorough=False)
    assert shared.at(point, (), precision=170, kinks=False) is not shared.at(point, (), precision=170, kinks=False)
