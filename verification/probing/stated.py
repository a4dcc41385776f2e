"""Points that somebody asked for: at given sizes, on given arrays, and for kernels around the sizes of their blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sympy import Symbol

from ...numeric.checking.regimes import REGIMES, Case, Regime, draw
from ...numeric.checking.tolerance import precision
from ..subjects.protocol import Array, SubjectError
from .prober import Point, Prober

#: Sizes around those of blocks, which are powers of two: one, less than a block, one more than a block, many blocks.
BLOCK_SIZES = (1, 7, 33, 129, 1000, 1025)
#: Powers of two, where a missing mask shows nothing.
WHOLE_BLOCKS = (64, 128, 1024)
#: What the other dimensions have meanwhile.
BESIDE = (3, 4, 2, 5)
#: Beyond this, an input is not one on which any sound implementation is accurate.
ORDINARY = 30.0

Sizes = Mapping[str, int]


@dataclass(frozen=True)
class Stated:
    """sizes: by the name of the dimension, one mapping for each point. arrays: by parameter. kernel: the code launches
    one, so the sizes of blocks are tried."""

    sizes: tuple[Sizes, ...] = ()
    arrays: Mapping[str, Array] = field(default_factory=dict)
    upstream: Array | None = None
    kernel: bool = False

    def points(self, prober: Prober, dtype: str) -> Iterator[Point]:
        """All of them, in one dtype. Raises SubjectError with what to type."""
        for sizes in self.sizes:
            yield _at_sizes(prober, dtype, sizes)
        if self.arrays:
            yield _at_arrays(prober, dtype, self.arrays, self.upstream)
        if self.kernel and not prober.elementwise:
            yield from _around_blocks(prober, dtype)
        elif self.kernel:
            yield from (_at_sizes(prober, dtype, {"n": s}) for s in (*BLOCK_SIZES, *WHOLE_BLOCKS))


def parse_sizes(text: str) -> dict[str, int]:
    """``"n=512, C=1000"``. Raises SubjectError."""
    found: dict[str, int] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        match = re.fullmatch(r"(\w+)\s*=\s*(\d{1,9})", part)
        if match is None:
            raise SubjectError(f'{part!r} is not a size; write --sizes "n=512, C=1000"')
        found[match[1]] = int(match[2])
    return checked(found)


def checked(sizes: Mapping[str, int]) -> dict[str, int]:
    """Positive whole numbers by name. Raises SubjectError."""
    if not sizes:
        raise SubjectError('no sizes are given; write --sizes "n=512, C=1000"')
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise SubjectError(f"the size of {name} is {size!r}; a size is a whole number from 1 on")
    return dict(sizes)


def _at_sizes(prober: Prober, dtype: str, sizes: Sizes, strided: bool = False, name: str = "") -> Point:
    name = name or ", ".join(f"{d} = {s}" for d, s in sizes.items())
    if prober.elementwise:
        return _entrywise(prober, dtype, tuple(sizes.values()), name)
    dims = prober.derivation.dims
    known = {str(d) for d in dims if isinstance(d, Symbol)}
    wrong, missing = [n for n in sizes if n not in known], [n for n in sorted(known) if n not in sizes]
    if wrong or missing:
        said = f"no dimension is called {wrong[0]}" if wrong else f"the size of {missing[0]} is missing"
        example = ", ".join(f"{d}={sizes.get(str(d), 100)}" for d in dims)
        raise SubjectError(f'{said}; the dimensions are {", ".join(map(str, dims))}: --sizes "{example}"')
    regime = replace(
        _regime("unequal sizes"), name=name, sizes=lambda k: [sizes[str(d)] for d in dims], strided=strided
    )
    return replace(prober.point(regime, dtype), stated=True)


def _regime(name: str) -> Regime:
    return next(r for r in REGIMES if r.name == name)


def _entrywise(prober: Prober, dtype: str, shape: tuple[int, ...], name: str) -> Point:
    """A function of numbers on an array: entries from the range of the typical ones."""
    regime = replace(_regime("typical"), name=name)
    rng = np.random.default_rng([prober.seed, 11])
    few = draw(prober.derivation, regime, precision(dtype).carrier, prober.seed, True)
    values: dict[str, Array] = {}
    for t in prober.derivation.givens:
        drawn = few.values.get(t.name)
        if drawn is None:
            continue
        if t.domain.value is not None:
            values[t.name] = np.asarray(drawn.ravel()[0])
        elif t.domain.is_discrete:
            values[t.name] = rng.choice(drawn, size=shape)
        else:
            values[t.name] = rng.uniform(drawn.min(), drawn.max(), size=shape).astype(drawn.dtype)
    return replace(prober.at(Case(regime, {}, values), precision(dtype), values), stated=True)


def _at_arrays(prober: Prober, dtype: str, arrays: Mapping[str, Array], upstream: Array | None) -> Point:
    """The arrays of a person, exactly; what they did not give is drawn at their sizes."""
    sizes: dict[Any, int] = {}
    given: dict[str, Array] = {}
    for argument, t in zip(prober.binding.arguments, prober.binding.tensors, strict=True):
        if argument not in arrays:
            continue
        a = np.asarray(arrays[argument])
        a = a.astype(float) if a.dtype.kind in "iub" and not t.domain.is_discrete else a
        if not prober.elementwise and a.ndim != t.rank:
            raise SubjectError(f"the example array for {argument} has shape {a.shape}; {t.name} has {t.rank} axes")
        given[t.name] = a
        for d, s in zip(t.dims, a.shape, strict=False):
            if sizes.setdefault(d, s) != s:
                raise SubjectError(
                    f"the example array for {argument} has shape {a.shape}, where {d} is {sizes[d]} in another array"
                )
    real = [v for v in given.values() if v.dtype.kind == "f" and v.size]
    regime = replace(
        _regime("typical" if prober.elementwise else "unequal sizes"),
        name="the example arrays",
        ordinary=all(bool(np.isfinite(v).all()) and float(np.abs(v).max()) <= ORDINARY for v in real),
    )
    pair = prober.binding.upstream
    if prober.oracle.paired and pair is not None and upstream is not None:
        given[pair.name], upstream = upstream, None
    if prober.elementwise:
        point = _entrywise(prober, dtype, next(iter(given.values())).shape if given else (1,), regime.name)
        return replace(prober.at(Case(regime, {}), precision(dtype), {**point.values, **given}, upstream), stated=True)
    missing = [str(d) for d in prober.derivation.dims if isinstance(d, Symbol) and d not in sizes]
    if missing:
        raise SubjectError(f"no example array tells the size of {missing[0]}; give one for each parameter")
    drawn = prober.point(replace(regime, sizes=lambda k: [sizes[d] for d in prober.derivation.dims]), dtype)
    values = {**drawn.values, **given}
    case = Case(regime, {d: sizes[d] for d in prober.derivation.dims})
    return replace(prober.at(case, precision(dtype), values, upstream), stated=True)


def _around_blocks(prober: Prober, dtype: str) -> Iterator[Point]:
    """One dimension after the other at the sizes of blocks, the others small; some with strided arrays."""
    dims = [d for d in prober.derivation.dims if isinstance(d, Symbol)]
    for k, d in enumerate(dims):
        others: Sequence[Any] = [o for o in dims if o != d]
        for size in sorted((*BLOCK_SIZES, *WHOLE_BLOCKS)):
            sizes = {str(d): size} | {str(o): BESIDE[(k + j) % len(BESIDE)] for j, o in enumerate(others)}
            sizes = {str(o): sizes[str(o)] for o in dims}
            yield replace(_at_sizes(prober, dtype, sizes), family=str(d))
    if dims:
        sizes = {str(d): s for d, s in zip(dims, (129, 33, 7, *BESIDE), strict=False)}
        words = ", ".join(f"{d} = {s}" for d, s in sizes.items())
        yield _at_sizes(prober, dtype, sizes, strided=True, name=f"{words}, non-contiguous")
