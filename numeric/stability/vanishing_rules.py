"""Stability rules for products with a factor that may be zero, where the other one is then infinite."""

from __future__ import annotations

from sympy import Add, Expr, Mul, log

from .forms import log_or_zero


def x_log_x_in_sum(e: Expr) -> Expr | None:
    """x·(log(x) + r) for a non-negative x that may be zero: with a logarithm that is 0 there, for 0·∞ is no number.

    It is not multiplied out: where r is close to −log(x), that would cancel.
    """
    for f in e.args:
        if not isinstance(f, Add):
            continue
        for x in e.args:
            if x.is_nonnegative and not x.is_positive and any(log(x) in Mul.make_args(t) for t in f.args):
                return e / f * Add(*(t / log(x) * log_or_zero(x) if log(x) in Mul.make_args(t) else t for t in f.args))
    return None
