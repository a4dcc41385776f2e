"""Generated attention: what is scaled once, and rows that are centred only where this saves digits."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from derived import derivation, module

import nnmath
from nnmath.calculus.derivation import Derivation
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.joint import joint
from nnmath.numeric.numpy_code.generator import assemble
from nnmath.numeric.numpy_code.helpers import HELPERS
from nnmath.numeric.plans import plans

SOURCE = module("attention").source

#: The line without which offsets and sure rows lose digits.
CENTRED = "    _centre(dP, place, sure)\n"


def test_a_factor_of_two_products_is_divided_once() -> None:
    backward = SOURCE.split("def attention_backward")[1]
    assert "    scaled = Q / u\n    S = scaled @ K.T\n" in backward and "    dK = dS.T @ scaled\n" in backward
    assert backward.count(" / u") == 2


#: Products of which each is divided by itself: both sum over the same axis of X; X has no divisor in one; it is not
#: known that the divisor is at least 1; nobody else has the factor.
APART = [
    ("A = X.T @ U/n; B = X.T @ V/n; L = sum(A*B)", "X: n d, U: n k, V: n k"),
    ("A = X @ U/d; B = X.T @ V; L = sum(A*A) + sum(B*B)", "X: n d, U: d k, V: n k"),
    ("A = X @ U/a; B = X.T @ V/a; L = sum(A*A) + sum(B*B)", "X: n d, U: d k, V: n k, a: positive"),
    ("A = X @ U/d; L = sum(A*A)", "X: n d, U: d k"),
]
TOGETHER = ("A = X @ U/d; B = X.T @ V/d; L = sum(A*A) + sum(B*B)", "X: n d, U: d k, V: n k")


def value(define: str, given: str) -> tuple[Derivation, str]:
    """A formula, and the code of its value."""
    d = nnmath.derive(define, given=given).derivation
    return d, assemble(d, plans(d)[:1]).source


@pytest.mark.parametrize(("define", "given"), [TOGETHER, *APART])
def test_other_products_are_divided_apart(define: str, given: str) -> None:
    d, source = value(define, given)
    assert ("scaled = X / d" in source) == ((define, given) == TOGETHER)
    assert not re.search(r"X(\.T)? / ", source.replace("scaled = X / d", ""))
    rng = np.random.default_rng(0)
    arrays = {"X": (5, 4), "U": (5 if ": n k, V" in given else 4, 3), "V": (5, 3), "a": ()}
    values = {t.name: rng.uniform(1, 2, arrays[t.name]) for t in d.givens}
    X, U, V, a = (values.get(n) for n in "XUVa")
    first = {"X.T @ U/n": lambda: X.T @ U / 5, "X @ U/d": lambda: X @ U / 4, "X @ U/a": lambda: X @ U / a}
    second = {
        "X.T @ V/n": lambda: X.T @ V / 5,
        "X.T @ V/d": lambda: X.T @ V / 4,
        "X.T @ V/a": lambda: X.T @ V / a,
        "X.T @ V": lambda: X.T @ V,
    }
    A = next(f() for text, f in first.items() if f"A = {text};" in define)
    B = next((f() for text, f in second.items() if f"B = {text};" in define), 0.0)
    expected = (A * B).sum() if "sum(A*B)" in define else (A * A).sum() + np.sum(B * B)
    assert load_source(source)[plans(d)[0].name](**values) == pytest.approx(expected, rel=1e-13)


def centre() -> Callable[..., Any]:
    space: dict[str, Any] = {"np": np}
    exec(HELPERS["_centre"], space)
    return space["_centre"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(("offset", "sure", "centred"), [(0, 0, False), (0, 1, True), (100, 0, True), (-100, 3, True)])
@pytest.mark.parametrize("shape", [(50,), (20, 50), (3, 20, 50)])
def test_rows_are_centred_where_it_saves_digits(
    offset: float, sure: int, centred: bool, shape: tuple[int, ...]
) -> None:
    x = np.random.default_rng(4).standard_normal(shape) + offset
    x[..., 7] = offset + 0.5
    place = 7 + np.arange(0, x.size, 50).reshape(shape[:-1])
    before = x.copy()
    found = centre()(x, place, sure)
    assert found is x
    np.testing.assert_array_equal(x, before - before[..., 7:8] if centred else before)


def gradients(source: str, *arrays: np.ndarray) -> list[np.ndarray]:
    return load_source(source)["attention_backward"](*arrays)  # type: ignore[no-any-return]


@pytest.mark.parametrize(("scale", "offset", "limit", "lost"), [(1, 0, 9, 1), (1, 1000, 4000, 1.2), (3, 0, 20, 30)])
def test_digits_of_attention(scale: float, offset: float, limit: float, lost: float) -> None:
    """Errors of dQ in units of rounding of the largest entry of a row; lost: how much larger they are without."""
    rng = np.random.default_rng(1)
    Q, K, V, dO = (rng.standard_normal((60, 7)).astype(np.float32) for _ in range(4))
    arrays = (Q * np.float32(scale), K * np.float32(scale), V + np.float32(offset), dO)
    exact = gradients(SOURCE, *(a.astype(np.longdouble) for a in arrays))[0]

    def error(source: str) -> float:
        off = np.abs(gradients(source, *arrays)[0] - exact).max(axis=1) / np.abs(exact).max(axis=1)
        return float(off.mean() / np.finfo(np.float32).eps)

    assert CENTRED in SOURCE
    assert error(SOURCE) < limit
    assert error(SOURCE.replace(CENTRED, "")) >= lost * error(SOURCE)


def test_what_is_given_is_not_overwritten() -> None:
    """dP is an argument there, and an array that others read keeps its entries."""
    assert "_centre" not in module("softmax").source
    both, plan = joint(derivation("attention"))
    assert CENTRED in assemble(both, (plan,)).source
    text = "S = Q @ K.T; P = softmax(S); D = O @ V.T; F = P*(D - sum(P*D, axis=1, keepdims=True)); L = sum(F*F)"
    alone, read = (value(text + more, "Q: n d, K: m d, O: n v, V: m v")[1] for more in ("", " + sum(D*D)"))
    assert CENTRED.replace("dP", "D") in alone and "D - D.take(place)[:, None]" not in alone
    assert "_centre" not in read and "D - D.take(place)[:, None]" in read
