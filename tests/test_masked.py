"""Masks inside sums of exponentials: masked and causal attention, comparisons of indices, weights that may be zero."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import planted_masks
import pytest
from derived import formula
from planted_masks import WRONG_MASKS

import nnmath
from nnmath.calculus.index_order import index_orders
from nnmath.calculus.parser import ParseError, parse_definitions, parse_givens
from nnmath.derivations import find
from nnmath.derivations.build import derive_entry
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.numpy_code.generator import generate

Array = np.ndarray[Any, Any]

X = np.arange(12.0).reshape(4, 3) - 5
RNG = np.random.default_rng(3)


def source(given: str, define: str) -> str:
    return generate(formula(given, define)).source


def run(given: str, define: str, **values: Array) -> Array:
    return load_source(source(given, define))["formula"](**values)  # type: ignore[no-any-return]


def where(condition: str, shape: tuple[int, int] = X.shape) -> Array:
    i, j = np.indices(shape)
    return np.asarray(eval(condition, {"i": i, "j": j}), dtype=float)


# -- comparisons of indices ------------------------------------------------------------------------------------------

CONDITIONS = ("j <= i", "j < i", "j >= i", "j > i", "j + 1 <= i", "j + 1 < i", "i + 2 <= j", "2*j <= i", "i >= j")


@pytest.mark.parametrize("condition", CONDITIONS)
def test_comparison_of_indices(condition: str) -> None:
    mask = where(condition)
    assert np.array_equal(run("X: n m", f"R[i, j] = X[i, j]*indicator({condition})", X=X), X * mask)
    assert np.array_equal(run("X: n m", f"r[i] = sum(X[i, j] for j in m if {condition})", X=X), (X * mask).sum(1))
    chosen = run("X: n m", f"R[i, j] = where({condition}, X[i, j], -1)", X=X)
    assert np.array_equal(chosen, np.where(mask > 0, X, -1))
    text = source("X: n m", f"R[i, j] = X[i, j]*indicator({condition})")
    assert text.count(" >= ") == 1 and "==" not in text.partition("sizes[")[2]  # no array of three axes


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("j <= i + 1", "no comparison of indices"),
        ("i <= 3", "no comparison of indices"),
        ("j <= n", "index n is not known"),
        ("j <= k", "index k is not known"),
        ("j + X <= i", "index X is not known"),
    ],
)
def test_what_is_no_comparison(condition: str, problem: str) -> None:
    with pytest.raises(ParseError, match=problem):
        parse_definitions(f"R[i, j] = X[i, j]*indicator({condition})", parse_givens("X: n m"))


def test_a_sum_of_deltas_reads_as_a_comparison() -> None:
    (d,) = parse_definitions("M[i: n, j: m] = sum(delta(j, i - t) for t in n)", parse_givens("X: n m"))
    (order,) = index_orders(d.body) or ()
    assert (str(order.smaller), str(order.larger)) == ("j", "i")
    # Here t stops before i − j does: two sides are needed.
    (d,) = parse_definitions("M[i: n, j: m] = sum(delta(j, i - t) for t in k)", parse_givens("X: n m, z: k"))
    assert len(index_orders(d.body) or ()) == 2
    banded = run("X: n m, z: k", "M[i: n, j: m] = sum(delta(j, i - t) for t in k)\nR = M*X + z[0]", X=X, z=np.zeros(2))
    assert np.array_equal(banded, X * where("(j <= i) & (i - j < 2)"))
    (d,) = parse_definitions("r[i] = sum(delta(j, i)*X[i, j] for j in n)", parse_givens("X: n n"))
    assert index_orders(d.body) is None


def test_truth_values_are_counted_as_numbers() -> None:
    found = run("X: n m", "M[i: n, j: m] = indicator(j <= i)\nR[i, j] = M[i, j] + M[i, j]*X[i, j] + M[i, j]", X=X)
    assert np.array_equal(found, where("j <= i") * (X + 2))


# -- weights in sums of exponentials ---------------------------------------------------------------------------------

#: Domain, weights of three terms.
WEIGHTS = [
    ("mask", [1, 0, 1]),
    ("nonnegative", [0.5, 0, 3]),
    ("positive", [0.5, 2, 3]),
    ("rows", [0.25, 0, 0.75]),
    ("onehot", [0, 0, 1]),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("domain", "weights"), WEIGHTS, ids=[d for d, _ in WEIGHTS])
def test_weighted_sums_do_not_overflow(domain: str, weights: list[float], dtype: type) -> None:
    w = np.array(weights, dtype=dtype)
    x = np.array([[1000.0, 3e4, 998.0], [-1e4, -1e30, -1e4 - 1], [1.0, 2.0, 3.0]], dtype=dtype)
    if domain == "positive":
        x[:, 1] = x[:, 0]
    given = f"x: n m\nw: m {domain}"
    seen = w > 0
    shifted = x - x[:, seen].max(axis=1, keepdims=True)
    terms = np.where(seen, w.astype(float) * np.exp(np.where(seen, shifted, 0).astype(float)), 0)
    ratio = run(given, "R[i, j] = w[j]*exp(x[i, j])/sum(w[k]*exp(x[i, k]) for k in m)", x=x, w=w)
    total = run(given, "r[i] = log(sum(w[k]*exp(x[i, k]) for k in m))", x=x, w=w)
    tolerance = 20 * np.finfo(dtype).eps
    np.testing.assert_allclose(ratio, terms / terms.sum(1, keepdims=True), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(total, x[:, seen].max(1) + np.log(terms.sum(1)), rtol=tolerance)
    assert ratio.dtype == total.dtype == dtype


def test_an_unsigned_weight_is_no_weight() -> None:
    """Nothing is known about the sign: the sum stays as it is written."""
    text = source("x: n m\nw: m", "r[i] = log(sum(w[k]*exp(x[i, k]) for k in m))")
    assert "_log_weighted" not in text and "np.inf" not in text


# -- masked attention ------------------------------------------------------------------------------------------------


@cache
def attention(mask: str) -> dict[str, Any]:
    return load_source(generate(derive_entry(find("attention"), mask=mask)).source)


def arrays(n: int, m: int, dtype: type) -> dict[str, Array]:
    shapes = {"Q": (n, 2), "K": (m, 2), "V": (m, 3), "dO": (n, 3)}
    return {name: RNG.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


def exact(Q: Array, K: Array, V: Array, dO: Array, M: Array) -> tuple[Array, ...]:
    """One query at a time, over the keys that it sees."""
    O, dQ, dK, dV = (np.zeros((len(a), b.shape[1])) for a, b in ((Q, V), (Q, Q), (K, K), (V, V)))
    for i, row in enumerate(M > 0):
        k, v, root = K[row].astype(float), V[row].astype(float), np.sqrt(Q.shape[1])
        s = k @ Q[i].astype(float) / root
        p = np.exp(s - s.max())
        p /= p.sum()
        O[i] = p @ v
        ds = p * (v @ dO[i] - dO[i] @ O[i])
        dQ[i] = ds @ k / root
        dK[row] += np.outer(ds, Q[i]) / root
        dV[row] += np.outer(p, dO[i])
    return O, dQ, dK, dV


#: Scores at masked places, by the size of the masked keys; a query is about 1.
HUGE = [(np.float64, 1e4), (np.float64, -1e4), (np.float64, 1e30), (np.float32, 1e4), (np.float32, 1e30)]


@pytest.mark.parametrize(("dtype", "size"), HUGE)
@pytest.mark.parametrize("mask", ["given", "causal"])
def test_masked_places_do_not_count(mask: str, dtype: type, size: float) -> None:
    """With huge scores there, and with a row that sees a single key: no warning, and the values of the others."""
    values = arrays(4, 4, dtype)
    values["K"][3] = size
    if mask == "causal":
        values["Q"][3] = 0  # the last query does see the last key: with equal scores, it is there to be compared
    M = (
        np.tril(np.ones((4, 4), dtype))
        if mask == "causal"
        else np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 0], [1] * 3 + [0]], dtype)
    )
    given = {"M": M} if mask == "given" else {}
    code = attention(mask)
    forward = {k: v for k, v in values.items() if k != "dO"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        O = code["attention"](**forward, **given)
        dQ, dK, dV = code["attention_backward"](**values, **given)
    rtol = 200 * np.finfo(dtype).eps
    for found, expected in zip((O, dQ, dK, dV), exact(**values, M=M), strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * max(1, np.abs(expected).max()))


def test_a_fully_masked_row_leaves_the_others_alone() -> None:
    values = arrays(3, 4, np.float64)
    M = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0]], float)
    code = attention("given")
    rest = [0, 2]
    with np.errstate(invalid="ignore"):  # 0/0 is what it is
        O = code["attention"](values["Q"], values["K"], values["V"], M)
        dQ, dK, dV = code["attention_backward"](**values, M=M)
    expected = exact(values["Q"][rest], values["K"], values["V"], values["dO"][rest], M[rest])
    assert np.isnan(O[1]).all() and np.isnan(dQ[1]).all() and np.isnan(dK).all() and np.isnan(dV).all()
    np.testing.assert_allclose(O[rest], expected[0], rtol=1e-13)
    np.testing.assert_allclose(dQ[rest], expected[1], rtol=1e-12)


def test_the_causal_mask_reads_as_a_comparison() -> None:
    text = generate(derive_entry(find("attention"), mask="causal")).source
    assert "M = np.arange(n)[:, None] >= np.arange(m)\n" in text and "M[i, j] = [j <= i]" in text
    assert "M_ij = [j ≤ i]" in str(nnmath.derive("attention", mask="causal"))


@pytest.mark.parametrize("mask", ["given", "causal"])
def test_torch_agrees(mask: str) -> None:
    torch = pytest.importorskip("torch")
    values = arrays(5, 3, np.float64)
    M = np.maximum(RNG.integers(2, size=(5, 3)), np.eye(5, 3)[[0, 1, 2, 0, 1]]).astype(float)
    tensors = {k: torch.tensor(v, requires_grad=k != "dO") for k, v in values.items()}
    option: dict[str, Any] = {"attn_mask": torch.tensor(M).bool()} if mask == "given" else {"is_causal": True}
    O = torch.nn.functional.scaled_dot_product_attention(*(tensors[k] for k in "QKV"), **option)
    O.backward(tensors["dO"])
    found = attention(mask)["attention_backward"](**values, **({"M": M} if mask == "given" else {}))
    for name, gradient in zip("QKV", found, strict=True):
        np.testing.assert_allclose(gradient, tensors[name].grad.numpy(), rtol=1e-11, atol=1e-13)


# -- planted errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("id", "options", "wanted", "claim"), [w[:4] for w in WRONG_MASKS], ids=[f"{w[0]}-{w[4]}" for w in WRONG_MASKS]
)
def test_a_wrong_claim_is_refuted(id: str, options: dict[str, Any], wanted: str, claim: str) -> None:
    entry = find(id).at(**options)
    assert isinstance(entry.claim, Mapping)
    entry = replace(entry, claim={**entry.claim, wanted: claim})
    verdicts = [s.verdict.kind for s in derive_entry(entry).steps]
    assert verdicts.count("refuted") == 1 and "open" not in verdicts


GIVEN = "Q: n d, K: m d, V: m v, M: n m mask"


def test_a_backward_without_the_mask_is_found() -> None:
    report = nnmath.verify(planted_masks.without_mask, forward=planted_masks.forward, inputs=GIVEN, dtypes=("float64",))
    assert report.verdict == "wrong" and "mask" in report.kinds()
    assert not any(p.verdict == "proved" for p in report.proofs)


def test_the_right_backward_is_proved() -> None:
    report = nnmath.verify(planted_masks.right, forward=planted_masks.forward, inputs=GIVEN, dtypes=("float64",))
    assert report.verdict == "proved" and {p.verdict for p in report.proofs} == {"proved"}
