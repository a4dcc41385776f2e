"""What is assumed of random arrays: their first two moments, independence, the shape of their law."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sympy import Expr

if TYPE_CHECKING:
    from .tensors import Index


@dataclass(frozen=True)
class Entrywise:
    """A number for every entry of an array, or for every pair of entries: an expression in placeholder indices."""

    indices: tuple[Index, ...]
    body: Expr

    def at(self, *indices: Expr) -> Expr:
        """The number at an entry. A number that is the same everywhere has no placeholders."""
        return self.body.xreplace(dict(zip(self.indices, indices, strict=True))) if self.indices else self.body


@dataclass(frozen=True)
class Moments:
    """What is assumed of a random array; of what is not said here nothing is known.

    mean, var: of every entry. cov: of every pair of entries (placeholders of both), or one number for all pairs
    of different entries, and then ``var`` is that of an entry with itself. independent: its entries are independent of
    each other and of all other random arrays. gaussian: its entries are jointly Gaussian. symmetric: every entry has
    the same law as its negative. derived: a function of other random arrays; it may depend on all of them.
    """

    mean: Entrywise | None = None
    var: Entrywise | None = None
    cov: Entrywise | None = None
    independent: bool = False
    gaussian: bool = False
    symmetric: bool = False
    derived: bool = False

    @property
    def parameters(self) -> tuple[Expr, ...]:
        """The expressions that the moments are given by."""
        return tuple(m.body for m in (self.mean, self.var, self.cov) if m is not None)

    def __str__(self) -> str:
        """In words, without the moments: a page states these as equations."""
        words = ["random"] if self.derived else ["random", *self._kinds()]
        return ", ".join(words)

    def _kinds(self) -> list[str]:
        kinds = [
            ("independent", self.independent),
            ("uncorrelated", self.cov is not None and self.cov.body == 0),
            ("Gaussian", self.gaussian),
            ("symmetric", self.symmetric and not self.gaussian),
        ]
        return [word for word, holds in kinds if holds]


#: A function of random arrays.
DERIVED = Moments(derived=True)
