"""Inputs for the functions that the torch and JAX code of a derivation has, at generic points."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nnmath.calculus.derivation import Derivation
from nnmath.derivations import catalogue
from nnmath.numeric.checking.regimes import Case, applicable, draw
from nnmath.numeric.plans import is_elementwise
from nnmath.numeric.targets.reverse import Reverse, base_name, reverses

#: An update rule has no derivative, and neither have these.
WITHOUT = ("conv-equivariance", "im2col")
RULES = tuple(id for id, entry in catalogue().items() if entry.state)
IDS = tuple(id for id, entry in catalogue().items() if entry.wanted and not entry.state and id not in WITHOUT)


def functions(derivation: Derivation) -> tuple[Reverse, ...]:
    return reverses(derivation, base_name(derivation))


def typical(derivation: Derivation) -> Case:
    """Inputs in float64 that no kink is near."""
    elementwise = is_elementwise(derivation)
    name = "typical" if elementwise else "unequal sizes"
    regime = next(r for r in applicable(derivation, elementwise) if r.name == name)
    case = draw(derivation, regime, np.dtype(np.float64), 0, elementwise)
    if not elementwise:
        return case
    return replace(case, values={n: v[1::3] if v.ndim else v for n, v in case.values.items()})


def arguments(reverse: Reverse, case: Case) -> dict[str, Any]:
    """The arguments of one function: arrays, numbers for its options, and a name for an unspecified function."""
    found: dict[str, Any] = {}
    for a in reverse.arguments:
        if a.given.domain.function:
            found[a.name] = "tanh" + a.name.removeprefix(a.given.name)
        elif reverse.is_tensor(a):
            found[a.name] = case.values[a.given.name]
        else:
            found[a.name] = float(np.ravel(case.values[a.given.name])[0])
    return found
