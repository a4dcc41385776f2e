"""Softmax under its name: exp(u)/Σ exp(u) in a formula becomes one entry, however the factors are spread.

Every exp(u) is written S·T, with S the softmax of u and T the sum of its exponentials. Where the powers of T cancel,
``exp(x_i) (δ_ij Σ_k exp(x_k) − exp(x_j)) / (Σ_k exp(x_k))²`` is ``S_i (δ_ij − S_j)``; where they do not, it stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import permutations

from sympy import Add, Dummy, Expr, Mul, Pow, S, exp
from sympy.core.function import Function

from .simplification import smaller, sum_out
from .sums import BoundSum, occurrences
from .tensors import Element, Index, Tensor


class SoftmaxEntry(Function):
    """``SoftmaxEntry(u, m)``: the entry at m of the softmax of u along m, exp(u) / Σ_m exp(u)."""

    nargs = 2


#: More indices than these beside the one along which softmax is taken are not looked for: examples, heads, queries.
MOST = 3


class _NotHomogeneous(Exception):
    """The sums of exponentials do not cancel."""


def by_softmax(expr: Expr, *, one_too: bool) -> Expr:
    """The formula with entries of softmax in it where that makes it shorter.

    one_too: also where there is no more than one quotient exp(u)/Σ exp(u), which reads as well as it is.
    """
    if not one_too and sum(1 for _ in occurrences(expr, exp)) < 3:
        return expr
    return smaller(expr, named_softmax(expr))


def named_softmax(expr: Expr) -> Expr:
    """The formula with entries of softmax in it, as large a part of it at a time as possible."""
    rows = _Rows.of(expr)
    if not rows.known:
        return expr
    try:
        found, powers = rows.split(rows.replaced(expr))
    except _NotHomogeneous:
        powers, found = {S.One: 1}, expr
    if not powers:
        return found
    if isinstance(expr, BoundSum):
        body, bound = expr.open()
        return sum_out(named_softmax(body), bound)
    if not isinstance(expr, Add | Mul | Pow | Function):
        return expr
    return expr.func(*map(named_softmax, expr.args))  # type: ignore[arg-type]


@dataclass
class _Rows:
    """What softmax is taken of: u, the index along which it is taken, and the other indices of u, at most MOST."""

    known: list[tuple[Expr, Index, tuple[Index, ...], Tensor]] = field(default_factory=list)

    @classmethod
    def of(cls, expr: Expr) -> _Rows:
        """Those whose sum of exponentials stands in a denominator."""
        rows = cls()
        for total in _denominators(expr):
            body, bound = total.open()
            if len(bound) != 1 or not isinstance(body, exp):
                continue
            (k,), u = bound, body.args[0]
            others = tuple(sorted(_indices(u) - {k}, key=str))
            if k in _indices(u) and len(others) <= MOST and rows._entry(u) is None:
                tensor = Tensor(f"T{Dummy().dummy_index}", tuple(i.dim for i in others))
                rows.known.append((u, k, others, tensor))
        return rows

    def _entry(self, u: Expr) -> tuple[Index, Expr] | None:
        """The index along which u is normalised and its sum, if exp(u) is a numerator of a known row."""
        free = _indices(u)
        for known, k, others, tensor in self.known:
            for m, *at in permutations(sorted(free, key=str), 1 + len(others)):
                if (m.dim, *(i.dim for i in at)) == (k.dim, *tensor.dims):
                    renamed = dict(zip((k, *others), (m, *at), strict=True))
                    if known.xreplace(renamed) == u:
                        return m, Element(tensor, *at)
        return None

    def replaced(self, e: Expr) -> Expr:
        """exp(u) as S·T, and Σ exp(u) as T."""
        if isinstance(e, exp):
            return Mul(*(self._exponential(t) for t in ([e.args[0]] if self._entry(e.args[0]) else _terms(e.args[0]))))
        if isinstance(e, BoundSum):
            body, bound = e.open()
            if isinstance(body, exp) and len(bound) == 1 and (found := self._entry(body.args[0])) is not None:
                if found[0] == bound[0]:
                    return found[1]
            return sum_out(self.replaced(body), bound)
        if not isinstance(e, Add | Mul | Pow | Function):
            return e
        return e.func(*map(self.replaced, e.args))  # type: ignore[arg-type]

    def _exponential(self, term: Expr) -> Expr:
        times, u = term.as_coeff_Mul()
        found = self._entry(u) if times.is_Integer else None
        if found is None:
            times, u = S.One, term
            found = self._entry(term)
        return exp(term) if found is None else (SoftmaxEntry(u, found[0]) * found[1]) ** times

    def split(self, e: Expr) -> tuple[Expr, Mapping[Expr, Expr]]:
        """A factor without sums of exponentials, and the powers of these."""
        if isinstance(e, Element) and any(e.tensor == t for *_, t in self.known):
            return S.One, {e: S.One}
        if isinstance(e, Mul):
            parts = [self.split(f) for f in e.args]  # type: ignore[arg-type]
            powers: dict[Expr, Expr] = {}
            for _, own in parts:
                for total, power in own.items():
                    powers[total] = powers.get(total, S.Zero) + power
            return Mul(*(f for f, _ in parts)), {t: p for t, p in powers.items() if p != 0}
        if isinstance(e, Add):
            return self._sum([self.split(t) for t in e.args])  # type: ignore[arg-type]
        if isinstance(e, Pow) and e.exp.is_Integer:
            base, own = self.split(e.base)
            return base**e.exp, {t: p * e.exp for t, p in own.items()}
        if isinstance(e, BoundSum):
            return self._bound_sum(*e.open())
        if isinstance(e, Pow | Function) and not isinstance(e, SoftmaxEntry):
            parts = [self.split(a) for a in e.args]  # type: ignore[arg-type]
            if any(own for _, own in parts):
                raise _NotHomogeneous
            return e.func(*(a for a, _ in parts)), {}
        return e, {}

    @staticmethod
    def _sum(parts: list[tuple[Expr, Mapping[Expr, Expr]]]) -> tuple[Expr, Mapping[Expr, Expr]]:
        if any(own != parts[0][1] for _, own in parts):
            raise _NotHomogeneous
        return Add(*(term for term, _ in parts)), parts[0][1]

    def _bound_sum(self, body: Expr, bound: tuple[Index, ...]) -> tuple[Expr, Mapping[Expr, Expr]]:
        inner, own = self.split(body)
        if any(_indices(total) & set(bound) for total in own):
            raise _NotHomogeneous
        if isinstance(inner, SoftmaxEntry) and bound == (inner.args[1],):
            return S.One, own
        return sum_out(inner, bound), own


def _terms(e: Expr) -> tuple[Expr, ...]:
    return Add.make_args(e)


def _indices(e: Expr) -> set[Index]:
    return {s for s in e.free_symbols if isinstance(s, Index)}


def _denominators(e: Expr) -> Iterator[BoundSum]:
    """Sums with a negative power, sums opened on the way."""
    if isinstance(e, BoundSum):
        e = e.open()[0]
    if isinstance(e, Pow) and isinstance(e.base, BoundSum) and e.exp.is_Integer and e.exp.is_negative:
        yield e.base
    for a in e.args:
        if isinstance(a, Expr) and not isinstance(e, Element):
            yield from _denominators(a)
