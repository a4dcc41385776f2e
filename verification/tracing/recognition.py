"""Value numbering against known formulas: a traced array that equals a definition takes its name.

Every intermediate is named as soon as it appears, so formulas stay small and each proof stays local.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import permutations, product
from math import prod
from typing import Any

from sympy import Expr, Integer

from ...calculus.derivation import Definition
from ...calculus.normal_form import Normalizer
from ...calculus.polynomials import TooLarge
from ...calculus.sums import count_nodes
from ...calculus.tensors import Element, Index, Tensor
from .branches import without_branches
from .concrete import at_sizes
from .values import Entries, rename

#: A larger formula is not looked up: its normal form might take long.
MAX_NODES = 1500
#: A definition has at most so many rows and entries that are matched one by one.
MAX_INSTANCES = 200
#: Definitions with more axes than this are matched with their axes in order only.
MAX_PERMUTED = 4


class Recognition:
    """The normal forms of known definitions, by content."""

    def __init__(self, known: Iterable[Definition]) -> None:
        self._normalizer = Normalizer(elementary=True)
        self._found: dict[Any, tuple[Tensor, tuple[int, ...], dict[int, Expr]]] = {}
        self.known = tuple(known)
        for definition in self.known:
            if not definition.pairing:
                self._learn(definition)

    def _learn(self, definition: Definition) -> None:
        for fixed in _instances(definition):
            free = [a for a in range(len(definition.indices)) if a not in fixed]
            body = rename(definition.body, {definition.indices[a]: k for a, k in fixed.items()})
            is_part = bool(fixed) and not all(i.dim.is_Integer for i in definition.indices)
            orders = permutations(free) if len(free) <= MAX_PERMUTED and not is_part else iter([tuple(free)])
            for order in orders:
                key = self._key(tuple(definition.indices[a] for a in order), body)
                if key is not None:
                    self._found.setdefault(key, (definition.tensor, order, fixed))

    def _key(self, indices: tuple[Index, ...], body: Expr) -> Any:
        if isinstance(body, Element) or not body.atoms(Element) or count_nodes(body) > MAX_NODES:
            return None
        places = {i: Index(f"?{at}", i.dim) for at, i in enumerate(indices)}
        try:
            normal = self._normalizer.poly(at_sizes(rename(body, places), {}))
        except (TooLarge, RecursionError):
            return None
        return tuple(i.dim for i in indices), frozenset(normal.items())

    def named(self, entries: Entries) -> Entries:
        """The same array, as an element of the definition that it equals."""
        if not self._found:
            return entries
        entries = entries.with_body(without_branches(entries.body))
        indices = entries.indices
        found = self._found.get(self._key(indices, entries.body))
        if found is None:
            return entries
        tensor, order, fixed = found
        places: dict[int, Expr] = {**fixed, **dict(zip(order, indices, strict=True))}
        return entries.with_body(Element(tensor, *(places[a] for a in range(tensor.rank))))


def _instances(definition: Definition) -> Iterator[dict[int, Expr]]:
    """The whole array, and along axes whose sizes are concrete and small, its rows, columns and entries too."""
    axes = definition.indices
    sizes = [int(i.dim) if i.dim.is_Integer else 0 for i in axes]
    if not any(sizes) or prod(s + 1 for s in sizes) > MAX_INSTANCES:
        yield {}
        return
    for chosen in product(*([None, *range(s)] for s in sizes)):
        yield {a: Integer(k) for a, k in enumerate(chosen) if k is not None}
