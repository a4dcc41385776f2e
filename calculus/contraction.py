"""Canonical order of the bound indices of a product: a labelled graph, refined by colours, ties tried out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from sympy import Expr

from .keys import key, labelled_key
from .polynomials import Exponent
from .tensors import Index

Factor = tuple[Expr, Exponent]
#: Ties beyond this many orders are broken arbitrarily: sound, but two equal sums may then stay apart.
MAX_TIES = 720


def components(factors: Iterable[Expr], indices: Collection[Index]) -> list[list[Expr]]:
    """Groups of factors that share bound indices, directly or through others."""
    groups: list[tuple[set[Index], list[Expr]]] = []
    for factor in factors:
        touched = {k for k in indices if k in factor.free_symbols}
        members = [factor]
        apart = []
        for names, others in groups:
            if names & touched:
                touched |= names
                members = others + members
            else:
                apart.append((names, others))
        groups = [*apart, (touched, members)]
    return [members for _, members in groups]


def canonical_order(factors: list[Factor], indices: Collection[Index]) -> list[Index]:
    """An order of the indices that depends on the structure of the product alone, not on their names."""
    if len(indices) <= 1:
        return list(indices)
    budget = [MAX_TIES]
    start = {k: f"?{key(k.dim)}" for k in indices}
    return min(_orders(factors, start, budget), key=lambda found: found[0])[1]


def _orders(factors: list[Factor], colours: Mapping[Index, str], budget: list[int]) -> list[tuple[str, list[Index]]]:
    colours = _refine(factors, colours)
    classes: dict[str, list[Index]] = {}
    for k, colour in colours.items():
        classes.setdefault(colour, []).append(k)
    tied = [c for c in sorted(classes) if len(classes[c]) > 1]
    if not tied:
        order = sorted(colours, key=lambda k: colours[k])
        labels = {k: f"#{at}" for at, k in enumerate(order)}
        text = "|".join(sorted(f"{labelled_key(f, labels)}^{e}" for f, e in factors))
        budget[0] -= 1
        return [(text, order)]
    found: list[tuple[str, list[Index]]] = []
    for k in classes[tied[0]]:
        if found and budget[0] <= 0:
            break
        found += _orders(factors, {**colours, k: colours[k] + "!"}, budget)
    return found


def _refine(factors: list[Factor], colours: Mapping[Index, str]) -> dict[Index, str]:
    """Give indices that play different parts different colours, until nothing changes."""
    count = len(set(colours.values()))
    while True:
        signatures = {}
        for k in colours:
            labels = {**colours, k: "@"}
            seen = sorted(f"{labelled_key(f, labels)}^{e}" for f, e in factors if k in f.free_symbols)
            signatures[k] = (colours[k], seen)
        ranks = {
            repr(s): f"?{at:03d}" for at, s in enumerate(sorted({repr(s): s for s in signatures.values()}.values()))
        }
        colours = {k: ranks[repr(s)] for k, s in signatures.items()}
        new = len(set(colours.values()))
        if new == count:
            return dict(colours)
        count = new
