"""Where floating-point code starts to fail: a quantity is raised until a gradient is not finite, or wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..calculus.tensors import Tensor
from ..numeric.regimes import REGIMES
from .observations import Comparison, Region
from .prober import Prober
from .protocol import Array

LARGEST = 1e5
#: Bisections; a threshold is known to about one part in a thousand.
STEPS = 14
#: A threshold is stated where the error is this many times what is allowed, not where the last digits begin to go.
GROSS = 1e3


@dataclass(frozen=True)
class Ramp:
    """A family of inputs with one quantity to raise: ``move`` puts it into the array of a tensor."""

    name: str
    move: Callable[[Array, float], Array]
    rank: int


def _gap(a: Array, s: float) -> Array:
    """All of the first row above the others."""
    moved = a.copy()
    moved[1:] -= s
    return moved


def _peak(a: Array, s: float) -> Array:
    moved = a.copy()
    moved[..., 0] += s
    return moved


RAMPS = (
    Ramp("row gap in {}", _gap, 2),
    Ramp("offset of {}", lambda a, s: a + s, 1),
    Ramp("offset of {} (downwards)", lambda a, s: a - s, 1),
    Ramp("gap within a row of {}", _peak, 1),
    Ramp("magnitude of {}", lambda a, s: a * s, 1),
)
ELEMENTWISE = (
    Ramp("{} from above", lambda a, s: np.full_like(a, s), 1),
    Ramp("{} from below", lambda a, s: np.full_like(a, -s), 1),
)


def failure_regions(prober: Prober, comparisons: Sequence[Comparison], until: float) -> tuple[Region, ...]:
    """For gradients that are right on ordinary input, and not on some other: from where on.

    The quantity raised is tried on each real input, and the first that makes the gradient fail is reported.
    """
    found: list[Region] = []
    for dtype in dict.fromkeys(c.dtype for c in comparisons):
        here = [c for c in comparisons if c.dtype == dtype]
        broken = {c.gradient for c in here if not c.ok and not c.ordinary}
        sound = {c.gradient for c in here} - {c.gradient for c in here if not c.ok and c.ordinary and c.finite}
        for ramp, tensor in _ramps(prober):
            todo = broken & sound
            if todo and time.monotonic() < until:
                found += _thresholds(prober, ramp, tensor, dtype, todo)
    return tuple(found)


def _ramps(prober: Prober) -> Iterator[tuple[Ramp, Tensor]]:
    for t in prober.binding.tensors:
        d = t.domain
        if d.is_discrete or d.rows or d.positive or d.nonnegative or d.value is not None:
            continue
        for ramp in ELEMENTWISE if prober.elementwise else RAMPS:
            if prober.elementwise or t.rank >= ramp.rank:
                yield ramp, t


def _thresholds(prober: Prober, ramp: Ramp, tensor: Tensor, dtype: str, gradients: set[str]) -> Iterator[Region]:
    known: dict[float, dict[str, Comparison]] = {}

    def at(s: float) -> dict[str, Comparison]:
        if s not in known:
            known[s] = _compared(prober, ramp, tensor, dtype, s)
        return known[s]

    for gradient in sorted(gradients):
        top = at(LARGEST).get(gradient)
        first = at(1.0).get(gradient)
        if top is None or top.ok or first is None or not first.ok:
            continue
        allowed = GROSS if top.excess > GROSS else 1.0
        low, high = 1.0, LARGEST
        for _ in range(STEPS):
            middle = float(f"{np.sqrt(low * high):.6g}")
            seen = at(middle).get(gradient)
            if seen is not None and seen.excess <= allowed:
                low = middle
            else:
                high = middle
        c = at(high)[gradient]
        assert c.got is not None
        got, exact = (float(v[c.worst_index]) if v.ndim else float(v) for v in (c.got, c.exact))
        yield Region(gradient, dtype, c.regime, ramp.name.format(tensor.name), high, got, exact, c.finite)


def _compared(prober: Prober, ramp: Ramp, tensor: Tensor, dtype: str, s: float) -> dict[str, Comparison]:
    name = "typical" if prober.elementwise else "unequal sizes"
    regime = next(r for r in REGIMES if r.name == name and r.elementwise is prober.elementwise)

    def change(values: dict[str, Array]) -> None:
        a = values[tensor.name]
        values[tensor.name] = ramp.move(a.astype(float), s).astype(a.dtype)
        if prober.elementwise:
            for n, v in values.items():
                values[n] = v[:1] if v.ndim else v

    point = prober.point(regime, dtype, change)
    ran = prober.call(point)
    if ran.error is not None:
        return {}
    compared, _ = prober.compare(point, ran.value)
    return {c.gradient: c for c in compared}
