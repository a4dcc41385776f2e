"""The entry point: a hand-written gradient in, a report out."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from sympy import Expr

from ..calculus.derivation import Derivation
from ..calculus.parser import parse_givens
from .against import (
    asked_for,
    bound_to,
    is_narrower,
    is_place,
    on_some_of,
    own_reference,
    stated_reference,
    states_sizes,
    with_upstream,
)
from .at_sizes import Sized, entry_by_entry, proofs_at_sizes
from .autograd_oracle import NeedsAutograd, judged_by_autograd
from .diagnosis.diagnose import Experiments, diagnose
from .diagnosis.hazards import remarks
from .diagnosis.lifting import lifted, pointwise
from .diagnosis.variants import formulas as all_formulas
from .formulas import trace_gradients
from .joining import joined
from .mending.mend import mended
from .probing.observations import Observations, Region, grouped
from .prove import Court, Traced
from .reach import has_numbers
from .reference import at_defaults, derivation_of
from .report import Finding, Proof, Report, refuted_alone, the_better, verdict_of
from .returned_value import Values
from .setting import Setting, settled
from .stated_domains import not_used
from .subjects.adapters import adapt, load
from .subjects.binding import Binding, bind
from .subjects.modes import in_mode, starts_in_training, switches
from .subjects.protocol import Subject, SubjectError
from .subjects.sandbox import TOTAL, Endless, time_limit
from .tracing.guards import guards
from .tracing.intermediates import unfolded
from .tracing.session import Untraceable


def verify(
    subject: Any,
    *,
    forward: Callable[..., Any] | None = None,
    against: str | Callable[..., Any] | None = None,
    inputs: str | tuple[Any, ...] | None = None,
    device: str = "cpu",
    dtypes: Sequence[str] | None = None,
    sizes: Mapping[str, int] | Sequence[Mapping[str, int]] | None = None,
    seconds: float = TOTAL,
    write: Callable[[Any], str] = str,
) -> Report:
    """Judge a gradient that was written by hand.

    **Arguments**: subject, a gradient function, a backward function with ``forward``, a pair (forward, backward), a
    class with both, a ``torch.autograd.Function``, any torch callable, or ``"FILE.py:OBJECT"``; against, an id of the
    catalogue, an expression (with ``inputs``), a function or ``"FILE.py:FUNCTION"``; without it, the gradient of the
    subject's own forward; inputs, the arrays in order of the parameters: ``"z: n C, y: n int<C"``, or a tuple of
    examples, which are tried as they are too (one more than the parameters is the upstream gradient); device, ``cpu``,
    or for torch code ``cuda`` or ``auto``; dtypes, among ``float64``, ``float32``, ``float16`` and for torch code
    ``bfloat16`` (by default the first two, on a GPU all); sizes, also to be tried: ``{"n": 512, "C": 1000}``, or
    several such; seconds, the time limit for running the subject's code, all in all; write, how a formula becomes text.

    **Raises** SubjectError, ParseError, UnknownEntry and EntryError with what to type, MissingTorch and NoCuda. What
    the subject's own code raises is a finding, not an exception.
    """
    if not seconds > 0:
        raise SubjectError(f"the time limit is {seconds:g} s; give a positive number of seconds, such as {TOTAL:g}")
    start = time.perf_counter()
    with time_limit(seconds):
        try:
            report = _in_both_modes(subject, forward, against, inputs, device, dtypes, sizes, write)
        except Endless as error:
            report = _endless(subject, str(error))
    return replace(report, seconds=time.perf_counter() - start)


def _endless(subject: Any, why: str) -> Report:
    """The report on code that is still running when its time is up, at the first call."""
    name = subject.rpartition(":")[2] if isinstance(subject, str) else getattr(subject, "__name__", str(subject))
    where = subject if isinstance(subject, str) else name
    fix = "mend the loop that does not end; for code that is only slow, give more time: --time-limit SECONDS"
    finding = Finding("error", where, f"a call does not come to an end: {why}", "", fix)
    return Report(name, "wrong", (finding,), ("everything: no call came to an end",), where=where)


def _in_both_modes(
    subject: Any,
    forward: Callable[..., Any] | None,
    against: str | Callable[..., Any] | None,
    inputs: str | tuple[Any, ...] | None,
    device: str,
    dtypes: Sequence[str] | None,
    sizes: Mapping[str, int] | Sequence[Mapping[str, int]] | None,
    write: Callable[[Any], str],
) -> Report:
    """The report on a subject; on one that can be switched between training and evaluation, in both modes."""
    obj = load(subject) if isinstance(subject, str) else subject
    traceable = adapt(obj, forward=forward, name=subject.rpartition(":")[2] if isinstance(subject, str) else "")
    setting = settled(traceable, device, dtypes, sizes, inputs, None if is_place(against) else against)
    raw = setting.subject.raw
    parts = (obj, *([forward] if forward is not None else []), *([raw] if callable(raw) else []))
    flat = tuple(part for o in parts for part in (o if isinstance(o, tuple) else (o,)))
    if not switches(flat):
        return _judged(traceable, setting, against, write)
    first = starts_in_training(flat)
    found: dict[bool, Report | SubjectError] = {}
    for training in (first, not first):
        with in_mode(training):
            try:
                found[training] = _judged(traceable, setting, against, write)
            except SubjectError as error:
                found[training] = error
    return joined(found, switches(flat), own=against is None)


def _judged(
    traceable: Subject, setting: Setting, against: str | Callable[..., Any] | None, write: Callable[[Any], str]
) -> Report:
    """The report on a subject whose code comes to an end; on what is stated of its inputs, where it is for that."""
    free = _with_guards(traceable, setting, against, write, False)
    if free.verdict == "proved" or not is_narrower(setting.subject, against, setting.inputs):
        return free
    return the_better(free, _with_guards(traceable, setting, against, write, True))


def _with_guards(
    traceable: Subject, setting: Setting, against: Any, write: Callable[[Any], str], stated: bool
) -> Report:
    """The report on a subject, read without its guards where only that settles it."""
    with guards(left_out=False) as found:
        report = _read(traceable, setting, against, write, stated)
    if not found.met or report.verdict == "proved":
        return report
    with guards(left_out=True) as found:
        try:
            other = _read(traceable, setting, against, write, stated)
        except SubjectError:
            return report
    if not other.passed or (report.passed and other.verdict != "proved"):
        return report
    met = " and ".join(found.met)
    note = f"{met} is read as a guard, as if it were not there: nothing is proved of numbers that it changes"
    words = other.reference + f", read without {met}" * other.reference.endswith("traced")
    return replace(other, reference=words, notes=(*other.notes, note), guards=tuple(found.met))


def _read(traceable: Subject, setting: Setting, against: Any, write: Callable[[Any], str], stated: bool) -> Report:
    """The report on a subject, with guards read as they are asked to be. stated: on the inputs that are stated."""
    from .probing.probe import dying, probe

    adapted, inputs = setting.subject, setting.inputs
    whole = reference = stated_reference(against, inputs)
    if reference is None:
        binding = bind(adapted, inputs=inputs)
        try:
            reference = own_reference(traceable, against, binding)
        except NeedsAutograd as needed:
            return judged_by_autograd(adapted, binding, needed, setting.dtypes)
    else:
        reference, binding = bound_to(adapted, reference, inputs, stated)
    value_of = reference.formulas
    reference, binding = with_upstream(asked_for(reference, binding), binding)
    derivation = derivation_of(at_defaults(reference.formulas, binding.tensors))
    write = _in_full(write, derivation)
    if setting.kernel is None:
        proofs, court, why_not, sized = _proofs(traceable, binding, derivation, write)
    else:
        proofs, court, sized = [], None, None
        why_not = f"it launches the kernel {setting.kernel}, and kernels are not traced"

    def run(other: Derivation) -> Observations:
        return probe(adapted, binding, other, dtypes=setting.dtypes, stated=setting.stated)

    def die(other: Derivation, gradients: Collection[str]) -> tuple[Region, ...]:
        return dying(adapted, binding, other, gradients, setting.dtypes)

    seen = run(derivation)
    mending = mended(adapted, binding, derivation, seen, setting.dtypes) if setting.kernel is None else None
    with mending.applied() if mending is not None else nullcontext():
        if mending is not None and mending.changed is not None:
            proofs, court, why_not, sized = _proofs(traceable, binding, derivation, write)
            seen = run(derivation)
        left = seen if mending is None else mending.rest(seen)
        diagnosis = diagnose(traceable, derivation, left, court, proofs, write, binding, Experiments(run, die))
        traced = court.traced.trace if court is not None else None
        returned = Values(
            traceable, setting, binding, value_of, derivation, reference.words, write, traced, why_not, against is None
        ).judged()
    findings, proofs = list(diagnosis.findings), diagnosis.settled(proofs)
    if sized is not None:
        proofs, why_not = list(sized.proofs), "" if sized.proofs else sized.why_not
    if mending is not None:
        findings = [*mending.findings(proofs, seen), *findings]
        seen = replace(seen, explained=())  # what code does beside its signature is said once it fits
        proofs = mending.labelled(proofs)
    asked = [r.name for r in derivation.wanted if any(t is not None and t in r.wrt for t in binding.gradient_of)]
    compared = {c.gradient for c in seen.comparisons if c.gradient in asked}
    findings += returned.findings
    findings += refuted_alone(adapted.where, proofs) if not findings else []
    not_tested = [*seen.not_tested, *([f"not proved: {why_not}"] if why_not else []), *returned.not_tested]
    missing = [r.name for r in derivation.wanted if r.name not in asked]
    if missing:
        not_tested.append(f"the code returns no {', '.join(missing)}")
    not_tested += _left_out(adapted, binding)
    not_tested += not_used(binding, parse_givens(inputs)) if isinstance(inputs, str) else []
    return Report(
        subject=adapted.name,
        verdict=verdict_of(findings, proofs, len(asked), len(compared)),
        findings=tuple(findings),
        not_tested=tuple(dict.fromkeys(not_tested)),
        binding=str(binding),
        proofs=tuple(proofs),
        reference=reference.words,
        covered=grouped((*seen.covered, *returned.covered)),
        explained=seen.explained,
        where=adapted.where,
        at_sizes=has_numbers((*binding.tensors, binding.upstream)) or (stated and states_sizes(inputs)),
        on_some=whole is not None and on_some_of(whole, reference),
        notes=(
            *(mending.notes if mending is not None else ()),
            *remarks(seen),
            *(text for text in seen.covered if text.endswith("as the code keeps it")),
        ),
    )


def _left_out(subject: Subject, binding: Binding) -> list[str]:
    """The parameters that an object holds and of which no gradient was found: it may be where nobody looks for it."""
    found = {t for t in binding.gradient_of if t is not None}
    pairs = zip(binding.arguments, binding.tensors, strict=True)
    held = [a for a, t in pairs if a in subject.optional and t.rank and t not in found and not t.domain.is_discrete]
    if subject.kind != "class" or not held:
        return []
    attribute = f"d{held[0].rpartition('.')[2]}"
    where = f"it is not returned, in no attribute such as {attribute}, and not applied in an update"
    return [f"the gradient of {', '.join(held)}: {where}"]


def _in_full(write: Callable[[Any], str], derivation: Derivation) -> Callable[[Any], str]:
    """Formulas as text, with what the names of intermediates stand for in their place."""
    full = unfolded(derivation)
    return lambda expr: write(full(expr) if isinstance(expr, Expr) else expr)


# -- the proof ---------------------------------------------------------------------------------------------------------


def _proofs(
    subject: Subject, binding: Binding, derivation: Derivation, write: Callable[[Any], str]
) -> tuple[list[Proof], Court | None, str, Sized | None]:
    """The proofs, the court that gave them, why there are none, and proofs at some sizes in their place."""
    tensors = dict(zip(binding.arguments, binding.tensors, strict=True))
    flat = pointwise(derivation)
    given = {n: lifted(t) if flat else t for n, t in tensors.items()}
    upstream = lifted(binding.upstream) if flat and binding.upstream is not None else binding.upstream
    try:
        traced = trace_gradients(subject, given, upstream, () if flat else all_formulas(derivation))
    except Untraceable as error:
        sized = proofs_at_sizes(subject, binding, derivation, error, write)
        return [], None, str(error), sized
    outputs: dict[str, int] = {}
    for at, tensor in enumerate(binding.gradient_of[: len(traced.entries)]):
        result = next((r for r in derivation.wanted if tensor is not None and r.wrt == (tensor,)), None)
        if result is not None and traced.entries[at] is not None:
            outputs.setdefault(result.name, at)
    court = Court(derivation, Traced(traced, outputs), write)
    return entry_by_entry(derivation, court.traced, court.proofs(), write), court, "", None
