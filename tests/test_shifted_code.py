"""Code of formulas whose elements share an index between two axes, one of them shifted: against loops over entries."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

import nnmath

Array = NDArray[np.float64]
N = 5
G = np.random.default_rng(3).normal(size=(N, N))
x = np.random.default_rng(4).normal(size=N)


def at(array: Array, *places: int) -> float:
    """An entry, and zero outside."""
    inside = all(0 <= p < size for p, size in zip(places, array.shape, strict=True))
    return float(array[places]) if inside else 0.0


#: formula: its value by loops
SHIFTED: dict[str, Callable[[Array, Array], float]] = {
    "sum(G[j + 1, j]*x[j] for j in n)": lambda G, x: sum(at(G, j + 1, j) * x[j] for j in range(N)),
    "sum(G[j, j - 1]*x[j]**2 for j in n)": lambda G, x: sum(at(G, j, j - 1) * x[j] ** 2 for j in range(N)),
    "sum(G[i + j + 1, i]*x[j] for i in n for j in n)": lambda G, x: sum(
        at(G, i + j + 1, i) * x[j] for i in range(N) for j in range(N)
    ),
    "sum(tanh(G[i + j, i - j])*x[j] for i in n for j in n)": lambda G, x: sum(
        np.tanh(at(G, i + j, i - j)) * x[j] for i in range(N) for j in range(N)
    ),
    "sum(G[i, j]*x[i]*x[j] for i in n for j in n if j < i)": lambda G, x: sum(
        G[i, j] * x[i] * x[j] for i in range(N) for j in range(i)
    ),
}


@pytest.mark.parametrize("formula", SHIFTED)
def test_code_of_a_shifted_index(formula: str) -> None:
    page = nnmath.derive(formula, given="G: n n, x: n")
    assert page.derivation.proved
    source = page.numpy_source()
    assert not re.search(r"~\d", source)  # a name of the engine's own
    space: dict[str, Callable[..., tuple[Array, ...]]] = {}
    exec(source, space)
    value, step = SHIFTED[formula], 1e-6
    assert np.allclose(space["expression"](G, x), value(G, x), rtol=1e-12)
    for found, k in zip(space["expression_gradient"](G, x), range(2), strict=True):
        for place in np.ndindex(found.shape):
            sides = []
            for sign in (1, -1):
                moved = [G.copy(), x.copy()]
                moved[k][place] += sign * step
                sides.append(value(moved[0], moved[1]))
            assert np.isclose(found[place], (sides[0] - sides[1]) / (2 * step), rtol=1e-6, atol=1e-7), place
