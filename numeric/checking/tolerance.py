"""Error bounds that are derived, not chosen.

    bound = K · (movement + ε |exact| + smallest subnormal · m²)

ε is the unit of rounding of the dtype. movement is how far the exact answer moves when every input and every named
intermediate moves by ε (see :mod:`exact`). K counts roundings: a few for the elementwise functions of a formula (each
good to a few units), and one for each term of the longest sum on the way. m ≥ 1 is the size of the variable of an
elementwise function: an exponential that underflows loses up to a subnormal, and a polynomial may multiply that loss.

In half precision ε is that of the dtype, since inputs, intermediates and results are rounded to it. Its sums, however,
are granted the roundings of float32 only, because every library and every sound kernel adds up in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Symbol

from ...calculus.derivation import Definition, behind
from ...calculus.sums import BoundSum, occurrences

#: Roundings granted to what surrounds the sums: elementwise functions are good to about 4 units, three may be chained.
ELEMENTWISE = 8

#: The same in half precision: functions are evaluated in float32 and rounded once, so six of them may be chained.
HALF_STEPS = 3

#: Exponentials underflow when their argument is at most this large; beyond it no product with them is left.
UNDERFLOW = 750.0

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Precision:
    """A floating-point dtype. eps: the distance from 1 to the next number; smallest: its smallest positive number.

    carrier: the NumPy dtype that holds its values here; that of bfloat16, which NumPy lacks, is float32.
    """

    name: str
    eps: float
    smallest: float
    max: float
    carrier: np.dtype[Any]

    @property
    def is_half(self) -> bool:
        return self.eps > SINGLE

    def rounded(self, values: Array) -> Array:
        """Real values as numbers of this dtype, in the carrier; other arrays as they are."""
        if values.dtype.kind != "f":
            return values
        with np.errstate(over="ignore", under="ignore"):
            found = values.astype(self.carrier, order="K")
        return _to_bfloat16(found) if self.name == "bfloat16" else found


SINGLE = float(np.finfo(np.float32).eps)


def precision(dtype: str | np.dtype[Any]) -> Precision:
    """The precision of a dtype by name: float64, float32, float16 or bfloat16."""
    name = dtype if isinstance(dtype, str) else dtype.name
    if name == "bfloat16":
        return Precision(name, 2.0**-7, 2.0**-133, float(np.float32(3.3895314e38)), np.dtype(np.float32))
    info = np.finfo(name)
    return Precision(name, float(info.eps), float(info.smallest_subnormal), float(info.max), np.dtype(name))


def _to_bfloat16(values: Array) -> Array:
    """float32 values rounded to bfloat16, to the nearest, ties to even."""
    bits = values.view(np.uint32)
    nearest = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    found = (nearest & np.uint32(0xFFFF0000)).view(np.float32)
    return np.asarray(np.where(np.isfinite(values), found, values))


def roundings(definitions: Mapping[str, Definition], name: str, sizes: Mapping[Symbol, int]) -> int:
    """K for one definition or result: a constant, plus the length of the longest sum in what it is computed from."""
    own = definitions.get(name)
    bodies = [d.body for d in (own, *behind([own], definitions))] if own is not None else []
    sums = [total.bound for body in bodies for total in occurrences(body, BoundSum)]
    lengths = (int(np.prod([int(k.dim.xreplace(dict(sizes))) for k in bound])) for bound in sums)
    return ELEMENTWISE + max(lengths, default=0)


def granted(count: float, dtype: Precision) -> float:
    """K in a dtype: of a half-precision sum, the roundings of float32, in units of the dtype's."""
    return HALF_STEPS + (count - ELEMENTWISE) * SINGLE / dtype.eps if dtype.is_half else count


def bound(
    exact: Array, movement: Array, dtype: Precision | np.dtype[Any], count: float, magnitude: Array | float = 1.0
) -> Array:
    """The largest error allowed, entry by entry. exact and movement are float64.

    magnitude: how large the variable is that an underflowing factor may be multiplied with (twice at most).
    """
    info = dtype if isinstance(dtype, Precision) else precision(dtype)
    with np.errstate(all="ignore"):
        return np.asarray(count * (movement + info.eps * np.abs(exact) + underflow(info, magnitude)))


def underflow(dtype: Precision | np.dtype[Any], magnitude: Array | float) -> Array | float:
    """What an exponential that underflows may lose, times the square of the variable; magnitude: as above."""
    info = dtype if isinstance(dtype, Precision) else precision(dtype)
    lost: Array | float = info.smallest * np.clip(magnitude, 1.0, UNDERFLOW) ** 2
    return lost


def in_ulp(error: float, exact: float, dtype: np.dtype[Any]) -> float:
    """An error in units of the last place of the exact value, in a dtype."""
    info = np.finfo(dtype)
    magnitude = min(abs(exact), float(info.max) / 2) if np.isfinite(exact) else float(info.max) / 2
    return error / max(float(np.spacing(dtype.type(magnitude))), float(info.smallest_subnormal))
