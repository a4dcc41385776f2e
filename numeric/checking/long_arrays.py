"""Generated code as it computes long arrays: really long ones of few points, and blocks of a few rows.

A function of scalars runs on arrays that hold the same points over and over, in an order that reaches all that it does
with long arrays. So a few exact values judge every entry: of each point, the entry that is furthest off is compared.

A function of arrays with many rows names the sizes of its blocks in its module. There they are made so small that the
rows of any regime are two blocks of different lengths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from sympy import Expr, Symbol

from ...calculus.derivation import Derivation
from ...calculus.dimensions import defined_dimensions, free_dimensions
from ...calculus.sums import BoundSum
from ...calculus.tensors import Index
from ..plans import GeneratedFunction, LongForm, identifier
from .regimes import Case, Regime, draw

#: How many are added at a time, in the helpers that add many: here so few that these, too, are divided.
FEW: Mapping[str, int] = {"_ROWS": 2, "_MANY": 0, "_PRODUCTS": 2, "_TERMS": 2, "_SHORT": 0}

#: The helpers that scale rows, or whole arrays, whose squares would leave the range of floats.
SCALES = ("_row_scale", "_array_scale")

Array = np.ndarray[Any, Any]
Run = Callable[..., Any]

#: How a report names what was run.
WORDS: Mapping[str, str] = {
    "near": "by a form for moderate entries",
    "blocks": "in blocks",
    "rows": "in blocks of rows",
    "scaled": "with all rows scaled",
    "scaled blocks": "in blocks of rows, with all rows scaled",
    "threads": "in threads",
    "past the cache": "in threads and past the cache",
    "short blocks": "in short blocks",
}

#: Entries that are moderate for most functions, and entries that are not.
MODERATE = (-3.1, -1.7, -0.6, -0.01, 0.02, 0.7, 1.9, 2.3)
FAR = (-1000.0, -60.0, 60.0, 1000.0)

#: Ends of an interval are multiplied with it for points well outside.
OUTSIDE = 1.25

#: Where a parameter is not at its default, a multiple of that.
OTHER = 0.75

#: A block with this share of its entries outside of an interval, or less, is mostly inside.
SHARE = 16

MANY, LONG = 37, 530
CHUNKS = 4500

REGIME = Regime("long arrays", lambda rng, shape: rng.normal(size=shape), elementwise=True, ordinary=False)
OTHERWISE = Regime("long arrays, other parameters", REGIME.real, elementwise=True, ordinary=False)


#: Rounds through all loops of all formulas, sums included, for which exact values take a second or two.
ROUNDS = 30_000


#: Sizes at which loops of compiled code are divided: groups of rows, parts of a row, and parts of a lone vector.
SIZES = (
    Regime("many rows", REGIME.real, lambda k: (MANY, 3, *(2,) * k)[:k]),
    Regime("long rows", REGIME.real, lambda k: (*(2,) * (k - 1), LONG if k > 1 else CHUNKS)),
)


def larger_sizes(derivation: Derivation) -> tuple[Regime, ...]:
    """Of these regimes those in which the exact values of a derivation take a second or two."""
    dims = free_dimensions(derivation.dims)
    if not dims or defined_dimensions(derivation.dims):
        return ()
    return tuple(r for r in SIZES if rounds(derivation, dict(zip(dims, r.sizes(len(dims)), strict=True))) <= ROUNDS)


def has_short_rows(derivation: Derivation) -> bool:
    """Whether :func:`larger_sizes` has no long rows."""
    return SIZES[-1] not in larger_sizes(derivation)


def rounds(derivation: Derivation, sizes: Mapping[Symbol, int]) -> int:
    """How often the loops of all formulas go round: over the entries of each array, and over the terms of each sum."""

    def product_of(dims: Iterable[Expr]) -> int:
        return prod(int(d.xreplace(dict(sizes))) for d in dims)

    bodies = [*derivation.definitions, *(r.definition for r in derivation.wanted)]
    total = sum(product_of(d.tensor.dims) for d in bodies)
    for term in {term for d in bodies for term in d.body.atoms(BoundSum)}:
        own = {k for k in term.body.free_symbols if isinstance(k, Index)} | set(term.bound)
        total += product_of(k.dim for k in own)
    return total


def forms_in(functions: Sequence[GeneratedFunction], regime: Regime) -> dict[str, LongForm]:
    """The form that each of some functions has for the long arrays of a regime, by its name.

    A form for moderate entries may be for parameters at their defaults only; then the next form is for others.
    """
    if regime is OTHERWISE:
        return {f.name: f.long[1] for f in functions if f.defaults and len(f.long) > 1}
    return {f.name: f.long[0] for f in functions if f.long}


def case_of(
    derivation: Derivation, regime: Regime, forms: Mapping[str, LongForm], dtype: np.dtype[Any], seed: int
) -> Case:
    """The points of the long arrays: moderate ones, the ends of all intervals, their neighbours, and others beyond.

    Parameters are numbers.
    """
    x = _points(forms.values(), dtype)
    case = draw(derivation, regime, dtype, seed, True, x.size)
    first = {form.arrays[0] for form in forms.values()}
    values = dict(case.values)
    for t in derivation.givens:
        if t.domain.value is not None:
            scale = OTHER if regime is OTHERWISE else 1.0
            values[t.name] = np.asarray(scale * float(t.domain.value), dtype)
        elif identifier(t.name) in first and str(t.domain) == "real":
            values[t.name] = x
    return Case(regime, case.sizes, values)


def _points(forms: Any, dtype: np.dtype[Any]) -> Array:
    found = [*MODERATE, *FAR]
    for form in forms:
        if form.kind == "near":
            low, high = dtype.type(form.low), dtype.type(form.high)
            found += [low, high, np.nextafter(low, -np.inf, dtype=dtype), np.nextafter(high, np.inf, dtype=dtype)]
            found += [OUTSIDE * form.low, OUTSIDE * form.high]
    return np.unique(np.array(found, dtype=dtype))


def on_long_arrays(run: Run, form: LongForm, axes: int = 2) -> Run:
    """A function of the points that computes them in long arrays, and returns for each the entry furthest off.

    How far off is told by what the function returns for the points alone; the caller compares with exact values. It
    raises ``ValueError`` where the function changes its inputs, or returns arrays of another shape. axes: 1 or 2.
    """

    def call(**given: Any) -> Any:
        points = {n: v for n, v in given.items() if np.ndim(v)}
        alone = found = run(**given)
        for at in orders_of(points[form.arrays[0]], form):
            at = at.ravel() if axes == 1 else at
            arrays = {n: np.asfortranarray(v[at]) if k else v[at] for k, (n, v) in enumerate(points.items())}
            out = run(**{**given, **arrays})
            for n, v in points.items():
                if not np.array_equal(arrays[n], v[at]):
                    raise ValueError(f"it changed its input {n}, which is long")
            if isinstance(out, tuple):
                found = tuple(_furthest(a, at, b, c) for a, b, c in zip(out, alone, found, strict=True))
            else:
                found = _furthest(out, at, alone, found)
        return found

    return call


def orders_of(x: Array, form: LongForm) -> list[Array]:
    """Which point each entry of several long arrays is, for the points of the argument that a form is about.

    One array holds moderate entries only. Another one holds a few more on the low side. A third one has blocks with a
    few on both sides, with as many as a block that is mostly moderate may have, and one more, and with none that is
    moderate. Each ends in a shorter block.
    """
    rng = np.random.default_rng(0)
    every, step = np.arange(x.size), form.block // x.itemsize
    inside = np.flatnonzero((form.low <= x) & (x <= form.high)) if form.kind == "near" else every
    inside = inside if inside.size else every
    outside = np.setdiff1d(every, inside)
    low, few, most = outside[x[outside] < form.low], 3 * outside.size, step // SHARE

    def array(others: Array, *counts: int) -> Array:
        blocks = []
        for size, count in (*((step, c) for c in counts), (step // 3 // 4 * 4, counts[-1])):
            found = rng.permutation(np.resize(inside, size))
            if others.size:
                found[rng.choice(size, count, replace=False)] = np.resize(others, count)
            blocks.append(found)
        return np.concatenate(blocks).reshape(-1, 4)

    if not outside.size:
        return [array(outside, 0, 0)]
    return [array(outside, 0), array(low, 0, few), array(outside, most, most + 1, 0, step, few)]


def _furthest(array: Any, at: Array, alone: Array, found: Array) -> Array:
    """Of each point the entry that is furthest from what the point alone gives; NaN where there is one.

    found: what was so far.
    """
    array = np.asarray(array)
    if array.shape == np.shape(alone) == ():  # it does not depend on the array, as the step of an update rule
        return found if np.isnan(found) or abs(found - alone) > abs(array - alone) else array
    if array.shape != at.shape:
        raise ValueError(f"its shape is {array.shape}, expected {at.shape}")
    order = np.argsort(at, axis=None, kind="stable")
    places, starts = np.unique(at.ravel()[order], return_index=True)
    grouped = array.ravel()[order]
    worst = np.array(found, dtype=array.dtype)
    for end in (np.minimum.reduceat(grouped, starts), np.maximum.reduceat(grouped, starts)):
        with np.errstate(all="ignore"):
            nearer = np.abs(end - alone[places]) <= np.abs(worst[places] - alone[places])
        kept = nearer | (end == alone[places]) | np.isnan(worst[places])
        worst[places] = np.where(kept, worst[places], end)
    return worst


def on_rare_paths(run: Run, function: GeneratedFunction) -> tuple[str, Run] | None:
    """A function on the paths that ordinary inputs do not reach, after words for these; None where it has no such path.

    It computes two thirds of the rows, then the others. What adds rows, or products, adds two at a time. What scales
    rows whose squares would leave the range of floats scales all.
    """
    form = next((f for f in function.long if f.kind == "rows"), None)
    namespace = run.__globals__  # the names of its module
    scales = [name for name in SCALES if name in run.__code__.co_names]
    if form is None and not scales:
        return None
    names = (*(("_LONG", "_BLOCK", *FEW) if form else ()), *scales)
    usual = {name: namespace[name] for name in names if name in namespace}

    def call(**given: Any) -> Any:
        try:
            if form is not None:
                longest = max(given[n].nbytes for n in form.arrays)
                namespace.update(FEW, _LONG=given[form.arrays[0]].nbytes - 1, _BLOCK=2 * longest // 3 + 1)
            namespace.update(dict.fromkeys(scales, _scale_of_all))
            return run(**given)
        finally:
            namespace.update(usual)

    return WORDS["scaled blocks" if form and scales else "rows" if form else "scaled"], call


def _scale_of_all(x: Array, axis: int | None = None, least: float = 0.0, squares: Array | None = None) -> Array:
    """A power of two somewhat above the largest entry of each row, or of all; 1 where there are only zeros."""
    top = np.maximum(np.max(np.abs(x), axis), least).astype(x.dtype)
    return np.asarray(np.ldexp(x.dtype.type(1), np.where((top > 0) & (top < np.inf), np.frexp(top)[1] + 1, 0)))
