"""Sums of products with powers of one value by Horner's rule: a + b·x + c·x³ as a + x·(b + c·x²).

So a sum takes as many products as it has terms, and what a sum of few terms has in common with another one shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..lowering.factors import product
from ..scalars import Axis, Scalar, closure, rewritten, signed_sum

Term = tuple[int, Scalar]
Fraction = tuple[frozenset[Scalar], frozenset[Scalar]]


def nested(roots: Sequence[Scalar], moving: frozenset[Axis], real: str) -> list[Scalar]:
    """The values with their sums in this form, where a value that changes in the innermost loops has powers."""
    roots = rewritten(roots, lambda v, before: _nested(v, moving) or v)
    twos = [v for v in closure(roots) if v.op in ("add", "mul") and len(v.args) == 2 and v.axes & moving]
    sums = {frozenset(terms_of(v)): v for v in twos if v.op == "add"}
    products = {_fraction(v): v for v in twos if v.op == "mul" and v.data[0] and len(set(v.args)) == 2}
    return rewritten(roots, lambda v, before: _with_sum(v, sums) or _with_product(v, products) or v)


def _nested(v: Scalar, moving: frozenset[Axis]) -> Scalar | None:
    if v.op != "add" or len(v.args) < 3:
        return None
    terms = terms_of(v)
    base = base_of(terms, moving)
    if base is None:
        return None
    by_power: dict[int, list[Term]] = {}
    for sign, t in terms:
        power = factors_of(t).count(base)
        by_power.setdefault(power, []).append((sign, without(t, base) if power else t))
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


def base_of(terms: Sequence[Term], moving: frozenset[Axis]) -> Scalar | None:
    """The value with the highest power in these terms: two at least, and more than one term has it."""
    powers = [factors_of(t) for _, t in terms]
    base, highest = None, 1
    for f in dict.fromkeys(f for factors in powers for f in factors):
        counts = [factors.count(f) for factors in powers]
        if f.axes & moving and max(counts) > highest and sum(map(bool, counts)) > 1:
            base, highest = f, max(counts)
    return base


def _with_product(v: Scalar, pairs: Mapping[Fraction, Scalar]) -> Scalar | None:
    """A product, or quotient, of three with one of two in it that is made anyway."""
    if v.op != "mul" or len(v.args) != 3 or len(set(v.args)) != 3:
        return None
    over, under = _fraction(v)
    found = ((last, pairs.get((over - {last}, under))) for last in over)
    return next((product((last, pair)) for last, pair in found if pair is not None), None)


def _fraction(v: Scalar) -> Fraction:
    """What stands above and below the bar."""
    split = int(str(v.data[0]))
    return frozenset(v.args[:split]), frozenset(v.args[split:])


def _with_sum(v: Scalar, pairs: Mapping[frozenset[Term], Scalar]) -> Scalar | None:
    """A sum of three with a sum of two in it that is made anyway."""
    if v.op != "add" or len(v.args) != 3:
        return None
    terms = terms_of(v)
    for last in terms:
        pair = pairs.get(frozenset(t for t in terms if t != last))
        if pair is not None and len(set(terms)) == 3:
            return signed_sum((1, pair), last)
    return None


def terms_of(v: Scalar) -> list[Term]:
    return list(zip(v.data, v.args, strict=True))  # type: ignore[arg-type]


def _one(terms: Sequence[Term]) -> Term:
    """Terms as one, with a sign in front of all where all are negative."""
    if len(terms) == 1:
        return terms[0]
    if all(sign == -1 for sign, _ in terms):
        return -1, signed_sum(*((1, t) for _, t in terms))
    return 1, signed_sum(*sorted(terms, key=lambda term: -term[0]))


def factors_of(t: Scalar) -> list[Scalar]:
    """The factors of a product, those of the products in it, and of whole powers; none of a quotient."""
    if t.op == "mul" and t.data[0] == len(t.args):
        return [f for a in t.args for f in factors_of(a)]
    if t.op == "pow" and t.data[0] == 2:
        return factors_of(t.args[0]) * 2
    return [t]


def without(t: Scalar, base: Scalar) -> Scalar:
    """A product without this factor."""
    left = tuple(f for f in factors_of(t) if f != base)
    return product(left) if left else Scalar("const", (), (1.0,))


__all__ = ["base_of", "factors_of", "nested", "terms_of", "without"]
