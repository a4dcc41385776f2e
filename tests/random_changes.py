"""Random changes of an expression: rewritings, which leave its value alone, and mutations, which hardly ever do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import sympy
from random_expressions import FREE, M, N, Q, Writer
from sympy import Add, Expr, Integer, Mul, Pow, S, exp, log, tanh

from nnmath.calculus.functions import Indicator, Where, absolute, relu, sigmoid, softplus
from nnmath.calculus.simplification import bottom_up
from nnmath.calculus.sums import BoundSum, Delta, bound_sum
from nnmath.calculus.tensors import Element, Index, fresh_index

#: What a sub-expression becomes, or None where the change does not apply.
Rewriting = Callable[[Random, Expr], Expr | None]


def distribute(rng: Random, e: Expr) -> Expr | None:
    if not isinstance(e, Mul):
        return None
    sums = [f for f in e.args if isinstance(f, Add)]
    return Add(*(t * (e / sums[0]) for t in sums[0].args)) if sums else None


def split_sum(rng: Random, e: Expr) -> Expr | None:
    if not isinstance(e, BoundSum):
        return None
    body, ks = e.open()
    body = sympy.expand_mul(body, deep=False)
    return Add(*(bound_sum(t, *ks) for t in body.args)) if isinstance(body, Add) else None


def merge_sums(rng: Random, e: Expr) -> Expr | None:
    """Σ_k f + r = Σ_k (f + r·δ(k, 0)): the rest moves into the sum."""
    if not isinstance(e, Add):
        return None
    sums = [t for t in e.args if isinstance(t, BoundSum) and len(t.bound) == 1]
    if not sums:
        return None
    body, (k,) = sums[0].open()
    return bound_sum(body + (e - sums[0]) * Delta(k, Integer(0)), k)


def factor_out(rng: Random, e: Expr) -> Expr | None:
    if not isinstance(e, BoundSum):
        return None
    body, ks = e.open()
    front = [f for f in Mul.make_args(body) if f.free_symbols.isdisjoint(ks)]
    return Mul(*front) * bound_sum(body / Mul(*front), *ks) if front else None


def factor_in(rng: Random, e: Expr) -> Expr | None:
    if not isinstance(e, Mul):
        return None
    sums = [f for f in e.args if isinstance(f, BoundSum)]
    if not sums:
        return None
    body, ks = sums[0].open()
    return bound_sum(body * (e / sums[0]), *ks)


def swap_order(rng: Random, e: Expr) -> Expr | None:
    if not isinstance(e, BoundSum):
        return None
    body, ks = e.open()
    if len(ks) > 1:
        return bound_sum(bound_sum(body, *ks[:-1]), ks[-1])
    if not isinstance(body, BoundSum):
        return None
    inner, ls = body.open()
    return rng.choice((bound_sum(bound_sum(inner, *ks), *ls), bound_sum(inner, *ls, *ks)))


def square_as_product(rng: Random, e: Expr) -> Expr | None:
    if not (isinstance(e, Pow) and e.exp == 2 and isinstance(e.base, BoundSum)):
        return None
    (one, ks), (two, ls) = e.base.open(), e.base.open()
    return bound_sum(one * two, *ks, *ls)


def insert_delta(rng: Random, e: Expr) -> Expr | None:
    """f(j) = Σ_k δ(k, j) f(k)."""
    indices = [k for k in e.free_symbols if isinstance(k, Index)]
    if not indices or isinstance(e, Index):
        return None
    j = rng.choice(sorted(indices, key=str))
    k = fresh_index(j.dim)
    return bound_sum(Delta(k, j) * e.xreplace({j: k}), k)


def count_dimension(rng: Random, e: Expr) -> Expr | None:
    """e = Σ_k e / n."""
    k = fresh_index(N)
    return bound_sum(e / N, k)


def times_a_row(rng: Random, e: Expr) -> Expr | None:
    """Rows sum to 1."""
    k = fresh_index(M)
    return bound_sum(e * Q[0, k], k)


def add_nothing(rng: Random, e: Expr) -> Expr | None:
    more = Writer(rng, kinks=False).real(FREE, 1)
    return e + sympy.expand((more + 1) ** 2) - (more**2 + 2 * more + 1)


def exponentials(rng: Random, e: Expr) -> Expr | None:
    if isinstance(e, tanh):
        x = e.args[0]
        return rng.choice(((exp(x) - exp(-x)) / (exp(x) + exp(-x)), 1 - 2 / (exp(2 * x) + 1), 2 * sigmoid(2 * x) - 1))
    if isinstance(e, sigmoid):
        x = e.args[0]
        return rng.choice((1 / (1 + exp(-x)), exp(x) / (1 + exp(x)), 1 - sigmoid(-x), (1 + tanh(x / 2)) / 2))
    if isinstance(e, softplus):
        x = e.args[0]
        return rng.choice((log(1 + exp(x)), x + softplus(-x), -log(sigmoid(-x))))
    return None


def exp_and_log(rng: Random, e: Expr) -> Expr | None:
    if isinstance(e, exp):
        more = Writer(rng, kinks=False).element(FREE)
        return Mul(exp(e.args[0] + more), exp(-more), evaluate=False)
    if isinstance(e, log):
        more = Writer(rng, kinks=False).positive(FREE, 1)
        return rng.choice((log(e.args[0] * more) - log(more), log(e.args[0] ** 2) / 2, 2 * log(sympy.sqrt(e.args[0]))))
    return None


def cases(rng: Random, e: Expr) -> Expr | None:
    if isinstance(e, relu):
        x = e.args[0]
        return rng.choice((Where(x, x, S.Zero), x * Indicator(x), (x + absolute(x)) / 2, x + relu(-x)))
    if isinstance(e, absolute):
        x = e.args[0]
        return rng.choice((relu(x) + relu(-x), Where(x, x, -x), absolute(-x)))
    if isinstance(e, Where):
        x, a, b = e.args
        return rng.choice((Where(3 * x, a, b), Where(x * exp(b), a, b), b + (a - b) * Indicator(x)))
    return None


REWRITINGS: tuple[Rewriting, ...] = (
    *(distribute, split_sum, merge_sums, factor_out, factor_in, swap_order, square_as_product, insert_delta),
    *(count_dimension, times_a_row, add_nothing, exponentials, exp_and_log, cases),
)


def is_site(e: Expr) -> bool:
    """Numbers stay: exponents are to remain numbers."""
    return not isinstance(e, Index) and not e.is_Number


def sites(expr: Expr) -> int:
    """How many sub-expressions a rewriting may be tried at."""
    counted = [0]

    def count(e: Expr) -> Expr:
        counted[0] += is_site(e)
        return e

    bottom_up(expr, count)
    return counted[0]


def at_site(expr: Expr, chosen: int, change: Callable[[Expr], Expr | None]) -> Expr:
    """The expression with one sub-expression changed, sums opened around it."""
    seen = [-1]

    def visit(e: Expr) -> Expr:
        seen[0] += is_site(e)
        if seen[0] == chosen and is_site(e):
            new = change(e)
            return e if new is None else new
        return e

    return bottom_up(expr, visit)


def changed(rng: Random, expr: Expr, changes: Sequence[Rewriting]) -> tuple[Expr, str]:
    """One of the changes at a random place; an empty name where none was found that applies."""
    for _ in range(4):
        change = rng.choice(changes)
        order = list(range(sites(expr)))
        rng.shuffle(order)
        for site in order[:12]:
            new = at_site(expr, site, lambda e: change(rng, e))  # noqa: B023
            if new != expr:
                return new, change.__name__
    return expr, ""


def rewritten(rng: Random, expr: Expr) -> tuple[Expr, list[str]]:
    """One to three rewritings at random places, and their names."""
    names: list[str] = []
    for _ in range(rng.randint(1, 3)):
        expr, name = changed(rng, expr, REWRITINGS)
        names.append(name)
    return expr, names


# -- mutations ---------------------------------------------------------------------------------------------------------


def flip_sign(rng: Random, e: Expr) -> Expr | None:
    return -e


def double(rng: Random, e: Expr) -> Expr | None:
    return 2 * e


def swap_index(rng: Random, e: Expr) -> Expr | None:
    if not isinstance(e, Element) or not e.indices:
        return None
    at = rng.randrange(len(e.indices))
    names = [k for k in (*FREE, Index("j", N), *e.indices) if isinstance(k, Index) and k.dim == e.tensor.dims[at]]
    others = [k for k in (*names, Integer(0)) if k != e.indices[at]]
    return Element(e.tensor, *e.indices[:at], rng.choice(others), *e.indices[at + 1 :]) if others else None


def drop_term(rng: Random, e: Expr) -> Expr | None:
    return Add(*e.args[1:]) if isinstance(e, Add) else None


def drop_factor(rng: Random, e: Expr) -> Expr | None:
    return Mul(*e.args[1:]) if isinstance(e, Mul) else None


def raise_power(rng: Random, e: Expr) -> Expr | None:
    return e * e.base if isinstance(e, Pow) else None


def other_function(rng: Random, e: Expr) -> Expr | None:
    others = {tanh: sympy.sin, sigmoid: tanh, softplus: relu, relu: absolute, absolute: relu, exp: softplus, log: tanh}
    return others[type(e)](e.args[0]) if type(e) in others else None


def forget_sum(rng: Random, e: Expr) -> Expr | None:
    """Σ_k f(k) as f(0), or as f(j) for a free j: the captured index."""
    if not isinstance(e, BoundSum):
        return None
    body, ks = e.open()
    return body.xreplace({k: rng.choice([Integer(0), *(f for f in FREE if f.dim == k.dim)]) for k in ks})


def tie_indices(rng: Random, e: Expr) -> Expr | None:
    """(Σ_k f)(Σ_l g) as Σ_k f g."""
    sums = [f for f in e.args if isinstance(f, BoundSum) and len(f.bound) == 1] if isinstance(e, Mul) else []
    if len(sums) < 2 or sums[0].bound[0].dim != sums[1].bound[0].dim:
        return None
    (one, (k,)), (two, (m,)) = sums[0].open(), sums[1].open()
    return e / sums[0] / sums[1] * bound_sum(one * two.xreplace({m: k}), k)


MUTATIONS: tuple[Rewriting, ...] = (
    *(flip_sign, double, swap_index, swap_index, drop_term, drop_factor, raise_power, other_function),
    *(forget_sum, tie_indices),
)
