"""The loss that a forward pass reports, against the loss of the reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sympy import Expr

from ...calculus.derivation import Definition, Derivation
from ..probing.observations import as_array
from ..subjects.binding import Binding
from ..subjects.protocol import Subject
from ..subjects.sandbox import guarded
from .evidence import Evaluation, Sample
from .lifting import pointwise
from .scales import factor, ratio
from .variants import formulas


def loss(derivation: Derivation) -> Definition | None:
    """The scalar that is differentiated, where it is a loss: not one that stands for whatever comes after an array.

    A scalar may itself have an upstream gradient; a function of numbers, applied to arrays, is no loss.
    """
    of = next((r.of for r in derivation.wanted if r.of is not None), None)
    by_tensor = {d.tensor: d for d in derivation.definitions}
    definition = by_tensor.get(of) if of is not None else None
    if definition is not None and definition.pairing and not pointwise(derivation):
        definition = next((by_tensor[t] for t in definition.inputs() if t in by_tensor), None)
    if definition is None or definition.pairing or definition.tensor.rank or pointwise(derivation):
        return None
    return definition


def reported(subject: Subject, binding: Binding, derivation: Derivation, samples: Sequence[Sample]) -> Expr | None:
    """What the loss that forward returns is to that of the reference, as a factor; None where there is no such loss."""
    definition = loss(derivation)
    if subject.forward is None or definition is None:
        return None
    found: list[tuple[Sample, float]] = []
    for sample in samples[:6]:
        arguments = {a: sample.inputs[t.name].copy() for a, t in zip(binding.arguments, binding.tensors, strict=True)}
        ran = guarded(lambda arguments=arguments: subject.start(arguments, None).out)  # type: ignore[misc]
        out = None if ran.error is not None else as_array(ran.value)
        true = Evaluation(derivation, sample).arrays(formulas(derivation), [definition.name]).get(definition.name)
        if out is None or true is None or out.size != 1:
            return None
        q = ratio(np.reshape(out, ()).astype(float)[None], true[None])
        if q is None:
            return None
        found.append((sample, q))
    return factor(found, derivation.dims, ()) if found else None
