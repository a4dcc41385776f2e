"""The exact gradients of a derivation at tested inputs, contracted with an upstream gradient, and how far they move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
from flint import arb
from sympy import Symbol

from ...calculus.derivation import Derivation, Result
from ...calculus.tensors import Tensor
from ...numeric.checking.exact import ExactArray, Judge, as_floats, joined
from ...numeric.checking.tolerance import Precision, bound, granted, roundings
from ...numeric.plans import is_elementwise
from ..subjects.protocol import Array, SubjectError

#: Offsets to either side of a kink, relative to the size of the inputs: far below any tolerance that matters.
NUDGE = 1e-9
#: Random directions in which a kink is approached, besides all up and all down.
DIRECTIONS = 4
#: What hand-written code is granted beyond generated code: its own order of operations and its own intermediates.
SLACK = 8.0
#: The same in half precision, where the roundings of a formula are few.
HALF_SLACK = 2.0
#: Kernels compute in float32 throughout: what they round to half precision is the result and an intermediate or two.
KERNEL_SLACK = 1.0


@dataclass(frozen=True)
class Exact:
    """One gradient: float64 midpoints, the error allowed (``bound``, and ``sharp`` without the floor that grants every
    entry the rounding of the largest), and the entries that rest on the convention at a kink with their interval.

    closely: ``bound`` and ``sharp`` from more patterns of roundings, which may be larger, where there are more.
    """

    values: Array
    bound: Array
    sharp: Array
    kink: Array
    low: Array
    high: Array
    closely: Callable[[], tuple[Array, Array]] | None = None

    def closer(self) -> Exact:
        if self.closely is None:
            return self
        wider, sharp = self.closely()
        return replace(self, bound=wider, sharp=sharp, closely=None)


def slack_in(dtype: Precision) -> float:
    return HALF_SLACK if dtype.is_half else SLACK


@dataclass(frozen=True)
class _Allowed:
    """The error allowed in a gradient: with the rounding of its largest entry granted to every one, and without it."""

    pulled: Callable[[ExactArray], tuple[Array, Array, Array]]
    dtype: Precision
    count: float
    magnitude: float
    floor: float

    def __call__(self, exact: ExactArray) -> tuple[Array, Array]:
        middle, moved, _ = self.pulled(exact)
        slack = slack_in(self.dtype)
        sharp = slack * bound(middle, moved, self.dtype, self.count, self.magnitude)
        return sharp + slack * self.floor, sharp

    def closer(self, exact: ExactArray) -> tuple[Array, Array]:
        return self(exact.closer())


class Oracle:
    """Exact gradients for the tensors of one derivation."""

    def __init__(self, derivation: Derivation, upstream: Tensor | None) -> None:
        self.derivation = derivation
        self.judge = Judge(derivation)
        self.elementwise = is_elementwise(derivation)
        self.paired = upstream is not None and upstream.name in {t.name for t in derivation.givens}
        self.results: dict[str, Result] = {}
        for r in sorted(derivation.results, key=lambda r: not r.wanted):
            if len(r.wrt) == 1 and r.of is not None:
                self.results.setdefault(r.wrt[0].name, r)
        self.scales: dict[str, float] = {}

    def result(self, tensor: Tensor) -> Result:
        if tensor.name not in self.results:
            known = ", ".join(self.results) or "none"
            raise SubjectError(f"the reference has no gradient with respect to {tensor.name}; it has {known}")
        return self.results[tensor.name]

    def result_dims(self, name: str) -> tuple[Any, ...]:
        """The symbolic shape of a tensor."""
        return next(t.dims for t in self.derivation.givens if t.name == name)

    def upstream_shape(self, sizes: Mapping[Symbol, int], like: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the differentiated value, where it is not paired with an upstream gradient already."""
        if self.elementwise:
            return like
        of = next((r.of for r in self.derivation.wanted if r.of is not None and len(r.wrt) == 1), None)
        return tuple(int(d.xreplace(dict(sizes))) for d in of.dims) if of is not None else ()

    def evaluate(
        self,
        tensors: Sequence[Tensor],
        sizes: Mapping[Symbol, int],
        values: Mapping[str, Array],
        upstream: Array | None,
        dtype: Precision,
        *,
        ordinary: bool = True,
    ) -> dict[str, Exact]:
        """Gradients by tensor name, from arrays of all givens and the upstream gradient of the differentiated value."""
        results = {t.name: self.result(t) for t in tensors}
        names = sorted({r.name for r in results.values()})
        eps = dtype.eps
        weights = None if self.paired else upstream
        exact = self._exact(names, sizes, values, eps)
        kinked = any(e.kink.any() for e in exact.values())
        sides = [self._exact(names, sizes, v, eps, quick=True) for v in self._nudged(values)] if kinked else []
        found: dict[str, Exact] = {}
        for name, r in results.items():
            sums = upstream is not None and self._sums(r, values)
            pull = partial(_pulled, r=r, upstream=weights, eps=eps, sums=sums)
            middle, _, kink = pull(exact[r.name])
            terms = 0 if weights is None else int(np.size(weights))
            count = granted(roundings(self.judge.definitions, r.name, sizes) + terms, dtype)
            magnitude = float(max((np.max(np.abs(v)) for v in values.values() if v.size), default=1.0))
            finite = np.abs(middle[np.isfinite(middle)])
            largest = float(np.max(finite)) if finite.size else 0.0
            if ordinary:
                self.scales[name] = max(self.scales.get(name, 0.0), largest)
            scale = max(largest, self.scales.get(name, 0.0)) if self.elementwise else largest
            pulled = [pull(s[r.name])[0] for s in sides] or [middle]
            low, high = np.fmin.reduce([*pulled, middle]), np.fmax.reduce([*pulled, middle])
            allowed = _Allowed(pull, dtype, count, magnitude if self.elementwise else 1.0, count * eps * scale)
            first, more = allowed(exact[r.name]), cache(partial(allowed.closer, exact[r.name]))
            found[name] = Exact(middle, *first, kink, low, high, more if exact[r.name].rest else None)
        return found

    def around(
        self,
        tensor: Tensor,
        place: tuple[int, ...],
        sizes: Mapping[Symbol, int],
        values: Mapping[str, Array],
        upstream: Array | None,
    ) -> tuple[float, float]:
        """An entry of a gradient where its own input alone is a little smaller, and a little larger.

        Of many inputs that are all the maximum, only so does each have its turn.
        """
        r, ends = self.result(tensor), []
        for sign in (-1.0, 1.0):
            moved = {n: np.asarray(v) for n, v in values.items()}
            own = moved[tensor.name] = np.array(moved[tensor.name], dtype=float)
            own[place] += sign * NUDGE * max(abs(own[place]), 1e-3)
            exact = self._exact([r.name], sizes, moved, 0.0, quick=True)[r.name]
            ends.append(float(_pulled(exact, r, None if self.paired else upstream, 0.0, False)[0][place]))
        return min(ends), max(ends)

    def value(
        self, name: str, sizes: Mapping[Symbol, int], values: Mapping[str, Array], dtype: Precision
    ) -> tuple[Array, Array]:
        """A definition, and the error allowed; nan where it rests on the convention at a kink, or is undefined."""
        exact = self._exact([name], sizes, values, dtype.eps)[name].closest()
        middle = np.where(exact.kink, np.nan, as_floats(exact.values))
        count = granted(roundings(self.judge.definitions, name, sizes), dtype)
        largest = max((float(np.max(np.abs(v))) for v in values.values() if v.size), default=1.0)
        slack = slack_in(dtype)
        allowed = slack * bound(middle, exact.movement, dtype, count, largest if self.elementwise else 1.0)
        finite = np.abs(middle[np.isfinite(middle)])
        return middle, allowed + slack * count * dtype.eps * float(np.max(finite, initial=0.0))

    def values(
        self, names: Sequence[str], sizes: Mapping[Symbol, int], values: Mapping[str, Array]
    ) -> dict[str, Array]:
        """Definitions by name, as float64."""
        tensors = {t: np.asarray(values[t.name]) for t in self.derivation.givens if t.name in values}
        wanted = [self.judge.definitions[n].tensor for n in names]
        return {n: as_floats(v) for n, v in self.judge.at(wanted, sizes, tensors, 256).items()} if wanted else {}

    def _sums(self, r: Result, values: Mapping[str, Array]) -> bool:
        """A scalar parameter of an elementwise function collects from all entries."""
        return self.elementwise and values[r.wrt[0].name].ndim == 0

    def _exact(
        self,
        names: Sequence[str],
        sizes: Mapping[Symbol, int],
        values: Mapping[str, Array],
        eps: float,
        quick: bool = False,
    ) -> dict[str, ExactArray]:
        rng = np.random.default_rng(0)
        tensors = {t: values[t.name] for t in self.derivation.givens if t.name in values}
        if not self.elementwise:
            return self._one(names, sizes, tensors, eps, rng, quick)
        shape = np.broadcast_shapes(*(v.shape for v in tensors.values()))
        flat = {t: np.broadcast_to(v, shape).ravel() for t, v in tensors.items()}
        points = [
            self._one(names, {}, {t: v[k] for t, v in flat.items()}, eps, rng, quick)
            for k in range(int(np.prod(shape, dtype=int)))
        ]
        return {n: joined([p[n] for p in points], shape) for n in names}

    def _one(
        self,
        names: Sequence[str],
        sizes: Mapping[Symbol, int],
        tensors: Mapping[Tensor, Array],
        eps: float,
        rng: np.random.Generator,
        quick: bool,
    ) -> dict[str, ExactArray]:
        arrays = {t: np.asarray(v) for t, v in tensors.items()}
        if not quick:
            return self.judge.evaluate(names, sizes, arrays, eps, rng)
        wanted = [self.judge.definitions[n].tensor for n in names]
        values = self.judge.at(wanted, sizes, arrays, 256)
        return {n: ExactArray(v, np.zeros(v.shape), np.zeros(v.shape, dtype=bool)) for n, v in values.items()}

    def _nudged(self, values: Mapping[str, Array]) -> list[dict[str, Array]]:
        """The inputs a little to either side of where they are."""
        rng = np.random.default_rng(1)
        moving = {
            t.name
            for t in self.derivation.givens
            if not t.domain.is_discrete and not t.domain.rows and t.name in values
        }
        choose: list[Callable[[tuple[int, ...]], Array]] = [
            lambda shape: np.ones(shape),
            lambda shape: -np.ones(shape),
            *[lambda shape: rng.choice((-1.0, 1.0), size=shape)] * DIRECTIONS,
        ]
        found = []
        for signs in choose:
            moved = {n: np.asarray(v, dtype=np.longdouble if n in moving else v.dtype) for n, v in values.items()}
            for n in moving:
                scale = 1.0 if not np.any(moved[n]) else np.maximum(np.abs(moved[n]), 1e-3)
                moved[n] = np.asarray(moved[n] + NUDGE * scale * signs(moved[n].shape), dtype=float)
            found.append(moved)
        return found


def _pulled(e: ExactArray, r: Result, upstream: Array | None, eps: float, sums: bool) -> tuple[Array, Array, Array]:
    """Midpoints, movement and kinks of a gradient: the Jacobian contracted with the upstream gradient."""
    if upstream is None:
        if sums:
            return (
                np.asarray(as_floats(np.asarray(e.values.sum()))),
                np.asarray(e.movement.sum()),
                np.asarray(e.kink.any()),
            )
        return as_floats(e.values), e.movement, e.kink
    weights = np.asarray(upstream, dtype=float)
    balls = np.empty(weights.shape, dtype=object)
    balls.ravel()[:] = [arb(float(w)) for w in weights.ravel()]
    if r.of is not None and r.of.rank and weights.ndim == r.of.rank:

        def contract(a: Array, b: Array) -> Array:
            return np.asarray(np.tensordot(a, b, axes=weights.ndim))
    else:

        def contract(a: Array, b: Array) -> Array:
            return np.asarray((a * b).sum() if sums else a * b)

    size = np.abs(weights)
    values = contract(balls, e.values)
    middle = as_floats(np.asarray(values, dtype=object))
    moved = contract(size, e.movement) + eps * contract(size, np.abs(as_floats(e.values)))
    kink = contract((size > 0).astype(int), e.kink.astype(int)) > 0
    return middle, np.asarray(moved, dtype=float), np.asarray(kink)
