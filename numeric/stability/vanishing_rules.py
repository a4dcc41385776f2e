"""Stability rules for products with a factor that may be zero, where the other one is then infinite."""

from __future__ import annotations

from sympy import Add, Expr, Mul, log


def x_log_x_in_sum(e: Expr) -> Expr | None:
    """x·(log(x) + r) = x·log(x) + x·r for a non-negative x that may be zero: then the first term is 0, not 0·∞."""
    for f in e.args:
        if not isinstance(f, Add):
            continue
        for x in e.args:
            if x.is_nonnegative and not x.is_positive and any(log(x) in Mul.make_args(t) for t in f.args):
                return Add(*(e / f * t for t in f.args))
    return None
