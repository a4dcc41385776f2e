"""Errors in units of the last place (ULP): of results in a floating-point dtype against exact values given as balls.

The unit belongs to the exact value y: 2^(max(⌊log₂|y|⌋, e) − p + 1), with p digits and the smallest normal number 2^e.
So below the smallest normal number it is the spacing of the subnormal numbers, and a correctly rounded result is at
most half a unit off. A result beyond the largest number must be that number or the infinity of its sign.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, ldexp
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

#: A ball must be this many bits narrower than a unit of its value.
SPARE_BITS = 20


@dataclass(frozen=True)
class Format:
    """A binary floating-point format: digits, and the exponents of its smallest normal and largest numbers."""

    dtype: np.dtype[Any]
    digits: int
    lowest: int
    highest: int

    @property
    def eps(self) -> float:
        return ldexp(1.0, 1 - self.digits)

    @property
    def largest(self) -> float:
        return float(np.finfo(self.dtype).max)

    @property
    def smallest_normal(self) -> float:
        return ldexp(1.0, self.lowest)

    @property
    def smallest(self) -> float:
        """The smallest positive number, which is subnormal."""
        return ldexp(1.0, self.lowest - self.digits + 1)


FORMATS = {
    "float32": Format(np.dtype(np.float32), 24, -126, 127),
    "float64": Format(np.dtype(np.float64), 53, -1022, 1023),
}


def format_of(dtype: str | np.dtype[Any]) -> Format:
    """The format of a dtype by name. Raises ``ValueError`` for one that is not measured."""
    name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    if name not in FORMATS:
        raise ValueError(f"dtype is {name!r}; accuracy is measured in {' and '.join(FORMATS)}")
    return FORMATS[name]


@dataclass(frozen=True)
class ExactValues:
    """Exact real numbers: the nearest number of the format, the rest in units, and the exponent of the unit.

    nearest: float64, ``nan`` where the exact value is not defined; never infinite. rest: (exact − nearest)/unit,
    between −½ and ½ unless the value is beyond the largest number.
    """

    format: Format
    nearest: Array
    rest: Array
    exponent: Array

    @property
    def defined(self) -> Array:
        return ~np.isnan(self.nearest)

    @property
    def beyond(self) -> Array:
        """Where the exact value is larger, in size, than every number of the format."""
        at_end = np.abs(self.nearest) == self.format.largest
        return at_end & (self.rest * np.sign(self.nearest) > 0)

    def __getitem__(self, at: Any) -> ExactValues:
        return ExactValues(self.format, self.nearest[at], self.rest[at], self.exponent[at])

    def errors(self, got: Array) -> Array:
        """How far results are off, in ULP: float64, ``inf`` for NaN or a wrong infinity, ``nan`` where undefined."""
        got = np.asarray(got, dtype=np.float64)
        with np.errstate(all="ignore"):
            off = np.abs(np.ldexp(got - self.nearest, -self.exponent) - self.rest)
        off = np.where(np.isfinite(got), off, inf)
        right = self.beyond & np.isinf(got) & (np.sign(got) == np.sign(self.nearest))
        off = np.where(right, 0.0, off)
        return np.asarray(np.where(self.defined, off, np.nan))


def exact_values(balls: Array | Iterable[Any], format: Format) -> ExactValues:
    """Exact values from balls that are narrow enough (:func:`rounded`); any other, and None, is taken as undefined.

    Of an array of balls it keeps the shape.
    """
    shape = balls.shape if isinstance(balls, np.ndarray) else None
    entries = balls.ravel() if isinstance(balls, np.ndarray) else balls
    found = [(None if ball is None else rounded(ball, format)) or (np.nan, 0.0, 0) for ball in entries]
    columns = list(zip(*found, strict=True)) or [(), (), ()]
    types = (np.float64, np.float64, np.int64)
    nearest, rest, exponent = (np.array(c, dtype=t) for c, t in zip(columns, types, strict=True))
    if shape is None:
        return ExactValues(format, nearest, rest, exponent)
    return ExactValues(format, nearest.reshape(shape), rest.reshape(shape), exponent.reshape(shape))


def rounded(ball: Any, format: Format) -> tuple[float, float, int] | None:
    """The number nearest to a ball, the rest in units, the exponent of the unit; None where the ball is too wide."""
    if not ball.is_finite():
        return None
    mantissa, power = (int(k) for k in ball.mid().man_exp())
    top = mantissa.bit_length() + power - 1 if mantissa else format.lowest
    unit = max(top, format.lowest) - format.digits + 1
    width, width_power = (int(k) for k in ball.rad().man_exp())
    if width and width.bit_length() + width_power > unit - SPARE_BITS:
        return None
    unit = min(unit, format.highest - format.digits + 1)
    if top > format.highest + 1:
        return (format.largest if mantissa > 0 else -format.largest), (inf if mantissa > 0 else -inf), unit
    return _nearest(mantissa, power, unit, format)


def _nearest(mantissa: int, power: int, unit: int, format: Format) -> tuple[float, float, int]:
    """mantissa · 2^power, rounded to a multiple of 2^unit, ties to even; not beyond the largest number."""
    shift = unit - power
    if shift <= 0:
        whole, rest = mantissa << -shift, 0.0
    elif mantissa.bit_length() < shift - 64:
        whole, rest = 0, 0.0  # below 2^−64 units
    else:
        whole, left = divmod(mantissa, 1 << shift)
        half = 1 << (shift - 1)
        if left > half or (left == half and whole & 1):
            whole, left = whole + 1, left - (1 << shift)
        rest = left / (1 << shift)
    last = (1 << format.digits) - 1
    if unit == format.highest - format.digits + 1 and abs(whole) > last:
        sign = 1 if whole > 0 else -1
        rest, whole = float(whole - sign * last) + rest, sign * last
    return ldexp(float(whole), unit), rest, unit
