"""A subject run on symbolic arrays: the formulas of its gradients, whatever form it was written in."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sympy import Symbol

from ..calculus.derivation import Definition
from ..calculus.tensors import Tensor
from .protocol import Pass, Subject
from .session import Untraceable
from .trace import Trace, trace

#: Sizes of the object that a class is made with before symbolic arrays take the place of its parameters.
SIZES = (3, 5, 2, 7, 4, 11, 6, 13)


def trace_gradients(
    subject: Subject, tensors: Mapping[str, Tensor], upstream: Tensor | None, known: Sequence[Definition] = ()
) -> Trace:
    """The gradients of a subject as formulas; ``names`` of the trace are what the code calls them.

    **Arguments**: tensors by the names of the subject's parameters.
    **Raises** :class:`Untraceable`.
    """
    _need_numpy(subject)
    template = _template(subject, tensors)

    def run(inputs: dict[str, Any], given: Any) -> dict[str, Any]:
        found = subject.start(inputs, _fresh(template)).backward(given)
        return {f"{at}": value for at, (_, value) in enumerate(found)}

    return trace(run, [dict(tensors), upstream], known=known)


def trace_forward(subject: Subject, tensors: Mapping[str, Tensor]) -> Trace:
    """What the forward pass of a subject returns first, as a formula.

    **Raises** :class:`Untraceable`.
    """
    _need_numpy(subject)
    template = _template(subject, tensors)

    def run(inputs: dict[str, Any]) -> Any:
        return subject.start(inputs, _fresh(template)).out

    return trace(run, [dict(tensors)])


def _need_numpy(subject: Subject) -> None:
    if subject.kind not in ("gradient function", "forward/backward", "class"):
        raise Untraceable(subject.kind, subject.file or "", subject.line or 0, "only NumPy code can be traced")


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
        return subject.start(values, None)
    except Exception as error:
        raise Untraceable(subject.name, subject.file or "", subject.line or 0, f"it raises {error}") from error


def _example(tensor: Tensor, sizes: Mapping[Symbol, int]) -> Any:
    shape = tuple(int(d.subs(sizes)) for d in tensor.dims)
    if tensor.domain.below is not None:
        return np.zeros(shape, dtype=int)
    return np.full(shape, 0.5)
