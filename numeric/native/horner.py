"""Sums of products with powers of one value by Horner's rule: a + b·x + c·x³ as a + x·(b + c·x²).

So a sum takes as many products as it has terms, and what a sum of few terms has in common with another one shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .scalars import Axis, Scalar, closure, rewritten, signed_sum

Term = tuple[int, Scalar]


def nested(roots: Sequence[Scalar], moving: frozenset[Axis], real: str) -> list[Scalar]:
    """The values with their sums in this form, where a value that changes in the innermost loops has powers."""
    roots = rewritten(roots, lambda v, before: _nested(v, moving) or v)
    pairs = {frozenset(_terms(v)): v for v in closure(roots) if v.op == "add" and len(v.args) == 2 and v.axes & moving}
    return rewritten(roots, lambda v, before: _with_pair(v, pairs) or v)


def _nested(v: Scalar, moving: frozenset[Axis]) -> Scalar | None:
    if v.op != "add" or len(v.args) < 3:
        return None
    terms = _terms(v)
    powers = [_factors(t) for _, t in terms]
    base, highest = None, 1
    for f in dict.fromkeys(f for factors in powers for f in factors):
        counts = [factors.count(f) for factors in powers]
        if f.axes & moving and max(counts) > highest and sum(map(bool, counts)) > 1:
            base, highest = f, max(counts)
    if base is None:
        return None
    by_power: dict[int, list[Term]] = {}
    for (sign, t), factors in zip(terms, powers, strict=True):
        power = factors.count(base)
        by_power.setdefault(power, []).append((sign, _without(t, factors, base) if power else t))
    (above, *rest) = sorted(by_power, reverse=True)
    total = by_power[above]
    for power in (*rest, 0) if rest[-1] else rest:
        sign, factor = _one(total)
        times = (base,) * (above - power)
        if len(times) > 1:
            times = (Scalar("mul", times, (len(times),), base.axes),)
        if factor.op == "const" and factor.data[0] == 1.0:
            product = times[0]
        else:
            product = Scalar("mul", (factor, *times), (1 + len(times),), factor.axes | base.axes)
        total = [*by_power.get(power, ()), (sign, product)]
        above = power
    return signed_sum(*total)


def _with_pair(v: Scalar, pairs: Mapping[frozenset[Term], Scalar]) -> Scalar | None:
    """A sum of three with a sum of two in it that is made anyway."""
    if v.op != "add" or len(v.args) != 3:
        return None
    terms = _terms(v)
    for last in terms:
        pair = pairs.get(frozenset(t for t in terms if t != last))
        if pair is not None and len(set(terms)) == 3:
            return signed_sum((1, pair), last)
    return None


def _terms(v: Scalar) -> list[Term]:
    return list(zip(v.data, v.args, strict=True))  # type: ignore[arg-type]


def _one(terms: Sequence[Term]) -> Term:
    """Terms as one, with a sign in front of all where all are negative."""
    if len(terms) == 1:
        return terms[0]
    if all(sign == -1 for sign, _ in terms):
        return -1, signed_sum(*((1, t) for _, t in terms))
    return 1, signed_sum(*sorted(terms, key=lambda term: -term[0]))


def _factors(t: Scalar) -> list[Scalar]:
    """The factors of a product, those of the products in it, and of whole powers; none of a quotient."""
    if t.op == "mul" and t.data[0] == len(t.args):
        return [f for a in t.args for f in _factors(a)]
    if t.op == "pow" and t.data[0] == 2:
        return _factors(t.args[0]) * 2
    return [t]


def _without(t: Scalar, factors: Sequence[Scalar], base: Scalar) -> Scalar:
    left = tuple(f for f in factors if f != base)
    if not left:
        return Scalar("const", (), (1.0,))
    if len(left) == 1:
        return left[0]
    return Scalar("mul", left, (len(left),), frozenset().union(*(f.axes for f in left)))


__all__ = ["nested"]
