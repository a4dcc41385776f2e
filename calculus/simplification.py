"""Local simplifications that the steps of a derivation apply: deltas contract, factors leave sums, terms are collected.

Nothing here is trusted: each result becomes the right side of a step that the prover judges by other means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import permutations
from itertools import product as iterate

import sympy
from sympy import Add, Expr, Mul, Pow, S

from .affine import contractions
from .cancellation import cancelled
from .functions import Where
from .index_order import index_orders
from .ranges import is_affine
from .sums import BoundSum, Delta, Partial, bound_sum, count_nodes
from .tensors import Element, Index


def bottom_up(expr: Expr, visit: Callable[[Expr], Expr]) -> Expr:
    """Rewrite every sub-expression, inner ones first, opening sums on the way. Derivative nodes stay whole."""
    if not expr.args or isinstance(expr, Element | Partial):
        return visit(expr)
    if isinstance(expr, BoundSum):
        body, fresh = expr.open()
        return visit(bound_sum(bottom_up(body, visit), *fresh))
    args = [bottom_up(a, visit) for a in expr.args]  # type: ignore[arg-type]
    changed = any(a is not b for a, b in zip(args, expr.args, strict=True))
    return visit(expr.func(*args) if changed else expr)


def contract_deltas(expr: Expr) -> Expr:
    """Σ_i δ(i, j) f(i) = f(j), everywhere; sums are split only as far as a delta needs it. Then factors leave sums."""
    return bottom_up(expr, lambda e: _contract(e) if isinstance(e, BoundSum) else e)


def _contract(node: BoundSum) -> Expr:
    body, fresh = node.open()
    return sum_out(body, fresh)


def sum_out(body: Expr, bound: Iterable[Index]) -> Expr:
    """Σ over ``bound`` of a body: deltas contracted, factors without a bound index in front.

    [j ≤ i] = Σ_t δ(j + t, i) stays one factor.
    """
    bound = tuple(bound)
    if not bound:
        return body
    body, bound = _orders_apart(body, bound)
    inside = set(bound)
    if isinstance(body, Add):
        if _deltas(body, inside):
            return Add(*(sum_out(t, bound) for t in body.args))
        return _close(body, bound)
    factors = Mul.make_args(body)
    if any(isinstance(f, Where) and _deltas(f, inside) for f in factors):
        body = Mul(*(deltas_in_front(*f.args) if isinstance(f, Where) else f for f in factors))
        factors = Mul.make_args(body)
    for delta in factors:
        if isinstance(delta, Delta):
            others = tuple(f for f in factors if f is not delta)
            for drop, keep in contractions(delta, others, bound):
                return sum_out(Mul(*others).xreplace({drop: keep}), tuple(k for k in bound if k != drop))
    for at, factor in enumerate(factors):
        if isinstance(factor, Add) and _deltas(factor, inside):
            others = (*factors[:at], *factors[at + 1 :])
            return Add(*(sum_out(Mul(*others, term), bound) for term in factor.args))
        if isinstance(factor, BoundSum) and _deltas(factor, inside) and not _is_order(factor):
            inner, fresh = factor.open()
            others = (*factors[:at], *factors[at + 1 :])
            return sum_out(Mul(*others, inner), (*bound, *fresh))
    return _close(body, bound)


def deltas_in_front(x: Expr, a: Expr, b: Expr) -> Expr:
    """``Where(x, a, b)`` with the deltas of both branches in front of it, where a sum can contract them.

    Branches with different deltas of affine indices become two terms, each with its own in front.
    """
    terms = [Mul.make_args(t) for branch in (a, b) if branch != 0 for t in Add.make_args(branch)]
    found = [{f for f in factors if isinstance(f, Delta)} for factors in terms]
    common = set.intersection(*found) if found else set()
    ones = dict.fromkeys(common, S.One)
    a, b = a.xreplace(ones), b.xreplace(ones)
    apart = [[f for f in Mul.make_args(branch) if isinstance(f, Delta)] for branch in (a, b)]
    if any(is_affine(index) for deltas in apart for delta in deltas for index in delta.args):
        a, b = (Mul(*(f for f in Mul.make_args(branch) if not isinstance(f, Delta))) for branch in (a, b))
        return Mul(*common, *apart[0], Where(x, a, S.Zero)) + Mul(*common, *apart[1], Where(x, S.Zero, b))
    return Mul(*common, Where(x, a, b))


def _deltas(expr: Expr, inside: set[Index]) -> bool:
    return any(not inside.isdisjoint(d.free_symbols) for d in expr.atoms(Delta))


def _close(body: Expr, bound: tuple[Index, ...]) -> Expr:
    """Σ with the factors that have no bound index in front; an index that does not occur counts its dimension."""
    body, bound = _orders_apart(body, bound)
    inside = set(bound)
    front = [f for f in Mul.make_args(body) if f.free_symbols.isdisjoint(inside)]
    rest = Mul(*(f for f in Mul.make_args(body) if not f.free_symbols.isdisjoint(inside)))
    used = tuple(k for k in bound if k in rest.free_symbols)
    for k in bound:
        if k not in used:
            front.append(k.dim)
    return Mul(*front, bound_sum(rest, *used))


def _orders_apart(body: Expr, bound: tuple[Index, ...]) -> tuple[Expr, tuple[Index, ...]]:
    """The body with each index that only counts in [j ≤ i] = Σ_t δ(j + t, i) summed over there; the other indices."""
    factors = list(Mul.make_args(body))
    for t in bound:
        holders = [f for f in factors if t in f.free_symbols]
        if len(bound) > 1 and len(holders) == 1 and _is_order(order := bound_sum(holders[0], t)):
            factors[factors.index(holders[0])] = order
            bound = tuple(k for k in bound if k != t)
    return Mul(*factors), bound


def _is_order(total: Expr) -> bool:
    """Whether it is [j ≤ i]: of a window, which has two ends, the delta is used as it is."""
    return len(index_orders(total) or ()) == 1


def collect(expr: Expr) -> Expr:
    """Common factors of the terms of a sum in front: a b + a c = a (b + c). Numeric factors stay where they are.

    Then factors that a product shares with denominators inside of it are cancelled.
    """

    def visit(e: Expr) -> Expr:
        if isinstance(e, Add):
            return _collect(e)
        return _without_leading_minus(_merged_exponentials(e)) if isinstance(e, Mul) else e

    found = bottom_up(expr, visit)
    shorter = cancelled(found)
    return found if shorter == found else bottom_up(shorter, visit)


def _merged_exponentials(expr: Expr) -> Expr:
    """exp(2 u) exp(−u) as exp(u): SymPy leaves them apart where u is a sum."""
    factors = Mul.make_args(expr)
    powers: dict[Expr, Expr] = {}
    for factor in (f for f in factors if isinstance(f, sympy.exp)):
        content, u = factor.args[0].as_content_primitive()
        content, u = (-content, -u) if u.could_extract_minus_sign() else (content, u)
        powers[u] = powers.get(u, S.Zero) + content
    if len(powers) == sum(isinstance(f, sympy.exp) for f in factors):
        return expr
    return Mul(*(f for f in factors if not isinstance(f, sympy.exp)), *(sympy.exp(c * u) for u, c in powers.items()))


def _without_leading_minus(expr: Expr) -> Expr:
    """−(a − b) as b − a, where that has no more minus signs and does not put a number last."""
    if not isinstance(expr, Mul):
        return expr
    factors = list(expr.args)
    sums = [at for at, f in enumerate(factors) if isinstance(f, Add)]
    if not (factors[0].is_Number and factors[0].is_negative) or len(sums) != 1:
        return expr
    inner = factors[sums[0]]
    negative = sum(t.could_extract_minus_sign() for t in inner.args)
    if 2 * negative < len(inner.args) or inner.as_coeff_Add()[0].is_positive:
        return expr
    factors[sums[0]] = -inner
    return Mul(-factors[0], *factors[1:])


def _collect(expr: Expr) -> Expr:
    common: dict[Expr, Expr] | None = None
    for term in expr.args:
        powers = dict(_base_and_power(f) for f in Mul.make_args(term) if not f.is_Number)
        if common is None:
            common = powers
        else:
            merged = {}
            for base, power in common.items():
                other = powers.get(base)
                if other is not None and power.is_Rational and other.is_Rational:
                    if (power > 0) == (other > 0):
                        merged[base] = min(power, other, key=abs)
                elif other == power:
                    merged[base] = power
            common = merged
    front = Mul(*(Pow(b, p) for b, p in (common or {}).items()))
    if front == 1:
        return expr
    inner = Add(*(_merged_exponentials(t / front) for t in expr.args))
    return Mul(front, inner, evaluate=not (front.is_Number and isinstance(inner, Add)))


def _base_and_power(factor: Expr) -> tuple[Expr, Expr]:
    if isinstance(factor, sympy.exp):
        return factor, S.One
    base, power = factor.as_base_exp()
    return base, power


def sum_rows(expr: Expr) -> Expr:
    """Σ_c Y[i, c] = 1 wherever the rows of Y are declared to sum to 1."""

    def visit(e: Expr) -> Expr:
        if not isinstance(e, BoundSum):
            return e
        body, bound = e.open()
        factors = Mul.make_args(body)
        for factor in factors:
            if _is_distribution(factor) and factor.indices[-1] in bound:
                (*others, k), rest = factor.indices, Mul(*(f for f in factors if f is not factor))
                if k.dim == factor.tensor.dims[-1] and k not in others and not rest.has(k):
                    return bottom_up(_close(rest, tuple(i for i in bound if i != k)), visit)
        return e

    return bottom_up(expr, visit)


def _is_distribution(e: Expr) -> bool:
    """Whether it is an entry of an array whose rows are declared to sum to 1."""
    return isinstance(e, Element) and bool(e.tensor.domain.rows or e.tensor.domain.onehot) and e.is_inside


def sum_rows_apart(expr: Expr) -> Expr:
    """The same where that takes multiplying out, Σ_c Y[i, c] (W[c] − s) = Σ_c Y[i, c] W[c] − s, if it is smaller."""
    found = sum_rows(expr)
    apart = split_sums(expr)
    summed = sum_rows(apart)
    return smaller(found, collect(summed)) if summed != apart else found


def split_sums(expr: Expr) -> Expr:
    """Σ (a + b) = Σ a + Σ b and a (b + c) = a b + a c inside sums; constant factors leave the sum."""

    def visit(e: Expr) -> Expr:
        if isinstance(e, BoundSum):
            body, fresh = e.open()
            body = sympy.expand_mul(body)
            return Add(*(_close(t, fresh) for t in Add.make_args(body)))
        return e

    return sympy.expand_mul(bottom_up(expr, visit))


def merge_sums(expr: Expr) -> Expr:
    """Σ a + Σ b over the same dimensions as one sum."""

    def visit(e: Expr) -> Expr:
        if not isinstance(e, Add):
            return e
        groups: dict[tuple[Expr, ...], list[Expr]] = {}
        indices: dict[tuple[Expr, ...], tuple[Index, ...]] = {}
        rest: list[Expr] = []
        for term in e.args:
            sums = [f for f in Mul.make_args(term) if isinstance(f, BoundSum)]
            if len(sums) != 1:
                rest.append(term)
                continue
            dims = tuple(k.dim for k in sums[0].bound)
            body, fresh = sums[0].open()
            chosen = indices.setdefault(dims, fresh)
            body = body.xreplace(dict(zip(fresh, chosen, strict=True)))
            groups.setdefault(dims, []).append(Mul(body, *(f for f in Mul.make_args(term) if f is not sums[0])))
        return Add(*rest, *(bound_sum(Add(*terms), *indices[dims]) for dims, terms in groups.items()))

    return bottom_up(expr, visit)


def one_sum(expr: Expr) -> Expr:
    """Sums over the same dimensions as one, if they share a factor or are of entries: Σ_i X_ie (P_ic − Y_ic)."""

    def visit(e: Expr) -> Expr:
        if not isinstance(e, Add):
            return e
        sums = [t for t in e.args if isinstance(t.as_coeff_Mul()[1], BoundSum) and not _is_window(t)]
        if len(sums) < 2:
            return e
        number = _common_number([t.as_coeff_Mul()[0] for t in sums])
        rest = Add(*(t for t in e.args if t not in sums))
        shortest = e
        for terms in (sums, *_nested(sums)):
            merged = merge_sums(Add(*(t / number for t in terms)))
            if len(Add.make_args(merged)) < len(sums):
                merged = number * collect(merged)
                if not any(_is_mixed(s.body) for s in merged.atoms(BoundSum)):
                    shortest = smaller(shortest, merged + rest)
        return shortest

    return bottom_up(expr, visit)


def _nested(sums: list[Expr]) -> Iterator[list[Expr]]:
    """The terms with sums inside of sums, over the dimensions of the shortest one outside: Σ_i Σ_q a_i b_iq there."""
    outer = min((t.as_coeff_Mul()[1].bound for t in sums), key=len)
    choices: list[list[Expr]] = []
    for term in sums:
        number, total = term.as_coeff_Mul()
        body, bound = total.open()
        choices.append([term] if len(bound) == len(outer) else [])
        for mine in permutations(bound, len(outer)) if len(outer) < len(bound) <= MOST_NESTED else ():
            if all(k.dim == own.dim for k, own in zip(mine, outer, strict=True)):
                inner = tuple(k for k in bound if k not in mine)
                choices[-1].append(number * bound_sum(_close(body, inner), *mine))
    if any(len(t.as_coeff_Mul()[1].bound) > len(outer) for t in sums):
        yield from map(list, iterate(*choices))


#: Sums over more indices than these are not taken apart.
MOST_NESTED = 3


def _common_number(numbers: list[Expr]) -> Expr:
    """The number that rational numbers share, below zero where all of them are: −1/2 of −1/2 and −3/2."""
    if not all(n.is_Rational for n in numbers):
        return S.One
    shared = sympy.Rational(sympy.igcd(*(n.p for n in numbers)), sympy.ilcm(*(n.q for n in numbers)))
    return -shared if all(n.is_negative for n in numbers) else shared


def _is_window(total: Expr) -> bool:
    """Whether a delta of an affine index puts the terms of a sum into their places."""
    return any(is_affine(index) for delta in total.atoms(Delta) for index in delta.args)


def _is_mixed(body: Expr) -> bool:
    """Whether it is a sum of products."""
    terms = Add.make_args(body)
    return len(terms) > 1 and not all(isinstance(t.as_coeff_Mul()[1], Element | Delta) for t in terms)


def expand_logarithms(expr: Expr) -> Expr:
    """log(a b) = log a + log b, log(a/b) = log a − log b, log(aᵖ) = p log a for positive a, b; log(eˣ) = x."""
    return bottom_up(expr, lambda e: sympy.expand_log(e, deep=False) if isinstance(e, sympy.log) else e)


def smaller(a: Expr, b: Expr) -> Expr:
    """The smaller of two forms; the first where they are of one size."""
    return b if count_nodes(b) < count_nodes(a) else a
