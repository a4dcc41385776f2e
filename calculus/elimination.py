"""Loops that a delta saves: in ``Σ_{o,u} δ(h, 2o + u) f(o, u)`` the index u follows from h and o."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sympy import Expr, Mul

from .affine import equation
from .sums import Delta
from .tensors import Index


@dataclass(frozen=True)
class Loops:
    """A sum as loops over ``looped``. Each of ``follows`` then has one value; where all are inside, ``body`` counts."""

    looped: tuple[Index, ...]
    follows: tuple[tuple[Index, Expr], ...]
    body: Expr


def loops(body: Expr, bound: Sequence[Index]) -> Loops:
    """The loops of ``Σ_bound body``. An index follows from a delta in which it has the coefficient ±1."""
    looped = list(bound)
    follows: list[tuple[Index, Expr]] = []
    rest: list[Expr] = []
    for factor in Mul.make_args(body):
        found = _following(factor, looped, {k for k, _ in follows}) if isinstance(factor, Delta) else None
        if found is None:
            rest.append(factor)
        else:
            follows.append(found)
            looped.remove(found[0])
    used = {k for _, value in follows for k in value.free_symbols}
    if not used.isdisjoint(k for k, _ in follows):  # a loop that an earlier one needs: as it stands
        return Loops(tuple(bound), (), body)
    return Loops(tuple(looped), tuple(follows), Mul(*rest))


def _following(delta: Expr, looped: Sequence[Index], followed: set[Index]) -> tuple[Index, Expr] | None:
    form = equation(delta)
    if form is None or not followed.isdisjoint(form.coefficients):
        return None
    choices = [k for k in looped if form.coefficients.get(k) in (1, -1)]
    return (choices[-1], form.solved(choices[-1])) if choices else None
