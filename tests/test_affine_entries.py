"""Entries with affine indices: errors that are refuted, what the generated code computes, and how the page reads."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import nnmath
from nnmath.derivations import Entry, find
from nnmath.derivations.build import derive_entry
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.numpy_code.generator import generate

CONV = {
    "dL/dX": "i, c, h: sum(K[f, c, u]*dY[i, f, h - u + 1] for f in F for u in U)",
    "dL/dK": "f, c, u: sum(dY[i, f, o]*X[i, c, o + u - 1] for i in n for o in O)",
}
PLANTED = [
    ("dL/dX", "h - u + 1", "h + u - 1", "index of the forward pass"),
    ("dL/dX", "h - u + 1", "h - u", "padding left out"),
    ("dL/dX", "h - u + 1", "h - u + 2", "off by one"),
    ("dL/dX", "h - u + 1", "2*h - u + 1", "stride"),
    ("dL/dX", "K[f, c, u]", "K[f, c, U - 1 - u]", "flipped kernel"),
    ("dL/dX", "sum(", "-sum(", "sign"),
    ("dL/dX", "sum(", "2*sum(", "factor"),
    ("dL/dK", "o + u - 1", "o + u", "padding left out"),
    ("dL/dK", "o + u - 1", "o - u + 1", "flipped kernel"),
    ("dL/dK", "o + u - 1", "2*o + u - 1", "stride"),
    ("dL/dK", "o + u - 1", "o + 2*u - 1", "dilation"),
    ("dL/dK", "dY[i, f, o]", "dY[i, f, o + 1]", "shifted upstream gradient"),
]


@pytest.mark.parametrize(("wanted", "right", "wrong", "_"), PLANTED, ids=[p[3] + p[0] for p in PLANTED])
def test_planted_errors_of_a_convolution_are_refuted(wanted: str, right: str, wrong: str, _: str) -> None:
    plain = find("conv1d").at(padding=1)
    assert right in CONV[wanted]
    for claim, kind in ((CONV[wanted], "proved"), (CONV[wanted].replace(right, wrong), "refuted")):
        texts = {"given": plain.given, "define": plain.define, "claim": {wanted: claim}}
        stated = Entry(id="planted", title="Planted", wanted=(wanted,), **texts)  # type: ignore[arg-type]
        found = derive_entry(stated)
        assert found.verdict.kind == kind, [str(s.right) for s in found.steps]


@pytest.mark.parametrize(
    ("id", "right", "wrong"),
    [
        ("im2col", "U*V*c + V*u + v)*K", "U*V*c + U*u + v)*K"),
        ("im2col", "P*o + p)*delta", "P*p + o)*delta"),
        ("im2col", "o + u", "o + u + 1"),
        ("conv-equivariance", "m + 1", "m + 2"),
        ("conv-equivariance", "o + 1", "o + 0"),
    ],
)
def test_planted_errors_of_identities_are_refuted(id: str, right: str, wrong: str) -> None:
    plain = find(id).at()
    assert isinstance(plain.define, str) and right in plain.define
    define = plain.define.replace(right, wrong, 1)
    stated = Entry(id="planted", title="Planted", given=plain.given, define=define, wanted=plain.wanted)
    assert derive_entry(stated).verdict.kind == "refuted"


# -- code ------------------------------------------------------------------------------------------------------------


def _conv2d(X: np.ndarray, K: np.ndarray, b: np.ndarray, stride: int, padding: int, dilation: int) -> np.ndarray:
    """By its definition, entry by entry."""
    n, _, height, width = X.shape
    count, _, rows, columns = K.shape
    wide = np.pad(X, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    high = (height + 2 * padding - dilation * (rows - 1) - 1) // stride + 1
    long = (width + 2 * padding - dilation * (columns - 1) - 1) // stride + 1
    Y = np.zeros((n, count, high, long))
    for i, f, o, p, y, z in product(range(n), range(count), range(high), range(long), range(rows), range(columns)):
        Y[i, f, o, p] += K[f, :, y, z] @ wide[i, :, stride * o + dilation * y, stride * p + dilation * z]
    return Y + b[:, None, None]


@pytest.mark.parametrize(
    ("stride", "padding", "dilation"), [(1, 0, 1), (1, 2, 1), (2, 1, 1), (3, 0, 1), (1, 1, 2), (2, 3, 2), (4, 0, 1)]
)
def test_generated_convolutions_compute_definition_and_adjoint(stride: int, padding: int, dilation: int) -> None:
    setting = {"stride": stride, "padding": padding, "dilation": dilation}
    module = generate(derive_entry(find("conv2d"), **setting))
    forward, backward = (load_source(module.source)[f.name] for f in module.functions)
    rng = np.random.default_rng(0)
    X, K, b = rng.normal(size=(2, 3, 9, 7)), rng.normal(size=(4, 3, 3, 2)), rng.normal(size=4)
    Y = _conv2d(X, K, b, **setting)
    np.testing.assert_allclose(forward(X, K, b), Y, atol=1e-12)
    dY = rng.normal(size=Y.shape)
    dX, dK, db = backward(X, K, dY)
    moved = ((X, dX, lambda e: (e, K, b)), (K, dK, lambda e: (X, e, b)), (b, db, lambda e: (X, K, e)))
    for array, gradient, at in moved:
        direction = rng.normal(size=array.shape)
        change = _conv2d(*at(array + direction), **setting) - Y  # type: ignore[no-untyped-call]
        np.testing.assert_allclose((gradient * direction).sum(), (dY * change).sum(), rtol=1e-9)


def test_code_of_a_convolution_says_what_does_not_fit() -> None:
    functions = load_source(generate(derive_entry(find("conv1d"))).source)
    X, K, b = np.ones((1, 1, 2)), np.ones((1, 1, 3)), np.ones(1)
    with pytest.raises(ValueError, match="O is 0, it must be at least 1"):
        functions["conv1d"](X, K, b)
    with pytest.raises(ValueError, match="O is 3, expected 2"):
        functions["conv1d_backward"](np.ones((1, 1, 4)), K, np.ones((1, 1, 3)))


def test_repeated_ids_add_up() -> None:
    functions = load_source(generate(derive_entry(find("embedding"))).source)
    dE = functions["embedding_backward"](np.zeros((4, 2)), np.array([1, 1, 3]), np.arange(6.0).reshape(3, 2))
    assert dE.tolist() == [[0, 0], [2, 4], [0, 0], [4, 5]]


def test_ties_in_a_window_go_to_the_first() -> None:
    functions = load_source(generate(derive_entry(find("max-pool2d"))).source)
    dX = functions["max_pool2d_backward"](np.zeros((1, 1, 4, 2)), np.ones((1, 1, 2, 1)))
    assert dX[0, 0].tolist() == [[1, 0], [0, 0], [1, 0], [0, 0]]


# -- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("id", "setting", "text", "latex"),
    [
        ("conv1d", {"stride": 2, "padding": 1}, "X_{i,c,2o+u−1}", "X_{i,c,2o+u-1}"),
        ("conv1d", {"stride": 2, "padding": 1}, "δ_{h,2o+u−1}", r"\delta_{h,2o+u-1}"),
        ("conv1d", {}, "dY_{i,f,h−u}", r"\mathrm{d}Y_{i,f,h-u}"),
        ("conv1d", {"stride": 2}, "O = ⌊(H − U)/2⌋ + 1", r"O &= \lfloor \frac{H - U}{2} \rfloor + 1"),
        ("im2col", {}, "δ_{m,UVc+Vu+v}", r"\delta_{m,UVc+Vu+v}"),
    ],
)
def test_affine_indices_on_the_page(id: str, setting: dict[str, int], text: str, latex: str) -> None:
    page = nnmath.derive(id, **setting)
    assert text in str(page)
    assert latex in page.latex()
