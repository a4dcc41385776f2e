"""The logistic function under its name: e^u/(1 + e^u) is σ(u), and 1/(1 + e^u) is σ(−u).

Not trusted: the result is the right side of a step that the prover judges.
"""

from __future__ import annotations

from sympy import Add, Expr, Mul, Pow, S, exp

from .functions import sigmoid
from .sums import BoundSum, bound_sum, rebuild


def named_sigmoid(expr: Expr) -> Expr:
    """The expression with σ for each quotient of exponentials that is one, or a product of powers of σ and 1 − σ."""

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, BoundSum):
            body, fresh = e.open()
            return bound_sum(named_sigmoid(body), *fresh)
        if not isinstance(e, Mul | Pow):
            return None
        found = _named(e)
        return None if found == e else rebuild(found, leaf)

    return _one_side(rebuild(expr, leaf))


def _one_side(expr: Expr) -> Expr:
    """Where both σ(u) and σ(−u) stand, the second is 1 − σ(u)."""
    found = {e.args[0] for e in expr.atoms(sigmoid)}
    other = {sigmoid(u): 1 - sigmoid(-u) for u in found if -u in found and u.could_extract_minus_sign()}
    return rebuild(expr, other.get)


def _named(product: Expr) -> Expr:
    """The product with a factor (1 + e^u)^(−k), and what it divides, in terms of σ."""
    factors = list(Mul.make_args(product))
    for at, factor in enumerate(factors):
        u = _logit(factor)
        if u is None:
            continue
        k, others = -factor.exp, factors[:at] + factors[at + 1 :]
        for where, other in enumerate(others):
            found = _power(other, u, k) if isinstance(other, exp) else _line(other, u, k)
            if found is not None:
                return Mul(found, *others[:where], *others[where + 1 :])
        return Mul(sigmoid(-u) ** k, *others)
    return product


def _power(exponential: Expr, u: Expr, k: Expr) -> Expr | None:
    """e^(p u)/(1 + e^u)^k for 0 < p ≤ k: σ(u)^p (1 − σ(u))^(k − p), of −u where that is the shorter one."""
    p = exponential.args[0] / u  # type: ignore[operator]
    if not p.is_Integer or not 0 < p <= k:
        return None
    if p < k and u.could_extract_minus_sign():
        u, p = -u, k - p
    return sigmoid(u) ** p * (1 - sigmoid(u)) ** (k - p)


def _line(total: Expr, u: Expr, k: Expr) -> Expr | None:
    """(a + b e^u)/(1 + e^u)^k: (a + (b − a) σ(u)) (1 − σ(u))^(k − 1)."""
    big = exp(u)
    if not isinstance(total, Add) or not total.has(big):
        return None
    with_it = [t for t in total.args if big in Mul.make_args(t)]
    b = Add(*(t / big for t in with_it))
    a = total - Add(*with_it)
    if a.has(big) or b.has(big):
        return None
    s = sigmoid(-u)  # 1/(1 + e^u)
    return (a + (b - a) * (1 - s)) * s ** (k - 1)


def _logit(factor: Expr) -> Expr | None:
    """u, if the factor is (1 + e^u)^(−k) for a positive integer k."""
    if not (isinstance(factor, Pow) and factor.exp.is_Integer and factor.exp.is_negative):
        return None
    terms = Add.make_args(factor.base)
    if len(terms) != 2 or terms[0] != S.One or not isinstance(terms[1], exp):
        return None
    return terms[1].args[0]  # type: ignore[return-value]
