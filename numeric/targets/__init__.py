"""The languages in which array functions can be written: ``numpy`` and whatever stands beside it in this table.

A target is a module with ``assemble(derivation, plans)``, which returns a :class:`~..plans.GeneratedModule`. It is
imported when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module

from ...calculus.derivation import Derivation
from ..plans import GeneratedModule, Plan, plans

#: Each target by the name that a user types, with the home of its ``assemble``.
TARGETS: Mapping[str, str] = {
    "numpy": "..numpy_code.generator",
    "c": "..native.module",
    "torch": ".torch_module",
    "jax": ".jax_module",
}


class UnknownTarget(ValueError):
    """No such target language."""


def assemble(derivation: Derivation, chosen: Sequence[Plan], target: str = "numpy") -> GeneratedModule:
    """A module in the target language with one function for each plan.

    Raises :class:`UnknownTarget`, and :class:`~..lower.Unsupported` for a formula that the target cannot express.
    """
    if target not in TARGETS:
        raise UnknownTarget(f"no target is called {target!r}. Targets: {', '.join(TARGETS)}")
    module: GeneratedModule = import_module(TARGETS[target], __name__).assemble(derivation, chosen)
    return module


def generate(derivation: Derivation, target: str = "numpy") -> GeneratedModule:
    """The module of a derivation: a function for its value and one for each kind of derivative wanted.

    Arguments are the givens by name; parameters with a value become keyword arguments. Raises as :func:`assemble`.
    """
    return assemble(derivation, plans(derivation), target)
