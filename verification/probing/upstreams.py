"""The same numbers in other memory layouts: what autograd hands to a backward pass in practice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..subjects.protocol import Array


def layouts(a: Array) -> Iterator[tuple[str, Array]]:
    """Views that hold the entries of an array: transposed, sliced, reversed. Scalars have only one layout."""
    if a.ndim == 0:
        return
    if a.ndim >= 2:
        yield "transposed", np.ascontiguousarray(a.T).T
    wide = np.full((*a.shape[:-1], 2 * a.shape[-1]), 7, dtype=a.dtype)
    wide[..., ::2] = a
    yield "sliced", wide[..., ::2]


def stride_zero(a: Array) -> Iterator[tuple[str, Array]]:
    """Broadcast views, as the backward pass of a sum hands them on: they hold other numbers than the array."""
    for axis in range(min(a.ndim, 2)):
        one: Any = np.ascontiguousarray(a.take([0], axis=axis))
        strides = tuple(0 if k == axis else s for k, s in enumerate(one.strides))
        yield f"stride-0 (broadcast along axis {axis})", np.lib.stride_tricks.as_strided(one, a.shape, strides)
