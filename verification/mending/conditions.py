"""At which sizes code runs that raises where all of them differ, and whether it is right there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from sympy import Symbol

from ...calculus.dimensions import defined_dimensions, free_dimensions
from ...numeric.checking.regimes import DISTINCT, REGIMES
from ..diagnosis.case import are, names
from ..probing.prober import Point, Prober
from .search import Outcome, Search

#: Of the equations under which code runs, no more are named.
SHOWN = 4


@dataclass(frozen=True)
class Condition:
    """An equation of sizes, ``D = H``, and what the code gives where it holds and all other sizes differ."""

    words: str
    outcome: Outcome


def conditions(search: Search) -> list[Condition]:
    """The equations between two sizes, and of a size with one, under which the code runs as it stands now.

    Where none of them is enough, all sizes equal.
    """
    found = [Condition(words, search.outcome(point)) for words, point in _points(search.prober)]
    found = [c for c in found if not c.outcome.failed]
    return [c for c in found if c.words.count("=") == 1] or found


def _points(prober: Prober) -> Iterator[tuple[str, Point]]:
    dims = prober.derivation.dims
    free = free_dimensions(dims)
    if defined_dimensions(dims):
        return
    usual = dict(zip(free, DISTINCT, strict=False))
    for a, b in combinations(free, 2):
        yield f"{a} = {b}", _at(prober, {**usual, b: usual[a]})
    for a in free:
        yield f"{a} = 1", _at(prober, {**usual, a: 1})
    if len(free) > 2:
        yield f"{' = '.join(map(str, free))}", _at(prober, dict.fromkeys(free, DISTINCT[0]))


def _at(prober: Prober, sizes: dict[Symbol, int]) -> Point:
    regime = next(r for r in REGIMES if r.name == "unequal sizes")
    return prober.point(replace(regime, sizes=lambda k: tuple(sizes.values())), prober.finest)


def where_it_runs(found: Sequence[Condition], wanted: Sequence[str]) -> str:
    """``it runs only where D = H, and dX is wrong there too``; wanted: the gradients that this is about."""
    if not found:
        return "it runs at no sizes that were tried"
    groups: dict[tuple[str, ...], list[str]] = {}
    for c in found:
        groups.setdefault(tuple(g for g in wanted if g not in c.outcome.right), []).append(c.words)
    if len(groups) == 1:
        wrong = next(iter(groups))
        there = f"{names(wrong)} {are(wrong)} wrong there too" if wrong else "is right there"
        return f"it runs only where {_either([c.words for c in found])}, and {there}"
    parts = [
        f"{f'{names(wrong)} {are(wrong)} wrong' if wrong else 'it is right'} where {_either(equations)}"
        for wrong, equations in groups.items()
    ]
    return f"it runs only where {_either([c.words for c in found])}; {', and '.join(parts)}"


def _either(equations: Sequence[str]) -> str:
    """``n = C, n = 1 or C = 1``."""
    *first, last = equations[:SHOWN] if len(equations) > SHOWN else equations
    return f"{', '.join(first)} or {last}" if first else last
