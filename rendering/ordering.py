"""The order in which terms and factors are written, and what goes above and below the fraction bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sympy import Add, Expr, Integer, Mul, Pow, Rational, S, Symbol, exp, log
from sympy.core.function import Function

from ..calculus.sums import BoundSum, Delta, Partial, count_nodes
from ..calculus.tensors import Element, Index
from .names import GREEK


@dataclass(frozen=True)
class Fraction:
    """``±number · over / under``, the number above as an integer factor of ``over`` where it is not 1."""

    negative: bool
    over: tuple[Expr, ...]
    under: tuple[Expr, ...]


def fraction(term: Expr) -> Fraction:
    """A product taken apart; roots of numbers are gathered: √2/(2√π) is 1/√(2π)."""
    over: list[Expr] = []
    under: list[Expr] = []
    number: Expr = S.One
    for factor in Mul.make_args(term):
        if factor.is_Rational:
            number *= factor
        elif isinstance(factor, Pow) and factor.exp.as_coeff_Mul()[0].is_negative:
            under.append(Pow(factor.base, -factor.exp))
        elif factor.is_Float and factor.is_negative:
            number, over = -number, [*over, -factor]
        else:
            over.append(factor)
    over, under, number = _gather_roots(over, under, number)
    p, q = abs(Integer(number.p)), Integer(number.q)
    return Fraction(bool(number < 0), ((p,) if p != 1 else ()) + tuple(over), ((q,) if q != 1 else ()) + tuple(under))


def _gather_roots(over: list[Expr], under: list[Expr], number: Expr) -> tuple[list[Expr], list[Expr], Expr]:
    above = [f for f in over if _is_root(f)]
    below = [f for f in under if _is_root(f)]
    for root in [f for f in above if f.base.is_Integer and number.q % f.base == 0]:
        above.remove(root)
        below.append(root)
        number *= root.base
    top: Expr = Mul(*(f.base for f in above))
    bottom: Expr = Mul(*(f.base for f in below))
    over = [f for f in over if not _is_root(f)]
    under = [f for f in under if not _is_root(f)]
    if top != 1 and bottom != 1:
        over.append(Pow(top / bottom, S.Half, evaluate=False))
    elif top != 1:
        over.append(Pow(top, S.Half, evaluate=False))
    elif bottom != 1:
        under.append(Pow(bottom, S.Half, evaluate=False))
    return over, under, number


def _is_root(factor: Expr) -> bool:
    return isinstance(factor, Pow) and factor.exp == S.Half and factor.base.is_number


def absorb_sign(term: Expr) -> Expr:
    """−(Y − P)/n as (P − Y)/n: where a difference only carries a number or a dimension along."""
    factors = Mul.make_args(term)
    sums = [f for f in factors if isinstance(f, Add)]
    rest = [f for f in factors if not isinstance(f, Add)]
    plain = all(f.is_number or all(isinstance(s, Symbol) for s in f.atoms(Symbol, Element)) for f in rest)
    if len(sums) == 1 and plain and Mul(*rest).as_coeff_Mul()[0].is_negative and any(map(is_negative, sums[0].args)):
        return Mul(-Mul(*rest), Add(*(-t for t in sums[0].args)))
    return term


def is_negative(term: Expr) -> bool:
    return bool(term.as_coeff_Mul()[0].is_negative)


def ordered_terms(sum_: Expr, letters: Mapping[Index, str], places: Mapping[str, int]) -> list[Expr]:
    """Positive terms first; numbers, then sums, then by degree and by the order in which tensors are introduced."""
    terms = [absorb_sign(t) for t in Add.make_args(sum_)]
    only_dimensions = all(isinstance(t, Symbol) or t.is_number for t in terms)

    only_scalars = not any(e.indices for e in sum_.atoms(Element))

    def key(term: Expr) -> tuple[object, ...]:
        factors = Mul.make_args(term)
        return (
            is_negative(term),
            term.is_number == only_dimensions,
            (all if only_scalars else any)(_kind(f) == 3 for f in factors),
            not any(isinstance(f, BoundSum) for f in factors),
            _degree(factors),
            [_factor_key(f, letters, places, False) for f in ordered_factors(factors, letters, places)],
        )

    return sorted(terms, key=key)


def _degree(factors: Sequence[Expr]) -> int:
    return sum(int(f.exp) if isinstance(f, Pow) and f.exp.is_Integer else not f.is_number for f in factors)


def ordered_factors(factors: Sequence[Expr], letters: Mapping[Index, str], places: Mapping[str, int]) -> list[Expr]:
    """Numbers, dimensions, parameters, deltas, elements, functions, differences; derivatives in chain order; sums.

    Beside entries of arrays every scalar counts as a parameter: (1 − β) g_i, c x_i.
    """
    beside_arrays = any(e.indices for f in factors for e in f.atoms(Element))
    ordered = sorted(factors, key=lambda f: _factor_key(f, letters, places, beside_arrays))
    chain = _chain([f for f in ordered if isinstance(f, Partial)])
    return [chain.pop(0) if isinstance(f, Partial) else f for f in ordered]


def _chain(partials: list[Partial]) -> list[Partial]:
    """∂L/∂P before ∂P/∂Z: a factor follows the one that is differentiated by what it differentiates."""
    out: list[Partial] = []
    left = list(partials)
    while left:
        inner = {p.of.tensor for p in left if isinstance(p.of, Element)}
        last = out[-1].wrt.tensor if out else None
        fits = [p for p in left if isinstance(p.of, Element) and p.of.tensor == last]
        sources = {p.wrt.tensor for p in left}
        heads = [p for p in left if not (isinstance(p.of, Element) and p.of.tensor in sources)] if inner else []
        chosen = (fits or heads or left)[0]
        out.append(chosen)
        left.remove(chosen)
    return out


def _factor_key(
    factor: Expr, letters: Mapping[Index, str], places: Mapping[str, int], beside_arrays: bool
) -> tuple[object, ...]:
    base = factor.base if isinstance(factor, Pow) and not factor.exp.is_negative else factor
    seen = {index: at for at, index in enumerate(letters)}
    free = [seen[i] for i in base.free_symbols if isinstance(i, Index) and i in seen]
    rank = len(base.indices) if isinstance(base, Element) else 0
    first = min(free, default=len(seen))
    size = count_nodes(base) if isinstance(base, Add) else 0
    decays = isinstance(base, exp) and is_negative(base.args[0])
    kind = _kind(base)
    if beside_arrays and kind in (5, 7) and not any(e.indices for e in base.atoms(Element)) and base.atoms(Element):
        kind, first = 3, len(seen)
    return (kind, first, rank, size, decays, _place(base, places), str(base) if not free else "")


def _kind(f: Expr) -> int:
    if f.is_number:
        return 0 if isinstance(f, Rational) else 1
    if isinstance(f, Symbol):
        return 2
    if isinstance(f, Element) and not f.indices:
        return 3 if f.tensor.name in GREEK or f.tensor.domain.value is not None else 5
    for at, kinds in ((4, Delta), (5, Element), (8, log), (6, Function), (7, Add), (9, Partial), (10, BoundSum)):
        if isinstance(f, kinds):
            return at
    return 6


def _place(f: Expr, places: Mapping[str, int]) -> tuple[int, str]:
    names = sorted({e.tensor.name for e in f.atoms(Element)}, key=lambda n: (places.get(n, len(places)), n))
    return (places.get(names[0], len(places)), names[0]) if names else (-1, "")
