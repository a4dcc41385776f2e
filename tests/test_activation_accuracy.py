"""Activations to a few ULP: value, derivative and second derivative of the generated code over the whole finite range.

The figures stand in a table. By default a fourth of the table is measured, at a fourth of the points of ``nnmath
accuracy``; all of it, at ten times as many, with ``NNMATH_THOROUGH=1``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import derived
import pytest
from compiler_here import needs_compiler

from nnmath.derivations import Entry, catalogue
from nnmath.derivations.build import derive_entry
from nnmath.numeric.accuracy import Reference, measured, points
from nnmath.numeric.accuracy.functions import Row
from nnmath.numeric.accuracy.implementations import Implementation, Subject, from_source

THOROUGH = bool(os.environ.get("NNMATH_THOROUGH"))
DTYPES = ("float32", "float64")

#: The largest error of the derivative, in ULP, away from its roots.
TIGHT, GATED = 4, 16
DERIVATIVES = {
    **dict.fromkeys(("sigmoid", "tanh", "softplus", "log-sigmoid", "softsign", "tanhshrink"), TIGHT),
    **dict.fromkeys(("elu", "selu", "hardswish", "hardsigmoid", "relu", "leaky-relu", "squared-relu"), TIGHT),
    **dict.fromkeys(("silu", "swish", "gelu", "gelu-tanh", "mish", "celu"), GATED),
}

#: The same for values and second derivatives.
OTHERS = 16

#: Near a root, in ε of the largest value around it.
NEAR_ROOT = 4

#: Other parameters that are measured too: multiples of x that are rounded.
PARAMETERS = {"celu": {"alpha": 1.3}, "swish": {"beta": 3.0}, "elu": {"alpha": 0.7}, "softplus": {"beta": 1.3}}


@pytest.fixture(scope="module", autouse=True)
def fewer_points() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if not THOROUGH:
            for name in ("LOG_UNIFORM", "MODERATE", "UNIFORM", "SUBNORMAL", "WINDOW"):
                patch.setattr(points, name, getattr(points, name) // 4)
        yield


@cache
def reference(id: str, dtype: str, *parameters: tuple[str, float]) -> Reference:
    return Reference(derived.derivation(id), dtype, dict(parameters), thorough=THOROUGH)


def rows(id: str, dtype: str, implementation: object = "numpy", *parameters: tuple[str, float]) -> list[Row]:
    return [m.row for m in measured(reference(id, dtype, *parameters), implementation)]


def broken(id: str, found: list[Row]) -> list[str]:
    """What of the table these rows do not keep."""
    said = []
    for row in found:
        limit = DERIVATIVES[id] if row.order == 1 else OTHERS
        said += [f"{row.name} {row.dtype}: {r.kind} on [{r.low}, {r.high}]" for r in row.regions]
        if not row.away <= limit:
            said.append(f"{row.name} {row.dtype}: {row.away} ULP at {row.away_at}, allowed {limit}")
        said += [f"{row.name} {row.dtype}: {r.worst} ε near {r.at}" for r in row.roots if not r.worst <= NEAR_ROOT]
    return said


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("id", DERIVATIVES)
def test_the_generated_code_keeps_the_figures(id: str, dtype: str) -> None:
    assert broken(id, rows(id, dtype)) == []


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("id", PARAMETERS)
def test_other_parameters_cost_nothing(id: str, dtype: str) -> None:
    assert broken(id, rows(id, dtype, "numpy", *PARAMETERS[id].items())) == []


#: A correctly rounded result is half a unit off, one that was rounded from float64 a little more.
HALF = 0.5001

FEW = ("silu", "elu", "selu", "celu", "softplus", "log-sigmoid", "tanh")


def never_worse(id: str, dtype: str, other: str, code: object = "numpy") -> None:
    """At finite numbers: what others return at an infinity is judged elsewhere."""
    of = Reference(derived.derivation(id), dtype, thorough=THOROUGH, infinities=False)
    ours = {m.row.name: m.row for m in measured(of, code)}
    entry = catalogue()[id]
    for theirs in (m.row for m in measured(of, other, entry.torch, entry.jax)):
        allowed = max(theirs.away, HALF)
        assert ours[theirs.name].away <= allowed, (theirs.name, dtype, ours[theirs.name].away, theirs.away)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("id", DERIVATIVES if THOROUGH else FEW)
def test_torch_is_nowhere_better(id: str, dtype: str) -> None:
    if dtype == "float64" and id not in ("tanh", "softplus", "log-sigmoid", "selu") and not THOROUGH:
        pytest.skip("NNMATH_THOROUGH=1 measures float64 too")
    never_worse(id, dtype, "torch")


@needs_compiler
def test_torch_is_no_better_than_compiled_tanh() -> None:
    never_worse("tanh", "float64", "torch", "c")


#: Compiled code: the largest error in ULP of a value (0) or derivative (1).
COMPILED = [
    ("tanh", "float32", 0, 0.501),
    ("tanh", "float64", 0, 0.51),
    ("elu", "float64", 0, 0.7),
    ("elu", "float64", 1, 0.6),
    ("hardsigmoid", "float32", 0, 1.0),
]


@needs_compiler
@pytest.mark.parametrize(("id", "dtype", "order", "most"), COMPILED)
def test_compiled_code_keeps_the_figures(id: str, dtype: str, order: int, most: float) -> None:
    (row,) = (r for r in rows(id, dtype, "c") if r.order == order)
    assert row.away <= most and not row.regions


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("id", DERIVATIVES)
def test_jax_is_nowhere_better(id: str, dtype: str) -> None:
    pytest.importorskip("jax", reason="jax is an optional extra")
    never_worse(id, dtype, "jax")


#: The same with NumPy's own function of float32, or with one rounding more.
LESS_PRECISE = [
    ("elu", "float32", "_in_double(np.expm1, np.minimum(x, 0.0))", "np.expm1(np.minimum(x, 0.0))"),
    ("tanh", "float32", "return _precise_tanh(x)", "return np.tanh(x)"),
    ("tanh", "float64", "return _precise_tanh(x)", "return np.tanh(x)"),
    (
        "log-sigmoid",
        "float64",
        "return -_precise_softplus(-x)",
        "return -(np.maximum(-x, 0.0) + np.log1p(np.exp(-np.abs(x))))",
    ),
    ("log-sigmoid", "float32", "_in_double(np.exp, -np.abs(x))", "np.exp(-np.abs(x))"),
    (
        "selu",
        "float64",
        "alpha * lam * _in_double(np.exp, np.minimum(x, 0.0))",
        "_in_double(np.exp, np.minimum(x, 0.0)) * alpha * lam",
    ),
]


@pytest.mark.parametrize(("id", "dtype", "form", "worse"), LESS_PRECISE, ids=[p[0] for p in LESS_PRECISE])
def test_torch_is_better_than_less_precise_code(id: str, dtype: str, form: str, worse: str) -> None:
    with pytest.raises(AssertionError):
        never_worse(id, dtype, "torch", spoiled(id, form, worse))


#: What users write: the same rules make it accurate.
OWN = ["x*sigmoid(1.7*x)", "x**3*exp(-x**2)", "x*exp(-x)/(1 + exp(-x))", "x*(1 + erf(x/2))", "x*tanh(softplus(2*x))/3"]


@pytest.mark.parametrize("formula", OWN if THOROUGH else OWN[:1])
def test_formulas_of_users_are_as_accurate(formula: str) -> None:
    entry = Entry(id="own", title="own", given="x: real", define=f"y = {formula}", wanted=("dy/dx", "d2y/dx2"))
    derivation = derive_entry(entry)
    for dtype in DTYPES if THOROUGH else DTYPES[:1]:
        for name in ("numpy", "naive"):
            found = [m.row for m in measured(Reference(derivation, dtype), name)]
            assert all(row.sound and row.away <= OTHERS for row in found) == (name == "numpy"), (name, dtype, found)


#: Worse forms of the same functions, as one would write them.
WORSE = [
    ("sigmoid", "q * (1 - q)", "(1 - q) * (1 - (1 - q))"),
    ("tanh", "return _sech2(x)", "return 1.0 - np.tanh(x)**2"),
    ("softsign", "return 1 / u / u", "return 1 / (u * u)"),
    ("tanhshrink", "return _tanh_remainder(x)", "return x - np.tanh(x)"),
    ("silu", "e * (bounded / (e * e + 1)) * e", "e * e * (bounded / (e * e + 1))"),
    ("silu", "_beyond(e * (bounded / (e * e + 1)) * e, x, 84.0)", "e * (bounded / (e * e + 1)) * e"),
    ("mish", "np.clip(x, -800.0, 42.0)", "np.clip(x, -800.0, 22.0)"),
    ("gelu", "_exp_polynomial(a, -0.25, 0.0, 0.0, 1.0)", "np.exp(-a * a / 4)"),
    ("gelu", "0.7071067811865476", "0.7071067"),
    ("mish", "np.abs(np.clip(x, -800.0, 800.0))", "np.abs(x)"),
    ("gelu-tanh", "top=2.0**60", "top=2.0**20"),
    ("gelu-tanh", "4.98465440455546e-17", "0.0"),
    ("celu", "_exp_quotient(np.minimum(x, 0.0), alpha)", "np.exp(np.minimum(x, 0.0) / alpha)"),
    ("hardswish", "(bounded + 3) / 6", "(bounded / 6 + 0.5)"),
    ("softplus", "_exp_product(np.abs(x), -beta, 0.0)", "np.exp(-beta * np.abs(x))"),
    # Right for every finite number; at an infinity, 0·∞ and ∞/∞ are NaN.
    ("silu", "np.abs(np.clip(x, -800.0, 800.0))", "np.abs(x)"),
    ("swish", "* _finite(x) /", "* x /"),
    ("swish", "np.where(term <= 0, 0.0, x).astype(x.dtype)", "(term > 0) * x"),
    ("softsign", "np.clip(x, -1e+18, 1e+18)", "x"),
    ("tanhshrink", "near * c /", "x * c /"),
    ("celu", "np.maximum(x, 0.0)", "(x >= 0) * x"),
    ("hardswish", "(bounded + 3) / 6 * bounded, x).astype(x.dtype))", "(x + 3) / 6, 1.0)) * x"),
]


@pytest.mark.parametrize(("id", "form", "worse"), WORSE, ids=[f"{w[0]}: {w[2]}" for w in WORSE])
def test_a_worse_form_does_not_keep_them(id: str, form: str, worse: str) -> None:
    chosen = tuple(PARAMETERS.get(id, {}).items())
    assert any(broken(id, rows(id, dtype, spoiled(id, form, worse), *chosen)) for dtype in DTYPES)


def spoiled(id: str, form: str, worse: str) -> object:
    """The generated code with one form in place of another."""
    module = derived.module(id)
    assert form in module.source

    def planted(subject: Subject, dtype: str) -> Implementation:
        return from_source(replace(module, source=module.source.replace(form, worse)), subject.derivation)

    return planted
