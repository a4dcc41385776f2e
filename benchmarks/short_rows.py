"""Rows that are shorter than a vector side by side, beside the same compiled text that takes them one by one.

Ratios of times side by side in one process, medians of several rounds, by one thread.
Run: python -m nnmath.benchmarks.short_rows
"""

from __future__ import annotations

from statistics import median
from time import perf_counter

import numpy as np

from ..numeric.native.calling import CompiledModule
from ..numeric.plans import plans
from ..page import derive

ROWS, LENGTHS = 1024, (2, 5, 10, 15, 17, 24, 31)
ROUNDS, CALLS = 15, 50


def main() -> None:
    derivation = derive("softmax-ce").derivation
    chosen = plans(derivation)
    modules = [
        CompiledModule(derivation, chosen, products=False, altered=altered)
        for altered in (str, lambda text: text.replace("#define NN_NARROW 128", "#define NN_NARROW 0"))
    ]
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        for length in LENGTHS:
            Z, Y = rng.normal(size=(ROWS, length)).astype(dtype), rng.dirichlet(np.ones(length), ROWS).astype(dtype)
            ratios = []
            for _ in range(ROUNDS):
                seconds = []
                for module in modules:
                    module.softmax_ce_gradient(Z, Y)
                    start = perf_counter()
                    for _ in range(CALLS):
                        module.softmax_ce_gradient(Z, Y)
                    seconds.append(perf_counter() - start)
                ratios.append(seconds[1] / seconds[0])
            print(f"{ROWS} rows of {length} in {np.dtype(dtype)}: {median(ratios):.1f} times as fast side by side")


if __name__ == "__main__":
    main()
