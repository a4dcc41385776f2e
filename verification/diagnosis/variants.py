"""Wrong gradients of a derivation: its formulas with one slip each, and its chain rule with one link broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sympy import Expr, Integer

from ...calculus.backward import Backward
from ...calculus.derivation import Definition, Derivation, Result, Verdict
from ...calculus.letters import Letters
from ...calculus.prover import Prover
from ...calculus.sums import rebuild
from ...calculus.tensors import Element, Tensor
from .edits import Write, edits, everywhere


@dataclass(frozen=True)
class Variant:
    """A wrong gradient: the kind of slip, a sentence, the formula it is in, and all formulas with that slip."""

    kind: str
    message: str
    of: str
    formulas: tuple[Definition, ...]


def formulas(derivation: Derivation) -> list[Definition]:
    """The definitions and the results of a derivation, in order of dependence."""
    named = {d.name for d in derivation.definitions} | {t.name for t in derivation.givens}
    return [*derivation.definitions, *(r.definition for r in derivation.results if r.name not in named)]


def variants(derivation: Derivation, write: Write) -> Iterator[Variant]:
    """Wrong gradients: one slip in a formula, then one broken link of the chain rule."""
    found = list(_slips(derivation, write))
    yield from (v for v in found if v.kind != "swapped")
    yield from _detached(derivation)
    yield from (v for v in found if v.kind == "swapped")


def _slips(derivation: Derivation, write: Write) -> Iterator[Variant]:
    given = {t.name for t in derivation.givens}
    true = formulas(derivation)
    results = [r.definition for r in derivation.results if r.name not in given]
    own = [d for d in derivation.definitions if not d.pairing and d.tensor.rank]
    arrays = [t for t in (*derivation.givens, *(d.tensor for d in own)) if t.domain.below is None]
    for definition in (*reversed(results), *own):
        # An array of the forward pass is never taken for an adjoint.
        others = [*arrays, *(d.tensor for d in results)] if definition in results else arrays
        others = [t for t in others if t != definition.tensor]
        own_factors = [t for t in arrays if t != definition.tensor] if definition in results else []
        for edit in (
            *edits(definition.body, write, others, definition.indices),
            *everywhere(definition.body, write, own_factors, own),
        ):
            slip = Definition(definition.tensor, definition.indices, edit.expr)
            yield Variant(
                edit.kind,
                edit.message,
                definition.name,
                tuple(slip if d is definition or d == definition else d for d in true),
            )


def _detached(derivation: Derivation) -> Iterator[Variant]:
    """Gradients for which one definition, seen from one of its consumers, is a constant."""
    variables = [d.tensor for d in derivation.definitions if not d.pairing]
    trained = [r.wrt[0] for r in derivation.wanted if len(r.wrt) == 1]
    for consumer in derivation.definitions:
        if consumer.pairing:
            continue
        for tensor in consumer.inputs():
            if tensor in variables or tensor in trained:
                held = Tensor(f"{tensor.name}_held", tensor.dims, tensor.domain)
                message = f"{tensor.name} inside {consumer.name} is taken for a constant"
                yield from _with_held(derivation, consumer, tensor, held, message)


def _with_held(
    derivation: Derivation, consumer: Definition, tensor: Tensor, held: Tensor, message: str
) -> Iterator[Variant]:
    body = _exchanged(consumer.body, tensor, held)
    changed = [replace(d, body=body) if d is consumer else d for d in derivation.definitions]
    results = rederive(derivation, changed, extra=(held,))
    if results is not None:
        released = [Definition(r.tensor, r.indices, _exchanged(r.expr, held, tensor)) for r in results]
        yield Variant("detached", message, consumer.name, (*derivation.definitions, *released))


def _exchanged(expr: Expr, one: Tensor, other: Tensor) -> Expr:
    return rebuild(expr, lambda e: Element(other, *e.indices) if isinstance(e, Element) and e.tensor == one else None)


class _Unjudged(Prover):
    """Takes every step as it comes: an ablation is a guess, and what is judged is whether the code computes it."""

    def judge(self, left: Expr, right: Expr, *, off_kinks: bool = False) -> Verdict:
        return Verdict("open", "not judged")


def rederive(
    derivation: Derivation, definitions: Sequence[Definition], extra: Sequence[Tensor] = ()
) -> list[Result] | None:
    """The results of the derivation's targets over other definitions; None where they cannot be derived."""
    targets = [(r.of, r.wrt[0], r.name) for r in derivation.wanted if r.of is not None and len(r.wrt) == 1]
    if not targets or len({of for of, _, _ in targets}) != 1:
        return None
    of = targets[0][0]
    dims = [d for t in (*derivation.givens, *(d.tensor for d in definitions)) for d in t.dims]
    prover = _Unjudged(definitions, [*derivation.givens, *extra])
    backward = Backward(definitions, Letters(definitions, dims), prover)
    try:
        parts = backward.derive(of, [wrt for _, wrt, _ in targets], names={wrt: name for _, wrt, name in targets})
    except Exception:  # an ablation that cannot be derived explains nothing
        return None
    results = [p.result for p in parts if p.result is not None]
    missing = [(wrt, name) for _, wrt, name in targets if name not in {r.name for r in results}]
    zeros = [Result(name, wrt.indices(), Integer(0), of, (wrt,)) for wrt, name in missing]
    return [*results, *zeros]
