"""The value that code returns, beside its gradients or from its forward pass, run and compared with the exact one.

What cannot be read as a formula, such as JAX code and kernels, is known by its numbers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np

from ..subjects.protocol import Array, Named
from ..subjects.sandbox import remaining
from .large import NoLargeOracle, sample
from .observations import as_array
from .prober import EXACT_UP_TO, Point, Prober
from .stated import Stated

#: Relative to an exact value, or to 1: constants below 1e-4 add no more to a logarithm of ordinary inputs.
BARELY = 1e-3
#: What forward returns first, and what backward returns: one of their values is looked at.
Pick = Callable[[Any, Named], Any]


@dataclass(frozen=True)
class Tried:
    """agrees: at every point. wrong: the example is the smallest. shape: it has another one. unknown: why it is.

    barely: wrong by no more than what a small constant does.
    """

    kind: Literal["agrees", "wrong", "shape", "unknown"]
    example: str = ""
    barely: bool = False


class Runs:
    """What one piece of code returns at ordinary inputs in its finest dtype, and at inputs that somebody asked for."""

    def __init__(self, prober: Prober, stated: Stated) -> None:
        self.prober = prober
        self.failed = ""
        ordinary = (prober.point(r, prober.finest) for r in prober.regimes() if r.ordinary)
        points = chain(ordinary, stated.points(prober, prober.finest))
        self.seen: list[tuple[Point, Any, Named]] = list(self._run(points))

    def _run(self, points: Iterable[Point]) -> Iterable[tuple[Point, Any, Named]]:
        for point in points:
            if remaining() <= 0:
                return
            ran = self.prober.passes(point)
            failed = self.prober.failure(point, ran)
            if failed is None:
                yield point, *ran.value
                continue
            self.failed = self.failed or failed.message
            if failed.kind == "hang":
                return

    def named(self) -> Named:
        """What backward returns, at the first inputs."""
        return self.seen[0][2] if self.seen else ()

    def shape(self, name: str) -> tuple[int, ...]:
        """That of a definition at the first inputs, without axes of length one."""
        return without_units(self._shape(name, self.seen[0][0])) if self.seen else ()

    def judged(self, names: Sequence[str], pick: Pick) -> Tried:
        """A returned value against the first of the definitions named, and where it has another shape, the others."""
        first = self._against(names[0], pick)
        if first.kind == "shape" and any(self._against(n, pick).kind == "agrees" for n in names[1:]):
            return Tried("agrees")
        return first

    def _against(self, name: str, pick: Pick) -> Tried:
        compared, wrong, most = 0, "", 0.0
        for point, out, returned in sorted(self.seen, key=lambda s: s[0].elements):
            got = as_array(pick(out, returned))
            if got is None:
                return Tried("unknown", "it is not an array of numbers")
            shape = self._shape(name, point)
            if without_units(got.shape) != without_units(shape):
                return Tried("shape", f"it has shape {got.shape}, and {name} has shape {shape}")
            places = sample(shape) if point.stated and point.elements > EXACT_UP_TO else list(np.ndindex(*shape))
            try:
                exact, bound = self._exact(name, point, places)
            except NoLargeOracle:
                continue
            value = np.array([got.reshape(shape)[at] for at in places], dtype=float)
            with np.errstate(all="ignore"):
                bad = np.flatnonzero(np.isfinite(exact) & ~(np.abs(value - exact) <= bound))
            if bad.size:
                k = int(bad[0])
                wrong = wrong or _example(name, point, places[k], float(value[k]), float(exact[k]))
                most = max(most, float(np.max(np.abs(value - exact)[bad] / (1 + np.abs(exact[bad])))))
            compared += 1
        if wrong:
            return Tried("wrong", wrong, most <= BARELY)
        return Tried("agrees") if compared else Tried("unknown", self.failed or "there was no time to run it")

    def _shape(self, name: str, point: Point) -> tuple[int, ...]:
        if self.prober.elementwise:
            return np.broadcast_shapes(*(v.shape for v in point.arguments.values()))
        dims = self.prober.oracle.judge.definitions[name].tensor.dims
        return tuple(int(d.xreplace(dict(point.sizes))) for d in dims)

    def _exact(self, name: str, point: Point, places: Sequence[tuple[int, ...]]) -> tuple[Array, Array]:
        """The exact entries and the error that each is granted. Raises NoLargeOracle."""
        if point.stated and point.elements > EXACT_UP_TO:
            return self.prober.at_size.entries(name, places, point.sizes, point.values, point.dtype)  # type: ignore[arg-type]
        value, bound = self.prober.oracle.value(name, point.sizes, point.values, point.dtype)  # type: ignore[arg-type]
        return np.array([value[at] for at in places]), np.array([bound[at] for at in places])


def without_units(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(s for s in shape if s != 1)


def _example(name: str, point: Point, at: tuple[int, ...], got: float, exact: float) -> str:
    sizes = ", ".join(f"{d} = {s}" for d, s in point.named_sizes.items())
    place = f"[{', '.join(map(str, at))}]" if at else ""
    where = f"({point.dtype.name}, {point.regime.name})"
    return f"{sizes + ': ' if sizes else ''}{name}{place} = {got:.6g}, exact {exact:.6g} {where}"
