"""Gradients over windows: maxima with ties, sizes that follow from others, and slips in an index."""

from __future__ import annotations

from typing import Any

import numpy as np
from sympy import Integer

import nnmath
from nnmath.calculus.sums import Delta
from nnmath.calculus.tensors import Index, Tensor, dimension
from nnmath.verification.diagnosis.edits import edits


def pool_forward(x: Any) -> Any:
    N, C, H, W = x.shape
    out = np.zeros((N, C, H // 2, W // 2))
    for i in range(H // 2):
        for j in range(W // 2):
            out[:, :, i, j] = x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max(axis=(2, 3))
    return out, x


def pool_backward(dout: Any, cache: Any) -> Any:
    x = cache
    dx = np.zeros_like(x)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            window = x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            mask = window == window.max(axis=(2, 3), keepdims=True)
            dx[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] += mask * dout[:, :, i, j][:, :, None, None]
    return dx


def half_of_it(dout: Any, cache: Any) -> Any:
    dx = pool_backward(dout, cache)
    return dx / 2


def all_of_a_window(dout: Any, cache: Any) -> Any:
    dx = pool_backward(dout, cache)
    return dx + 0.25 * (dx == 0) * (cache.shape[2] > 0)


def test_each_of_many_maxima_may_get_the_gradient() -> None:
    report = nnmath.verify(pool_backward, forward=pool_forward, against="max-pool2d")
    assert report.verdict == "agrees" and not report.findings, str(report)


def test_a_factor_is_named_where_sizes_follow_from_others() -> None:
    report = nnmath.verify(half_of_it, forward=pool_forward, against="max-pool2d")
    assert report.verdict == "wrong"
    assert report.findings[0].kind == "scale" and "1/2" in report.findings[0].message


def test_what_is_not_between_the_slopes_is_wrong() -> None:
    report = nnmath.verify(all_of_a_window, forward=pool_forward, against="max-pool2d")
    assert report.verdict == "wrong"
    assert not any("0 ·" in f.message for f in report.findings)


def test_an_index_is_no_number_to_slip_on() -> None:
    h, o = Index("h", dimension("H")), Index("o", dimension("O"))
    x = Tensor("x", (dimension("O"),))
    for edit in edits(Delta(h, 2 * o + Integer(1)) * x[o], str):
        for delta in edit.expr.atoms(Delta):
            assert delta == Delta(h, 2 * o + Integer(1))
