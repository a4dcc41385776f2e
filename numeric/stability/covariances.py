"""Weighted covariances: Σ P x y − (Σ P x)(Σ P y) is Σ P (x − Σ P x)(y − Σ P y) for a distribution P.

The first form cancels where x and y have a mean that is large beside how far their entries are apart. It comes up in
derivatives by a temperature, and in Hessians.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sympy import Add, Expr, Mul, Pow

from ...calculus.derivation import Definition
from ...calculus.sums import BoundSum, bound_sum, substitute
from ...calculus.tensors import Index
from .exact_differences import is_computed
from .row_forms import LessMean


def covariance(e: Expr, known: Mapping[str, Definition]) -> Expr | None:
    """The difference of such sums, times any factor, from what is left of x and y without their means."""
    for term in e.args:
        for first, second in _pairs(term):  # type: ignore[arg-type]
            front = -term / first / second  # type: ignore[operator]
            for p, x, y, k in _weighted(first, second):
                mean_of_product = front * bound_sum(p * x * y, k)
                if is_computed(p, k, known) and mean_of_product in e.args:
                    spread = p * LessMean(x, p, k, 1) * LessMean(y, p, k, 1)
                    return Add(front * bound_sum(spread, k), *(t for t in e.args if t not in (term, mean_of_product)))
    return None


def _pairs(term: Expr) -> Iterator[tuple[BoundSum, BoundSum]]:
    """Two sums among the factors of a term, each over one index."""
    sums = []
    for f in Mul.make_args(term):
        base, power = f.as_base_exp() if isinstance(f, Pow) else (f, 1)
        if isinstance(base, BoundSum) and power in (1, 2) and len(base.open()[1]) == 1:
            sums += [base] * int(power)
    for at, first in enumerate(sums):
        for second in sums[at + 1 :]:
            yield first, second


def _weighted(first: BoundSum, second: BoundSum) -> Iterator[tuple[Expr, Expr, Expr, Index]]:
    """(p, x, y, k) for Σ_k p x and Σ_k p y."""
    (body, (k,)), (other, (own,)) = first.open(), second.open()
    if own.dim != k.dim:
        return
    other = substitute(other, {own: k})
    for p in Mul.make_args(body):
        if p.has(k) and p in Mul.make_args(other):
            yield p, body / p, other / p, k
