"""Traced gradients against derived ones: equal for all inputs and sizes, refuted, or open; array by array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sympy import Add, Expr, Integer, Rational

from ..calculus.arrays import ArrayExpr, ShapeError, shape_text
from ..calculus.derivation import Definition, Derivation, Result, Verdict
from ..calculus.normal_form import Normalizer
from ..calculus.polynomials import TooLarge
from ..calculus.prover import Prover, ProverError
from ..calculus.sums import rebuild
from ..calculus.tensors import Element, Index, Tensor
from .diagnosis.case import Written
from .diagnosis.edits import Write
from .diagnosis.lifting import LENGTH, lowered, pointwise
from .diagnosis.variants import formulas
from .report import Proof
from .tracing.trace import Trace

#: A formula longer than this is not shown in a message.
READABLE = 160
#: A constant below this guards a division or a logarithm.
SMALL = Rational(1, 10_000)


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
        self.pointwise = pointwise(derivation)
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
        formula = formula if len(formula) <= READABLE else name
        example = str(verdict.counterexample) if verdict.counterexample else ""
        basis = verdict.basis
        if verdict.is_proved and self.traced.trace.assumptions:
            basis += f"; for {', '.join(self.traced.trace.assumptions)}"
        kinks = tuple(dict.fromkeys(map(self.at_kink, verdict.kinks)))
        return Proof(name, verdict.kind, basis, formula, example, kinks)

    def at_kink(self, kink: Expr) -> str:
        """Where a kink is, such as ``x_ij = 1`` or ``a_i = b_i``."""
        terms = Add.make_args(kink)
        left = [t for t in terms if not t.is_Number and not t.could_extract_minus_sign()]
        left = left or [t for t in terms if not t.is_Number]
        right = [-t for t in terms if t not in left]
        factor = left[0].as_coeff_Mul()[0] if len(left) == 1 else Integer(1)
        text = f"{self.write(Add(*left) / factor)} = {self.write(Add(*right) / factor)}"
        return text if len(text) <= READABLE else ""

    def value(self, definition: Definition) -> Verdict:
        """The judgement on an output that stands for what a formula defines.

        **Raises** :class:`ShapeError` where the shapes differ, ``ValueError`` where there is no such output.
        """
        return self._judge(self.prover, *self._pair(definition.name, definition))

    def _judge(self, prover: Prover, hand: Expr, true: Expr) -> Verdict:
        try:
            verdict = prover.judge(hand, true, off_kinks=True)
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
        return self._pair(name, self.results[name].definition)

    def _pair(self, name: str, definition: Definition) -> tuple[Expr, Expr]:
        """The entry that the code computes and that of a formula, in the same place."""
        traced, output = self.traced.trace, self.traced.outputs[name]
        array = traced.outputs[output]
        if array is None:
            raise ValueError(f"{name} is None")
        if not self.pointwise:
            same_rank = array.rank == len(definition.indices)
            array = array if same_rank else _without_units(array)
            if not same_rank and array.dims == tuple(i.dim for i in definition.indices):
                return array.body, Element(definition.tensor, *array.indices)
            return traced.pair(output, ArrayExpr(definition.indices, definition.element))
        if array.dims != (LENGTH,):
            raise ShapeError(f"shape {shape_text(array.dims)} was returned for {shape_text((LENGTH,))}")
        body = lowered(array.body, array.indices, self.derivation.givens)
        if body is None:
            raise ShapeError("an entry of the result depends on other entries of the input")
        return body, definition.element

    # -- what a diagnosis asks ----------------------------------------------------------------------------------------

    def is_multiple(self, name: str, q: Expr, *, small: bool = True) -> bool:
        """Whether the code's gradient is proved to be q times the derived one; small=False: without small constants."""
        if name not in self.traced.outputs or name not in self.results:
            return False
        try:
            hand, true = self._sides(name)
        except (ShapeError, ValueError):
            return False
        hand = hand if small else without_small(hand)
        return self._judge(self.prover, hand, q * true).is_proved

    def is_guarded(self, name: str) -> bool:
        """Whether the code's gradient and the derived one are proved to be equal once small constants are left out."""
        if name not in self.traced.outputs or name not in self.results:
            return False
        try:
            hand, true = self._sides(name)
        except (ShapeError, ValueError):
            return False
        plain = [Definition(d.tensor, d.indices, without_small(d.body), d.pairing) for d in self.formulas]
        if plain == self.formulas and without_small(hand) == hand:
            return False
        return self._judge(Prover(plain, self.derivation.givens), without_small(hand), true).is_proved

    def guards(self, definition: Definition) -> list[Expr]:
        """The small constants in an output that stands for what a formula defines; [] where the formula has some."""
        try:
            hand, _ = self._pair(definition.name, definition)
        except (ShapeError, ValueError):
            return []
        own = {x for d in self.formulas for x in d.body.atoms(Rational) if is_small(x)}
        found = {x for x in hand.atoms(Rational) if is_small(x)}
        return [] if own else sorted(found, key=float)

    def is_value_but_for_guards(self, definition: Definition) -> bool:
        """Whether such an output is proved to be the value once the small constants in its sums are left out."""
        hand, true = self._pair(definition.name, definition)
        return self._judge(self.prover, without_small(hand), true).is_proved

    def small_constants(self, name: str) -> list[Expr]:
        """The small constants that the code adds somewhere, such as 1e-8."""
        try:
            hand, _ = self._sides(name)
        except (KeyError, ShapeError, ValueError):
            return []
        return sorted((x for x in hand.atoms(Rational) if is_small(x)), key=float)

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
                d.body,
                lambda e: (
                    Element(renamed[e.tensor], *e.indices) if isinstance(e, Element) and e.tensor in renamed else None
                ),
            )
            if touched:
                renamed[d.tensor] = Tensor(f"{d.name}_slip", d.tensor.dims, d.tensor.domain)
                extra.append(Definition(renamed[d.tensor], d.indices, body))
        found = {d.name: d for d in extra}.get(f"{name}_slip")
        if found is None:
            return False
        try:
            hand, other = self._pair(name, found)
        except (ShapeError, ValueError):
            return False
        prover = Prover([*self.formulas, *extra], self.derivation.givens)
        return self._judge(prover, hand, other).is_proved

    def written(self, name: str) -> Written | None:
        """The formula of the code for a gradient, to be changed until it is the derived one."""
        if name not in self.traced.outputs or name not in self.results:
            return None
        try:
            hand, true = self._sides(name)
        except (ShapeError, ValueError):
            return None
        if not isinstance(true, Element) or not all(isinstance(i, Index) for i in true.indices):
            return None
        tensor = Tensor(f"{name}_written", true.tensor.dims, true.tensor.domain)
        known = {d.tensor for d in self.formulas}
        # The shift of a softmax may be any number: where it does not cancel, no change to the rest mends it.
        shifts = [o for o in self.traced.trace.opaque if o.tensor not in known]
        free = [Definition(o.tensor, o.tensor.indices(), Integer(0)) for o in shifts]
        formula = Definition(tensor, true.indices, hand)
        return Written(formula, (*self.formulas, *free), lambda expr: self._judge(self.prover, expr, true).is_proved)

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


def _without_units(array: ArrayExpr) -> ArrayExpr:
    """An array without its axes of length 1: a bias of shape (1, H) is one of H entries."""
    zeros = {i: Integer(0) for i in array.indices if i.dim == 1}
    return ArrayExpr(tuple(i for i in array.indices if i not in zeros), rebuild(array.body, zeros.get))  # type: ignore[arg-type]


def is_small(x: Expr) -> bool:
    """Whether a number is a guard against zero rather than a part of the formula."""
    return bool(x.is_Rational and 0 < abs(x) < SMALL)


def without_small(expr: Expr) -> Expr:
    """An expression with the small constants of its sums left out."""

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Add) and any(map(is_small, e.args)):
            return rebuild(Add(*(a for a in e.args if not is_small(a))), leaf)
        return None

    return rebuild(expr, leaf)


def _inserted(true: Expr, result: Result) -> Expr:
    """The derived entry with its formula in the place of its name."""
    return rebuild(
        true,
        lambda e: result.definition.at(*e.indices) if isinstance(e, Element) and e.tensor == result.tensor else None,
    )
