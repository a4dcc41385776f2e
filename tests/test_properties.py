"""Random tensor expressions: gradients agree, rewritings are proved equal, different expressions are never proved equal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sympy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nnmath.calculus.backward import Backward
from nnmath.calculus.balls import Valuation
from nnmath.calculus.derivation import Counterexample, Definition, Verdict
from nnmath.calculus.functions import Indicator, Where, absolute, relu, sigmoid, softplus
from nnmath.calculus.letters import Letters
from nnmath.calculus.prover import Prover
from nnmath.calculus.sampling import points
from nnmath.calculus.simplification import bottom_up
from nnmath.calculus.sums import BoundSum, Delta, Partial, bound_sum, rebuild
from nnmath.calculus.tensors import Element, Index, Tensor, fresh_index
from sympy import Add, Expr, Integer, Mul, Pow, S, exp, log, tanh


def _helper(name: str) -> Any:
    """A module beside this file: the tests are no package, and their folder is not on the path."""
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    import sys

    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


random_expressions = _helper("random_expressions")
N, M, SIZES, INPUTS, SMOOTH = (getattr(random_expressions, x) for x in ("N", "M", "SIZES", "INPUTS", "SMOOTH"))
Writer, Evaluator = random_expressions.Writer, random_expressions.Evaluator
FREE = (Index("i", N), Index("a", M))


def examples(count: int) -> Callable[[Any], Any]:
    """The same examples in every run, so that a failure is a failure of the commit."""
    quiet = settings(
        max_examples=count, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    return lambda test: quiet(given(st.randoms(use_true_random=False))(test))


# -- rewritings: (name, what a sub-expression becomes, or None where it does not apply) --------------------------------------

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


def rename_bound(rng: Random, e: Expr) -> Expr | None:
    """Bound names that are also free ones."""
    if not isinstance(e, BoundSum):
        return None
    body, ks = e.open()
    taken = body.free_symbols
    names = [next(n for n in (*"ijab", *"klcd") if Index(n, k.dim) not in taken) for k in ks]
    if len(set(names)) < len(names):
        return None
    new = {k: Index(n, k.dim) for k, n in zip(ks, names, strict=True)}
    return bound_sum(body.xreplace(new), *new.values())


def count_dimension(rng: Random, e: Expr) -> Expr | None:
    """e = Σ_k e / n."""
    k = fresh_index(N)
    return bound_sum(e / N, k)


def times_a_row(rng: Random, e: Expr) -> Expr | None:
    """Rows sum to 1."""
    k = fresh_index(M)
    return bound_sum(e * random_expressions.Q[0, k], k)


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
    *(rename_bound, count_dimension, times_a_row, add_nothing, exponentials, exp_and_log, cases),
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
