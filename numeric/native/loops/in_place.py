"""Arrays that a caller gives for the results of an update: they may be the arrays of the inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import may_share_memory

Array = np.ndarray[Any, Any]

#: Contiguous, aligned, writeable.
READY = 1 | 256 | 1024


def usable(out: Any, inputs: Sequence[Array], kind: np.dtype[Any], shape: tuple[int, ...], count: int) -> bool:
    """Whether C can write its results there: each array is one of the inputs, or overlaps none and no other result."""
    if type(out) is not tuple or len(out) != count:
        return False
    for at, o in enumerate(out):
        if type(o) is not np.ndarray or o.flags.num & READY != READY or o.dtype is not kind or o.shape != shape:
            return False
        if any(o is not a and may_share_memory(o, a) and o.ctypes.data != a.ctypes.data for a in inputs):
            return False
        if any(may_share_memory(o, other) for other in out[:at]):
            return False
    return True


def into(out: Any, found: Any, names: tuple[str, ...]) -> Any:
    """Results copied to the arrays of a caller; these. Raises ``TypeError``, ``ValueError`` where they do not fit."""
    results = found if len(names) > 1 else (found,)
    arrays = out if isinstance(out, tuple) else (out,)
    if len(arrays) != len(names):
        raise ValueError(f"out has {len(arrays)} arrays, expected {len(names)}: {', '.join(names)}")
    for name, o, result in zip(names, arrays, results, strict=True):
        if not isinstance(o, np.ndarray) or o.dtype != result.dtype or o.shape != result.shape:
            given = f"{o.dtype}{o.shape}" if isinstance(o, np.ndarray) else type(o).__name__
            raise TypeError(f"out for {name} is {given}, expected an array {result.dtype}{result.shape}")
    for o, result in zip(arrays, results, strict=True):
        o[...] = result
    return arrays if len(names) > 1 else arrays[0]
