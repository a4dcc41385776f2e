"""Formulas written as in NumPy, with ``np.`` and methods: they are the same arrays, and what is none is said."""

from __future__ import annotations

import pytest

from nnmath.calculus.parser import parse_array, parse_givens
from nnmath.calculus.scope import ParseError

GIVEN = {t.name: t for t in parse_givens("X: n d\nY: n d\nw: d\nx: n")}

SAME = [
    ("np.exp(X)", "exp(X)"),
    ("numpy.exp(X)", "exp(X)"),
    ("(X*Y).sum(axis=1)", "sum(X*Y, axis=1)"),
    ("X.sum(1, keepdims=True)", "sum(X, axis=1, keepdims=True)"),
    ("np.mean(X, 0)", "mean(X, axis=0)"),
    ("np.sum(X, (0, 1))", "sum(X)"),
    ("X.mean()", "mean(X)"),
    ("np.var(X, axis=0)", "var(X, axis=0)"),
    ("np.linalg.norm(x)", "norm(x)"),
    ("X.dot(w)", "X @ w"),
    ("np.dot(x, x)", "x @ x"),
    ("np.matmul(X.T, x)", "X.T @ x"),
    ("(X.T @ X).trace()", "trace(X.T @ X)"),
    ("np.log1p(x)", "log(1 + x)"),
    ("np.expm1(x)", "exp(x) - 1"),
    ("np.square(x)", "x**2"),
    ("np.arctan(x)", "atan(x)"),
    ("np.maximum(x, 0)", "max(x, 0)"),
    ("np.log(np.exp(X).sum(axis=1))", "log(sum(exp(X), axis=1))"),
]


@pytest.mark.parametrize(("written", "plain"), SAME)
def test_it_is_the_same_array(written: str, plain: str) -> None:
    a, b = parse_array(written, GIVEN), parse_array(plain, GIVEN)
    assert a.dims == b.dims
    assert a.at(*b.indices) == b.body


WRONG = [
    ("np.foo(x)", "function foo is not known here"),
    ("jax.sum(x)", "jax.sum is not a function"),
    ("x.foo()", "methods of an array are sum, mean"),
    ("x.max(axis=0)", "the maximum over an axis is not known here"),
    ("np.sum(X, 2)", "axis 2 does not exist"),
    ("np.sum(X, 0, axis=0)", "sum takes 1 argument, and 2 were given"),
    ("np.sum(X, x)", "axis=x is not an axis"),
    ("X.dot()", "dot takes 2 arguments, and 1 were given"),
    ("x.dot(w)", "n"),
]


@pytest.mark.parametrize(("written", "said"), WRONG)
def test_what_is_no_function_is_said(written: str, said: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_array(written, GIVEN)
    assert said in str(caught.value)


def test_an_array_may_be_called_np() -> None:
    given = {t.name: t for t in parse_givens("np: n d")}
    assert parse_array("np.sum(axis=0)", given).dims == parse_array("sum(np, axis=0)", given).dims
