"""Formulas at concrete sizes: dimensions become numbers and sums are written out, entry by entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product

from sympy import Add, Expr, Integer, Symbol

from ...calculus.derivation import Definition
from ...calculus.sums import BoundSum, rebuild
from ...calculus.tensors import Element, Index, Tensor

#: A sum with more terms than this is not written out.
MAX_TERMS = 4096


def tensor_at(tensor: Tensor, sizes: Mapping[Symbol, Expr]) -> Tensor:
    """The tensor with concrete dimensions."""
    domain = tensor.domain
    if domain.below is not None:
        domain = replace(domain, below=domain.below.xreplace(sizes))
    return Tensor(tensor.name, tuple(d.xreplace(sizes) for d in tensor.dims), domain, tensor.description)


def at_sizes(expr: Expr, sizes: Mapping[Symbol, Expr]) -> Expr:
    """The formula at concrete sizes, with sums over concrete dimensions written out."""
    exact = {s: Integer(v) for s, v in sizes.items()}

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Element):
            return Element(tensor_at(e.tensor, exact), *(rebuild(i, leaf) for i in e.indices))
        if isinstance(e, Index):
            return Index(e.name, e.dim.xreplace(exact))
        if isinstance(e, Symbol):
            return exact.get(e)
        if isinstance(e, BoundSum):
            body, fresh = e.open()
            dims = [i.dim.xreplace(exact) for i in fresh]
            count = Integer(1)
            for d in dims:
                count = count * d
            if not count.is_Integer or count > MAX_TERMS:
                return None
            places = product(*(range(int(d)) for d in dims))
            return Add(
                *(rebuild(body.xreplace(dict(zip(fresh, map(Integer, at), strict=True))), leaf) for at in places)
            )
        return None

    return rebuild(expr, leaf)


def definition_at(definition: Definition, sizes: Mapping[Symbol, Expr]) -> Definition:
    """A definition at concrete sizes."""
    exact = {s: Integer(v) for s, v in sizes.items()}
    indices = tuple(Index(i.name, i.dim.xreplace(exact)) for i in definition.indices)
    return replace(
        definition, tensor=tensor_at(definition.tensor, exact), indices=indices, body=at_sizes(definition.body, exact)
    )
