"""Projections of nearly parallel rows: b − a (a·b)/(a·a + ε) is that of b − c a, plus c ε a/(a·a + ε), for any c.

Where a and b point the same way, both terms of the first form are large and nearly equal. With a power of two c near
the ratio of their lengths, b − c a is small and its rounding errors are small with it; for b close to a, it has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sympy import Add, Expr, Mul

from ...calculus.derivation import Definition
from ...calculus.sums import BoundSum, bound_sum, rebuild
from ...calculus.tensors import Element, Index, Tensor
from .row_forms import power_of_two

Known = Mapping[str, Definition]


def with_differences(known: Known, returned: Sequence[str], taken: set[str]) -> dict[str, Definition]:
    """The definitions, with projections of one normalised array on another written in their difference."""
    found = dict(known)
    for name in returned:
        if name not in known or known[name].pairing:
            continue
        d = found[name]
        new: dict[str, Definition] = {}

        def leaf(e: Expr) -> Expr | None:
            better = _projection(e, known, taken, new) if isinstance(e, Add) and len(e.args) == 2 else None  # noqa: B023
            return better

        body = rebuild(d.body, leaf)
        if new:
            before = {n: x for n, x in found.items() if n != name}
            found = {**before, **new, name: Definition(d.tensor, d.indices, body, d.pairing)}
    return found


def _projection(e: Expr, known: Known, taken: set[str], new: dict[str, Definition]) -> Expr | None:
    for first, second in (e.args, e.args[::-1]):
        for b, a, c in _pairs(first, second):  # type: ignore[arg-type]
            front = first / b
            coefficient = _unfolded(-second / a / front, known)
            inner = bound_sum(a * b, c)
            square, length = bound_sum(a**2, c), 1 / (coefficient / inner)
            shift = length - square
            normalised = _unfolded(front, known).has(bound_sum(b**2, c))
            if length.has(BoundSum) and not shift.has(BoundSum, c) and normalised and not front.has(c):
                return _rewritten(front, b, a, c, _named(length, known), shift, taken, new)
    return None


def _pairs(first: Expr, second: Expr) -> Iterator[tuple[Element, Element, Index]]:
    """(b, a, c): an element of each term, at the same indices, of which c is one that nothing else has."""
    for b in (f for f in Mul.make_args(first) if isinstance(f, Element)):
        for a in (f for f in Mul.make_args(second) if isinstance(f, Element)):
            if a.indices != b.indices or a == b:
                continue
            for c in a.indices:
                if isinstance(c, Index) and not (first / b).has(c) and not (second / a).has(c):
                    yield b, a, c


def _rewritten(
    front: Expr,
    b: Element,
    a: Element,
    c: Index,
    length: Expr,
    shift: Expr,
    taken: set[str],
    new: dict[str, Definition],
) -> Expr | None:
    names = [f"{b.tensor.name}_over_{a.tensor.name}", f"{b.tensor.name}_off_{a.tensor.name}"]
    if taken & {*names}:
        return None
    rows = tuple(i for i in b.indices if i != c)
    if not all(isinstance(i, Index) for i in rows):
        return None
    ratio = Element(Tensor(names[0], tuple(i.dim for i in rows)), *rows)
    off = Element(Tensor(names[1], b.tensor.dims), *b.indices)
    new[names[0]] = Definition(ratio.tensor, rows, power_of_two(bound_sum(a * b, c) / length))
    new[names[1]] = Definition(off.tensor, tuple(b.indices), b - ratio * a)  # type: ignore[arg-type]
    along = Add(bound_sum(a * off, c), -ratio * shift)
    return front * Add(off, -a * along / length)


def _unfolded(e: Expr, known: Known) -> Expr:
    """All definitions by what they say."""

    def leaf(x: Expr) -> Expr | None:
        if isinstance(x, Element) and x.tensor.name in known:
            return _unfolded(known[x.tensor.name].at(*x.indices), known)
        return None

    return rebuild(e, leaf)


def _named(e: Expr, known: Known) -> Expr:
    """The definition that says this, or the expression itself."""
    free = sorted((k for k in e.free_symbols if isinstance(k, Index)), key=str)
    for d in known.values():
        if len(free) == len(d.indices) and {*free} == {*d.indices} and d.body == e:
            return d.element
    return e
