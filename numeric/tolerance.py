"""Error bounds that are derived, not chosen.

    bound = K · (movement + ε |exact| + smallest subnormal · m²)

ε is the unit of rounding of the dtype. movement is how far the exact answer moves when every input and every named
intermediate moves by ε (see :mod:`exact`). K counts roundings: a few for the elementwise functions of a formula (each
good to a few units), and one for each term of the longest sum on the way. m ≥ 1 is the size of the variable of an
elementwise function: an exponential that underflows loses up to a subnormal, and a polynomial may multiply that loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Symbol

from ..calculus.derivation import Definition
from ..calculus.sums import BoundSum, occurrences

#: Roundings granted to what surrounds the sums: elementwise functions are good to about 4 units, three may be chained.
ELEMENTWISE = 8

#: Exponentials underflow when their argument is at most this large; beyond it no product with them is left.
UNDERFLOW = 750.0

Array = np.ndarray[Any, Any]


def roundings(definitions: Mapping[str, Definition], name: str, sizes: Mapping[Symbol, int]) -> int:
    """K for one definition or result: a constant, plus the length of the longest sum in what it is computed from."""
    longest = 0
    seen: set[str] = set()
    stack = [name]
    while stack:
        current = stack.pop()
        if current in seen or current not in definitions:
            continue
        seen.add(current)
        body = definitions[current].body
        for total in occurrences(body, BoundSum):
            length = int(np.prod([int(k.dim.xreplace(dict(sizes))) for k in total.bound]))
            longest = max(longest, length)
        stack += [t.name for t in definitions[current].inputs()]
    return ELEMENTWISE + longest


def bound(exact: Array, movement: Array, dtype: np.dtype[Any], count: int, magnitude: Array | float = 1.0) -> Array:
    """The largest error allowed, entry by entry. exact and movement are float64.

    magnitude: how large the variable is that an underflowing factor may be multiplied with (twice at most).
    """
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        underflow = float(info.smallest_subnormal) * np.clip(magnitude, 1.0, UNDERFLOW) ** 2
        return np.asarray(count * (movement + float(info.eps) * np.abs(exact) + underflow))


def in_ulp(error: float, exact: float, dtype: np.dtype[Any]) -> float:
    """An error in units of the last place of the exact value, in a dtype."""
    info = np.finfo(dtype)
    magnitude = min(abs(exact), float(info.max) / 2) if np.isfinite(exact) else float(info.max) / 2
    return error / max(float(np.spacing(dtype.type(magnitude))), float(info.smallest_subnormal))
