"""x/(1 + exp(w))·exp(w) is x/(1 + exp(−w)): a product less, where −w costs no more than w.

That is so where each term of w has a number for a factor. The derivative (N + exp(w))/(1 + exp(w)) becomes
(N·exp(−w) + 1)/(1 + exp(−w)): an array is added no more, but a number.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Add, Expr, Mul, Pow

from .forms import InOrder, PlainExp


class _AsItIs(Exception):
    """Something in a form is no simpler in exp(−w), or −w costs more than w."""


def with_opposite(forms: Sequence[Expr]) -> list[Expr]:
    """The forms in exp(−w), where exp(w) is their only exponential and all are simpler so; otherwise as given."""
    found = {e for form in forms for e in form.atoms(PlainExp)}
    if len(found) != 1:
        return list(forms)
    (whole,) = found
    try:
        opposite = PlainExp(_negative(whole.args[0]))  # type: ignore[arg-type]
        return [_in(opposite, whole, form) for form in forms]
    except _AsItIs:
        return list(forms)


def _negative(w: Expr) -> Expr:
    """−w, with the sign in the numbers."""
    if isinstance(w, Add):
        return Add(*map(_negative, w.args))  # type: ignore[arg-type]
    factors = list(Mul.make_args(w))
    for at, factor in enumerate(factors):
        if isinstance(factor, Add):
            return Mul(*factors[:at], _negative(factor), *factors[at + 1 :])
    if not any(factor.is_number for factor in factors):
        raise _AsItIs
    return -w


def _in(opposite: Expr, whole: Expr, e: Expr) -> Expr:
    """A form of the whole exponential, in the opposite one."""
    if not e.has(whole):
        return e
    times, e = e.as_independent(whole, as_Add=False)
    if isinstance(e, InOrder):
        first, last = e.args
        if last == whole and not (over := _over(whole, first)).has(whole):  # type: ignore[arg-type]
            return times * over / (1 + opposite)
        return times * InOrder(*(_in(opposite, whole, a) for a in e.args))  # type: ignore[arg-type]
    terms = Add.make_args(_over(whole, e))
    if not any(t.as_independent(whole, as_Add=False)[1] == whole for t in terms) or len(terms) < 2:
        raise _AsItIs
    return times * Add(*(_divided(opposite, whole, t) for t in terms)) / (1 + opposite)


def _divided(opposite: Expr, whole: Expr, term: Expr) -> Expr:
    """A term over the whole exponential."""
    times, own = term.as_independent(whole, as_Add=False)
    return times if own == whole else times * opposite * _in(opposite, whole, own)


def _over(whole: Expr, e: Expr) -> Expr:
    """What stands over 1 + exp(w), its only divisor with exp(w)."""
    factors = list(Mul.make_args(e))
    if Pow(1 + whole, -1) not in factors:
        raise _AsItIs
    factors.remove(Pow(1 + whole, -1))
    return Mul(*factors)
