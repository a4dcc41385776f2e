"""Value numbering against known formulas: a traced array that equals a definition takes its name.

Every intermediate is named as soon as it appears, so formulas stay small and each proof stays local.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations, product
from math import prod
from typing import Any

from sympy import Expr, Integer

from ...calculus.derivation import Definition
from ...calculus.normal_form import Normalizer
from ...calculus.polynomials import TooLarge
from ...calculus.sums import count_nodes
from ...calculus.tensors import Element, Index
from .branches import without_branches
from .concrete import at_sizes
from .values import Entries, rename

#: A larger formula is not looked up: its normal form might take long.
MAX_NODES = 1500
#: A definition has at most so many rows and entries that are matched one by one.
MAX_INSTANCES = 200
#: Definitions with more axes than this are matched with their axes in order only.
MAX_PERMUTED = 4


@dataclass(frozen=True, slots=True)
class _View:
    """A known array with its axes in some order, or the part of it where some axes are fixed."""

    definition: Definition
    order: tuple[int, ...]
    fixed: dict[int, Expr]

    @property
    def indices(self) -> tuple[Index, ...]:
        return tuple(self.definition.indices[a] for a in self.order)

    def body(self) -> Expr:
        return rename(self.definition.body, {self.definition.indices[a]: k for a, k in self.fixed.items()})

    def at(self, indices: tuple[Index, ...]) -> Expr:
        places: dict[int, Expr] = {**self.fixed, **dict(zip(self.order, indices, strict=True))}
        return Element(self.definition.tensor, *(places[a] for a in range(self.definition.tensor.rank)))


class Recognition:
    """The normal forms of known definitions, by content."""

    def __init__(self, known: Iterable[Definition]) -> None:
        self._normalizer = Normalizer(elementary=True)
        self._found: dict[Any, _View] = {}
        self.known = tuple(known)
        #: Views by their shapes. Normal forms are taken of those only whose shape is asked for.
        self._unread: dict[tuple[Expr, ...], list[_View]] = {}
        for definition in self.known:
            if not definition.pairing:
                for view in _views(definition):
                    self._unread.setdefault(tuple(i.dim for i in view.indices), []).append(view)

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
        if not self.known:
            return entries
        entries = entries.with_body(without_branches(entries.body))
        for view in self._unread.pop(tuple(i.dim for i in entries.indices), ()):
            key = self._key(view.indices, view.body())
            if key is not None:
                self._found.setdefault(key, view)
        found = self._found.get(self._key(entries.indices, entries.body))
        return entries if found is None else entries.with_body(found.at(entries.indices))


def _views(definition: Definition) -> Iterator[_View]:
    for fixed in _instances(definition):
        free = [a for a in range(len(definition.indices)) if a not in fixed]
        is_part = bool(fixed) and not all(i.dim.is_Integer for i in definition.indices)
        orders = permutations(free) if len(free) <= MAX_PERMUTED and not is_part else iter([tuple(free)])
        for order in orders:
            yield _View(definition, order, fixed)


def _instances(definition: Definition) -> Iterator[dict[int, Expr]]:
    """The whole array, and along axes whose sizes are concrete and small, its rows, columns and entries too."""
    axes = definition.indices
    sizes = [int(i.dim) if i.dim.is_Integer else 0 for i in axes]
    if not any(sizes) or prod(s + 1 for s in sizes) > MAX_INSTANCES:
        yield {}
        return
    for chosen in product(*([None, *range(s)] for s in sizes)):
        yield {a: Integer(k) for a, k in enumerate(chosen) if k is not None}
