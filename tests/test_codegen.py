"""Generated NumPy code: what it computes, how it reads, and what it says to bad input."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest
from derived import formula
from derived import module as generated

from nnmath.calculus.parser import parse_givens
from nnmath.derivations import catalogue
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.numpy_code.generator import generate

RNG = np.random.default_rng(7)
#: A statement has no code.
IDS = tuple(id for id, entry in catalogue().items() if entry.wanted)


def run(given: str, define: str, **values: object) -> np.ndarray:
    return load_source(generate(formula(given, define)).source)["formula"](**values)


@pytest.fixture(scope="module")
def modules() -> dict[str, dict]:
    return {id: load_source(generated(id).source) for id in IDS}


# -- what the array operations compute --

A, B, D = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 5)), RNG.normal(size=(5, 2))
SQUARE, OTHER = RNG.normal(size=(4, 4)), RNG.normal(size=(4, 4))
STACK, STACK2 = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 4, 5))
LABELS = np.array([2, 0, 2])
TABLE = RNG.normal(size=(3, 4))
U, V = RNG.normal(size=4), RNG.normal(size=4)

OPERATIONS = [
    ("matrix product", "A: n m\nB: m k", "R = A @ B", {"A": A, "B": B}, lambda: A @ B),
    ("three factors", "A: n m\nB: m k\nD: k l", "R = A @ B @ D", {"A": A, "B": B, "D": D}, lambda: A @ B @ D),
    ("transposed", "A: n m\nB: n k", "R = A.T @ B", {"A": A, "B": A @ B}, lambda: A.T @ (A @ B)),
    ("dot", "u: m\nv: m", "r = sum(u[i]*v[i] for i in m)", {"u": U, "v": V}, lambda: U @ V),
    ("outer", "u: m\nv: k", "R[i, j] = u[i]*v[j]", {"u": U, "v": D[:, 0]}, lambda: np.outer(U, D[:, 0])),
    ("weighted rows", "A: n m\nu: m", "r[i] = sum(A[i, j]*u[j] for j in m)", {"A": A, "u": U}, lambda: A @ U),
    ("row sums", "A: n m", "r[i] = sum(A[i, j]**2 for j in m)", {"A": A}, lambda: (A**2).sum(1)),
    ("column mean", "A: n m", "r[j] = sum(A[i, j] for i in n)/n", {"A": A}, lambda: A.mean(0)),
    ("trace", "S: m m", "r = sum(S[i, i] for i in m)", {"S": SQUARE}, lambda: np.trace(SQUARE)),
    ("diagonal", "S: m m", "r[i] = S[i, i]", {"S": SQUARE}, lambda: np.diag(SQUARE)),
    (
        "trace of a product",
        "S: m m\nT: m m",
        "r = sum(S[i, j]*T[j, i] for i in m for j in m)",
        {"S": SQUARE, "T": OTHER},
        lambda: np.trace(SQUARE @ OTHER),
    ),
    (
        "bilinear form",
        "u: m\nS: m m\nv: m",
        "r = sum(u[i]*S[i, j]*v[j] for i in m for j in m)",
        {"u": U, "S": SQUARE, "v": V},
        lambda: U @ SQUARE @ V,
    ),
    (
        "stacked product",
        "A: b n m\nB: b m k",
        "R[b_, i, j] = sum(A[b_, i, k_]*B[b_, k_, j] for k_ in m)",
        {"A": STACK, "B": STACK2},
        lambda: STACK @ STACK2,
    ),
    (
        "three arrays over one index",
        "A: n m\nB: k m\nD: l m",
        "R[i, j, k_] = sum(A[i, t]*B[j, t]*D[k_, t] for t in m)",
        {"A": A, "B": SQUARE[:3], "D": OTHER[:2]},
        lambda: np.einsum("it,jt,kt->ijk", A, SQUARE[:3], OTHER[:2]),
    ),
    (
        "gather",
        "P: n C\ny: n int<C",
        "r[i] = P[i, y[i]]",
        {"P": TABLE, "y": LABELS},
        lambda: TABLE[np.arange(3), LABELS],
    ),
    ("lookup", "W: C m\ny: n int<C", "R[i, j] = W[y[i], j]", {"W": TABLE, "y": LABELS}, lambda: TABLE[LABELS]),
    (
        "scatter-add",
        "G: n m\ny: n int<C\nW: C m",
        "R[c, j] = W[c, j] + sum(delta(y[i], c)*G[i, j] for i in n)",
        {"G": A, "y": LABELS, "W": TABLE},
        lambda: TABLE + np.stack([A[c == LABELS].sum(0) for c in range(3)]),
    ),
    ("broadcast", "A: n m\nu: m", "R[i, j] = A[i, j]/(1 + exp(u[j]))", {"A": A, "u": U}, lambda: A / (1 + np.exp(U))),
    ("size", "A: n m", "r = sum(A[i, j] for i in n for j in m)/sqrt(m)", {"A": A}, lambda: A.sum() / 2),
]


@pytest.mark.parametrize(
    ("given", "define", "values", "expected"), [o[1:] for o in OPERATIONS], ids=[o[0] for o in OPERATIONS]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_array_operations_agree_with_numpy(given, define, values, expected, dtype) -> None:
    typed = {n: v if v.dtype.kind == "i" else v.astype(dtype) for n, v in values.items()}
    result = np.asarray(run(given, define, **typed))
    assert result.dtype == dtype
    assert result.shape == np.shape(expected())
    np.testing.assert_allclose(result, expected(), rtol=1e-11 if dtype == np.float64 else 2e-5, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["matrix product", "three factors", "row sums", "bilinear form", "stacked product", "dot", "transposed"]
)
def test_plain_operations_need_no_einsum(name) -> None:
    given, define = next(o[1:3] for o in OPERATIONS if o[0] == name)
    assert "einsum" not in generate(formula(given, define)).source


def test_an_affine_index_may_share_its_index_with_another_axis() -> None:
    """Along one axis it is taken; with its index in another axis too, it is chosen from the whole."""
    square = np.arange(9.0).reshape(3, 3)
    assert run("X: n n", "r[i: n] = X[i, i + 1]", X=square).tolist() == [1.0, 5.0, 0.0]
    assert run("X: n n", "r[i: n] = X[2*i, i]", X=square).tolist() == [0.0, 7.0, 0.0]
    assert run("x: n", "r[i: n] = x[i + 1]", x=np.array([1.0, 2.0, 3.0])).tolist() == [2.0, 3.0, 0.0]


# -- how it reads --

READS = [
    (
        "softmax-ce",
        "P = Z - Z.take(place)[:, None]\n    np.exp(P, out=P)\n    total = _sum_exponentials(P)\n"
        "    sure = np.count_nonzero(total < 1.25)\n    if sure:\n        P.put(place, 0.0)\n"
        "        rest = P.sum(axis=1)\n        total = 1 + rest\n    P /= total[:, None]",
    ),
    ("attention", "P = np.subtract(S, _row_max(S)[:, None], out=S)"),
    ("batchnorm", "H *= dL_dg / n\n    dL_dX = np.subtract(dY, H, out=H)\n    dL_dX -= dL_db / n\n    dL_dX *= g * R"),
    ("attention", "P /= _sum_exponentials(P)[:, None]"),
    ("softmax-ce", "weighted = np.vdot(shifted, Y)\n    e = np.exp(shifted, out=shifted)"),
    (
        "softmax-ce",
        "off = np.subtract(P, Y, out=P)\n    if sure:\n        own = Y.take(place)\n"
        "        off.put(place, (1 - own - own * rest) / total)",
    ),
    ("softmax-ce-labels", "_zero_sum(P, y, axis=1, less=1)\n    P /= n\n    return P"),
    ("layernorm", "H = X_scaled - M[:, None]\n    H -= (_sum_each_row(H) / D)[:, None]\n    V = np.vecdot(H, H) / D"),
    ("layernorm", "dg = _sum_products(H, dY)"),
    ("rmsnorm", "H *= (np.vecdot(H, dH) / D)[:, None]\n    dX = np.subtract(dH, H, out=dH)"),
    ("dense", "return X @ W + b"),
    ("dense", "dX = dY @ W.T"),
    ("dense", "dW = X.T @ dY"),
    ("dense", "db = _sum_rows(dY)"),
    ("mlp-softmax", "Z1 = X @ W1\n    Z1 += b1"),
    ("elu", "np.maximum(x, 0.0) + (x <= 0) * (_in_double(np.expm1, np.minimum(x, 0.0)) * alpha)"),
    ("bce-with-logits", "return _sigmoid_minus(z, t) / n"),
    ("bce-with-logits", "(_inner(z, (z > 0).astype(z.dtype) - t) + _sum_each_row(np.log1p(np.exp(-np.abs(z))))) / n"),
]


@pytest.mark.parametrize(("id", "line"), READS)
def test_reads_as_written_by_hand(id, line) -> None:
    assert line in re.sub("  # .*", "", generated(id).source)


@pytest.mark.parametrize("id", IDS)
def test_source_is_plain_numpy(id) -> None:
    module = generated(id)
    tree = ast.parse(module.source)
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert imported <= {"numpy", "math"} and "numpy" in imported
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    assert max(map(len, module.source.splitlines())) <= 120
    assert "~" not in module.source and "·" not in module.source  # names of bound indices are nobody's business
    # A sum over several indices at once: over channels and windows, over heads and their entries; and, of squares and
    # products, down the first axis.
    others = module.source.replace('einsum("ij,ij->j"', "").replace('einsum("kij,kij->kj"', "")
    assert "einsum" not in others or catalogue()[id].topic in ("attention", "convolution")
    public = [n for n in tree.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]
    assert [f.name for f in public] == [f.name for f in module.functions]
    for node, function in zip(public, module.functions, strict=True):
        assert tuple(a.arg for a in node.args.args) == function.arguments
        doc = ast.get_docstring(node) or ""
        assert f"Generated by nnmath from {id}." in doc


def test_function_names_say_what_they_return() -> None:
    names = {id: [f.name for f in generated(id).functions] for id in IDS}
    assert names["softmax-ce"] == ["softmax_ce", "softmax_ce_gradient"]
    assert names["gelu"] == ["gelu", "gelu_derivative", "gelu_second_derivative"]
    assert names["dense"] == ["dense", "dense_backward"]
    assert names["softmax-jacobian"] == ["softmax", "softmax_jacobian"]


# -- what it does with inputs --


def test_dtype_is_kept_and_integers_become_float64(modules) -> None:
    gelu = modules["gelu"]["gelu_derivative"]
    assert gelu(np.zeros(3, np.float32)).dtype == np.float32
    assert gelu(np.zeros((2, 1, 3), np.float16)).dtype == np.float16
    assert gelu(np.array([0, 1])).dtype == np.float64
    assert float(gelu(0.0)) == 0.5 and float(gelu(0)) == 0.5


BAD = [
    (
        "softmax-ce",
        "softmax_ce",
        {"Z": np.ones((2, 3)), "Y": np.ones((2, 4))},
        ValueError,
        r"Y has shape \(2, 4\), expected \(n, C\) = \(2, 3\)",
    ),
    ("softmax-ce", "softmax_ce", {"Z": np.ones(3), "Y": np.ones(3)}, ValueError, r"Z has shape \(3,\)"),
    ("softmax-ce", "softmax_ce_gradient", {"Z": np.ones((0, 3)), "Y": np.ones((0, 3))}, ValueError, "at least 1"),
    ("softmax-ce", "softmax_ce", {"Z": np.ones((2, 3), complex), "Y": np.ones((2, 3))}, TypeError, "complex"),
    ("softmax-ce-labels", "softmax_ce_labels", {"Z": np.ones((2, 3)), "y": [0, 3]}, ValueError, "expected 0 to 2"),
    ("softmax-ce-labels", "softmax_ce_labels", {"Z": np.ones((2, 3)), "y": [-1, 0]}, ValueError, "labels -1 to 0"),
    ("softmax-ce-labels", "softmax_ce_labels", {"Z": np.ones((2, 3)), "y": [0.0, 1.0]}, TypeError, "integer labels"),
    ("gelu", "gelu", {"x": "text"}, TypeError, "expected floats"),
]


@pytest.mark.parametrize(("id", "function", "values", "error", "message"), BAD)
def test_bad_input_gets_one_clear_line(modules, id, function, values, error, message) -> None:
    with pytest.raises(error, match=message) as caught:
        modules[id][function](**values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("id", ["softmax-ce", "log-softmax", "gelu", "sigmoid", "mish", "softplus", "silu"])
def test_nan_gives_nan(modules, id) -> None:
    for f in generated(id).functions:
        values = {a: np.full((2, 2) if a in "ZY" else 2, np.nan) for a in f.arguments}
        assert np.isnan(modules[id][f.name](**values)).any(), f.name


SCALES = [0.0, 1e-30, 1.0, 30.0, 88.0, 100.0, 746.0, 1e3, 1e4, 1e10, 1e20, 1e30]
SCALAR = [
    id
    for id, entry in catalogue().items()
    if entry.topic == "activations" and all(t.rank == 0 for t in parse_givens(entry.at().given))
]
#: How large x may be where the value itself grows like x².
SQUARES = ("squared-relu",)


@pytest.mark.parametrize("id", SCALAR)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_are_finite_without_warnings_over_the_whole_range(modules, id, dtype) -> None:
    top = float(np.finfo(dtype).max) / 4
    scales = [v for v in [*SCALES, top] if id not in SQUARES or v * v < top]
    x = np.array([s * v for v in scales for s in (1, -1)], dtype=dtype)
    for f in generated(id).functions:
        with np.errstate(all="raise", under="ignore"):
            assert np.isfinite(modules[id][f.name](x)).all(), f.name


@pytest.mark.parametrize("scale", [30.0, 1e3, 1e4, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_losses_and_gradients_at_large_logits(modules, scale, dtype) -> None:
    logits = (scale * np.array([[1, -1, 0], [-1, -1, 1], [1, 1, 1]])).astype(dtype)
    onehot = np.eye(3, dtype=dtype)
    with np.errstate(all="raise", under="ignore"):
        for id, values in {
            "softmax-ce": {"Z": logits, "Y": onehot},
            "softmax-ce-labels": {"Z": logits, "y": np.array([1, 0, 2])},
            "bce-with-logits": {"z": logits[0], "t": onehot[0]},
            "log-softmax": {"z": logits[0], "dy": onehot[0]},
        }.items():
            for f in generated(id).functions:
                given = {a: values[a] for a in f.arguments}
                assert np.isfinite(modules[id][f.name](**given)).all(), f.name


def test_a_confident_loss_keeps_its_digits(modules) -> None:
    """At a margin of 40 the loss is 2e⁻⁴⁰: the sum without its largest term must not be rounded away."""
    loss = modules["softmax-ce-labels"]["softmax_ce_labels"](np.array([[40.0, 0.0, 0.0]]), np.array([0]))
    assert loss == pytest.approx(2 * np.exp(-40.0), rel=1e-13)
