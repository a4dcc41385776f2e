"""Choices between two formulas, made where they differ: of factors, or of the coefficients of a polynomial in both.

So x > 0 ? a·r² : E·(b·r²)·E is (x > 0 ? a : b)·q·q with q = (x > 0 ? 1 : E)·r, and one polynomial with chosen
coefficients takes half the products of two polynomials.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ..lowering.factors import product
from ..scalars import Axis, Scalar, rewritten, signed_sum
from .bounds import EXPONENTIALS
from .horner import Term, base_of, factors_of, terms_of, without

ONE = Scalar("const", (), (1.0,))


def merged(roots: Sequence[Scalar], moving: frozenset[Axis], real: str) -> list[Scalar]:
    """The values with such choices."""
    return rewritten(roots, lambda v, before: _merged(v, moving) or v)


def choice(mask: Scalar, a: Scalar, b: Scalar) -> Scalar:
    """a where the mask holds, else b."""
    return a if a == b else Scalar("call", (mask, a, b), ("where",), mask.axes | a.axes | b.axes)


def _merged(v: Scalar, moving: frozenset[Axis]) -> Scalar | None:
    if v.op != "call" or v.data != ("where",) or v.args[0].op != "compare":
        return None
    mask, one, other = v.args
    first, second = Counter(factors_of(one)), Counter(factors_of(other))
    common = first & second
    first, second = first - common, second - common
    if not common:
        return _polynomial(mask, one, other, moving)
    for here, there, swapped in ((first, second, True), (second, first, False)):
        for e in [e for e, times in here.items() if times == 2 and e.op == "call" and e.data[0] in EXPONENTIALS]:
            if e not in there:
                common[choice(mask, e, ONE) if swapped else choice(mask, ONE, e)] += 2
                del here[e]
    a, b = (product(tuple(c.elements())) if c else ONE for c in (first, second))
    return product((_polynomial(mask, a, b, moving) or choice(mask, a, b), *common.elements()))


def _polynomial(mask: Scalar, a: Scalar, b: Scalar, moving: frozenset[Axis]) -> Scalar | None:
    """The choice of two polynomials of one value, each of degree two at least, with its coefficients chosen."""
    if a.op != "add" or b.op != "add":
        return None
    base, other = (base_of(terms_of(s), moving) for s in (a, b))
    if base is None or base != other:
        return None
    by_power: list[dict[int, list[Term]]] = [{}, {}]
    for found, s in zip(by_power, (a, b), strict=True):
        for sign, t in terms_of(s):
            power = factors_of(t).count(base)
            found.setdefault(power, []).append((sign, without(t, base) if power else t))
    terms: list[Term] = []
    for power in sorted({*by_power[0], *by_power[1]}, reverse=True):
        chosen = choice(mask, *(_sum(found.get(power, ())) for found in by_power))
        factors = (chosen, *[base] * power) if chosen != ONE or not power else (base,) * power
        terms.append((1, product(factors)))
    return signed_sum(*terms)


def _sum(terms: Iterable[Term]) -> Scalar:
    found = sorted(terms, key=lambda term: -term[0])
    if not found:
        return Scalar("const", (), (0.0,))
    if len(found) == 1 and found[0][0] == 1:
        return found[0][1]
    return signed_sum(*found)


__all__ = ["choice", "merged"]
