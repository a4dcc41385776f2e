"""Which factor it is: a constant, a power of the sizes, or a given number, told apart by varying the sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

import numpy as np
import sympy
from sympy import Expr, Integer, Rational, Symbol

from ...calculus.dimensions import in_free_dimensions
from ...calculus.tensors import Element, Tensor
from .evidence import FURTHEST, Array, Sample, close

HALVES = (Rational(1), Rational(-1), Rational(1, 2), Rational(-1, 2), Rational(2), Rational(-2))
CONSTANTS = tuple(map(Rational, "1 -1 2 1/2 -2 -1/2 4 1/4 3 1/3".split()))


def ratio(got: Array, exact: Array) -> float | None:
    """The factor q with got = q·exact in all entries, or None; None too where both are zero."""
    if got.shape != exact.shape or not exact.size:
        return None
    square = float((exact * exact).sum())
    if square == 0:
        return None
    q = float((got * exact).sum()) / square
    return (
        q if np.abs(got - q * exact).max() <= close() * max(np.abs(got).max(), abs(q) * np.abs(exact).max()) else None
    )


def ratios(samples: Sequence[Sample], gradient: str) -> list[tuple[Sample, float]] | None:
    """The factor at every sample that has one; None where some sample has no single factor."""
    found: list[tuple[Sample, float]] = []
    for sample in samples:
        if gradient not in sample.got:
            continue
        got, exact = sample.got[gradient], sample.exact[gradient]
        if got.shape == exact.shape and not np.any(exact) and not np.any(got):
            continue
        q = ratio(got, exact)
        if q is None:
            return None
        found.append((sample, q))
    return found or None


def factor(found: Sequence[tuple[Sample, float]], dims: Sequence[Expr], numbers: Sequence[Tensor]) -> Expr | None:
    """The simplest expression in dimensions and given numbers that is the factor at every sample, or None."""
    for candidate in _candidates(dims, numbers):
        if all(_is(value(candidate, sample, numbers), q) for sample, q in found):
            return candidate
    first = found[0][1]
    if all(_is(first, q) for _, q in found) and len({tuple(s.sizes.items()) for s, _ in found}) > 1:
        return (
            sympy.Float(first, 8)
            if not _is(first, round(first, 6))
            else sympy.nsimplify(round(first, 6), rational=True)
        )
    return None


def value(expr: Expr, sample: Sample, numbers: Sequence[Tensor]) -> float:
    expr = in_free_dimensions(expr)
    known: dict[Expr, Expr] = {Symbol(n, integer=True, positive=True): Integer(s) for n, s in sample.sizes.items()}
    known |= {Element(t): sympy.Float(float(sample.inputs[t.name]), 17) for t in numbers if t.name in sample.inputs}
    return float(expr.xreplace(known))


def _is(a: float, b: float) -> bool:
    return abs(a - b) <= min(10 * close(), FURTHEST) * max(abs(a), abs(b))


def _candidates(dims: Sequence[Expr], numbers: Sequence[Tensor]) -> Iterator[Expr]:
    """Plain constants first, then one dimension, then products of dimensions, then given numbers."""
    dims = [d for d in dims if not d.is_Integer]
    powers = [d**e for d in dims for e in HALVES]
    yield from CONSTANTS
    yield from powers
    yield from (-p for p in powers)
    for count in range(2, min(len(dims), 4) + 1):
        for chosen in combinations(dims, count):
            yield sympy.Mul(*chosen)
            yield 1 / sympy.Mul(*chosen)
    for a, b in combinations(dims, 2):
        for e, f in product(HALVES, HALVES):
            yield a**e * b**f
    for q in CONSTANTS[2:]:
        yield from (q * p for p in powers)
    elements = [Element(t) for t in numbers]
    for e in elements:
        for p in (Integer(1), *(d**s for d in dims for s in HALVES[:2])):
            yield from (e * p, p / e, -e * p, -p / e, (1 - e) * p, p / (1 - e))


def at_one(expr: Expr) -> Mapping[str, int] | None:
    """The sizes at which a factor is 1, so that nobody sees it: all its dimensions one."""
    dims = sorted(expr.free_symbols, key=str)
    if dims and expr.subs(dict.fromkeys(dims, 1)) == 1:
        return {str(d): 1 for d in dims}
    return None
