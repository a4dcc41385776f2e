"""Findings about floating point: from which value on a gradient overflows, dies, or loses its digits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from ...numeric.checking.tolerance import precision
from ..probing.observations import Comparison, Observations, Region
from ..report import Finding
from ..subjects.protocol import Subject
from .evidence import finest
from .halves import accumulated
from .source import Line, clipped, global_maxima, small_constants

#: On extreme input, errors of up to this many bounds are taken for the order of operations, not for a fault: the bound
#: grants roundings of the named arrays, and code may round sums that cancel within one of them. On ordinary input the
#: bound stands as it is: correct code, in eighty styles, stays below a hundredth of it. So it does in half precision,
#: where it is wide already.
GRACE = 10.0


#: What helps where only half precision fails.
IN_SINGLE = "compute in float32, and round once at the end: x.float() first, .to(x.dtype) last"
#: What helps where a small constant, or bounds, are too near.
FROM_LOGITS = "compute log-softmax from the logits: z - logsumexp(z)"
WHERE_CLIPPED = "leave the bounds out, or let no gradient pass where they hold: g * ((low < x) & (x < high))"


def deviates(c: Comparison) -> bool:
    """Whether a value is certainly wrong: not finite, of another shape, or beyond the error allowed."""
    grace = 1.0 if c.ordinary or precision(c.dtype).is_half else GRACE
    return not c.ok and (not c.finite or not c.shape_ok or not c.excess <= grace)


def guarded_against_zero(objects: tuple[Any, ...]) -> bool:
    """Whether the code adds a small constant somewhere, or clips."""
    return bool(small_constants(objects) or clipped(objects))


def unstable(
    subject: Subject,
    seen: Observations,
    proved: set[str],
    objects: Sequence[Any],
    is_wrong: bool,
    dying: Sequence[Region] = (),
    explained: Collection[str] = (),
) -> Iterator[Finding]:
    """One finding for each way to fail, over all gradients and dtypes.

    is_wrong: the formula itself is wrong; then only what is not finite or zero says something of floating point.
    dying: where half of a gradient is lost to a small constant. explained: the gradients whose lost digits have a
    finding of their own; of them only what is not finite, or zero, is said.
    """
    if dying:
        yield _dying(subject, dying, tuple(objects))
    groups: dict[tuple[str, bool], list[Region]] = {}
    for region in seen.regions:
        half, kind = precision(region.dtype).is_half, _kind(region, tuple(objects), region.gradient in proved)
        if kind not in ("cancellation", "epsilon") or region.gradient not in explained:
            groups.setdefault((kind, half), []).append(region)
    for (kind, _), regions in groups.items():
        if (is_wrong and kind == "cancellation") or (dying and kind == "epsilon"):
            continue
        yield _finding(subject, kind, regions, tuple(objects))
    if not seen.regions and not is_wrong:
        yield from _without_region(subject, seen, proved, explained)


def _kind(region: Region, objects: tuple[Any, ...], is_proved: bool) -> str:
    if precision(region.dtype).is_half:
        return "dtype" if region.finite else "overflow"
    if not region.finite or global_maxima(objects):
        return "overflow"
    if not is_proved and guarded_against_zero(objects):  # a proved formula has the reference's own
        return "epsilon"
    return "overflow" if region.got == 0 and abs(region.exact) > 0 else "cancellation"


def _finding(subject: Subject, kind: str, regions: Sequence[Region], objects: tuple[Any, ...]) -> Finding:
    first: dict[str, Region] = {}
    # A global maximum shows in the gap between rows; otherwise the quantity that needs the least counts.
    for r in sorted(
        regions, key=lambda r: (kind == "overflow" and not r.description.startswith("row gap"), abs(r.from_value))
    ):
        first.setdefault(r.dtype, r)
    gradients = ", ".join(dict.fromkeys(r.gradient for r in regions))
    verb = {
        "overflow": "overflow",
        "epsilon": "lose their value to a small constant",
        "cancellation": "lose their digits",
        "dtype": "lose their digits",
    }[kind]
    if kind == "overflow" and all(r.finite for r in regions):
        verb = "become zero"
    places = "; ".join(f"from {r.description} = {r.from_value:.4g} on in {r.dtype}" for r in first.values())
    example = next(iter(first.values()))
    values = f"{example.gradient} = {example.got:.6g}, exact {example.exact:.6g}"
    shown = f"{example.description} = {example.from_value:.6g}: {values} ({example.dtype})"
    line, fix = _culprit(kind, objects) if not precision(example.dtype).is_half else (None, IN_SINGLE)
    where = line.where if line is not None else subject.where
    reason = _row_gaps(tuple(first)) if kind == "overflow" and global_maxima(objects) else ""
    return Finding(kind, where, f"{gradients} {verb} {places}{reason}", shown, fix)


def _dying(subject: Subject, regions: Sequence[Region], objects: tuple[Any, ...]) -> Finding:
    """A gradient that a small constant makes zero: from where on half of it is gone, in each dtype."""
    first: dict[str, Region] = {}
    for r in sorted(regions, key=lambda r: r.from_value):
        first.setdefault(r.dtype, r)
    groups: dict[str, list[str]] = {}
    for r in first.values():
        groups.setdefault(r.description, []).append(f"{r.from_value:.4g} in {r.dtype}")
    places = " and ".join(f"{name} = {' and '.join(values)}" for name, values in groups.items())
    gradients = list(dict.fromkeys(r.gradient for r in regions))
    verb = "dies" if len(gradients) == 1 else "die"
    r = next(iter(first.values()))
    shown = f"{r.description} = {r.from_value:.6g}: {r.gradient} = {r.got:.6g}, exact {r.exact:.6g} ({r.dtype})"
    line, fix = _culprit("epsilon", objects)
    message = f"{', '.join(gradients)} {verb}, by a small constant: half of it is lost from {places} on"
    if abs(r.got) > abs(r.exact):  # not what the code computes, but what it belongs to
        message = f"forward goes flat, and {', '.join(gradients)} does not: the exact gradient dies from {places} on"
    return Finding("epsilon", line.where if line is not None else subject.where, message, shown, fix)


def _row_gaps(dtypes: Sequence[str]) -> str:
    """From which distance below the maximum of all rows on a whole row of exponentials is zero."""
    gaps = [f"{_dies(dtype):.1f} in {dtype}" for dtype in dtypes if dtype in ("float32", "float64")]
    return (
        f"; a row whose largest entry lies further below the maximum of all rows than {' and '.join(gaps)} becomes 0/0"
        if gaps
        else ""
    )


def _dies(dtype: str) -> float:
    """The smallest gap g with exp(−g) = 0, by bisection."""
    kind, low, high = np.dtype(dtype).type, 1.0, 2000.0
    with np.errstate(under="ignore"):
        while high - low > 1e-3:
            middle = (low + high) / 2
            low, high = (low, middle) if np.exp(kind(-middle)) == 0 else (middle, high)
    return high


def _culprit(kind: str, objects: tuple[Any, ...]) -> tuple[Line | None, str]:
    if kind == "overflow" and (found := global_maxima(objects)):
        return found[0], found[0].fixed or "np.max(x, axis=1, keepdims=True)"
    if kind == "epsilon" and (found := small_constants(objects)):
        return found[0], FROM_LOGITS
    if kind == "epsilon" and (found := clipped(objects)):
        return found[0], FROM_LOGITS if "log" in found[0].text else WHERE_CLIPPED
    if kind == "overflow":
        return None, "subtract the maximum of each row before exp, or use the form with exp(-abs(x))"
    return None, "rearrange the formula so that nearly equal numbers are not subtracted"


def _without_region(
    subject: Subject, seen: Observations, proved: set[str], explained: Collection[str]
) -> Iterator[Finding]:
    """Regimes in which the code fails although its formula is right, where no single quantity tells from where on."""
    failing = [
        c
        for c in seen.comparisons
        if deviates(c) and c.shape_ok and c.kink == "" and (not c.ordinary or c.gradient in proved)
    ]
    best = finest(c.dtype for c in seen.comparisons)
    fine = {c.gradient for c in seen.comparisons if c.dtype == best and c.ok and c.ordinary}
    coarser = [
        c
        for c in seen.comparisons
        if deviates(c) and c.ordinary and c.dtype != best and c.shape_ok and c.kink == "" and c.gradient in fine
    ]
    halves = [c for c in coarser if precision(c.dtype).is_half and c.finite]
    yield from accumulated(subject, halves)
    failing = [c for c in failing if c not in halves] + [c for c in coarser if c not in halves and c not in failing]
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for c in failing:
        if c.finite and c.gradient in explained:
            continue
        groups.setdefault((c.gradient, "cancellation" if c.finite else "overflow"), []).append(c)
    for (gradient, kind), some in groups.items():
        regimes = ", ".join(dict.fromkeys(f"{c.regime} in {c.dtype}" for c in some))
        c = max(some, key=lambda c: c.excess)
        said = "is not finite" if kind == "overflow" else "is less accurate than the inputs allow"
        got = (
            ""
            if c.got is None
            else f"{gradient}{list(c.worst_index)} = {c.got[c.worst_index]:.6g}, exact {c.exact[c.worst_index]:.6g}"
        )
        yield Finding(kind, subject.where, f"{gradient} {said} on: {regimes}", got)
