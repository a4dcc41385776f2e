"""Kernels of products and scattered sums: one array, added up in doubles block by block.

Outer loops run over the first axes of the array, in threads. For each of their iterations a block of doubles holds the
rest of the array, or a single number; the loops inside add to it. Then the block goes to memory, through whatever the
formula does with the finished sum.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..lowering.products import ACCUMULATED
from ..scalars import Axis, Scalar, closure, counter, dimension, loads
from .kernels import Kernel, Target

MODE = "accumulate"

#: A place, and the size that it must be below.
Check = tuple[Scalar, str]


def alone(t: Target) -> bool:
    """Whether every sum in a target is a product or scattered, and has all of its axes: one kernel makes it."""
    sums = [v for v in closure([t.value]) if v.is_reduction]
    return bool(sums) and all(v.op in ACCUMULATED and v.axes == t.axes for v in sums)


def accumulated(t: Target) -> list[Scalar]:
    """The products and scattered sums in a target."""
    return [v for v in closure([t.value]) if v.op in ACCUMULATED]


def accumulation(t: Target, defined: frozenset[str]) -> Kernel:
    """The loops of a target that is made alone. defined: dimensions that follow from others, and are long."""
    place = tuple(a for a in t.place if a)
    sums = accumulated(t)
    first = len(place)
    for r in sums:
        first = min([first, *(place.index(a) for a in scattered(r))])
        if place and innermost(r, place, place[-1:], defined) == place[-1]:
            first = min(first, len(place) - 1)
    values = closure([t.value])
    over = tuple(dict.fromkeys(a for r in sums for a in r.over))
    return Kernel((t,), MODE, place[:first], place[first:], (*place, *over), tuple(values), {}, frozenset())


def innermost(r: Scalar, place: Sequence[Axis], block: Sequence[Axis], defined: frozenset[str]) -> Axis | None:
    """The variable of the innermost loop: along which arrays lie in memory, or one number serves for all of it.

    place: those of the array, the last ones of which are in the block. None where there is no loop.
    """
    moving = [a for a in (*block, *r.over) if a not in scattered(r)]
    arrays = loads(closure(r.args[:1]))
    subscripts = [v.args for v in arrays]
    spots = dict(zip(scattered(r), r.args[1:], strict=r.op == "put"))
    subscripts.append(tuple(spots[a] if a in spots else counter(a) for a in place))

    def rank(a: Axis) -> tuple[int, bool, int, bool, int]:
        far = near = 0
        for places in subscripts:
            if not places or not any(a in s.axes for s in places):
                continue
            if any(a in s.axes for s in places[:-1]) or coefficient(places[-1], a) is None:
                far += 1
            elif coefficient(places[-1], a) != 1:
                near += 1
        size = dimension(a)
        return (far, size.isdigit(), -(size in defined), near > 0, -(a == place[-1]) if place else 0)

    return min(moving, key=rank, default=None)


def coefficient(s: Scalar, a: Axis) -> int | None:
    """The whole number by which a place grows with a loop variable; None where that is no number."""
    if a not in s.axes:
        return 0
    if s.op == "counter":
        return 1
    if s.op == "neg":
        inner = coefficient(s.args[0], a)
        return None if inner is None else -inner
    if s.op == "add":
        total = 0
        for sign, x in zip(s.data, s.args, strict=True):
            part = coefficient(x, a)
            if part is None:
                return None
            total += sign * part  # type: ignore[operator]
        return total
    if s.op == "mul" and s.data[0] == len(s.args):
        numbers = [x.data[0] for x in s.args if x.op == "const"]
        others = [x for x in s.args if x.op != "const"]
        if len(others) == 1 and all(isinstance(n, int) for n in numbers):
            inner = coefficient(others[0], a)
            for n in numbers:
                inner = None if inner is None else inner * n  # type: ignore[operator]
            return inner
    return None


def unguarded(body: Scalar) -> tuple[Scalar, list[Check]]:
    """A product with the factors that are 0 outside of their arrays as they are inside, and where that is."""
    if body.op == "widen":
        inner, checks = unguarded(body.args[0])
        return Scalar("widen", (inner,), (), inner.axes), checks
    if body.op == "inside":
        inner, checks = unguarded(body.args[2])
        return inner, [(body.args[0], str(body.args[1].data[0])), *checks]
    if body.op != "mul" or body.data[0] != len(body.args):
        return body, []
    found = [unguarded(a) for a in body.args]
    args = tuple(a for a, _ in found)
    return Scalar("mul", args, body.data, body.axes), [c for _, checks in found for c in checks]


def scattered(r: Scalar) -> tuple[Axis, ...]:
    """The variables of a sum along which its values are scattered."""
    return r.data[0] if r.op == "put" else ()  # type: ignore[return-value]
