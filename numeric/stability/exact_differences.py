"""Differences that are small where both sides are near 1: distributions minus targets, and 1 minus a named value.

Where P is the largest of a row that sums to 1, 1 − P is the sum of the others, without cancellation; so P − Y is
(1 − Y) minus that sum. For a label, where Y is 1, it is minus the sum of the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy
from sympy import Add, Expr, Mul, S, Tuple, exp, tanh

from ...calculus.derivation import Definition
from ...calculus.functions import sigmoid
from ...calculus.sums import BoundSum, Delta, bound_sum, substitute
from ...calculus.tensors import Element, Index
from .forms import ExpRatio, LogExpRatio, WeightedExponent, log1p
from .row_forms import Complement, Largest, LessMean, RowMinus, UnitMinus, ZeroSum, sigmoid_minus, tanh_minus
from .stable_rules import complement

Known = Mapping[str, Definition]


def row_total(e: Expr, c: Index, known: Known) -> Expr:
    """Σ_c e: 1 for deltas and for distributions that are computed; a plain sum of what nothing is known about.

    Rows that are given sum to 1 only as far as their dtype lets them.
    """
    if not e.has(c):
        return e * c.dim
    if isinstance(e, Add):
        return Add(*(row_total(t, c, known) for t in e.args))  # type: ignore[arg-type]
    if isinstance(e, Mul):
        inside = Mul(*(f for f in e.args if f.has(c)))
        outside = Mul(*(f for f in e.args if not f.has(c)))
        return outside * (bound_sum(inside, c) if isinstance(inside, Mul) else row_total(inside, c, known))
    if isinstance(e, Delta) and _points_along(e, c):
        return S.One
    if isinstance(e, ExpRatio):
        return Mul(bound_sum(exp(e.exponent), c), *(s**-k for s, k in e.sums))
    if isinstance(e, Element):
        if e.tensor.name in known and c in e.indices:
            return row_total(known[e.tensor.name].at(*e.indices), c, known)
    return bound_sum(e, c)


def _points_along(e: Expr, c: Index) -> bool:
    """Whether a delta is 1 at one place of the index c: a label below its dimension, or an index over it."""
    a, b = e.args
    other = b if a == c else a
    if c not in (a, b) or other.has(c):
        return False
    if isinstance(other, Element):
        return other.tensor.domain.below == c.dim
    return isinstance(other, Index) and other.dim == c.dim


def difference_of_distributions(e: Expr, known: Known) -> Expr | None:
    """P − Y for a distribution P that is computed, times any factor, from the sum of the other P where P is large."""
    for c in sorted((k for k in e.free_symbols if isinstance(k, Index)), key=str):
        for term, p in _computed(e, c, known):
            for at, target in enumerate(e.args):
                if (share := _share(term / p, target, c, known)) is None:
                    continue
                (t, left) = share
                found = _minus_delta(p, t, c) if isinstance(t, Delta) else RowMinus(p, t, c)
                if found is not None:
                    rest = [x for x in (*e.args[:at], *e.args[at + 1 :]) if x != term]
                    return Add(term / p * found, left, *rest)
            if sympy.expand(row_total(e, c, known)) == 0:
                deltas = [f for x in e.args for f in Mul.make_args(x) if isinstance(f, Delta) and f.has(c)]
                target = deltas[0] if len(set(deltas)) == 1 else S.Zero
                return _zero_sum(e, p, target, c)
    return None


def _computed(e: Expr, c: Index, known: Known) -> Iterator[tuple[Expr, Expr]]:
    """Terms that are a computed distribution over c times a factor without c, with that distribution."""
    for term in e.args:
        along = [f for f in Mul.make_args(term) if f.has(c)]
        if len(along) != 1 or isinstance(along[0], Delta | BoundSum):
            continue
        given = isinstance(along[0], Element) and along[0].tensor.name not in known
        if not given and row_total(along[0], c, known) == 1:
            yield term, along[0]  # type: ignore[misc]


def _share(front: Expr, target: Expr, c: Index, known: Known) -> tuple[Expr, Expr] | None:
    """(t, rest) where ``target = rest − front·t`` for a target t over c, with rest = 0 or another multiple of t."""
    along = [f for f in Mul.make_args(target) if f.has(c)]
    if len(along) != 1 or not (_points_along(along[0], c) if isinstance(along[0], Delta) else _given_rows(along[0], c)):
        return None
    ratio = -target / along[0] / front
    if not (ratio.is_Rational and ratio >= 1):
        return None
    return along[0], target + front * along[0]  # type: ignore[return-value]


def _given_rows(e: Expr, c: Index) -> bool:
    """Whether e is an entry of rows over c that are said to sum to 1."""
    if not isinstance(e, Element) or not (e.tensor.domain.rows or e.tensor.domain.onehot):
        return False
    return e.indices[-1] == c and not any(i.has(c) for i in e.indices[:-1])


def _minus_delta(p: Expr, t: Delta, c: Index) -> Expr | None:
    """p − δ: for a label of each row there, or for all positions, one row of the result for each."""
    at = t.args[t.args[0] == c]
    return -UnitMinus(p, c, at) if isinstance(at, Index) and not p.has(at) else _zero_sum(p, p, t, c)  # type: ignore[operator]


def complement_of_entry(e: Expr, known: Known) -> Expr | None:
    """1 − P for a distribution P that is computed, times any number, from the sum of the other P where P is largest."""
    number = e.as_coeff_Add()[0]
    if number == 0:
        return None
    for c in sorted((k for k in e.free_symbols if isinstance(k, Index)), key=str):
        for term, p in _computed(e, c, known):
            if term / p == -number:
                return Add(number * Complement(p, c), *(x for x in e.args if x not in (number, term)))
    return None


def less_mean(e: Expr, known: Known) -> Expr | None:
    """x − Σ P x for a distribution P that is computed. What all entries of x have in common changes nothing."""
    for at, total in enumerate(e.args):
        sums = [f for f in Mul.make_args(total) if isinstance(f, BoundSum)]
        if len(sums) != 1 or len(bound := (opened := sums[0].open())[1]) != 1:
            continue
        weighted, (k,) = -total / sums[0] * opened[0], bound
        for terms, x, c, p in (*_single(e, at, weighted, k), *_several(e, at, weighted, k)):
            if not total.has(c) and is_computed(p, k, known):
                rest = [t for t in e.args if t != total and t not in terms]
                x = Add(*(_moving(t, c) for t in Add.make_args(x)))
                sign = -1 if x.could_extract_minus_sign() else 1
                return Add(LessMean(sign * x, substitute(p, {k: c}), c, sign), *rest)  # type: ignore[operator]
    return None


def _moving(t: Expr, c: Index) -> Expr:
    """What a term has that is not the same for all c: of log(eᵛ/Σ eᵛ), that is v."""
    number, f = t.as_coeff_Mul()
    if isinstance(f, LogExpRatio) and not isinstance(f.exponent, WeightedExponent):
        return number * f.exponent if not any(s.has(c) for s, _ in f.sums) else t  # type: ignore[no-any-return]
    return t if t.has(c) else S.Zero


def sum_of_distribution(e: Expr, known: Known) -> Expr | None:
    """Σ P = 1 for a distribution P that is computed."""
    body, bound = e.open()  # type: ignore[attr-defined]
    if len(bound) == 1 and is_computed(body, bound[0], known):
        return S.One
    return None


Candidate = tuple[tuple[Expr, ...], Expr, Index, Expr]


def _single(e: Expr, at: int, weighted: Expr, k: Index) -> Iterator[Candidate]:
    """A term, as terms and as their sum, an index of it that may be the one summed over, and what is then P."""
    for x in (*e.args[:at], *e.args[at + 1 :]):
        for c in sorted((i for i in x.free_symbols if isinstance(i, Index) and i.dim == k.dim), key=str):
            yield (x,), x, c, weighted / substitute(x, {c: k})  # type: ignore[misc, operator]


def _several(e: Expr, at: int, weighted: Expr, k: Index) -> Iterator[Candidate]:
    """The same for a sum of terms, such as log P + 1, that stands as a factor under the sum."""
    others = (*e.args[:at], *e.args[at + 1 :])
    for f in Mul.make_args(weighted):
        rest = weighted / f
        if not isinstance(f, Add) or len(others) < len(f.args):
            continue
        for p in (g for g in Mul.make_args(rest) if g.has(k)):
            for c in sorted((i for i in e.free_symbols if isinstance(i, Index) and i.dim == k.dim), key=str):
                x = substitute(sympy.expand_mul(rest / p * f), {k: c})
                if all(t in others for t in Add.make_args(x)):
                    yield Add.make_args(x), x, c, p  # type: ignore[misc]


def is_computed(p: Expr, c: Index, known: Known) -> bool:
    """Whether p is a distribution over c that is computed."""
    if isinstance(p, Element) and p.tensor.name not in known:
        return False
    return isinstance(p, Element | ExpRatio) and row_total(p, c, known) == 1


def _zero_sum(x: Expr, p: Expr, target: Expr, c: Index) -> Expr | None:
    """The form for rows x: at the label of a target that is a delta, else where p is largest."""
    at: Expr = Largest(p, c)
    less: tuple[Expr, ...] = ()
    if isinstance(target, Delta):
        a, b = target.args
        at = b if a == c else a  # type: ignore[assignment]
        taken = [t for t in Add.make_args(x) if t.has(target)]
        x = Add(*(t for t in Add.make_args(x) if t not in taken))
        less = (substitute(-Add(*taken) / target, {c: at}) if taken else S.One,)
    free = {k for k in at.free_symbols if isinstance(k, Index)} - {c}
    own = {k for k in x.free_symbols if isinstance(k, Index)}
    one_row = isinstance(target, Delta) and own == {c}
    return ZeroSum(x, c, at, *less) if (free <= own or one_row) and c in own and not Tuple(*less).has(Delta) else None


def sigmoid_minus_target(e: Expr, known: Known) -> Expr | None:
    """σ(u) − t for a target t that is given, times any factor."""
    for term in e.args:
        for f in Mul.make_args(term):
            body = _unit(f, known)
            if not isinstance(body, sigmoid):
                continue
            front = term / f
            for other in e.args:
                t = -other / front
                if isinstance(t, Element) and _is_array(t, known) and not body.has(t):
                    rest = [x for x in e.args if x not in (term, other)]
                    return Add(front * sigmoid_minus(body.args[0], t), *rest)
    return None


def _is_array(t: Element, known: Known) -> bool:
    """Whether t is an entry of an argument, not a parameter, which is a Python number."""
    return t.tensor.name not in known and t.tensor.domain.value is None


def complement_of_named(e: Expr, known: Known) -> Expr | None:
    """1 − s for a named s = σ(u): σ(−u); 1 − a² for a = tanh(u): sech²(u). Neither is 0 where s or a rounds to 1."""
    for element in sorted(e.atoms(Element), key=str):
        body = _unit(element, known)
        if not isinstance(body, sigmoid | tanh):
            continue
        opened = e.xreplace({element: body})
        better = complement(opened) if isinstance(opened, Add) else None
        if better is not None:
            return better.xreplace({body: element})
    return None


def difference_of_units(e: Expr, known: Known) -> Expr | None:
    """tanh(a) − tanh(b), times any factor, where both may be near the same limit."""
    for term in sorted(e.args, key=lambda t: t.could_extract_minus_sign()):
        for f in Mul.make_args(term):
            for other in e.args if isinstance(_unit(f, known), tanh) else ():
                g = -other * f / term
                if g == f or not isinstance(_unit(g, known), tanh):
                    continue
                a, b = (_unit(x, known).args[0] for x in (f, g))
                return Add(term / f * tanh_minus(a, b), *(t for t in e.args if t not in (term, other)))
    return None


def log_of_complement(e: Expr, known: Known) -> Expr | None:
    """log(1 − p) of a given p is log1p(−p): 1 − p would round a small p away. A computed one is unfolded instead."""
    p = 1 - e.args[0]
    return log1p(-p) if isinstance(p, Element) and _is_array(p, known) else None


def _unit(e: Expr, known: Known) -> Expr:
    """What the definition of a named value says; anything else itself."""
    return known[e.tensor.name].at(*e.indices) if isinstance(e, Element) and e.tensor.name in known else e
