"""The normal form of an expectation: constants out, independent factors apart, known moments put in.

An expectation of a polynomial goes through its terms. A term is what does not vary times random factors; factors of
arrays that are independent are averaged apart. A product of entries of one array is a sum over the ways to group its
factors, of products of joint cumulants: of two entries their covariance (for independent entries δ·variance), of more
than two zero for a Gaussian. What is not known stays an expectation, as an atom. A function of one entry with a
symmetric law is averaged with its mirror image. None of this is shared with the rules of a derivation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from sympy import Expr, Integer, Mul

from .expectation import Covariance, Expectation, Variance, is_random, random_elements
from .functions import Indicator
from .keys import key
from .moments import Moments
from .polynomials import Exponent, Monomial, Poly, accumulate_all, add, constant, scale, single
from .sums import BoundSum, Delta, rebuild
from .tensors import Element, Tensor

if TYPE_CHECKING:
    from .normal_form import Normalizer

#: A product of more entries than this is not expanded: its groupings would be too many.
MAX_DEGREE = 6
_ONE = Fraction(1)


def average(normalizer: Normalizer, expr: Expr) -> Poly:
    """The normal form of an expectation, a variance or a covariance."""
    if isinstance(expr, Variance | Covariance):
        left, right = (normalizer.poly(a) for a in (expr.of[0], expr.of[-1]))
        whole = expected(normalizer, normalizer.multiply(left, right))
        apart = normalizer.multiply(expected(normalizer, left), expected(normalizer, right))
        return add(whole, scale(apart, -1))
    return expected(normalizer, normalizer.poly(expr.args[0]))  # type: ignore[arg-type]


def expected(normalizer: Normalizer, p: Poly) -> Poly:
    """The expectation of a polynomial, term by term."""
    out: Poly = {}
    for m, c in p.items():
        accumulate_all(out, _term(normalizer, m), c)
    return out


def _term(normalizer: Normalizer, m: Monomial) -> Poly:
    varying = {a: e for a, e in m if is_random(a)}
    if not varying:
        return {m: _ONE}
    constants: Poly = {frozenset((a, e) for a, e in m if a not in varying): _ONE}
    sums = [a for a, e in varying.items() if isinstance(a, BoundSum) and isinstance(e, int) and e > 0]
    if not sums:
        groups = (_group(normalizer, g) for g in _independent(varying))
        return normalizer.product([constants, *groups])
    inside: Poly = {frozenset((a, e) for a, e in varying.items() if a not in sums): _ONE}
    bound: list[Expr] = []
    for a in sums:
        for _ in range(int(varying[a])):
            body, fresh = a.open()  # type: ignore[attr-defined]
            bound += fresh
            inside = normalizer.multiply(inside, normalizer.poly(body))
    return normalizer.multiply(constants, normalizer.sum_over(expected(normalizer, inside), bound))  # type: ignore[arg-type]


def _independent(factors: Mapping[Expr, Exponent]) -> list[dict[Expr, Exponent]]:
    """Factors in groups that are independent of each other.

    Arrays that are not independent of all others may depend on each other; what is derived may depend on everything.
    """
    groups: list[tuple[set[str], dict[Expr, Exponent]]] = []
    tensors = {a: {e.tensor for e in random_elements(a)} for a in factors}
    if any(_moments(t).derived for found in tensors.values() for t in found):
        return [dict(factors)]
    for a, e in factors.items():
        names = {t.name if _moments(t).independent else "" for t in tensors[a]}
        members = {a: e}
        apart = []
        for others, held in groups:
            if others & names:
                names |= others
                members |= held
            else:
                apart.append((others, held))
        groups = [*apart, (names, members)]
    return [members for _, members in groups]


def _group(normalizer: Normalizer, factors: Mapping[Expr, Exponent]) -> Poly:
    entries = _entries(factors)
    if entries is not None:
        found = _by_cumulants(normalizer, entries)
        if found is not None:
            return found
    return _by_symmetry(normalizer, factors)


def _entries(factors: Mapping[Expr, Exponent]) -> list[Element] | None:
    """The entries of one array that a product consists of, each as often as it is a factor."""
    out: list[Element] = []
    for a, e in factors.items():
        if not isinstance(a, Element) or not isinstance(e, int) or not 0 < e <= MAX_DEGREE:
            return None
        if any(is_random(i) for i in a.indices):
            return None
        out += [a] * e
    one = len({e.tensor for e in out}) == 1 and not _moments(out[0].tensor).derived
    return sorted(out, key=key) if one and len(out) <= MAX_DEGREE else None


def _by_cumulants(normalizer: Normalizer, entries: Sequence[Element]) -> Poly | None:
    """E[x_a x_b …] = Σ over the groupings, of Π over the groups, of the joint cumulant of the group."""
    out: Poly = {}
    for grouping in _groupings(list(entries)):
        cumulants = [_cumulant(normalizer, group) for group in grouping]
        if any(c is not None and not c for c in cumulants):
            continue
        known = [c for c in cumulants if c is not None]
        if len(known) < len(cumulants):
            return None
        accumulate_all(out, normalizer.product(known), _ONE)
    return out


def _groupings(items: list[Element]) -> Iterator[list[list[Element]]]:
    if not items:
        yield []
        return
    first, *rest = items
    for grouping in _groupings(rest):
        yield [[first], *grouping]
        for at, group in enumerate(grouping):
            yield [*grouping[:at], [first, *group], *grouping[at + 1 :]]


def _cumulant(normalizer: Normalizer, group: Sequence[Element]) -> Poly | None:
    """The joint cumulant of entries of one array; empty where it is zero, None where it is not known."""
    moments = _moments(group[0].tensor)
    if len(group) == 1:
        return _mean(normalizer, group[0])
    if len(group) == 2:
        return _covariance(normalizer, *group)
    if moments.gaussian:
        return {}
    one = moments.independent or len(set(group)) == 1
    return {} if one and moments.symmetric and len(group) % 2 else None


def _mean(normalizer: Normalizer, x: Element) -> Poly:
    moments = _moments(x.tensor)
    if moments.mean is not None:
        return normalizer.poly(moments.mean.at(*x.indices))
    return {} if moments.symmetric else single(Expectation(x))


def _covariance(normalizer: Normalizer, x: Element, y: Element) -> Poly | None:
    moments = _moments(x.tensor)
    same = Mul(*(Delta(a, b) for a, b in zip(x.indices, y.indices, strict=True)))
    if moments.cov is not None and moments.cov.indices:
        return normalizer.poly(moments.cov.at(*x.indices, *y.indices))
    if moments.var is not None:
        var = moments.var.at(*x.indices)
        if moments.independent or same == 1:
            return normalizer.poly(same * var)
        return None if moments.cov is None else normalizer.poly(same * var + (1 - same) * moments.cov.body)
    if moments.independent:
        mean = _mean(normalizer, x)
        var_ = add(single(Expectation(x**2)), scale(normalizer.multiply(mean, mean), -1))
        return normalizer.multiply(normalizer.poly(same), var_)
    return None


def _by_symmetry(normalizer: Normalizer, factors: Mapping[Expr, Exponent]) -> Poly:
    """E[f(x)] = E[f(−x)] for an entry with a symmetric law; otherwise nothing is known, and it is an atom."""
    term: Poly = {frozenset(factors.items()): _ONE}
    atom = single(Expectation(normalizer.expr(term)))
    entries = {e for a in factors for e in random_elements(a)}
    if len(entries) != 1:
        return atom
    (x,) = entries
    if not _moments(x.tensor).symmetric or any(is_random(i) for i in x.indices):
        return atom
    settled = _one_sided(normalizer, term, x)
    if settled != term:
        return expected(normalizer, settled)
    mirrored = _mirrored(normalizer, factors, x)
    if mirrored == term:
        return atom
    if len(mirrored) == 1:
        ((m, c),) = mirrored.items()
        if m in term:
            return {} if c == -1 else atom
        shown = min(normalizer.expr(term), normalizer.expr({m: _ONE}), key=key)
        return scale(single(Expectation(shown)), _ONE if shown == normalizer.expr(term) else c)
    halves = scale(add(term, mirrored), Fraction(1, 2))
    if any(_mirrored(normalizer, dict(m), x) != {m: _ONE} for m in halves):
        return atom
    return expected(normalizer, halves)


def _mirrored(normalizer: Normalizer, factors: Mapping[Expr, Exponent], x: Element) -> Poly:
    turned = {a: rebuild(a, lambda e: Integer(-1) * x if e == x else None) for a in factors}
    powers = (normalizer.power(normalizer.poly(turned[a]), e) for a, e in factors.items())
    return _one_sided(normalizer, normalizer.product([constant(_ONE), *powers]), x)


def _one_sided(normalizer: Normalizer, p: Poly, x: Element) -> Poly:
    """x·[−x > 0] as x − x·[x > 0]: the two differ nowhere, for at zero there is x."""
    negative = Indicator(-x)
    out: Poly = {}
    for m, c in p.items():
        factors = dict(m)
        e = factors.get(x, 0)
        if negative in factors and isinstance(e, int) and e > 0:
            rest: Poly = {m - {(negative, factors[negative])}: _ONE}
            accumulate_all(out, normalizer.multiply(rest, normalizer.poly(1 - Indicator(x))), c)
        else:
            accumulate_all(out, {m: _ONE}, c)
    return out


def _moments(tensor: Tensor) -> Moments:
    found = tensor.domain.random
    assert found is not None
    return found
