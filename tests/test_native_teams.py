"""Compiled functions that make all of their matrix products themselves, with all threads."""

from __future__ import annotations

import ctypes
import os
import re
from typing import Any

import numpy as np
import pytest
from compiler_here import needs_compiler
from test_native_stacks import arrays, assert_within_arrays, called, derived, function, run

from nnmath.numeric.native.calling import CompiledModule
from nnmath.numeric.native.checkable import in_threads, refused
from nnmath.numeric.native.matrices.team_products import DECISION
from nnmath.numeric.native.module import write

pytestmark = [needs_compiler, pytest.mark.usefixtures("own_cache")]

#: Arrays, definitions, and what is differentiated by (nothing: the value alone).
MADE: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "two layers": (
        "X: b d\nW: d h\nc: h\nU: h m\nT: b m",
        """H[i, j] = tanh(sum(X[i, e]*W[e, j] for e in d) + c[j])
        Z[i, j] = sum(H[i, e]*U[e, j] for e in h)
        P = softmax(Z)
        L = -sum(T[i, j]*log(P[i, j]) for i in b for j in m)/b""",
        ("dL/dW", "dL/dc", "dL/dU"),
    ),
    "both lie the other way": (
        "X: d b\nW: m d\ndY: b m",
        "Y[i, j] = tanh(sum(X[e, i]*W[j, e] for e in d))\nL = upstream(dY, Y)",
        ("dL/dX", "dL/dW"),
    ),
    "a softmax over a stack": (
        "X: n b d\nW: n d m\ndY: n b m",
        """Z[a, i, j] = sum(X[a, i, e]*W[a, e, j] for e in d)
        Y[a, i, j] = exp(Z[a, i, j])/sum(exp(Z[c, i, j]) for c in n)
        L = upstream(dY, Y)""",
        ("dL/dX",),
    ),
    "products alone": (
        "X: b d\nW: d m\ndY: b m",
        "Y[i, j] = sum(X[i, e]*W[e, j] for e in d)\nL = upstream(dY, Y)",
        ("dL/dX", "dL/dW"),
    ),
}
#: All distinct, equal, one; whole tiles, one row beyond, few rows and columns, narrow results; some blocks of terms,
#: more columns than panels hold, more terms than have panels at a time, and these for a single row of tiles.
SIZES = [
    dict(b=5, d=7, h=11, m=6, n=3),
    dict(b=4, d=4, h=4, m=4, n=4),
    dict(b=1, d=1, h=1, m=1, n=1),
    dict(b=28, d=32, h=64, m=32, n=2),
    dict(b=29, d=33, h=65, m=17, n=2),
    dict(b=3, d=40, h=2, m=90, n=1),
    dict(b=90, d=3, h=70, m=3, n=2),
    dict(b=400, d=12, h=90, m=10, n=1),
    dict(b=60, d=900, h=40, m=50, n=1),
    dict(b=17, d=10, h=2100, m=2100, n=1),
    dict(b=31, d=2600, h=40, m=203, n=1),
    dict(b=2600, d=43, h=45, m=33, n=1),
    dict(b=4500, d=10, h=70, m=9, n=1),
]


def teams(source: str) -> str:
    """The C text in which products are made here whatever the machine has."""
    text = "#if defined __AVX512F__\n    return 1;"
    assert text in source and text in DECISION
    return source.replace(text, "#if 1\n    return 1;")


def counted(source: str) -> str:
    """The C text that counts the calls which are answered so."""
    text = re.sub(r"(    nn_alone = 1;\n)", r"\1    nn_made++;\n", teams(source))
    assert text.count("nn_made++") == 2  # floats and doubles
    return text.replace("/* How many threads get", "int nn_made = 0;\n/* How many threads get", 1)


@pytest.fixture(scope="module", params=MADE)
def made(request: pytest.FixtureRequest, own_cache: None) -> tuple[str, CompiledModule]:
    given, define, wanted = MADE[request.param]
    d, plan = derived(given, define, wanted)
    (driver,) = write(d, [plan], products=True).drivers
    assert [s.axes for s in driver.stacks] == [()]
    return given, CompiledModule(d, [plan], altered=counted, elsewhere=refused)


@pytest.mark.parametrize("sizes", SIZES, ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_teams_give_what_numpy_gives(made: Any, sizes: dict[str, int], dtype: Any) -> None:
    given, module = made
    total = ctypes.c_int.in_dll(module.library, "nn_made")
    values = arrays(given, sizes, dtype)
    exact = called(module, module.numpy[module.functions[0]], given, [v.astype(np.float64) for v in values])
    for call in (function(module), in_threads(function(module), module)):
        before = total.value
        found = called(module, call, given, values)
        assert total.value == before + 1
        for f, e in zip(found, exact, strict=True):
            assert f.dtype == dtype and f.shape == e.shape
            near = 4e-6 if dtype is np.float32 else 1e-14
            np.testing.assert_allclose(f, e, rtol=near * 10, atol=near * np.abs(e).max() * sizes["d"] ** 0.5)


@pytest.mark.parametrize("value", (np.inf, np.nan))
def test_infinities_and_nan_go_where_they_do_in_numpy(made: Any, value: float) -> None:
    given, module = made
    values = arrays(given, SIZES[4], np.float32)
    values[0][(0, *(1 for _ in values[0].shape[1:]))] = value
    with np.errstate(invalid="ignore"):
        found = called(module, function(module), given, values)
        expected = called(module, module.numpy[module.functions[0]], given, values)
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.isnan(f), np.isnan(e))
        np.testing.assert_array_equal(np.isinf(f), np.isinf(e))


def layers(altered: Any) -> tuple[str, CompiledModule]:
    given, define, wanted = MADE["two layers"]
    d, plan = derived(given, define, wanted)
    return given, CompiledModule(d, [plan], altered=altered)


def test_products_are_left_to_numpy_where_vectors_are_short(own_cache: None) -> None:
    given, module = layers(lambda s: counted(s).replace("#if 1\n    return 1;", "#if 0\n    return 1;"))
    values = arrays(given, SIZES[3], np.float64)
    found = called(module, function(module), given, values)
    for f, e in zip(found, called(module, module.numpy[module.functions[0]], given, values), strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-12, atol=1e-13)
    assert ctypes.c_int.in_dll(module.library, "nn_made").value == 0


def test_memory_that_runs_out(own_cache: None) -> None:
    def short(source: str) -> str:
        text = teams(source).replace("float *const memory = aligned_alloc", "float *const memory = none")
        assert text != teams(source)
        return text.replace("/* How many", "static void *none(size_t a, size_t b) { return NULL; }\n/* How many", 1)

    given, module = layers(short)
    with pytest.raises(MemoryError):
        called(module, function(module), given, arrays(given, SIZES[0], np.float32))


@pytest.mark.parametrize("name", ("two layers", "both lie the other way"))
def test_arrays_are_not_overrun(name: str) -> None:
    given, define, wanted = MADE[name]
    d, plan = derived(given, define, wanted)
    sizes = [s for s in SIZES if s["h"] < 2000]
    assert_within_arrays(write(d, [plan], products=True), f"{plan.name}_team_f32", given, sizes, teams)


FORKED = """
import os
import numpy as np
from test_native_stacks import arrays, called, derived, function
from test_native_teams import MADE, teams
from nnmath.numeric.native.calling import CompiledModule
given, define, wanted = MADE["two layers"]
d, plan = derived(given, define, wanted)
module = CompiledModule(d, [plan], altered=teams)
values = arrays(given, dict(b=300, d=90, h=120, m=40), np.float64)
exact = called(module, module.numpy[plan.name], given, values)
def right():
    for f, e in zip(called(module, function(module), given, values), exact, strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-11, atol=1e-12)
right()
child = os.fork()
if not child:
    right()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
right()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("threads", (1, 2, 5))
def test_processes_that_fork(threads: int) -> None:
    run(FORKED, OMP_NUM_THREADS=str(threads))
