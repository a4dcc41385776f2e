"""Formulas at concrete sizes: dimensions become numbers and sums are written out, entry by entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from math import prod

from sympy import Add, Expr, Integer, Symbol

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


def at_sizes(expr: Expr, sizes: Mapping[Symbol, Expr]) -> Expr:
    """The formula at concrete sizes, with sums over concrete dimensions written out, along those dimensions."""
    exact = {s: Integer(v) for s, v in sizes.items()}

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Element):
            tensor = tensor_at(e.tensor, exact)
            if tensor.domain.below == 1:  # the one label that there is
                return Integer(0)
            return Element(tensor, *(rebuild(i, leaf) for i in e.indices))
        if isinstance(e, Index):
            return Index(e.name, e.dim.xreplace(exact))
        if isinstance(e, Symbol):
            return exact.get(e)
        if isinstance(e, BoundSum):
            body, fresh = e.open()
            fixed = [(i, int(d)) for i in fresh if (d := i.dim.xreplace(exact)).is_Integer]
            if not fixed or prod(d for _, d in fixed) > MAX_TERMS:
                return None
            rest = [i for i in fresh if i not in {j for j, _ in fixed}]
            kept = {i: Index(i.name, i.dim.xreplace(exact)) for i in rest}
            terms = []
            for at in product(*(range(d) for _, d in fixed)):
                here = {**kept, **{i: Integer(k) for (i, _), k in zip(fixed, at, strict=True)}}
                terms.append(bound_sum(rebuild(body.xreplace(here), leaf), *kept.values()))
            return Add(*terms)
        return None

    return rebuild(expr, leaf)


def definition_at(definition: Definition, sizes: Mapping[Symbol, Expr]) -> Definition:
    """A definition at concrete sizes."""
    exact = {s: Integer(v) for s, v in sizes.items()}
    indices = tuple(Index(i.name, i.dim.xreplace(exact)) for i in definition.indices)
    return replace(
        definition, tensor=tensor_at(definition.tensor, exact), indices=indices, body=at_sizes(definition.body, exact)
    )
