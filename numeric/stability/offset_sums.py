"""Sums of exponentials plus a number, as in eᵛ/(1 + Σ eᵛ) and log(1 + Σ eᵛ): sigmoids and softplus of log Σ eᵛ.

The sum overflows where an exponent is large; its logarithm, which is shifted by the largest one, does not.
"""

from __future__ import annotations

from sympy import Add, Expr, Mul, S, exp, log

from ...calculus.functions import sigmoid, softplus
from ...calculus.sums import BoundSum, bound_sum
from .forms import ExpRatio, LogTotal
from .weights import as_exp_sum


def _offset(e: Expr) -> tuple[Expr, Expr] | None:
    """(c, S) for c + S with a positive c and a sum S of exponentials."""
    if not isinstance(e, Add):
        return None
    sums = [(t, s) for t in e.args if (s := as_exp_sum(t)) is not None]  # type: ignore[arg-type]
    if len(sums) != 1:
        return None
    rest = e - sums[0][0]
    return (rest, sums[0][1]) if rest.is_positive and not rest.has(exp, BoundSum) else None


def log_of_offset_sum(e: Expr) -> Expr | None:
    """log(c + S) = log c + softplus(log S − log c)."""
    if (found := _offset(e.args[0])) is None:  # type: ignore[arg-type]
        return None
    c, total = found
    return log(c) + softplus(LogTotal(total) - log(c))  # type: ignore[no-any-return]


def reciprocal_of_offset_sum(e: Expr) -> Expr | None:
    """1/(c + S) = σ(log c − log S)/c."""
    base, power = e.as_base_exp()
    if not (power.is_Integer and power < 0) or (found := _offset(base)) is None:
        return None
    c, total = found
    return (sigmoid(log(c) - LogTotal(total)) / c) ** -power


def exponential_over_offset_sum(e: Expr) -> Expr | None:
    """eᵛ σ(log c − log S) = c (eᵛ/S) σ(log S − log c), for any factor over c + S: no sum of exponentials is left."""
    for f in e.args:
        base = f.as_base_exp()[0]
        if not isinstance(base, sigmoid) or (found := _logarithms(base.args[0])) is None:  # type: ignore[arg-type]
            continue
        log_c, total = found
        for g in e.args:
            if g != f and (share := _over(g, exp(log_c), total, sigmoid(-base.args[0]))) is not None:  # type: ignore[arg-type, operator]
                return Mul(e / g / base, exp(log_c), share)  # type: ignore[operator]
    return None


def _logarithms(e: Expr) -> tuple[Expr, Expr] | None:
    """(log c, S) for log c − log S."""
    found = [t for t in Add.make_args(e) if isinstance(-t, LogTotal)]
    return (e - found[0], (-found[0]).args[0]) if len(found) == 1 else None  # type: ignore[return-value]


def _over(g: Expr, c: Expr, total: Expr, share: Expr) -> Expr | None:
    """g/(c + S), where each of its terms has an exponential, a sum of such, or c + S for a factor. share: S/(c + S)."""
    if _offset(g) == (c, total):
        return S.One
    if isinstance(g, exp):
        return ExpRatio(g.args[0], total, S.One) * share
    if as_exp_sum(g) == total:
        return share
    if isinstance(g, BoundSum):
        body, fresh = g.open()
        if any(isinstance(f, exp) for f in Mul.make_args(body)):
            return bound_sum(body * ExpRatio(S.Zero, total, S.One), *fresh) * share
    if isinstance(g, Add):
        shares = [_over(t, c, total, share) for t in g.args]  # type: ignore[arg-type]
        return None if any(x is None for x in shares) else Add(*shares)  # type: ignore[arg-type]
    if isinstance(g, Mul):
        for f in sorted(g.args, key=lambda f: _offset(f) != (c, total)):  # type: ignore[arg-type]
            if (found := _over(f, c, total, share)) is not None:  # type: ignore[arg-type]
                return found * (g / f)  # type: ignore[operator]
    return None
