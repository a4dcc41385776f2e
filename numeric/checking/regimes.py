"""Regimes: named families of inputs on which a formula must hold. They obey the domains of the tensors.

Everything is rounded to the tested dtype before anyone sees it, so all sides compute with identical numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sympy import Symbol

from ...calculus.derivation import Derivation
from ...calculus.dimensions import defined_dimensions, fitted, free_dimensions
from ...calculus.tensors import Tensor

Array = np.ndarray[Any, Any]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]


#: Sizes that are all different, as many as any derivation has dimensions.
DISTINCT: tuple[int, ...] = (3, 4, 2, *range(5, 40))
#: Points at which a function of scalars is evaluated.
POINTS = 12


@dataclass(frozen=True)
class Regime:
    """A family of inputs.

    real: draws the entries of real tensors. sizes: gives each dimension its size. elementwise: applies to functions of
    scalars (True), to arrays (False), or to both (None). ordinary: here any sound implementation is accurate, so a
    deviation means that it computes something else. rows, labels, masks, strided: what this family does to
    distributions, labels, masks and memory layout. needs: tensors it is about. alone: applies only where a single real
    tensor is free. data: only the arrays with two axes or more are drawn this way, and not the upstream gradient, whose
    own rounding would hide what is looked for. parameters: their share of the default. At a default of 0
    or 1 nobody would miss them.
    """

    name: str
    real: Draw
    sizes: Callable[[int], Sequence[int]] = lambda k: DISTINCT[:k]
    elementwise: bool | None = None
    ordinary: bool = True
    rows: str = "typical"
    labels: str = "typical"
    masks: str = "typical"
    strided: bool = False
    alone: bool = False
    data: bool = False
    needs: str = ""
    parameters: float = 1.0


@dataclass(frozen=True)
class Case:
    """Concrete inputs: sizes, and for every given its array in the tested dtype."""

    regime: Regime
    sizes: Mapping[Symbol, int]
    values: Mapping[str, Array] = field(default_factory=dict)


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.normal(size=shape)


def _choice(*values: float) -> Draw:
    return lambda rng, shape: rng.choice(values, size=shape)


def _spread(low: float, high: float) -> Draw:
    """Evenly spread over [−high, −low] and [low, high], both ends included."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        half = np.linspace(low, high, POINTS // 2)
        return np.concatenate([-half, half]) * np.ones(shape) if shape == (POINTS,) else rng.uniform(low, high, shape)

    return draw


def _offsets(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """A different large offset in every row."""
    offset = rng.choice((-1000.0, 300.0, 1e4), size=(*shape[:-1], 1)) if shape else 1000.0
    return rng.normal(size=shape) + offset


def _column_offsets(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """A different large offset in every column: entries of one row are far apart, those of one column are not."""
    offset = rng.choice((-1000.0, 300.0, 1e4), size=shape[-1:]) if shape else 1000.0
    return rng.normal(size=shape) + offset


def _tiny_variance(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return 3.0 + 1e-3 * rng.normal(size=shape)


def _ones(k: int) -> Sequence[int]:
    return (1,) * k


def _equal(k: int) -> Sequence[int]:
    return (3,) * k


def _first_one(k: int) -> Sequence[int]:
    return (1, *DISTINCT[: k - 1])


def _last_one(k: int) -> Sequence[int]:
    return (*DISTINCT[: k - 1], 1)


REGIMES: tuple[Regime, ...] = (
    Regime("typical", _spread(0.05, 6.0), elementwise=True),
    Regime("zeros", _choice(0.0), elementwise=True),
    Regime("near zero", _spread(1e-8, 1e-3), elementwise=True, ordinary=False),
    Regime("tails", _spread(7.0, 100.0), elementwise=True, ordinary=False),
    Regime("large", _choice(-1e4, -1000.0, 1000.0, 1e4), elementwise=True, ordinary=False),
    Regime("float extremes", _choice(-1e30, -1e20, -1e-30, 1e-40, 1e-20, 1e30), elementwise=True, ordinary=False),
    Regime("unequal sizes", _normal, elementwise=False),
    Regime("equal sizes", _normal, _equal, elementwise=False),
    Regime("batch of one", _normal, _first_one, elementwise=False),
    Regime("last dimension one", _normal, _last_one, elementwise=False),
    Regime("all dimensions one", _normal, _ones, elementwise=False),
    Regime("ties", _choice(-1.0, 0.0, 1.0), elementwise=False),
    Regime("zeros", _choice(0.0), elementwise=False),
    Regime("large logits (1000)", _choice(-1000.0, 0.0, 1000.0), elementwise=False, ordinary=False),
    Regime("large logits (1e4)", lambda rng, s: rng.uniform(-1e4, 1e4, s), elementwise=False, ordinary=False),
    Regime("row offsets", _offsets, elementwise=False, ordinary=False),
    Regime("column offsets", _column_offsets, elementwise=False, ordinary=False, needs="columns", data=True),
    Regime("tiny variance", _tiny_variance, elementwise=False, ordinary=False),
    Regime("float extremes", _choice(-1e30, -1e-30, 1.0, 1e30), elementwise=False, ordinary=False, alone=True),
    Regime("one-hot targets", _normal, elementwise=False, rows="onehot", needs="rows"),
    Regime(
        "one-hot, large logits", _choice(-1000.0, 1e4), elementwise=False, ordinary=False, rows="onehot", needs="rows"
    ),
    Regime("repeated labels", _normal, elementwise=False, labels="repeated", needs="labels"),
    Regime("one entry counts", _normal, elementwise=False, masks="one", needs="masks"),
    Regime("all entries count", _normal, elementwise=False, masks="all", needs="masks"),
    Regime("other parameters", _normal, elementwise=False, needs="parameters", parameters=0.75),
    Regime("other parameters", _spread(0.05, 6.0), elementwise=True, needs="parameters", parameters=0.75),
    Regime("non-contiguous", _normal, elementwise=False, strided=True),
    Regime("non-contiguous", _spread(0.05, 6.0), elementwise=True, strided=True),
)


def applicable(derivation: Derivation, elementwise: bool) -> tuple[Regime, ...]:
    """The regimes that fit the tensors of a derivation."""
    givens = derivation.givens
    real = [t for t in givens if _is_real(t)]
    has = {
        "rows": any(t.domain.rows and not t.domain.positive and not t.domain.onehot for t in givens),
        "labels": any(t.domain.below is not None for t in givens),
        "columns": any(t.rank > 1 and t not in upstreams(derivation) for t in real),
        "masks": any(t.domain.mask for t in givens),
        "parameters": bool(chosen_parameters(derivation)),
        "": True,
    }
    dims = len(free_dimensions(derivation.dims))
    return tuple(
        r
        for r in REGIMES
        if r.elementwise in (None, elementwise)
        and has[r.needs]
        and (not r.alone or len(real) == 1)
        and (real or r.real in (_normal,))
        and not (dims < 2 and r.sizes in (_first_one, _last_one))
    )


def _is_real(t: Tensor) -> bool:
    d = t.domain
    return not (d.is_discrete or d.rows or d.positive or d.nonnegative or d.unit or d.function) and d.value is None


def chosen_parameters(derivation: Derivation) -> tuple[str, ...]:
    """The givens with a default, by name, that no derivative is taken by."""
    trained = {t.name for r in derivation.wanted for t in r.wrt}
    return tuple(t.name for t in derivation.givens if t.domain.value is not None and t.name not in trained)


def upstreams(derivation: Derivation) -> tuple[Tensor, ...]:
    """The givens that an output is only paired with."""
    bodies = [d for d in derivation.definitions if d.pairing]
    read = {t for d in derivation.definitions if not d.pairing for t in d.inputs()}
    return tuple(t for t in derivation.givens if t not in read and any(t in d.inputs() for d in bodies))


def draw(
    derivation: Derivation, regime: Regime, dtype: np.dtype[Any], seed: int, elementwise: bool, points: int = POINTS
) -> Case:
    """Inputs of a regime, reproducible from the seed, rounded to the dtype. points: how many of a function of scalars.

    Parameters keep their value, unless a derivative with respect to them is wanted.
    """
    rng = np.random.default_rng([seed, *regime.name.encode()])
    sizes = _sizes(derivation.dims, regime)
    trained = {t.name for r in derivation.wanted for t in r.wrt}
    values: dict[str, Array] = {}
    for t in derivation.givens:
        if t.domain.function:
            continue
        shape = (points,) if elementwise else tuple(int(d.xreplace(sizes)) for d in t.dims)
        ordinary = regime.data and (t.rank < 2 or t in upstreams(derivation))
        entries = _entries(t, replace(regime, real=_normal) if ordinary else regime, rng, shape, sizes, dtype)
        if t.domain.value is not None and t.name in trained:
            entries = (float(t.domain.value) * rng.uniform(0.5, 2.0, size=shape)).astype(dtype)
        values[t.name] = _strided(entries, regime.strided)
    return Case(regime, sizes, values)


def _sizes(dims: Sequence[Symbol], regime: Regime) -> dict[Symbol, int]:
    """The sizes of a regime. Where outputs follow from inputs and windows, all are small, with a few windows."""
    free = free_dimensions(dims)
    wish = regime.sizes(len(free))
    if not defined_dimensions(dims):
        return dict(zip(free, wish, strict=True))
    varied = len(set(wish)) > 1
    sizes = {d: 2 + at % 2 if varied and w > 1 else w for at, (d, w) in enumerate(zip(free, wish, strict=True))}
    return fitted(sizes, dims, least=(3, 2) if varied else (1,))


def _entries(
    t: Tensor, regime: Regime, rng: np.random.Generator, shape: tuple[int, ...], sizes: Mapping[Symbol, int], dtype: Any
) -> Array:
    d = t.domain
    if d.below is not None:
        below = int(d.below.xreplace(dict(sizes)))
        return np.full(shape, rng.integers(below)) if regime.labels == "repeated" else rng.integers(below, size=shape)
    if d.value is not None:
        number = regime.parameters * float(d.value) if d.value else 1 - regime.parameters
        return np.full(shape if t.rank else (), number).astype(dtype)
    if d.mask:
        return _mask(regime, rng, shape).astype(dtype)
    if d.sign:
        return rng.choice((-1.0, 1.0), size=shape).astype(dtype)
    if d.unit:
        return _unit(regime, rng, shape).astype(dtype)
    if d.onehot or (d.rows and not d.positive and regime.rows == "onehot"):
        return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])].astype(dtype)
    if d.rows:
        weights = rng.uniform(0.05, 1.0, size=shape)
        return (weights / weights.sum(axis=-1, keepdims=True)).astype(dtype)
    if d.positive or d.nonnegative:
        return rng.uniform(0.1, 3.0, size=shape).astype(dtype)
    with np.errstate(under="ignore"):
        return regime.real(rng, shape).astype(dtype)


def _mask(regime: Regime, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Zeros and ones, with at least one 1 in every row: where all is masked, a mean would be 0/0."""
    if regime.masks == "all":
        return np.ones(shape)
    entries = np.zeros(shape) if regime.masks == "one" else rng.integers(2, size=shape)
    for row in entries.reshape(-1, shape[-1] if shape else 1):  # views
        if not row.any():
            row[rng.integers(row.size)] = 1
    return entries


def _unit(regime: Regime, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Between 0 and 1; close to both ends where a regime goes to extremes, and never at an end once it is rounded."""
    extremes = (1e-20, 1e-6, 0.5, 1 - 1e-6)
    return rng.uniform(0.05, 0.95, size=shape) if regime.ordinary else rng.choice(extremes, size=shape)


def _strided(a: Array, strided: bool) -> Array:
    """The same entries as a view that is neither C-contiguous nor forward."""
    if not strided or a.ndim == 0:
        return a
    wide = np.empty((*a.shape[:-1], 2 * a.shape[-1]), dtype=a.dtype)
    wide[..., ::2] = a[..., ::-1]
    view = wide[..., ::2][..., ::-1]
    return np.asfortranarray(a) if a.ndim == 2 and a.shape[0] % 2 else view


def coarser(case: Case, dtype: str, givens: Sequence[Tensor]) -> Case:
    """Inputs rounded to a half-precision grid that torch has; rows that sum to 1 still do."""
    keep = 8 if dtype == "bfloat16" else 11
    values = {}
    for t in givens:
        v = case.values.get(t.name)
        if v is None:
            continue
        if t.domain.rows:
            v = _coarse_rows(v, 2.0**keep)
        elif t.domain.below is None:
            mantissa, exponent = np.frexp(v)
            v = np.ldexp(np.round(mantissa * 2.0**keep) / 2.0**keep, exponent).astype(np.float32)
        values[t.name] = v
    return Case(case.regime, case.sizes, values)


def _coarse_rows(rows: Array, steps: float) -> Array:
    """Rows as multiples of 1/steps, of which there are at least as many as entries; the largest takes what is left."""
    counts = np.where(rows > 0, np.maximum(np.round(rows * steps), 1), 0)
    at = rows.argmax(axis=-1)[..., None]
    np.put_along_axis(counts, at, 0, axis=-1)
    np.put_along_axis(counts, at, steps - counts.sum(axis=-1, keepdims=True), axis=-1)
    return (counts / steps).astype(np.float32)


def without_subnormals(case: Case, tiny: float) -> Case:
    """Inputs below the smallest normal number become zeros."""
    values = {n: np.where(np.abs(v) < tiny, v.dtype.type(0), v) for n, v in case.values.items()}
    return Case(case.regime, case.sizes, values)
