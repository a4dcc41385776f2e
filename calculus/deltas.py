"""What a delta does to the other factors of its product, in the normal form."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction
from itertools import combinations, permutations
from typing import TYPE_CHECKING

from sympy import Expr

from .affine import equation, solutions
from .polynomials import Exponent, Monomial, Poly, is_onehot
from .ranges import is_affine, is_inside, linear
from .sums import Delta
from .tensors import Element, Index, Tensor

if TYPE_CHECKING:
    from .normal_form import Normalizer


def apply_deltas(normalizer: Normalizer, factors: Mapping[Expr, Exponent]) -> Poly | None:
    """δ(a, b) f(b) = δ(a, b) f(a), and Y_c Y_d = δ(c, d) Y_c for one-hot rows; None where nothing changes.

    An index is replaced only by what surely lies in its range.
    """
    deltas = [a for a in factors if isinstance(a, Delta)]
    for atom in deltas:
        for drop, keep in _replacements(atom):
            others = {a: e for a, e in factors.items() if a is not atom and drop in a.free_symbols}
            if others:
                rest = [normalizer.power(normalizer.poly(a.xreplace({drop: keep})), e) for a, e in others.items()]
                stay: Poly = {frozenset((a, e) for a, e in factors.items() if a not in others): Fraction(1)}
                return normalizer.product([stay, *rest])
            break
    for one, other in permutations(deltas, 2):
        equal = _consequence(one, other)
        if equal is not None:
            stay = {frozenset((a, e) for a, e in factors.items() if a is not other): Fraction(1)}
            return normalizer.multiply(stay, normalizer.poly(equal))
    return _apply_rows(normalizer, factors) if normalizer.facts else None


def _replacements(delta: Expr) -> list[tuple[Index, Expr]]:
    """Which index a delta replaces by what, the preferred one first."""
    keep, drop = delta.args
    if not any(map(is_affine, delta.args)):
        if not isinstance(drop, Index):
            keep, drop = drop, keep
        return [(drop, keep)] if isinstance(drop, Index) and is_inside(keep, drop.dim) else []  # type: ignore[arg-type]
    indices = [k for k in delta.free_symbols if isinstance(k, Index)]
    found = [(k, e) for k, e in solutions(delta, indices) if is_inside(e, k.dim)]
    return sorted(found, key=lambda pair: (pair[0].is_fresh, pair[0].name))


def _consequence(one: Expr, other: Expr) -> Expr | None:
    """δ(i, j) where two affine equations say together that i is j; δ(i, 3) where a label equals both."""
    a, b = equation(one), equation(other)
    if a is None or b is None or not set(a.coefficients) & set(b.coefficients):
        return None
    affine = any(map(is_affine, (*one.args, *other.args)))
    left, right = (d.args[0] - d.args[1] for d in (one, other))  # type: ignore[operator]
    for combined in (linear(left - right), linear(left + right)):
        if combined is None or not all(isinstance(k, Index) for k in combined.coefficients):
            continue
        terms = list(combined.coefficients.items())
        if affine and len(terms) == 2 and combined.rest == 0 and terms[0][0].dim == terms[1][0].dim:
            if terms[0][1] + terms[1][1] == 0:
                return Delta(terms[0][0], terms[1][0])
        if len(terms) == 1 and terms[0][1] in (1, -1) and (affine or terms[0][0] in other.args):
            value = combined.solved(terms[0][0])
            if is_inside(value, terms[0][0].dim):
                return Delta(terms[0][0], value)
    return None


def equal_leaves(m: Monomial, inside: Collection[Index]) -> tuple[Monomial, Expr] | None:
    """δ(v, y_i) δ(w, y_i) under a sum over i as δ(v, w) δ(v, y_i), so that the first delta can leave the sum."""
    deltas = sorted((a for a, e in m if isinstance(a, Delta) and e > 0), key=str)
    for one, other in combinations(deltas, 2):
        centre = set(one.args) & set(other.args)
        leaves = sorted((set(one.args) | set(other.args)) - centre, key=str)
        label = next(iter(centre), None)
        if not isinstance(label, Element) or label.free_symbols.isdisjoint(inside):
            continue
        if len(leaves) == 2 and all(isinstance(k, Index) and k not in inside for k in leaves):
            return frozenset((a, e) for a, e in m if a != other), Delta(*leaves)
    return None


def _apply_rows(normalizer: Normalizer, factors: Mapping[Expr, Exponent]) -> Poly | None:
    rows: dict[tuple[Tensor, tuple[Expr, ...]], Element] = {}
    for atom, e in factors.items():
        if isinstance(atom, Element) and is_onehot(atom) and e == 1:
            row = (atom.tensor, atom.indices[:-1])
            if row in rows:
                first = rows[row]
                stay = {frozenset((a, k) for a, k in factors.items() if a is not atom): Fraction(1)}
                return normalizer.multiply(stay, normalizer.poly(Delta(first.indices[-1], atom.indices[-1])))
            rows[row] = atom
    return None
