"""What a cross-check runs: the functions of a generated module, and the one that returns value and gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
from flint import ctx

from ...calculus.derivation import Derivation
from ..joint import joint
from ..lower import Unsupported
from ..numpy_code.generator import assemble, generate
from ..plans import GeneratedFunction, GeneratedModule, Plan, is_elementwise
from .exact import PRECISION, ExactArray
from .execution import load_source
from .long_arrays import larger_sizes, on_rare_paths
from .regimes import Case, Regime
from .tolerance import underflow

Array = np.ndarray[Any, Any]
#: How a report names it, and what is run.
Way = tuple[str, Callable[..., Any]]


@dataclass(frozen=True)
class Together:
    """The function that returns value and gradients. derivation, products: see :class:`Code`. plan: what it returns."""

    derivation: Derivation
    plan: Plan
    products: Mapping[str, tuple[str, str]]


class Checkable(Protocol):
    """Functions that something else than the NumPy printer made. Attributes: see :func:`~.crosscheck.check`."""

    @property
    def module(self) -> GeneratedModule: ...

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]: ...

    @property
    def ways(self) -> Mapping[str, Way]: ...

    @property
    def joined(self) -> Together | None: ...


@dataclass(frozen=True)
class Run:
    """A function, what to call for it, and another way to run it, as it computes long arrays. One of them may lack."""

    function: GeneratedFunction
    call: Callable[..., Any] | None
    way: Way | None = None


@dataclass(frozen=True)
class Code:
    """Functions to run and their descriptions.

    derivation: whose givens are their arguments. products: for each result that is another one times an argument, such
    as an upstream gradient, the names of these two. regimes: larger sizes, at which all are to run.
    """

    derivation: Derivation
    runs: tuple[Run, ...]
    products: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    regimes: tuple[Regime, ...] = ()

    @property
    def described(self) -> tuple[GeneratedFunction, ...]:
        return tuple(r.function for r in self.runs)


def together(derivation: Derivation) -> Together:
    """What ``--joint`` is about. Raises :class:`~..lower.Unsupported` where there are no gradients beside a value."""
    both, plan = joint(derivation)
    if not is_elementwise(derivation):
        return Together(both, plan, {})
    first = [r.name for r in derivation.wanted if r.of is not None and len(r.wrt) == 1]
    made = [d.name for d in plan.returns][-len(first) :]
    return Together(both, plan, {name: (of, both.givens[-1].name) for name, of in zip(made, first, strict=True)})


def code_of(
    derivation: Derivation,
    module: GeneratedModule | None,
    functions: Mapping[str, Callable[..., Any]] | None,
    ways: Mapping[str, Way] | None,
    larger: bool,
    joined: Together | None,
    beside: Sequence[Checkable] = (),
) -> Code:
    """The code of a module; by default of the two NumPy modules which are printed without and with ``--joint``.

    functions: what to run for it. ways: the second way to run them, by name. larger: at larger sizes too. joined: what
    functions return, if that is value and gradients together. beside: more functions.
    """
    if functions is not None:
        described = (module or generate(derivation)).functions
        runs = _runs(described, functions, ways or {})
        for other in beside:
            runs += _runs(other.module.functions, other.functions, other.ways)
            joined = joined or other.joined
        of, products = (joined.derivation, joined.products) if joined else (derivation, {})
        return Code(of, runs, products, larger_sizes(derivation) if larger else ())
    if module is not None:
        return Code(derivation, _in_ways(module.functions, load_source(module.source)))
    module = generate(derivation)
    runs = _in_ways(module.functions, load_source(module.source))
    try:
        found = together(derivation)
        both = assemble(found.derivation, (found.plan,))
    except Unsupported:
        return Code(derivation, runs)
    return Code(found.derivation, runs + _in_ways(both.functions, load_source(both.source)), found.products)


def _runs(
    described: Sequence[GeneratedFunction], functions: Mapping[str, Callable[..., Any]], ways: Mapping[str, Way]
) -> tuple[Run, ...]:
    return tuple(Run(f, functions.get(f.name), ways.get(f.name)) for f in described)


def _in_ways(described: Sequence[GeneratedFunction], functions: Mapping[str, Callable[..., Any]]) -> tuple[Run, ...]:
    made = {f.name: on_rare_paths(functions[f.name], f) for f in described}
    return _runs(described, functions, {name: way for name, way in made.items() if way is not None})


def multiplied(exact: ExactArray, factor: Array, dtype: np.dtype[Any], magnitude: Array) -> ExactArray:
    """Exact values of a result of a function of scalars times an argument, point by point.

    What rounding moves, and what underflows, is multiplied as well. magnitude: the size of the variables.
    """
    values = np.empty(exact.values.shape, dtype=object)
    with ctx.workprec(PRECISION):
        values[:] = [v * float(f) for v, f in zip(exact.values, factor, strict=True)]
    size = np.abs(factor.astype(float))
    rounded = float(np.finfo(dtype).eps) * np.array([abs(float(v.mid())) if v.is_finite() else 0.0 for v in values])

    def moved(movement: Array) -> Array:
        with np.errstate(over="ignore"):
            return np.asarray(size * (movement + underflow(dtype, magnitude)) + rounded)

    rest = tuple(partial(_of, moved, more) for more in exact.rest)
    return ExactArray(values, moved(exact.movement), exact.kink, rest)


def _of(change: Callable[[Array], Array], made: Callable[[], Array]) -> Array:
    return change(made())


def with_products(
    code: Code, exact: Mapping[str, ExactArray], case: Case, dtype: np.dtype[Any], magnitude: Array
) -> dict[str, ExactArray]:
    """The exact values of a case, and those of the products with an argument."""
    made = {
        name: multiplied(exact[of], case.values[factor], dtype, magnitude)
        for name, (of, factor) in code.products.items()
        if of in exact
    }
    return {**exact, **made}
