"""Where floating-point code starts to fail: a quantity is raised until a gradient is not finite, or wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sympy import exp

from ...calculus.sums import occurrences
from ...calculus.tensors import Tensor
from ...numeric.checking.regimes import REGIMES
from ..subjects.protocol import Array
from ..subjects.sandbox import remaining
from .observations import Comparison, Region
from .prober import FLOAT16_UP_TO, Point, Prober

LARGEST = 1e5
#: Bisections; a threshold is known to about one part in a thousand.
STEPS = 14
#: A value that is not finite this little further on was about to overflow.
BEYOND = 1.02
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


#: In this order: the first that makes a gradient fail is reported. An offset says more than a gap, a gap more than a
#: magnitude.
RAMPS = (
    Ramp("offset of {}", lambda a, s: a + s, 1),
    Ramp("row gap in {}", _gap, 2),
    Ramp("gap within a row of {}", _peak, 1),
    Ramp("magnitude of {}", lambda a, s: a * s, 1),
    Ramp("negative offset of {}", lambda a, s: a - s, 1),
)
ELEMENTWISE = (
    Ramp("{} from above", lambda a, s: np.full_like(a, s), 1),
    Ramp("{} from below", lambda a, s: np.full_like(a, -s), 1),
)


def failure_regions(prober: Prober, comparisons: Sequence[Comparison], until: float) -> tuple[Region, ...]:
    """For gradients that fail on extreme input: from where on, for the first quantity that makes them fail.

    A gradient that is right on ordinary input fails where it is wrong; one that is wrong anyway, where it is no longer
    finite.
    """
    found: list[Region] = []
    for dtype in dict.fromkeys(c.dtype for c in comparisons):
        here = [c for c in comparisons if c.dtype == dtype]
        broken = {c.gradient for c in here if not c.ok and not c.ordinary}
        wrong = {c.gradient for c in here if not c.ok and c.ordinary and c.finite}
        broken -= {g for g in wrong if all(c.finite for c in here if c.gradient == g)}
        for ramp, tensor in _ramps(prober):
            if broken and time.process_time() < until and remaining() > 0:
                regions = list(_thresholds(prober, ramp, tensor, dtype, broken, wrong))
                broken -= {r.gradient for r in regions}
                found += regions
    return tuple(found)


def half_lives(prober: Prober, gradients: Collection[str], dtypes: Sequence[str]) -> tuple[Region, ...]:
    """For gradients that a small constant pulls towards zero: from where on the error is half of the largest entry.

    Unlike :func:`failure_regions` this does not need a gradient that is right on ordinary input, so it has an answer in
    float64 too, where a constant such as 1e-8 is seen everywhere.
    """
    found: list[Region] = []
    for dtype in dtypes:
        left = set(gradients)
        for ramp, tensor in _ramps(prober):
            if left and remaining() > 0:
                regions = list(_crossings(prober, ramp, tensor, dtype, left, lambda gradient, top: _is_mostly_there))
                regions = [r for r in regions if r.finite]
                left -= {r.gradient for r in regions}
                found += regions
    return tuple(found)


def _is_mostly_there(c: Comparison | None) -> bool:
    if c is None or not c.finite or not c.shape_ok or c.got is None:
        return False
    return float(np.abs(c.got - c.exact).max(initial=0)) < 0.5 * float(np.abs(c.exact).max(initial=0))


def _ramps(prober: Prober) -> Iterator[tuple[Ramp, Tensor]]:
    for t in prober.binding.tensors:
        d = t.domain
        if d.is_discrete or d.rows or d.positive or d.nonnegative or d.unit or d.value is not None:
            continue
        for ramp in ELEMENTWISE if prober.elementwise else RAMPS:
            if prober.elementwise or t.rank >= ramp.rank:
                yield ramp, t


def _top(dtype: str) -> float:
    """The largest quantity that is tried."""
    return 2 * FLOAT16_UP_TO if dtype == "float16" else LARGEST


def _thresholds(
    prober: Prober, ramp: Ramp, tensor: Tensor, dtype: str, gradients: set[str], wrong: set[str]
) -> Iterator[Region]:
    def fine(c: Comparison | None, allowed: float) -> bool:
        return c is not None and c.finite and (c.excess <= allowed or not np.isfinite(allowed))

    def judge(gradient: str, top: Comparison) -> Callable[[Comparison | None], bool]:
        allowed = np.inf if gradient in wrong else GROSS if top.excess > GROSS else 1.0
        return lambda c: fine(c, allowed)

    yield from _crossings(prober, ramp, tensor, dtype, gradients, judge)


def _crossings(
    prober: Prober,
    ramp: Ramp,
    tensor: Tensor,
    dtype: str,
    gradients: Collection[str],
    judge: Callable[[str, Comparison], Callable[[Comparison | None], bool]],
) -> Iterator[Region]:
    """Where each gradient stops to be fine while a quantity is raised. judge: what is fine, given the value far out."""
    known: dict[float, tuple[Point, dict[str, Comparison]]] = {}

    def at(s: float, gradient: str) -> Comparison | None:
        if s not in known:
            known[s] = _compared(prober, ramp, tensor, dtype, s)
        return known[s][1].get(gradient)

    for gradient in sorted(gradients):
        top, first = at(_top(dtype), gradient), at(1.0, gradient)
        if top is None or first is None:
            continue
        fine = judge(gradient, top)
        if fine(top) or not fine(first):
            continue
        low, high = 1.0, _top(dtype)
        for _ in range(STEPS):
            middle = float(f"{np.sqrt(low * high):.6g}")
            low, high = (middle, high) if fine(at(middle, gradient)) else (low, middle)
        c = at(high, gradient)
        if c is None or c.got is None:
            continue
        place = tuple(int(k) for k in np.argwhere(~np.isfinite(c.got))[0]) if not c.finite else c.worst_index
        got, exact = (float(v[place]) if v.ndim else float(v) for v in (c.got, c.exact))
        inside = _inside(prober, known[high][0])
        name = ramp.name.format(tensor.name)
        # Just before exp overflows, a sum of its values does, and what is divided by it is zero: finite, for a moment.
        beyond = at(float(f"{high * BEYOND:.6g}"), gradient)
        finite = c.finite and (beyond is None or beyond.finite)
        yield Region(gradient, dtype, c.regime, name, high, got, exact, finite, inside)


def _inside(prober: Prober, point: Point) -> dict[str, float]:
    """Row gap and magnitude of the named arrays that the formula exponentiates."""
    if prober.elementwise:
        return {}
    givens = {t.name for t in prober.derivation.givens}
    read = {
        t.name
        for d in prober.derivation.definitions
        for e in occurrences(d.body, exp)
        for t in e.atoms(Tensor)
        if t.name not in givens and t.rank >= 2
    }
    found: dict[str, float] = {}
    for name, z in prober.oracle.values(sorted(read), point.sizes, point.values).items():
        rows = z.reshape(-1, z.shape[-1]).max(axis=1)
        found[f"row gap in {name}"] = float(rows.max() - rows.min())
        found[f"magnitude of {name}"] = float(np.abs(z).max())
    return found


def _compared(prober: Prober, ramp: Ramp, tensor: Tensor, dtype: str, s: float) -> tuple[Point, dict[str, Comparison]]:
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
        return point, {}
    compared, _ = prober.compare(point, ran.value)
    return point, {c.gradient: c for c in compared}
