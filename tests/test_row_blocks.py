"""Functions that work on some rows at a time: which may, and that they return what all rows at once give."""

from __future__ import annotations

import os
import weakref
from typing import Any

import numpy as np
import pytest
from derived import derivation, module

import nnmath
from nnmath.calculus.derivation import Derivation
from nnmath.derivations import catalogue
from nnmath.numeric.array_function import array_function
from nnmath.numeric.checking.execution import arguments_of, load_source
from nnmath.numeric.checking.regimes import applicable, draw
from nnmath.numeric.numpy_code.generator import generate
from nnmath.numeric.numpy_code.row_blocks import row_blocks
from nnmath.numeric.plans import GeneratedModule, is_elementwise, plans

SAMPLE = ("softmax-ce", "softmax-ce-labels", "layernorm", "bce-with-logits", "mse")
REST = tuple(id for id, e in catalogue().items() if id not in SAMPLE and e.wanted and not e.state)


def formula(text: str, given: str) -> Derivation:
    return nnmath.derive(text, given=given).derivation


def kinds(d: Derivation) -> list[tuple[str, ...] | None]:
    """For each function, how its results come from blocks."""
    found = [row_blocks(array_function(d, plan)) for plan in plans(d)]
    return [None if f is None else f.kinds for f in found]


def assert_blocks_agree(d: Derivation, generated: GeneratedModule) -> int:
    """Blocks of one or two rows against all rows at once, in every regime; returns how many functions there are."""
    source = generated.source
    assert "2**21" in source and "2**19" in source
    whole, blocks = load_source(source), load_source(source.replace("2**21", "64").replace("2**19", "64"))
    split = [f for f in generated.functions if f"_by_rows({f.name}," in source or f"_by_rows(_{f.name}_rows," in source]
    for regime in applicable(d, False):
        case = draw(d, regime, np.dtype(np.float64), 0, False)
        for f in split:
            arguments = arguments_of(f, d, case)
            with np.errstate(all="ignore"):
                expected, found = whole[f.name](**arguments), blocks[f.name](**arguments)
            pairs = zip(found, expected, strict=True) if isinstance(expected, tuple) else [(found, expected)]
            for a, b in pairs:
                assert a.shape == b.shape and a.dtype == b.dtype
                size = np.abs(b[np.isfinite(b)]).max(initial=0)
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13 * size, err_msg=f"{f.name}, {regime.name}")
    return len(split)


@pytest.mark.parametrize("id", SAMPLE + (REST if os.environ.get("NNMATH_THOROUGH") else ()))
def test_blocks_give_what_all_rows_give(id: str) -> None:
    if "_by_rows" not in module(id).source:
        assert id not in SAMPLE
        pytest.skip("it needs all rows at once")
    assert assert_blocks_agree(derivation(id), module(id)) > 0


X = "X: n d, y: n"

#: The same entry in all of them: what differs decides.
F = "(tanh(X[i, k]) + X[i, k]**2 + y[i])"

MAY = [
    f"sum({F} for i in n for k in d)",
    f"sum({F} for i in n for k in d)/n",
    f"sum({F}**2 for i in n for k in d)/(2*n*d)",
    f"sum(exp({F}) for i in n for k in d)/n + sum(y[i]**3 for i in n)/n",
    f"sum(exp({F}) for i in n for k in d) + sum(y[i]**3 for i in n)/n",
    f"sum({F} for i in n for k in d)/n**2",
    f"sum({F}*n for i in n for k in d)",
    f"sum(exp({F}/n) for i in n for k in d)",
    "sum(log(sum(exp(X[i, k]) for k in d))*y[i] for i in n)/n",
]

MAY_NOT = [
    (f"sum({F} for i in n for k in d)**2", X),
    (f"exp(sum({F} for i in n for k in d)/n)", X),
    (f"1 + sum({F} for i in n for k in d)", X),
    (f"n + sum({F} for i in n for k in d)", X),
    (f"sum({F} for i in n for k in d)*sum(y[i] for i in n)", X),
    (f"sum({F}**2*exp(-sum(X[j, k] for j in n)/n) for i in n for k in d)", X),
    ("sum(log(sum(exp(X[i, k]) for i in n))**2 for k in d)", X),
    ("sum(exp(tanh(X[i, k])*X[j, k]) for i in n for j in n for k in d)", X),
    ("sum(exp(X[i, j] + X[j, i]) for i in n for j in n)", "X: n n"),
    ("sum(exp(X[i, k] + y[k]) for i in n for k in n)", "X: n n, y: n"),
]


@pytest.mark.parametrize("text", MAY)
def test_sums_over_rows_may(text: str) -> None:
    d = formula(text, X)
    assert not is_elementwise(d)
    value, *_ = kinds(d)
    assert value == ("sum",)
    assert_blocks_agree(d, generate(d))


@pytest.mark.parametrize(("text", "given"), MAY_NOT)
def test_what_needs_all_rows_may_not(text: str, given: str) -> None:
    value, *_ = kinds(formula(text, given))
    assert value is None


@pytest.mark.parametrize("id", ["batchnorm", "mlp-softmax", "gram", "attention", "softmax-jacobian"])
def test_entries_that_need_all_rows(id: str) -> None:
    if id in catalogue():
        assert set(kinds(derivation(id))) == {None}


def test_the_comparison_finds_a_planted_error() -> None:
    d = derivation("layernorm")
    generated = module("layernorm")
    wrong = generated.source.replace("np.sum(x, axis=0) if", "np.mean(x, axis=0) if")
    assert wrong != generated.source
    with pytest.raises(AssertionError):
        assert_blocks_agree(d, GeneratedModule(wrong, generated.functions))


def test_a_block_that_counts_its_own_rows_is_found() -> None:
    d, generated = derivation("softmax-ce-labels"), module("softmax-ce-labels")
    wrong = generated.source.replace(".sum() / n\n", ".sum() / len(Z)\n")
    assert wrong != generated.source and "np.arange(len(Z))" in wrong
    with pytest.raises(AssertionError):
        assert_blocks_agree(d, GeneratedModule(wrong, generated.functions))


def test_many_rows_by_default() -> None:
    """At the sizes that are split by themselves, in float32."""
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((1500, 400), np.float32)
    Y = np.eye(400, dtype=np.float32)[rng.integers(400, size=1500)]
    source = module("softmax-ce").source
    calls: dict[str, Any] = load_source(source)
    never = load_source(source.replace("2**21", "10**12"))
    for f in module("softmax-ce").functions:
        found, expected = calls[f.name](Z, Y), never[f.name](Z, Y)
        assert found.dtype == expected.dtype and np.abs(found - expected).max() <= 2e-7 * np.abs(expected).max()


@pytest.mark.parametrize("kind", ["rows", "sum"])
def test_what_a_block_returned_is_gone_before_the_next(kind: str) -> None:
    """Otherwise the next one is computed in other memory, which is not in the cache. Sums are short, and are kept."""
    made: list[weakref.ref[np.ndarray]] = []

    def doubled(x: np.ndarray) -> np.ndarray:
        assert not any(ref() is not None and ref().size > 1 for ref in made)  # type: ignore[union-attr]
        found = 2 * x if kind == "rows" else x[:, :1].sum(axis=0)
        made.append(weakref.ref(found))
        return found

    x = np.ones((3, 2**18))
    found = load_source(module("softmax-ce").source)["_by_rows"](doubled, {"x": x}, {}, (kind,))
    assert len(made) == 3
    whole = 2 * x if kind == "rows" else np.array([3.0])
    np.testing.assert_allclose(found, whole, rtol=1e-15)
