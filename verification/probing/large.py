"""Gradients at large sizes: the generated code in float64, at a cost that is linear where the formula's is.

Balls for every entry of large arrays would take minutes. So the generated code answers, at inputs moved by roundings
too, and balls check a few entries of its answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from sympy import Symbol

from ...calculus.sums import BoundSum, occurrences
from ...calculus.tensors import Tensor
from ...numeric.checking.exact import as_floats
from ...numeric.checking.execution import arguments_of, load_source
from ...numeric.checking.regimes import REGIMES, Case
from ...numeric.checking.tolerance import Precision, bound, granted, precision, roundings
from ...numeric.numpy_code.generator import generate
from ..subjects.protocol import Array
from .oracle import KERNEL_SLACK, Exact, Oracle, slack_in

#: Random directions in which inputs move, all at once.
PATTERNS = 2
#: float64 inputs move by this much, which float64 code resolves; the answer is scaled down to one rounding.
STEP = 2.0**-30
#: Entries of each gradient that balls check, and the terms that may be evaluated for one of them.
SAMPLE = 4
TERMS = 50_000


class NoLargeOracle(Exception):
    """There is no trustworthy reference at these inputs; the message says why."""


class LargeOracle:
    """What :class:`~.oracle.Oracle` answers, for arrays with many entries."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.derivation = oracle.derivation
        #: Whether the code launches kernels, which compute in float32 whatever they load and store.
        self.kernel = False
        #: Gradients of which no entry could be checked by balls, and why.
        self.unchecked: dict[str, str] = {}

    @cached_property
    def _functions(self) -> list[tuple[Any, Any]]:
        try:
            module = generate(self.derivation)
        except Exception as error:  # a formula without a NumPy form: nothing can be said at large sizes
            raise NoLargeOracle(f"no code can be generated from the reference ({error})") from error
        names = load_source(module.source)
        return [(f, names[f.name]) for f in module.functions if f.role == "derivative" and f.order == 1]

    def evaluate(
        self,
        tensors: Sequence[Tensor],
        sizes: Mapping[Symbol, int],
        values: Mapping[str, Array],
        upstream: Array | None,
        dtype: Precision,
    ) -> dict[str, Exact]:
        """Gradients by tensor name. Raises :class:`NoLargeOracle`."""
        wide = {n: v.astype(float) if v.dtype.kind == "f" else v for n, v in values.items()}
        results = {t.name: self.oracle.result(t) for t in tensors}
        weights = None if self.oracle.paired else upstream
        exact = self._run(sizes, wide)
        rng = np.random.default_rng(0)
        working = precision("float32") if self.kernel and dtype.is_half else dtype
        step = max(working.eps, STEP)
        moved = [self._run(sizes, self._moved(wide, step, rng)) for _ in range(PATTERNS)]
        kinked = self.oracle.judge.has_kinks
        sides = [self._run(sizes, v) for v in self.oracle._nudged(wide)] if kinked else []
        found: dict[str, Exact] = {}
        for name, r in results.items():
            if r.name not in exact:
                raise NoLargeOracle(f"the generated code does not give {r.name}")
            middle = self._pulled(exact[r.name], name, wide, weights)
            change = [np.abs(self._pulled(m[r.name], name, wide, weights) - middle) for m in moved]
            movement = np.nan_to_num(np.fmax.reduce(change), nan=0.0, posinf=np.inf) * (working.eps / step)
            terms = 0 if weights is None or middle.ndim else int(np.size(weights))
            count = granted(roundings(self.oracle.judge.definitions, r.name, sizes) + terms, working)
            slack = slack_in(working)
            own = slack * bound(middle, movement, working, count, self._magnitude(wide))
            largest = float(np.max(np.abs(middle[np.isfinite(middle)]), initial=0.0))
            allowed = own + slack * count * working.eps * largest
            if working is not dtype:
                allowed = allowed + KERNEL_SLACK * bound(np.abs(middle) + largest, 0.0 * middle, dtype, 1.0)
            pulled = [self._pulled(s[r.name], name, wide, weights) for s in sides]
            low, high = np.fmin.reduce([*pulled, middle]), np.fmax.reduce([*pulled, middle])
            kink = (high - low) > allowed if kinked else np.zeros(middle.shape, dtype=bool)
            found[name] = Exact(middle, allowed, allowed, np.asarray(kink), low, high)
            if weights is None:
                self._checked(r.name, middle, allowed, sizes, values)
        return found

    def entries(
        self,
        name: str,
        places: Sequence[tuple[int, ...]],
        sizes: Mapping[Symbol, int],
        values: Mapping[str, Array],
        dtype: Precision,
    ) -> tuple[Array, Array]:
        """A few entries of a definition by balls, and the error that each is granted. Raises NoLargeOracle."""
        terms = self._terms(name, sizes) * len(places)
        if terms > TERMS:
            raise NoLargeOracle(f"{len(places)} entries add up more than {TERMS} terms at {_words(sizes)}")
        wide = {n: v.astype(float) if v.dtype.kind == "f" else v for n, v in values.items()}
        working = precision("float32") if self.kernel and dtype.is_half else dtype
        step = max(working.eps, STEP)
        rng = np.random.default_rng(0)
        moving = [self._moved(wide, step, rng) for _ in range(PATTERNS)]
        exact, *moved = (self._balls(name, places, sizes, v) for v in (wide, *moving))
        movement = np.max([np.abs(m - exact) for m in moved], axis=0) * (working.eps / step)
        count = granted(roundings(self.oracle.judge.definitions, name, sizes), working)
        allowed = slack_in(working) * bound(exact, movement, working, count, self._magnitude(wide))
        if working is not dtype:
            allowed = allowed + KERNEL_SLACK * bound(exact, 0.0 * exact, dtype, 1.0)
        return exact, allowed

    def _balls(
        self, name: str, places: Sequence[tuple[int, ...]], sizes: Mapping[Symbol, int], values: Mapping[str, Array]
    ) -> Array:
        tensors = list(self._tensors(values))
        judge = self.oracle.judge
        if not self.oracle.elementwise:
            found = judge.entries(name, places, sizes, {t: values[t.name] for t in tensors})
        else:
            shape = np.broadcast_shapes(*(values[t.name].shape for t in tensors))
            spread = {t: np.broadcast_to(values[t.name], shape) for t in tensors}
            found = [judge.entries(name, [()], {}, {t: v[at] for t, v in spread.items()})[0] for at in places]
        return as_floats(np.array([None, *found], dtype=object)[1:])

    def _run(self, sizes: Mapping[Symbol, int], values: Mapping[str, Array]) -> dict[str, Array]:
        case = Case(REGIMES[0], sizes, values)
        found: dict[str, Array] = {}
        for function, run in self._functions:
            with np.errstate(all="ignore"):
                out = run(**arguments_of(function, self.derivation, case))
            found |= dict(
                zip(function.returns, map(np.asarray, out if len(function.returns) > 1 else (out,)), strict=True)
            )
        return found

    def _moved(self, values: Mapping[str, Array], step: float, rng: np.random.Generator) -> dict[str, Array]:
        """Every continuous input times 1 ± step."""
        moving = {t.name for t in self.derivation.givens if not t.domain.is_discrete}
        return {
            n: v * (1 + step * rng.choice((-1.0, 1.0), size=v.shape)) if n in moving else v for n, v in values.items()
        }

    def _pulled(self, value: Array, name: str, values: Mapping[str, Array], weights: Array | None) -> Array:
        """A derivative entry by entry, times the upstream gradient; a parameter collects from all entries."""
        if weights is None and not self.oracle.elementwise:
            return value
        pulled = value if weights is None else value * np.asarray(weights, dtype=float)
        return np.asarray(pulled.sum()) if self.oracle.elementwise and values[name].ndim == 0 else pulled

    def _magnitude(self, values: Mapping[str, Array]) -> float:
        if not self.oracle.elementwise:
            return 1.0
        return max((float(np.max(np.abs(v))) for v in values.values() if v.size and v.dtype.kind == "f"), default=1.0)

    # -- balls -------------------------------------------------------------------------------------------------------

    def _checked(
        self, name: str, middle: Array, allowed: Array, sizes: Mapping[Symbol, int], values: Mapping[str, Array]
    ) -> None:
        """Balls for a few entries. Raises :class:`NoLargeOracle` where the generated code is off."""
        if self._terms(name, sizes) > TERMS:
            said = f"each entry adds up more than {TERMS} terms at {_words(sizes)}"
            self.unchecked.setdefault(name, f"{said}; it is compared with generated float64 code alone")
            return
        for at in sample(middle.shape):
            if self.oracle.elementwise:
                spread = {t: np.broadcast_to(values[t.name], middle.shape)[at] for t in self._tensors(values)}
                (ball,) = self.oracle.judge.entries(name, [()], {}, spread)
            else:
                (ball,) = self.oracle.judge.entries(
                    name, [at], sizes, {t: values[t.name] for t in self._tensors(values)}
                )
            exact = float(as_floats(np.array(ball, dtype=object)))
            if np.isfinite(exact) and not abs(exact - middle[at]) <= allowed[at]:
                raise NoLargeOracle(
                    f"the code generated for {name} is off at {list(at)}: {middle[at]:.6g}, exact {exact:.6g}"
                )

    def _tensors(self, values: Mapping[str, Array]) -> Iterator[Tensor]:
        return (t for t in self.derivation.givens if t.name in values)

    def _terms(self, name: str, sizes: Mapping[Symbol, int]) -> float:
        """An upper bound of what is evaluated for one entry: the sums on the way, one inside the other."""
        definition = self.oracle.judge.definitions.get(name)
        if definition is None:
            return 1.0
        own = max(
            (
                np.prod([float(k.dim.xreplace(dict(sizes))) for k in s.bound])
                for s in occurrences(definition.body, BoundSum)
            ),
            default=1.0,
        )
        return float(own * (1.0 + sum(self._terms(t.name, sizes) for t in definition.inputs())))


def sample(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The first and last entries of an array, and some between."""
    rng, size = np.random.default_rng(2), int(np.prod(shape, dtype=int))
    flat = dict.fromkeys([0, size - 1, *(int(k) for k in rng.integers(size, size=SAMPLE - 2))])
    return [tuple(int(k) for k in np.unravel_index(f, shape)) for f in flat] if shape else [()]


def _words(sizes: Mapping[Symbol, int]) -> str:
    return ", ".join(f"{d} = {s}" for d, s in sizes.items())


__all__ = ["LargeOracle", "NoLargeOracle", "sample"]
