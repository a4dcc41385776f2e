"""Printed C, which multiplies matrices itself, beside compiled functions whose matrices NumPy multiplies with its BLAS.

Ratios of times side by side in one process, medians of several rounds, with pauses in which the threads of the other
one stop waiting for work. Run: python -m nnmath.benchmarks.printed_products
"""

from __future__ import annotations

from statistics import median
from time import perf_counter, sleep

from ..numeric.native.calling import CompiledModule
from .speed.cases import CASES
from .speed.contestants import _called, _planned
from .speed.measure import inputs
from .speed.memory import keep

ROUNDS, CALLS = 9, 5


def main() -> None:
    keep()
    for id in ("mlp-64", "mlp-1024", "attention-8x256x64"):
        case = CASES[id]
        derivation, plan = _planned(case)
        calls = []
        for products in (False, True):
            module = CompiledModule(derivation, (plan,), products=products)
            calls.append(_called(getattr(module, plan.name), inputs(case)))
        ratios = []
        for _ in range(ROUNDS):
            seconds = []
            for call in calls:
                sleep(0.2)
                call()  # wakes the threads
                start = perf_counter()
                for _ in range(CALLS):
                    call()
                seconds.append(perf_counter() - start)
            ratios.append(seconds[0] / seconds[1])
        print(f"{id}: printed C takes {median(ratios):.2f} times as long as with BLAS")


if __name__ == "__main__":
    main()
