"""Sizes, example arrays, half precision and devices: what a person asks for beyond the regimes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnmath
from nnmath.cli import main
from nnmath.derivations import catalogue
from nnmath.derivations.build import derive_entry
from nnmath.numeric.checking.exact import Judge, as_floats
from nnmath.numeric.checking.tolerance import precision
from nnmath.verification.probing.large import LargeOracle, NoLargeOracle
from nnmath.verification.probing.oracle import Oracle
from nnmath.verification.probing.stated import parse_sizes
from nnmath.verification.subjects.protocol import SubjectError

HERE = Path(__file__).parent
FAST: dict[str, Any] = {"dtypes": ("float64",)}


def softmax_ce_grad(Z: Any, Y: Any) -> Any:
    e = np.exp(Z - Z.max(axis=1, keepdims=True))
    return (e / e.sum(axis=1, keepdims=True) - Y) / len(Z)


def blocked(block: int) -> Any:
    """Rows are summed in blocks of this length, and what is left of a row is forgotten."""

    def gradient(Z: Any, Y: Any) -> Any:
        whole = max(Z.shape[1] // block * block, 1) if Z.shape[1] > block else Z.shape[1]
        e = np.exp(Z - Z.max(axis=1, keepdims=True))
        return (e / e[:, :whole].sum(axis=1, keepdims=True) - Y) / len(Z)

    return gradient


def silu_grad(x: Any) -> Any:
    s = 1 / (1 + np.exp(-np.abs(x)))
    s = np.where(x >= 0, s, 1 - s)
    return s + x * s * (1 - s)


# -- sizes -------------------------------------------------------------------------------------------------------------


def test_stated_sizes_are_tried_and_right_code_stays_right() -> None:
    report = nnmath.verify(softmax_ce_grad, against="softmax-ce", sizes={"n": 300, "C": 40})
    assert report.verdict == "proved" and "n = 300, C = 40" in "; ".join(report.covered), str(report)


def test_an_error_that_only_large_sizes_show_is_found_at_them() -> None:
    assert nnmath.verify(blocked(64), against="softmax-ce", **FAST).verdict != "wrong"
    report = nnmath.verify(blocked(64), against="softmax-ce", sizes=[{"n": 2, "C": 64}, {"n": 2, "C": 100}], **FAST)
    assert report.verdict == "wrong" and "C = 100" in report.findings[0].example, str(report)


def test_an_elementwise_function_is_tried_at_the_shape_that_the_sizes_make() -> None:
    report = nnmath.verify(silu_grad, against="silu", sizes={"n": 50, "m": 30}, **FAST)
    assert report.passed and "n = 50, m = 30" in "; ".join(report.covered), str(report)

    def holey(x: Any) -> Any:
        return silu_grad(x) * (np.arange(x.size).reshape(x.shape) < 1000)

    assert nnmath.verify(holey, against="silu", sizes={"n": 50, "m": 30}, **FAST).verdict == "wrong"


BAD_SIZES = [
    ({"n": 3}, "the size of C is missing"),
    ({"n": 3, "C": 2, "k": 4}, "no dimension is called k"),
    ({"n": 0, "C": 2}, "a size is a whole number"),
    ({"n": 2.5, "C": 2}, "a size is a whole number"),
    ([{}], "no sizes are given"),
]


@pytest.mark.parametrize(("sizes", "said"), BAD_SIZES, ids=[said for _, said in BAD_SIZES])
def test_wrong_sizes_say_what_to_type(sizes: Any, said: str) -> None:
    with pytest.raises(SubjectError, match=said):
        nnmath.verify(softmax_ce_grad, against="softmax-ce", sizes=sizes, **FAST)


def test_sizes_as_text() -> None:
    assert parse_sizes("n=512, C = 1000") == {"n": 512, "C": 1000}
    for text in ("n", "n=-1", "n=1.5", "=3", ""):
        with pytest.raises(SubjectError, match="--sizes"):
            parse_sizes(text)


# -- example arrays ----------------------------------------------------------------------------------------------------


def test_example_arrays_are_tried_as_they_are() -> None:
    rng = np.random.default_rng(0)
    Z, Y = rng.normal(size=(5, 80)), rng.dirichlet(np.ones(80), size=5)

    def gradient(Z: Any, Y: Any) -> Any:
        found = softmax_ce_grad(Z, Y)
        return found * 2 if abs(float(Z.flat[0]) - seen) < 1e-12 else found

    seen = float(Z.flat[0])
    report = nnmath.verify(gradient, against="softmax-ce", inputs=(Z, Y), **FAST)
    assert report.verdict == "wrong" and "the example arrays" in report.findings[0].example, str(report)
    report = nnmath.verify(softmax_ce_grad, against="softmax-ce", inputs=(Z, Y), **FAST)
    assert report.verdict == "proved" and "the example arrays" in "; ".join(report.covered)


def test_example_arrays_that_make_the_code_overflow() -> None:
    def gradient(Z: Any, y: Any) -> Any:
        shift = Z.max(axis=1, keepdims=True) if Z.shape[1] < 45 else 0.0
        e = np.exp(Z - shift)
        p = e / e.sum(axis=1, keepdims=True)
        p[np.arange(len(y)), y] -= 1
        return p / len(y)

    rng = np.random.default_rng(0)
    Z = rng.normal(size=(6, 50)) + 800
    report = nnmath.verify(gradient, against="softmax-ce", inputs=(Z, rng.integers(50, size=6)), **FAST)
    assert report.verdict == "unstable" and "the example arrays" in report.findings[0].message, str(report)


def test_one_array_more_is_the_upstream_gradient() -> None:
    seen: list[Any] = []

    def forward(x: Any) -> Any:
        return np.tanh(x), x

    def backward(dout: Any, x: Any) -> Any:
        if type(dout) is np.ndarray:
            seen.append(dout.copy())
        return dout * (1 - np.tanh(x) ** 2)

    dout = np.full((3, 70), 0.125)
    report = nnmath.verify((forward, backward), against="tanh", inputs=(np.ones((3, 70)), dout), **FAST)
    assert report.passed and any(d.shape == dout.shape and np.array_equal(d, dout) for d in seen), str(report)


def test_arrays_whose_sizes_disagree_are_an_error() -> None:
    arrays = (np.ones((4, 3)), np.ones((3, 5)), np.ones(4), np.ones((4, 4)))
    with pytest.raises(SubjectError, match="example array"):
        nnmath.verify(lambda X, W, b, dY: (dY @ W.T, X.T @ dY, dY.sum(0)), against="dense", inputs=arrays, **FAST)


# -- the oracle at large sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("id", ["softmax-ce", "dense", "mlp-softmax", "silu", "leaky-relu"])
def test_the_large_oracle_says_what_balls_say(id: str) -> None:
    d = derive_entry(catalogue()[id])
    oracle = Oracle(d, None)
    sizes = {dim: 2 + k for k, dim in enumerate(d.dims)}
    from nnmath.numeric.checking.regimes import REGIMES, draw

    regime = next(r for r in REGIMES if r.elementwise is oracle.elementwise)
    regime = type(regime)(regime.name, regime.real, lambda k: [2 + j for j in range(k)], elementwise=regime.elementwise)
    case = draw(d, regime, np.dtype(float), 0, oracle.elementwise)
    tensors = [r.wrt[0] for r in d.wanted if len(r.wrt) == 1]
    for dtype in ("float64", "float32", "bfloat16"):
        p = precision(dtype)
        values = {n: p.rounded(v).astype(float) if v.dtype.kind == "f" else v for n, v in case.values.items()}
        small = oracle.evaluate(tensors, sizes, values, None, p)
        large = LargeOracle(oracle).evaluate(tensors, sizes, values, None, p)
        for name, exact in small.items():
            np.testing.assert_allclose(large[name].values, exact.values, rtol=1e-12, atol=1e-14)
            ratio = np.max(large[name].bound) / np.max(exact.bound)
            assert 0.02 < ratio < 50, (name, dtype, ratio)


def test_balls_refuse_generated_code_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    d = derive_entry(catalogue()["softmax-ce"])
    large = LargeOracle(Oracle(d, None))
    rng = np.random.default_rng(0)
    values = {"Z": rng.normal(size=(9, 30)), "Y": rng.dirichlet(np.ones(30), size=9)}
    sizes = dict(zip(d.dims, (9, 30), strict=True))
    (z,) = [t for t in d.givens if t.name == "Z"]
    assert large.evaluate([z], sizes, values, None, precision("float64"))["Z"].values.shape == (9, 30)
    own = large._functions
    spoiled = [(f, lambda _run=run, **a: 1.001 * _run(**a)) for f, run in own]
    monkeypatch.setitem(large.__dict__, "_functions", spoiled)
    with pytest.raises(NoLargeOracle, match="is off at"):
        large.evaluate([z], sizes, values, None, precision("float64"))


def test_a_few_balls_of_large_arrays_cost_a_few_balls() -> None:
    d = derive_entry(catalogue()["softmax-ce"])
    rng = np.random.default_rng(0)
    Z, Y = rng.normal(size=(40, 50)), rng.dirichlet(np.ones(50), size=40)
    tensors = {t: {"Z": Z, "Y": Y}[t.name] for t in d.givens}
    judge, sizes = Judge(d), dict(zip(d.dims, Z.shape, strict=True))
    (ball,) = judge.entries("dZ", [(39, 49)], sizes, tensors)
    full = softmax_ce_grad(Z, Y)[39, 49]
    assert abs(float(as_floats(np.array(ball, dtype=object))) - full) < 1e-15
    touched = judge_touched(judge, sizes, tensors)
    assert touched <= 50 + 1, f"{touched} entries of Z were turned into balls for one entry of the gradient"


def judge_touched(judge: Judge, sizes: Any, tensors: Any) -> int:
    """How many entries of Z one entry of the gradient needs."""
    from nnmath.calculus.balls import Valuation
    from nnmath.numeric.checking.exact import LazyBalls

    lazy = {t: LazyBalls(v) for t, v in tensors.items()}
    valuation = Valuation(list(judge.definitions.values()), sizes, lazy, lazily=True)
    valuation.element(judge.definitions["dZ"].tensor, (0, 0))
    return next(len(v) for t, v in lazy.items() if t.name == "Z")


# -- half precision ----------------------------------------------------------------------------------------------------


def test_bfloat16_is_rounded_to_nearest_even() -> None:
    torch = pytest.importorskip("torch", reason="torch knows bfloat16; type: pip install torch")
    rng = np.random.default_rng(0)
    values = (rng.normal(size=20_000) * 10.0 ** rng.integers(-40, 38, 20_000)).astype(np.float32)
    values[:4] = (0.0, -0.0, np.inf, 1.00390625)
    theirs = torch.from_numpy(values).to(torch.bfloat16).float().numpy()
    assert np.array_equal(precision("bfloat16").rounded(values), theirs)
    info = torch.finfo(torch.bfloat16)
    assert (info.eps, info.max) == (precision("bfloat16").eps, precision("bfloat16").max)


def test_numpy_code_runs_in_float16() -> None:
    report = nnmath.verify(softmax_ce_grad, against="softmax-ce", dtypes=("float64", "float16"))
    assert report.verdict == "proved" and "float16" in "; ".join(report.covered), str(report)
    with pytest.raises(SubjectError, match="NumPy has no bfloat16"):
        nnmath.verify(softmax_ce_grad, against="softmax-ce", dtypes=("bfloat16",))


HALVES = ("CrossEntropy", "Swish", "Softmax", "LayerNorm", "Attention", "dense_relu")


@pytest.mark.parametrize("name", HALVES)
def test_correct_torch_code_gets_no_finding_in_bfloat16(name: str) -> None:
    pytest.importorskip("torch", reason="these are torch Functions; type: pip install torch")
    from correct_torch import TORCH

    case = TORCH[name]
    options = {"against": case.against, "inputs": case.inputs, "forward": case.forward}
    report = nnmath.verify(case.subject, **options, dtypes=("float32", "bfloat16"))
    assert report.passed and report.findings == (), str(report)
    assert "bfloat16" in "; ".join(report.covered)


def summed(accumulate: Any) -> Any:
    """db of a dense layer, with rows added up by ``accumulate``."""
    torch = pytest.importorskip("torch", reason="this is a torch Function; type: pip install torch")

    class Bias(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, b: Any) -> Any:
            return x + b

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return dy, accumulate(dy)

    return Bias


def in_own_dtype(dy: Any) -> Any:
    total = dy[0]
    for row in dy[1:]:
        total = total + row
    return total


def in_float32(dy: Any) -> Any:
    total = dy[0].float()
    for row in dy[1:]:
        total = total + row
    return total.to(dy.dtype)


BIAS = {"against": "Y = x + b\nL = upstream(dy, Y)", "inputs": "x: n d, b: d, dy: n d"}


def test_a_long_sum_in_float32_is_right_and_in_bfloat16_is_not() -> None:
    torch = pytest.importorskip("torch", reason="this is a torch Function; type: pip install torch")
    torch.manual_seed(0)
    dy = torch.rand(2000, 3)
    arrays = (torch.zeros(2000, 3), torch.zeros(3), dy)
    options = {"against": BIAS["against"], "inputs": arrays, "dtypes": ("float32", "bfloat16")}
    assert nnmath.verify(summed(in_float32), **options).passed
    report = nnmath.verify(summed(in_own_dtype), **options)
    assert report.kinds() == ("dtype",) and "bfloat16" in report.findings[0].message, str(report)


def test_a_wrong_gradient_is_wrong_in_whichever_dtype_it_is_run() -> None:
    def gradient(Z: Any, Y: Any) -> Any:
        return softmax_ce_grad(Z, Y) * len(Z)

    for dtypes in (("float32",), ("float16",), ("float32", "float16")):
        report = nnmath.verify(gradient, against="softmax-ce", dtypes=dtypes)
        assert report.verdict == "wrong" and report.kinds()[0] in ("scale", "contract"), str(report)


# -- devices -----------------------------------------------------------------------------------------------------------


def test_cuda_is_used_or_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch", reason="this is a torch Function; type: pip install torch")
    place = f"{HERE}/subjects/torch_gradients.py:Swish"
    code = main(["verify", place, "--against", "silu", "--device", "cuda", "--dtype", "float32"])
    said = capsys.readouterr()
    if torch.cuda.is_available():
        assert code == 0, said
    else:
        assert code == 3 and "finds no CUDA device" in said.err and said.err.count("\n") == 1


def test_numpy_code_has_no_other_device() -> None:
    with pytest.raises(SubjectError, match="runs on the CPU"):
        nnmath.verify(softmax_ce_grad, against="softmax-ce", device="cuda")
    assert nnmath.verify(softmax_ce_grad, against="softmax-ce", device="auto", **FAST).verdict == "proved"


def test_a_gradient_of_tensors_is_run_on_tensors() -> None:
    pytest.importorskip("torch", reason="this is torch code; type: pip install torch")
    place = f"{HERE}/subjects/torch_gradients.py"
    assert nnmath.verify(f"{place}:softmax_ce_grad", against="softmax-ce", **FAST).passed
    assert nnmath.verify(f"{place}:softmax_ce_summed", against="softmax-ce", **FAST).verdict == "wrong"
    assert nnmath.verify(f"{place}:tanh_layer", against="tanh", dtypes=("float64", "bfloat16")).passed


def test_sizes_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    place = f"{HERE}/subjects/numpy_gradients.py:softmax_ce_grad"
    options = ["--against", "softmax-ce", "--dtype", "float64"]
    assert main(["verify", place, *options, "--sizes", "n=64, C=50"]) == 0
    assert "n = 64, C = 50" in capsys.readouterr().out
    assert main(["verify", place, *options, "--sizes", "n=64"]) == 2
    assert "the size of C is missing" in capsys.readouterr().err
