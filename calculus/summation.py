"""Sums of monomials: deltas contract, nested sums flatten, factors leave, indices are ordered canonically."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from sympy import Expr

from .affine import solutions
from .contraction import canonical_order, components
from .deltas import equal_leaves
from .polynomials import Monomial, Poly, accumulate_all, constant, single
from .ranges import is_inside
from .sums import BoundSum, Delta, bound_sum
from .tensors import Element, Index

if TYPE_CHECKING:
    from .normal_form import Normalizer


def sum_over(normalizer: Normalizer, p: Poly, bound: tuple[Index, ...]) -> Poly:
    """Σ over bound indices of a polynomial, term by term."""
    out: Poly = {}
    for m, c in p.items():
        accumulate_all(out, _contract(normalizer, m, bound), c)
    return out


def _contract(normalizer: Normalizer, m: Monomial, bound: tuple[Index, ...]) -> Poly:
    if not bound:
        return {m: Fraction(1)}
    inside = set(bound)
    for atom, e in m:
        if isinstance(atom, Delta) and e > 0:
            for drop, keep in solutions(atom, bound):
                if is_inside(keep, drop.dim):
                    return _contract_delta(normalizer, m, atom, drop, keep, bound)
    leaves = equal_leaves(m, inside)
    if leaves is not None:
        return normalizer.multiply(normalizer.poly(leaves[1]), _contract(normalizer, leaves[0], bound))
    nested = [
        (a, e) for a, e in m if isinstance(a, BoundSum) and isinstance(e, int) and e > 0 and a.free_symbols & inside
    ]
    if nested:
        return _flatten(normalizer, m, nested, bound)
    if normalizer.facts:
        summed = _sum_row(m, bound)
        if summed is not None:
            return _contract(normalizer, *summed)
    free = {a: e for a, e in m if not a.free_symbols & inside}
    used = {a: e for a, e in m if a.free_symbols & inside}
    occurring: set[Index] = set().union(*(a.free_symbols & inside for a in used)) if used else set()
    out: Poly = {frozenset(free.items()): Fraction(1)} if free else constant(Fraction(1))
    for k in bound:
        if k not in occurring:
            out = normalizer.multiply(out, normalizer.poly(k.dim))
    for group in components(used, occurring):
        indices = {k for a in group for k in a.free_symbols if k in occurring}
        factors = [(a, used[a]) for a in group]
        order = canonical_order(factors, indices)
        body = normalizer.expr({frozenset(factors): Fraction(1)})
        out = normalizer.multiply(out, single(bound_sum(body, *order)))
    return out


def _contract_delta(
    normalizer: Normalizer, m: Monomial, delta: Expr, drop: Index, keep: Expr, bound: tuple[Index, ...]
) -> Poly:
    rest = [(a, e) for a, e in m if a is not delta]
    touched = [
        normalizer.power(normalizer.poly(a.xreplace({drop: keep})), e) for a, e in rest if drop in a.free_symbols
    ]
    untouched: Poly = {frozenset((a, e) for a, e in rest if drop not in a.free_symbols): Fraction(1)}
    return sum_over(normalizer, normalizer.product([untouched, *touched]), tuple(k for k in bound if k != drop))


def _flatten(normalizer: Normalizer, m: Monomial, nested: list[tuple[BoundSum, int]], bound: tuple[Index, ...]) -> Poly:
    names = {a for a, _ in nested}
    factors: Poly = {frozenset((a, e) for a, e in m if a not in names): Fraction(1)}
    for atom, e in nested:
        for _ in range(e):
            body, fresh = atom.open()
            bound = (*bound, *fresh)
            factors = normalizer.multiply(factors, normalizer.poly(body))
    return sum_over(normalizer, factors, bound)


def _sum_row(m: Monomial, bound: tuple[Index, ...]) -> tuple[Monomial, tuple[Index, ...]] | None:
    for k in bound:
        touching = [(a, e) for a, e in m if k in a.free_symbols]
        if len(touching) == 1:
            atom, e = touching[0]
            if (
                e == 1
                and isinstance(atom, Element)
                and (atom.tensor.domain.rows or atom.tensor.domain.onehot)
                and atom.indices[-1] == k
                and all(k not in i.free_symbols for i in atom.indices[:-1])
            ):
                return m - {(atom, e)}, tuple(j for j in bound if j != k)
    return None
