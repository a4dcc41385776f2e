"""Arrays that are overwritten in functions computed entry by entry: only where nothing else reads them."""

from __future__ import annotations

import numpy as np
import pytest
from derived import derivation as derived

from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.joint import joint
from nnmath.numeric.numpy_code.entry_buffers import reuse_entries
from nnmath.numeric.numpy_code.generator import assemble
from nnmath.numeric.numpy_code.last_factors import overwrite_last_factors

A = "a = np.exp(x)"

LINES = [
    # the last reader of a overwrites it, however the product is written
    ([A, "y = a * x + 1", "return y"], [A, "y = a", "y *= x", "y += 1", "return y"]),
    ([A, "y = x * (a / 3) * x", "return y"], [A, "y = a", "y /= 3", "y *= x", "y *= x", "return y"]),
    ([A, "y = x + a / 2", "return y"], [A, "y = a", "y /= 2", "y += x", "return y"]),
    # not the first operand of a difference or quotient, nor an argument, nor what is read again
    ([A, "y = 1 - a * x", "return y"], None),
    ([A, "y = 1 / (a * x)", "return y"], None),
    ([A, "y = x * 2 + 1", "return y"], None),
    ([A, "y = a * x + 1", "return y + a"], None),
    ([A, "y = a * x + a", "return y"], None),
    # one operation alone reads better as it is
    ([A, "y = a + 1", "return y"], None),
    # another argument may have another shape
    ([A, "y = a * x * x * z", "return y"], [A, "y = a", "y *= x", "y *= x", "y = y * z", "return y"]),
    ([A, "y = a * z * x * x", "return y"], None),
    ([A, "y = a * x * x - z / x", "return y"], [A, "y = a", "y *= x", "y *= x", "y = y - (z / x)", "return y"]),
]


@pytest.mark.parametrize(("lines", "expected"), LINES, ids=[x[0][1] for x in LINES])
def test_what_is_overwritten(lines: list[str], expected: list[str] | None) -> None:
    found = reuse_entries(lines, ["x", "z"], {"a"})
    assert found == (expected or lines)
    x, z = np.array([0.5, 2.0]), np.array([[1.0], [3.0]])
    ways = []
    for body in (lines, found):
        names: dict[str, object] = {"np": np}
        exec("def f(x, z):\n    " + "\n    ".join(body), names)
        ways.append(names["f"](x, z))  # type: ignore[operator]
    assert np.array_equal(*ways)


@pytest.mark.parametrize("id", ["silu", "mish", "gelu"])
def test_shapes_are_broadcast_and_inputs_are_not_changed(id: str) -> None:
    made, plan = joint(derived(id))
    function = load_source(assemble(made, (plan,)).source)[plan.name]
    x, upstream = np.linspace(-3, 3, 4), np.ones((2, 4)) * [[1.0], [2.0]]
    before = x.copy(), upstream.copy()
    y, dx = function(x, upstream)[:2]
    assert np.array_equal(x, before[0]) and np.array_equal(upstream, before[1])
    for row in range(2):
        value, slope = function(x, upstream[row])[:2]
        assert np.array_equal(value, y) and np.allclose(slope, dx[row], rtol=1e-14)
    assert function(x.astype(np.float32), upstream[0])[1].dtype == np.float64
    single = function(0.5, 2.0)[:2]
    assert all(np.ndim(v) == 0 for v in single)
    long = np.linspace(-4, 4, 100_001)
    value = function(long, np.ones_like(long))[0]  # of long arrays, in a form of its own
    np.testing.assert_allclose(value, function(long.reshape(1, -1), 1.0)[0][0], rtol=1e-14)


E_ = "e = np.exp(x)"
D = "d = x + 1"

FACTORS = [
    ([D, E_, "d += x * (e / (1 + e))", "return d"], [D, E_, "e /= 1 + e", "e *= x", "d += e", "return d"]),
    ([D, E_, "d -= (e * x) * (1 - x)", "return d"], [D, E_, "e *= x", "e *= 1 - x", "d -= e", "return d"]),
    (
        [D, E_, "a = x * 3", "d += (1 - 2 * a) * (e / (1 + e))", "return d"],
        [D, E_, "a = x * 3", "a *= -2", "a += 1", "a *= e", "e += 1", "a /= e", "d += a", "return d"],
    ),
    (
        [D, E_, "a = x * 3", "d += (1 - 2 * a) * (e / (1 + e))", "return d, a"],
        [D, E_, "a = x * 3", "e /= 1 + e", "e *= 1 - 2 * a", "d += e", "return d, a"],
    ),
    # read again, by itself or through another name; in the other factor; no array that was made here
    ([D, E_, "d += x * (e / (1 + e))", "return d, e"], None),
    ([D, E_, "v = e[:1]", "d += x * (e / (1 + e))", "return d, v"], None),
    ([D, E_, "d += (e + 1) * (e / (1 + e))", "return d"], None),
    ([D, E_, "d += e * (x / (1 + e))", "return d"], None),
    # nothing is saved where a factor is no product
    ([D, E_, "d += x * (1 + e)", "return d"], None),
]


@pytest.mark.parametrize(("lines", "expected"), FACTORS, ids=[f"{x[0][-2]}; {x[0][-1]}" for x in FACTORS])
def test_which_factor_is_overwritten(lines: list[str], expected: list[str] | None) -> None:
    found = overwrite_last_factors(lines, {"d": 1, "e": 1, "a": 1})
    assert found == (expected or lines)
    ways = []
    for body in (lines, found):
        names: dict[str, object] = {"np": np}
        exec("def f(x):\n    " + "\n    ".join(body), names)
        ways.append(names["f"](np.array([0.5, 2.0])))  # type: ignore[operator]
    assert all(map(np.array_equal, *ways))


def test_long_arrays_are_computed_in_those_of_the_results() -> None:
    """The first array that becomes a result is made in the one that is given for it: nothing is copied at the end."""
    made, plan = joint(derived("silu"))
    source = assemble(made, (plan,)).source
    body = source.partition("into the arrays given last.")[2].partition("\n\n\n")[0]
    assert body.count("out=dx_out") == body.count("out=y_out") == 1 and "[...]" not in body
    assert "np.exp(x, out=dx_out)" in body
