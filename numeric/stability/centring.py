"""Second mean correction: x − m, where m is the mean of x, still has a mean, that of the rounding error of m.

With a large offset that is more than all the rest. So the mean of what was left is taken off again. In exact
arithmetic that changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

from sympy import Expr, Mul

from ...calculus.derivation import Definition
from ...calculus.sums import BoundSum, bound_sum
from ...calculus.tensors import Element, Index
from .row_forms import Centred


def second_mean_correction(e: Expr, known: Mapping[str, Definition]) -> Expr | None:
    """f(d) − Σ_k f(k)/D, alone or under a name: centred twice."""
    if len(e.args) != 2:
        return None
    for x, mean in (e.args, e.args[::-1]):
        found = _mean(-mean, known)  # type: ignore[operator]
        if found is None or isinstance(x, BoundSum):
            continue
        body, bound, count = found
        axes = _axes_where(x, body, bound)  # type: ignore[arg-type]
        if axes is not None:
            return Centred(e, bound_sum(e, *axes), count)
    return None


def _mean(e: Expr, known: Mapping[str, Definition]) -> tuple[Expr, tuple[Index, ...], Expr] | None:
    """(f, indices, number of entries) where an expression, or the definition it names, is the mean of f."""
    if isinstance(e, Element) and e.tensor.name in known:
        e = known[e.tensor.name].at(*e.indices)
    totals = [f for f in Mul.make_args(e) if isinstance(f, BoundSum)]
    if len(totals) != 1:
        return None
    body, bound = totals[0].open()
    count = Mul(*(k.dim for k in bound))
    return (body, bound, count) if e == totals[0] / count else None


def _axes_where(x: Expr, body: Expr, bound: tuple[Index, ...]) -> tuple[Index, ...] | None:
    """The indices of x over which it was averaged: those that make ``body`` of it."""
    own = sorted((k for k in x.free_symbols if isinstance(k, Index)), key=str)
    for chosen in permutations(own, len(bound)):
        if all(a.dim == b.dim for a, b in zip(chosen, bound, strict=True)):
            if body.xreplace(dict(zip(bound, chosen, strict=True))) == x:
                return chosen
    return None
