"""Compiled softmax rows: one pass of exponentials gives their sum, its logarithm and the sum of all but the largest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from compiler_here import needs_compiler

from nnmath.derivations import find
from nnmath.derivations.build import derive_entry
from nnmath.numeric.joint import joint
from nnmath.numeric.native.calling import CompiledModule
from nnmath.numeric.native.loops import nests
from nnmath.numeric.native.loops.reductions import finished, kept_by
from nnmath.numeric.native.scalars import Scalar, load

pytestmark = [needs_compiler, pytest.mark.usefixtures("own_cache")]


def cross_entropy() -> Callable[..., Any]:
    derivation, plan = joint(derive_entry(find("softmax-ce").at()), ())
    module = CompiledModule(derivation, (plan,))
    assert not module.notes
    return getattr(module, plan.name)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def compiled(own_cache: None) -> Callable[..., Any]:
    return cross_entropy()


def logits(classes: int, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Rows of all kinds, and the position of the largest entry as target: there 1 - P cancels."""
    z = np.random.default_rng(classes).standard_normal((6, classes))
    z[1, 0] += 14
    z[2, -1] += 40
    z[3] = 2.5
    z[4, :2] = z[4].max() + 5
    z[5] *= 30
    z = z.astype(dtype)
    return z, np.eye(classes, dtype=dtype)[z.argmax(axis=1)]


def worst(function: Callable[..., Any], classes: int, dtype: type) -> float:
    """The largest error of an entry of the gradient, beside the largest of its row, and that of the loss.

    In eps; the distance of two logits, which is rounded, allows half as many more.
    """
    Z, Y = logits(classes, dtype)
    loss, found = function(Z, Y)
    z = Z.astype(np.longdouble)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    others = np.where(Y > 0, 0, e)
    rest = others.sum(axis=1, keepdims=True)
    total = e.sum(axis=1, keepdims=True)
    exact = np.where(Y > 0, -rest, others) / total / len(Z)
    scale = np.abs(exact).max(axis=1, keepdims=True)
    eps = np.finfo(dtype).eps
    apart = 1 + (z.max(axis=1, keepdims=True) - z.min(axis=1, keepdims=True)) / 2
    gradient = np.abs(found - exact) / np.where(scale > 0, scale, 1) / eps / apart
    value = np.log1p(rest).sum() / len(Z)
    return float(max(gradient.max(), abs(loss - value) / (value or 1) / eps))


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("classes", (2, 7, 16, 33, 520, 1030))
def test_gradients_keep_their_digits_where_one_class_is_certain(
    classes: int, dtype: type, compiled: Callable[..., Any]
) -> None:
    assert worst(compiled, classes, dtype) < 4


def with_the_largest(op: str, parts: Sequence[str], used: dict[str, None]) -> str:
    return " + ".join(parts) if op == "others" else finished(op, parts, used)


def test_a_planted_error_in_the_sum_of_the_others_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nests, "finished", with_the_largest)
    assert worst(cross_entropy(), 16, np.float32) > 100


def test_which_sums_keep_their_numbers_together() -> None:
    x, y = (load(name, ("n", "C"), ("n", "C")) for name in "XY")

    def over(op: str, body: Scalar) -> Scalar:
        return Scalar(op, (body,), (), frozenset({"n"}), ("C",))

    logarithm = over("log_sum", x)
    for op in ("sum", "others"):
        assert kept_by(over(op, x), [over(op, x), logarithm]) == logarithm
        assert kept_by(over(op, y), [over(op, y), logarithm]) == over(op, y)
        assert kept_by(over(op, x), [over(op, x)]) == over(op, x)
    assert kept_by(over("max", x), [over("max", x), logarithm]) == over("max", x)
