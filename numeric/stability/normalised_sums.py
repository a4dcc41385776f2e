"""Sums of exponentials over their total: (f·Σ eᵛ − Σ eᵛ w)/(Σ eᵛ)² is (f − Σ (eᵛ/Σ eᵛ) w)/Σ eᵛ.

A derivative of a weighted mean such as Σ eᵛ w/Σ eᵛ has such a quotient. Its sums overflow where v is large, although
weights that add up to 1 are all that is needed: each term over the line has the total in it, or another such sum.
"""

from __future__ import annotations

from itertools import product

from sympy import Add, Expr, Integer, Mul, Pow, exp

from ...calculus.sums import BoundSum, bound_sum
from .forms import ExpRatio
from .weights import as_exp_sum, index_expressions


def sum_over_total(e: Expr) -> Expr | None:
    """A factor that is a sum of such terms is divided by the total, which stands once less under the line."""
    for ratio in e.args:
        if not isinstance(ratio, ExpRatio):
            continue
        for at, (total, power) in enumerate(ratio.sums):
            if power < 2 and ratio.exponent != 0:
                continue
            for f in e.args:
                if isinstance(f, Add) and (share := _over(f, total)) is not None:
                    return Mul(share, _once_less(ratio, at), *(g for g in e.args if g is not f and g is not ratio))
    return None


def _once_less(ratio: ExpRatio, at: int) -> Expr:
    """A quotient with one of its totals to a power that is lower by 1."""
    left = [(s, k - (n == at)) for n, (s, k) in enumerate(ratio.sums)]
    sums = [x for s, k in left if k for x in (s, Integer(k))]
    return ExpRatio(ratio.exponent, *sums) if sums else exp(ratio.exponent)


def _over(e: Expr, total: BoundSum) -> Expr | None:
    """e over the total, where each of its terms has the total for a factor, or another sum of exponentials."""
    if as_exp_sum(e) == total:
        return Integer(1)
    if isinstance(e, exp):
        return ExpRatio(e.args[0], total, Integer(1)) if _is_term(e.args[0], total) else None  # type: ignore[arg-type]
    if isinstance(e, Add):
        shares = [_over(t, total) for t in e.args]  # type: ignore[arg-type]
        return None if any(s is None for s in shares) else Add(*shares)  # type: ignore[arg-type]
    if isinstance(e, BoundSum):
        body, fresh = e.open()
        if not any(isinstance(f, exp) for f in Mul.make_args(body)):
            return None
        return bound_sum(body * ExpRatio(Integer(0), total, Integer(1)), *fresh)
    if isinstance(e, Pow) and e.exp.is_Integer and e.exp > 0:
        share = _over(e.base, total)  # type: ignore[arg-type]
        return None if share is None else share * e.base ** (e.exp - 1)
    if isinstance(e, Mul):
        for f in sorted(e.args, key=lambda f: as_exp_sum(f) != total):  # the total itself leaves no sum behind
            if (share := _over(f, total)) is not None:  # type: ignore[arg-type]
                return share * (e / f)  # type: ignore[operator]
    return None


def _is_term(exponent: Expr, total: BoundSum) -> bool:
    """Whether a sum of exponentials, without weights, has an exponential of this among its terms."""
    body, bound = total.open()
    places = index_expressions(exponent)
    return any(
        body.args[0].xreplace(dict(zip(bound, chosen, strict=True))) == exponent
        for chosen in product(places, repeat=len(bound))
    )
