"""Index expressions: linear forms of indices, the range of their values, and whether they stay inside an axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import sympy
from sympy import Add, Expr, Integer, Mul, S

from .dimensions import is_nonnegative
from .tensors import Element, Index


@dataclass(frozen=True)
class Linear:
    """``Σ coefficients[k]·k + rest``: an index expression, or the difference of two.

    k is an index or an integer label; coefficients and rest are made of whole numbers and dimensions.
    """

    coefficients: Mapping[Expr, Expr]
    rest: Expr

    def solved(self, index: Expr) -> Expr:
        """What an index with coefficient ±1 must be for the whole to be zero."""
        others = Add(*(Mul(c, k) for k, c in self.coefficients.items() if k != index), self.rest)
        return sympy.expand(-others * self.coefficients[index])


def linear(expr: Expr) -> Linear | None:
    """The linear form of an index expression, or None where it has none."""
    coefficients: dict[Expr, Expr] = {}
    rest: list[Expr] = []
    for term in Add.make_args(sympy.expand(expr)):
        factors = Mul.make_args(term)
        places = [f for f in factors if isinstance(f, Index | Element)]
        others = Mul(*(f for f in factors if f not in places))
        if len(places) > 1 or others.atoms(Index, Element):
            return None
        if places:
            coefficients[places[0]] = coefficients.get(places[0], S.Zero) + others
        else:
            rest.append(term)
    return Linear({k: c for k, c in coefficients.items() if c != 0}, Add(*rest))


def _size(place: Expr) -> Expr | None:
    """How many values an index or a label can have."""
    return place.dim if isinstance(place, Index) else place.tensor.domain.below  # type: ignore[attr-defined, no-any-return]


@lru_cache(maxsize=65536)
def is_inside(index: Expr, dim: Expr) -> bool:
    """Whether an index certainly lies in 0 … dim − 1, at every size: only then is Σ_k δ(k, index) f(k) = f(index)."""
    if isinstance(index, Index) and index.dim == dim:
        return True
    if index.is_Integer:
        return bool(index >= 0 and (index < dim) == True)  # noqa: E712  (a relation may stay symbolic)
    form = linear(index)
    reach = None if form is None else bounds(form)
    return reach is not None and is_nonnegative(reach[0]) and is_nonnegative(dim - 1 - reach[1])


def bounds(form: Linear) -> tuple[Expr, Expr] | None:
    """The least and the largest value of a linear form, in dimensions; None where the sign of a coefficient is open."""
    lowest: Expr = form.rest
    highest: Expr = form.rest
    for place, coefficient in form.coefficients.items():
        size = _size(place)
        if size is None:
            return None
        if is_nonnegative(coefficient):
            highest += coefficient * (size - 1)
        elif is_nonnegative(-coefficient):
            lowest += coefficient * (size - 1)
        else:
            return None
    return lowest, highest


def may_leave(element: Element) -> bool:
    """Whether an element may lie outside its array, where it reads zero."""
    return not all(is_inside(i, d) for i, d in zip(element.indices, element.tensor.dims, strict=True))


def is_affine(index: Expr) -> bool:
    """True for an index expression that is more than an index, a label or a number."""
    return not isinstance(index, Index | Element | Integer)
