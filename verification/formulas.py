"""A subject run on symbolic arrays: the formulas of its gradients, whatever form it was written in."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np
from sympy import Symbol

from ..calculus.derivation import Definition
from ..calculus.tensors import Tensor
from .subjects.protocol import Pass, Subject, SubjectError
from .subjects.sandbox import guarded
from .subjects.torch_code import Recorded
from .tracing.session import Untraceable
from .tracing.trace import Trace, trace

_Value = TypeVar("_Value")

#: Sizes of the object that a class is made with before symbolic arrays take the place of its parameters.
SIZES = (3, 5, 2, 7, 4, 11, 6, 13)


def trace_gradients(
    subject: Subject, tensors: Mapping[str, Tensor], upstream: Tensor | None, known: Sequence[Definition] = ()
) -> Trace:
    """The gradients of a subject as formulas; ``names`` of the trace are what the code calls them.

    **Arguments**: tensors by the names of the subject's parameters.
    **Raises** :class:`Untraceable`.
    """
    _need_code(subject)
    template = _template(subject, tensors)

    def run(inputs: dict[str, Any], given: Any) -> dict[str, Any]:
        found = subject.start(inputs, _fresh(template)).backward(given)
        return {f"{at}": value for at, (_, value) in enumerate(found)}

    return _in_time(lambda: trace(run, [dict(tensors), upstream], known=known), subject)


def trace_forward(subject: Subject, tensors: Mapping[str, Tensor]) -> Trace:
    """What the forward pass of a subject returns first, as a formula.

    **Raises** :class:`Untraceable`.
    """
    _need_code(subject)
    template = _template(subject, tensors)

    def run(inputs: dict[str, Any]) -> Any:
        started = subject.start(inputs, _fresh(template))
        if isinstance(started.state, Recorded):
            started.state.refuse_detached()
        return started.out

    return _in_time(lambda: trace(run, [dict(tensors)]), subject)


def trace_own(subject: Subject, tensors: Mapping[str, Tensor]) -> Trace:
    """The forward pass that a subject's own backward is verified against.

    **Raises** :class:`Untraceable`; SubjectError where torch differentiates all of it, and nothing is written by hand.
    """
    if subject.kind == "torch callable" and not calls_functions(subject, tensors):
        raise SubjectError(
            f"torch differentiates {subject.name} itself: no torch.autograd.Function is called in it, so there is "
            "nothing to verify. Say what it should be the gradient of: --against ID, an expression, or FILE.py:FUNCTION"
        )
    return trace_forward(subject, tensors)


def calls_functions(subject: Subject, tensors: Mapping[str, Tensor]) -> bool:
    """Whether the forward pass of torch code calls a custom Function.

    **Raises** :class:`Untraceable`.
    """
    called: list[bool] = []

    def run(inputs: dict[str, Any]) -> Any:
        started = subject.start(inputs, None)
        called.append(isinstance(started.state, Recorded) and bool(started.state.tape.nodes))
        return started.out

    _in_time(lambda: trace(run, [dict(tensors)]), subject)
    return any(called)


def trace_reference(other: Subject, tensors: Mapping[str, Tensor]) -> Trace:
    """The forward pass of a function that a gradient is compared with, given tensors for its parameters.

    **Raises** :class:`Untraceable`.
    """
    if other.kind in ("torch callable", "torch function", "class"):
        return trace_forward(other, tensors)
    return trace(other.raw, list(tensors.values()))


def _need_code(subject: Subject) -> None:
    if subject.kind == "jax":
        raise Untraceable(subject.kind, subject.file or "", subject.line or 0, "JAX code is not traced")


def _in_time(function: Callable[[], _Value], subject: Subject) -> _Value:
    """The value of a call into a person's code, which may print, and may not take longer than the time limit."""
    outcome = guarded(function)
    if outcome.hung:
        raise Untraceable(subject.name, subject.file or "", subject.line or 0, str(outcome.error))
    if outcome.error is not None:
        raise outcome.error
    return cast(_Value, outcome.value)


def _fresh(template: Pass | None) -> Pass | None:
    return None if template is None else replace(template, state=copy.deepcopy(template.state))


def _template(subject: Subject, tensors: Mapping[str, Tensor]) -> Pass | None:
    """A pass of an object of the class with plain arrays in it, made outside of the trace; None for no class."""
    if subject.kind != "class":
        return None
    dims = list(dict.fromkeys(s for t in tensors.values() for d in t.dims for s in d.free_symbols))
    sizes: dict[Symbol, int] = dict(zip(dims, SIZES, strict=False))
    values = {name: _example(t, sizes) for name, t in tensors.items()}
    try:
        return _in_time(lambda: subject.start(values, None), subject)
    except Untraceable:
        raise
    except Exception as error:
        raise Untraceable(subject.name, subject.file or "", subject.line or 0, f"it raises {error}") from error


def _example(tensor: Tensor, sizes: Mapping[Symbol, int]) -> Any:
    shape = tuple(int(d.subs(sizes)) for d in tensor.dims)
    if tensor.domain.below is not None:
        return np.zeros(shape, dtype=int)
    return np.full(shape, 0.5)
