"""Threads of compiled functions on Linux: one that is woken on its caller's core keeps off it; the caller stays."""

from __future__ import annotations

import os
import sys
from threading import Thread

import numpy as np
import pytest
from compiler_here import needs_compiler

import nnmath
from nnmath.numeric.native.compiler import load
from nnmath.numeric.native.module import HEADER, THREADS

pytestmark = [
    needs_compiler,
    pytest.mark.usefixtures("own_cache"),
    pytest.mark.skipif(sys.platform != "linux", reason="cores are chosen on Linux only"),
]

#: Where a thread may run after it found itself on this core: the core here is that of the thread, or another one.
CALLS = """
#ifdef _OPENMP
int nn_kept_off(int same) {
    cpu_set_t before, after;
    sched_getaffinity(0, sizeof before, &before);
    int core = sched_getcpu(), other = -1;
    for (int c = 0; c < CPU_SETSIZE; c++)
        if (CPU_ISSET(c, &before) && c != core)
            other = c;
    if (other < 0)
        return -1;
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(core, &here);
    sched_setaffinity(0, sizeof here, &here);
    nn_core = same ? core : other;
    nn_apart();
    sched_getaffinity(0, sizeof after, &after);
    sched_setaffinity(0, sizeof before, &before);
    return same ? !CPU_ISSET(core, &after) && CPU_ISSET(other, &after) : CPU_EQUAL(&here, &after);
}
#else
int nn_kept_off(int same) { return -1; }
#endif
"""


@pytest.mark.parametrize("same", (1, 0))
def test_a_thread_keeps_off_the_core_of_its_caller_only(same: int) -> None:
    library = load(HEADER + THREADS + CALLS)
    found: list[int] = []
    thread = Thread(target=lambda: found.append(library.nn_kept_off(same)))
    thread.start()
    thread.join()
    if found == [-1]:
        pytest.skip("one core, or no OpenMP")
    assert found == [1]


def test_the_caller_may_run_where_it_could_before() -> None:
    compiled = nnmath.compiled("rmsnorm")
    X, g = np.ones((300, 300), np.float32), np.ones(300, np.float32)
    before = os.sched_getaffinity(0)
    for _ in range(5):
        assert np.isfinite(compiled.rmsnorm_backward(X, g, X)[0]).all()
    assert os.sched_getaffinity(0) == before
