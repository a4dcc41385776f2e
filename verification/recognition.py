"""Value numbering against known formulas: a traced array that equals a definition takes its name.

Every intermediate is named as soon as it appears, so formulas stay small and each proof stays local.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations
from typing import Any

from sympy import Expr

from ..calculus.derivation import Definition
from ..calculus.normal_form import Normalizer, TooLarge
from ..calculus.sums import count_nodes
from ..calculus.tensors import Element, Index, Tensor
from .values import Entries, rename

#: A larger formula is not looked up: its normal form might take long.
MAX_NODES = 1500
#: Definitions with more axes than this are matched with their axes in order only.
MAX_PERMUTED = 4


class Recognition:
    """The normal forms of known definitions, by content."""

    def __init__(self, known: Iterable[Definition]) -> None:
        self._normalizer = Normalizer(elementary=True)
        self._found: dict[Any, tuple[Tensor, tuple[int, ...]]] = {}
        for definition in known:
            if not definition.pairing:
                self._learn(definition)

    def _learn(self, definition: Definition) -> None:
        rank = len(definition.indices)
        orders = permutations(range(rank)) if rank <= MAX_PERMUTED else iter([tuple(range(rank))])
        for order in orders:
            key = self._key(tuple(definition.indices[a] for a in order), definition.body)
            if key is not None:
                self._found.setdefault(key, (definition.tensor, order))

    def _key(self, indices: tuple[Index, ...], body: Expr) -> Any:
        if isinstance(body, Element) or not body.atoms(Element) or count_nodes(body) > MAX_NODES:
            return None
        places = {i: Index(f"?{at}", i.dim) for at, i in enumerate(indices)}
        try:
            normal = self._normalizer.poly(rename(body, places))
        except (TooLarge, RecursionError):
            return None
        return tuple(i.dim for i in indices), frozenset(normal.items())

    def named(self, entries: Entries) -> Entries:
        """The same array, as an element of the definition that it equals."""
        indices = entries.indices
        found = self._found.get(self._key(indices, entries.body))
        if found is None:
            return entries
        tensor, order = found
        places = dict(zip(order, indices, strict=True))
        return entries.with_body(Element(tensor, *(places[a] for a in range(tensor.rank))))
