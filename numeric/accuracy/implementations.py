"""What is measured: ways to compute the value and the derivatives of a derivation, by name.

An implementation is made once for a derivation and a dtype, and then called with arrays of inputs by the name of the
given; it returns arrays by the name of the definition or result. To add one, add its factory to
:data:`IMPLEMENTATIONS`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...calculus.derivation import Derivation
from ..candidates import FORMS
from ..checking.execution import arguments_of, load_source
from ..checking.regimes import REGIMES, Case
from ..checking.torch_side import Forward, TorchSide
from ..numpy_code.generator import generate
from ..plans import GeneratedFunction, is_elementwise
from .unavailable import Unavailable

Array = np.ndarray[Any, Any]

#: Inputs by the name of the given, in the dtype that is measured; a parameter is a float.
Inputs = Mapping[str, Any]
Implementation = Callable[[Inputs], Mapping[str, Array]]


@dataclass(frozen=True)
class Subject:
    """A formula to measure: its derivation, its independent torch forward, and its form in JAX, if it has them."""

    derivation: Derivation
    forward: Forward | None = None
    jax: Callable[..., Any] | None = None


@dataclass(frozen=True)
class OfNeighbours:
    """An implementation that has another way to compute an entry where most entries of a long array are moderate."""

    run: Implementation

    def __call__(self, values: Inputs) -> Mapping[str, Array]:
        return self.run(values)


def implementation(name: str, subject: Subject, dtype: str) -> Implementation:
    """An implementation by name. Raises :class:`Unavailable`, or ``ValueError`` for a name that there is not."""
    if name not in IMPLEMENTATIONS:
        raise ValueError(f"there is no implementation {name!r}; there are {', '.join(IMPLEMENTATIONS)}")
    return IMPLEMENTATIONS[name](subject, dtype)


def generated(subject: Subject, dtype: str) -> Implementation:
    """The NumPy source that nnmath writes, executed from its text as a user would."""
    return from_source(generate(subject.derivation), subject.derivation)


def in_form(form: str, subject: Subject, dtype: str) -> Implementation:
    """The NumPy source in one of the forms that it may have, see :mod:`~..candidates`."""
    return from_source(generate(subject.derivation, form=form), subject.derivation)


def naive(subject: Subject, dtype: str) -> Implementation:
    """NumPy source of the same formulas as they stand, without any rewriting for stability."""
    return from_source(generate(subject.derivation, stable=False), subject.derivation)


def compiled(subject: Subject, dtype: str) -> Implementation:
    """The functions of the C target, compiled here. Where NumPy would serve for one of them, none is measured."""
    from ..native.calling import CompiledModule

    module = CompiledModule(subject.derivation)
    for name, why in module.notes.items():
        raise Unavailable(f"{name} is not compiled: {why.removesuffix('; NumPy serves')}")
    run = from_functions(module.namespace, module.described, subject.derivation)
    parameters = {t.name for t in subject.derivation.givens if t.domain.value is not None and not t.rank}

    def with_numbers(values: Inputs) -> Mapping[str, Array]:
        """Its parameters are numbers: NumPy would serve for arrays of them."""
        numbers = {n: np.unique(v) for n, v in values.items() if n in parameters}
        for name, found in numbers.items():
            if found.size > 1:
                raise Unavailable(f"compiled code has one number {name} for all entries, not {found.size}")
        return run({**values, **{n: v.reshape(()) for n, v in numbers.items()}})

    return with_numbers


def from_source(module: Any, derivation: Derivation) -> Implementation:
    """The functions of a generated module (its ``source`` and ``functions``)."""
    run = from_functions(load_source(module.source), module.functions, derivation)
    near = any(form.kind == "near" for function in module.functions for form in function.long)
    return OfNeighbours(run) if near else run


def from_functions(
    namespace: Mapping[str, Any], functions: Sequence[GeneratedFunction], derivation: Derivation
) -> Implementation:
    """Functions by name, and what each takes and returns."""

    def run(values: Inputs) -> dict[str, Array]:
        case = Case(REGIMES[0], {}, {n: np.asarray(v) for n, v in values.items()})
        found: dict[str, Array] = {}
        for function in functions:
            with np.errstate(all="ignore"):
                out = namespace[function.name](**arguments_of(function, derivation, case))
            arrays = out if len(function.returns) > 1 else (out,)
            found.update({n: np.asarray(a) for n, a in zip(function.returns, arrays, strict=True)})
        return found

    return run


def torch(subject: Subject, dtype: str) -> Implementation:
    """PyTorch: the entry's independent forward, and autograd once or twice."""
    if subject.forward is None:
        raise Unavailable(f"{subject.derivation.id} has no counterpart in torch to measure")
    side = TorchSide(subject.derivation, subject.forward, "cpu", is_elementwise(subject.derivation))

    def run(values: Inputs) -> dict[str, Array]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return side.results({n: np.asarray(v) for n, v in values.items()}, dtype)

    return run


def jax(subject: Subject, dtype: str) -> Implementation:
    """JAX: the form that the entry has in it, else the formula in ``jax.numpy``, and ``jax.grad``."""
    from .jax_side import jax_implementation

    return jax_implementation(subject.derivation, dtype, subject.jax)


#: By the name that a user types.
IMPLEMENTATIONS: dict[str, Callable[[Subject, str], Implementation]] = {
    "numpy": generated,
    "c": compiled,
    "torch": torch,
    "jax": jax,
    "naive": naive,
    **{form: partial(in_form, form) for form in FORMS},
}
