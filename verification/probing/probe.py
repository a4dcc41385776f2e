"""Run hand-written code in every regime and compare it with the exact gradients of a derivation."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...calculus.derivation import Derivation
from ..report import Explanation
from ..subjects.binding import Binding
from ..subjects.protocol import Array, Subject
from ..subjects.sandbox import SECONDS, TOTAL, guarded, remaining
from .observations import CallError, Comparison, Observations, Region, SafetyIssue, grouped
from .outside import outside
from .prober import Point, Prober
from .regions import failure_regions, half_lives
from .safety import hazards

Forward = Callable[..., Any]
#: What NumPy code is run in.
DTYPES = ("float64", "float32")


def probe(
    subject: Subject,
    binding: Binding,
    derivation: Derivation,
    *,
    dtypes: Sequence[str] = DTYPES,
    seed: int = 0,
    seconds: float = TOTAL,
    torch_forward: Forward | None = None,
) -> Observations:
    """Run the subject on every regime that applies, look for hazards, and find where it starts to fail.

    **Arguments**: dtypes: float64 and float32; seconds: the processor time for all of it, so that a busy
    machine finds the same; a single call has at most ten.
    torch_forward: an independent forward; its gradients are put beside those that deviate.

    **Raises** :class:`SubjectError` where the binding does not fit the derivation.
    """
    started = time.process_time()
    prober = Prober(subject, binding, derivation, seed)
    prober.limit = min(SECONDS, seconds)
    endless = prober.settle()
    comparisons: list[Comparison] = []
    errors: list[CallError] = [endless] if endless is not None else []
    covered: dict[str, None] = {}
    skipped: dict[str, None] = {}
    side = _Beside(prober, torch_forward)
    stopped = "a call did not end" if errors else ""
    left: list[str] = []
    for dtype in dtypes:
        for regime in prober.regimes():
            label = f"{regime.name} ({dtype})"
            if stopped or time.process_time() - started > seconds or remaining() <= 0:
                left.append(label)
                continue
            point = prober.point(regime, dtype)
            ran = prober.call(point)
            failed = prober.failure(point, ran)
            if failed is not None:
                errors.append(failed)
                stopped = "a call did not end" if failed.kind == "hang" else ""
                continue
            found, wrong = prober.compare(point, ran.value)
            comparisons += [side.shown(c, point) for c in found]
            errors += wrong
            covered[label] = None
    if left:
        skipped[f"{'; '.join(grouped(left))}: {stopped or 'out of time'}"] = None
    safety: tuple[SafetyIssue, ...] = ()
    explained: tuple[Explanation, ...] = ()
    regions: tuple[Region, ...] = ()
    if not stopped:
        safety = hazards(prober, covered, skipped)
        if not errors:
            explained = outside(prober, covered)
        regions = failure_regions(prober, comparisons, started + seconds)
    else:
        safety = (
            SafetyIssue("hang", f"a call does not end within {prober.limit:g} s", errors[-1].regime, subject.where),
        )
    for name, axes in prober.units.items():
        shape = ", ".join("1" if k is None else str(prober.oracle.result_dims(name)[k]) for k in axes)
        covered[f"{name} with shape ({shape}), as the code keeps it"] = None
    for t in derivation.givens:
        if t.name in prober.oracle.results and t not in prober.targets and t in binding.tensors:
            skipped[f"the gradient of {t.name}: the code returns none"] = None
    if "float64" in dtypes and len(dtypes) > 1:
        skipped["half precision (float16, bfloat16): NumPy code runs in float64 and float32"] = None
    spent = time.process_time() - started
    return Observations(
        tuple(comparisons), safety, tuple(errors), regions, tuple(covered), tuple(skipped), spent, explained
    )


def dying(
    subject: Subject, binding: Binding, derivation: Derivation, gradients: Collection[str], dtypes: Sequence[str]
) -> tuple[Region, ...]:
    """From where on half of a gradient is lost to a small constant in the code, in each dtype."""
    prober = Prober(subject, binding, derivation)
    if prober.settle() is not None:
        return ()
    return half_lives(prober, gradients, dtypes)


class _Beside:
    """What torch says at a point where the code deviates."""

    def __init__(self, prober: Prober, forward: Forward | None) -> None:
        self.prober, self.forward = prober, forward
        self.known: dict[tuple[str, str], Mapping[str, Array]] = {}

    def shown(self, c: Comparison, point: Point) -> Comparison:
        if self.forward is None or (c.ok and not c.kink):
            return c
        key = (c.regime, c.dtype)
        if key not in self.known:
            from ...numeric.torch_side import TorchSide

            def results() -> Mapping[str, Array]:
                assert self.forward is not None
                side = TorchSide(self.prober.derivation, self.forward, "cpu", self.prober.elementwise)
                return side.results(point.values, c.dtype)

            self.known[key] = guarded(results).value or {}
        return replace(c, torch_value=self.known[key].get(c.gradient))
