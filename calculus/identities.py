"""Identities, step by step: the left side is rewritten by named rules until it is the right side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sympy import Expr

from .backward import Backward
from .derivation import Definition, Part
from .folding import fold, unfold
from .rules import ADJOINTS, CLAIM
from .simplification import collect, expand_logarithms, merge_sums, split_sums, sum_rows
from .sums import Partial, rebuild
from .tensors import Tensor
from .trail import Trail

#: Rewriting rules an identity may use, by the name that stands beside the step.
REWRITES: dict[str, Callable[[Expr], Expr]] = {
    "log of a quotient": expand_logarithms,
    "linearity of the sum": split_sums,
    "one sum": merge_sums,
    "rows sum to 1": sum_rows,
    "collect terms": collect,
}
#: What is tried, in this order, where the entry does not say.
USUAL = ("log of a quotient", "linearity of the sum", "rows sum to 1")


def prove_identity(backward: Backward, left: Expr, right: Expr, rules: Sequence[str] = ()) -> Part:
    """The steps from ``left`` to ``right``: definitions unfolded, rules applied, definitions of the right side folded.

    A side may be a derivative that has been derived before; its proved value is then inserted.
    """
    trail = Trail(backward.prover)
    start = _open(backward, left)
    if left.atoms(Partial):
        trail.add(left, start, ADJOINTS)
        trail.follow(right, ADJOINTS)
        return Part(left, tuple(trail.steps), None)
    trail.add(left, start, _definition_of(left.atoms(Tensor)))
    for name in rules or USUAL:
        trail.follow(REWRITES[name](trail.last), name)
    folded = trail.last
    used: set[Tensor] = set()
    for tensor, definition in backward.definitions.items():
        if tensor in right.atoms(Tensor):
            for candidate, sign in ((definition, 1), (_negated(definition), -1)):
                new = fold(folded, candidate)
                if new != folded:
                    if sign < 0:
                        new = rebuild(new, lambda e, d=definition: -d.element if e == d.element else None)  # type: ignore[misc]
                    folded = new
                    used.add(tensor)
                    break
    trail.follow(folded, _definition_of(used))
    trail.follow(right, CLAIM)
    return Part(left, tuple(trail.steps), None)


def _negated(definition: Definition) -> Definition:
    return replace(definition, body=-definition.body)


def _definition_of(tensors: set[Tensor]) -> str:
    return ", ".join(f"definition of {name}" for name in sorted(t.name for t in tensors))


def _open(backward: Backward, expr: Expr) -> Expr:
    """The definitions named on a side replaced by their bodies, and proved derivatives by their values."""

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Partial):
            return backward.found[e.of.tensor, e.wrt.tensor].at(e.of.indices, e.wrt.indices)
        return None

    expr = rebuild(expr, leaf)
    for tensor in reversed(list(backward.definitions)):
        if tensor in expr.atoms(Tensor):
            expr = unfold(expr, backward.definitions[tensor])
    return expr
