"""Tensors, indices and their elements: the atoms of every expression.

An expression is an ordinary SymPy expression whose atoms are elements ``X[i, j]``. Every index runs over the whole of
its dimension, so a delta under a sum always contracts and no condition on ranges is ever carried along.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

import sympy
from sympy import Expr, Integer, Symbol
from sympy.core.cache import cacheit

from .moments import Moments

_fresh = count()


def dimension(name: str) -> Symbol:
    """A symbolic dimension: a positive integer such as ``n`` or ``C``."""
    return Symbol(name, integer=True, positive=True)


class Index(Symbol):
    """An index and the dimension it runs over. Two indices are the same when name and dimension are."""

    __slots__ = ("dim",)
    dim: Expr

    def __new__(cls, name: str, dim: Expr | int) -> Index:  # type: ignore[override]
        return _make_index(cls, name, sympy.sympify(dim))

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.name, self.dim)

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.name, self.dim), {}

    @property
    def is_bound(self) -> bool:
        """True for the canonical index of a closed sum, which never occurs in an opened expression."""
        return self.name.startswith("·")

    @property
    def is_fresh(self) -> bool:
        return self.name.startswith("~")


@cacheit
def _make_index(cls: type[Index], name: str, dim: Expr) -> Index:
    index = Symbol.__xnew__(cls, name, integer=True, nonnegative=True)
    index.dim = dim
    return index


def fresh_index(dim: Expr | int) -> Index:
    """An index that occurs nowhere else: opening a sum with it cannot capture anything.

    SymPy orders by name. With leading zeros the order of two fresh indices is that in which they were made; without, it
    would be the other one for ~99 and ~100, and so depend on what was derived before.
    """
    return Index(f"~{next(_fresh):09d}", dim)


def bound_index(level: int, dim: Expr) -> Index:
    return Index(f"·{level}", dim)


@dataclass(frozen=True)
class Domain:
    """What is known about the entries of a tensor. Rules may use it and samplers obey it.

    positive, nonnegative: sign of every entry. rows: entries along the last axis are non-negative and sum to 1.
    onehot: rows, and every entry is 0 or 1. below: entries are integer labels 0 … below − 1. mask: entries are 0 or 1.
    sign: entries are −1 or 1. unit: entries lie between 0 and 1, and are neither.
    value: the numeric value of a named constant (a scalar), or the default of a parameter.
    function: the name stands for an unspecified differentiable function of one real variable.
    random: what is assumed of the law of a random array.
    """

    positive: bool = False
    nonnegative: bool = False
    rows: bool = False
    onehot: bool = False
    mask: bool = False
    sign: bool = False
    unit: bool = False
    below: Expr | None = None
    value: Expr | None = None
    function: bool = False
    random: Moments | None = None

    def __lt__(self, other: Domain) -> bool:
        return repr(self) < repr(other)  # SymPy sorts factors by content, also of equal tensors made twice

    def is_within(self, other: Domain) -> bool:
        """Whether every array of this domain is one of the other, as one-hot rows are rows that sum to 1."""
        special = (self.below, other.below, self.random, other.random)
        plain = all(s is None for s in special) and not (self.function or other.function)
        return plain and other._says <= self._says

    @property
    def _says(self) -> frozenset[str]:
        """The flags that are set, and those that follow from them."""
        said = {f for f in FLAGS if getattr(self, f)}
        return frozenset(said.union(*(FOLLOWS.get(f, ()) for f in said)))

    @property
    def is_discrete(self) -> bool:
        """True where entries take isolated values, so no derivative with respect to them exists."""
        return self.below is not None or self.mask or self.onehot or self.sign

    def __str__(self) -> str:
        if self.below is not None:
            return f"integers in 0 … {self.below} − 1"
        if self.function:
            return "differentiable function"
        if self.random is not None:
            return ("positive, " if self.positive else "") + str(self.random)
        for flag, words in (
            (self.onehot, "one-hot rows"),
            (self.rows, "rows sum to 1"),
            (self.mask, "entries 0 or 1"),
            (self.sign, "entries −1 or 1"),
            (self.unit, "between 0 and 1"),
            (self.positive, "positive"),
            (self.nonnegative, "non-negative"),
        ):
            if flag:
                return words
        return "real"


REAL = Domain()

#: What a domain says of entries, and what follows from that.
FLAGS = ("positive", "nonnegative", "rows", "onehot", "mask", "sign", "unit")
FOLLOWS = {
    "positive": ("nonnegative",),
    "rows": ("nonnegative",),
    "onehot": ("rows", "mask", "nonnegative"),
    "mask": ("nonnegative",),
    "unit": ("positive", "nonnegative"),
}


class Tensor(sympy.Atom):
    """A named array: its shape (a tuple of dimensions) and the domain of its entries."""

    __slots__ = ("description", "dims", "domain", "name")
    name: str
    dims: tuple[Expr, ...]
    domain: Domain
    description: str

    def __new__(
        cls, name: str, dims: tuple[Expr | int, ...] = (), domain: Domain = REAL, description: str = ""
    ) -> Tensor:
        tensor = sympy.Atom.__new__(cls)
        tensor.name = name
        tensor.dims = tuple(sympy.sympify(d) for d in dims)
        tensor.domain = domain
        tensor.description = description
        return tensor

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.name, self.dims, self.domain)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.name, self.dims, self.domain, self.description)

    @property
    def rank(self) -> int:
        return len(self.dims)

    #: SymPy would otherwise walk through a tensor as if it were a list.
    __iter__ = None

    def __getitem__(self, indices: Any) -> Element:
        return Element(self, *(indices if isinstance(indices, tuple) else (indices,)))

    def __call__(self) -> Element:
        """The value of a scalar (rank 0)."""
        return Element(self)

    def indices(self) -> tuple[Index, ...]:
        """One fresh index per axis."""
        return tuple(fresh_index(d) for d in self.dims)

    def _sympystr(self, printer: Any) -> str:
        return self.name

    def sort_key(self, order: Any = None) -> Any:
        return self.class_key(), (1, (self.name,)), Integer(1).sort_key(), Integer(1)


class Element(Expr):
    """One entry ``X[i, j]`` of a tensor; ``X`` itself for a scalar."""

    is_commutative = True
    is_finite = True

    def __new__(cls, tensor: Tensor, *indices: Any) -> Element:
        if len(indices) != tensor.rank:
            raise ValueError(
                f"{tensor.name} has {tensor.rank} axes ({', '.join(map(str, tensor.dims)) or 'it is a scalar'}), "
                f"but {len(indices)} indices were given: {tensor.name}[{', '.join(map(str, indices))}]"
            )
        return Expr.__new__(cls, tensor, *(sympy.sympify(i) for i in indices))

    @property
    def tensor(self) -> Tensor:
        return self.args[0]  # type: ignore[return-value]

    @property
    def indices(self) -> tuple[Expr, ...]:
        return self.args[1:]  # type: ignore[return-value]

    @property
    def free_symbols(self) -> set[Any]:
        return set().union(*(i.free_symbols for i in self.indices))

    def _eval_is_real(self) -> bool:
        return True

    def _eval_is_positive(self) -> bool | None:
        return True if self.is_certainly_positive else None

    @property
    def is_certainly_positive(self) -> bool:
        """Positive by its domain, and inside its array at every size: outside it reads zero."""
        return (self.tensor.domain.positive or self.tensor.domain.unit) and self.is_inside

    @property
    def is_inside(self) -> bool:
        """Whether no index can lie outside its axis, at any size."""
        from .ranges import may_leave

        return not may_leave(self)

    def _eval_is_nonnegative(self) -> bool | None:
        d = self.tensor.domain
        known = d.positive or d.nonnegative or d.unit or d.rows or d.onehot or d.mask or d.below is not None
        return True if known else None

    def _eval_is_integer(self) -> bool | None:
        return True if self.tensor.domain.is_discrete else None

    def _eval_is_nonzero(self) -> bool | None:
        return True if self.is_certainly_positive or (self.tensor.domain.sign and self.is_inside) else None

    def _eval_derivative(self, symbol: Any) -> Expr:
        return Integer(0)

    def _sympystr(self, printer: Any) -> str:
        return (
            f"{self.tensor.name}[{', '.join(map(printer._print, self.indices))}]" if self.indices else self.tensor.name
        )
