"""What a gradient is held against: an entry of the catalogue, an expression, another function, or its own forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..calculus.parser import parse_givens
from ..calculus.tensors import Tensor
from ..derivations import find
from .at_sizes import what_to_type
from .autograd_oracle import NeedsAutograd
from .diagnosis.labels import with_labels
from .formulas import trace_own, trace_reference
from .reference import Formulas, from_entry, from_expression, from_traced, paired, with_the_loss
from .setting import is_id
from .stated_domains import at_stated_domains
from .stated_sizes import are_small, at_stated_sizes
from .subjects.adapters import as_reference, load
from .subjects.autograd import forward_of
from .subjects.binding import TRIAL_ALIKE, Binding, Trial, bind
from .subjects.protocol import Subject, SubjectError
from .tracing.session import Untraceable


@dataclass(frozen=True)
class Reference:
    """What a gradient is compared with: its formulas, in a few words, and how sure that is."""

    formulas: Formulas
    words: str


def stated_reference(against: Any, inputs: Any) -> Reference | None:
    """The reference that does not need the subject: an entry, or an expression; None for a function or nothing."""
    if not isinstance(against, str) or is_place(against):
        return None
    if is_id(against) or not isinstance(inputs, str):
        entry = find(against)
        return Reference(from_entry(entry), f"{entry.id}: {entry.title}")
    return Reference(from_expression(against, inputs), f"the expression {against}")


def bound_to(subject: Subject, reference: Reference, inputs: Any, as_stated: bool) -> tuple[Reference, Binding]:
    """The binding to a reference; integer labels take the place of target distributions where the code wants them."""
    stated = parse_givens(inputs) if isinstance(inputs, str) else ()
    wanted = [t.name for t in reference.formulas.wrt]
    labelled = with_labels(reference.formulas, stated)
    other = replace(reference, formulas=labelled) if labelled is not None else None
    has_labels = any(t.domain.below is not None for t in stated)
    order = [reference] if other is None else [other, reference] if has_labels else [reference, other]
    problem: SubjectError | None = None
    bound: list[tuple[Reference, Binding]] = []
    for candidate in order:
        try:
            told = as_told(candidate.formulas, subject, stated)  # numbers that do not fit are refused
            candidate = replace(candidate, formulas=told) if as_stated else candidate
            binding = bind(subject, inputs=inputs, entry_tensors=candidate.formulas.givens, wanted=wanted)
        except SubjectError as error:
            problem = problem or error
            continue
        if Trial(subject, binding.tensors, binding.arguments, binding.upstream).run(binding.upstream).error is None:
            return candidate, binding
        bound.append((candidate, binding))
    for candidate, binding in bound:  # where shapes do not fit, equal sizes tell what the code takes
        trial = Trial(subject, binding.tensors, binding.arguments, binding.upstream, TRIAL_ALIKE)
        if trial.run(binding.upstream).error is None:
            return candidate, binding
    if bound:
        return bound[0]
    assert problem is not None
    raise problem


def as_told(formulas: Formulas, subject: Subject, stated: Sequence[Tensor]) -> Formulas:
    """The formulas for what is stated of sizes and arrays. **Raises** SubjectError where numbers do not fit."""
    at_sizes = at_stated_sizes(formulas, subject, stated)
    return at_stated_domains(at_sizes if are_small(stated) else formulas, subject, stated)


def is_narrower(subject: Subject, against: Any, inputs: Any) -> bool:
    """Whether less is asked than a reference says: for some sizes, or for some of the arrays that it takes."""
    if not isinstance(inputs, str) or not isinstance(against, str) or not is_id(against):
        return False
    formulas = from_entry(find(against))
    try:
        return as_told(formulas, subject, parse_givens(inputs)).givens != formulas.givens
    except SubjectError:  # labels are stated, in the place of distributions
        return False


def on_some_of(whole: Reference, reference: Reference) -> bool:
    """Whether a reference takes only some of the arrays that another one takes."""
    domains = {t.name: t.domain for t in whole.formulas.givens}
    known = [(t.domain, domains[t.name]) for t in reference.formulas.givens if t.name in domains]
    return any(one.is_within(other) and not other.is_within(one) for one, other in known)


def states_sizes(inputs: Any) -> bool:
    """Whether a size is stated as a number."""
    return isinstance(inputs, str) and any(d.is_Integer for t in parse_givens(inputs) for d in t.dims)


def is_place(text: Any) -> bool:
    return isinstance(text, str) and ".py:" in text


def own_reference(subject: Subject, against: Any, binding: Binding) -> Reference:
    """The reference that is a function: the one given, or the subject's own forward."""
    tensors = dict(zip(binding.arguments, binding.tensors, strict=True))
    wrt = [t for t in binding.gradient_of if t is not None]
    if against is None:
        if subject.forward is None:
            raise SubjectError(
                f"{subject.name} has no forward to derive the gradient from; say what it is the gradient of: "
                "--against ID, an expression, or FILE.py:FUNCTION"
            )
        other, words = subject, "the gradient of its own forward, traced"
    else:
        obj = load(against) if isinstance(against, str) else against
        other = as_reference(obj)
        words = f"the gradient of {other.name}, traced"
        tensors = {n: t for n, t in zip(other.parameter_names, _in_order(other, tensors), strict=False)}
    try:
        traced = trace_own(subject, tensors) if against is None else trace_reference(other, tensors)
        formulas = from_traced(other.name, traced, binding.tensors, wrt)
    except Untraceable as error:
        if subject.kind == "torch function" and against is None:
            raise NeedsAutograd(forward_of(subject), tensors, error, own=True) from error
        if other.kind == "torch callable" and against is not None:
            raise NeedsAutograd(other, tensors, error) from error
        raise SubjectError(
            f"the formula of {other.name} cannot be read from its code ({error}); say what it computes: "
            f"--against ID or an expression{what_to_type(error, binding.tensors)}"
        ) from error
    return Reference(formulas, words)


def _in_order(other: Subject, tensors: dict[str, Tensor]) -> list[Tensor]:
    """The tensors for the parameters of another function: by name where that is enough, else in order."""
    by_name = {**{t.name: t for t in tensors.values()}, **tensors}
    if all(n in by_name for n in other.parameter_names):
        return [by_name[n] for n in other.parameter_names]
    return list(tensors.values())


def asked_for(reference: Reference, binding: Binding) -> Reference:
    """Of a formula that is not in the catalogue, only the gradients that the code returns are derived."""
    formulas = reference.formulas
    if formulas.entry is not None and formulas.entry.id != "expression":
        return reference
    chosen = tuple(t for t in formulas.wrt if t in binding.gradient_of and t != formulas.upstream)
    return replace(reference, formulas=replace(formulas, wrt=chosen)) if chosen else reference


def with_upstream(reference: Reference, binding: Binding) -> tuple[Reference, Binding]:
    """The loss that belongs to an upstream gradient that the code takes and the reference does not have."""
    formulas = reference.formulas
    if binding.upstream is None:
        return reference, binding
    if formulas.upstream is not None:
        paired_with = with_the_loss(formulas) if formulas.upstream == binding.upstream else formulas
        return replace(reference, formulas=paired_with), binding
    taken = {t.name for t in formulas.givens}
    name = binding.upstream.name if binding.upstream.name not in taken else "upstream"
    formulas = paired(formulas, name)
    assert formulas.upstream is not None
    return replace(reference, formulas=formulas), replace(binding, upstream=formulas.upstream)
