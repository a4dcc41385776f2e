"""What the machine allows: bytes over the measured rate of copying, or operations over that of matrix products."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from time import perf_counter

import numpy as np

from .cases import Case


def best(call: Callable[[], object], seconds: float = 0.2, least: int = 5) -> float:
    """The shortest time of a call within so many seconds, and at least so many calls."""
    found, start, calls = float("inf"), perf_counter(), 0
    while calls < least or perf_counter() - start < seconds:
        before = perf_counter()
        call()
        found = min(found, perf_counter() - before)
        calls += 1
    return found


@cache
def copy_rate(moved: int, threads: int) -> float:
    """Bytes per second, read and written, of copying an array where that moves this many bytes, by that many threads.

    One thread does it where more are slower, as they are for short arrays.
    """
    size = max(1, moved // 8)  # a float32 is read and written
    source, target = np.ones(size, np.float32), np.ones(size, np.float32)
    repeats = max(1, 100_000 // size)  # a short copy is over before the clock has moved

    def copy(at: slice = slice(None)) -> None:
        for _ in range(repeats):
            np.copyto(target[at], source[at])

    taken = best(copy)
    with ThreadPoolExecutor(threads) as pool:
        parts = [slice(k * size // threads, (k + 1) * size // threads) for k in range(threads)]
        taken = min(taken, best(lambda: list(pool.map(copy, parts))))
    return 8 * size * repeats / taken


@cache
def product_rate() -> float:
    """Floating-point operations per second of a product of float32 matrices, by the library of NumPy or of torch."""
    n = 1024
    a = np.ones((n, n), np.float32)
    taken = best(lambda: a @ a)
    if "torch" in sys.modules:
        t = sys.modules["torch"].from_numpy(a)
        taken = min(taken, best(lambda: t @ t))
    return 2 * n**3 / taken


def floor(case: Case, threads: int) -> float:
    """The seconds that no code for a case can be much below on this machine."""
    moving = case.bytes / copy_rate(case.bytes, threads)
    return max(moving, case.operations / product_rate() if case.operations else 0.0)
