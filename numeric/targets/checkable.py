"""Functions for autograd, called as the NumPy functions of the same derivation are: what a cross-check runs.

A value comes from the emitted function, a derivative from the library's reverse mode through it. So the emitted
backward is judged, and for a second derivative what it does when it is differentiated itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from ...calculus.derivation import Derivation, Result
from ..checking.execution import load_source
from ..plans import GeneratedFunction, GeneratedModule, Plan, identifier, is_elementwise, plans
from . import assemble
from .reverse import Reverse, base_name, reverses

Values = Mapping[str, Any]
Function = Callable[[Values], Any]

#: Where each library's :class:`Library` lives.
LIBRARIES: Mapping[str, str] = {"torch": ".torch_library", "jax": ".jax_library"}


class Library(Protocol):
    """Arrays with reverse mode."""

    #: Whether it takes subnormal numbers for zeros.
    flushes: bool

    #: The function that stands for an unspecified one, its derivative, and the derivative of that.
    tanh: Sequence[Callable[[Any], Any]]

    def tensor(self, array: Any) -> Any:
        """A NumPy array as one of the library."""

    def array(self, tensor: Any) -> Any:
        """And back."""

    def spread(self, tensor: Any, shape: tuple[int, ...]) -> Any:
        """A tensor broadcast to a shape."""

    def ones(self, tensor: Any) -> Any:
        """A tensor of its shape with 1 everywhere."""

    def units(self, tensor: Any) -> Any:
        """Tensors of its shape with one 1 each, for each of its entries in order."""

    def stack(self, tensors: Sequence[Any]) -> Any:
        """Tensors of one shape along a new first axis."""

    def run(self, f: Function, values: Values) -> Any:
        """f at the values, compiled where the library compiles."""

    def double(self) -> AbstractContextManager[Any]:
        """A context in which float64 stays float64."""

    def reverse(self, f: Function, values: Values, name: str) -> tuple[Any, Callable[[Any], Any]]:
        """f at the values, and its pullback to one of them, which can be differentiated again."""


@dataclass(frozen=True)
class Checkable:
    """What :func:`~nnmath.numeric.checking.crosscheck.check` takes, each under its name there."""

    module: GeneratedModule
    functions: Mapping[str, Callable[..., Any]]
    flushes: bool


@dataclass(frozen=True)
class _Entry:
    """One array that a function returns. result: the derivative that it is; None for a value."""

    reverse: Reverse
    result: Result | None


def checkable(derivation: Derivation, target: str, source: str | None = None) -> Checkable:
    """The emitted module with the description of the NumPy module, and functions of NumPy arrays to run for it.

    What the emitted code has no derivative for, such as one by a value on the way, is left out of the description.
    source: emitted code that was changed. Raises ImportError where the library is missing, and what
    :func:`~nnmath.numeric.targets.assemble` raises.
    """
    chosen = plans(derivation)
    library: Library = import_module(LIBRARIES[target], __package__).Library()
    source = assemble(derivation, chosen, target).source if source is None else source
    namespace = load_source(source)
    found = {r.of.name: r for r in reverses(derivation, base_name(derivation))}
    found = {r.output.name: r for r in found.values()} | found
    described: list[GeneratedFunction] = []
    functions: dict[str, Callable[..., Any]] = {}
    for plan in chosen:
        entries = _entries(derivation, plan, found)
        if entries:
            names = dict.fromkeys(n for e in entries.values() for n in (*_names(e), e.reverse.upstream))
            arguments = tuple(n for n in names if any(n in _names(e) or e.reverse.of.pairing for e in entries.values()))
            described.append(GeneratedFunction(plan.name, arguments, tuple(entries), plan.role, (), plan.order))
            functions[plan.name] = _function(library, namespace, [*entries.values()], is_elementwise(derivation))
    return Checkable(GeneratedModule(source, tuple(described)), functions, library.flushes)


def _names(entry: _Entry) -> tuple[str, ...]:
    return tuple(a.name for a in entry.reverse.arguments)


def _entries(derivation: Derivation, plan: Plan, found: Mapping[str, Reverse]) -> dict[str, _Entry]:
    """What of a plan comes from an emitted function."""
    results = {r.name: r for r in derivation.wanted if r.of is not None and r.wrt}
    entries = {}
    for d in plan.returns:
        result = results.get(d.name)
        reverse = found.get(d.name if result is None or result.of is None else result.of.name)
        by = {identifier(t.name) for t in result.wrt} if result else set()
        if reverse is not None and by <= set(reverse.trained):
            entries[d.name] = _Entry(reverse, result)
    return entries


def _function(
    library: Library, namespace: Mapping[str, Any], entries: Sequence[_Entry], elementwise: bool
) -> Callable[..., Any]:
    def run(**given: Any) -> Any:
        with library.double():
            values = {n: library.tensor(v) if isinstance(v, np.ndarray | np.generic) else v for n, v in given.items()}
            values |= {n: library.tanh[n.count("_prime")] for n, v in given.items() if callable(v)}
            run_one = partial(_evaluated, library, namespace, elementwise)
            arrays = [library.array(library.run(partial(run_one, e), values)) for e in entries]
        return tuple(arrays) if len(arrays) > 1 else arrays[0]

    return run


def _evaluated(library: Library, namespace: Mapping[str, Any], elementwise: bool, entry: _Entry, values: Values) -> Any:
    reverse, result = entry.reverse, entry.result

    def f(given: Values) -> Any:
        return namespace[reverse.name](**{n: given[n] for n in _names(entry) if n in given})

    if result is None:
        return f(values)
    if elementwise:  # a parameter that all entries share has one derivative for each of them
        shape = np.broadcast_shapes(*(tuple(values[n].shape) for n in reverse.trained))
        values = {**values, **{n: library.spread(values[n], shape) for n in reverse.trained}}
    paired = reverse.of.pairing and result.of is not None and result.of.name == reverse.of.name
    weight = values[reverse.upstream] if paired else None
    derivative: Function = f
    for t in result.wrt:
        derivative = _derivative(library, derivative, identifier(t.name), weight, elementwise)
        weight = None
    return derivative(values)


def _derivative(library: Library, f: Function, name: str, weight: Any, elementwise: bool) -> Function:
    """The derivative of f by one of its arguments: its axes after those of f, unless weights sum those."""

    def derivative(values: Values) -> Any:
        value, pull = library.reverse(f, values, name)
        if weight is not None:
            return pull(weight)
        if elementwise or not value.shape:
            return pull(library.ones(value))
        rows = [pull(unit) for unit in library.units(value)]
        return library.stack(rows).reshape(tuple(value.shape) + tuple(rows[0].shape))

    return derivative


__all__ = ["Checkable", "Library", "checkable"]
