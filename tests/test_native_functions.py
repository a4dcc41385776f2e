"""The elementary functions of compiled code, over all floats: against functions of doubles."""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from compiler_here import needs_compiler

from nnmath.numeric.native import compiler
from nnmath.numeric.native.functions.double_functions import FUNCTIONS as OF_DOUBLES
from nnmath.numeric.native.functions.double_functions import support
from nnmath.numeric.native.functions.float_functions import DOUBLES, FLOAT_FUNCTIONS, float_support
from nnmath.numeric.native.module import HEADER

pytestmark = needs_compiler

#: Every 65521st float, in the order of their bits: both signs, subnormal numbers, infinities and NaN.
FLOATS = np.arange(0, 2**32, 65521, dtype=np.uint64).astype(np.uint32).view(np.float32)
EDGES = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-45, 3.4e38, -3.4e38, 0.5, -0.5], dtype=np.float32)
X = np.concatenate([FLOATS, EDGES, np.linspace(-110, 110, 40001, dtype=np.float32)])


def _softplus(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _sigmoid(x: Any) -> Any:
    return np.where(x >= 0, 1.0, np.exp(-np.abs(x))) / (1 + np.exp(-np.abs(x)))


def _tanh_remainder(x: Any) -> Any:
    """x - tanh(x); near 0 the first terms of its series, where the difference would cancel."""
    s = np.square(np.clip(x, -0.05, 0.05))
    near = x * s * (1 / 3 - s * (2 / 15 - s * (17 / 315 - s * 62 / 2835)))
    return np.where(np.abs(x) < 0.05, near, x - np.tanh(x))


#: Each function with its counterpart in doubles, and the units in the last place of a float that it may be off.
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], float]] = {
    "exp": (np.exp, 1.2),
    "expm1": (np.expm1, 2.0),
    "log": (np.log, 1.2),
    "log1p": (np.log1p, 1.5),
    "tanh": (np.tanh, 0.51),
    "sigmoid": (_sigmoid, 2.5),
    "softplus": (_softplus, 2.5),
    "erf": (np.vectorize(math.erf), 2.5),
    "erfc": (np.vectorize(math.erfc), 5.0),
    "tanh_remainder": (_tanh_remainder, 3.0),
}
#: Of functions for a part of the arguments: from where to where.
PARTS: dict[str, tuple[Callable[[Any], Any], float, float, float]] = {
    "exp_normal": (np.exp, 1.2, -87.0, 88.0),
    "exp_decaying": (np.exp, 1.2, -np.inf, 40.0),
    "log1p_unit": (np.log1p, 1.5, 0.0, 1.001),
}


def of_doubles(text: str) -> list[str]:
    """Numbers in C text that only doubles have: in hexadecimal without f, or of more than 32 bits."""
    return re.findall(r"0x[0-9a-f.]+p-?\d+(?!\d|f)|0x[0-9a-f]{9,}", text)


def test_no_number_of_doubles_is_left_in_functions_of_floats() -> None:
    left = {name: found for name, (text, _) in FLOAT_FUNCTIONS.items() if (found := of_doubles(text))}
    assert set(left) == set(DOUBLES)
    assert {"exp", "log", "power_of_two"} <= {name for name, (text, _) in OF_DOUBLES.items() if of_doubles(text)}


@pytest.fixture(scope="module")
def library(own_cache: None) -> Any:
    texts, doubles = float_support(FLOAT_FUNCTIONS)
    calls = "".join(
        f"void all_{f}(ptrdiff_t n, const float *restrict x, float *restrict y)\n"
        f"{{ for (ptrdiff_t i = 0; i < n; i++) y[i] = nnf_{f}(x[i]); }}\n"
        for f in (*FUNCTIONS, *PARTS)
    )
    return compiler.load("\n".join((HEADER, support(doubles), texts, calls)))


def _off(found: Any, exact: Any) -> Any:
    """Errors in units of the last place of the exact value as a float; infinite where only one of them is finite."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(np.float32)
        unit = np.spacing(np.minimum(np.abs(rounded), np.float32(3.4e38))).astype(np.float64)
        off = np.abs(found - exact) / unit
        same = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
    return np.where(same, 0.0, np.where(np.isfinite(off), off, np.inf))


def _computed(library: Any, name: str) -> Any:
    y = np.empty_like(X)
    places = (ctypes.c_void_p(a.ctypes.data) for a in (X, y))
    getattr(library, f"all_{name}")(ctypes.c_ssize_t(X.size), *places)
    return y


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float_functions_over_all_floats(library: Any, name: str) -> None:
    exact, bound = FUNCTIONS[name]
    with np.errstate(all="ignore"):
        off = _off(_computed(library, name), exact(X.astype(np.float64)))
    assert off.max() <= bound, f"{name}({X[off.argmax()]}) is off by {off.max()} units in the last place"


@pytest.mark.parametrize("name", PARTS)
def test_functions_for_a_part_of_the_arguments(library: Any, name: str) -> None:
    exact, bound, low, high = PARTS[name]
    inside = np.isnan(X) | ((low <= X) & (high >= X))
    with np.errstate(all="ignore"):
        off = np.where(inside, _off(_computed(library, name), exact(X.astype(np.float64))), 0.0)
    assert inside.sum() > 1000 and off.max() <= bound, f"{name}({X[off.argmax()]}) is off by {off.max()} units"


#: Functions of doubles, and the units in the last place of a double that they may be off.
OF_DOUBLES_OFF = {"exp": 0.65, "exp_normal": 0.65, "exp_decaying": 0.65, "expm1": 0.9}


@pytest.mark.parametrize("name", OF_DOUBLES_OFF)
def test_exponentials_of_doubles(name: str, own_cache: None) -> None:
    x = np.concatenate([np.random.default_rng(0).uniform(low, high, 5000) for low, high in ((-700, 39), (-3, 3))])
    y = np.empty_like(x)
    loop = f"{{ for (ptrdiff_t i = 0; i < n; i++) y[i] = nn_{name}(x[i]); }}"
    loop = f"void all(ptrdiff_t n, const double *x, double *y) {loop}"
    library = compiler.load("\n".join((HEADER, support([name]), loop)))
    library.all(ctypes.c_ssize_t(x.size), *(ctypes.c_void_p(a.ctypes.data) for a in (x, y)))
    exact = mpmath.expm1 if name == "expm1" else mpmath.exp
    with mpmath.workprec(120):
        units = np.spacing(np.abs(y)).tolist()
        off = [abs(float((f - exact(v)) / u)) for v, f, u in zip(x.tolist(), y.tolist(), units, strict=True)]
    assert max(off) <= OF_DOUBLES_OFF[name], f"{name}({x[int(np.argmax(off))]}) is off by {max(off)} units"


def test_beyond_its_part_a_function_is_wrong(library: Any) -> None:
    found, exact = _computed(library, "exp_normal"), _computed(library, "exp")
    assert found[X == -110] != exact[X == -110]


def test_a_wrong_last_place_would_be_seen(library: Any) -> None:
    found = _computed(library, "exp")
    with np.errstate(all="ignore"):
        exact = np.exp(X.astype(np.float64))
    middle = np.abs(X) < 80
    assert _off(found, exact)[middle].max() < 2 < _off(found * np.float32(1 + 3e-7), exact)[middle].max()
