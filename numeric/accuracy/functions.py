"""How accurate an implementation of a function of one variable is, over the whole range of a dtype."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isinf
from typing import Any

import numpy as np

from ...calculus.derivation import Derivation
from ...calculus.tensors import Tensor
from ..checking.torch_side import Forward
from ..plans import is_elementwise
from .implementations import Implementation, Inputs, OfNeighbours, Subject, implementation
from .landmarks import Landmarks, landmarks
from .oracle import Oracle
from .points import from_ordinal, points, to_ordinal, within
from .regions import MORE, Region, kinds, regions, sharpened
from .ulp import ExactValues, Format, exact_values, format_of
from .unavailable import NotMeasurable

Array = np.ndarray[Any, Any]

#: The neighbourhood of a root r ≠ 0 of g: |x − r| ≤ NEAR |r|, where |g(x)| < SMALL · max |g| over |x| ≤ WIDE |r|.
NEAR, SMALL, WIDE = 0.25, 0.1, 4.0

#: Where the code looks at all entries of an array, each point is also measured among so many that are AMONG.
NEIGHBOURS, AMONG = 16, 0.5

#: The share of the points that the quantile leaves below it.
QUANTILE = 0.999


@dataclass(frozen=True)
class Root:
    """The neighbourhood of a root that is not 0: there the relative error says little.

    at: the root. low, high: the neighbourhood. worst: the largest error there in ε · scale; scale: the largest |g| for
    |x| up to WIDE times the root.
    """

    at: float
    low: float
    high: float
    worst: float
    worst_at: float
    scale: float


@dataclass(frozen=True)
class Row:
    """The errors of one quantity in one dtype, in ULP of the exact value.

    worst, worst_at: the largest error and its x. away, away_at: the same outside the neighbourhoods of roots. quantile:
    99.9 % of the points there are not worse. roots: the neighbourhoods. regions: where it fails: NaN, infinity, zero,
    more than 1000 ULP.
    """

    id: str
    name: str
    order: int
    dtype: str
    implementation: str
    parameters: Mapping[str, float]
    points: int
    worst: float
    worst_at: float
    quantile: float
    away: float
    away_at: float
    roots: tuple[Root, ...] = ()
    regions: tuple[Region, ...] = ()

    @property
    def sound(self) -> bool:
        """No region of failure."""
        return not self.regions


@dataclass(frozen=True)
class Measured:
    """The errors of one quantity at every point: what rows are made of, and pictures."""

    row: Row
    variable: str
    x: Array
    errors: Array


class Reference:
    """The points and exact values of a derivation in one dtype, for any number of implementations.

    parameters: other values for the givens that have a default, and values for all but one of those that have none.
    They are rounded to the dtype, as every implementation gets them. infinities: whether ±∞ are points too.
    """

    def __init__(
        self,
        derivation: Derivation,
        dtype: str,
        parameters: Mapping[str, float] | None = None,
        *,
        thorough: bool = False,
        infinities: bool = True,
    ) -> None:
        self.derivation, self.variable = derivation, _variable(derivation, parameters or {})
        self.format = format_of(dtype)
        self.parameters = _parameters(derivation, parameters or {}, self.format)
        self.oracle = Oracle(derivation, self.variable, self.parameters)
        if not self.oracle.quantities:
            raise NotMeasurable(f"{derivation.id} computes nothing")
        self.landmarks: Landmarks = landmarks(self.oracle, self.format)
        exact = [k for k in self.landmarks.kinks if 0 in (self.oracle.signs(k) or ())]
        between = [k for k in self.landmarks.kinks if k not in exact]
        x = points(self.format, self.variable.domain, self.landmarks.all, thorough=thorough)
        if infinities:
            x = np.concatenate([[-np.inf], x, [np.inf]]).astype(x.dtype)
            x = x[within(self.variable.domain)(x)]
        #: A kink that is no number of the dtype, such as 0.3, is rounded to one of its two neighbours wherever it is
        #: computed, so these have the value of either side; they are not judged.
        self.x: Array = x[~np.isin(x, [n for k in between for n in (k, _previous(k, self.format))])]
        #: Which points are kinks.
        self.kink: Array = np.isin(self.x, exact)
        self._exact: dict[str, ExactValues] = {}

    def exact(self, name: str) -> ExactValues:
        """The exact values of a quantity at all points."""
        if name not in self._exact:
            self._exact[name] = self.at(name, self.x)
        return self._exact[name]

    def at(self, name: str, x: Array) -> ExactValues:
        """The exact values of a quantity at some numbers, and its limits at infinities."""
        return exact_values((self._exact_at(name, float(v)) for v in x), self.format)

    def _exact_at(self, name: str, x: float) -> Any | None:
        if isinf(x):
            return self.oracle.limit(name, 1 if x > 0 else -1, self.format)
        return self.oracle.exact(name, x, self.format)

    def inputs(self, x: Array) -> Inputs:
        """The variable and the parameters, for an implementation. Trained parameters are arrays like x."""
        trained = {t.name for r in self.derivation.wanted for t in r.wrt}
        found: dict[str, Any] = {self.variable.name: x}
        for name, value in self.parameters.items():
            wide = np.full(x.shape if name in trained else (), value)
            found[name] = wide.astype(self.format.dtype)
        return found


def _previous(x: float, format: Format) -> float:
    return from_ordinal(to_ordinal(x, format) - 1, format)


def _variable(derivation: Derivation, fixed: Mapping[str, float]) -> Tensor:
    """The given that varies. Raises :class:`NotMeasurable` where there is none, or more than one."""
    if not is_elementwise(derivation):
        raise NotMeasurable(f"{derivation.id} is not a function of one real variable")
    unknown = sorted(set(fixed) - {t.name for t in derivation.givens})
    if unknown:
        known = ", ".join(t.name for t in derivation.givens)
        raise NotMeasurable(f"{derivation.id} has nothing called {', '.join(unknown)}; it has {known}")
    free = [t for t in derivation.givens if t.domain.value is None and t.name not in fixed]
    if len(free) != 1 or free[0].domain.is_discrete:
        names = " and ".join(t.name for t in free) or "no variable"
        advice = f". Fix all but one: {' '.join(f'--set {t.name}=1' for t in free[1:])}" if len(free) > 1 else ""
        raise NotMeasurable(f"{derivation.id} is a function of {names}; accuracy needs one real variable{advice}")
    return free[0]


def _parameters(derivation: Derivation, fixed: Mapping[str, float], format: Format) -> dict[str, float]:
    """The numbers of all givens that do not vary, rounded to the format."""
    values = {t.name: fixed.get(t.name, t.domain.value) for t in derivation.givens}
    return {n: float(format.dtype.type(float(v))) for n, v in values.items() if v is not None}


def measure(
    derivation: Derivation,
    dtype: str = "float64",
    implementation: str | Callable[[Subject, str], Implementation] = "numpy",
    *,
    forward: Forward | None = None,
    parameters: Mapping[str, float] | None = None,
    thorough: bool = False,
) -> tuple[Row, ...]:
    """The errors of the value and of every wanted derivative of a function of one variable.

    **Arguments**: dtype, float64 or float32. implementation, a name of :data:`~.implementations.IMPLEMENTATIONS`, or a
    factory such as those in it. forward: what ``torch`` runs. parameters: other values than the defaults. thorough: ten
    times the points.
    **Raises** :class:`NotMeasurable`, :class:`~.implementations.Unavailable`, ``ValueError`` for an unknown name.
    """
    reference = Reference(derivation, dtype, parameters, thorough=thorough)
    return tuple(m.row for m in measured(reference, implementation, forward))


def measured(
    reference: Reference,
    chosen: str | Callable[[Subject, str], Implementation] = "numpy",
    forward: Forward | None = None,
    jax: Callable[..., Any] | None = None,
) -> list[Measured]:
    """The errors at every point, quantity by quantity. Same errors as :func:`measure`."""
    subject, dtype = Subject(reference.derivation, forward, jax), reference.format.dtype.name
    run = implementation(chosen, subject, dtype) if isinstance(chosen, str) else chosen(subject, dtype)
    name = chosen if isinstance(chosen, str) else getattr(chosen, "__name__", "other")
    results = run(reference.inputs(reference.x))
    if isinstance(run, OfNeighbours):
        results = _worse(reference, results, run)
    return [_measured(reference, name, run, q.name, results[q.name]) for q in _ordered(reference, results)]


def _worse(reference: Reference, results: Mapping[str, Array], run: Implementation) -> dict[str, Array]:
    """The results, or those of the same points among many others, where these are further off."""
    x = np.full(NEIGHBOURS * reference.x.size, AMONG, reference.x.dtype)
    x[::NEIGHBOURS] = reference.x
    found = dict(results)
    for name, among in run(reference.inputs(x)).items():
        there = np.broadcast_to(among, x.shape)[::NEIGHBOURS]
        alone = np.broadcast_to(results[name], there.shape)
        error = reference.exact(name).errors
        found[name] = np.where(error(there) > error(alone), there, alone)
    return found


def _ordered(reference: Reference, results: Mapping[str, Array]) -> list[Any]:
    quantities = reference.oracle.quantities.values()
    return sorted((q for q in quantities if q.name in results), key=lambda q: q.order)


def _measured(reference: Reference, implementation: str, run: Implementation, name: str, result: Array) -> Measured:
    x, exact = reference.x.astype(np.float64), reference.exact(name)
    got = np.broadcast_to(np.asarray(result, dtype=np.float64), x.shape)
    errors = exact.errors(got)
    known = exact.defined
    if not np.any(known):
        raise NotMeasurable(f"{name} of {reference.derivation.id} has no exact value at any point")
    roots, near = _roots(reference, name, x, got, exact)
    worst_at, away_at = _argmax(errors, known), _argmax(errors, known & ~near)

    def kinds_at(more: Array) -> Array:
        there = reference.at(name, more)
        same_size = np.resize(more, MORE)  # libraries that compile do so once for every size
        result = np.asarray(run(reference.inputs(same_size))[name], dtype=np.float64)[: more.size]
        return kinds(there, result, there.errors(result))

    failing = regions(x[known], exact[known], got[known], errors[known], near[known], reference.kink[known])
    row = Row(
        reference.derivation.id,
        name,
        reference.oracle.quantities[name].order,
        reference.format.dtype.name,
        implementation,
        reference.parameters,
        int(np.count_nonzero(known)),
        float(errors[worst_at]),
        float(x[worst_at]),
        float(np.quantile(errors[known & ~near], QUANTILE, method="higher")),
        float(errors[away_at]),
        float(x[away_at]),
        roots,
        sharpened(failing, x[known], kinds_at, reference.format),
    )
    return Measured(row, reference.variable.name, x, errors)


def _argmax(errors: Array, among: Array) -> int:
    return int(np.argmax(np.where(among, errors, -1.0)))


def _roots(reference: Reference, name: str, x: Array, got: Array, exact: ExactValues) -> tuple[tuple[Root, ...], Array]:
    """The neighbourhoods of the roots of a quantity, and which points lie in one of them."""
    near = np.zeros(x.shape, dtype=bool)
    found: list[Root] = []
    size = np.abs(exact.nearest)
    format = reference.format
    for root in reference.landmarks.roots[name]:
        apart = (abs(to_ordinal(root, format) - to_ordinal(k, format)) for k in (0.0, *reference.landmarks.kinks))
        if min(apart) <= 2:
            continue
        scale = float(np.nanmax(np.where(np.abs(x) <= WIDE * abs(root), size, 0.0)))
        inside = (np.abs(x - root) <= NEAR * abs(root)) & (size < SMALL * scale) & exact.defined
        if not np.any(inside):
            continue
        near |= inside
        with np.errstate(all="ignore"):
            unit = np.ldexp(1.0, exact.exponent)
            off = exact.errors(got) * unit / (format.eps * scale)
        at = _argmax(off, inside)
        where = x[inside]
        found.append(Root(root, float(where[0]), float(where[-1]), float(off[at]), float(x[at]), scale))
    return tuple(found), near
