"""Which letter each index gets on the page. A reader never sees the engine's own names of fresh and bound indices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sympy import Expr
from sympy.core.basic import Basic

from ..calculus.derivation import Derivation
from ..calculus.tensors import Index

_DEFAULT = "ijklmpqrstuvabcfgh"

Letters = Mapping[Index, str]


@dataclass(frozen=True)
class Alphabet:
    """Preferred letters by dimension, and the names that an index should not be confused with."""

    preferred: Mapping[str, str] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()

    def name(self, indices: Iterable[Index], used: Letters) -> dict[Index, str]:
        """``used`` extended by a letter for each further index; an index with a name of its own keeps it."""
        names = dict(used)
        for index in indices:
            if index in names:
                continue
            busy = set(names.values())
            own = index.name if not (index.is_fresh or index.is_bound) else ""
            names[index] = own if own and own not in busy else next(c for c in self._candidates(index) if c not in busy)
        return names

    def _candidates(self, index: Index) -> Iterator[str]:
        wanted = self.preferred.get(str(index.dim), "")
        others = {c for dim, cs in self.preferred.items() if dim != str(index.dim) for c in cs}
        free = [c for c in _DEFAULT if c not in self.taken and c not in wanted]
        yield from wanted
        yield from (c for c in free if c not in others)
        yield from (c for c in free if c in others)
        for primes in range(1, 100):
            yield from (c + "′" * primes for c in wanted or free)


def alphabet(derivation: Derivation) -> Alphabet:
    """The letters of a derivation: what it prefers, without the names of its tensors and dimensions."""
    tensors = {t.name for t in derivation.givens} | {d.name for d in derivation.definitions}
    return Alphabet(derivation.letters, frozenset(tensors | {str(s) for s in derivation.dims} | {"e", "d"}))


def free_indices(*exprs: Basic | None) -> list[Index]:
    """Free indices in the order in which they are met, without those of closed sums."""
    found: dict[Index, None] = {}

    def walk(expr: Basic) -> None:
        if isinstance(expr, Index):
            if not expr.is_bound:
                found[expr] = None
        for arg in expr.args:
            walk(arg)

    for expr in exprs:
        if isinstance(expr, Expr):
            walk(expr)
    return list(found)
