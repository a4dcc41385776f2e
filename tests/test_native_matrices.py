"""Matrix products in printed C: tiles, their edges, stacks, few rows, and the order of axes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np
import pytest
from compiler_here import needs_compiler

from nnmath.derivations.build import derive_entry
from nnmath.derivations.entry import Entry
from nnmath.numeric.native.calling import CompiledModule
from nnmath.numeric.native.module import write
from nnmath.numeric.plans import plans

pytestmark = [needs_compiler, pytest.mark.usefixtures("own_cache")]

#: A product as text, its arrays, and the same for ``numpy.einsum``.
PRODUCTS = {
    "plain": ("C[i, j] = sum(A[i, e]*B[e, j] for e in k)", "A: n k\nB: k m\ndC: n m", "ie,ej->ij"),
    "right transposed": ("C[i, j] = sum(A[i, e]*B[j, e] for e in k)", "A: n k\nB: m k\ndC: n m", "ie,je->ij"),
    "left transposed": ("C[i, j] = sum(A[e, i]*B[e, j] for e in k)", "A: k n\nB: k m\ndC: n m", "ei,ej->ij"),
    "result transposed": ("C[j, i] = sum(A[i, e]*B[e, j] for e in k)", "A: n k\nB: k m\ndC: m n", "ie,ej->ji"),
    "stack": ("C[a, i, j] = sum(A[a, i, e]*B[a, j, e] for e in k)", "A: b n k\nB: b m k\ndC: b n m", "aie,aje->aij"),
    "stack of one": ("C[a, i, j] = sum(A[a, i, e]*B[e, j] for e in k)", "A: b n k\nB: k m\ndC: b n m", "aie,ej->aij"),
    "heads inside": (
        "C[i, a, j] = sum(A[i, a, e]*B[j, a, e] for e in k)",
        "A: n b k\nB: m b k\ndC: n b m",
        "iae,jae->iaj",
    ),
}
#: Sizes b, n, m, k: all distinct, one, few rows or columns, whole tiles and one beyond, blocks of terms and columns.
SIZES = [
    *[(3, 5, 7, 11), (1, 1, 1, 1), (2, 1, 300, 40), (2, 300, 1, 40), (2, 3, 70, 70), (2, 70, 3, 70), (1, 14, 16, 8)],
    *[(1, 15, 17, 257), (2, 113, 33, 600), (1, 29, 2065, 9), (5, 64, 64, 64), (40, 9, 9, 9), (1, 400, 90, 50)],
]


def derived(text: str, given: str) -> Any:
    define = f"{text}\nL = upstream(dC, C)"
    return derive_entry(Entry(id="product", title="A product", given=given, define=define, wanted=("dL/dA",)))


@pytest.fixture(scope="module", params=PRODUCTS)
def product(request: pytest.FixtureRequest, own_cache: None) -> tuple[Any, str]:
    text, given, letters = PRODUCTS[request.param]
    derivation = derived(text, given)
    chosen = plans(derivation)[:1]
    assert "return nn_product(" in write(derivation, chosen).source
    module = CompiledModule(derivation, chosen, products=False)
    assert not module.notes
    return getattr(module, module.functions[0]), letters


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_every_entry_is_right(product: tuple[Any, str], sizes: tuple[int, ...], dtype: type) -> None:
    function, letters = product
    length = dict(zip("aije", sizes, strict=True))
    rng = np.random.default_rng(0)
    left, right = letters.split("->")[0].split(",")
    A, B = (rng.standard_normal([length[c] for c in word]).astype(dtype) for word in (left, right))
    wide = np.longdouble if dtype is np.float64 else np.float64
    exact = np.einsum(letters, A.astype(wide), B.astype(wide))
    size = np.einsum(letters, np.abs(A).astype(wide), np.abs(B).astype(wide))
    # floats: rounded once, from a sum in double; doubles: at most one rounding for each term
    bound = np.finfo(dtype).eps * (0.51 * np.abs(exact) if dtype is np.float32 else sizes[3] * size)
    assert (np.abs(function(A, B) - exact) <= bound + 1e-12 * size).all()


def test_infinities_and_nan_stay_in_their_rows(product: tuple[Any, str]) -> None:
    function, letters = product
    length = {"a": 2, "i": 17, "j": 19, "e": 6}
    left, right = letters.split("->")[0].split(",")
    A, B = np.ones([length[c] for c in left]), np.ones([length[c] for c in right])
    at = tuple(3 if c == "i" else 1 for c in left)
    for value in (np.inf, np.nan):
        A[at] = value
        found = function(A, B)
        np.testing.assert_array_equal(found, np.einsum(letters, A, B))
        assert np.isfinite(found).sum() == found.size - 19


def test_arrays_are_not_overrun() -> None:
    """Under the sanitizer of addresses every size is read and written within its arrays."""
    text, given, _ = PRODUCTS["stack"]
    derivation = derived(text, given)
    source = write(derivation, plans(derivation)[:1]).source
    name = plans(derivation)[0].name
    calls = "\n".join(
        f"""    {{ float *A = calloc({b * n * k}, 4), *B = calloc({b * m * k}, 4), *C = calloc({b * n * m}, 4);
      if ({name}_f32(b, n, m, k, A, B, C)) return 1; free(A); free(B); free(C); }}""".replace(
            "(b, n, m, k,", f"({', '.join(str(dict(b=b, n=n, m=m, k=k)[s]) for s in order(source, name))},"
        )
        for b, n, m, k in SIZES
    )
    run = sanitized(f"{source}\nint main(void)\n{{\n{calls}\n    return 0;\n}}\n")
    if "sanitize" in run and "unrecognized" in run:
        pytest.skip("the compiler has no sanitizer")
    assert run == ""


def order(source: str, name: str) -> list[str]:
    head = source.split(f"int {name}_f32(")[1].split(")")[0]
    return [part.split()[-1] for part in head.split(",") if "ptrdiff_t" in part]


def sanitized(source: str) -> str:
    """What compiling and running a program under the sanitizer says; nothing where all is well."""
    path = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))))
    with tempfile.TemporaryDirectory() as folder:
        file, program = os.path.join(folder, "x.c"), os.path.join(folder, "x")
        with open(file, "w") as f:
            f.write(source)
        flags = ["-std=gnu11", "-O1", "-march=native", "-w", "-g", "-fsanitize=address,undefined"]
        command = [path, *flags, "-fno-sanitize-recover", file, "-o", program, "-lm"]
        made = subprocess.run(command, capture_output=True, text=True)
        if made.returncode:
            return made.stderr
        run = subprocess.run([program], capture_output=True, text=True)
        return run.stderr + ("" if run.returncode == 0 else f"exit code {run.returncode}")


def test_fewer_threads_than_asked_for_make_every_matrix() -> None:
    text, given, _ = PRODUCTS["stack"]
    program = f"""
import numpy as np
from nnmath.derivations.build import derive_entry
from nnmath.derivations.entry import Entry
from nnmath.numeric.native.calling import CompiledModule
define = {text!r} + "\\nL = upstream(dC, C)"
d = derive_entry(Entry(id="product", title="A product", given={given!r}, define=define, wanted=("dL/dA",)))
module = CompiledModule(d, products=False)
rng = np.random.default_rng(0)
for b in (1, 8):
    A, B = rng.standard_normal((b, 90, 80)), rng.standard_normal((b, 70, 80))
    np.testing.assert_allclose(getattr(module, module.functions[0])(A, B), A @ B.transpose(0, 2, 1), atol=1e-11)
"""
    environment = os.environ | {"OMP_NUM_THREADS": "4", "OMP_THREAD_LIMIT": "3"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
