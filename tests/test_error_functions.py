"""The helpers of generated modules that compute error functions and exponentials, and the evaluation in blocks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from flint import arb, ctx

from nnmath.numeric.accuracy.ulp import exact_values, format_of
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.numpy_code.helpers import HELPERS, with_called

RNG = np.random.default_rng(5)
NAMES = with_called(("_erf", "_exp_quotient", "_in_blocks"))
SOURCE = "import numpy as np\n\n\n" + "\n\n".join(HELPERS[name] for name in NAMES)
MODULE = load_source(SOURCE)
SPREAD = np.concatenate([RNG.uniform(-30, 30, 600), 10.0 ** RNG.uniform(-35, 1.4, 400), [0.0, 0.5, 1.0, -1.0, 27.3]])


def erfcx(x: arb) -> arb:
    return (x * x).exp() * x.erfc()


def poly(x: arb) -> arb:
    return (-(x + arb(0.044715) * x**3) * (arb(8) / arb.pi()).sqrt()).exp()


with ctx.workprec(200):
    CUT = float(-(arb(8) / arb.pi()).sqrt() + arb(1.5957691216057308))

#: What, how it is called, the same in ball arithmetic, its domain, the error allowed in ULP.
FUNCTIONS = [
    ("erf", lambda f, x: f["_erf"](x), lambda x: x.erf(), SPREAD, 3),
    ("erfc", lambda f, x: f["_erfc"](x), lambda x: x.erfc(), SPREAD, 7),
    ("erfcx", lambda f, x: f["_erfcx"](x), erfcx, np.abs(SPREAD), 3),
    ("cubic", lambda f, x: f["_exp_polynomial"](x, -1.5957691216057308, CUT, 1.0, 0.0, 0.044715), poly, SPREAD / 2, 6),
    ("square", lambda f, x: f["_exp_polynomial"](x, -0.5, 0.0, 0.0, 1.0), lambda x: (-x * x / 2).exp(), SPREAD, 5),
    ("product", lambda f, x: f["_exp_product"](x, -1.7, 0.0), lambda x: (-x * arb(1.7)).exp(), SPREAD, 4),
    ("quotient", lambda f, x: f["_exp_quotient"](x, 0.3), lambda x: (x / arb(0.3)).exp(), SPREAD, 4),
]


def worst(call: Callable, function: Callable, points: np.ndarray, dtype: str, module: dict = MODULE) -> float:
    x = points.astype(dtype)
    with np.errstate(all="ignore"):
        found = call(module, x)
    assert found.dtype == x.dtype
    with ctx.workprec(3000):
        exact = exact_values([function(arb(float(v))) for v in x], format_of(dtype))
    return float(np.max(exact.errors(found)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "call", "function", "points", "allowed"), FUNCTIONS, ids=[f[0] for f in FUNCTIONS])
def test_a_helper_is_accurate_to_a_few_units(name, call, function, points, allowed, dtype) -> None:
    assert worst(call, function, points, dtype) <= allowed


def test_a_wrong_coefficient_is_noticed() -> None:
    for old, new in (("0.068320278465398537", "0.06832027846537"), ("1.4925647581008593e-05", "1.4925e-05")):
        spoiled = load_source(SOURCE.replace(old, new))
        rows = [f for f in FUNCTIONS if f[0] in ("erf", "erfcx")]
        assert any(worst(call, f, points, "float64", spoiled) > allowed for _, call, f, points, allowed in rows)


def test_far_out_nothing_is_undefined() -> None:
    for dtype in ("float32", "float64"):
        large = np.finfo(dtype).max
        x = np.array([-large, large], dtype=dtype)
        with np.errstate(over="ignore"):
            assert MODULE["_erf"](x).tolist() == [-1, 1] and MODULE["_erfc"](x).tolist() == [2, 0]
            assert MODULE["_exp_product"](x, -3.0, 0.0).tolist() == [np.inf, 0]
            assert MODULE["_exp_quotient"](x, 1e-3).tolist() == [0, np.inf]
            assert MODULE["_erfcx"](x[1:]) < 1e-38


def test_parameters_may_be_arrays() -> None:
    x, b = RNG.normal(size=5), RNG.uniform(1, 2, size=5)
    np.testing.assert_allclose(MODULE["_exp_product"](x, b, 0.0), np.exp(x * b), rtol=1e-14)
    np.testing.assert_allclose(MODULE["_exp_quotient"](x, b), np.exp(x / b), rtol=1e-14)
    np.testing.assert_allclose(MODULE["_exp_polynomial"](x, 2.0, 0.0, 1.0, b), np.exp(2 * (x + b * x**2)), rtol=1e-13)


def test_blocks_give_what_the_whole_gives() -> None:
    x = np.asfortranarray(RNG.normal(size=(300, 400)))
    blocks = MODULE["_in_blocks"]
    assert (blocks(lambda v, k: k * v, x, 3.0) == 3 * x).all()
    first, second = blocks(lambda v: (v + 1, v.astype(np.float32)), x)
    assert (first == x + 1).all() and second.dtype == np.float32 and second.shape == x.shape
