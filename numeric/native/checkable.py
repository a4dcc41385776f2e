"""The compiled functions of a derivation as a cross-check runs them: no NumPy function serves in their place."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

import numpy as np

from ...calculus.derivation import Derivation
from ...calculus.sums import BoundSum
from ..checking.code import Together, Way, together
from ..checking.long_arrays import WORDS, has_short_rows, on_long_arrays
from ..checking.updates import Rule
from ..lower import Unsupported
from ..plans import GeneratedFunction, GeneratedModule, LongForm, Plan, identifier, is_elementwise
from .calling import CompiledModule
from .loops.nests import in_short_blocks

#: How many threads share a loop where that is tried out, whatever there are in the machine.
THREADS = 3


@dataclass(frozen=True)
class Checkable:
    """What :func:`~nnmath.numeric.checking.crosscheck.check` takes, each under its name there.

    A function that is in ways only is run in that way only.
    """

    module: GeneratedModule
    functions: Mapping[str, Callable[..., Any]]
    flushes: bool = False
    ways: Mapping[str, Way] = field(default_factory=dict)
    larger: bool = True
    joined: Together | None = None


def checkables(derivation: Derivation) -> tuple[Checkable, ...]:
    """What is printed; and where NumPy computes a part of what :func:`nnmath.compiled` gives, that too.

    Where rows so long that they are several blocks would take too long, what is printed is run with short blocks too.
    Then the same for the function that returns value and gradients, if it has a C form. A function that is too long to
    be printed has the second alone. Raises as :func:`checkable`.
    """
    found = [*_in_both(derivation)]
    with suppress(Unsupported):
        joined = together(derivation)
        beside = _in_both(joined.derivation, (joined.plan,))
        found += [replace(c, joined=joined) for c in beside]
    return tuple(found)


def _in_both(derivation: Derivation, chosen: Sequence[Plan] | None = None) -> Iterator[Checkable]:
    """With matrix products in C, and by NumPy."""
    module = _compiled(derivation, True, chosen)
    printed: CompiledModule | None = module
    if module.products:
        try:
            printed = _compiled(derivation, False, chosen)
        except Unsupported:
            printed = None
    if printed is not None:
        yield _described(printed, derivation)
        if has_short_rows(derivation) and in_short_blocks(printed.source) != printed.source:
            short = _compiled(derivation, False, chosen, in_short_blocks)
            ways = {n: (WORDS["short blocks"], f) for n, f in short.namespace.items()}
            yield Checkable(GeneratedModule(short.source, short.described), {}, ways=ways)
    if printed is not module:
        yield _described(module, derivation)


def checkable(derivation: Derivation, products: bool = False) -> Checkable:
    """The functions of the C target, compiled here. products: NumPy multiplies matrices, as in :func:`nnmath.compiled`.

    Raises :class:`~.compiler.NoCompiler`, and :class:`~..lower.Unsupported` where a function has no C form. A call that
    the compiled function would leave to NumPy is a ``TypeError``: it would say nothing of the C code.
    """
    return _described(_compiled(derivation, products), derivation)


def checkable_step(rule: Rule) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
    """The compiled step of an update rule; and on long arrays, if it goes parameter by parameter. Raises as above."""
    module = _compiled(rule.course, False, (rule.plan,))
    step = module.namespace[rule.name]
    flat = rule.subject.rank == 1 and not any(d.body.has(BoundSum) for d in rule.course.definitions)
    form = LongForm("threads", (identifier(rule.subject.name),), 2**17, 2**17)
    return step, on_long_arrays(in_threads(step, module), form, axes=1) if flat else None


def _compiled(
    derivation: Derivation,
    products: bool,
    chosen: Sequence[Plan] | None = None,
    altered: Callable[[str], str] = str,
) -> CompiledModule:
    module = CompiledModule(derivation, chosen, products=products, elsewhere=refused, altered=altered)
    if module.failed is not None:
        raise module.failed
    for name, why in module.notes.items():
        raise Unsupported(f"{name} is not compiled: {why.removesuffix('; NumPy serves')}")
    return module


def _described(module: CompiledModule, derivation: Derivation) -> Checkable:
    functions = dict(module.namespace)
    elementwise = is_elementwise(derivation)
    described = tuple(replace(f, long=_threads(f) if elementwise else ()) for f in module.described)
    ways = {
        n: (WORDS["threads" if elementwise else "past the cache"], in_threads(f, module)) for n, f in functions.items()
    }
    if elementwise:
        numbers = [identifier(t.name) for t in derivation.givens if t.domain.value is not None]
        functions = {n: _number_by_number(f, numbers) for n, f in functions.items()}
    return Checkable(GeneratedModule(module.source, described), functions, ways=ways)


def _threads(function: GeneratedFunction) -> tuple[LongForm, ...]:
    arrays = tuple(n for n in function.arguments if n not in function.defaults)
    return (LongForm("threads", arrays, 2**17, 2**17),) if arrays else ()


def _number_by_number(function: Callable[..., Any], numbers: Sequence[str]) -> Callable[..., Any]:
    """C takes one number for all entries: a call for each of the different ones, with the entries that have it."""

    def call(**given: Any) -> Any:
        varying = [n for n in numbers if np.ndim(given.get(n, 0))]
        if not varying:
            return function(**given)
        arrays = {n: v for n, v in given.items() if np.ndim(v)}
        shape = np.broadcast_shapes(*(v.shape for v in arrays.values()))
        arrays = {n: np.broadcast_to(v, shape) for n, v in arrays.items()}
        points = np.stack([arrays[n] for n in varying], axis=-1)
        found: list[Any] = []
        for point in np.unique(points.reshape(-1, len(varying)), axis=0):
            here = np.all(points == point, axis=-1)
            entries = {n: v[here] for n, v in arrays.items()}
            out = function(**{**given, **entries, **dict(zip(varying, map(float, point), strict=True))})
            parts = out if isinstance(out, tuple) else (out,)
            found = found or [np.empty(shape, part.dtype) for part in parts]
            for whole, part in zip(found, parts, strict=True):
                whole[here] = part
        return tuple(found) if len(found) > 1 else found[0]

    return call


def in_threads(function: Callable[..., Any], module: CompiledModule) -> Callable[..., Any]:
    """A function that computes arrays of any length as it computes long ones: in threads, and past the cache."""
    library = module.library
    assert library is not None
    bounds = [
        ctypes.c_double.in_dll(library, n) for n in ("nn_thread_entries", "nn_cache_bytes") if hasattr(library, n)
    ]

    def call(*given: Any, **named: Any) -> Any:
        before = [bound.value for bound in bounds]
        threads = library.omp_get_max_threads() if hasattr(library, "omp_get_max_threads") else 0
        try:
            for bound in bounds:
                bound.value = 0.0
            if threads:
                library.omp_set_num_threads(THREADS)
            return function(*given, **named)
        finally:
            for bound, value in zip(bounds, before, strict=True):
                bound.value = value
            if threads:
                library.omp_set_num_threads(threads)

    return call


def refused(function: Callable[..., Any]) -> Callable[..., Any]:
    """In place of the NumPy function: an error that says that a call was not computed in C."""

    @wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        raise TypeError(f"{function.__name__} was not computed in C: NumPy would serve for these arguments")

    return call
