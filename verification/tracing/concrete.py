"""Formulas at concrete sizes: dimensions become numbers and sums are written out, entry by entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from math import prod

from sympy import Add, Expr, Integer, Symbol, sympify

from ...calculus.derivation import Definition
from ...calculus.sums import BoundSum, bound_sum, rebuild
from ...calculus.tensors import Element, Index, Tensor

#: A sum with more terms than this is not written out.
MAX_TERMS = 4096


def tensor_at(tensor: Tensor, sizes: Mapping[Symbol, Expr]) -> Tensor:
    """The tensor with concrete dimensions."""
    domain = tensor.domain
    if domain.below is not None:
        domain = replace(domain, below=domain.below.xreplace(sizes))
    return Tensor(tensor.name, tuple(d.xreplace(sizes) for d in tensor.dims), domain, tensor.description)


def index_at(index: Index, sizes: Mapping[Symbol, Expr]) -> Index:
    return Index(index.name, index.dim.xreplace(sizes))


def at_sizes(expr: Expr, sizes: Mapping[Symbol, Expr], most: int = MAX_TERMS) -> Expr:
    """The formula at other sizes, with sums over concrete dimensions written out, along those dimensions.

    most: a sum with more terms stays one; 0 for all of them.
    """
    exact = {s: sympify(v) for s, v in sizes.items()}

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Element):
            tensor = tensor_at(e.tensor, exact)
            if tensor.domain.below == 1:  # the one label that there is
                return Integer(0)
            return Element(tensor, *(rebuild(i, leaf) for i in e.indices))
        if isinstance(e, Index):
            return index_at(e, exact)
        if isinstance(e, Symbol):
            return exact.get(e)
        if isinstance(e, BoundSum):
            body, fresh = e.open()
            kept = {i: index_at(i, exact) for i in fresh}
            fixed = {i: int(k.dim) for i, k in kept.items() if k.dim.is_Integer}
            if prod(fixed.values()) > most:
                fixed = {}
            rest = [k for i, k in kept.items() if i not in fixed]
            terms = []
            for at in product(*map(range, fixed.values())):
                here = {**kept, **dict(zip(fixed, map(Integer, at), strict=True))}
                terms.append(bound_sum(rebuild(body.xreplace(here), leaf), *rest))
            return Add(*terms)
        return None

    return rebuild(expr, leaf)


def definition_at(definition: Definition, sizes: Mapping[Symbol, Expr], most: int = MAX_TERMS) -> Definition:
    """A definition at other sizes; most: as in :func:`at_sizes`."""
    exact = {s: sympify(v) for s, v in sizes.items()}
    indices = tuple(index_at(i, exact) for i in definition.indices)
    body = at_sizes(definition.body, exact, most)
    return replace(definition, tensor=tensor_at(definition.tensor, exact), indices=indices, body=body)
