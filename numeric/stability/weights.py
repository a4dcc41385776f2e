"""Exponentials with weights: ``w exp(v)`` for a w that is known to be at least 0, such as a mask, as one exponential.

Where w is 0 the exponent counts as −∞. So a sum is shifted by the largest v among the terms that are in it, and an
exponential outside the sum is 0, however large its v is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from sympy import Expr, Function, Mul, S, exp

from ...calculus.affine import has_one_term
from ...calculus.derivation import Definition
from ...calculus.functions import Indicator
from ...calculus.sums import BoundSum, Delta, bound_sum, rebuild
from ...calculus.tensors import REAL, Domain, Element, Index, Tensor
from .forms import MaskedExponent, WeightedExponent, is_exp_sum


def as_exp_sum(e: Expr) -> Expr | None:
    """Σ w exp(v) as a sum of exponentials and nothing else; None where e is no such sum."""
    if is_exp_sum(e):
        return e
    if not isinstance(e, BoundSum) or not isinstance(e.body, Mul):
        return None
    body, bound = e.open()
    exponentials = [f for f in body.args if isinstance(f, exp)]
    weight = Mul(*(f for f in body.args if f not in exponentials))
    if len(exponentials) != 1 or not is_weight(weight):
        return None
    (exponential,) = exponentials
    own = tuple(k for k in bound if not exponential.has(k))  # such as t in Σ_t δ(k, i − t), which is [k ≤ i]
    kept = tuple(k for k in bound if k not in own)
    if not kept:
        return None
    return bound_sum(exp(weighted(exponential.args[0], bound_sum(weight, *own))), *kept)


def weighted(exponent: Expr, weight: Expr) -> Expr:
    """The logarithm of ``weight * exp(exponent)``, which no longer is a sum: SymPy makes w eᵛ of exp(v + log(w))."""
    if weight == 1:
        return exponent
    return (MaskedExponent if is_two_valued(weight) else WeightedExponent)(exponent, weight)


def split_weight(factors: Sequence[Expr], totals: Sequence[Expr]) -> tuple[Expr, list[Expr]]:
    """The weight that one of these sums has at some index, where it is among the factors, and the other factors."""
    places = list(dict.fromkeys(i for f in factors for i in index_expressions(f)))
    for total in totals:
        body, bound = total.open()  # type: ignore[attr-defined]
        if not isinstance(body.args[0], WeightedExponent):
            continue
        own = body.args[0].args[1]
        inside = [k for k in bound if own.has(k)]
        for chosen in product(places, repeat=len(inside)):
            wanted = Mul.make_args(own.xreplace(dict(zip(inside, chosen, strict=True))))
            if all(w in factors for w in wanted):
                return Mul(*wanted), [f for f in factors if f not in wanted]
    return S.One, list(factors)


def index_expressions(e: Expr) -> list[Expr]:
    found = [i for a in sorted(e.atoms(Element), key=str) for i in a.indices]
    return found + sorted((k for k in e.free_symbols if isinstance(k, Index)), key=str)


def is_weight(e: Expr) -> bool:
    """Surely at least 0, and made of entries and deltas alone."""
    return bool(e.is_nonnegative) and not any(not isinstance(f, Indicator) for f in e.atoms(Function))


def is_two_valued(e: Expr) -> bool:
    """Surely 0 or 1."""
    if isinstance(e, Element):
        return e.tensor.domain.mask or e.tensor.domain.onehot
    if isinstance(e, Mul):
        return all(map(is_two_valued, e.args))  # type: ignore[arg-type]
    if isinstance(e, BoundSum):
        return has_one_term(e) and is_two_valued(e.body)
    return e == 1 or isinstance(e, Delta | Indicator)


def with_signs(expr: Expr, known: Mapping[str, Definition]) -> Expr:
    """The definitions that are weights, such as a causal mask, with a domain that says so."""
    if not expr.has(exp):  # elsewhere SymPy would only take roots of products apart
        return expr
    found: dict[str, Tensor] = {}
    read = sorted({t.name for t in expr.atoms(Tensor)} & known.keys())
    return _renamed(expr, {n: t for n in read if (t := _signed(known[n], known, found)) != known[n].tensor})


def without_signs(expr: Expr, known: Mapping[str, Definition]) -> Expr:
    """The definitions as they were."""
    return _renamed(expr, {n: d.tensor for n, d in known.items()})


def _signed(definition: Definition, known: Mapping[str, Definition], found: dict[str, Tensor]) -> Tensor:
    """The array of a definition with its domain. found: those of definitions that were looked at, by name."""
    tensor = definition.tensor
    if tensor.domain != REAL:
        return tensor
    if tensor.name not in found:
        read = sorted({t.name for t in definition.body.atoms(Tensor)} & known.keys())
        body = _renamed(definition.body, {n: _signed(known[n], known, found) for n in read})
        domain = Domain(mask=True) if is_two_valued(body) else Domain(nonnegative=True)
        found[tensor.name] = Tensor(tensor.name, tensor.dims, domain) if is_weight(body) else tensor
    return found[tensor.name]


def _renamed(expr: Expr, tensors: Mapping[str, Tensor]) -> Expr:
    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Element) and e.tensor.name in tensors and e.tensor != tensors[e.tensor.name]:
            return Element(tensors[e.tensor.name], *e.indices)
        return None

    return rebuild(expr, leaf) if any(t.name in tensors for t in expr.atoms(Tensor)) else expr
