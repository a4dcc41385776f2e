"""Accuracy in ULP: the unit itself, exact values from the definition, and planted failures that must be found."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
import pytest
from flint import arb, ctx, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from nnmath.numeric.accuracy import measure
from nnmath.numeric.accuracy import points as point_families
from nnmath.numeric.accuracy.functions import Reference, Row, measured
from nnmath.numeric.accuracy.implementations import IMPLEMENTATIONS, Subject, generated, implementation
from nnmath.numeric.accuracy.points import from_ordinal, points, to_ordinal
from nnmath.numeric.accuracy.regions import INFINITE, KINK, LARGE, NAN, ZERO
from nnmath.numeric.accuracy.ulp import FORMATS, exact_values, format_of, rounded
from nnmath.numeric.accuracy.unavailable import NotMeasurable, Unavailable
from nnmath.page import derive, of_entry

Array = np.ndarray[Any, Any]
DTYPES = tuple(FORMATS)


def finite(dtype: str) -> st.SearchStrategy[float]:
    return st.floats(allow_nan=False, allow_infinity=False, width=32 if dtype == "float32" else 64)


# -- the unit --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_a_number_is_exact_and_its_neighbours_are_one_unit_off(dtype: str, data: st.DataObject) -> None:
    x = data.draw(finite(dtype))
    format = format_of(dtype)
    exact = exact_values([arb(x)], format)
    number = format.dtype.type(x)
    assert exact.errors(np.array([number])) == [0]
    if abs(x) < format.largest:
        away = np.nextafter(number, format.dtype.type(np.inf if x >= 0 else -np.inf))
        assert exact.errors(np.array([away])) == [1]
        assert math.ldexp(1.0, int(exact.exponent[0])) == float(np.spacing(abs(number)))
    assert from_ordinal(to_ordinal(x, format), format) == x


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_rounding_is_to_the_nearest_number_and_the_rest_is_exact(dtype: str, data: st.DataObject) -> None:
    """A rational number: nearest and rest give it back exactly, and NumPy's own division rounds to the same."""
    p, q = data.draw(st.integers(-(10**6), 10**6)), data.draw(st.integers(1, 10**6))
    power = data.draw(st.integers(-1100, 1000) if dtype == "float64" else st.integers(-170, 100))
    format = format_of(dtype)
    with ctx.workprec(3000):
        ball = arb(fmpq(p, q)) * arb(2) ** power
    found = rounded(ball, format)
    assert found is not None
    nearest, rest, exponent = found
    with mpmath.workprec(3000):
        true = mpmath.mpf(p) / q * mpmath.mpf(2) ** power
        unit = mpmath.mpf(2) ** exponent
        assert abs(true - mpmath.mpf(nearest) - rest * unit) <= unit * mpmath.mpf(2) ** -50
        assert abs(rest) <= 0.5 and float(format.dtype.type(nearest)) == nearest
        # The unit is that of the exact value, also where it is rounded up to a power of two.
        smallest = mpmath.mpf(2) ** (format.lowest - format.digits + 1)
        assert unit == max(smallest, unit) and (unit == smallest or 2**format.digits * unit > abs(true))
        assert unit == smallest or abs(true) >= 2 ** (format.digits - 1) * unit


@pytest.mark.parametrize("dtype", DTYPES)
def test_beyond_the_largest_number_the_infinity_is_right(dtype: str) -> None:
    format = format_of(dtype)
    top = format.largest
    with ctx.workprec(100):
        beyond = exact_values([arb(top) * 2, arb(-top) * 2, arb(top), arb(1e25).exp()], format)
    inf = np.inf
    assert list(beyond.beyond) == [True, True, False, True]
    assert list(beyond.errors(np.array([inf, -inf, top, inf]))) == [0, 0, 0, 0]
    assert list(beyond.errors(np.array([-inf, inf, inf, np.nan]))) == [inf, inf, inf, inf]
    assert beyond.errors(np.full(4, top))[0] > 1e3


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_value_that_rounds_to_zero_may_be_zero(dtype: str) -> None:
    format = format_of(dtype)
    small = arb(format.smallest)
    exact = exact_values([small / 4, small * 3 / 4, arb(0), arb(-3000000).exp()], format)
    assert list(exact.errors(np.zeros(4))) == [0.25, 0.75, 0, 0]
    assert list(exact.errors(np.full(4, format.smallest))) == [0.75, 0.25, 1, 1]


def test_a_ball_that_is_too_wide_or_nothing_is_undefined() -> None:
    format = format_of("float32")
    wide = arb(1, 1e-9)
    exact = exact_values([wide, arb.nan(), None, arb(1)], format)
    assert list(exact.defined) == [False, False, False, True]
    assert np.isnan(exact.errors(np.ones(4))[:3]).all()


# -- points ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_points_cover_the_whole_range(dtype: str) -> None:
    format = format_of(dtype)
    x = points(format, of_entry("sigmoid", {}).derivation.givens[0].domain, [0.7])
    (zero,) = np.flatnonzero(np.diff(x) <= 0)
    assert x.dtype == format.dtype and np.all(np.isfinite(x))
    assert x[zero] == x[zero + 1] == 0 and np.signbit(x[zero]) and not np.signbit(x[zero + 1])
    exponents = set(np.frexp(x[x != 0].astype(np.float64))[1])
    normal = set(range(format.lowest + 1, format.highest + 2))
    assert len(normal - exponents) < 4 and len(exponents - normal) > format.digits / 2
    for wanted in (format.largest, format.smallest, format.smallest_normal, 1.0, 0.5, 17.5):
        assert wanted in x and -wanted in x
    near = np.float64(format.dtype.type(0.7))
    for neighbour in range(-3, 4):
        assert from_ordinal(to_ordinal(near, format) + neighbour, format) in x


# -- exact values ----------------------------------------------------------------------------------------------------


@lru_cache
def reference(id: str, dtype: str, given: str = "") -> Reference:
    """With fewer points than a user gets: what is planted is found all the same."""
    page = derive(id, given=given, order=2) if given else of_entry(id, {})
    with pytest.MonkeyPatch.context() as patch:
        for family in ("LOG_UNIFORM", "MODERATE", "UNIFORM"):
            patch.setattr(point_families, family, 400)
        patch.setattr(point_families, "WINDOW", 4)
        return Reference(page.derivation, dtype)


#: By the name of an entry: f, f′ and f″ in mpmath's words.
KNOWN: Mapping[str, Callable[[Any], Any]] = {
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "tanh": mpmath.tanh,
    "gelu": lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "mish": lambda x: x * mpmath.tanh(mpmath.log(1 + mpmath.exp(x))),
}


@pytest.mark.parametrize("id", KNOWN)
def test_exact_values_are_those_of_another_library(id: str) -> None:
    of = reference(id, "float64")
    x = np.array([-700.25, -30.5, -1.25, -1e-8, 1e-300, 0.75, 12.5, 500.0])
    for order, name in enumerate(("y", "dy_dx", "d2y_dx2")):
        exact = of.at(name, x)
        for k, point in enumerate(x):
            with mpmath.workprec(4000):
                # Derivatives by Cauchy's formula, not by any rule of differentiation that the judge could share.
                h = mpmath.mpf(2) ** -1200
                samples = [KNOWN[id](mpmath.mpf(point) + (j - 1) * h) for j in range(3)]
                true = (samples[1], (samples[2] - samples[0]) / (2 * h), sum(samples[::2], -2 * samples[1]) / h**2)[
                    order
                ]
                assert abs(true - mpmath.mpf(float(exact.nearest[k]))) <= 0.51 * mpmath.mpf(2) ** int(exact.exponent[k])


def test_at_a_kink_the_convention_of_the_entry_is_exact() -> None:
    of = reference("hardswish", "float32")
    assert of.x[of.kink].tolist() == [-3, 3]
    exact = of.at("dy_dx", np.array([-3.0, 3.0]))
    assert exact.nearest.tolist() == [0.0, 1.0] and exact.rest.tolist() == [0, 0]
    assert reference("relu", "float64").at("dy_dx", np.array([0.0])).nearest.tolist() == [0]


def test_roots_of_the_derivatives_are_found() -> None:
    found = reference("silu", "float64").landmarks.roots
    assert found["y"] == (0.0,)
    assert found["dy_dx"] == pytest.approx([-1.2784645427610738], abs=1e-15)
    assert found["d2y_dx2"] == pytest.approx([-2.3993572805154675, 2.399357280515468], abs=1e-15)


# -- planted failures ------------------------------------------------------------------------------------------------


def spoiled(change: Callable[[Array, Array], Array], name: str = "y") -> Callable[[Subject, str], Any]:
    """The generated code with one array changed: ``change(x, array)``."""

    def planted(subject: Subject, dtype: str) -> Any:
        run = generated(subject, dtype)

        def spoil(values: Mapping[str, Any]) -> dict[str, Array]:
            found = dict(run(values))
            found[name] = change(np.asarray(values["x"]), found[name].copy())
            return found

        return spoil

    return planted


def where(low: float, high: float, to: Callable[[Array], Array]) -> Callable[[Array, Array], Array]:
    return lambda x, y: np.where((x >= low) & (x <= high), to(y), y).astype(y.dtype)


def row(id: str, dtype: str, change: Callable[[Array, Array], Array], name: str) -> Row:
    return next(m.row for m in measured(reference(id, dtype), spoiled(change, name)) if m.row.name == name)


PLANTED = {
    "NaN tail": (50.0, math.inf, lambda y: y * np.nan, NAN),
    "infinity": (-math.inf, -1e10, lambda y: y - np.inf, INFINITE),
    "wrong zero": (3.0, 4.0, lambda y: y * 0, ZERO),
    "5000 ULP": (1.0, 2.0, lambda y: y * (1 + 5000 * np.finfo(y.dtype).eps), LARGE),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["y", "dy_dx", "d2y_dx2"])
@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_failure_is_found_where_it_is(fault: str, name: str, dtype: str) -> None:
    low, high, to, kind = PLANTED[fault]
    sound = {m.row.name: m.row for m in measured(reference("softsign", dtype))}
    assert sound[name].sound and sound[name].away < 8
    found = row("softsign", dtype, where(low, high, to), name)
    assert not found.sound
    (region,) = found.regions
    assert region.kind == kind
    assert (region.low, region.high) == pytest.approx((low, high), rel=0 if kind != LARGE else 1e-2)
    assert region.points > 5 and found.worst > 1e3 and low <= found.worst_at <= high
    others = [m.row for m in measured(reference("softsign", dtype), spoiled(where(low, high, to), name))]
    assert all(r.sound for r in others if r.name != name)


def test_the_end_of_a_region_is_found_between_the_points() -> None:
    odd = 3.0000000000000173
    assert odd not in reference("softsign", "float64").x
    (region,) = row("softsign", "float64", where(odd, 4.0, lambda y: y * 0), "y").regions
    assert region.low == odd


@pytest.mark.parametrize(("id", "at", "name"), [("hardswish", 3.0, "dy_dx"), ("relu", 0.0, "dy_dx")])
def test_another_value_at_a_kink_is_found_there(id: str, at: float, name: str) -> None:
    found = row(id, "float32", where(at, at, lambda y: y * 0 + 0.5), name)
    assert [(r.kind, r.low, r.high) for r in found.regions] == [(KINK, at, at)]


def test_minus_zero_is_a_point_of_its_own() -> None:
    found = row(
        "softsign", "float32", lambda x, y: np.where(np.signbit(x) & (x == 0), np.nan, y).astype(y.dtype), "dy_dx"
    )
    assert [(r.kind, r.low, r.high, r.points) for r in found.regions] == [(NAN, 0, 0, 1)]


def test_a_single_bad_point_next_to_a_kink_is_found() -> None:
    after = float(np.nextafter(np.float32(3), np.float32(4)))
    found = row("hardswish", "float32", where(after, after, lambda y: y * 0 + 0.5), "dy_dx")
    assert [(r.kind, r.low, r.high) for r in found.regions] == [(LARGE, after, after)]


def test_next_to_a_kink_that_is_no_number_either_side_is_right() -> None:
    of = reference("where(x > 0.3, x, 0.1*x)", "float32", "x:")
    third = float(np.float32(0.3))
    assert of.landmarks.kinks == (third,) and not of.kink.any() and third not in of.x
    assert float(np.nextafter(np.float32(0.3), np.float32(1))) in of.x
    assert all(m.row.sound for m in measured(of))


def test_near_a_root_errors_are_judged_on_the_scale_of_the_function() -> None:
    """An error of one ε of the maximum is fine at the root of f′; the same relative error elsewhere is not hidden."""
    eps = float(np.finfo(np.float32).eps)
    found = row("silu", "float32", where(-1.3, -1.25, lambda y: y + np.float32(3 * eps)), "dy_dx")
    assert found.worst > 1e3 and found.away < 200 and not [r for r in found.regions if -1.3 <= r.low <= -1.25]
    (root,) = found.roots
    assert 2.5 < root.worst < 3.2 and root.scale == pytest.approx(1.0998, abs=1e-3)
    far = row("silu", "float32", where(-1.3, -1.25, lambda y: y + np.float32(3000 * eps)), "dy_dx")
    assert far.roots[0].worst > 2500
    away = row("silu", "float32", where(2.0, 3.0, lambda y: y * np.float32(1 + 500 * eps)), "dy_dx")
    assert 500 < away.away < 600 and 2 <= away.away_at <= 3


def test_nan_at_a_root_is_a_failure_all_the_same() -> None:
    found = row("silu", "float32", where(-1.3, -1.25, lambda y: y * np.nan), "dy_dx")
    assert [r.kind for r in found.regions] == [NAN]


# -- implementations -------------------------------------------------------------------------------------------------


def test_torch_and_naive_code_fail_where_they_are_known_to_fail() -> None:
    """The figures of float32 sigmoid: torch loses its derivative from 16.6 on, naive code is NaN below −88.7."""
    of = reference("sigmoid", "float32")
    forward = of_entry("sigmoid", {}).forward
    rows = {name: {m.row.name: m.row for m in measured(of, name, forward)} for name in ("numpy", "torch", "naive")}
    assert all(r.sound and r.worst < 5 for r in rows["numpy"].values())
    zero = next(r for r in rows["torch"]["dy_dx"].regions if r.kind == ZERO)
    assert 16.6 < zero.low < 16.7 and 87.3 < zero.high < 87.4
    nan = next(r for r in rows["naive"]["dy_dx"].regions if r.kind == NAN)
    assert nan.low == -math.inf and -88.8 < nan.high < -88.7


def test_a_formula_of_ones_own_and_its_second_derivative() -> None:
    rows = [m.row for m in measured(reference("x*sigmoid(1.7*x)", "float32", "x:"))]
    assert [r.order for r in rows] == [0, 1, 2] and all(r.points > 2000 for r in rows)


def test_points_stay_in_the_domain() -> None:
    of = reference("log(x)", "float32", "x: positive")
    assert of.x.min() > 0
    (root,) = of.landmarks.roots["L"]
    assert root == 1.0


def test_parameters_are_rounded_to_the_dtype_and_may_be_set() -> None:
    page = of_entry("leaky-relu", {})
    assert Reference(page.derivation, "float32").parameters == {"alpha": float(np.float32(0.01))}
    rows = measure(page.derivation, "float32", parameters={"alpha": 0.3})
    assert rows[0].parameters == {"alpha": float(np.float32(0.3))} and all(r.worst <= 1 for r in rows)


def test_of_several_variables_all_but_one_are_fixed() -> None:
    derivation = derive("x*y", given="x:\ny:").derivation
    with pytest.raises(NotMeasurable, match=r"function of x and y.*--set y=1"):
        measure(derivation)
    assert Reference(derivation, "float32", {"y": 3.0}).variable.name == "x"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"dtype": "float16"}, ValueError, "float32 and float64"),
        ({"implementation": "tensorflow"}, ValueError, ", ".join(IMPLEMENTATIONS)),
        ({"parameters": {"alhpa": 1.0}}, NotMeasurable, "has nothing called alhpa; it has x, alpha"),
        ({"implementation": "torch"}, Unavailable, "no counterpart in torch"),
    ],
)
def test_what_cannot_be_measured_says_why(arguments: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        measure(of_entry("elu", {}).derivation, **{"dtype": "float32", **arguments})


def test_jax_is_measured_where_it_is_installed() -> None:
    pytest.importorskip("jax", reason="jax is an optional extra")
    of = reference("sigmoid", "float32")
    rows = {m.row.name: m.row for m in measured(of, "jax")}
    assert rows["y"].away < 1e8 and any(r.kind == ZERO for r in rows["dy_dx"].regions)


def test_without_jax_its_import_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jax", None)
    with pytest.raises(ModuleNotFoundError, match="jax"):
        implementation("jax", Subject(of_entry("sigmoid", {}).derivation), "float32")
