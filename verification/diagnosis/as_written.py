"""The derivation of what the code computes, once its slip is known: its floating point is then judged on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sympy import Expr, Integer

from ...calculus.derivation import Definition, Derivation, Part
from ...calculus.sums import rebuild
from ...calculus.tensors import Element, Tensor


def as_written(derivation: Derivation, formulas: Sequence[Definition], factors: Mapping[str, Expr]) -> Derivation:
    """The derivation with other formulas, and each wanted gradient times a factor (1 where none is given)."""
    wanted = {r.name: r for r in derivation.wanted}
    inner = {d.tensor: Tensor(f"{d.name}_inner", d.tensor.dims, d.tensor.domain) for d in formulas if d.name in wanted}

    def renamed(e: Expr) -> Expr | None:
        return Element(inner[e.tensor], *e.indices) if isinstance(e, Element) and e.tensor in inner else None

    definitions = [
        Definition(inner.get(d.tensor, d.tensor), d.indices, rebuild(d.body, renamed), d.pairing) for d in formulas
    ]
    parts = []
    for name, result in wanted.items():
        tensor = Tensor(f"{name}_inner", result.dims)
        body = factors.get(name, Integer(1)) * Element(tensor, *result.indices)
        parts.append(Part(None, (), replace(result, expr=body)))
    return replace(derivation, definitions=tuple(definitions), parts=tuple(parts))
