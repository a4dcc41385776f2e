"""Losses and layers against PyTorch and JAX, on the regimes that they declare: nowhere worse by more than noise.

What is compared are a few random draws, in ε of the largest entry of the array and of the worst row. The order of a sum
decides which of two careful programs has the larger error in a draw. So a difference counts where the worst draw is
above NOISE times that of the other one and above FEW ε, and the middle one is larger; and where that is so again in
half of AGAIN times as many new draws: among a thousand rows, chance makes a few look worse once. Where the other one is
off by MANY ε, nobody has any digits: such rows are left out. By default three losses are measured; exact values of the
others take minutes: NNMATH_THOROUGH=1.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from statistics import median
from typing import Any

import derived
import pytest

from nnmath.derivations import catalogue
from nnmath.numeric.accuracy import ArrayReference, ArrayRow, measured_arrays
from nnmath.numeric.accuracy.implementations import Implementation, Subject, from_source

THOROUGH = bool(os.environ.get("NNMATH_THOROUGH"))
DTYPES = ("float32", "float64")
IDS = [e.id for e in catalogue().values() if e.regimes] if THOROUGH else ["softmax-ce", "softmax-ce-labels", "kl-div"]
SEEDS = 6 if THOROUGH else 2

NOISE, FEW, MANY, AGAIN = 1.5, 1.5, 1e3, 4

#: By regime and name: the errors of an array in each draw, and those of its worst slice.
Measured = dict[tuple[str, str], tuple[list[float], list[float]]]

#: Regime, name, and 0 for the whole array or 1 for its slices.
Row = tuple[str, str, int]


@cache
def reference(id: str, dtype: str, seed: int, regime: str | None) -> ArrayReference:
    return ArrayReference(derived.derivation(id), dtype, seed=seed, names=None if regime is None else [regime])


def errors(id: str, dtype: str, code: Any, seeds: Iterable[int], regime: str | None = None) -> Measured:
    """Of one implementation, in all regimes or in one."""
    entry = catalogue()[id]
    found: Measured = {}
    rows: Iterable[ArrayRow]
    for seed in seeds:
        rows = measured_arrays(reference(id, dtype, seed, regime), code, entry.torch, entry.jax)
        for r in rows:
            whole, slices = found.setdefault((r.regime, r.name), ([], []))
            whole.append(r.normwise)
            slices.append(r.slicewise)
    return found


def worse(id: str, dtype: str, other: str, code: Any = "numpy") -> list[str]:
    """The rows in which the code is worse than another implementation."""
    seen = compared(id, dtype, other, code, 0)
    again: Counter[Row] = Counter()
    for regime in {row[0] for row in seen}:
        for draws in range(1, 1 + AGAIN):
            again.update(compared(id, dtype, other, code, draws, regime).keys())
    return [said for row, said in seen.items() if 2 * again[row] >= AGAIN]


def compared(id: str, dtype: str, other: str, code: Any, draws: int, regime: str | None = None) -> dict[Row, str]:
    """The rows in which the code seems worse in SEEDS draws, in all regimes or in one; draws: which of them."""
    seeds = range(draws * SEEDS, (draws + 1) * SEEDS)
    ours, seen = errors(id, dtype, code, seeds, regime), {}
    for (where, name), found in errors(id, dtype, other, seeds, regime).items():
        for k, (own, theirs) in enumerate(zip(ours[where, name], found, strict=True)):
            allowed = max(NOISE * max(theirs), FEW)
            if max(theirs) < MANY and max(own) > allowed and median(own) > median(theirs):
                seen[where, name, k] = f"{name} {dtype}, {where}: {max(own):.3g} ε, {other} {max(theirs):.3g}"
    return seen


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("id", IDS)
def test_torch_is_nowhere_better(id: str, dtype: str) -> None:
    pytest.importorskip("torch")
    assert worse(id, dtype, "torch") == []


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("id", [i for i in IDS if catalogue()[i].jax is not None])
def test_jax_is_nowhere_better(id: str, dtype: str) -> None:
    pytest.importorskip("jax", reason="jax is an optional extra")
    assert worse(id, dtype, "jax") == []


#: A sum of all other probabilities where the largest is small, and for all rows: what is taken off has errors of the
#: size of 1. Exponentials that are off.
WORSE = [
    ("softmax-ce", {"(1 - own - own * rest) / total": "2 - own - (1 + rest / total)", "< 1.25": "< 1e9"}),
    ("softmax-ce", {"np.exp(P, out=P)": "np.exp(P, out=P)\n    P *= 1 + 4 * np.finfo(P.dtype).eps * (P < 0.5)"}),
]


@pytest.mark.parametrize(("id", "changes"), WORSE)
def test_a_worse_form_is_seen(id: str, changes: dict[str, str]) -> None:
    pytest.importorskip("torch")
    assert worse(id, "float64", "torch", spoiled(id, changes))


def spoiled(id: str, changes: Mapping[str, str]) -> Callable[[Subject, str], Implementation]:
    """The generated code with some forms in place of others."""
    module = derived.module(id)
    source = module.source
    for form, changed in changes.items():
        assert form in source
        source = source.replace(form, changed)

    def planted(subject: Subject, dtype: str) -> Implementation:
        return from_source(replace(module, source=source), subject.derivation)

    return planted
