"""Means of softplus(x) and softplus(−x), as in cross-entropies of logits: one function, which takes one logarithm.

(1 − t)·softplus(x) + t·softplus(−x) is log(1 + e) + |x|·w, with e = exp(−|x|) and w = t where x < 0, else 1 − t.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..scalars import Axis, Scalar, negative, rewritten


def averaged(roots: Sequence[Scalar], moving: frozenset[Axis], real: str) -> list[Scalar]:
    """The values with such sums as that function of x and t."""
    return rewritten(roots, lambda v, before: _mean(v) or v)


def _mean(v: Scalar) -> Scalar | None:
    if v.op != "add" or v.data != (1, 1):
        return None
    one, other = map(_weighted, v.args)
    if one is None or other is None:
        return None
    for (w, x), (t, y) in ((one, other), (other, one)):
        if (y == negative(x) or x == negative(y)) and _is_rest(w, t):
            return Scalar("call", (x, t), ("softplus_mean",), x.axes | t.axes)
    return None


def _weighted(v: Scalar) -> tuple[Scalar, Scalar] | None:
    """A weight times softplus of something: both."""
    if v.op != "mul" or v.data[0] != len(v.args) or len(v.args) != 2:
        return None
    for w, f in (v.args, v.args[::-1]):
        if f.op == "call" and f.data == ("softplus",):
            return w, f.args[0]
    return None


def _is_rest(w: Scalar, t: Scalar) -> bool:
    """Whether w is 1 − t."""
    return w.op == "add" and w.data == (1, -1) and w.args[0].op == "const" and w.args[0].data[0] == 1 and w.args[1] == t


__all__ = ["averaged"]
