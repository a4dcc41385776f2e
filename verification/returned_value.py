"""The values that code returns, against those of the reference: equal for all inputs and sizes, tried, or not.

A backward may be right beside a forward that is not: its gradients are those of the reference, and what the forward
returns is something else. The same holds for a loss that is returned beside its gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from sympy import Expr

from ..calculus.arrays import ShapeError
from ..calculus.derivation import Definition, Derivation
from ..calculus.tensors import Tensor
from .diagnosis.diagnose import subject_objects
from .diagnosis.edits import Write
from .diagnosis.instability import guarded_against_zero
from .diagnosis.lifting import lifted, pointwise
from .formulas import trace_forward
from .probing.observations import as_array
from .probing.prober import Prober
from .probing.values import Pick, Runs, without_units
from .prove import Court, Traced
from .reference import Formulas
from .report import Finding
from .setting import Setting
from .subjects.binding import Binding
from .subjects.naming import is_loss_name, is_output_name, matching
from .subjects.protocol import Named, Subject
from .tracing.trace import Trace, Untraceable


@dataclass
class Returned:
    """The judgement on the values that are returned: what is wrong, what was run, and what is not known.

    A value that is proved to be that of the reference leaves nothing to say.
    """

    findings: list[Finding] = field(default_factory=list)
    covered: list[str] = field(default_factory=list)
    not_tested: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Value:
    """One returned value.

    what: how a report calls it. wrong: the message of a finding; "" where nobody says that it is the value of the
    reference. trace: the formulas, and which of them it is; or why there are none. pick: it among what a run gave.
    """

    what: str
    wrong: str
    trace: Callable[[], tuple[Trace, int] | str]
    pick: Pick


@dataclass(frozen=True)
class Values:
    """The values that a subject returns, to be judged against those of a reference.

    subject: as it is traced. formulas: of the reference; words: what it is called. traced: the trace of the gradients;
    why_not: why there is none. own: forward itself is the reference.
    """

    subject: Subject
    setting: Setting
    binding: Binding
    formulas: Formulas
    derivation: Derivation
    words: str
    write: Write
    traced: Trace | None
    why_not: str
    own: bool

    def judged(self) -> Returned:
        """The judgement on all of them."""
        found = Returned()
        forward = self.subject.forward is not None and not self.own
        if not forward and all(t is not None for t in self.binding.gradient_of):
            return found
        tensor = _value(self.formulas)
        definition = next((d for d in self.derivation.definitions if d.tensor == tensor), None)
        if definition is None:
            if forward:
                found.not_tested.append(f"what forward returns: {self.formulas.name} has several values")
            return found
        if forward:
            wrong = f"forward does not return {definition.name} of {self.words}"
            value = Value("what forward returns", wrong, self._forward, lambda out, _: out)
            self._judge(value, definition, found)
        for value in self._beside(definition, found):
            self._judge(value, definition, found)
        return found

    @cached_property
    def runs(self) -> Runs:
        prober = Prober(self.setting.subject, self.binding, self.derivation, dtypes=self.setting.dtypes)
        prober.at_size.kernel = self.setting.stated.kernel
        prober.settle()
        return Runs(prober, self.setting.stated)

    @property
    def _objects(self) -> tuple[Any, ...]:
        return subject_objects(self.subject)

    # -- which values there are ----------------------------------------------------------------------------------------

    def _forward(self) -> tuple[Trace, int] | str:
        if self.setting.kernel is not None:
            return self.why_not
        flat = pointwise(self.derivation)
        pairs = zip(self.binding.arguments, self.binding.tensors, strict=True)
        try:
            return trace_forward(self.subject, {n: lifted(t) if flat else t for n, t in pairs}), 0
        except Untraceable as error:
            return str(error)

    def _gradients(self, at: int) -> tuple[Trace, int] | str:
        return self.why_not if self.traced is None else (self.traced, at)

    def _beside(self, definition: Definition, found: Returned) -> list[Value]:
        """The values beside the gradients that the code calls a loss or an output, or that can be nothing else."""
        of = self.binding.gradient_of
        if all(t is not None for t in of):
            return []
        returned = self.runs.named()
        is_loss = not definition.tensor.rank and not pointwise(self.derivation)
        values: list[Value] = []
        for at, (t, (name, value)) in enumerate(zip(of, returned, strict=False)):
            if t is not None or value is None:
                continue
            what = f"{name or 'the value'} beside the gradients"
            array = as_array(value)
            if array is None:
                found.not_tested.append(f"{what}: it is not an array of numbers")
                continue
            first = at == 0 and without_units(array.shape) == self.runs.shape(definition.name)
            is_value = _is_value(name, definition, is_loss, first)
            wrong = f"{what} is not {definition.name} of {self.words}"
            values.append(Value(what, wrong if is_value else "", partial(self._gradients, at), partial(_picked, at)))
        return values

    # -- the judgement -------------------------------------------------------------------------------------------------

    def _judge(self, value: Value, definition: Definition, found: Returned) -> None:
        name, reference = definition.name, self.formulas.name
        others = [d for d in self.derivation.definitions if d is not definition and not d.pairing]
        read = value.trace()
        if isinstance(read, str):
            self._try(value, definition, others, read, found)
            return
        traced, at = read
        if at >= len(traced.outputs) or traced.outputs[at] is None:
            found.not_tested.append(f"{value.what}: nothing, so {name} is not compared")
            return
        court = Court(self.derivation, Traced(traced, {d.name: at for d in self.derivation.definitions}), self.write)
        try:
            proof = court.value(definition)
        except (ShapeError, ValueError) as error:
            if not any(_is(court, d) for d in others):  # such as the probabilities of a loss
                found.not_tested.append(f"{value.what}: not {name} of {reference}, but {error}")
            return
        if proof.is_proved or (not value.wrong and any(_is(court, d) for d in others)):
            return
        if proof.kind == "open":
            self._try(value, definition, others, f"whether it is {name} is open ({proof.basis})", found)
        elif not value.wrong:
            found.not_tested.append(f"{value.what}: it is not {name} of {reference}, and compared with nothing else")
        else:
            example = f"{proof.counterexample}; left is what is returned" if proof.counterexample else proof.basis
            guards = court.guards(definition)
            if guards and (court.is_value_but_for_guards(definition) or self._agrees(value, definition)):
                found.findings.append(self._guarded(value, definition, guards, example))
            else:
                found.findings.append(self._finding(value, definition, example))

    def _agrees(self, value: Value, definition: Definition) -> bool:
        return self.runs.judged([definition.name], value.pick).kind == "agrees"

    def _guarded(self, value: Value, definition: Definition, guards: Sequence[Expr], example: str) -> Finding:
        shown = " and ".join(f"{float(x):g}" for x in guards)
        few = "a small constant" if len(guards) == 1 else "small constants"
        said = f"{value.what} is {definition.name} of {self.words} but for {few}: {shown}"
        return Finding("epsilon", self.subject.where, said, example, self._formula(definition))

    def _try(
        self, value: Value, definition: Definition, others: Sequence[Definition], why: str, found: Returned
    ) -> None:
        """The judgement by numbers, where there is none by formulas."""
        name, reference = definition.name, self.formulas.name
        tried = self.runs.judged([name, *(d.name for d in others)], value.pick)
        if tried.kind == "agrees":
            found.covered.append(value.what)
            found.not_tested.append(f"not proved: {value.what}: {why}")
        elif tried.kind == "wrong" and value.wrong and tried.barely and guarded_against_zero(self._objects):
            said = f"{value.what} is {name} of {self.words} but for a small constant"
            where = self.subject.where
            found.findings.append(Finding("epsilon", where, said, tried.example, self._formula(definition)))
        elif tried.kind == "wrong" and value.wrong:
            found.findings.append(self._finding(value, definition, tried.example))
        elif tried.kind == "wrong":
            found.not_tested.append(f"{value.what}: it is not {name} of {reference}, and compared with nothing else")
        elif tried.kind == "shape":
            found.not_tested.append(f"{value.what}: not {name} of {reference}, but {tried.example}")
        else:
            found.not_tested.append(f"{value.what}: {why}; {tried.example}")

    def _finding(self, value: Value, definition: Definition, example: str) -> Finding:
        return Finding("value", self.subject.where, value.wrong, example, self._formula(definition))

    def _formula(self, definition: Definition) -> str:
        return f"{self.write(definition.element)} = {self.write(definition.body)}"


def _picked(at: int, _: Any, returned: Named) -> Any:
    return returned[at][1] if at < len(returned) else None


def _is_value(name: str | None, definition: Definition, is_loss: bool, first: bool) -> bool:
    """Whether a value is meant as that of the reference: by its name, or without one since it comes first and fits."""
    if name is None:
        return first
    said = is_loss_name(name) if is_loss else is_output_name(name)
    return said or matching(name, [definition.name], aliases=False) is not None


def _is(court: Court, definition: Definition) -> bool:
    """Whether the code returns what a formula on the way to the value defines."""
    try:
        return court.value(definition).is_proved
    except (ShapeError, ValueError):
        return False


def _value(formulas: Formulas) -> Tensor | None:
    """What a forward pass of the reference returns; None where a loss is paired with several arrays."""
    pairings = [d for d in formulas.definitions if d.pairing]
    pairings = [d for d in pairings if d.tensor == formulas.value] or pairings
    if not pairings:
        return formulas.value
    paired = {t for d in pairings for t in d.inputs()}
    made = [d.tensor for d in formulas.definitions if d.tensor in paired]
    return made[0] if len(made) == 1 else None
