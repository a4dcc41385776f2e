"""For the tests of torch and JAX code: inputs at generic points, and what the cross-check says of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from derived import derivation as derived

from nnmath.calculus.derivation import Derivation
from nnmath.derivations import catalogue
from nnmath.numeric.checking.crosscheck import check
from nnmath.numeric.checking.regimes import Case, applicable, draw
from nnmath.numeric.plans import is_elementwise
from nnmath.numeric.targets import generate
from nnmath.numeric.targets.checkable import checkable
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


def assert_within_the_bounds(id: str, target: str) -> None:
    """The emitted code passes the cross-check, and every derivative in a given is compared."""
    d = derived(id)
    emitted = vars(checkable(d, target))
    report = check(d, **emitted)
    if report.failures:  # where torch has no finite value either, such as a direction of length 0, none is demanded
        report = check(d, catalogue()[id].torch, **emitted)
    assert report.passed, report.failures[0]
    given = {t.name for t in d.givens}
    wanted = {r.name for r in d.wanted if r.wrt and {t.name for t in r.wrt} <= given}
    assert wanted <= {r.result for r in report.results}


def assert_no_corner_in_the_second_derivative(target: str) -> None:
    """The accurate form of swish holds abs(x), and its first derivative is differentiated at 0."""
    d = derived("swish")
    report = check(d, **vars(checkable(d, target)), regimes=["zeros"], dtypes=["float64"])
    assert report.passed and "d2y_dx2" in {r.result for r in report.results}


def assert_a_planted_error_is_refused(target: str) -> None:
    d, right = derived("softmax-ce"), "_row_minus(P, Y, 1) / n"
    source = generate(d, target).source
    assert right in source
    wrong = source.replace(right, "_row_minus(P, Y, 1) / (n + 1e-9)")
    assert not check(d, **vars(checkable(d, target, wrong))).passed
