"""Rules for products and quotients that leave the range on their way, although the result is in it."""

from __future__ import annotations

from sympy import Add, Expr, Mul, Pow, S

from ...calculus.tensors import Element
from .forms import InOrder


def square_over_variable(e: Expr) -> Expr | None:
    """a²/v = (a/v)·a for a sum a and an entry v of an array: a² overflows, or vanishes, long before."""
    powers = {b: k for b, k in (f.as_base_exp() for f in e.args)}
    for v in filter(_is_entry, powers):
        if not (powers[v].is_Integer and powers[v] < 0):
            continue
        for f in e.args:
            if _is_square(f):
                return Mul(InOrder(f.base / v, f.base), *(g for g in e.args if g is not f), v)
            if isinstance(f, Add) and powers[v] < -1 and (once := _divided(f, v)) is not None:
                return Mul(once, *(g for g in e.args if g is not f), v)
    return None


def _is_entry(e: Expr) -> bool:
    """Whether e is an entry of an array, and not a parameter."""
    return isinstance(e, Element) and bool(e.indices) and e.tensor.domain.value is None


def _is_square(f: Expr) -> bool:
    return isinstance(f, Pow) and f.exp == 2 and isinstance(f.base, Add)


def _divided(total: Add, v: Expr) -> Expr | None:
    """(c·v + d·a²)/v, term by term, where there are no other terms."""
    terms = []
    for t in total.args:
        squares = [f for f in Mul.make_args(t) if _is_square(f)]
        number = t / (squares[0] if len(squares) == 1 else v)
        if not number.is_number:
            return None
        terms.append(number * (InOrder(squares[0].base / v, squares[0].base) if squares else S.One))
    return Add(*terms)
