"""What NumPy's elementwise operations cost, in nanoseconds for each entry: the source of numeric/costs.py.

Run ``python benchmarks/operation_costs.py``: arrays of 32768 float32 that stay in the cache, best sixth of 60 rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

ENTRIES, ROUNDS = 32768, 60


def operations() -> dict[str, Callable[[], Any]]:
    """By name; each writes into an array that is there already, where NumPy lets it."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, ENTRIES)).astype(np.float32)
    positive, out, positions = np.exp(-np.abs(x)), np.empty_like(x), x > 0
    unary = {name: getattr(np, name) for name in ("abs", "exp", "expm1", "tanh", "sign", "sqrt")}
    return {
        "product of two arrays": lambda: np.multiply(x, y, out=out),
        "product with a number": lambda: np.multiply(x, 0.5, out=out),
        "quotient": lambda: np.divide(x, positive, out=out),
        "reciprocal": lambda: np.reciprocal(positive, out=out),
        "log": lambda: np.log(positive, out=out),
        "log1p": lambda: np.log1p(positive, out=out),
        "clip": lambda: np.clip(x, -1.0, 1.0, out=out),
        "maximum with a number": lambda: np.maximum(x, 0.0, out=out),
        "maximum of two arrays": lambda: np.maximum(x, y, out=out),
        "comparison": lambda: np.greater(x, 0),
        "product with a truth value": lambda: np.multiply(positions, x, out=out),
        "where": lambda: np.where(positions, x, y),
        **{name: lambda f=f: f(positive if f is np.sqrt else x, out=out) for name, f in unary.items()},  # type: ignore[misc]
    }


def cost(operation: Callable[[], Any]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        operation()
        times.append(time.perf_counter() - start)
    return sorted(times)[ROUNDS // 6] / ENTRIES * 1e9


if __name__ == "__main__":
    for name, operation in operations().items():
        print(f"{name:28}{cost(operation):7.3f}")
