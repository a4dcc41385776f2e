"""What a hand-written gradient looks like to the rest of the house, whatever form it was written in."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .modes import is_mode, mode_value

Array = np.ndarray[Any, Any]
Named = tuple[tuple[str | None, Any], ...]
Kind = Literal["gradient function", "forward/backward", "class", "torch function", "torch callable", "jax"]


class SubjectError(ValueError):
    """What was given cannot be verified as it stands. The message says what was expected and what to type."""


@dataclass(frozen=True)
class Pass:
    """One forward pass, with the backward pass that belongs to it still to come.

    forwarded: the arrays that forward returned or left in the state, by name. out: what forward returned first; None
    for a plain gradient function. backward: takes the upstream gradient, returns gradients by name.
    state: the object that the pass lives in, where there is one. places: where in it the constructor put its arrays.
    """

    forwarded: tuple[tuple[str, Any], ...]
    out: Any
    backward: Callable[[Array | None], Named]
    state: Any = None
    places: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """A hand-written gradient, normalised.

    parameter_names: everything that can be given a tensor; those in ``optional`` may do without.
    gradient_names: what the returned gradients are called in the code, None where it gives them no name; () unknown.
    upstream_name: the parameter that takes the upstream gradient; None where the code takes none.
    start: runs the forward pass from fresh state, or, with a pass before, on the state of that pass.
    """

    name: str
    kind: Kind
    file: str | None
    line: int | None
    parameter_names: tuple[str, ...]
    gradient_names: tuple[str | None, ...]
    raw: Any
    start: Callable[[Mapping[str, Any], Pass | None], Pass] = field(repr=False)
    forward: Callable[..., Any] | None = None
    upstream_name: str | None = None
    optional: frozenset[str] = frozenset()
    accumulates: bool = False

    def gradients(self, inputs: Mapping[str, Any], upstream: Array | None = None) -> tuple[Any, ...]:
        """What the code returns for one forward and backward pass from fresh state."""
        return tuple(value for _, value in self.start(inputs, None).backward(upstream))

    @property
    def where(self) -> str:
        if not self.file:
            return self.name
        return f"{shown(self.file)}:{self.line}" if self.line else shown(self.file)


def shown(file: str) -> str:
    """A file as one types it: from the current folder, where it lies inside."""
    path, here = Path(file).resolve(), Path.cwd().resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else file


def call(function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    """Call a function with what its parameters are given by name, positionally where it wants that."""
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    gap = False
    for p in every_parameter(function):
        if p.name not in values and not is_mode(p.name):
            gap = True
            continue
        value = values[p.name] if p.name in values else mode_value(p)
        if p.kind is inspect.Parameter.KEYWORD_ONLY or gap:
            keywords[p.name] = value
        else:
            positional.append(value)
    return function(*positional, **keywords)


def parameters(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """The parameters of a function that can be given a tensor: not ``*args``, ``**kwargs``, or ``training``."""
    return tuple(p for p in every_parameter(function) if not is_mode(p.name))


def every_parameter(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """The parameters of a function that can be named, without ``*args`` and ``**kwargs``."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return tuple(p for p in found if p.kind not in variadic)


def required(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(p.name for p in parameters(function) if p.default is inspect.Parameter.empty)


def place(obj: Any) -> tuple[str | None, int | None]:
    """File and first line of a function or class."""
    try:
        source = inspect.unwrap(obj) if callable(obj) else obj
        return inspect.getsourcefile(source), inspect.getsourcelines(source)[1]
    except (TypeError, OSError, ValueError):
        return None, None
