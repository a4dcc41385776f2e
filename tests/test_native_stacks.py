"""Compiled functions that go through stacks of matrices slice by slice, and those that must not."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from compiler_here import needs_compiler
from test_native_matrices import sanitized

from nnmath.derivations.build import derive_entry
from nnmath.derivations.entry import Entry
from nnmath.numeric.joint import joint
from nnmath.numeric.native.calling import CompiledModule
from nnmath.numeric.native.checkable import in_threads, refused
from nnmath.numeric.native.loops.accumulate import accumulation
from nnmath.numeric.native.loops.kernels import Target
from nnmath.numeric.native.matrices.slices import Entangled, kernel_accesses, results
from nnmath.numeric.native.matrices.steps import Driver
from nnmath.numeric.native.module import CModule, write
from nnmath.numeric.native.scalars import Scalar, load
from nnmath.numeric.plans import plans

pytestmark = [needs_compiler, pytest.mark.usefixtures("own_cache")]

#: Arrays, definitions, what is differentiated by (nothing: the value alone), and the leading axes that are slices.
SLICED: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...]]] = {
    "attention": (
        "Q: b n d\nK: b m d\nV: b m v\ndO: b n v",
        """S[a, i, j] = sum(Q[a, i, e]*K[a, j, e] for e in d)/sqrt(d)
        P = softmax(S)
        O[a, i, e] = sum(P[a, i, j]*V[a, j, e] for j in m)
        L = upstream(dO, O)""",
        ("dL/dQ", "dL/dK", "dL/dV"),
        ("b",),
    ),
    "two axes, one of them in a bias, a shared mask": (
        "Q: b h n d\nK: b h m d\nB: h n\nM: n m\ndO: b h n m",
        """S[a, c, i, j] = tanh(M[i, j] + B[c, i] + sum(Q[a, c, i, e]*K[a, c, j, e] for e in d))
        L = upstream(dO, S)""",
        ("dL/dQ", "dL/dK"),
        ("b", "h"),
    ),
    "heads of a batch, keys of heads": (
        "Q: b h n d\nK: h m d\ndO: b h n m",
        """S[a, c, i, j] = tanh(sum(Q[a, c, i, e]*K[c, j, e] for e in d))
        L = upstream(dO, S)""",
        (),
        ("b", "h"),
    ),
    "heads inside": (
        "Q: b n h d\nK: b m h d\ndO: b h n m",
        """S[a, c, i, j] = tanh(sum(Q[a, i, c, e]*K[a, j, c, e] for e in d))
        L = upstream(dO, S)""",
        ("dL/dQ",),
        ("b",),
    ),
    "shared weights": (
        "X: b n d\nW: d m\ndY: b n m",
        """Y[a, i, j] = sin(sum(X[a, i, e]*W[e, j] for e in d))
        L = upstream(dY, Y)""",
        ("dL/dX",),
        ("b",),
    ),
}
#: What Z, a product of slices, is part of where slices depend on each other, or steps have none.
ENTANGLED = {
    "a sum over the stack": ("dY: n m", "Y[i, j] = sum(tanh(Z[a, i, j]) for a in b)"),
    "a softmax over the stack": ("dY: b n m", "Y[a, i, j] = exp(Z[a, i, j])/sum(exp(Z[c, i, j]) for c in b)"),
    "the length of the stack": ("dY: b n m", "Y[a, i, j] = tanh(Z[a, i, j]/b)"),
    "the number of a slice": ("dY: b n m", "Y[a, i, j] = tanh(Z[a, i, j])*indicator(a <= j)"),
    "the stack behind": ("C: n b\ndY: b n m", "Y[a, i, j] = tanh(Z[a, i, j])*C[i, a]"),
    "a diagonal": ("T: b b\ndY: b n m", "Y[a, i, j] = tanh(Z[a, i, j])*T[a, a]"),
    "rows of all slices": ("C: b m\ndY: b n m", "Y[a, i, j] = tanh(Z[a, i, j] + sum(C[c, j] for c in b))"),
    "as many copies as slices": ("dY: b n b", "Y[a, i, c: b] = sum(tanh(Z[a, i, j]) for j in m)"),
    "a product of what is shared": (
        "U: n k\nR: k m\ndY: b n m",
        "Y[a, i, j] = tanh(Z[a, i, j] + sum(U[i, c]*R[c, j] for c in k))",
    ),
    "another stack": (
        "U: h n k\nR: h k m\ndY: b h n m",
        "Y[a, q, i, j] = tanh(Z[a, i, j] + sum(U[q, i, c]*R[q, c, j] for c in k))",
    ),
    "an array of what is shared": ("U: m k\ndY: b n k", "Y[a, i, j] = sum(Z[a, i, c]*tanh(U[c, j]) for c in m)"),
    "chosen slices": ("y: h int<b\ndY: h n m", "Y[q, i, j] = tanh(Z[y[q], i, j])"),
}
#: Lengths by dimension: all distinct, equal, one, whole tiles, one beyond, few rows and columns, blocks of terms.
SIZES = [
    dict(b=3, h=2, n=5, d=7, m=11, v=4, k=6),
    dict(b=4, h=4, n=4, d=4, m=4, v=4),
    dict(b=1, h=1, n=1, d=1, m=1, v=1),
    dict(b=2, h=3, n=28, d=16, m=64, v=32),
    dict(b=5, h=1, n=29, d=33, m=65, v=17),
    dict(b=2, h=2, n=3, d=40, m=2, v=90),
    dict(b=2, h=2, n=90, d=3, m=70, v=1),
    dict(b=1, h=2, n=21, d=600, m=300, v=40),
    dict(b=70, h=2, n=6, d=5, m=9, v=8),
]


def derived(given: str, define: str, wanted: tuple[str, ...]) -> Any:
    by = wanted or (f"dL/d{given.split(':')[0]}",)
    entry = Entry(id="stack", title="A stack", given=given, define=define, wanted=by)
    d = derive_entry(entry)
    return joint(d) if wanted else (d, plans(d)[0])


def decided(source: str) -> str:
    """The C text in which nothing but the length of a slice decides whether slices pay."""
    head = re.compile(r"(static inline int nn_in_slices\(.*\) \{\n)")
    return head.sub(r"\1    return bytes <= nn_slice_bytes;\n", source)


@contextmanager
def longest_slice(module: CompiledModule, length: float) -> Iterator[None]:
    """Slices of more bytes are left to NumPy and the stages between its products."""
    assert module.library is not None
    limit = ctypes.c_double.in_dll(module.library, "nn_slice_bytes")
    before, limit.value = limit.value, length
    yield
    limit.value = before


def function(module: CompiledModule) -> Any:
    assert not module.notes, module.notes
    return getattr(module, module.functions[0])


@pytest.fixture(scope="module", params=SLICED)
def sliced(request: pytest.FixtureRequest, own_cache: None) -> tuple[str, CompiledModule]:
    given, define, wanted, axes = SLICED[request.param]
    d, plan = derived(given, define, wanted)
    (driver,) = write(d, [plan], products=True).drivers
    assert [s.axes for s in driver.stacks] == [axes, ()]
    return given, CompiledModule(d, [plan], altered=decided, elsewhere=refused)


def arrays(given: str, sizes: dict[str, int], dtype: Any, seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    shapes = [[sizes[c] for c in line.split(":")[1].split()] for line in given.splitlines()]
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def called(module: CompiledModule, f: Any, given: str, values: list[Any]) -> tuple[Any, ...]:
    by_name = dict(zip((line.split(":")[0] for line in given.splitlines()), values, strict=True))
    wanted = module.described[0].arguments
    found = f(**{n: by_name[n] for n in wanted})
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("sizes", SIZES, ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_slices_give_what_numpy_gives(sliced: Any, sizes: dict[str, int], dtype: Any) -> None:
    given, module = sliced
    values = arrays(given, sizes, dtype)
    exact = called(module, module.numpy[module.functions[0]], given, [v.astype(np.float64) for v in values])
    with longest_slice(module, -1):
        beside = called(module, function(module), given, values)
    for call in (function(module), in_threads(function(module), module)):
        found = called(module, call, given, values)
        for f, e, g in zip(found, exact, beside, strict=True):
            assert f.dtype == dtype and f.shape == e.shape == g.shape
            near = 4e-6 if dtype is np.float32 else 1e-14
            np.testing.assert_allclose(f, e, rtol=near * 10, atol=near * np.abs(e).max() * sizes["d"] ** 0.5)


def test_strided_arrays(sliced: Any) -> None:
    given, module = sliced
    values = arrays(given, SIZES[0], np.float64)
    expected = called(module, function(module), given, values)
    for changed in (
        [np.asfortranarray(v) for v in values],
        [np.repeat(v, 2, axis=-1)[..., ::2] for v in values],
    ):
        found = called(module, function(module), given, changed)
        for f, e in zip(found, expected, strict=True):
            np.testing.assert_array_equal(f, e)


@pytest.mark.parametrize("value", (np.inf, np.nan))
def test_infinities_and_nan_stay_in_their_slices(sliced: Any, value: float) -> None:
    given, module = sliced
    values = arrays(given, SIZES[3], np.float32)
    values[0][(1, *(0 for _ in values[0].shape[1:]))] = value
    with np.errstate(invalid="ignore"):
        found = called(module, function(module), given, values)
        with longest_slice(module, -1):
            expected = called(module, function(module), given, values)
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.isfinite(f), np.isfinite(e))
        np.testing.assert_array_equal(np.isnan(f), np.isnan(e))
        assert np.isfinite(f[0]).all()


@pytest.mark.parametrize("name", ("attention", "heads inside"))
def test_arrays_are_not_overrun(name: str) -> None:
    """Under the sanitizer of addresses every size is read and written within its arrays."""
    given, define, wanted, _ = SLICED[name]
    d, plan = derived(given, define, wanted)
    assert_within_arrays(write(d, [plan], products=True), f"{plan.name}_stack_f32", given, SIZES, decided)


def assert_within_arrays(
    module: CModule, called: str, given: str, every: Sequence[dict[str, int]], altered: Callable[[str], str]
) -> None:
    """The C function is compiled with the sanitizers of addresses and of undefined behaviour, and called."""
    shapes: dict[str, Any] = {line.split(":")[0]: line.split(":")[1].split() for line in given.splitlines()}
    shapes |= {n: shape for s in module.drivers[0].stacks[0].steps for n, shape in results(s)}
    head = re.search(rf"int {called}\(([^)]*)\)", module.source)
    assert head
    arguments = [(part.split()[-1].lstrip("*"), "*" in part) for part in head.group(1).split(",")]
    calls = ""
    for sizes in every:
        passed = [n if array else str(sizes[n]) for n, array in arguments]
        made = [n for n, array in arguments if array]
        lines = [f"float *{n} = calloc({' * '.join(str(sizes[c]) for c in shapes[n]) or '1'}, 4);" for n in made]
        lines += [f"if ({called}({', '.join(passed)})) return 1;", *(f"free({n});" for n in made)]
        calls += "    { " + " ".join(lines) + " }\n"
    said = sanitized(f"{altered(module.source)}\nint main(void)\n{{\n{calls}    return 0;\n}}\n")
    if "sanitize" in said and "unrecognized" in said:
        pytest.skip("the compiler has no sanitizer")
    assert said == ""


def entangled(name: str) -> list[Driver]:
    """The value, its gradient, and both in one function."""
    more, define = ENTANGLED[name]
    define = f"Z[a, i, j] = sum(X[a, i, e]*W[a, e, j] for e in d)\n{define}\nL = upstream(dY, Y)"
    d, plan = derived(f"X: b n d\nW: b d m\n{more}", define, ("dL/dX",))
    drivers = write(d, [*plans(d), plan], products=True).drivers
    assert len(drivers) == 3
    return list(drivers)


@pytest.mark.parametrize("name", ENTANGLED)
def test_slices_that_need_each_other_are_not_taken_apart(name: str) -> None:
    assert not any(stack.axes for driver in entangled(name) for stack in driver.stacks)


def test_sums_that_are_scattered_over_slices_are_not_taken_apart() -> None:
    values, places = (load(name, ("h",), ("h",)) for name in ("x", "y"))
    put = Scalar("put", (values, places), (("b",), ("b",)), frozenset({"b"}), ("h",))
    with pytest.raises(Entangled):
        list(kernel_accesses(accumulation(Target("z", put, ("b",)), frozenset()), ("b",)))


@pytest.fixture(scope="module")
def attention(own_cache: None) -> tuple[str, Any]:
    given, define, wanted, _ = SLICED["attention"]
    return given, derived(given, define, wanted)


def counted(source: str) -> str:
    """The C text that counts calls which are answered slice by slice."""
    text = re.sub(r"(    ptrdiff_t next = 0;\n)", r"\1    nn_sliced++;\n", source)
    assert text.count("nn_sliced++") == 2  # floats and doubles
    return text.replace("/* How many threads get", "int nn_sliced = 0;\n/* How many threads get", 1)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="threads are counted elsewhere")
def test_slices_are_made_where_they_pay(attention: Any) -> None:
    given, (d, plan) = attention
    vectors = "#if defined __AVX512F__ || defined __AVX2__ && defined __FMA__\n    return"
    module = CompiledModule(d, [plan], altered=lambda s: counted(s.replace(vectors, "#if 1\n    return")))
    assert module.library is not None
    total = ctypes.c_int.in_dll(module.library, "nn_sliced")

    def slices(sizes: dict[str, int], call: Any) -> bool:
        before, values = total.value, arrays(given, sizes, np.float32)
        found = called(module, call, given, values)
        exact = called(module, module.numpy[plan.name], given, [v.astype(np.float64) for v in values])
        for f, e in zip(found, exact, strict=True):
            np.testing.assert_allclose(f, e, rtol=1e-4, atol=1e-5)
        return total.value > before

    call = function(module)
    small, threads = dict(SIZES[0], b=1), in_threads(call, module)  # three threads
    assert slices(small, call)
    for stack, pays in ((1, False), (2, False), (3, True), (4, False), (5, True), (6, True), (7, True)):
        assert slices(dict(small, b=stack), threads) is pays, stack
    with longest_slice(module, 1000.0):
        assert not slices(small, call)
    assert slices(small, call)


@pytest.mark.parametrize(
    "text",
    ("float *const memory = aligned_alloc(64, (size_t)(threads * each)", "double *const scratch = aligned_alloc(64, "),
    ids=("of slices", "of a stage"),
)
def test_memory_that_runs_out(attention: Any, text: str) -> None:
    given, (d, plan) = attention

    def short(source: str) -> str:
        assert text in source
        source = decided(source).replace(text, text.replace("aligned_alloc", "none"))
        return source.replace("/* How many", "static void *none(size_t a, size_t b) { return NULL; }\n/* How many", 1)

    module = CompiledModule(d, [plan], altered=short)
    with pytest.raises(MemoryError):
        called(module, function(module), given, arrays(given, SIZES[0], np.float32))


PROGRAM = """
import os
import numpy as np
from test_native_stacks import SLICED, arrays, called, decided, derived, function
from nnmath.numeric.native.calling import CompiledModule
given, define, wanted, _ = SLICED["attention"]
d, plan = derived(given, define, wanted)
module = CompiledModule(d, [plan], altered=decided)
values = arrays(given, dict(b=9, n=60, d=30, m=50, v=40), np.float64)
exact = called(module, module.numpy[plan.name], given, values)
def right():
    for f, e in zip(called(module, function(module), given, values), exact, strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-11, atol=1e-12)
right()
"""


def run(program: str, **environment: str) -> None:
    path = os.pathsep.join([os.path.dirname(__file__), *filter(None, sys.path)])
    given = os.environ | environment | {"PYTHONPATH": path}
    ended = subprocess.run([sys.executable, "-c", program], env=given, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr[-2000:]


@pytest.mark.parametrize("limit", ("1", "3"))
def test_fewer_threads_than_asked_for_make_every_slice(limit: str) -> None:
    run(PROGRAM, OMP_NUM_THREADS="4", OMP_THREAD_LIMIT=limit)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_makes_slices_alone() -> None:
    child = """
process = os.fork()
if not process:
    right()
    os._exit(0)
import time
for _ in range(600):
    ended, status = os.waitpid(process, os.WNOHANG)
    if ended:
        assert status == 0
        break
    time.sleep(0.05)
else:
    os.kill(process, 9)
    raise AssertionError("the forked process waits for threads that it does not have")
"""
    run(PROGRAM + child, OMP_NUM_THREADS="2")
