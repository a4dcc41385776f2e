"""How accurate an implementation of a loss or a layer is, on regimes of input."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...calculus.derivation import Definition, Derivation, behind
from ...calculus.sums import BoundSum, occurrences
from ..checking.exact import Judge
from ..checking.regimes import Case
from ..checking.torch_side import Forward
from ..plans import outputs
from .array_regimes import ArrayRegime, inputs, regimes
from .implementations import Implementation, Subject, implementation
from .regions import INFINITE, KINDS, NAN, ZERO, kinds
from .ulp import ExactValues, exact_values, format_of, rounded
from .unavailable import NotMeasurable

Array = np.ndarray[Any, Any]

#: Bits of the first attempt, and the most that are tried.
PRECISION, MAX_PRECISION = 256, 65536


@dataclass(frozen=True)
class ArrayRow:
    """The errors of one array in one regime and dtype.

    entries: how many have an exact value. nan, infinite, zeros: how many results are NaN, infinite or zero although the
    exact value is an ordinary number. worst: the largest error of an entry in ULP. normwise: the largest error relative
    to the largest exact entry, in ε. slicewise: the same for the worst of the slices that do not depend on each other,
    such as the rows of a batch; equal to normwise where there are none. declared: the regime is declared for this very
    formula, so a wrong zero is a failure; elsewhere zeros may come from intermediates that had to be rounded.
    """

    id: str
    name: str
    order: int
    regime: str
    dtype: str
    implementation: str
    sizes: Mapping[str, int]
    entries: int
    nan: int
    infinite: int
    zeros: int
    worst: float
    normwise: float
    slicewise: float
    declared: bool = False

    @property
    def sound(self) -> bool:
        """No NaN and no infinity where the exact value is an ordinary number, nor a zero in a declared regime."""
        return not (self.nan or self.infinite or (self.declared and self.zeros))


class ArrayReference:
    """Inputs and exact values of a derivation over arrays in one dtype, regime by regime."""

    def __init__(
        self, derivation: Derivation, dtype: str, *, names: Sequence[str] | None = None, seed: int = 0
    ) -> None:
        self.derivation, self.format, self.seed = derivation, format_of(dtype), seed
        self.judge = Judge(derivation)
        wanted = [r.name for r in derivation.wanted if r.of is not None and r.wrt]
        self.orders = {d.name: 0 for d in outputs(derivation)}
        self.orders |= {r.name: len(r.wrt) for r in derivation.wanted if r.name in wanted}
        if not self.orders:
            raise NotMeasurable(f"{derivation.id} computes nothing")
        available = regimes(derivation, self.format)
        if names is not None:
            unknown = sorted(set(names) - {r.name for r in available})
            if unknown:
                known = ", ".join(r.name for r in available)
                raise ValueError(f"{derivation.id} has no regime {', '.join(unknown)}; it has {known}")
            available = tuple(r for r in available if r.name in names)
        self.regimes = available
        self._known: dict[str, tuple[Case, dict[str, ExactValues]]] = {}

    def of(self, regime: ArrayRegime) -> tuple[Case, dict[str, ExactValues]]:
        """The inputs of a regime, and the exact arrays by name."""
        if regime.name not in self._known:
            case = inputs(self.derivation, regime, self.format, self.seed)
            self._known[regime.name] = case, self._exact(case)
        return self._known[regime.name]

    def _exact(self, case: Case) -> dict[str, ExactValues]:
        values = {t: case.values[t.name] for t in self.derivation.givens if t.name in case.values}
        wanted = {n: self.judge.definitions[n].tensor for n in self.orders}
        precision = PRECISION
        balls: dict[str, Array] = {}
        while wanted and precision <= MAX_PRECISION:
            found = self.judge.at(list(wanted.values()), case.sizes, values, precision)
            balls |= found
            wanted = {
                n: t
                for n, t in wanted.items()
                if not all(rounded(b, self.format) is not None for b in found[n].ravel())
            }
            precision *= 4
        return {n: exact_values(balls[n], self.format) for n in self.orders}

    def joint_axes(self, name: str) -> tuple[int, ...]:
        """The axes of a result along which its entries depend on common sums; all, where none of them do."""
        definition = self.judge.definitions[name]
        summed = _summed(definition, self.judge.definitions)
        axes = tuple(k for k, i in enumerate(definition.indices) if i.dim in summed)
        return axes or tuple(range(len(definition.indices)))


def _summed(definition: Definition, known: Mapping[str, Definition]) -> set[Any]:
    """The dimensions that are summed over on the way to a result."""
    bodies = (d.body for d in (definition, *behind([definition], known)))
    return {k.dim for body in bodies for total in occurrences(body, BoundSum) for k in total.bound}


def measure_arrays(
    derivation: Derivation,
    dtype: str = "float64",
    implementation: str | Callable[[Subject, str], Implementation] = "numpy",
    *,
    forward: Forward | None = None,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> tuple[ArrayRow, ...]:
    """The errors of the values and derivatives of a formula over arrays, in every regime or in those named.

    Arguments and errors as of :func:`~.functions.measure`.
    """
    return tuple(measured_arrays(ArrayReference(derivation, dtype, names=names, seed=seed), implementation, forward))


def measured_arrays(
    reference: ArrayReference,
    chosen: str | Callable[[Subject, str], Implementation] = "numpy",
    forward: Forward | None = None,
    jax: Callable[..., Any] | None = None,
) -> list[ArrayRow]:
    """The rows of one implementation on a reference."""
    subject, dtype = Subject(reference.derivation, forward, jax), reference.format.dtype.name
    run = implementation(chosen, subject, dtype) if isinstance(chosen, str) else chosen(subject, dtype)
    label = chosen if isinstance(chosen, str) else getattr(chosen, "__name__", "other")
    rows = []
    for regime in reference.regimes:
        case, exact = reference.of(regime)
        results = run(case.values)
        rows += [_row(reference, regime, case, label, n, exact[n], results[n]) for n in exact if n in results]
    return rows


def _row(
    reference: ArrayReference,
    regime: ArrayRegime,
    case: Case,
    label: str,
    name: str,
    exact: ExactValues,
    result: Array,
) -> ArrayRow:
    got = np.asarray(result, dtype=np.float64)
    if got.shape != exact.nearest.shape:
        expected = exact.nearest.shape
        raise NotMeasurable(
            f"{label} returns {name} of {reference.derivation.id} with shape {got.shape}, expected {expected}"
        )
    errors = exact.errors(got)
    kind = kinds(exact, got, errors)
    counts = {k: int(np.count_nonzero(kind == KINDS.index(k))) for k in (NAN, INFINITE, ZERO)}
    return ArrayRow(
        reference.derivation.id,
        name,
        reference.orders[name],
        regime.name,
        reference.format.dtype.name,
        label,
        {str(d): int(size) for d, size in case.sizes.items()},
        int(np.count_nonzero(exact.defined)),
        counts[NAN],
        counts[INFINITE],
        counts[ZERO],
        float(np.max(errors, initial=0.0, where=exact.defined)),
        normwise(exact, errors, tuple(range(errors.ndim))),
        normwise(exact, errors, reference.joint_axes(name)),
        bool(reference.derivation.regimes),
    )


def normwise(exact: ExactValues, errors: Array, axes: tuple[int, ...]) -> float:
    """The largest error over the largest exact entry along the axes, in ε; the worst slice. Errors are in ULP.

    Slices whose exact entries are all 0, subnormal, or beyond the largest number are left out.
    """
    size = np.abs(np.where(exact.defined, exact.nearest, 0.0))
    largest = size.max(axis=axes, keepdims=True, initial=0.0)
    ordinary = (largest >= exact.format.smallest_normal) & ~exact.beyond.any(axis=axes, keepdims=True)
    with np.errstate(all="ignore"):
        unit = np.ldexp(1.0, exact.exponent)
        share = errors * (unit / largest) / exact.format.eps
    share = np.where(ordinary & exact.defined, share, 0.0)
    return float(np.max(share, initial=0.0))
