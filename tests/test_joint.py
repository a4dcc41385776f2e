"""Value and gradients in one function: it returns what the single functions return."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from derived import page
from sympy import Rational

from nnmath.calculus.derivation import Derivation
from nnmath.cli import main
from nnmath.numeric.checking.execution import arguments_of, load_source
from nnmath.numeric.checking.regimes import Case, applicable, draw
from nnmath.numeric.joint import UPSTREAM, joint
from nnmath.numeric.lower import Unsupported
from nnmath.numeric.numpy_code.generator import assemble, generate
from nnmath.numeric.plans import is_elementwise

FORMULAS = ("softmax-ce", "silu", "elu", "layernorm", "attention", "glu")
SLACK = 64 * np.finfo(np.float64).eps


def typical(derivation: Derivation) -> Case:
    elementwise = is_elementwise(derivation)
    return draw(derivation, applicable(derivation, elementwise)[0], np.dtype(np.float64), 0, elementwise)


def single(derivation: Derivation, case: Case) -> dict[str, Any]:
    """What the single functions return, by name."""
    generated = generate(derivation)
    names = load_source(generated.source)
    found: dict[str, Any] = {}
    for f in generated.functions:
        if f.order < 2:
            made = names[f.name](**arguments_of(f, derivation, case))
            found |= zip(f.returns, made if isinstance(made, tuple) else (made,), strict=True)
    return found


def together(derivation: Derivation, case: Case, of: tuple[str, ...] = ()) -> dict[str, Any]:
    """What the one function returns, by name."""
    made, plan = joint(derivation, of)
    generated = assemble(made, (plan,))
    (f,) = generated.functions
    arguments = arguments_of(f, derivation, case)
    if is_elementwise(derivation):
        arguments[UPSTREAM] = upstream(case)
    return dict(zip(f.returns, load_source(generated.source)[f.name](**arguments), strict=True))


def upstream(case: Case) -> Any:
    shape = np.broadcast_shapes(*(np.shape(v) for v in case.values.values()))
    return np.random.default_rng(1).standard_normal(shape)


def agree(derivation: Derivation, found: dict[str, Any], expected: dict[str, Any], case: Case) -> bool:
    if is_elementwise(derivation):
        value, *rest = expected.values()
        expected = dict(zip(found, (value, *(d * upstream(case) for d in rest)), strict=True))
    close = (np.abs(found[n] - expected[n]) <= SLACK * (np.abs(expected[n]) + np.abs(expected[n]).max()) for n in found)
    return all(map(np.all, close))


@pytest.mark.parametrize("id", FORMULAS)
def test_it_returns_what_the_single_functions_return(id: str) -> None:
    derivation = page(id).derivation
    case = typical(derivation)
    expected, found = single(derivation, case), together(derivation, case)
    if not is_elementwise(derivation):
        assert set(found) == set(expected)
    assert agree(derivation, found, expected, case)


@pytest.mark.parametrize("id", FORMULAS)
def test_the_comparison_finds_a_planted_error(id: str) -> None:
    derivation = page(id).derivation
    case = typical(derivation)
    first = next(r for r in derivation.wanted if r.of is not None and len(r.wrt) == 1)
    wrong = tuple(
        replace(p, result=replace(first, expr=first.expr * Rational(1001, 1000))) if p.result is first else p
        for p in derivation.parts
    )
    assert not agree(derivation, together(replace(derivation, parts=wrong), case), single(derivation, case), case)


def test_the_gradient_keeps_its_digits_in_the_tails() -> None:
    """At -80 the derivative of silu is -79 exp(-80); a sum of larger terms that cancel would give 0."""
    made, plan = joint(page("silu").derivation)
    function = load_source(assemble(made, (plan,)).source)[plan.name]
    _, dx = function(np.float32(-80), np.float32(1e30))
    assert abs(dx / (-79 * np.exp(-80.0) * 1e30) - 1) < 1e-6


def test_long_arrays_are_computed_in_blocks() -> None:
    made, plan = joint(page("silu").derivation)
    function = load_source(assemble(made, (plan,)).source)[plan.name]
    rng = np.random.default_rng(0)
    x, upstream = rng.standard_normal((2, 400, 100))
    for found, row, last in zip(function(x, upstream), function(x[3], upstream[3]), function(x, 2.0), strict=True):
        assert found.shape == last.shape == x.shape
        np.testing.assert_allclose(found[3], row, rtol=8 * np.finfo(np.float64).eps)  # another form, see near_forms


def test_one_of_two_losses() -> None:
    derivation = page("batchnorm").derivation
    case = typical(derivation)
    expected, found = single(derivation, case), together(derivation, case, ("L",))
    assert list(found) == ["Y", "dL_dX", "dL_dg", "dL_db"] or list(found) == ["Y", "dL/dX", "dL/dg", "dL/db"]
    assert agree(derivation, found, expected, case)


def test_without_a_gradient_there_is_none() -> None:
    with pytest.raises(Unsupported, match="no gradients"):
        joint(page("step").derivation, ("nothing",))


def test_the_command_prints_that_function(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "mse", "--joint"]) == 0
    source = capsys.readouterr().out
    assert source.count("\ndef ") - source.count("\ndef _") == 1
    value, dY = load_source(source)["mse_value_and_gradient"](np.array([1.0, 2.0]), np.array([1.0, 4.0]))[:2]
    assert value == 2 and np.array_equal(dY, [0, -2])


@pytest.mark.parametrize(
    ("id", "code", "said"), [("sgd", 2, "sgd is an update rule"), ("gibbs", 2, "gibbs is a statement")]
)
def test_what_has_no_gradients_says_so(id: str, code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", id, "--joint"]) == code
    assert said in capsys.readouterr().err
