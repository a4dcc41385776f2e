"""How the adjoint equations of a network grow with its depth."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Any

from ours import derive, prove

from nnmath.calculus.sums import count_nodes
from nnmath.derivations import find

ENTRY = "mlp-deep"


@dataclass(frozen=True)
class Depth:
    """The adjoint equations at one depth: how many, their size in nodes, their steps, and the times in seconds."""

    depth: int
    equations: int
    nodes: int
    steps: int
    proved: bool
    derive: float
    prove: float


def measure(depth: int, repeats: int) -> Depth:
    """Derive and prove the network at one depth; times are medians."""
    entry = find(ENTRY)
    derivation = prove(entry, depth=depth)
    return Depth(
        depth,
        len(derivation.results),
        sum(count_nodes(result.expr) for result in derivation.results),
        len(derivation.steps),
        derivation.proved,
        median(seconds(derive, entry, depth=depth) for _ in range(repeats)),
        median(seconds(prove, entry, depth=depth) for _ in range(repeats)),
    )


def seconds(function: Callable[..., Any], *arguments: Any, **options: Any) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    function(*arguments, **options)
    return time.perf_counter() - start


def increments(rows: Sequence[Depth]) -> list[Fraction]:
    """Nodes added for each layer, between neighbouring depths."""
    return [Fraction(b.nodes - a.nodes, b.depth - a.depth) for a, b in pairwise(rows)]


def law(rows: Sequence[Depth]) -> tuple[Fraction, Fraction] | None:
    """Slope and constant where size is exactly slope·depth + constant at every measured depth; None where it is not."""
    steps = set(increments(rows))
    if len(rows) < 3 or len(steps) != 1:
        return None
    (slope,) = steps
    return slope, rows[0].nodes - slope * rows[0].depth


def sentence(rows: Sequence[Depth]) -> str:
    """What the sizes say about growth."""
    found = law(rows)
    if found is not None:
        slope, constant = found
        sign = "−" if constant < 0 else "+"
        return f"Growth is exactly linear at these depths: nodes = {slope}·depth {sign} {abs(constant)}."
    if len(rows) < 3:
        return "Fewer than three depths say nothing about growth."
    return f"Growth is not linear: nodes added per layer {', '.join(map(str, increments(rows)))}."


def table_rows(rows: Sequence[Depth]) -> Iterator[list[Any]]:
    """Cells of the table, one list a depth."""
    added = ["", *map(str, increments(rows))]
    for row, more in zip(rows, added, strict=True):
        steps = f"{row.steps} {'proved' if row.proved else 'NOT PROVED'}"
        yield [row.depth, row.equations, row.nodes, more, steps, row.derive, row.prove]
