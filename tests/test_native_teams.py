"""Compiled loops that get fewer threads than they ask for: all rows are computed all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnmath.derivations import find
from nnmath.derivations.build import derive_entry
from nnmath.numeric.native.compiler import NoCompiler, compiler
from nnmath.numeric.native.module import assemble
from nnmath.numeric.plans import plans

#: Long enough for several threads: loops over rows, over entries, with sums over rows, and of products.
PROGRAM = """
import numpy as np
import nnmath

rng = np.random.default_rng(0)
for id, name, shapes in (
    ("softmax", "softmax", [(700, 90)]),
    ("silu", "silu", [(70000,)]),
    ("layernorm", "layernorm_backward", [(700, 90), (90,), (700, 90)]),
):
    module = nnmath.compiled(id)
    assert name not in module.notes, module.notes
    arrays = [rng.standard_normal(s, np.float32) for s in shapes]
    found, expected = getattr(module, name)(*arrays), module.numpy[name](*arrays)
    several = isinstance(found, tuple)
    for f, e in zip(found if several else (found,), expected if several else (expected,), strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-3, atol=1e-4)
"""

#: A caller with threads of its own: one of them calls the function.
CALLER = """
#include <stdio.h>
#include "module.c"
int main(void) {
    enum { n = 700, C = 90 };
    static float z[n * C], p[n * C];
    int wrong = 0;
    #pragma omp parallel num_threads(2)
    {
        #pragma omp single
        softmax_f32(n, C, z, p);
    }
    for (int i = 0; i < n * C; i++)
        wrong += fabsf(p[i] - 1.0f / C) > 1e-6f;
    printf("%d", wrong);
    return 0;
}
"""


def test_a_limit_on_threads_below_their_number_loses_no_rows() -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "2", "OMP_THREAD_LIMIT": "1"}
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]


def test_a_thread_of_the_caller_computes_all_rows(tmp_path: Path) -> None:
    try:
        path = compiler()
    except NoCompiler as error:
        pytest.skip(str(error))
    derivation = derive_entry(find("softmax").at())
    (tmp_path / "module.c").write_text(assemble(derivation, plans(derivation)).source)
    (tmp_path / "caller.c").write_text(CALLER)
    command = [path, "-std=gnu11", "-O1", "-w", "-fopenmp", "caller.c", "-o", "caller", "-lm"]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    if made.returncode and "omp" in made.stderr:
        pytest.skip("the compiler has no OpenMP")
    assert made.returncode == 0, made.stderr
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    assert subprocess.run([tmp_path / "caller"], env=environment, capture_output=True, text=True).stdout == "0"
