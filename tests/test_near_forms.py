"""The second form of long arrays, for entries of moderate size: proved equal, as accurate, and used nowhere else."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from derived import derivation as derived
from sympy import Expr, Poly, Symbol, erf, exp, expand, sqrt
from test_activation_accuracy import DERIVATIVES, NEAR_ROOT, OTHERS, reference
from test_one_sided import QUOTIENTS
from test_reflection import PROVER, X, Z, elementary

from nnmath.calculus.functions import Indicator, sigmoid
from nnmath.numeric.accuracy.functions import AMONG, NEIGHBOURS, measured
from nnmath.numeric.accuracy.implementations import Implementation, Inputs, OfNeighbours
from nnmath.numeric.candidates import CHEAPEST, taken
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.joint import joint
from nnmath.numeric.numpy_code.generator import assemble
from nnmath.numeric.numpy_code.near_functions import _operand_into
from nnmath.numeric.stability import forms
from nnmath.numeric.stability.near_forms import _rounded, interval, near, normal
from nnmath.numeric.stability.opposite_exponents import with_opposite
from nnmath.numeric.stability.rewriting import stabilise

IDS = ("silu", "mish", "gelu", "gelu-tanh")
BELLS = [X * (1 + forms.erfc(-X)) / 2, X**2 * forms.erfc(X)]


def form_of(expr: Expr) -> Expr:
    return taken(stabilise(expr), CHEAPEST)[1]


@pytest.mark.parametrize("expr", [*QUOTIENTS, *BELLS], ids=str)
def test_it_is_proved_equal_and_a_wrong_one_is_refuted(expr: Expr) -> None:
    found = near(form_of(expr))
    assert found is not None and not found.has(forms.Clip, forms.Beyond, forms.HalfExp)
    assert PROVER.judge(elementary(expr), elementary(found)).kind == "proved"
    for wrong in (-elementary(found), elementary(found) + sigmoid(X), elementary(found).subs(X, -X)):
        assert PROVER.judge(elementary(expr), wrong).kind == "refuted"


@pytest.mark.parametrize("expr", [X, 1 / (1 + X**2), sigmoid(X), forms.Around(forms.HalfExp(X), X) + forms.HalfExp(X)])
def test_without_bounds_and_halves_there_is_none(expr: Expr) -> None:
    assert near(expr) is None and interval([expr], [None]) is None


def serving(*exprs: Expr) -> Any:
    stable = [form_of(e) for e in exprs]
    return interval(stable, [near(f) for f in stable])


def test_between_which_values_it_serves() -> None:
    assert serving(X * sigmoid(X)) == (-80, 84)
    assert serving(X * sigmoid(2 * X)) == (-40, 42)
    low, high = serving(X * sigmoid(X**3))
    assert low**3 >= -15 and high**3 <= 85
    assert serving(X * sigmoid(X), X) is None


def test_what_is_rounded_in_an_exponent() -> None:
    """By Horner's rule: each product, each sum, and twice each term with a number that is not exact."""
    t = Symbol("t")
    for polynomial, squares in (
        (t**3, 2 * t**6),
        (-(t**2) / 2, t**4 / 4),
        (sqrt(3) * t, 6 * t**2),
        (t**3 + t, t**6 + 2 * (t**3 + t) ** 2),
        (sqrt(3) * t**3 + sqrt(2) * t, 9 * t**6 + 4 * t**2 + 2 * (sqrt(3) * t**3 + sqrt(2) * t) ** 2),
    ):
        assert expand(_rounded(Poly(polynomial, t)) - squares) == 0


ODD_POWERS = 3 * X + X**3 / 7
OPPOSITE = [
    X * sigmoid(17 * X / 10),
    X * sigmoid(-2 * X) / 3,
    X * exp(-X) / (1 + exp(-X)),
    sigmoid(-X) * (1 - X * sigmoid(X)),
    X * sigmoid(ODD_POWERS),
    sigmoid(ODD_POWERS) + X * sigmoid(ODD_POWERS) * sigmoid(-ODD_POWERS) * (3 + 3 * X**2 / 7),
]


@pytest.mark.parametrize("expr", OPPOSITE, ids=str)
def test_the_opposite_exponent_is_proved_equal_and_a_wrong_one_is_refuted(expr: Expr) -> None:
    one = near(form_of(expr))
    assert one is not None
    (found,) = with_opposite([one])
    (whole,), (opposite,) = (e.atoms(forms.PlainExp) for e in (one, found))
    assert expand(elementary(whole.args[0] + opposite.args[0])) == 0
    assert not any(isinstance(e, forms.InOrder) and e.args[1] == opposite for e in found.atoms(forms.InOrder))
    assert PROVER.judge(elementary(expr), elementary(found)).kind == "proved"
    for wrong in (found.subs(opposite, whole), -found, found + opposite):
        assert PROVER.judge(elementary(expr), elementary(wrong)).kind == "refuted"


def test_where_the_opposite_exponent_costs_as_much_it_is_left_alone() -> None:
    found = [near(form_of(e)) for e in (*QUOTIENTS[:5], OPPOSITE[0])]
    silu, scaled, *_ = shown = [e for e in found if e is not None]
    kept = [with_opposite([e]) == [e] for e in shown]
    assert kept == [True, False, False, True, True, False]
    assert with_opposite([silu, scaled]) == [silu, scaled]
    assert with_opposite([scaled, forms.PlainExp(17 * X / 10)]) == [scaled, forms.PlainExp(17 * X / 10)]


U = X / sqrt(2)
NORMAL = [X * (1 + erf(U)) / 2, X * forms.erfc(U), (1 + erf(U)) / 2 + X * exp(-(X**2) / 2), Z * (1 + erf(U))]
NOT_NORMAL = [
    erf(U),
    X * (2 + erf(U)),
    (1 + erf(U)) ** 2,
    (1 + erf(X)) * X,
    erf(U) / (1 + exp(X)),
    (1 + erf(U)) * erf(X),
]


@pytest.mark.parametrize("expr", NORMAL, ids=str)
def test_a_sum_with_the_normal_distribution(expr: Expr) -> None:
    found = normal(expr)
    assert found is not None and not found.has(erf)
    assert PROVER.judge(elementary(expr), elementary(found)).kind == "proved"
    assert PROVER.judge(elementary(expr), elementary(found).subs(X, -X)).kind == "refuted"


def test_the_normal_distribution_is_an_absolute_value() -> None:
    """|(2 [x > 0] − 1) Φ(x)|."""
    function = forms.normal_distribution(X)
    signed = (2 * Indicator(X) - 1) * function.as_elementary()
    assert PROVER.judge(signed, elementary(function.beyond)).kind == "proved"
    assert PROVER.judge(signed, elementary(-function.beyond)).kind == "refuted"


@pytest.mark.parametrize("expr", NOT_NORMAL, ids=str)
def test_what_has_no_digits_to_gain_is_left_alone(expr: Expr) -> None:
    assert normal(expr) is None


@cache
def source(id: str) -> str:
    made, plan = joint(derived(id))
    return assemble(made, (plan,)).source


def together(id: str, text: str) -> Any:
    return load_source(text)[joint(derived(id))[1].name]


def joint_code(id: str, text: str) -> Any:
    """The joint function as an implementation of the value and the derivative: the upstream gradient is 1."""
    function, names = together(id, text), ("y", "dy_dx")

    def run(values: Inputs) -> dict[str, Any]:
        with np.errstate(all="ignore"):
            found = function(values["x"], np.ones_like(values["x"]), *(values[n] for n in values if n != "x"))
        return dict(zip(names, found, strict=True))

    def made(*_: object) -> Implementation:
        return OfNeighbours(run)

    return made


def broken(id: str, dtype: str, text: str) -> list[str]:
    said = []
    for row in (m.row for m in measured(reference(id, dtype), joint_code(id, text))):
        limit = DERIVATIVES[id] if row.order else OTHERS
        said += [f"{row.name}: {row.away} ULP at {row.away_at}"] * (not row.away <= limit)
        said += [f"{row.name}: {r.kind} on [{r.low}, {r.high}]" for r in row.regions]
        said += [f"{row.name}: {r.worst} ε near {r.at}" for r in row.roots if not r.worst <= NEAR_ROOT]
    return said


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("id", IDS)
def test_long_arrays_are_as_accurate(id: str, dtype: str) -> None:
    assert f"def _{joint(derived(id))[1].name}_near(" in source(id)
    assert broken(id, dtype, source(id)) == []


WORSE = [
    ("silu", "-80.0, 84.0", "-120.0, 84.0"),
    ("silu", "-80.0, 84.0", "-80.0, 120.0"),
    ("mish", "-80.0, 42.0", "-80.0, 64.0"),
    ("gelu", "-5.25, 5.25", "-6.5, 6.5"),
    ("gelu-tanh", "2, -3.25, 9.875", "2, -6.0, 9.875"),
    ("gelu-tanh", "2, -3.25, 9.875", "2, -3.25, 1e30"),
]


@pytest.mark.parametrize(("id", "interval", "wider"), WORSE, ids=[f"{id}: {wider}" for id, _, wider in WORSE])
def test_beyond_the_interval_it_does_not_serve(id: str, interval: str, wider: str) -> None:
    assert interval in source(id)
    assert broken(id, "float32", source(id).replace(interval, wider))


LOW, ODD = np.float32([-90, -100, -1e30]), np.float32([np.nan, np.inf, -np.inf, 1e30, -1e30, -90, 90, -100, 120])

MANY = np.linspace(-300, -100, 2**19 // 4 // 8, dtype=np.float32)

#: Which of several blocks have entries elsewhere, and which: the helper looks at a block in the light of the last one.
PLACES = (
    {0: ODD},
    {1: LOW[:1]},
    {0: LOW, 1: LOW},
    {0: ODD, 2: LOW},
    {2: np.float32([120])},
    {0: LOW, 1: ODD, 3: LOW},
    {1: MANY},
)


def elsewhere(id: str, text: str) -> list[str]:
    """What is wrong where some entries of the blocks of an array are not of moderate size."""
    function, said = together(id, text), []
    rng, step = np.random.default_rng(0), 2**19 // 4
    for places in PLACES:
        x, upstream = rng.uniform(-2, 2, (2, 3 * step + 50)).astype(np.float32)  # others than those in freed memory
        odd = [np.arange(0)]
        for block, values in places.items():
            odd.append(block * step + 7 + 3 * np.arange(values.size))
            x[odd[-1]] = values
        at = np.concatenate(odd)
        there = np.setdiff1d(np.arange(0, x.size, 61), at)
        expected, right = (function(x[some], upstream[some]) for some in (at, there))
        for long, alone, moderate in zip(function(x, upstream), expected, right, strict=True):
            if not np.array_equal(long[at], alone, equal_nan=True):
                said.append(f"entries elsewhere, in blocks {list(places)}")
            if not np.allclose(long[there], moderate, rtol=1e-5, atol=1e-6):
                said.append(f"moderate entries, in blocks {list(places)}")
    return said


@pytest.mark.parametrize("id", IDS)
def test_an_entry_elsewhere_is_computed_as_if_it_were_alone(id: str) -> None:
    assert elsewhere(id, source(id)) == []
    function = together(id, source(id))
    x, upstream = np.random.default_rng(0).standard_normal((2, 300, 600)).astype(np.float32)
    far = 100 + np.abs(x)
    for long, alone in zip(function(far, upstream), function(far[7], upstream[7]), strict=True):
        assert long.shape == x.shape and long.dtype == np.float32
        np.testing.assert_array_equal(long[7], alone)


#: The helper with an error: an interval with one end only, one block's places for those of another, and the like.
OVERLOOKED = [
    ("elif at.size or v.min() < low:", "elif at.size or v.min() < 20 * low:"),
    ("elif at.size or v.min() < low:", "elif at.size:"),
    ("(v < low).nonzero()", "(v < 2e9 * low).nonzero()"),
    ("if not v.max() <= high:", "if v.max() > high:"),
    ("np.logical_not((low <= v) & (v <= high))", "(v > high)"),
    ("np.logical_not((low <= v) & (v <= high))", "(v < low)"),
    ("far.append(at + start)", "far.append(at)"),
    ("far.append(at + start)", "far = [at + start]"),
    ("v[far] for", "v[far[::-1]] for"),
    ("if many:", "if False:"),
    ("if not many:", "if False:"),
    ("_put_parts(parts, ...,", "_put_parts(parts[:0], ...,"),
]


@pytest.mark.parametrize(("right", "wrong"), OVERLOOKED, ids=[wrong for _, wrong in OVERLOOKED])
def test_an_entry_that_is_overlooked_is_noticed(right: str, wrong: str) -> None:
    assert right in source("silu")
    assert elsewhere("silu", source("silu").replace(right, wrong))


@pytest.mark.parametrize("id", IDS)
def test_other_dtypes_shapes_and_parameters_are_right_too(id: str) -> None:
    function = together(id, source(id))
    x = np.random.default_rng(0).standard_normal((300, 400))
    expected = function(x[5], np.ones_like(x[5]))
    for given in ((x.astype(np.float32), np.ones(x.shape)), (x, 1.0), (x.T.copy().T, np.ones(x.shape, np.float32))):
        for long, alone in zip(function(*given), expected, strict=True):
            np.testing.assert_allclose(long[5], alone, rtol=1e-4, atol=1e-6)
            assert long.shape == x.shape
    if id == "gelu-tanh":
        for k in (0.0, 1.0, 100.0, np.full(x.shape, 0.044715)):
            for long, alone in zip(function(x, x, k), function(x[5], x[5], np.max(k)), strict=True):
                np.testing.assert_allclose(long[5], alone, rtol=1e-12)


def test_points_are_also_measured_among_others() -> None:
    """A point that is wrong only there is found."""

    def wrong(*_: object) -> Implementation:
        right = joint_code("silu", source("silu"))()

        def run(values: Inputs) -> dict[str, Any]:
            y, dx = right(values).values()
            among = np.mean(values["x"] == AMONG) > 1 - 2 / NEIGHBOURS
            return {"y": np.where(among & (np.abs(y) < 1e3), 1.0001, 1) * y, "dy_dx": dx}

        return OfNeighbours(run)

    value, derivative = (m.row for m in measured(reference("silu", "float64"), wrong))
    assert value.regions and not derivative.regions


#: What becomes of an array that is only read by what is written into y_out, and where there is none.
OPERANDS = [
    (["u = e + 2", "t = u * e", "np.multiply(t, u, out=y_out)", "t += 1"], "u = np.add(e, 2, out=y_out)"),
    (["u = np.exp(x)", "u += e", "y = np.divide(x, u, out=y_out)"], "u = np.exp(x, out=y_out)"),
    # read afterwards, under another name, made twice, or given
    (["u = e + 2", "np.multiply(x, u, out=y_out)", "dx *= u"], ""),
    (["u = e + 2", "v = u", "v *= x", "np.multiply(x, u, out=y_out)", "dx *= v"], ""),
    (["u = e + 2", "u = x * 3", "np.multiply(x, u, out=y_out)"], ""),
    (["np.multiply(x, e, out=y_out)"], ""),
    # where something was written before
    (["u = e + 2", "v = np.exp(x, out=y_out)", "np.multiply(v, u, out=y_out)"], ""),
]


@pytest.mark.parametrize(("lines", "first"), OPERANDS, ids=[x[0][-1] for x in OPERANDS])
def test_an_operand_is_made_where_the_result_will_be(lines: list[str], first: str) -> None:
    found = _operand_into(lines, "y_out")
    assert found == ([first, *lines[1:]] if first else lines)
    made = []
    for text in (lines, found):
        x = np.linspace(0.5, 2, 4)
        space: dict[str, Any] = {"np": np, "x": x, "e": x + 1, "dx": x * 2, "y_out": np.empty(4)}
        exec("\n".join(text), space)
        made.append(space["y_out"])
    np.testing.assert_array_equal(*made)
