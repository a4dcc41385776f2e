"""Generated JAX code: gradients of both orders and modes, exact values, jit, and what it says to bad input."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from derived import derivation
from target_cases import (
    IDS,
    arguments,
    assert_a_planted_error_is_refused,
    assert_no_corner_in_the_second_derivative,
    assert_within_the_bounds,
    functions,
    typical,
)

from nnmath import cli
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.plans import is_elementwise
from nnmath.numeric.targets import generate
from nnmath.numeric.targets.jax_library import Library

jax = pytest.importorskip("jax", reason="this is JAX code; type: pip install jax")
check_grads = pytest.importorskip("jax.test_util", reason="a JAX with check_grads").check_grads

THOROUGH = bool(os.environ.get("NNMATH_THOROUGH"))

#: One of each kind: entry by entry with one and with two variables, labels, rows, windows, an unspecified function.
SAMPLE = ("gelu", "swish", "softmax-ce-labels", "layernorm", "conv1d", "neuron")


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    with Library().double():
        yield


def calls(id: str, old: str = "", new: str = "") -> list[tuple[Any, tuple[Any, ...]]]:
    """The functions of an entry, each as a function of the arrays that have a derivative, with generic ones."""
    d, source = derivation(id), generate(derivation(id), "jax").source
    assert old in source
    run, tanh = load_source(source.replace(old, new)), Library().tanh
    found = []
    for reverse in functions(d):
        given = arguments(reverse, typical(d))
        given = {n: tanh[v.count("_prime")] if isinstance(v, str) else v for n, v in given.items()}

        def function(
            *arrays: Any, run: Any = run[reverse.name], given: Any = given, names: Any = reverse.trained
        ) -> Any:
            return run(**{**given, **dict(zip(names, arrays, strict=True))})

        found.append((function, tuple(given[n] for n in reverse.trained)))
    return found


@pytest.mark.parametrize("id", IDS if THOROUGH else SAMPLE)
def test_gradients_of_both_orders(id: str) -> None:
    modes = ["fwd", "rev"] if is_elementwise(derivation(id)) else ["rev"]
    for function, given in calls(id):
        check_grads(jax.jit(function), given, order=2, modes=modes, eps=1e-5)  # short enough for info-nce's exponents


PLANTED = [
    ("dense", "dX = dY @ W.T", "dX = 2 * dY @ W.T", 1),
    ("gelu", "term = e *", "term = -e *", 1),
    ("layernorm", "H * dH", "H + dH", 1),
    ("gelu", "(2 - bounded**2)", "(1 - bounded**2)", 2),
]


@pytest.mark.parametrize(("id", "old", "new", "order"), PLANTED, ids=[f"{p[0]}: {p[2]}" for p in PLANTED])
def test_a_planted_error_is_found_at_its_order(id: str, old: str, new: str, order: int) -> None:
    ((function, given),) = calls(id, old, new)
    if order == 2:
        check_grads(function, given, order=1, modes=["rev"])
    with pytest.raises(AssertionError):
        check_grads(function, given, order=order, modes=["rev"])


@pytest.mark.parametrize("id", IDS if THOROUGH else SAMPLE)
def test_compiled_and_batched_it_computes_the_same(id: str) -> None:
    for function, given in calls(id):

        def total(*arrays: Any, function: Any = function) -> Any:
            return function(*arrays).sum()

        gradients = jax.grad(total, argnums=tuple(range(len(given))))
        expected = gradients(*given)
        batched = jax.jit(jax.vmap(gradients))(*(np.stack([g, g]) for g in given))
        for side in (jax.jit(gradients)(*given), [b[1] for b in batched]):
            for ours, wanted in zip(side, expected, strict=True):
                np.testing.assert_allclose(ours, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("id", ["info-nce", "attention"])
def test_compiled_code_subtracts_the_largest_from_what_it_is_the_largest_of(id: str) -> None:
    d, rng = derivation(id), np.random.default_rng(0)
    (function,) = functions(d)
    names = [a.name for a in function.arguments if a.given.rank]
    arrays = {name: (2e5 * rng.normal(size=(4, 7))).astype(np.float32) for name in names}
    source, name = generate(d, "jax").source, function.name
    with np.errstate(over="ignore"):
        expected = load_source(generate(d).source)[name](**arrays)
    for run in (load_source(source)[name], jax.jit(load_source(source)[name])):
        np.testing.assert_allclose(run(**arrays), expected, rtol=1e-5)


def test_it_has_a_hessian() -> None:
    ((function, (z,)),) = calls("softmax-ce-labels")
    both = jax.hessian(function)(z), jax.jacrev(jax.jacrev(function))(z)
    np.testing.assert_allclose(*both, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("id", IDS if THOROUGH else ("celu", "softmax-ce"))
def test_it_is_within_the_bounds_of_the_cross_check(id: str) -> None:
    assert_within_the_bounds(id, "jax")


def test_a_corner_of_the_form_is_none_of_the_function() -> None:
    assert_no_corner_in_the_second_derivative("jax")


def test_the_cross_check_refuses_a_planted_error() -> None:
    assert_a_planted_error_is_refused("jax")


@pytest.mark.parametrize("id", IDS if THOROUGH else ("mish", "celu"))
def test_nan_and_infinities_give_what_numpy_gives(id: str) -> None:
    d = derivation(id)
    if not is_elementwise(d) or sum(t.domain.value is None for t in d.givens) != 1:
        pytest.skip("no function of one variable")
    x = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0])
    name = functions(d)[0].name
    ours, theirs = load_source(generate(d, "jax").source)[name], load_source(generate(d).source)
    with np.errstate(all="ignore"):
        value, slope = theirs[name](x), theirs[f"{name}_derivative"](x)
    np.testing.assert_allclose(ours(x), value, rtol=1e-12)
    slope = slope[0] if isinstance(slope, tuple) else slope
    np.testing.assert_allclose(jax.grad(lambda v: ours(v).sum())(x), slope, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_dtype_is_kept(dtype: str) -> None:
    run = load_source(generate(derivation("softmax-ce-labels"), "jax").source)["softmax_ce_labels"]
    z = jax.numpy.asarray(np.eye(4, 7), dtype)
    loss, gradient = jax.value_and_grad(run)(z, np.array([0, 1, 2, 6]))
    assert loss.dtype == gradient.dtype == z.dtype


Z, Y = np.eye(3, 4), np.full((3, 4), 0.25)
BAD = {
    "a gradient where there is no derivative": (lambda f: jax.grad(f, argnums=1)(Z, Y), "Y has no derivative here"),
    "the same, compiled": (lambda f: jax.jit(jax.grad(f, argnums=1))(Z, Y), "Y has no derivative here"),
    "another shape": (lambda f: f(Z, Y[:2]), r"Y has shape \(2, 4\), expected"),
    "integers": (lambda f: f(Z.astype(int), Y), "Z has dtype int64, expected floats"),
}


@pytest.mark.parametrize(("use", "said"), BAD.values(), ids=BAD)
def test_bad_input_gets_one_clear_line(use: Any, said: str) -> None:
    run = load_source(generate(derivation("softmax-ce"), "jax").source)["softmax_ce"]
    with pytest.raises((TypeError, ValueError), match=said):
        use(run)


def test_labels_out_of_range_are_refused() -> None:
    run = load_source(generate(derivation("softmax-ce-labels"), "jax").source)["softmax_ce_labels"]
    with pytest.raises(ValueError, match="y has labels 0 to 9, expected 0 to 3"):
        run(np.eye(2, 4), np.array([0, 9]))


def test_the_command_checks_jax_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "dense", "--target", "jax", "--json"]) == cli.FINE
    assert "jax code against" in capsys.readouterr().out
