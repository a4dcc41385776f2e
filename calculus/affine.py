"""Affine indices: ``X[i, s*h + u - p]`` reads zero where the index is outside its axis.

Where it is certain that an index stays inside, such an element is one like any other. Where it is not, it stands for
``Σ_k δ(k, s*h + u - p) X[i, k]``, and the normal form writes it so: no fact about the entries of X (a sign, the body of
a definition) holds at a place outside. A delta of an affine index is a linear equation between indices; its
normal form does not depend on how the equation was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import gcd

import sympy
from sympy import Add, Expr, Function, Integer, Mul, Pow

from .derivation import Definition
from .dimensions import DefinedDimension, is_nonnegative
from .ranges import Linear, bounds, is_inside, linear
from .sums import BoundSum, Delta, Partial, bound_sum, rebuild
from .tensors import Element, Index, fresh_index


def spread(element: Element) -> Expr:
    """``Σ_k δ(k, e) X[k]`` for an element X[e] that may lie outside; itself where it cannot."""
    indices: list[Expr] = []
    deltas: list[Expr] = []
    for index, dim in zip(element.indices, element.tensor.dims, strict=True):
        if is_inside(index, dim):
            indices.append(index)
        else:
            indices.append(fresh_index(dim))
            deltas.append(Delta(indices[-1], index))
    if not deltas:
        return element
    fresh = [d.args[0] if d.args[0] in indices else d.args[1] for d in deltas]
    return bound_sum(Mul(*deltas, Element(element.tensor, *indices)), *fresh)  # type: ignore[arg-type]


def body_at(definition: Definition, element: Element) -> Expr:
    """The body of a definition at the indices of one of its elements; zero outside."""

    def leaf(e: Expr) -> Expr | None:
        return definition.at(*e.indices) if isinstance(e, Element) and e.tensor == definition.tensor else None

    return rebuild(spread(element), leaf)


def equation(delta: Expr) -> Linear | None:
    """The linear form that is zero where a delta is one."""
    return linear(delta.args[0] - delta.args[1])  # type: ignore[operator]


def tidy_delta(delta: Expr) -> Expr:
    """A delta as ``δ(positive terms, negative terms)`` of its equation without common factors; 0 without a solution.

    It has none where the difference of the two sides is surely of one sign.

    An equation between numbers written in digits is one for each digit: δ(U c + u, U b + v) = δ(c, b) δ(u, v).
    """
    form = equation(delta)
    if form is None or not form.coefficients:
        return delta
    reach = bounds(form)
    if reach is not None and (is_nonnegative(reach[0] - 1) or is_nonnegative(-reach[1] - 1)):
        return Integer(0)  # such as δ(0, j + 1), or δ(j, 3) along an axis of 3: no index is there
    for base in dict.fromkeys(abs(c) for c in form.coefficients.values() if c not in (1, -1)):
        digits = _digits(form, base)
        if digits is not None:
            return Mul(*(tidy_delta(d) if isinstance(d, Delta) else d for d in digits))
    counts = list(form.coefficients.values())
    if all(c.is_Integer for c in counts) and form.rest.is_Integer:
        common = Integer(gcd(*map(int, counts)))
        if form.rest % common:
            return Integer(0)
        return _balanced([*(Mul(c / common, k) for k, c in form.coefficients.items()), form.rest / common])
    return _balanced([*(Mul(c, k) for k, c in form.coefficients.items()), *Add.make_args(form.rest)])


def _balanced(terms: Iterable[Expr]) -> Expr:
    """The delta of ``Σ terms = 0``, with no minus sign in it."""
    signed = [(t.could_extract_minus_sign(), t) for t in terms]
    return Delta(Add(*(t for minus, t in signed if not minus)), Add(*(-t for minus, t in signed if minus)))


def _digits(form: Linear, base: Expr) -> tuple[Expr, Expr] | None:
    """The two equations that ``base·high + low = 0`` stands for, where the low part is surely smaller than the base."""
    high: dict[Expr, Expr] = {}
    low: dict[Expr, Expr] = {}
    for k, c in form.coefficients.items():
        quotient = sympy.cancel(c / base)
        whole = quotient.is_Integer if c.is_Integer else _is_whole(quotient)
        (high if whole else low)[k] = quotient if whole else c
    if not high or not low:
        return None
    carries = [form.rest // base, form.rest // base + 1] if form.rest.is_Integer and base.is_Integer else [Integer(0)]
    for carry in carries:
        part = Linear(low, form.rest - carry * base)
        reach = bounds(part)
        if reach is not None and is_nonnegative(reach[0] + base - 1) and is_nonnegative(base - 1 - reach[1]):
            return _balanced([*(Mul(c, k) for k, c in high.items()), carry]), _balanced(
                [*(Mul(c, k) for k, c in low.items()), *Add.make_args(part.rest)]
            )
    return None


def _is_whole(quotient: Expr) -> bool:
    """Whether it is a polynomial of dimensions with whole coefficients."""
    return bool(quotient.is_polynomial()) and all(c.is_Integer for c in quotient.as_coefficients_dict().values())


def has_one_term(total: BoundSum) -> bool:
    """Whether deltas fix every index of a sum: it has one term at most, and its square is the sum of the squares."""
    fixed: set[Index] = set()
    for delta in (f for f in Mul.make_args(total.body) if isinstance(f, Delta)):
        form = equation(delta)
        unknown = [k for k in total.bound if form is not None and k in form.coefficients]
        if form is not None and len(unknown) == 1 and form.coefficients[unknown[0]] != 0:
            fixed.add(unknown[0])
    return fixed == set(total.bound)


def solutions(delta: Expr, candidates: Iterable[Index]) -> Iterable[tuple[Index, Expr]]:
    """The candidates that a delta determines: (k, e) where the delta is δ(k, e)."""
    candidates = set(candidates)
    a, b = delta.args
    if a in candidates and a not in b.free_symbols:
        yield a, b  # type: ignore[misc]
    if b in candidates and b not in a.free_symbols:
        yield b, a  # type: ignore[misc]
    if isinstance(a, Index) and isinstance(b, Index):
        return
    form = equation(delta)
    for k, c in form.coefficients.items() if form is not None else ():
        if k in candidates and k not in (a, b) and c in (1, -1) and isinstance(k, Index):
            yield k, form.solved(k)  # type: ignore[union-attr]


def contractions(delta: Expr, others: Sequence[Expr], bound: Sequence[Index]) -> Iterator[tuple[Index, Expr]]:
    """The bound indices that a delta removes from its product, with what they become; the preferred one first.

    ``Σ_k δ(k, e) f(k) = f(e)`` where e is surely in range, or where f vanishes outside. Of the indices inside an affine
    one, only that of an output (a defined dimension) is solved for, and only without a stride: the sum over a window
    stays one, as people write it.
    """
    found = list(solutions(delta, bound))
    yield from ((k, e) for k, e in found if is_inside(e, k.dim))
    form = equation(delta)
    strided = form is None or any(c not in (1, -1) for c in form.coefficients.values())
    for k, e in found:
        if k in delta.args or (isinstance(k.dim, DefinedDimension) and not strided):
            if _vanishes_outside(others, k):
                yield k, e


def _vanishes_outside(factors: Sequence[Expr], index: Index) -> bool:
    """Whether a product has an element with this index as it stands, and is a polynomial of elements with it."""
    touched = [f for f in factors if index in f.free_symbols]
    stops = any(
        isinstance(f, Element)
        and any(i == index and d == index.dim for i, d in zip(f.indices, f.tensor.dims, strict=True))
        for f in touched
    )
    return stops and not any(f.atoms(Pow, Function, Partial) for f in touched)
