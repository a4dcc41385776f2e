"""Slips: which single change of the derived formulas makes them what the code computes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sympy import Expr, Integer

from ...calculus.derivation import Definition
from ...calculus.sums import rebuild
from ...calculus.tensors import Element
from .case import Case, Cause, explained_by, names
from .variants import Variant, formulas, variants


def ignored_upstream(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    if not case.upstream or not case.evaluations:
        return

    def ones(e: Expr) -> Expr | None:
        return Integer(1) if isinstance(e, Element) and e.tensor.name in case.upstream else None

    changed = [Definition(d.tensor, d.indices, rebuild(d.body, ones)) for d in formulas(case.derivation)]
    explained = explained_by(case, changed, left)
    if explained:
        yield Cause(
            "chain-factor",
            f"{names(explained)} ignore{'s' * (len(explained) == 1)} the upstream gradient {', '.join(case.upstream)}",
            f"multiply by {case.upstream[0]}",
            tuple(explained),
        )


def guards(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """The same formula but for a small constant that guards a division or a logarithm."""
    found = tuple(g for g in left if case.prove_guarded(g))
    if found:
        verb = "differs" if len(found) == 1 else "differ"
        yield Cause(
            "epsilon",
            f"{names(found)} {verb} from the derived gradient by a small constant only, {case.known(True)} without it",
            "use the constant of the reference, in the same place",
            found,
        )


def slip(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """The slip that explains the most gradients; then, for those it leaves, the next."""
    if not case.evaluations:
        return
    best: list[tuple[Variant, list[str]]] = []
    for variant in variants(case.derivation, case.write):
        explained = explained_by(case, variant.formulas, left)
        if explained:
            best.append((variant, explained))
            if len(explained) == len(left):
                break
    while best:
        variant, explained = max(best, key=lambda pair: len(pair[1]))
        yield _slip_cause(case, variant, explained)
        best = [(v, rest) for v, names in best if (rest := [g for g in names if g not in explained])]


def _slip_cause(case: Case, variant: Variant, explained: list[str]) -> Cause:
    proved = all(case.prove_formula(g, variant.formulas) for g in explained)
    known = case.known(proved)
    place = "" if variant.of in explained and len(explained) == 1 else f" in {variant.of}"
    right = {d.name: d for d in formulas(case.derivation)}[variant.of] if variant.kind != "detached" else None
    fix = f"{case.write(right.element)} = {case.write(right.body)}" if right is not None else "differentiate through it"
    return Cause(
        variant.kind,
        f"{names(explained)}: {variant.message}{place}, {known}",
        fix,
        tuple(explained),
        None,
        variant.formulas,
        proved,
    )
