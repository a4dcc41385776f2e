"""A function of a person's own as something to derive: which array is which, its formulas, and what is asked."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..calculus.tensors import Tensor
from ..derivations.build import EntryError
from ..derivations.conventions import ELEMENTWISE, LAYOUT
from ..derivations.entry import Entry
from ..derivations.expression import OWN
from .at_sizes import what_to_type as what_fixes
from .forward import forward_of
from .reference import Formulas, paired
from .subjects.adapters import load
from .subjects.autograd import is_jax, is_torch_callable
from .subjects.binding import stated_tensors, what_to_type
from .subjects.pairs import gradient_function
from .subjects.protocol import Subject, SubjectError, parameters
from .subjects.sandbox import guarded
from .tracing.trace import Trace, Untraceable, trace

ANY_LOSS = "L is any scalar; only its gradient {upstream} with respect to {value} is used."


@dataclass(frozen=True)
class OwnFunction:
    """The formulas of a function, and the notes that belong beside them.

    call: takes the givens by name, as arrays, and returns the value. formulas: with the loss ⟨dY, Y⟩ behind an array
    that depends on arrays; value is what the function itself returns. torch: where it is torch code, that code as the
    counterpart for autograd.
    """

    name: str
    where: str
    call: Callable[..., Any]
    formulas: Formulas
    value: Tensor
    notes: tuple[str, ...]
    torch: Callable[..., Any] | None = None

    def entry(self, wrt: Sequence[str] = (), order: int = 1) -> Entry:
        """The entry that asks for the derivatives; all real arrays that the value depends on where none is named.

        **Raises** EntryError for a name that the function does not take, or that it cannot be differentiated by.
        """
        if order not in (1, 2):
            raise EntryError(f"order {order} was asked for; first and second derivatives are known: order 1 or 2")
        names = tuple(dict.fromkeys(wrt)) or tuple(t.name for t in self.formulas.wrt)
        for name in names:
            self._check(name)
        if not names:
            raise EntryError(f"{self.name} depends on no real array, so there is nothing to differentiate by")
        of = self.formulas.value.name
        second = [f"d2{of}/d{name}2" for name in names] if order == 2 else []
        return Entry(
            id=self.name,
            title=self.where,
            given="",
            define="",
            wanted=(*(f"d{of}/d{name}" for name in names), *second),
            torch=self.torch,
            conventions=(LAYOUT if any(t.rank for t in self.formulas.givens) else ELEMENTWISE, *self.notes),
            topic=OWN,
        )

    def _check(self, name: str) -> None:
        taken = {t.name: t for t in self.formulas.givens if t != self.formulas.upstream}
        if name not in taken:
            raise EntryError(f"cannot differentiate by {name}, which is no input of {self.name}: {', '.join(taken)}")
        if taken[name].domain.is_discrete:
            raise EntryError(f"cannot differentiate by {name}: its entries are {taken[name].domain}, not real numbers")
        if taken[name] not in self.formulas.wrt:
            depends = ", ".join(t.name for t in self.formulas.wrt) or "no real array"
            raise EntryError(f"what {self.name} returns does not depend on {name}; it depends on {depends}")


def read_function(function: str | Callable[..., Any], inputs: str | tuple[Any, ...] | None = None) -> OwnFunction:
    """The formulas of ``"FILE.py:FUNCTION"`` or of a function, run once on symbolic arrays.

    **Arguments**: inputs, the arrays in order of the parameters, ``"X: n d, w: d, y: n"``, or a tuple of examples; else
    annotations or an ``example`` beside the function say it. Parameters with a default may be left out.

    **Raises** SubjectError with what to type: for what is no function, for arrays that are not known, and for code that
    has no formula here, with the operation and the line.
    """
    subject = _subject(function)
    tensors = _tensors(subject, inputs)
    names = list(tensors)

    def call(*arrays: Any) -> Any:
        return subject.raw(**dict(zip(names, arrays, strict=True)))

    outcome = guarded(lambda: _traced(subject, call, list(tensors.values())))
    if outcome.hung:
        raise SubjectError(f"{subject.name} cannot be derived: {subject.where}: {outcome.error}")
    if isinstance(outcome.error, Untraceable):
        raise SubjectError(
            f"{subject.name} cannot be derived: {outcome.error}{what_fixes(outcome.error, tuple(tensors.values()))}"
        )
    if outcome.error is not None:
        raise outcome.error
    formulas, traced = outcome.value
    value = formulas.value
    notes = [f"The formulas are read from the code of {subject.name}, {subject.where}."]
    if value.rank:
        upstream = next(n for n in (f"d{value.name}", "upstream", "dout") if n not in tensors)
        formulas = paired(formulas, upstream)
        notes.append(ANY_LOSS.format(upstream=upstream, value=value.name))
    if len(traced.entries) > 1:
        notes.append(f"Of the {len(traced.entries)} values that {subject.name} returns, the first is derived.")
    notes += [f"The code is read for {', '.join(traced.assumptions)}."] if traced.assumptions else []
    notes += [f"The number {text}." for text in traced.notes]

    def returned(**arrays: Any) -> Any:
        found = call(*(arrays[n] for n in names))
        return found[0] if isinstance(found, tuple | list) else found

    given = formulas.upstream.name if formulas.upstream is not None else None
    torch = _autograd(subject, names, given)
    return OwnFunction(subject.name, subject.where, returned, formulas, value, tuple(notes), torch)


def _traced(subject: Subject, call: Callable[..., Any], tensors: Sequence[Tensor]) -> tuple[Formulas, Trace]:
    traced = trace(call, tensors, naming=True)
    forward = forward_of(traced, tensors, subject.name)
    read: set[Tensor] = set().union(*(d.body.atoms(Tensor) for d in forward.definitions))
    wrt = tuple(t for t in tensors if not t.domain.is_discrete and t in read)
    return Formulas(subject.name, tuple(tensors), forward.definitions, forward.value, wrt), traced


def _subject(function: str | Callable[..., Any]) -> Subject:
    obj = load(function) if isinstance(function, str) else function
    if isinstance(obj, tuple) and len(obj) == 2:
        obj = obj[0]  # NAME stands for NAME_forward and NAME_backward
    name = function.rpartition(":")[2] if isinstance(function, str) else getattr(obj, "__name__", type(obj).__name__)
    if isinstance(obj, type) or not callable(obj):
        what = "a class" if isinstance(obj, type) else f"a value of type {type(obj).__name__}"
        raise SubjectError(
            f"{name} is {what}; derive takes a function that returns a loss or an array: FILE.py:FUNCTION"
        )
    if is_jax(obj):
        raise SubjectError(f"{name} is JAX code, and derive reads NumPy and torch code; write the same with numpy")
    if is_torch_callable(obj):
        obj = _torch_on_arrays(obj)
    if not parameters(obj):
        raise SubjectError(f"{name} takes no arguments, so there is nothing to differentiate by")
    return replace(
        gradient_function(obj, name.rpartition(".")[2] if name.rpartition(".")[2].isidentifier() else "function"),
        upstream_name=None,
    )


def _torch_on_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """Torch code as a function of arrays; what it detaches stands as a value of its own, which has no formula."""
    from .subjects.torch_code import on_arrays
    from .tracing.torch_tape import Tape, taped

    on_either = on_arrays(function)

    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        with taped(Tape()):
            return on_either(*arguments, **options)

    run.of_torch = function  # type: ignore[attr-defined]
    return run


def _autograd(subject: Subject, names: Sequence[str], upstream: str | None) -> Callable[..., Any] | None:
    """Torch code itself as the counterpart whose autograd the derivatives are compared with."""
    function = getattr(subject.raw, "of_torch", None)
    if function is None:
        return None

    def forward(torch: Any, **arrays: Any) -> Any:
        found = function(**{n: arrays[n] for n in names})
        found = found[0] if isinstance(found, tuple | list) else found
        return found if upstream is None else (found * arrays[upstream]).sum()

    return forward


def _tensors(subject: Subject, inputs: str | tuple[Any, ...] | None) -> Mapping[str, Tensor]:
    """The tensor of every parameter that gets one, in the order of the parameters."""
    stated = {t.name: t for t in stated_tensors(subject, inputs)[0]}
    takes = [p.name for p in parameters(subject.raw)]
    for name, tensor in stated.items():
        if name not in takes:
            raise SubjectError(
                f"--inputs names {name}, which {subject.name} does not take; it takes {', '.join(takes)}"
            )
        if tensor.domain.function:
            raise SubjectError(f"--inputs says that {name} is a function; derive needs the code of all that it calls")
    missing = [n for n in takes if n not in stated and n not in subject.optional]
    if missing:
        raise SubjectError(
            f"the shape of {' and '.join(missing)} of {subject.name} is not known; "
            f"{what_to_type(subject, tuple(stated.values()))}"
        )
    return {n: stated[n] for n in takes if n in stated}
