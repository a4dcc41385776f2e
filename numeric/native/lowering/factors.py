"""Sums over rows: factors and terms that all entries have in common, and follow from other sums, are taken out.

So the sum of c·d/s, for an s that is itself a sum over the row, needs no s: both sums are made in one pass over it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..scalars import Axis, Scalar, closure, dimension, signed_sum

#: Factors above and below a fraction bar.
Fraction = tuple[tuple[Scalar, ...], tuple[Scalar, ...]]


def product(above: Sequence[Scalar], below: Sequence[Scalar] = ()) -> Scalar:
    """A product over a product."""
    if len(above) == 1 and not below:
        return above[0]
    args = (*above, *below)
    return Scalar("mul", args, (len(above),), frozenset().union(*(a.axes for a in args)))


def summed(term: Scalar, over: tuple[Axis, ...], wide: bool) -> Scalar:
    """The sum of a term. wide: of floats, whose products and differences are then made in double."""
    inner = frozenset(over)
    if wide and (parts := _without_fixed_terms(term, inner)) is not None:
        rest, fixed = parts
        times = [Scalar("dim", (), (dimension(a),)) for a in over]
        return signed_sum((1, summed(rest, over, wide)), *((sign, product((f, *times))) for sign, f in fixed))
    taken_out = without_fixed(term, inner, wide)
    if taken_out is None:
        return Scalar("sum", (term,), (), term.axes - inner, over)
    rest, (above, below) = taken_out
    return product((Scalar("sum", (rest,), (), rest.axes - inner, over), *above), below)


def _without_fixed_terms(term: Scalar, over: frozenset[Axis]) -> tuple[Scalar, list[tuple[int, Scalar]]] | None:
    """What changes in a difference such as x - mean, and what is the same for all x: rounded, as it is in the terms."""
    if term.op != "add":
        return None
    terms: list[tuple[int, Scalar]] = list(zip(term.data, term.args, strict=True))  # type: ignore[arg-type]
    fixed = [(sign, a) for sign, a in terms if not a.axes & over]
    moving = [(sign, a) for sign, a in terms if a.axes & over]
    if not moving or not any(_follows_from_sums(a) for _, a in fixed):
        return None
    rest = moving[0][1] if len(moving) == 1 and moving[0][0] == 1 else signed_sum(*moving)
    return rest, [(sign, Scalar("rounded", (a,), (), a.axes)) for sign, a in fixed]


def without_fixed(term: Scalar, over: frozenset[Axis], wide: bool) -> tuple[Scalar, Fraction] | None:
    """The terms of a sum without the factors that all have in common, and these; None where nothing is gained.

    wide: the terms are products of floats, and are made in double: the factors may have kept them in range. In double
    a factor that scales rows by powers of two stays for that reason.
    """
    above, below = _factors(term, over)
    fixed = [[f for f in side if not f.axes & over] for side in (above, below)]
    moving = [[f for f in side if f.axes & over] for side in (above, below)]
    if not moving[0] or not any(_follows_from_sums(f) for side in fixed for f in side):
        return None
    if not wide and any(_scales(f) for side in fixed for f in side):
        return None
    if wide:
        moving = [[Scalar("widen", (f,), (), f.axes) for f in side] for side in moving]
    return product(*moving), (tuple(fixed[0]), tuple(fixed[1]))


def _factors(s: Scalar, over: frozenset[Axis]) -> tuple[list[Scalar], list[Scalar]]:
    """The factors of a value, above and below; products without fixed factors are left whole."""
    if not _has_fixed(s, over):
        return [s], []
    split: int = s.data[0]  # type: ignore[assignment]
    above: list[Scalar] = []
    below: list[Scalar] = []
    for at, a in enumerate(s.args):
        over_bar, under_bar = _factors(a, over)
        if at >= split:
            over_bar, under_bar = under_bar, over_bar
        above += over_bar
        below += under_bar
    return above, below


def _has_fixed(s: Scalar, over: frozenset[Axis]) -> bool:
    """Whether a value is a product in which something does not depend on these variables."""
    return s.op == "mul" and any(not a.axes & over or _has_fixed(a, over) for a in s.args)


def _follows_from_sums(s: Scalar) -> bool:
    return any(a.is_reduction for a in closure([s]))


def _scales(s: Scalar) -> bool:
    return any(a.op == "call" and a.data[0] == "row_scale" for a in closure([s]))
