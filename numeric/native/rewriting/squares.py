"""Products in which an exponential stands twice, as a·q·q: q is the exponential times the reciprocal beside it.

So E·(a·r·r)·E, with E = exp(−x/2) and r = 1/u, takes two products beside q = E/u, and E·(b·r)·E shares q. As before,
only the last product leaves the normal numbers: q is one where a·q·q is not zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from ..scalars import Axis, Scalar, closure, rewritten
from .bounds import EXPONENTIALS
from .horner import factors_of


def squared(roots: Sequence[Scalar], moving: frozenset[Axis], real: str) -> list[Scalar]:
    """The values with such products."""
    memo: dict[Scalar, Scalar] = {}
    for s in closure(roots):
        args = tuple(memo[a] for a in s.args)
        now = s if args == s.args else Scalar(s.op, args, s.data, s.axes, s.over)
        memo[s] = _with_square(now) or now
    return rewritten([memo[r] for r in roots], _quotients(closure(memo[r] for r in roots)))


def _with_square(v: Scalar) -> Scalar | None:
    if v.op != "mul" or v.data[0] != len(v.args) or len(v.args) < 3:
        return None
    factors = factors_of(v)
    times = Counter(factors)
    twice = [f for f, n in times.items() if n == 2 and _is_exponential(f)]
    reciprocals = [f for f, n in times.items() if n <= 2 and _is_reciprocal(f)]
    if len(twice) != 1 or len(reciprocals) != 1:
        return None
    e, r = twice[0], reciprocals[0]
    rest = [f for f in factors if f not in (e, r)]
    if times[r] == 1:
        rest.append(e)
    q = Scalar("mul", (e, r), (2,), e.axes | r.axes)
    return Scalar("mul", (*rest, *[q] * times[r]), (len(rest) + times[r],), v.axes)


def _quotients(values: Sequence[Scalar]) -> Callable[[Scalar, Scalar], Scalar]:
    """E·(1/u) as E/u, where nothing else needs 1/u."""
    uses = Counter(a for v in values for a in set(v.args))

    def rule(v: Scalar, before: Scalar) -> Scalar:
        if before.op == "mul" and before.data == (2,) and len(before.args) == 2:
            e, r = before.args
            if _is_exponential(e) and _is_reciprocal(r) and uses[r] == 1:
                return Scalar("mul", (v.args[0], v.args[1].args[0]), (1,), v.axes)
        return v

    return rule


def _is_exponential(v: Scalar) -> bool:
    """An exponential, or one in one branch of a choice and 1 in the other."""
    if v.op == "call" and v.data == ("where",):
        return {a.op for a in v.args[1:]} == {"const", "call"} and any(map(_is_exponential, v.args[1:]))
    return v.op == "call" and v.data[0] in EXPONENTIALS


def _is_reciprocal(v: Scalar) -> bool:
    """1/u, as :mod:`.divisions` makes it."""
    return v.op == "mul" and v.data == (0,) and len(v.args) == 1


__all__ = ["squared"]
