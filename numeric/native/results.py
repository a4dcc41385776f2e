"""Arrays for results: a long one of an earlier call that nobody holds any more is filled again.

Memory that is new to a process has to be cleared first, page by page; for a fast function that takes longer than the
function itself.
"""

from __future__ import annotations

import sys
import weakref
from collections import deque
from math import prod
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

#: Bytes of the shortest and of the longest array that is kept.
LEAST, MOST = 1 << 20, 1 << 28
#: Contiguous, aligned and writeable, as in ``ndarray.flags.num``.
USABLE = 1281


def _first(kept: deque[Any]) -> tuple[Any, int]:
    """The array kept longest, no longer kept, and how many references there are to it."""
    array = kept.popleft()
    return array, sys.getrefcount(array)


class Results:
    """Gives arrays for the results of one function. most: how many of its long results are kept."""

    def __init__(self, most: int) -> None:
        self.most = most if _counts() else 0
        self.kept: deque[Any] = deque()
        self.alone = _first(deque([np.empty(0)]))[1] if self.most else 0

    def empty(self, shape: tuple[int, ...], kind: np.dtype[Any]) -> Array:
        """An array of any content. It is new unless one of this shape and dtype is kept that nobody else refers to."""
        size = prod(shape) * kind.itemsize
        if not LEAST <= size <= MOST or not self.most:
            return np.empty(shape, kind)
        for _ in range(len(self.kept)):
            try:
                array, references = _first(self.kept)  # no other thread can find it now
            except IndexError:
                break
            free = references == self.alone and not weakref.getweakrefcount(array)
            if free and array.shape == shape and array.dtype is kind and array.flags.num & USABLE == USABLE:
                self.kept.append(array)
                return array  # type: ignore[no-any-return]
            if len(self.kept) < self.most:
                self.kept.append(array)
        made: Array = np.empty(shape, kind)
        while len(self.kept) >= self.most:
            try:
                self.kept.popleft()
            except IndexError:
                break
        self.kept.append(made)
        return made


def _counts() -> bool:
    """Whether this Python counts all references to an object, at any moment."""
    return hasattr(sys, "getrefcount") and getattr(sys, "_is_gil_enabled", lambda: True)()
