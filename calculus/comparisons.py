"""``e > 0`` as a reader writes it: ``x > λ`` for x − λ, ``x < 3`` for 3 − x, ``a > b`` for a − b."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Add, Expr, S

from .tensors import Element, Index


@dataclass(frozen=True)
class Comparison:
    """``left > right``, or ``left < right`` where ``greater`` is False."""

    left: Expr
    greater: bool
    right: Expr


def comparison(expr: Expr) -> Comparison:
    """What ``expr > 0`` says: the variable on the left, numbers and parameters on the right."""
    terms = Add.make_args(expr)
    loose = [t for t in terms if not _is_fixed(t)]
    if len(loose) == 1:
        slope, variable = loose[0].as_coeff_Mul()
        return Comparison(variable, bool(slope > 0), -Add(*(t for t in terms if t is not loose[0])) / slope)
    if len(terms) == 2 and terms[0].could_extract_minus_sign() != terms[1].could_extract_minus_sign():
        below, above = sorted(terms, key=lambda t: not t.could_extract_minus_sign())
        return Comparison(above, True, -below)
    number, rest = expr.as_coeff_Add()
    slope = rest.as_coeff_Mul()[0] or S.One
    return Comparison(rest / slope, bool(slope > 0), -number / slope)


def _is_fixed(term: Expr) -> bool:
    """A number, or made of parameters and sizes."""
    elements = term.atoms(Element)
    tensors = {e.tensor for e in elements}
    return all(t.domain.value is not None for t in tensors) and not any(isinstance(s, Index) for s in term.free_symbols)
