"""The function itself beside the formulas that were read from it: run on numbers, it must return what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..calculus.derivation import Derivation
from ..numeric.checking.errors import distance
from ..numeric.checking.exact import Judge, as_floats
from ..numeric.checking.regimes import Case, applicable, draw
from ..numeric.checking.report import CheckReport, RegimeResult
from ..numeric.checking.tolerance import bound, roundings
from ..numeric.plans import is_elementwise
from .own_function import OwnFunction
from .subjects.sandbox import guarded

FLOAT = np.dtype(np.float64)


def beside_the_function(report: CheckReport, own: OwnFunction, derivation: Derivation) -> CheckReport:
    """A report with what the function itself returns in every ordinary regime, in float64, against the exact value.

    A difference beyond the error bound is a failure: then something else was read than the code computes. In the other
    regimes the code may overflow or lose digits where the generated code does not; that is not judged here.
    """
    elementwise = is_elementwise(derivation)
    judge = Judge(derivation)
    agreeing: list[str] = []
    failed: list[RegimeResult] = []
    for regime in applicable(derivation, elementwise):
        if not regime.ordinary:
            continue
        case = draw(derivation, regime, FLOAT, 0, elementwise)
        problem = _difference(own, judge, case, elementwise)
        if problem:
            place = (own.name, own.value.name, regime.name, "float64", report.device)
            failed.append(RegimeResult(*place, "error", detail=problem, error=np.inf))
        else:
            agreeing.append(regime.name)
    notes = report.notes
    if agreeing:
        notes = (*notes, f"{own.name} itself returns the value of its formula: {', '.join(agreeing)}")
    return replace(report, results=(*report.results, *failed), notes=notes)


def _difference(own: OwnFunction, judge: Judge, case: Case, elementwise: bool) -> str:
    """How the function's value differs from the exact one; empty where it does not."""
    taken = [t.name for t in own.formulas.givens if t != own.formulas.upstream]
    arrays = {name: np.array(case.values[name]) for name in taken}
    outcome = guarded(lambda: own.call(**arrays))
    if outcome.error is not None:
        return f"the function raises {type(outcome.error).__name__}: {outcome.error}"
    found = np.asarray(outcome.value, dtype=float)
    exact, allowed = _exact(own, judge, case, elementwise)
    if found.size != exact.size:
        return f"the function returns shape {found.shape}, its formula has shape {exact.shape}"
    found = found.reshape(exact.shape)
    error = distance(found, exact)
    known = ~np.isnan(error)
    if not np.any(known) or float(np.max(error[known])) <= float(np.nanmax(allowed)):
        return ""
    at = np.unravel_index(int(np.argmax(np.where(known, error, 0.0))), error.shape)
    return f"the function returns {float(found[at])!r}, the formula that was read from it is {as_floats(exact)[at]!r}"


def _exact(own: OwnFunction, judge: Judge, case: Case, elementwise: bool) -> tuple[Any, Any]:
    """The exact value of what the function returns, and the error allowed."""
    rng = np.random.default_rng(0)
    eps = float(np.finfo(FLOAT).eps)
    tensors = {t: case.values[t.name] for t in judge.derivation.givens if t.name in case.values}

    def at(sizes: Mapping[Any, int], values: Mapping[Any, Any]) -> Any:
        return judge.evaluate([own.value.name], sizes, values, eps, rng)[own.value.name].closer()

    if elementwise:
        count = max(v.size for v in tensors.values())
        points = [at({}, {t: v[k] if v.ndim else v for t, v in tensors.items()}) for k in range(count)]
        values = np.array([p.values[()] for p in points], dtype=object)
        movement = np.array([float(p.movement[()]) for p in points])
    else:
        whole = at(case.sizes, tensors)
        values, movement = whole.values, whole.movement
    terms = roundings(judge.definitions, own.value.name, case.sizes)
    return values, bound(as_floats(values), movement, FLOAT, terms)
