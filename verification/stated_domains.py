"""Domains that somebody states beside a reference: ``--inputs "Z: n C, Y: n C onehot"``.

What is proved of all arrays that the reference takes holds for these. Code that is for some of them only is judged on
those that are stated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sympy import Expr

from ..calculus.sums import rebuild
from ..calculus.tensors import REAL, Element, Tensor
from .reference import Formulas
from .subjects.binding import Binding, declared, paired_with
from .subjects.protocol import Subject


def at_stated_domains(formulas: Formulas, subject: Subject, stated: Sequence[Tensor]) -> Formulas:
    """The formulas of a reference for arrays of which more is known: what is stated, where it is within the domain."""
    if not any(s.domain != REAL and s.domain.is_within(REAL) for s in stated):
        return formulas
    new: dict[Tensor, Tensor] = {}
    for s, t in paired_with(subject, [s for s in stated if s.name in subject.parameter_names], formulas.givens):
        if s.domain.is_within(t.domain) and not t.domain.is_within(s.domain):
            new[t] = Tensor(t.name, t.dims, replace(s.domain, value=t.domain.value), t.description)
    return _of(formulas, new) if new else formulas


def _of(formulas: Formulas, new: Mapping[Tensor, Tensor]) -> Formulas:
    """The formulas with other arrays in the place of some givens."""

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Element) and e.tensor in new:
            return Element(new[e.tensor], *(rebuild(i, leaf, new.keys()) for i in e.indices))
        return None

    return replace(
        formulas,
        givens=tuple(new.get(t, t) for t in formulas.givens),
        definitions=tuple(replace(d, body=rebuild(d.body, leaf, new.keys())) for d in formulas.definitions),
        wrt=tuple(new.get(t, t) for t in formulas.wrt),
        upstream=None if formulas.upstream is None else new.get(formulas.upstream, formulas.upstream),
    )


def not_used(binding: Binding, stated: Sequence[Tensor]) -> list[str]:
    """What is stated of arrays and neither narrows what the reference says nor follows from it: nobody tried it."""
    bound = dict(zip(binding.arguments, binding.tensors, strict=True))
    pairs = [(s, bound[s.name]) for s in stated if s.name in bound and s.domain.is_within(REAL)]
    apart = [(s, t) for s, t in pairs if not (s.domain.is_within(t.domain) or t.domain.is_within(s.domain))]
    return [f"{declared(s)}: that is not among what the reference takes, {declared(t)}" for s, t in apart]
