"""What is rewritten in the loops of compiled kernels: the same values for less, and only where they are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnmath.numeric.native.loops.kernels import Target
from nnmath.numeric.native.rewriting import bounds, choices
from nnmath.numeric.native.rewriting.cheapest import cheapest
from nnmath.numeric.native.rewriting.ranges import Ranges
from nnmath.numeric.native.scalars import Scalar, closure, negative, signed_sum

N = frozenset({"n"})
X = Scalar("load", (Scalar("counter", (), ("n",), N),), ("x", ("n",)), N)


def const(value: float) -> Scalar:
    return Scalar("const", (), (value,))


def call(function: str, *args: Scalar) -> Scalar:
    return Scalar("call", args, (function,), frozenset().union(*(a.axes for a in args)))


def times(*args: Scalar, over: Scalar | None = None) -> Scalar:
    under = (over,) if over is not None else ()
    every = (*args, *under)
    return Scalar("mul", every, (len(args),), frozenset().union(*(a.axes for a in every)))


def compare(op: str, x: Scalar = X) -> Scalar:
    return Scalar("compare", (x, const(0)), (op,), x.axes)


def plus(*args: Scalar) -> Scalar:
    return signed_sum(*((1, a) for a in args))


def minus(a: Scalar, b: Scalar) -> Scalar:
    return signed_sum((1, a), (-1, b))


SIZE = call("abs", call("clip", X, const(-800), const(800)))
HALF = call("exp", times(const(-0.5), SIZE))
SQUARE = times(HALF, HALF)
ONE = plus(SQUARE, const(1))
LEFT = times(HALF, times(minus(SQUARE, minus(SIZE, const(1))), over=times(ONE, ONE)), HALF)
DERIVATIVE = plus(times(minus(const(1), times(const(2), LEFT)), compare(">")), LEFT)
VALUE = minus(call("relu", X), times(HALF, times(SIZE, over=ONE), HALF))
TWO = plus(SQUARE, const(2))
BRANCHES = plus(
    times(compare(">"), times(SIZE, over=ONE)), times(compare("<="), negative(times(SQUARE, over=times(TWO, TWO))))
)

SIGMOID = times(plus(compare(">"), times(compare("<="), call("exp", negative(call("abs", X))))), over=ONE)

CUBIC = plus(times(SIZE, SIZE, SIZE), times(const(3), SIZE), const(1))
#: Polynomials in exp(−|x|) in both branches.
OVER_ONE = plus(times(const(2), SQUARE, SQUARE), times(const(2), SQUARE), const(1))
OVER_TWO = plus(times(SQUARE, SQUARE), times(const(2), SQUARE), const(2))
ABOVE_ONE = plus(times(SQUARE, SQUARE, plus(SIZE, const(6))), times(const(4), SQUARE), const(1))
ABOVE_TWO = plus(times(const(5), SQUARE, SQUARE), times(SQUARE, plus(SIZE, const(7))), const(4))
POLYNOMIALS = plus(
    times(compare(">"), times(ABOVE_ONE, over=times(OVER_ONE, OVER_ONE))),
    times(compare("<="), times(HALF, times(ABOVE_TWO, over=times(OVER_TWO, OVER_TWO)), HALF)),
)
MEAN = plus(
    times(minus(const(1), SQUARE), call("softplus", X)),
    times(SQUARE, call("softplus", negative(X))),
)

FORMS: dict[str, tuple[Scalar, ...]] = {
    "value and derivative": (VALUE, DERIVATIVE),
    "branches": (BRANCHES,),
    "an exponential that does not vanish": (HALF, plus(SQUARE, HALF)),
    "a clip that is also returned": (VALUE, SIZE),
    "a mask alone": (SIGMOID,),
    "a sum of powers": (CUBIC,),
    "a choice of polynomials": (POLYNOMIALS,),
    "a mean of softplus": (MEAN,),
    "a choice of a constant": (plus(times(compare(">"), X), times(compare("<="), const(0.5))),),
}


def evaluated(root: Scalar, x: Any) -> dict[Scalar, Any]:
    """Every value under a root, in the dtype of x."""
    real, found = x.dtype.type, {}
    clips = {"minimum": np.minimum, "maximum": np.maximum, "where": np.where, "clip": np.clip}
    functions = {"exp": np.exp, "abs": np.abs, "relu": lambda a: np.maximum(a, real(0)), **clips}
    functions["softplus"] = lambda a: np.logaddexp(real(0), a)
    functions["softplus_mean"] = lambda a, t: np.log1p(np.exp(-abs(a))) + abs(a) * np.where(a < 0, t, 1 - t)
    comparisons = {">": np.greater, "<=": np.less_equal, "<": np.less, ">=": np.greater_equal}
    with np.errstate(all="ignore"):
        for v in closure([root]):
            args = [found[a] for a in v.args]
            if v.op in ("load", "counter", "const"):
                found[v] = x if v.op == "load" else real(v.data[0] if v.op == "const" else 0)
            elif v.op == "neg":
                found[v] = -args[0]
            elif v.op == "add":
                found[v] = sum((a if s == 1 else -a for s, a in zip(v.data, args, strict=True)), real(0))
            elif v.op == "mul":
                found[v] = real(1)
                for at, a in enumerate(args):
                    found[v] = found[v] * a if at < v.data[0] else found[v] / a
            elif v.op == "compare":
                found[v] = comparisons[v.data[0]](*args)
            else:
                found[v] = functions[v.data[0]](*args)
    return found


def points(dtype: type) -> Any:
    """Of every size and sign; none near -1.28, where the derivative is zero."""
    rng = np.random.default_rng(1)
    sizes = np.concatenate([np.exp(rng.uniform(-80, 8, 2000)), rng.uniform(0, 400, 4000), [0, 1e30, np.inf]])
    both = np.concatenate([sizes, -sizes, [np.nan]])
    return both[~(np.abs(both + 1.28) < 0.2)].astype(dtype)


def rewritten(roots: tuple[Scalar, ...], real: str) -> list[Scalar]:
    return [t.value for t in cheapest([Target(f"y{k}", r, ("n",)) for k, r in enumerate(roots)], N, real)]


def largest_difference(roots: tuple[Scalar, ...], real: str, dtype: type) -> float:
    """In units of the last place; infinite where one value is NaN and the other is none."""
    x, worst = points(dtype), 0.0
    for old, new in zip(roots, rewritten(roots, real), strict=True):
        a, b = (np.broadcast_to(evaluated(v, x)[v], x.shape) for v in (old, new))
        finite = np.isfinite(a) & np.isfinite(b)
        if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
            return float("inf")
        a, b = a[finite], b[finite]
        with np.errstate(over="ignore"):
            worst = max(worst, float(np.max(np.abs(a - b) / np.spacing(np.abs(a)))))
    return worst


@pytest.mark.parametrize(("real", "dtype"), (("float", np.float32), ("double", np.float64)))
@pytest.mark.parametrize("name", FORMS)
def test_the_values_stay(name: str, real: str, dtype: type) -> None:
    assert largest_difference(FORMS[name], real, dtype) <= 8


def test_a_bound_that_comes_too_early_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bounds.NORMAL, "float", (-30.0, 88.0))
    monkeypatch.setitem(bounds.ZERO, "float", 1e-20)
    assert largest_difference(FORMS["value and derivative"], "float", np.float32) > 1e3


def swapped(mask: Scalar, a: Scalar, b: Scalar) -> Scalar:
    return Scalar("call", (mask, b, a), ("where",), mask.axes | a.axes | b.axes)


def test_a_choice_of_the_wrong_coefficient_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "choice", swapped)
    assert largest_difference((POLYNOMIALS,), "float", np.float32) > 1e3


def test_the_weights_of_a_mean_must_add_up_to_one() -> None:
    other = plus(times(minus(const(1), SIZE), call("softplus", X)), times(SQUARE, call("softplus", negative(X))))
    made = [{v.data[0] for v in closure(rewritten((root,), "float")) if v.op == "call"} for root in (MEAN, other)]
    assert "softplus_mean" in made[0] and "softplus_mean" not in made[1]


def products(roots: tuple[Scalar, ...]) -> int:
    """How many products and quotients are made, those of the exponents included."""
    values = [v for v in closure(rewritten(roots, "float")) if v.op == "mul"]
    return sum(len(v.args) - 1 for v in values if v.data[0])


@pytest.mark.parametrize(
    ("name", "most"),
    (
        ("value and derivative", 7),
        ("a sum of powers", 2),  # x·(3 + x·x) + 1
        ("a choice of polynomials", 9),  # x/2, E·E, 2 in the divisor, 2 in the polynomial, q = E/u and a·q·q
    ),
)
def test_so_many_products_are_enough(name: str, most: int) -> None:
    assert products(FORMS[name]) <= most


def bound_of(roots: tuple[Scalar, ...], real: str) -> set[float]:
    return {v.args[1].data[0] for v in closure(rewritten(roots, real)) if v.op == "call" and v.data[0] == "minimum"}  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "floats", "doubles"),
    (
        ("value and derivative", {173}, {800}),
        ("branches", {800}, {800}),  # exp(−|x|) alone is a subnormal float beyond 87
        ("an exponential that does not vanish", {800}, {800}),
        ("a clip that is also returned", {800}, {800}),
    ),
)
def test_clips_come_as_early_as_nothing_is_lost(name: str, floats: set[float], doubles: set[float]) -> None:
    assert bound_of(FORMS[name], "float") == floats
    assert bound_of(FORMS[name], "double") == doubles


def count(roots: tuple[Scalar, ...], real: str) -> tuple[int, int]:
    """Divisions, and exponentials of the cheap kind."""
    values = closure(rewritten(roots, real))
    divisions = sum(len(v.args) - v.data[0] for v in values if v.op == "mul")  # type: ignore[operator, misc]
    return divisions, sum(v.op == "call" and v.data[1:] == ("normal",) for v in values)


@pytest.mark.parametrize(
    ("name", "floats", "doubles"),
    (
        ("value and derivative", (1, 1), (1, 1)),
        ("branches", (1, 0), (1, 1)),
        ("an exponential that does not vanish", (0, 0), (0, 1)),
    ),
)
def test_what_is_saved(name: str, floats: tuple[int, int], doubles: tuple[int, int]) -> None:
    assert (count(FORMS[name], "float"), count(FORMS[name], "double")) == (floats, doubles)


def test_divisions_by_what_may_be_zero_or_huge_stay() -> None:
    tiny, huge = SQUARE, plus(times(X, X), const(1))
    for u in (tiny, huge):
        roots = (times(X, over=u), times(X, X, over=u))
        assert rewritten(roots, "float") == list(rewritten(roots, "float"))
        assert count(roots, "float")[0] == 2


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("name", FORMS)
def test_ranges_hold_every_value(name: str, dtype: type) -> None:
    ranges = Ranges()
    for root in FORMS[name]:
        for v, found in evaluated(root, points(dtype)).items():
            low, high = ranges(v)
            found = np.asarray(found, float)
            found = found[~np.isnan(found)]
            assert low <= found.min() and found.max() <= high, v


@pytest.mark.parametrize(
    ("value", "expected"),
    (
        (HALF, (0.0, 1.0)),
        (ONE, (1.0, 2.0)),
        (times(X, X), (0.0, float("inf"))),
        (times(X, X, X), (-float("inf"), float("inf"))),
        (minus(X, Scalar("max", (X,), (), frozenset(), ("n",))), (-float("inf"), 0.0)),
        (call("tanh", X), (-1.0, 1.0)),
        (times(const(1), over=X), (-float("inf"), float("inf"))),
    ),
)
def test_ranges_are_no_wider_than_need_be(value: Scalar, expected: tuple[float, float]) -> None:
    assert Ranges()(value) == pytest.approx(expected, abs=1e-4)
