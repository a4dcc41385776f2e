"""What the search for a cause reads and finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from sympy import Expr

from ...calculus.derivation import Definition, Derivation, Result
from ...calculus.tensors import Tensor
from ..reach import proved_for
from .edits import Write
from .evidence import Array, Evaluation, Sample, same
from .variants import formulas

#: Whether the code's gradient is proved to be the given multiple of the derived one, or another formula.
ProveScale = Callable[[str, Expr], bool]
ProveFormula = Callable[[str, Sequence[Definition]], bool]


@dataclass(frozen=True)
class Cause:
    """A named bug: its kind, a sentence, the fix, and the gradients that it explains.

    factor, formulas: what the code computes instead: a multiple of the derived gradient, or other formulas.
    """

    kind: str
    message: str
    fix: str
    gradients: tuple[str, ...]
    factor: Expr | None = None
    formulas: tuple[Definition, ...] = ()
    proved: bool = False


@dataclass(frozen=True)
class Written:
    """What the code computes for a gradient, as it was traced.

    formula: by the name of the gradient. around: the formulas that it speaks of. is_true: whether another formula in
    its place is proved to be the derived gradient.
    """

    formula: Definition
    around: Sequence[Definition]
    is_true: Callable[[Expr], bool]


@dataclass(frozen=True)
class Case:
    """Everything that the search for a cause reads.

    wrong: the gradients that differ. autograd: they come from automatic differentiation of the person's own loss.
    reported: the loss that the code reports, as a multiple of the reference's. is_loss: what is differentiated is a
    loss, and not an array with an upstream gradient. by_size: for every gradient the sizes tried, and whether it was
    right there. written: what the code computes, where it was traced. beyond: samples at inputs that are large or
    otherwise out of the ordinary. called: what the code calls the givens.
    """

    derivation: Derivation
    samples: Sequence[Sample]
    wrong: tuple[str, ...]
    write: Write
    prove_scale: ProveScale = lambda name, q: False
    prove_scale_roughly: ProveScale = lambda name, q: False
    prove_formula: ProveFormula = lambda name, definitions: False
    prove_guarded: Callable[[str], bool] = lambda name: False
    autograd: bool = False
    reported: Expr | None = None
    is_loss: bool = False
    upstream: tuple[str, ...] = ()
    results: Mapping[str, Result] = field(default_factory=dict)
    by_size: Mapping[str, Sequence[tuple[Mapping[str, int], bool]]] = field(default_factory=dict)
    written: Callable[[str], Written | None] = lambda name: None
    beyond: Sequence[Sample] = ()
    called: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def evaluations(self) -> list[tuple[Sample, Evaluation]]:
        """The smallest samples, several sizes among them, that have all gradients."""
        full = [s for s in self.samples if all(g in s.got for g in self.wrong)]
        telling = sorted(full, key=lambda s: (s.regime == "zeros", min(s.sizes.values(), default=1) < 2, s.volume))
        by_size = {tuple(s.sizes.values()): s for s in reversed(telling)}
        chosen = [*(s for s in telling if s in by_size.values())][:4] if len(by_size) > 1 else telling[:3]
        for g in self.wrong:
            off = (s for s in telling if not same(s.got[g], s.exact[g]))
            first = next(off, None)
            if first is not None and not any(s is first or not same(s.got[g], s.exact[g]) for s in chosen):
                chosen.append(first)
        return [(s, Evaluation(self.derivation, s)) for s in chosen]

    def known(self, proved: bool) -> str:
        """How well something is known, in words."""
        return proved_for(self.derivation.givens) if proved else "at every size that was tried"

    @property
    def numbers(self) -> list[Tensor]:
        return [
            t
            for t in self.derivation.givens
            if not t.rank and not t.domain.function and all(np.size(s.inputs.get(t.name, 0)) == 1 for s in self.samples)
        ]


def names(gradients: Sequence[str]) -> str:
    *first, last = gradients
    return f"{', '.join(first)} and {last}" if first else last


def are(gradients: Sequence[str]) -> str:
    return "is" if len(gradients) == 1 else "are"


def samples_with(case: Case, gradient: str) -> list[Sample]:
    return [s for s in case.samples if gradient in s.got]


def explained_by(case: Case, definitions: Sequence[Definition], left: Sequence[str]) -> list[str]:
    """The gradients that other formulas give exactly as the code does, at every sample; none where one is off."""
    explained = list(left)
    told = dict.fromkeys(left, False)
    for sample, evaluation in case.evaluations:
        values = evaluation.arrays(definitions, explained)
        explained = [
            g
            for g in explained
            if g in values
            and g in sample.got
            and same(sample.got[g], values[g], float(np.abs(sample.exact[g]).max(initial=0)))
        ]
        for g in explained:
            told[g] |= not same(sample.got[g], sample.exact[g])
        if not explained:
            return []
    return [g for g in explained if told[g]]


def values_of(case: Case, sample: Sample, evaluation: Evaluation, tensor: Tensor) -> Array:
    if tensor.name in sample.inputs:
        return np.asarray(sample.inputs[tensor.name], dtype=float)
    return evaluation.arrays(formulas(case.derivation), [tensor.name]).get(tensor.name, np.zeros(()))
