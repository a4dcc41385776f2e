"""Losses and layers where others lose digits: errors in units of rounding against exact values, and no wrong zeros.

``reachable`` is what careful code reaches, in eps of the largest entry of an array; the generated code is held to four
times that.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from derived import derivation, module
from flint import arb, ctx

from nnmath.numeric.checking.exact import Judge
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.plans import GeneratedModule

Values = dict[str, Any]
DTYPES = ("float32", "float64")
THOROUGH = bool(os.environ.get("NNMATH_THOROUGH"))
ROWS, WIDTH = (16, 128) if THOROUGH else (4, 24)


def normal(*shape: int, scale: float = 1.0, offset: float = 0.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape) * scale + offset


def logits(scale: float) -> np.ndarray:
    rows = 24 if scale < 1000 else 8
    return np.random.default_rng(7).uniform(-scale, scale, (rows, 10))


def labels(scale: float) -> np.ndarray:
    """Every other label is that of the largest logit, where 1 − P cancels."""
    z = logits(scale)
    rows = np.arange(len(z))
    return np.where(rows % 2, z.argmax(1), rows % 10)


def hard(n: int = 48) -> np.ndarray:
    return (np.arange(n) % 2).astype(float)


def large(dtype: str) -> list[float]:
    """Scales whose squares are out of range."""
    return [1e20, 1e25, 1e-25] if dtype == "float32" else [1e160, 1e300, 1e-200]


def _layer(id: str, scale: float = 1.0, offset: float = 0.0) -> Values:
    x = normal(ROWS, WIDTH, scale=scale, offset=offset)
    if id == "weightnorm":
        return {"U": x, "g": normal(ROWS, seed=1), "dW": normal(ROWS, WIDTH, seed=3)}
    values: Values = {"X": x, "g": normal(WIDTH, seed=1), "dY": normal(ROWS, WIDTH, seed=3), "eps": 1e-5}
    if id == "batchnorm":
        return values | {"m": normal(WIDTH, seed=4, offset=offset), "v": abs(normal(WIDTH, seed=5)) + 0.1}
    if id == "groupnorm":
        shape = (ROWS, 2, 2, WIDTH // 4)
        return values | {"X": x.reshape(shape), "g": normal(2, 2, seed=1), "dY": values["dY"].reshape(shape)}
    if id == "instancenorm":
        shape = (ROWS, 2, WIDTH // 2)
        return values | {"X": x.reshape(shape), "g": normal(2, seed=1), "dY": values["dY"].reshape(shape)}
    return values


def _cosine(dtype: str, scale: float = 1.0, off: float = 1.0, ratio: float = 1.0) -> Values:
    """Pairs a, b = ratio·(a + off·noise). No cosine is below the margin: none lies at the kink."""
    a = normal(ROWS, WIDTH, scale=scale).astype(dtype).astype(float)
    b = (a + off * normal(ROWS, WIDTH, scale=scale, seed=2)) * ratio
    return {"A": a, "B": b, "y": np.where(np.arange(ROWS) % 2, 1.0, -1.0), "margin": -2.0, "eps": 1e-12}


def _triplet(scale: float) -> Values:
    """Distances that are not in order, so that every triplet has a loss."""
    arrays = {n: normal(ROWS, WIDTH, scale=scale * k, seed=k) for k, n in enumerate("NAP", 1)}
    return arrays | {"margin": 1.0, "eps": 1e-6}


def _residuals(scale: float) -> Values:
    """Residuals and variances of one scale: the square of a residual is out of range, that over the variance is not."""
    return {
        "m": normal(48, scale=scale),
        "t": normal(48, scale=scale, seed=1),
        "v": abs(normal(48, scale=scale, seed=2)),
    }


def _units(id: str, furthest: float = 60.0) -> Values:
    """Arguments of a network whose biases spread its units over ±furthest, from one limit to the other.

    One unit in the middle has all of its gates open halfway: it has the largest derivatives.
    """
    sizes = {"n": 3, "D": 4, "H": 9, "C": 5}
    values: Values = {}
    for at, t in enumerate(g for g in derivation(id).givens if g.rank):
        shape = tuple(sizes[str(d)] for d in t.dims)
        values[t.name] = normal(*shape, scale=0.5, seed=at)
        if t.name in BIASES[id]:
            values[t.name] = np.linspace(-furthest, furthest, shape[0]) * (-1) ** at
        elif t.name in "YT":
            values[t.name] = np.eye(shape[1])[np.arange(shape[0]) % shape[1]]
    return values | {t.name: float(t.domain.value) for t in derivation(id).givens if t.domain.value is not None}


#: The biases of units that saturate, by entry.
BIASES = {
    "glu": "c",
    "swiglu": "b",
    "mlp-softmax": ("b1",),
    "mlp-mse": ("b1", "b2"),
    "rnn": "b",
    "gru": ("br", "bz", "bc"),
    "lstm": ("bi", "bf", "bg", "bo"),
    "wgan-gp": "b",
}

#: id, regime, values for a dtype, reachable error in eps.
REGIMES: list[tuple[str, str, Callable[[str], Values], float]] = [
    *(
        ("softmax-ce-labels", f"logits {s:g}", lambda d, s=s: {"Z": logits(s), "y": labels(s)}, 1.0)
        for s in (30, 300, 1e4)
    ),
    *(
        ("softmax-ce", f"one-hot, logits {s:g}", lambda d, s=s: {"Z": logits(s), "Y": np.eye(10)[labels(s)]}, 1.0)
        for s in (30, 300, 1e4)
    ),
    ("bce-with-logits", "hard labels, scale 30", lambda d: {"z": normal(48, scale=30.0), "t": hard()}, 1.0),
    ("multilabel-soft-margin", "scale 30", lambda d: {"Z": normal(6, 8, scale=30.0), "T": hard().reshape(6, 8)}, 1.0),
    (
        "focal",
        "scale 30",
        lambda d: {"z": normal(48, scale=30.0), "y": 2 * hard() - 1, "alpha": 0.25, "gamma": 2.0},
        1.5,
    ),
    *(
        (i, "offset 1e4", lambda d, i=i: _layer(i, offset=1e4), 1.4)
        for i in ("layernorm", "groupnorm", "instancenorm", "batchnorm")
    ),
    *(
        (i, f"scale {('large', 'larger', 'tiny')[k]}", lambda d, i=i, k=k: _layer(i, scale=large(d)[k]), 1.5)
        for i in ("layernorm", "rmsnorm", "groupnorm", "instancenorm", "weightnorm", "batchnorm")
        for k in range(3)
    ),
    *(
        ("cosine-embedding", f"scale {('large', 'larger', 'tiny')[k]}", lambda d, k=k: _cosine(d, large(d)[k]), 1.5)
        for k in range(3)
    ),
    *(("cosine-embedding", f"parallel up to {s:g}", lambda d, s=s: _cosine(d, off=s), 1.4) for s in (1e-2, 1e-4, 1e-6)),
    ("cosine-embedding", "parallel, twice as long", lambda d: _cosine(d, off=1e-4, ratio=2.0), 1.4),
    ("cosine-embedding", "antiparallel", lambda d: _cosine(d, off=1e-4, ratio=-1.0), 1.4),
    *(
        ("triplet-margin", f"scale {('large', 'larger')[k]}", lambda d, k=k: _triplet(large(d)[k]), 1.0)
        for k in range(2)
    ),
    *(("gaussian-nll", f"scale {('large', 'larger')[k]}", lambda d, k=k: _residuals(large(d)[k]), 1.0) for k in (0, 1)),
    *((i, "saturated units", lambda d, i=i: _units(i), 1.5) for i in BIASES),
]


@cache
def judge(id: str) -> tuple[Judge, GeneratedModule]:
    return Judge(derivation(id)), module(id)


def rounded(values: Values, dtype: str) -> Values:
    return {n: v.astype(dtype) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v for n, v in values.items()}


@cache
def exact(id: str, regime: str, dtype: str) -> dict[str, np.ndarray]:
    """Exact derivatives, as balls."""
    judged, generated = judge(id)
    values = rounded(case(id, regime)(dtype), dtype)
    tensors = {t.name: t for t in judged.derivation.givens}
    sizes = {d: k for n, v in values.items() for d, k in zip(tensors[n].dims, np.shape(v), strict=True)}
    wanted = [judged.definitions[r].tensor for r in generated.functions[-1].returns]
    bits = 65536 if "1e+04" in regime or "10000" in regime else 2048
    return judged.at(wanted, sizes, {tensors[n]: np.asarray(v) for n, v in values.items() if n in tensors}, bits)


def case(id: str, regime: str) -> Callable[[str], Values]:
    return next(v for i, r, v, _ in REGIMES if (i, r) == (id, regime))


def errors(source: str, id: str, regime: str, dtype: str) -> tuple[float, int]:
    """The largest error of a derivative, in eps of its largest entry, and the number of wrong zeros in all of them.

    Gradients of parameters, which are sums over the batch and may cancel, count for the zeros only.
    """
    values = rounded(case(id, regime)(dtype), dtype)
    function = module(id).functions[-1]
    with np.errstate(all="ignore"):
        out = load_source(source)[function.name](**{n: values[n] for n in function.arguments})
    arrays = out if len(function.returns) > 1 else (out,)
    deepest = max(a.ndim for a in arrays)
    worst, zeros = 0.0, 0
    info = np.finfo(dtype)
    for name, array in zip(function.returns, arrays, strict=True):
        balls = exact(id, regime, dtype)[name].ravel()
        got = np.asarray(array).ravel()
        assert array.dtype == dtype and got.shape == balls.shape
        true = np.array([float(b.mid()) for b in balls])
        off = [
            abs(float((arb(float(g)) - b).mid())) if np.isfinite(g) else np.inf for g, b in zip(got, balls, strict=True)
        ]
        unit = max(float(info.eps) * np.abs(true).max(), float(info.smallest_subnormal))
        if array.ndim == deepest:
            worst = max(worst, max(off) / unit)
        zeros += int(np.sum((got == 0) & (np.abs(true) >= float(info.tiny))))
    return worst, zeros


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("id", "regime", "reachable"), [(r[0], r[1], r[3]) for r in REGIMES], ids=lambda x: str(x))
def test_derivatives_are_within_four_times_what_is_reachable(
    id: str, regime: str, reachable: float, dtype: str
) -> None:
    worst, zeros = errors(module(id).source, id, regime, dtype)
    assert zeros == 0
    assert worst <= 4 * reachable


#: The forms that everybody writes, each where it fails: id, regime, what is replaced, by what, how it fails.
WORSE = [
    ("softmax-ce-labels", "logits 300", "_zero_sum(P, y, axis=1, less=1)", "P[np.arange(n), y] -= 1", "zeros"),
    ("softmax-ce", "one-hot, logits 300", "(1 - own - own * rest) / total", "1 / total - own", "zeros"),
    ("softmax-ce", "one-hot, logits 300", "total < 1.25", "total < 0.5", "zeros"),
    ("bce-with-logits", "hard labels, scale 30", "_sigmoid_minus(z, t)", "(1 / (1 + np.exp(-z)) - t)", "zeros"),
    ("multilabel-soft-margin", "scale 30", "_sigmoid_minus(Z, T)", "(1 / (1 + np.exp(-Z)) - T)", "zeros"),
    ("focal", "scale 30", "np.power(s, gamma)", "np.power(1 - p, gamma)", "zeros"),
    ("layernorm", "offset 1e4", "H -= (_sum_each_row(H) / D)[:, None]", "pass", "error"),
    ("batchnorm", "offset 1e4", "H -= _sum_rows(H) / n", "pass", "error"),
    ("rmsnorm", "scale large", "X_scale = _row_scale(X,", "X_scale = np.ones(ROWS, X.dtype)  # (", "error"),
    ("layernorm", "scale larger", "X_scale = _row_scale(X,", "X_scale = np.ones(ROWS, X.dtype)  # (", "error"),
    ("weightnorm", "scale tiny", "U_scale = _row_scale(U,", "U_scale = np.ones(ROWS, U.dtype)  # (", "error"),
    ("glu", "saturated units", "dU *= 1 - dU", "dU = (1 - S) * S", "zeros"),
    ("mlp-mse", "saturated units", "q * (1 - q)", "(1 - A1) * A1", "zeros"),
    ("cosine-embedding", "parallel up to 0.0001", "B_over_A = _power", "B_over_A = 0 * _power", "error"),
    ("triplet-margin", "scale large", "V_scale = _row_scale(V,", "V_scale = np.ones(ROWS, V.dtype)  # (", "zeros"),
    ("gaussian-nll", "scale large", "(1 - difference / v * difference)", "(v - difference**2) / v", "error"),
    *(
        (i, "saturated units", "    e *= 4.0\n    return e\n", "    return 1 - np.tanh(x) ** 2\n", "zeros")
        for i in ("mlp-softmax", "rnn", "gru", "lstm", "wgan-gp")
    ),
]


@pytest.mark.parametrize(("id", "regime", "old", "new", "how"), WORSE, ids=[f"{w[0]}, {w[1]}" for w in WORSE])
def test_the_usual_form_fails(id: str, regime: str, old: str, new: str, how: str) -> None:
    source = module(id).source
    assert old in source
    spoiled = source.replace(old, new.replace("ROWS", str(ROWS)))
    assert errors(source, id, regime, "float32")[1] == 0
    worst, zeros = errors(spoiled, id, regime, "float32")
    assert zeros > 0 if how == "zeros" else not worst < 50


def test_the_penalty_of_a_steep_critic_is_finite_where_the_squares_of_its_gradient_are_not() -> None:
    """The rows of that gradient are computed; in float64 their squares are in range."""
    values = _units("wgan-gp", 2.0)
    values["w"] = values["w"] * 1e20
    generated = module("wgan-gp")
    function = generated.functions[-1]

    def penalty(dtype: str) -> np.ndarray:
        run = load_source(generated.source)[function.name]
        with np.errstate(all="ignore"):
            found = run(**{n: rounded(values, dtype)[n] for n in function.arguments})
        return np.asarray(found[function.returns.index("dL_dG")])

    narrow, wide = penalty("float32"), penalty("float64")
    assert np.abs(wide).min() > 1e15
    np.testing.assert_allclose(narrow, wide, rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_units_near_one_limit_are_apart(dtype: str) -> None:
    """tanh(x) − tanh(y) where both round to ±1, on two sides, near 0, and for infinite arguments."""
    minus = load_source(module("wgan-gp").source)["_tanh_minus"]
    points = np.array([0.0, 1e-20, 1e-3, 0.7, 2.9, 3.1, 12.0, 30.0, 41.0, np.inf])
    x, y = (v.astype(dtype) for v in np.meshgrid(np.concatenate([-points, points]), points))
    for found, a, b in ((minus(x, y), x, y), (minus(x[0], y[:, :1]), x, y), (minus(y, x), y, x)):
        assert found.dtype == dtype
        with ctx.workprec(300):
            balls = [arb(float(p)).tanh() - arb(float(q)).tanh() for p, q in np.broadcast(a, b)]
        exact = np.array([float(e.mid()) for e in balls])
        apart = np.ravel(np.tanh(a) * np.tanh(b) <= 0.99)  # there it is a plain difference of numbers up to 1
        assert np.all(abs(found.ravel() - exact) <= np.finfo(dtype).eps * (apart + 6 * abs(exact)) + 1e-44)
    assert minus(x[0, 0], y[0, 0]) == np.tanh(x[0, 0]) and np.isnan(minus(x, np.full_like(y, np.nan))).all()


def test_ordinary_rows_are_not_scaled() -> None:
    """The scale of ordinary data is exactly 1, that of a row of zeros and of one that is not finite too."""
    scale = load_source(module("rmsnorm").source)["_row_scale"]
    x = np.array(
        [[1.0, -3.0], [0.0, 0.0], [np.inf, 1.0], [np.nan, 1.0], [1e-30, -3e-30], [-3e30, 0.0]], dtype=np.float32
    )
    with np.errstate(all="ignore"):
        found = scale(x, axis=1)
    assert found.tolist() == [1.0, 1.0, 1.0, 1.0, 2.0**-99, 2.0**101]
    assert found.dtype == np.float32
    assert scale(x[:1], axis=1).tolist() == [1.0]
    assert scale(x[4:5], axis=1, least=1e-3).tolist() == [1.0]
    assert scale(x[5:], axis=0).tolist() == [2.0**101, 1.0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("id", "name"), [("rmsnorm", "_row_scale"), ("clip-norm", "_array_scale")])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_floats_of_every_length_are_scaled(id: str, name: str, dtype: type) -> None:
    scale = load_source(module(id).source)[name]
    least = np.finfo(dtype).maxexp // 2
    rows = {"axis": 1} if name == "_row_scale" else {}
    for power, expected in ((0, 0), (least, least), (-least, -least)):
        found = scale(np.full((2, 3), np.ldexp(dtype(1), power)), **rows)
        assert found.dtype == dtype and np.all(found == np.ldexp(dtype(1), expected))


@pytest.mark.parametrize(
    ("x", "power"), [(1.0, 1.0), (1.2, 1.0), (1.9, 2.0), (-0.26, -0.25), (0.0, 0.0), (-3e-30, -(2.0**-98))]
)
def test_power_of_two_is_the_nearest(x: float, power: float) -> None:
    found = load_source(module("cosine-embedding").source)["_power_of_two"](np.array([x], dtype=np.float32))
    assert found.dtype == np.float32
    assert found.tolist() == [power]
