"""Sizes that somebody states as numbers beside a reference: ``--inputs "x: n 3 4 6"``.

What is proved for all sizes holds at these. Code that is for some sizes only is judged at those that are stated: the
reference is then derived for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sympy import Expr, Symbol

from ..calculus.dimensions import DefinedDimension, in_free_dimensions, with_what_follows
from ..calculus.tensors import Tensor
from .reference import Formulas
from .subjects.binding import declared, paired_with
from .subjects.protocol import Subject, SubjectError
from .tracing.concrete import definition_at, tensor_at

#: Traced code is written out entry by entry along an axis whose size is a number; up to this one that ends soon.
MOST = 16

Sizes = Mapping[Symbol, Expr]


def at_stated_sizes(formulas: Formulas, subject: Subject, stated: Sequence[Tensor]) -> Formulas:
    """The formulas of a reference, with the numbers that are stated in the place of its dimensions.

    Sums over such a dimension stay sums. **Raises** SubjectError where numbers do not fit each other.
    """
    known = {(t.name, t.dims) for t in formulas.givens}
    if all((s.name, s.dims) in known for s in stated if any(d.is_Integer for d in s.dims)):
        return formulas
    found: dict[Expr, Expr] = {}
    for s, t in paired_with(subject, stated, formulas.givens):
        if s.rank != t.rank:
            raise SubjectError(f"--inputs says {declared(s)}, and the reference has {declared(t)}")
        for number, dim in zip(s.dims, t.dims, strict=True):
            if number.is_Integer and dim.is_Integer and number != dim:
                raise SubjectError(f"--inputs says {declared(s)}, and the reference has {declared(t)}")
            if number.is_Integer and found.setdefault(dim, number) != number:
                raise SubjectError(f"--inputs says {declared(s)}; by another array, {dim} is {found[dim]}")
    sizes = with_what_follows(found, [d for t in formulas.givens for d in t.dims])
    for dim, number in found.items():
        if isinstance(dim, DefinedDimension):
            _check(dim, number, sizes.get(dim, dim))
    return formulas_at(formulas, sizes)


def _check(dim: DefinedDimension, stated: Expr, size: Expr) -> None:
    """What is stated of a dimension that follows from others. size: what follows from the others that are stated."""
    if size.is_Integer and size == stated:
        return
    said = f"--inputs says that {dim} is {stated}"
    if size.is_Integer:
        raise SubjectError(f"{said}, and {dim} = {dim.text} is {size}")
    free = " and ".join(sorted(map(str, in_free_dimensions(size).free_symbols)))
    raise SubjectError(f"{said}, and it follows from others: {dim} = {dim.text}. Give {free} a number")


def formulas_at(formulas: Formulas, sizes: Sizes) -> Formulas:
    """The formulas with other dimensions. Claims of the catalogue are for all sizes, and are left out."""

    def at(t: Tensor | None) -> Any:
        return None if t is None else tensor_at(t, sizes)

    return replace(
        formulas,
        givens=tuple(map(at, formulas.givens)),
        definitions=tuple(definition_at(d, sizes, most=0) for d in formulas.definitions),
        value=at(formulas.value),
        wrt=tuple(map(at, formulas.wrt)),
        upstream=at(formulas.upstream),
        entry=replace(formulas.entry, claim={}) if formulas.entry is not None else None,
    )


def are_small(stated: Sequence[Tensor]) -> bool:
    """Whether code can be traced at all numbers among the sizes."""
    return all(d <= MOST for t in stated for d in t.dims if d.is_Integer)
