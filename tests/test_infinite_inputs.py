"""Infinite inputs give the limit of the definition, and NaN gives NaN wherever the docstring says so."""

from __future__ import annotations

import math

import derived
import numpy as np
import pytest
import sympy
from sympy import Expr, Symbol, exp, log, sqrt, tanh

from nnmath.calculus.functions import Where, absolute, sigmoid
from nnmath.calculus.parser import parse_givens
from nnmath.derivations import Entry, catalogue
from nnmath.derivations.build import derive_entry
from nnmath.numeric.accuracy.functions import Reference
from nnmath.numeric.accuracy.oracle import Oracle
from nnmath.numeric.accuracy.ulp import FORMATS, format_of, rounded
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.stability.choices import distributed, keeps_nan, multiple_of, selected
from nnmath.numeric.stability.forms import Clip, Select
from nnmath.numeric.stability.saturation import clip_saturated

T = Symbol("t", real=True)

#: A formula of ours, and the same for SymPy, whose limits come from an algorithm of their own (Gruntz).
LIMITS: list[tuple[str, Expr]] = [
    ("x/(1 + exp(-x))", T / (1 + exp(-T))),
    ("x**3*exp(-x**2)", T**3 * exp(-(T**2))),
    ("(3*x + 1)/(2*x - 1)", (3 * T + 1) / (2 * T - 1)),
    ("x/sqrt(1 + x**2)", T / sqrt(1 + T**2)),
    ("log(1 + x**2)", log(1 + T**2)),
    ("x - tanh(x)", T - tanh(T)),
    ("2 - exp(-x)", 2 - exp(-T)),
    ("x**2 - x**3", T**2 - T**3),
    ("erf(x) - 1/x", sympy.erf(T) - 1 / T),
]


def oracle(formula: str) -> Oracle:
    entry = Entry(id="own", title="own", given="x: real", define=f"y = {formula}", wanted=("dy/dx",))
    derivation = derive_entry(entry)
    return Oracle(derivation, derivation.givens[0], {})


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize(("formula", "same"), LIMITS, ids=[x[0] for x in LIMITS])
def test_limits_are_those_of_another_algorithm(formula: str, same: Expr, dtype: str) -> None:
    format = format_of(dtype)
    of = oracle(formula)
    for sign, side in ((1, sympy.oo), (-1, -sympy.oo)):
        ball = of.limit("y", sign, format)
        found = rounded(ball, format)
        assert found is not None
        true = float(sympy.limit(same, T, side))
        got = math.copysign(math.inf, found[0]) if math.isinf(found[1]) else found[0]
        assert got == float(format.dtype.type(true))


@pytest.mark.parametrize("formula", ["sin(x)", "x*sin(x)", "x**2*cos(x)", "sin(log(1 + x**2))"])
def test_what_has_no_limit_is_not_judged(formula: str) -> None:
    of = oracle(formula)
    assert [of.limit("y", sign, format_of("float64")) for sign in (1, -1)] == [None, None]


def test_the_points_end_at_the_infinities_of_the_domain() -> None:
    derivation = derived.derivation("relu")
    assert Reference(derivation, "float32").x[[0, -1]].tolist() == [-math.inf, math.inf]
    positive = Entry(id="own", title="own", given="x: positive", define="y = log(x)", wanted=("dy/dx",))
    x = Reference(derive_entry(positive), "float32").x
    assert x[0] > 0 and x[-1] == math.inf
    unit = Entry(id="own", title="own", given="p: unit", define="y = log(p)", wanted=("dy/dp",))
    assert np.isfinite(Reference(derive_entry(unit), "float32").x).all()


#: Functions of one variable x.
ELEMENTWISE = [e.id for e in catalogue().values() if e.wanted and str(e.at().given).lstrip().startswith("x: real")]


@pytest.mark.parametrize("id", ELEMENTWISE)
def test_nan_gives_nan_where_the_docstring_says_so(id: str) -> None:
    module = derived.module(id)
    namespace = load_source(module.source)
    for function in module.functions:
        call = namespace[function.name]
        with np.errstate(all="ignore"):
            out = call(np.array([math.nan], dtype=np.float32))
        all_nan = all(np.isnan(a).all() for a in (out if isinstance(out, tuple) else (out,)))
        said = "NaN gives NaN" in call.__doc__
        assert said == all_nan, function.name
        assert function.role != "value" or all_nan or id == "step", function.name


X, A = (t() for t in parse_givens("x: real\na: positive = 1"))


def test_a_choice_with_an_infinite_side_is_no_sum_of_products() -> None:
    low = Clip(X, sympy.S.NegativeInfinity, 0)
    for border, branch in ((X, X), (X, A * X), (-X, 3 * X)):
        other = exp(low)
        assert isinstance(selected(Where(border, branch, other)), Select)
    for branch in (X**2, X + 1, X * A**2 * X):  # infinite, and no multiple of what is tested
        assert isinstance(selected(Where(X, branch, exp(low))), Where)
    assert isinstance(selected(Where(X - 3, X, exp(low))), Where)


@pytest.mark.parametrize(("e", "multiple"), [(3 * X, 3), (X, 1), (-A * X / 2, -A / 2), (X**2, None), (X + 1, None)])
def test_multiples_of_a_variable(e: Expr, multiple: Expr | None) -> None:
    assert multiple_of(e, X) == multiple_of(e, -X) == multiple


def test_a_product_with_a_choice_that_is_zero_is_a_choice_of_products() -> None:
    g = Where(X + 3, Where(3 - X, X / 6, 1), 0)
    assert distributed(g * X) == Where(X + 3, Where(3 - X, X**2 / 6, X), 0)
    assert distributed(A * Where(X, X, 1)) == Where(X, A * X, A)  # parameters meet in the branches
    assert distributed(X * Where(X, 2, 1)) == X * Where(X, 2, 1)


def test_only_a_quotient_with_a_limit_other_than_zero_is_bounded() -> None:
    for e in (X / (1 + absolute(X)), (2 * X + 1) / (X + 3), X**2 / (1 + X**2)):
        assert clip_saturated(e).has(Clip)
    for e in (X**2 / (1 + absolute(X)), X / (1 + X**2), 1 / (1 + absolute(X)), A * X / (A + X), X * sigmoid(X)):
        assert clip_saturated(e) == e


def test_nan_is_said_to_be_kept_only_where_it_lands_on_a_side_that_reads_it() -> None:
    assert keeps_nan(Where(X - 1, X, 1), {}) and keeps_nan(Where(1 - X, 2, X), {})
    assert not keeps_nan(Where(X, 2, 1), {}) and not keeps_nan(A * Where(X, A, 1), {})
    assert keeps_nan(Where(X, 2, 1) * X, {})
