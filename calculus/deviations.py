"""Deviations from a mean sum to 0: Σ_i (x_i − m) where m is the mean of x, written out or defined before.

Not trusted: the result is the right side of a step that the prover judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sympy import Add, Expr, S, expand_mul

from .affine import body_at
from .derivation import Definition
from .simplification import bottom_up, sum_out
from .sums import BoundSum, rebuild
from .tensors import Element, Index, Tensor


def without_deviations(expr: Expr, definitions: Mapping[Tensor, Definition]) -> Expr:
    """The expression with 0 for each sum of deviations from a mean."""

    def visit(e: Expr) -> Expr:
        return S.Zero if isinstance(e, BoundSum) and _vanishes(*e.open(), definitions) else e

    return bottom_up(expr, visit)


def _vanishes(body: Expr, bound: tuple[Index, ...], definitions: Mapping[Tensor, Definition]) -> bool:
    """Whether a sum is 0 term by term: some of its terms do not vary, and the others sum to what these do."""
    if not isinstance(body, Add):
        return False
    constant = [t for t in body.args if t.free_symbols.isdisjoint(bound)]
    if not constant or len(constant) == len(body.args):
        return False
    named = {e: body_at(definitions[e.tensor], e) for t in constant for e in _defined(t, definitions)}
    return any(_total(rebuild(body, by.get), bound) == 0 for by in ([{}, named] if named else [{}]))


def _total(body: Expr, bound: tuple[Index, ...]) -> Expr:
    return Add(*(sum_out(t, bound) for t in Add.make_args(expand_mul(body))))


def _defined(term: Expr, definitions: Mapping[Tensor, Definition]) -> Iterable[Element]:
    return (e for e in term.atoms(Element) if e.tensor in definitions)
