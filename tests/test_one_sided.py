"""One quotient where a function has a tail on one side: proved equal, and x itself beyond a bound."""

from __future__ import annotations

import numpy as np
import pytest
from derived import derivation as derived
from sympy import Expr, erf, exp, log, tanh
from test_reflection import PROVER, B, C, X, elementary

from nnmath.calculus.functions import sigmoid, softplus
from nnmath.calculus.prover import Prover
from nnmath.derivations import Entry
from nnmath.derivations.build import derive_entry
from nnmath.numeric.accuracy import Reference, measured, points
from nnmath.numeric.array_function import _unfold
from nnmath.numeric.candidates import CHEAPEST, FORMS, costs
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.joint import joint
from nnmath.numeric.numpy_code.generator import assemble, generate
from nnmath.numeric.stability import forms
from nnmath.numeric.stability.one_sided import one_sided
from nnmath.numeric.stability.rewriting import stabilise

QUOTIENTS = [
    X * sigmoid(X),
    X * sigmoid(17 * X / 10),
    X * sigmoid(-2 * X) / 3,
    X * sigmoid(X**3),
    X * tanh(softplus(X)),
    tanh(softplus(2 * X)),
    X * exp(-X) / (1 + exp(-X)),
    sigmoid(X) * (1 + X * (1 - sigmoid(X))),
    sigmoid(-X) * (1 - X * sigmoid(X)),
    sigmoid(X) * (3 - 3 * X * (sigmoid(X) - 1)),
]


@pytest.mark.parametrize("expr", QUOTIENTS, ids=str)
def test_a_quotient_is_proved_equal_and_a_wrong_one_is_refuted(expr: Expr) -> None:
    form = one_sided(stabilise(expr))
    assert form is not None
    assert PROVER.judge(expr, elementary(form)).kind == "proved"
    for wrong in (-elementary(form), elementary(form) + sigmoid(X), elementary(form).subs(X, -X)):
        assert PROVER.judge(expr, wrong).kind == "refuted"


@pytest.mark.parametrize("id", ["silu", "gelu-tanh", "mish"])
def test_the_quotients_of_the_catalogue_are_proved(id: str) -> None:
    derivation = derived(id)
    prover = Prover([], derivation.givens)
    known = {d.name: d for d in (*derivation.definitions, *(r.definition for r in derivation.results))}
    for name in ("y", "dy_dx"):
        expr = _unfold(known[name].body, known, True)
        form = one_sided(expr)
        assert form is not None and prover.judge(elementary(expr), elementary(form)).kind == "proved"


@pytest.mark.parametrize(
    "expr", [e for e in QUOTIENTS if (f := one_sided(stabilise(e))) and f.has(forms.Beyond)], ids=str
)
def test_beyond_the_bound_the_function_is_x(expr: Expr) -> None:
    """To 2⁻⁵⁸ of it: what is left out there is no digit of any float."""
    form = one_sided(stabilise(expr))
    assert form is not None
    (beyond,) = form.atoms(forms.Beyond)
    x, bound = beyond.args[1:]
    scale = form / beyond
    for at in (bound, 2 * bound):
        exact = expr.subs(x, at).replace(softplus, lambda u: log(1 + exp(u)))
        assert abs((exact / (scale * at) - 1).evalf(40)) < 2.0**-58


#: No tail, tails on both sides, terms that cancel in one, a square, an exponent with a parameter, the bell.
NONE = [
    X * tanh(X),
    X**2 * sigmoid(X) * sigmoid(-X),
    X * sigmoid(X) - X / 2,
    X**2 * sigmoid(X),
    X * sigmoid(X) ** 2,
    X * sigmoid(B * X),
    X * sigmoid(C * X),
    X * (1 + erf(X)),
    sigmoid(X),
]


@pytest.mark.parametrize("expr", NONE, ids=str)
def test_nothing_else_is_made_a_quotient(expr: Expr) -> None:
    assert one_sided(stabilise(expr)) is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "formula", ["x*sigmoid(x)", "x*sigmoid(-2*x)/3", "x*tanh(softplus(x))", "x*sigmoid(x + x**3/8)"]
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_no_input_overflows(formula: str, dtype: type) -> None:
    entry = Entry(id="own", title="own", given="x: real", define=f"y = {formula}", wanted=("dy/dx",))
    made, plan = joint(derive_entry(entry))
    function = load_source(assemble(made, (plan,)).source)[plan.name]
    largest = np.finfo(dtype).max
    x = np.array([-np.inf, -largest, -60000, -90, -1, 0, 1, 90, 60000, largest, np.inf], dtype)
    y, dx = function(x, np.full_like(x, 100))
    falls = "-2" in formula
    rising, limit = (x < 0, x / 3) if falls else (x > 0, x)
    far = np.abs(x) > 80
    assert y.dtype == dx.dtype == dtype
    assert np.array_equal(y[far & rising], limit.astype(dtype)[far & rising])
    assert np.allclose(dx[far & rising], 100 / 3 if falls else 100, rtol=1e-3)
    assert np.all(np.abs(y[far & ~rising]) <= 1e-30) and np.all(np.abs(dx[far & ~rising]) <= 1e-30)
    scalar = function(dtype(90), dtype(1))
    assert all(np.ndim(v) == 0 for v in scalar)
    assert np.isnan(function(np.array([np.nan], dtype), x[:1])).all()


@pytest.mark.parametrize("formula", ["x*sigmoid(x)*z", "2*x*sigmoid(x)*z", "z*x*tanh(softplus(x))"])
def test_what_another_value_reads_is_not_overwritten(formula: str) -> None:
    entry = Entry(id="own", title="own", given="x: real\nz: real", define=f"y = {formula}", wanted=("dy/dx", "dy/dz"))
    made, plan = joint(derive_entry(entry))
    function = load_source(assemble(made, (plan,)).source)[plan.name]
    y, dx, dz = function(np.array([200.0, -1.0]), np.array([3.0, 3.0]), np.array([1.0, 1.0]))
    scale = 2 if "2*" in formula else 1
    assert (y[0], dx[0], dz[0]) == (600 * scale, 3 * scale, 200 * scale)
    assert abs(y[1] - 3 * dz[1]) < 1e-15


def test_the_cheapest_form_is_taken_and_the_others_are_there() -> None:
    for id in ("silu", "mish", "gelu-tanh"):
        table = costs(derived(id))
        assert all(table[name]["quotient"] < 0.9 * table[name]["reflection"] for name in ("y", "dy_dx"))
        assert "quotient" not in table["d2y_dx2"]
    made = {form: generate(derived("silu"), form=form).source for form in (CHEAPEST, *FORMS)}
    assert made[CHEAPEST] == made["quotient"] and len(set(made.values())) == 3


@pytest.mark.parametrize("form", FORMS[:2])
@pytest.mark.parametrize("id", ["silu", "mish"])
def test_each_candidate_is_as_accurate_as_the_code_has_to_be(
    id: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOG_UNIFORM", "MODERATE", "UNIFORM", "SUBNORMAL"):
        monkeypatch.setattr(points, name, 300)
    rows = [m.row for m in measured(Reference(derived(id), "float32"), form)]
    assert all(row.sound and row.away <= 16 and all(r.worst <= 4 for r in row.roots) for row in rows)
