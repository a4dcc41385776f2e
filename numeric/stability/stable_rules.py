"""Stability rules as data: for each kind of expression, functions that return a better form or None.

Every rule is an identity; none knows any formula of the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy
from sympy import Add, Expr, Integer, Mul, Pow, S, exp, log, tanh

from ...calculus.functions import Where, absolute, sigmoid, softplus
from ...calculus.sums import BoundSum, bound_sum
from .forms import Clip, ExpRatio, LogExpRatio, LogSumExp, erfc, expm1, log1p, log_or_zero, sech2, tanh_remainder, xlogx
from .normalised_sums import sum_over_total
from .offset_sums import exponential_over_offset_sum, log_of_offset_sum, reciprocal_of_offset_sum
from .quotient_rules import square_over_variable
from .vanishing_rules import x_log_x_in_sum
from .weights import as_exp_sum, split_weight, weighted

Rule = Callable[[Expr], Expr | None]

# --- logarithms ---


def log_of_stable(e: Expr) -> Expr | None:
    """log of a sum of exponentials, of a softmax, of a sigmoid, of an exponential, of a hyperbolic cosine."""
    x = e.args[0]
    if (total := as_exp_sum(x)) is not None:
        return LogSumExp(total)
    if isinstance(x, ExpRatio):
        return LogExpRatio(*x.args)
    if isinstance(x, sigmoid):
        return -softplus(-x.args[0])
    if isinstance(x, exp):
        return x.args[0]
    if isinstance(x, sympy.cosh):
        u = absolute(x.args[0])
        return Where(u - 1, u + log1p(expm1(-2 * u) / 2), log1p(2 * sympy.sinh(u / 2) ** 2))
    return None


def log_of_product(e: Expr) -> Expr | None:
    """log of a product of positive factors, one of which has a stable logarithm: the sum of logarithms."""
    x = e.args[0]
    if isinstance(x, Pow) and x.exp.is_Rational and _has_stable_log(x.base):
        return x.exp * log(x.base)
    if isinstance(x, Mul) and any(map(_has_stable_log, x.args)) and all(_positive(f) for f in x.args):
        return Add(*(f.exp * log(f.base) if isinstance(f, Pow) else log(f) for f in x.args))
    return None


def log_of_one_plus(e: Expr) -> Expr | None:
    """log(1 + eᵃ) and log(eᵃ + eᵇ) are softplus; log(1 + u) is log1p."""
    x = e.args[0]
    if (pair := _two_exponentials(x)) is not None:
        a, b = pair
        return b + softplus(a - b)
    if isinstance(x, Add) and x.args[0] == 1 and not any(a.is_number for a in x.args[1:]):
        rest = Add(*x.args[1:])
        # A difference of 1 and a definition such as 1 − P is left for unfolding.
        return None if rest.could_extract_minus_sign() else log1p(rest)
    return None


def _has_stable_log(e: Expr) -> bool:
    base = e.base if isinstance(e, Pow) else e
    return isinstance(base, ExpRatio | sigmoid | exp) or as_exp_sum(base) is not None


def _positive(e: Expr) -> bool:
    base = e.base if isinstance(e, Pow) else e
    return bool(base.is_positive) or as_exp_sum(base) is not None


def _two_exponentials(x: Expr) -> tuple[Expr, Expr] | None:
    """(a, b) for eᵃ + eᵇ, where 1 counts as e⁰."""
    if not isinstance(x, Add) or len(x.args) != 2:
        return None
    first, second = x.args
    if isinstance(second, exp) and (first == 1 or isinstance(first, exp)):
        return second.args[0], (S.Zero if first == 1 else first.args[0])
    return None


# --- sums ---


def _pairs(u: Expr) -> tuple[tuple[Expr, int, Expr], ...]:
    """For f(u) in a term T: (f^k, r, g) says Q + T = Q·g whenever T = r·Q·f^k."""
    half = u / 2
    return (
        (sigmoid(u), -1, sigmoid(-u)),
        (sigmoid(u), -2, -tanh(half)),
        (tanh(u) ** 2, -1, sech2(u)),
        (tanh(u), 1, 2 * sigmoid(2 * u)),
        (tanh(u), -1, 2 * sigmoid(-2 * u)),
        (sympy.erf(u), 1, erfc(-u)),
        (sympy.erf(u), -1, erfc(u)),
        (exp(u), -1, -expm1(u)),
    )


def complement(e: Expr) -> Expr | None:
    """1 − σ(u) = σ(−u), 1 − tanh² = sech², 1 + erf(u) = erfc(−u), eᵘ − 1 = expm1(u) and so on, times any factor."""
    terms = list(e.args)
    arguments = {f.args[0]: None for f in e.atoms(sigmoid, tanh, sympy.erf, exp)}
    for u in sorted(arguments, key=sympy.default_sort_key):
        for factor, ratio, merged in _pairs(u):
            for t in terms:
                if not t.has(factor.base if isinstance(factor, Pow) else factor):
                    continue
                partner = t / (ratio * factor)
                if partner in terms and partner != t:
                    rest = [x for x in terms if x not in (t, partner)]
                    return Add(partner * merged, *rest)
    return None


def complement_of_share(e: Expr) -> Expr | None:
    """1 − u/(u + v) = v/(u + v), times any factor."""
    for s in e.args:
        for f in Mul.make_args(s):
            if not (isinstance(f, Pow) and f.exp == -1 and isinstance(f.base, Add)):
                continue
            for u in f.base.args:
                whole = -s * f.base / u
                if whole in e.args and whole != s:
                    rest = (t for t in e.args if t not in (s, whole))
                    return Add(whole * (f.base - u) * f, *rest)  # type: ignore[operator]
    return None


def difference(e: Expr) -> Expr | None:
    """σ(u) − σ(−u) = tanh(u/2), times any factor."""
    for f in sorted(e.atoms(sigmoid), key=sympy.default_sort_key):
        for term in e.args:
            mirrored = -term / f * sigmoid(-f.args[0])
            if term.has(f) and mirrored in e.args:
                rest = (t for t in e.args if t not in (term, mirrored))
                return Add(term / f * tanh(f.args[0] / 2), *rest)
    return None


#: For a function f(u) that is close to u near 0: u − f(u) in a form that does not cancel there.
REMAINDERS: Mapping[type[Expr], Callable[[Expr], Expr]] = {tanh: tanh_remainder}


def remainder(e: Expr) -> Expr | None:
    """u − tanh(u), times any factor, as one function."""
    for term in e.args:
        for f in sorted(term.atoms(*REMAINDERS), key=sympy.default_sort_key):
            u = f.args[0]
            front = -term / f
            if not front.has(f) and (partner := front * u) in e.args:
                rest = (t for t in e.args if t not in (term, partner))
                return Add(front * REMAINDERS[type(f)](u), *rest)
    return None


def factored(e: Expr) -> Expr | None:
    """A polynomial in a saturating function is factored where its factors combine: σ − 3σ² + 2σ³ = σ(1 − σ)(1 − 2σ)."""
    for f in sorted(e.atoms(sigmoid, tanh), key=sympy.default_sort_key):
        if sum(1 for t in e.args if t.has(f)) < 2 or e.has(BoundSum, Where, Clip):
            continue
        product = sympy.factor(e)
        if isinstance(product, Mul) and any(isinstance(a, Add) and complement(a) for a in product.args):
            return product
    return None


# --- products ---


def reciprocal(e: Expr) -> Expr | None:
    """1/(1 + eᵃ) = σ(−a), 1/(eᵃ + eᵇ) = e⁻ᵇ σ(b − a), 1/cosh² = sech²."""
    base, power = e.as_base_exp()
    if not (power.is_Integer and power < 0):
        return None
    if (pair := _two_exponentials(base)) is not None:
        a, b = pair
        if a == -b and power % 2 == 0:
            return (sech2(a) / 4) ** (-power / 2)
        return exp(b * power) * sigmoid(b - a) ** (-power)
    if isinstance(base, sympy.cosh) and power % 2 == 0:
        return sech2(base.args[0]) ** (-power / 2)
    if (total := as_exp_sum(base)) is not None:
        return ExpRatio(S.Zero, total, -power)
    return None


def merge_exponentials(e: Expr) -> Expr | None:
    """A product of exponentials and of reciprocal sums of exponentials is one shifted quotient."""
    ratios = [f for f in e.args if isinstance(f.as_base_exp()[0], ExpRatio)]
    others = [f for f in e.args if f not in ratios]
    loose = [f for f in others if isinstance(f, exp)]
    if len(ratios) + len(loose) < 2 or not ratios:
        return None
    # Quotients that are already softmax entries stay apart: only a bare 1/S looks for its numerator.
    bare = [r for r in ratios if r.as_base_exp()[0].exponent == 0]
    if not bare or not loose:
        return None
    exponent = Add(*(f.args[0] for f in loose))
    counts: dict[Expr, int] = {}
    for r in bare:
        base, power = r.as_base_exp()
        for s, k in base.sums:
            counts[s] = counts.get(s, 0) + k * int(power)
    # A weight of the sums stands with the exponential that it belongs to: the two are zero together.
    rest = [f for f in e.args if f not in bare and f not in loose]
    weight, rest = split_weight(rest, list(counts))
    merged = ExpRatio(weighted(exponent, weight), *(x for s, k in counts.items() for x in (s, Integer(k))))
    return Mul(merged, *rest)


def reciprocal_into_sum(e: Expr) -> Expr | None:
    """(Σ_k eᵛ w)/S = Σ_k (eᵛ/S) w: weights first, then the weighted mean."""
    for ratio in e.args:
        if not (isinstance(ratio, ExpRatio) and ratio.exponent == 0):
            continue
        for total in e.args:
            if (
                isinstance(total, BoundSum)
                and isinstance(total.body, Mul)
                and any(isinstance(f, exp) for f in total.body.args)
            ):
                body, fresh = total.open()
                rest = [f for f in e.args if f is not ratio and f is not total]
                return Mul(bound_sum(body * ratio, *fresh), *rest)
    return None


def exponential_times_sigmoid(e: Expr) -> Expr | None:
    """eᵃ σ(−a) = σ(a), as often as both occur; a sum with such a term is multiplied out first."""
    powers = {f.as_base_exp()[0].args[0]: f.as_base_exp()[1] for f in e.args if isinstance(f.as_base_exp()[0], sigmoid)}
    loose = [f for f in e.args if isinstance(f, exp)]
    for chosen in ([loose] if len(loose) > 1 else []) + [[f] for f in loose]:
        if (found := _absorbed(Add(*(f.args[0] for f in chosen)), powers)) is not None:
            w, m, k = found
            return e / Mul(*chosen) / sigmoid(w) ** k * sigmoid(-w) ** m * sigmoid(w) ** (k - m)
    for f in e.args if powers else ():
        if not isinstance(f, Add):
            continue
        exponents = [Add(*(g.args[0] for g in (*loose, *Mul.make_args(t)) if isinstance(g, exp))) for t in f.args]
        if loose and any(isinstance(g, exp) for t in f.args for g in Mul.make_args(t)):
            rest = Mul(*loose)
            return e / f / rest * Add(*(t * rest for t in f.args))
        if any(u != 0 and _absorbed(u, powers) for u in exponents) and complement(f) is None:
            return Add(*(t * (e / f) for t in f.args))
    return None


def _absorbed(u: Expr, powers: Mapping[Expr, Expr]) -> tuple[Expr, Expr, Expr] | None:
    """(w, m, k) when u = −m·w, where σ(w) occurs to the power k ≥ m."""
    for w, k in powers.items():
        m = sympy.cancel(-u / w) if isinstance(w, Add) else -u / w
        if k.is_Integer and m.is_Integer and 0 < m <= k:
            return w, m, k
    return None


def ratio_of_expm1(e: Expr) -> Expr | None:
    """(eᵃ − 1)/(eᵃ + 1) = tanh(a/2)."""
    for f in e.args:
        if isinstance(f, expm1):
            for other in (sigmoid(-f.args[0]), sigmoid(f.args[0])):
                if other in e.args and other.args[0] == -f.args[0]:
                    return e / f / other * tanh(f.args[0] / 2)
    return None


def x_log_x(e: Expr) -> Expr | None:
    """x·log(x) for a non-negative x that may be zero."""
    for f in e.args:
        if isinstance(f, log) and f.args[0] in e.args and f.args[0].is_nonnegative and not f.args[0].is_positive:
            return e / f / f.args[0] * xlogx(f.args[0])
    return None


def split_log(e: Expr) -> Expr | None:
    """x·log(x/q) = x·(log x − log q) for a non-negative x that may be zero."""
    for f in e.args:
        if isinstance(f, log) and isinstance(f.args[0], Mul):
            for x in f.args[0].args:
                if x in e.args and x.is_nonnegative and not x.is_positive:
                    return e / f * (log_or_zero(x) + log(f.args[0] / x))
    return None


def hyperbolic(e: Expr) -> Expr | None:
    """A quotient of hyperbolic functions is a tanh."""
    for f in e.args:
        if isinstance(f, sympy.sinh) and 1 / sympy.cosh(f.args[0]) in e.args:
            return e / f * sympy.cosh(f.args[0]) * tanh(f.args[0])
    return None


#: Which rules look at which kind of expression, in the order they are tried.
RULES: Mapping[type[Expr], tuple[Rule, ...]] = {
    log: (log_of_stable, log_of_product, log_of_offset_sum, log_of_one_plus),
    Add: (complement, complement_of_share, difference, remainder, factored),
    Pow: (reciprocal, reciprocal_of_offset_sum),
    Mul: (
        merge_exponentials,
        reciprocal_into_sum,
        sum_over_total,
        exponential_over_offset_sum,
        exponential_times_sigmoid,
        ratio_of_expm1,
        hyperbolic,
        x_log_x,
        x_log_x_in_sum,
        split_log,
        square_over_variable,
    ),
}
