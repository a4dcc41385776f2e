"""Divisions in kernels: several by powers of the same value share one reciprocal, which costs less than any of them.

The reciprocal must not leave the range of the dtype, nor lose digits: the value lies between powers of two far inside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .ranges import Ranges
from .scalars import Axis, Scalar, closure, rewritten

#: Between these the square of a reciprocal keeps its digits, in floats too.
LEAST, MOST = 2.0**-40, 2.0**40


def shared(roots: Sequence[Scalar], moving: frozenset[Axis], real: str) -> list[Scalar]:
    """a/u and b/u² as a·r and b·r·r, with r = 1/u."""
    ranges = Ranges()
    divided: Counter[Scalar] = Counter()
    for v in closure(roots):
        divided.update({u for u, _ in map(_power, _under(v))})

    def inverted(u: Scalar) -> bool:
        if divided[u] < 2 or not u.axes & moving:
            return False
        low, high = ranges(u)
        return low >= LEAST and high <= MOST

    chosen = {u for u in divided if inverted(u)}

    def rule(v: Scalar, before: Scalar) -> Scalar:
        powers = list(map(_power, _under(before)))
        if not any(u in chosen for u, _ in powers):
            return v
        split: int = v.data[0]  # type: ignore[assignment]
        over, under = list(v.args[:split]), []
        for (u, k), now in zip(powers, v.args[split:], strict=True):
            if u in chosen:
                base = _power(now)[0]
                over += [Scalar("mul", (base,), (0,), base.axes)] * k
            else:
                under.append(now)
        return Scalar("mul", (*over, *under), (len(over),), v.axes)

    return rewritten(roots, rule)


def _under(v: Scalar) -> tuple[Scalar, ...]:
    """What a value is divided by, if it is a quotient."""
    return v.args[v.data[0] :] if v.op == "mul" else ()  # type: ignore[misc]


def _power(u: Scalar) -> tuple[Scalar, int]:
    """A value as a power of another one."""
    if u.op == "pow" and u.data[0] == 2:
        return u.args[0], 2
    if u.op == "mul" and u.data[0] == len(u.args) and len(set(u.args)) == 1:
        return u.args[0], len(u.args)
    return u, 1
