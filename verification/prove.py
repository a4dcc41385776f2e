"""Traced gradients against derived ones: equal for all inputs and sizes, refuted, or open; array by array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sympy import Expr

from ..calculus.arrays import ArrayExpr, ShapeError
from ..calculus.derivation import Definition, Derivation, Result, Verdict
from ..calculus.normal_form import Normalizer, TooLarge
from ..calculus.prover import Prover, ProverError
from ..calculus.sums import rebuild
from ..calculus.tensors import Element, Tensor
from .edits import Write
from .report import Proof
from .trace import Trace
from .variants import formulas

#: A formula longer than this is not shown in a message.
READABLE = 160


@dataclass(frozen=True)
class Traced:
    """The traced gradients of a piece of code.

    outputs: for every gradient by name, the number of the output that holds it.
    """

    trace: Trace
    outputs: Mapping[str, int]


class Court:
    """Judges the gradients of one trace against one derivation."""

    def __init__(self, derivation: Derivation, traced: Traced, write: Write) -> None:
        self.derivation = derivation
        self.traced = traced
        self.write = write
        self.results: dict[str, Result] = {r.name: r for r in derivation.wanted}
        self.opaque = {o.tensor for o in traced.trace.opaque}
        spelled = [d for o in traced.trace.opaque if (d := o.definition) is not None]
        self.formulas = [*formulas(derivation), *spelled]

    @cached_property
    def prover(self) -> Prover:
        return Prover(self.formulas, self.derivation.givens)

    def proofs(self) -> list[Proof]:
        """One for each gradient that was traced."""
        return [self.proof(name) for name in self.traced.outputs]

    def proof(self, name: str) -> Proof:
        """The judgement on one gradient."""
        try:
            hand, true = self._sides(name)
        except (ShapeError, ValueError) as error:
            return Proof(name, "refuted", str(error))
        verdict = self._judge(self.prover, hand, true)
        result = self.results[name]
        formula = f"{self.write(result.definition.element)} = {self.write(result.expr)}"
        example = str(verdict.counterexample) if verdict.counterexample else ""
        basis = verdict.basis
        if verdict.is_proved and self.traced.trace.assumptions:
            basis += f"; for {', '.join(self.traced.trace.assumptions)}"
        return Proof(name, verdict.kind, basis, formula, example)

    def _judge(self, prover: Prover, hand: Expr, true: Expr) -> Verdict:
        try:
            verdict = prover.judge(hand, true)
        except ProverError as error:
            return Verdict("open", f"the prover contradicts itself here, which is a bug in nnmath: {error}")
        except (TooLarge, RecursionError):
            return Verdict("open", "the formulas are too large")
        if verdict.kind == "refuted" and not self._unexplained(hand).isdisjoint(hand.atoms(Tensor)):
            # A maximum stands for any value here, so a counterexample may choose one that it never has.
            return Verdict("open", "a maximum in the code does not cancel")
        return verdict

    def _unexplained(self, hand: Expr) -> set[Tensor]:
        return self.opaque - {d.tensor for d in self.formulas}

    def _sides(self, name: str) -> tuple[Expr, Expr]:
        """The entry that the code computes and the derived one, at the same indices."""
        result = self.results[name]
        return self.traced.trace.pair(self.traced.outputs[name], ArrayExpr(result.indices, result.definition.element))

    # -- what a diagnosis asks --------------------------------------------------------------------------------------------

    def is_multiple(self, name: str, q: Expr) -> bool:
        """Whether the code's gradient is proved to be q times the derived one."""
        if name not in self.traced.outputs or name not in self.results:
            return False
        try:
            hand, true = self._sides(name)
        except (ShapeError, ValueError):
            return False
        return self._judge(self.prover, hand, q * true).is_proved

    def is_formula(self, name: str, definitions: Sequence[Definition]) -> bool:
        """Whether the code's gradient is proved to be that of other formulas under the same names."""
        if name not in self.traced.outputs or name not in self.results:
            return False
        true = {d.name: d for d in self.formulas}
        renamed: dict[Tensor, Tensor] = {}
        extra: list[Definition] = []
        for d in definitions:
            touched = true.get(d.name) != d or not set(renamed).isdisjoint(d.body.atoms(Tensor))
            body = rebuild(
                d.body, lambda e: Element(renamed[e.tensor], *e.indices) if isinstance(e, Element) and e.tensor in renamed else None
            )
            if touched:
                renamed[d.tensor] = Tensor(f"{d.name}_slip", d.tensor.dims, d.tensor.domain)
                extra.append(Definition(renamed[d.tensor], d.indices, body))
        found = {d.name: d for d in extra}.get(f"{name}_slip")
        if found is None:
            return False
        try:
            hand, other = self.traced.trace.pair(self.traced.outputs[name], ArrayExpr(found.indices, found.element))
        except (ShapeError, ValueError):
            return False
        prover = Prover([*self.formulas, *extra], self.derivation.givens)
        return self._judge(prover, hand, other).is_proved

    def difference(self, name: str) -> str:
        """The difference to the derived gradient in closed form, where it is short."""
        try:
            hand, true = self._sides(name)
            normalizer = Normalizer()
            expr = normalizer.expr(normalizer.poly(hand - _inserted(true, self.results[name])))
            text = self.write(expr)
        except (ShapeError, ValueError, TooLarge, RecursionError):
            return ""
        return text if len(text) <= READABLE else ""


def _inserted(true: Expr, result: Result) -> Expr:
    """The derived entry with its formula in the place of its name."""
    return rebuild(true, lambda e: result.definition.at(*e.indices) if isinstance(e, Element) and e.tensor == result.tensor else None)
