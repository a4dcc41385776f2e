"""Rows that are computed where a norm is taken of them, such as A − B in √Σ (A − B)², as definitions with a name.

Only what has a name is scaled where its squares leave the range; and a difference that the norm and its derivative
read is computed once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sympy import Add, Expr, Mul, Pow

from ...calculus.derivation import Definition
from ...calculus.sums import BoundSum, occurrences, rebuild
from ...calculus.tensors import Element, Index, Tensor
from ..plans import fresh_name
from .row_forms import HOMOGENEOUS, Over

Known = Mapping[str, Definition]


def with_named_rows(known: Known, roots: list[Pow], taken: set[str]) -> dict[str, Definition]:
    """The definitions, and one more for each sum of entries whose squares, or higher powers, are summed in the roots.

    taken: names that mean something already; the new ones are among them afterwards.
    """
    found = dict(known)
    for root in roots:
        for row in _rows(root):
            if any(_multiple(d.body, row) is not None for d in found.values() if isinstance(d.body, Add)):
                continue
            is_difference = any(t.could_extract_minus_sign() for t in row.args)
            name = fresh_name("difference" if is_difference else "rows", taken, found)
            found = _with(Definition(Tensor(name, tuple(k.dim for k in _places(row))), _places(row), row), found)
    return found


def _rows(root: Pow) -> Iterator[Add]:
    """Sums of entries of more than one array, one of which has all of their indices."""
    for total in occurrences(root.base, BoundSum):
        for f in Mul.make_args(total.open()[0]):
            if not (isinstance(f, Pow) and f.exp.is_Integer and f.exp >= 2):
                continue
            row = f.base.args[0] if isinstance(f.base, HOMOGENEOUS) else f.base
            if isinstance(row, Add) and not row.has(Over) and len(_arrays(row)) > 1 and _places(row):
                yield row


def _arrays(row: Add) -> set[Tensor]:
    return {e.tensor for e in row.atoms(Element) if e.tensor.rank}


def _whole(row: Expr) -> Element | None:
    """A term that is an entry of an array, times a number, and has all indices of the row."""
    free = {k for k in row.free_symbols if isinstance(k, Index)}
    for t in Add.make_args(row):
        e = t.as_coeff_Mul()[1]
        if isinstance(e, Element) and {*e.indices} == free and len(e.indices) == len(free):
            return e
    return None


def _places(row: Expr) -> tuple[Index, ...]:
    whole = _whole(row)
    return whole.indices if whole is not None else ()  # type: ignore[return-value]


def _multiple(e: Expr, row: Expr) -> tuple[Expr, tuple[Expr, ...]] | None:
    """(q, places) where e is q times the row at these places, for a number q."""
    whole = _whole(row)
    assert whole is not None
    for t in Add.make_args(e):
        number, entry = t.as_coeff_Mul()
        if not isinstance(entry, Element) or entry.tensor != whole.tensor or not all(_is_plain(entry)):
            continue
        moved = row.xreplace(dict(zip(whole.indices, entry.indices, strict=True)))
        ratio = number / moved.coeff(entry)
        if Add(*(ratio * m for m in Add.make_args(moved))) == e:
            return ratio, entry.indices
    return None


def _is_plain(e: Element) -> Iterator[bool]:
    return (isinstance(i, Index) for i in e.indices)


def _with(new: Definition, known: Known) -> dict[str, Definition]:
    """The definitions, which read the new one where they said the same."""

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Add) and (met := _multiple(e, new.body)) is not None:
            return met[0] * Element(new.tensor, *met[1])  # type: ignore[operator]
        return None

    bodies = {n: Definition(d.tensor, d.indices, rebuild(d.body, leaf), d.pairing) for n, d in known.items()}
    return {new.name: new, **bodies}
