"""Shapes of arguments: each combination is compared once, and others are refused however often it came before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from derived import module

from nnmath.numeric.checking.execution import load_source


def of(id: str) -> dict[str, Any]:
    return load_source(module(id).source)


def shapes(*sizes: tuple[int, ...]) -> list[np.ndarray]:
    return [np.ones(size) for size in sizes]


#: Shapes of X, W, b of a dense layer that do not fit, and what is said.
REFUSED = [
    ([(5, 3), (4, 2), (2,)], r"W has shape \(4, 2\), expected \(D, H\) = \(3, 2\)"),
    ([(5, 3), (3, 2), (3,)], r"b has shape \(3,\), expected \(H\) = \(2,\)"),
    ([(5,), (3, 2), (2,)], r"X has shape \(5,\), expected \(n, D\) = \(\?, \?\)"),
    ([(0, 3), (3, 2), (2,)], r"X has shape \(0, 3\), every dimension must be at least 1"),
]


@pytest.mark.parametrize(("wrong", "said"), REFUSED)
def test_what_does_not_fit_is_refused_after_what_fits(wrong: list[tuple[int, ...]], said: str) -> None:
    dense = of("dense")["dense"]
    for _ in range(2):
        assert dense(*shapes((5, 3), (3, 2), (2,))).shape == (5, 2)
        with pytest.raises(ValueError, match=said):
            dense(*shapes(*wrong))


def test_other_shapes_have_sizes_of_their_own() -> None:
    mean = of("softmax-ce")["softmax_ce"]
    for n in (2, 7, 2):
        Z = np.zeros((n, 3))
        assert mean(Z, np.full_like(Z, 1 / 3)) == pytest.approx(np.log(3))


def test_few_combinations_are_kept() -> None:
    space = of("dense")
    for n in range(1, 250):
        space["dense"](*shapes((n, 3), (3, 2), (2,)))
    assert 0 < len(space["_KNOWN"]) <= 100


def test_a_dimension_that_follows_from_parameters_is_not_kept() -> None:
    """The same arrays with another stride give another size."""
    space = of("conv1d")
    source = module("conv1d").source
    assert "_dimension(" in source and "sizes[name] =" not in source and "setdefault(name" not in source
    assert space["_dimension"]("o", 3, sizes := {"n": 5}) == 3 and sizes == {"n": 5}
