"""What a forward pass returns, against the value of the reference: equal for all inputs and sizes, or not.

A backward may be right beside a forward that is not: its gradients are those of the reference, and what the forward
returns is something else.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..calculus.arrays import ShapeError
from ..calculus.derivation import Definition, Derivation
from ..calculus.tensors import Tensor
from .diagnosis.edits import Write
from .diagnosis.lifting import lifted, pointwise
from .formulas import trace_forward
from .prove import Court, Traced
from .reference import Formulas
from .report import Finding
from .subjects.binding import Binding
from .subjects.protocol import Subject
from .tracing.trace import Untraceable


@dataclass(frozen=True)
class Returned:
    """The judgement on what forward returns first: wrong, or why nothing is known; neither where it is proved right."""

    wrong: Finding | None = None
    why_not: str = ""


def judged_value(
    subject: Subject, binding: Binding, formulas: Formulas, derivation: Derivation, words: str, write: Write
) -> Returned:
    """The judgement on the forward pass of a subject. formulas: of the reference; words: what it is called."""
    value = _value(formulas)
    definition = next((d for d in derivation.definitions if d.tensor == value), None)
    if definition is None:
        return Returned(why_not=f"what forward returns: {formulas.name} has several values")
    flat = pointwise(derivation)
    given = {n: lifted(t) if flat else t for n, t in zip(binding.arguments, binding.tensors, strict=True)}
    try:
        traced = trace_forward(subject, given)
    except Untraceable as error:
        return Returned(why_not=f"what forward returns: {error}")
    name = definition.name
    if not traced.outputs or traced.outputs[0] is None:
        return Returned(why_not=f"what forward returns: nothing, so {name} is not compared")
    court = Court(derivation, Traced(traced, {d.name: 0 for d in derivation.definitions}), write)
    try:
        proof = court.value(definition)
    except (ShapeError, ValueError) as error:
        if any(_is(court, d) for d in derivation.definitions):  # such as the probabilities of a loss
            return Returned()
        return Returned(why_not=f"what forward returns: not {name} of {formulas.name}, but {error}")
    if proof.is_proved:
        return Returned()
    if proof.kind == "open":
        return Returned(why_not=f"what forward returns: whether it is {name} is open ({proof.basis})")
    formula = f"{write(definition.element)} = {write(definition.body)}"
    example = f"{proof.counterexample}; left is what forward returns" if proof.counterexample else proof.basis
    return Returned(Finding("value", subject.where, f"forward does not return {name} of {words}", example, formula))


def _is(court: Court, definition: Definition) -> bool:
    """Whether forward returns what a formula on the way to the value defines."""
    try:
        return court.value(definition).is_proved
    except (ShapeError, ValueError):
        return False


def _value(formulas: Formulas) -> Tensor | None:
    """What a forward pass of the reference returns; None where a loss is paired with several arrays."""
    pairings = [d for d in formulas.definitions if d.pairing]
    if not pairings:
        return formulas.value
    paired = {t for d in pairings for t in d.inputs()}
    made = [d.tensor for d in formulas.definitions if d.tensor in paired]
    return made[0] if len(made) == 1 else None
