"""What a diagnosis reasons from: the values that the code returned, next to the exact ones, at several sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from sympy import Expr, Symbol

from ...calculus.balls import Valuation
from ...calculus.derivation import Definition, Derivation
from ...calculus.dimensions import in_free_dimensions
from ...calculus.tensors import Tensor
from ...numeric.checking.tolerance import precision
from .lifting import pointwise

Array = np.ndarray[Any, Any]

#: Relative to the largest entry: two arrays this close, in float64 and at ordinary inputs, are the same formula.
CLOSE = 1e-7
#: Where float64 was not run, the finest dtype tells what it can: arrays this many roundings apart are the same.
ROUNDINGS = 256
#: But never further apart than this: a factor of two must show.
FURTHEST = 0.06
#: What rounding leaves of a zero, at inputs of ordinary size.
TINY = 1e-13


@dataclass(frozen=True)
class Sample:
    """One call at ordinary inputs in the finest dtype: sizes, inputs, every gradient as got and as it is exactly."""

    regime: str
    sizes: Mapping[str, int]
    inputs: Mapping[str, Array]
    got: Mapping[str, Array] = field(default_factory=dict)
    exact: Mapping[str, Array] = field(default_factory=dict)

    @property
    def volume(self) -> int:
        return int(sum(np.size(v) for v in self.inputs.values()))

    def size(self, dim: Expr) -> float:
        known = {Symbol(n, integer=True, positive=True): s for n, s in self.sizes.items()}
        return float(in_free_dimensions(dim).subs(known))


def samples(comparisons: Iterable[Any], ordinary: Sequence[str], upstream: str | None = None) -> list[Sample]:
    """The comparisons of one call joined, the smallest first. Only the finest dtype and the regimes named are taken.

    upstream: the name under which the upstream gradient is an input too.

    Non-finite values say nothing about a formula and are left out.
    """
    joined: dict[Any, Sample] = {}
    comparisons = list(comparisons)
    best = finest(c.dtype for c in comparisons)
    for c in comparisons:
        if str(c.dtype) != best or c.regime not in ordinary or c.got is None:
            continue
        got, exact = np.asarray(c.got, dtype=float), np.asarray(c.exact, dtype=float)
        if not (np.isfinite(got).all() and np.isfinite(exact).all()):
            continue
        sizes = {str(k): int(v) for k, v in dict(c.sizes).items()}
        key = (c.regime, tuple(sorted(sizes.items())))
        inputs = {str(k): np.asarray(v) for k, v in dict(c.inputs).items()}
        if upstream is not None and c.upstream is not None:
            inputs.setdefault(upstream, np.asarray(c.upstream))
        sample = joined.setdefault(key, Sample(c.regime, sizes, inputs, {}, {}))
        if c.gradient not in sample.got:
            sample.got[c.gradient] = got  # type: ignore[index]
            sample.exact[c.gradient] = exact  # type: ignore[index]
    return sorted(joined.values(), key=lambda s: s.volume)


def finest(dtypes: Iterable[str]) -> str:
    """The dtype with the most digits, of those that were run."""
    return min(dtypes, key=lambda d: precision(d).eps, default="float64")


@contextmanager
def closeness(dtype: str) -> Iterator[None]:
    """Within this, arrays are compared as values of a dtype."""
    wide = min(ROUNDINGS * precision(dtype).eps, FURTHEST) if dtype != "float64" else CLOSE
    token = _close.set(wide)
    try:
        yield
    finally:
        _close.reset(token)


def close() -> float:
    """How far apart, relative to the largest entry, two arrays may be to be the same formula."""
    return _close.get()


_close: ContextVar[float] = ContextVar("close", default=CLOSE)


def same(a: Array, b: Array, scale: float | None = None) -> bool:
    """Whether two arrays are the same up to rounding; scale: the largest entry that went into them."""
    if a.shape != b.shape:
        return False
    if not a.size:
        return True
    scale = max(float(np.abs(a).max()), float(np.abs(b).max()), scale or 0.0)
    return bool(np.abs(a - b).max() <= close() * scale + TINY)


class Evaluation:
    """The values of formulas at one sample. A function of numbers is evaluated point by point."""

    def __init__(self, derivation: Derivation, sample: Sample) -> None:
        self.sizes = {d: sample.sizes[str(d)] for d in derivation.dims if str(d) in sample.sizes}
        arrays = {t: np.asarray(sample.inputs[t.name]) for t in derivation.givens if t.name in sample.inputs}
        self.shape = np.broadcast_shapes(*(v.shape for v in arrays.values())) if pointwise(derivation) else None
        if self.shape is None:
            self.inputs = [{t: _entries(v) for t, v in arrays.items()}]
        else:
            spread = {t: np.broadcast_to(v, self.shape).ravel() for t, v in arrays.items()}
            points = range(int(np.prod(self.shape)))
            self.inputs = [{t: {(): float(v[k])} for t, v in spread.items()} for k in points]

    def arrays(self, definitions: Sequence[Definition], names: Iterable[str]) -> dict[str, Array]:
        """Arrays of formulas by name, as floats; nan where undefined. Those that cannot be evaluated are left out."""
        names = tuple(names)
        try:
            found = [self._at(definitions, names, inputs) for inputs in self.inputs]
        except ValueError:  # a slip that makes a formula refer to itself
            return {}
        if self.shape is None:
            return found[0]
        everywhere = [n for n in names if all(n in f for f in found)]
        return {n: np.array([f[n] for f in found]).reshape(self.shape) for n in everywhere}

    def _at(
        self, definitions: Sequence[Definition], names: Sequence[str], inputs: Mapping[Tensor, Any]
    ) -> dict[str, Array]:
        valuation = Valuation(definitions, self.sizes, inputs)  # type: ignore[arg-type]
        tensors = {d.name: d.tensor for d in definitions}
        found: dict[str, Array] = {}
        for name in names:
            try:
                found[name] = self._array(valuation, tensors[name])
            except (KeyError, IndexError, ValueError, ZeroDivisionError):
                continue
        return found

    def _array(self, valuation: Valuation, tensor: Tensor) -> Array:
        shape = tuple(int(d.subs(self.sizes)) for d in tensor.dims)
        entries = valuation.array(tensor)
        return np.array([float(entries[at].mid()) for at in product(*map(range, shape))]).reshape(shape)


def _entries(v: Array) -> dict[tuple[int, ...], Any]:
    positions = product(*map(range, v.shape))
    return {at: (int(x) if v.dtype.kind in "iub" else float(x)) for at, x in zip(positions, np.ravel(v), strict=True)}
