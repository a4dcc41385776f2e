"""What the machine allows: bytes over the measured rate of copying, or operations over that of matrix products."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np

from .cases import Case


def typical(call: Callable[[], object], seconds: float = 0.2, least: int = 5) -> float:
    """The median time of a call within so many seconds, and at least so many calls."""
    found: list[float] = []
    start = perf_counter()
    while len(found) < least or perf_counter() - start < seconds:
        before = perf_counter()
        call()
        found.append(perf_counter() - before)
    return median(found)


@dataclass(frozen=True)
class Floor:
    """What no code for a case can be much faster than on this machine: a call, and how many of these the case takes."""

    call: Callable[[], object]
    share: float


def floor(case: Case, threads: int) -> Floor:
    """The longer of two: copying as many bytes as the case moves, and the operations of its matrix products."""
    copying = _copying(case.bytes, threads)
    if not case.operations:
        return copying
    multiplying = _multiplying(case.operations)
    return max(copying, multiplying, key=lambda f: typical(f.call) * f.share)


def _copying(moved: int, threads: int) -> Floor:
    """Copying an array where that moves this many bytes, by that many threads, or by one where that is faster."""
    size = max(1, moved // 8)  # a float32 is read and written
    source, target = np.ones(size, np.float32), np.ones(size, np.float32)
    repeats = max(1, 100_000 // size)  # a short copy is over before the clock has moved
    parts = [slice(k * size // threads, (k + 1) * size // threads) for k in range(threads)]
    pool = ThreadPoolExecutor(threads)

    def copy(at: slice = slice(None)) -> None:
        for _ in range(repeats):
            np.copyto(target[at], source[at])

    def copy_together() -> None:
        list(pool.map(copy, parts))

    return Floor(min((copy, copy_together), key=typical), moved / (8 * size * repeats))


def _multiplying(operations: int) -> Floor:
    """Products of float32 matrices, by the library of NumPy or by that of torch."""
    n = 1024
    a = np.ones((n, n), np.float32)
    calls: list[Callable[[], object]] = [lambda: a @ a]
    if "torch" in sys.modules:
        t = sys.modules["torch"].from_numpy(a)
        calls.append(lambda: t @ t)
    return Floor(min(calls, key=typical), operations / (2 * n**3))
