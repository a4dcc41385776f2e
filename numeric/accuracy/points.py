"""Where a function of one variable is measured: numbers of a dtype over its whole finite range."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ...calculus.tensors import Domain
from .ulp import Format

Array = np.ndarray[Any, Any]

#: How many points are drawn of every family (of the first at least one in a binade), and in a thorough run how many
#: times as many.
LOG_UNIFORM, MODERATE, UNIFORM, SUBNORMAL, WINDOW = 1200, 1200, 1200, 60, 12
THOROUGH = 10

#: Binary exponents between which most of a function happens.
MODERATE_EXPONENTS = (-30.0, 12.0)


def points(format: Format, domain: Domain, around: Iterable[float] = (), *, thorough: bool = False) -> Array:
    """Numbers of the dtype in ascending order, without repetition (but for −0 and 0), within a domain.

    Log-uniform over the whole range and over the moderate one, both signs; uniform over the range in which exponentials
    of the argument are neither 0 nor infinite; subnormal numbers; both zeros, the smallest and the largest numbers;
    integers, halves and powers of two, each with its neighbours; and a dense window around each point of ``around``.
    """
    rng = np.random.default_rng(20)
    many = THOROUGH if thorough else 1
    lowest, highest = float(format.lowest), float(format.highest)
    reach = 1.25 * highest * float(np.log(2.0))
    counts = np.arange(0.0, 65.0, 0.5)
    powers = np.ldexp(1.0, np.arange(int(lowest), int(highest) + 1, 1 if thorough else 8))
    per_binade = max(LOG_UNIFORM, format.highest - format.lowest)
    positive = [
        np.exp2(_even(rng, lowest, highest, per_binade * many)),
        np.exp2(_even(rng, *MODERATE_EXPONENTS, MODERATE * many)),
        np.exp2(_even(rng, lowest - format.digits + 1, lowest, SUBNORMAL * many)),
        _even(rng, 0.0, reach, UNIFORM * many),
        with_neighbours(counts, format, 1),
        with_neighbours(powers, format, 1),
        with_neighbours([0.0, format.smallest_normal, format.largest], format, 2),
    ]
    both = np.concatenate([*positive, *(-p for p in positive), *(window(r, format, rng, many) for r in around)])
    with np.errstate(all="ignore"):
        found = np.unique(both.astype(format.dtype))
    found = found[np.isfinite(found)]
    at = int(np.searchsorted(found, 0.0))
    found[at] = 0.0
    found = np.insert(found, at, -0.0)  # equal to 0, but not the same to a division or a sign
    return np.asarray(found[within(domain)(found)])


def within(domain: Domain) -> Callable[[Array], Array]:
    """The test whether numbers lie in a domain."""
    if domain.unit:
        return lambda x: (x > 0) & (x < 1)
    if domain.positive:
        return lambda x: x > 0
    if domain.nonnegative:
        return lambda x: x >= 0
    return lambda x: np.ones(x.shape, dtype=bool)


def _even(rng: np.random.Generator, low: float, high: float, count: int) -> Array:
    """One random number in each of ``count`` equal parts of an interval."""
    return np.asarray(low + (high - low) * (np.arange(count) + rng.uniform(size=count)) / count)


def window(center: float, format: Format, rng: np.random.Generator, many: int = 1) -> Array:
    """Points around a number at every scale of distance, from three units up to the number itself."""
    scale = abs(center) or 1.0
    exponents = np.repeat(np.arange(-format.digits + 2, 0), WINDOW * many) + rng.uniform(
        size=(format.digits - 2) * WINDOW * many
    )
    distance = scale * np.exp2(exponents)
    return np.concatenate([center - distance, center + distance, with_neighbours([center], format, 3)])


def with_neighbours(numbers: Sequence[float] | Array, format: Format, count: int) -> Array:
    """The nearest numbers of the dtype, each with its ``count`` neighbours on either side, as float64."""
    with np.errstate(over="ignore"):
        center = np.asarray(numbers, dtype=format.dtype)
    found = [center]
    for direction in (-np.inf, np.inf):
        last = center
        for _ in range(count):
            with np.errstate(all="ignore"):
                last = np.nextafter(last, format.dtype.type(direction))
            found.append(last)
    return np.concatenate(found).astype(np.float64)


def to_ordinal(x: float, format: Format) -> int:
    """The position of a number among all of its dtype: neighbours differ by 1, and both zeros are 0."""
    kind = np.int32 if format.digits == 24 else np.int64
    bits = int(np.asarray(abs(x), dtype=format.dtype).view(kind))
    return -bits if x < 0 else bits


def from_ordinal(position: int, format: Format) -> float:
    """The number at a position."""
    kind = np.int32 if format.digits == 24 else np.int64
    size = float(np.asarray(abs(position), dtype=kind).view(format.dtype))
    return -size if position < 0 else size
