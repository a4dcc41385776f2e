"""Run hand-written code in every regime and compare it with the exact gradients of a derivation."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from itertools import chain

import numpy as np

from ...calculus.derivation import Derivation
from ...numeric.checking.tolerance import precision
from ..report import Explanation
from ..subjects.binding import Binding
from ..subjects.placement import TORCH
from ..subjects.protocol import Subject
from ..subjects.sandbox import SECONDS, TOTAL, remaining
from .large import NoLargeOracle
from .observations import CallError, Comparison, Observations, Region, SafetyIssue, grouped
from .outside import outside
from .prober import FLOAT16_UP_TO, Point, Prober
from .regions import failure_regions, half_lives
from .safety import hazards
from .stated import Stated

NOTHING_STATED = Stated()
#: Of the sizes of blocks, those are left out at which a call would take longer than this, in seconds.
PATIENCE = 2.0
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
    stated: Stated = NOTHING_STATED,
) -> Observations:
    """Run the subject on every regime that applies, look for hazards, and find where it starts to fail.

    **Arguments**: dtypes: of float64, float32, float16 and bfloat16; stated: sizes and arrays to try too; seconds: the
    processor time for all of it, so that a busy machine finds the same; a single call has at most ten.

    **Raises** :class:`SubjectError` where the binding does not fit the derivation.
    """
    started = time.process_time()
    prober = Prober(subject, binding, derivation, seed, dtypes)
    prober.at_size.kernel = stated.kernel
    prober.limit = min(SECONDS, seconds)
    endless = prober.settle()
    comparisons: list[Comparison] = []
    errors: list[CallError] = [endless] if endless is not None else []
    covered: dict[str, None] = {}
    skipped: dict[str, None] = {}
    pace = _Pace()
    stopped = "a call did not end" if errors else ""
    left: list[str] = []
    for dtype in dtypes:
        points = chain((prober.point(regime, dtype) for regime in prober.regimes()), stated.points(prober, dtype))
        for point in points:
            label = f"{point.regime.name} ({dtype})"
            if stopped or time.process_time() - started > seconds or remaining() <= 0:
                left.append(label)
                continue
            if not _representable(point):
                skipped[f"{label}: the numbers do not fit into {dtype}"] = None
                continue
            if (expected := pace.expected(point)) > PATIENCE:
                skipped[f"{label}: a call would take about {expected:.0f} s"] = None
                continue
            begun = time.monotonic()
            ran = prober.call(point)
            pace.took(point, time.monotonic() - begun)
            failed = prober.failure(point, ran)
            if failed is not None and failed.kind == "hang" and point.stated:
                skipped[f"{label}: a call takes more than {prober.limit:g} s"] = None
                continue
            if failed is not None:
                errors.append(failed)
                stopped = "a call did not end" if failed.kind == "hang" else ""
                continue
            try:
                found, wrong = prober.compare(point, ran.value)
            except NoLargeOracle as error:
                skipped[f"{label}: {error}"] = None
                continue
            comparisons += found
            errors += wrong
            covered[label] = None
    for name, why in prober.at_size.unchecked.items():
        skipped[f"{name} by ball arithmetic at large sizes: {why}"] = None
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
    if "float16" in dtypes:
        skipped[f"inputs beyond {FLOAT16_UP_TO:g} in float16, other than example arrays"] = None
    if "float64" in dtypes and len(dtypes) > 1 and not any(precision(d).is_half for d in dtypes):
        half = "float16 or bfloat16" if subject.kind in TORCH else "float16"
        skipped[f"half precision: add --dtype {half}"] = None
    spent = time.process_time() - started
    return Observations(
        tuple(comparisons), safety, tuple(errors), regions, tuple(covered), tuple(skipped), spent, explained
    )


def _representable(point: Point) -> bool:
    """Whether the inputs are numbers in the dtype: 1e30 is none in float16. What a person gives is taken as it is."""
    if not point.dtype.is_half:
        return True
    return all(bool(np.isfinite(v).all()) for v in point.values.values() if v.dtype.kind == "f")


class _Pace:
    """How long calls take, along one dimension after the other: kernels may be run by an interpreter."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], tuple[int, float]] = {}

    def took(self, point: Point, seconds: float) -> None:
        if point.family and point.elements > 1:
            self.known[point.family, point.dtype.name] = (point.elements, seconds)

    def expected(self, point: Point) -> float:
        """Seconds, if a call takes in proportion to its elements what the one before took; 0 where there was none."""
        elements, seconds = self.known.get((point.family, point.dtype.name), (1, 0.0))
        return seconds * point.elements / elements if point.family else 0.0


def dying(
    subject: Subject, binding: Binding, derivation: Derivation, gradients: Collection[str], dtypes: Sequence[str]
) -> tuple[Region, ...]:
    """From where on half of a gradient is lost to a small constant in the code, in each dtype."""
    prober = Prober(subject, binding, derivation)
    if prober.settle() is not None:
        return ()
    return half_lives(prober, gradients, dtypes)
