"""Which letters the indices of a dimension wear: those of the definitions first, then the alphabet's usual ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sympy import Expr

from .derivation import Definition
from .sums import rebuild
from .tensors import Index

#: Letters that go together, so that a dimension's second index looks like its first.
FAMILIES = ("ijkl", "cbaz", "hgfo", "dern", "kqml", "tsuv", "pqrs", "mlqz", "uvst")
#: The family of a dimension, by its name; others start with the small letter of their name.
FIRST = {"n": "i", "N": "i", "m": "m", "B": "i"}
USUAL = "ijkqrsuvabcdfghoz"


class Letters:
    """Hands out named indices: the same dimension always gets letters from its own list."""

    def __init__(self, definitions: Iterable[Definition], dims: Iterable[Expr]) -> None:
        chosen: dict[Expr, list[str]] = {}
        for definition in definitions:
            for index in definition.indices:
                if not index.is_fresh and index.name not in chosen.setdefault(index.dim, []):
                    chosen[index.dim].append(index.name)
        dims = list(dict.fromkeys((*chosen, *dims)))
        taken = {name for names in chosen.values() for name in names}
        taken |= {str(symbol) for dim in dims for symbol in dim.free_symbols}
        firsts = {dim: FIRST.get(str(dim), str(dim)[0].lower() if str(dim)[0].isalpha() else "u") for dim in dims}
        for dim, first in firsts.items():  # its own letter first, before others take it for their second
            if not chosen.setdefault(dim, []) and first not in taken:
                chosen[dim].append(first)
                taken.add(first)
        for dim in sorted(dims, key=lambda d: not d.is_Integer):  # numbers have no letter of their own to fall back on
            names = chosen[dim]
            first = names[0] if names else firsts[dim]
            family = next((f for f in FAMILIES if f[0] == first), first)
            for letter in (*family, *USUAL):
                if len(names) < 3 and letter not in taken:
                    names.append(letter)
                    taken.add(letter)
        spare = [name for name in USUAL if name not in taken]
        self._names = chosen
        self._spare = spare

    def take(self, dims: Sequence[Expr], avoid: Collection[Index] = ()) -> tuple[Index, ...]:
        """One index per dimension, none of them in ``avoid`` and no name twice."""
        used = {index.name for index in avoid}
        borrowed = [name for names in self._names.values() for name in names if len(name) == 1]
        out: list[Index] = []
        for dim in dims:
            pool = (*self._names.get(dim, ()), *self._spare, *borrowed, *(f"i{k}" for k in range(1, 20)))
            name = next(n for n in pool if n not in used)
            used.add(name)
            out.append(Index(name, dim))
        return tuple(out)

    def as_mapping(self) -> Mapping[str, str]:
        """Letters by the name of the dimension, for the printers."""
        return {str(dim): "".join(n for n in names if len(n) == 1) for dim, names in self._names.items()}

    def name_definition(self, definition: Definition) -> Definition:
        """The definition with every axis under a letter instead of a fresh index."""
        if not any(index.is_fresh for index in definition.indices):
            return definition
        indices = self.take([index.dim for index in definition.indices])
        mapping = dict(zip(definition.indices, indices, strict=True))
        body = rebuild(definition.body, mapping.get)  # type: ignore[arg-type]
        return Definition(definition.tensor, indices, body, definition.pairing)
