"""Definitions by their names and back: a body replaced by its element wherever it occurs, or elements by the body.

Nothing here is trusted: each result becomes the right side of a step that the prover judges by other means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import permutations

from sympy import Add, Expr, Function, Integer, Mul, Pow, S

from .affine import body_at
from .derivation import Definition
from .simplification import collect, smaller, sum_out
from .sums import BoundSum, index_key, rebuild
from .tensors import Element, Index, Tensor


def unfold(expr: Expr, definition: Definition) -> Expr:
    """Every element of a definition replaced by its body."""
    tensor = definition.tensor
    return rebuild(expr, lambda e: body_at(definition, e) if isinstance(e, Element) and e.tensor == tensor else None)


def fold(expr: Expr, definition: Definition) -> Expr:
    """Every occurrence of a definition's body (at whatever indices) replaced by its element."""
    body = definition.body
    if isinstance(body, Element | Integer) or not body.atoms(Tensor) <= expr.atoms(Tensor):
        return expr

    def leaf(e: Expr) -> Expr | None:
        if type(e) is not type(body) and not (isinstance(e, Mul) and isinstance(body, Mul | Pow)):
            return None
        for sign in (1, -1) if isinstance(body, Add) else (1,):
            indices = match(sign * e, definition)
            if indices is not None:
                return sign * Element(definition.tensor, *indices)
        if isinstance(e, Mul) and isinstance(body, Mul):
            return _fold_product(e, definition) or _fold_into_sum(e, definition)
        return None

    return rebuild(expr, leaf)


def _fold_product(e: Expr, definition: Definition) -> Expr | None:
    """A product that contains all factors of the body, with other factors around it."""
    for indices in _index_guesses(e, definition):
        at = dict(zip(definition.indices, indices, strict=True))
        rest = _divided(e, [p.xreplace(at) for p in Mul.make_args(definition.body)])
        if rest is not None:
            return Mul(Element(definition.tensor, *indices), fold(rest, definition))
    return None


def _divided(product: Expr, wanted: Sequence[Expr]) -> Expr | None:
    """The product without the wanted factors, each there as it is, as a multiple, or below a larger root; else None."""
    factors = list(Mul.make_args(product))
    for part in wanted:
        for at, factor in enumerate(factors):
            rest = S.One if factor == part else _multiple(factor, part)
            if rest is not None:
                factors[at] = rest
                break
        else:
            return None
    return Mul(*factors)


def _multiple(factor: Expr, part: Expr) -> Expr | None:
    """factor/part, where that is a number and both are sums, or a power of the root or of the divisor that part is."""
    if isinstance(part, Add) and isinstance(factor, Add):
        (a, of), (b, other) = factor.primitive(), part.primitive()
        return a / b if of == other else -a / b if of == -other else None
    if isinstance(part, Pow) and isinstance(factor, Pow) and part.base == factor.base:
        p, q = part.exp, factor.exp
        divides = not p.is_Integer or p.is_negative
        if p.is_Rational and q.is_Rational and divides and q / p > 1:
            return Pow(part.base, q - p)
    return None


def _fold_into_sum(e: Expr, definition: Definition) -> Expr | None:
    """u Σ_i v_i, where the body has a factor of u and others of v_i."""
    for total in (f for f in e.args if isinstance(f, BoundSum)):
        body, bound = total.open()
        front = [f for f in e.args if f is not total]
        product = Mul(body, *front)
        for indices in _index_guesses(body, definition):
            at = dict(zip(definition.indices, indices, strict=True))
            rest = _divided(product, [p.xreplace(at) for p in Mul.make_args(definition.body)])
            if rest is not None:
                return sum_out(Mul(Element(definition.tensor, *indices), rest), bound)
    return None


def by_their_names(expr: Expr, definitions: Iterable[Definition]) -> Expr:
    """The expression with the names of definitions for what they say, the first ones first, where it is smaller.

    Only of those that say more than a product or a difference: a function, or one with a sum, root or quotient.
    """
    for definition in definitions:
        if not definition.pairing and _says_much(definition.body):
            folded = fold(expr, definition)
            if folded != expr:
                expr = smaller(expr, collect(folded))
    return expr


def _says_much(body: Expr) -> bool:
    powers = [p for p in body.atoms(Pow) if not p.exp.is_Integer or (p.exp.is_negative and p.base.has(Element))]
    return isinstance(body, Function) or body.has(BoundSum) or bool(powers)


def match(e: Expr, definition: Definition) -> tuple[Expr, ...] | None:
    """The indices at which an expression is a definition's body; None where it is not."""
    for indices in _index_guesses(e, definition):
        if definition.body.xreplace(dict(zip(definition.indices, indices, strict=True))) == e:
            return indices
    return None


def _index_guesses(e: Expr, definition: Definition) -> list[tuple[Expr, ...]]:
    """Index tuples at which ``e`` could be the body: read off the elements that carry all indices.

    Where no element carries all of them, as in Σ_k X[i, k] W[k, j], they are indices of ``e`` with the same dimensions.
    """
    if not definition.indices:
        return [()]
    names = set(definition.indices)
    guesses: dict[tuple[Expr, ...], None] = {}
    for pattern in sorted(definition.body.atoms(Element), key=str):
        at = {k: p for p, k in enumerate(pattern.indices) if k in names}
        if set(at) != names:
            continue
        for element in sorted(e.atoms(Element), key=str):
            if element.tensor == pattern.tensor:
                indices = tuple(element.indices[at[k]] for k in definition.indices)
                if not any(isinstance(k, Index) and k.is_bound for k in indices):
                    guesses[indices] = None
    if any(names <= set(pattern.indices) for pattern in definition.body.atoms(Element)):
        return list(guesses)
    free = sorted((k for k in e.free_symbols if isinstance(k, Index) and not k.is_bound), key=index_key)
    return [
        at
        for at in permutations(free, len(definition.indices))
        if all(k.dim == own.dim for k, own in zip(at, definition.indices, strict=True))
    ]
