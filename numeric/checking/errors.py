"""Distances of computed numbers from exact ones, entry by entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from flint import arb

from .exact import as_floats

Array = np.ndarray[Any, Any]


def distance(values: Array, exact: Array) -> Array:
    """|value − exact| as floats: inf where a value is not finite but the exact one is, nan where that is undefined."""

    def one(x: float, y: Any) -> float:
        if not y.is_finite():
            return np.nan
        return abs(float((arb(x) - y).mid())) if np.isfinite(x) else np.inf

    flat = [one(float(x), y) for x, y in zip(np.ravel(values), exact.ravel(), strict=True)]
    return np.array(flat).reshape(exact.shape)


def beyond(exact: Array, dtype: np.dtype[Any]) -> bool:
    """Whether an exact value lies beyond the dtype's range: then infinity is the right answer there."""
    top = float(np.finfo(dtype).max)
    return any(ball.is_finite() and abs(ball) > top for ball in exact.ravel())


def error_of(values: Array, exact: Array, middle: Array, dtype: np.dtype[Any]) -> Array:
    """Distance from the exact value; zero where that lies beyond the dtype's range and the value is that infinity."""
    error = distance(np.asarray(values, dtype=float), exact)
    top = float(np.finfo(dtype).max)
    overflow = np.isinf(values) & (np.abs(middle) >= top) & (np.sign(values) == np.sign(middle))
    return np.where(overflow, 0.0, error)


def within(error: Array, allowed: Array) -> bool:
    """Whether every known error is allowed."""
    return bool(np.all((error <= allowed) | np.isnan(error)))


def in_range(exact: Sequence[Array], dtype: np.dtype[Any]) -> Array:
    """At which points every one of several exact values is within the range of a dtype."""
    top = float(np.finfo(dtype).max)
    return np.logical_and.reduce([~(np.abs(as_floats(values)) > top) for values in exact])
