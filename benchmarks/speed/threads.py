"""How many threads a run uses: NumPy's, torch's and JAX's libraries ask the system or the environment for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def limited(count: int) -> Iterator[int]:
    """At most so many threads, on as many cores; gives the number of cores that there are. Earlier settings come back.

    It holds for libraries that are loaded inside it.
    """
    before = {name: os.environ.get(name) for name in VARIABLES}
    cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else list(range(os.cpu_count() or 1))
    try:
        os.environ.update(dict.fromkeys(VARIABLES, str(count)))
        if sys.platform == "linux":
            os.sched_setaffinity(0, cores[:count])
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(count)
        yield min(count, len(cores))
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        if sys.platform == "linux":
            os.sched_setaffinity(0, cores)
