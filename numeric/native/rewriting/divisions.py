"""Divisions in kernels: several by powers of the same value share one reciprocal, which costs less than any of them.

The reciprocal must not leave the range of the dtype, nor lose digits: the value lies between powers of two far inside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ..scalars import Axis, Scalar, closure
from .ranges import Ranges

#: Between these the square of a reciprocal keeps its digits, in floats too.
LEAST, MOST = 2.0**-40, 2.0**40


def shared(roots: Sequence[Scalar], moving: frozenset[Axis], real: str) -> list[Scalar]:
    """a/u and b/u² as a·r and b·r·r, with r = 1/u. Of u in one branch of a choice and w in the other, r is one over
    the choice of u and w.
    """
    ranges = Ranges(declared=True)
    times = _divisors(closure(roots))
    usual = [u for u in times if u.axes & moving and ranges(u)[0] >= LEAST and ranges(u)[1] <= MOST]
    inverse = {u: u for u in usual if times[u] > 1}
    for mask, u, w in _alternatives(roots, usual):
        inverse[u] = inverse[w] = Scalar("call", (mask, u, w), ("where",), mask.axes | u.axes | w.axes)
    memo: dict[Scalar, Scalar] = {}
    for s in closure([*dict.fromkeys(inverse.values()), *roots]):
        args = tuple(memo[a] for a in s.args)
        over, under = list(args[: s.data[0]]) if s.op == "mul" else [], []  # type: ignore[index]
        for u, divisor in zip(_under(s), args[len(over) :], strict=False):
            base, power = _power(u)
            if inverse.get(base) in memo:
                whole = memo[inverse[base]]
                over += [Scalar("mul", (whole,), (0,), whole.axes)] * power
            else:
                under.append(divisor)
        if s.op == "mul" and len(under) < len(_under(s)):
            memo[s] = Scalar("mul", (*over, *under), (len(over),), s.axes)
        else:
            memo[s] = s if args == s.args else Scalar(s.op, args, s.data, s.axes, s.over)
    return [memo[r] for r in roots]


def _divisors(values: Iterable[Scalar]) -> Counter[Scalar]:
    """How many quotients have a power of this value below the bar."""
    found: Counter[Scalar] = Counter()
    for v in values:
        found.update({u for u, _ in map(_power, _under(v))})
    return found


def _alternatives(roots: Sequence[Scalar], usual: Sequence[Scalar]) -> list[tuple[Scalar, Scalar, Scalar]]:
    """Divisors that are needed in the first branch of choices only, with those needed in the second one only."""
    choices = [v for v in closure(roots) if v.op == "call" and v.data[0] == "where" and v.args[0].op == "compare"]
    found = []
    free = list(usual)
    for mask in dict.fromkeys(v.args[0] for v in choices):
        without = [_divisors(_reached(roots, mask, branch)) for branch in (2, 1)]
        first, second = ([u for u in free if u not in others] for others in without)
        for u, w in zip(first, second, strict=False):
            if u not in closure([w]) and w not in closure([u]):
                found.append((mask, u, w))
                free = [x for x in free if x not in (u, w)]
    return found


def _reached(roots: Sequence[Scalar], mask: Scalar, branch: int) -> list[Scalar]:
    """The values that are needed when the choices by this mask take this branch."""
    found: dict[Scalar, None] = {}
    stack = list(roots)
    while stack:
        v = stack.pop()
        if v not in found:
            found[v] = None
            choice = v.op == "call" and v.data[0] == "where" and v.args[0] == mask
            stack += [mask, v.args[branch]] if choice else v.args
    return list(found)


def _under(v: Scalar) -> tuple[Scalar, ...]:
    """What a value is divided by, if it is a quotient."""
    return v.args[v.data[0] :] if v.op == "mul" else ()  # type: ignore[index]


def _power(u: Scalar) -> tuple[Scalar, int]:
    """A value as a power of another one."""
    if u.op == "pow" and u.data[0] == 2:
        return u.args[0], 2
    if u.op == "mul" and u.data[0] == len(u.args) and len(set(u.args)) == 1:
        return u.args[0], len(u.args)
    return u, 1
