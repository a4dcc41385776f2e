"""What is seen when hand-written code runs: wrong numbers, hazards, errors, kinks, and where it starts to fail."""

from __future__ import annotations

import json
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnmath
from nnmath.derivations import catalogue
from nnmath.derivations.build import derive_entry
from nnmath.derivations.entry import Entry
from nnmath.verification.probing.observations import Observations
from nnmath.verification.probing.probe import probe
from nnmath.verification.subjects.adapters import adapt, load
from nnmath.verification.subjects.binding import bind

HERE = Path(__file__).parent / "subjects"
MLP = Entry(
    id="mlp",
    title="two layers",
    given="X: n d\nW1: d h\nb1: h\nW2: h C\nb2: C\ny: n int<C",
    define="""Z1 = X @ W1 + b1
A1 = tanh(Z1)
Z2 = A1 @ W2 + b2
P[i, c] = exp(Z2[i, c]) / sum(exp(Z2[i, k]) for k in C)
L = -sum(log(P[i, y[i]]) for i in n) / n""",
    wanted=("dL/dW1", "dL/db1", "dL/dW2", "dL/db2"),
)


@cache
def derivation(entry: str):
    return derive_entry(MLP if entry == "mlp" else catalogue()[entry])


def place(name: str) -> str:
    """The path and name of code in NumPy: classes stand in one file, functions in the other."""
    return f"{HERE / ('numpy_layers.py' if name[0].isupper() else 'numpy_gradients.py')}:{name}"


@cache
def observed(entry: str, name: str, file: str = "") -> Observations:
    d = derivation(entry)
    subject = adapt(load(f"{HERE / file}:{name}" if file else place(name)))
    wanted = [r.wrt[0].name for r in d.wanted if len(r.wrt) == 1]
    return probe(subject, bind(subject, entry_tensors=d.givens, wanted=wanted), d)


CORRECT = [
    *(("softmax-ce-labels", n) for n in ("softmax_ce_grad", "softmax_loss", "SoftmaxLoss")),
    *(("dense", n) for n in ("dense", "plain_backward", "Dense", "DenseUpdate", "DenseDict", "DenseLists")),
    *(("dense", n) for n in ("DenseRow", "row", "DenseAnyRank")),
    ("relu", "Relu"),
    ("sigmoid", "Sigmoid"),
    ("sigmoid", "sigmoid_grad"),
]


@pytest.mark.parametrize(("entry", "name"), CORRECT, ids=lambda v: v)
def test_correct_code_is_clean(entry: str, name: str) -> None:
    seen = observed(entry, name)
    assert [(c.gradient, c.regime, c.dtype, c.excess) for c in seen.comparisons if not c.ok] == []
    assert [s for s in seen.safety if s.severe] == [] and seen.errors == () and seen.regions == ()
    assert len(seen.comparisons) >= 14 and len(seen.covered) >= 20
    assert seen.seconds < 10


@pytest.mark.parametrize("name", ["Swish", "torch_silu"])
def test_correct_torch_code_is_clean(name: str) -> None:
    pytest.importorskip("torch")
    assert observed("silu", name, "torch_gradients.py").clean
    assert observed("softmax-ce-labels", "CrossEntropy", "torch_gradients.py").clean


def test_a_bias_kept_as_a_row_and_input_with_two_batch_axes() -> None:
    assert "b with shape (1, H), as the code keeps it" in observed("dense", "DenseRow").covered
    assert "input with two batch axes (2, 3, …)" in observed("dense", "DenseAnyRank").covered
    (said,) = [e for e in observed("dense", "Dense").explained if "two batch axes" in e.case]
    assert "raises" in said.message and "numpy_layers.py:" in said.message and "self.dW = self.x.T" in said.message
    assert "x of shape (2, 3, 4)" in said.example and "x.reshape(-1, x.shape[-1])" in said.fix


BESIDE = [
    # The subject, the case, what is said of it; "" where it is right, and so covered.
    ("dense", "dense", "input with two batch axes", "raises"),
    ("dense", "dense", "input with no batch axis", "raises"),
    ("dense", "dense", "b of shape (H, 1)", "raises"),
    ("dense", "dense", "b of shape (H, 1)", "forward returns shape (4, 4) where (1, 4) is expected"),
    ("dense", "dense", "b of shape (H, 1)", "in an update, b − η·db has shape (4, 4)"),
    ("dense", "DenseAnyRank", "input with two batch axes", ""),
    ("dense", "DenseAnyRank", "input with no batch axis", ""),
    ("dense", "DenseDict", "b of shape (H, 1)", "forward returns shape (4, 4)"),
    ("dense", "dense_in_place", "integer input x", "raises"),
    ("dense", "dense_cut", "integer input x", "no error, but the gradient of X is cut to whole numbers: entry ["),
    ("softmax-ce-labels", "softmax_ce_grad", "y of shape (n, 1)", "no error, but dZ has other numbers"),
]


@pytest.mark.parametrize(("entry", "name", "case", "said"), BESIDE)
def test_arrays_beside_the_signature_are_explained(entry: str, name: str, case: str, said: str) -> None:
    seen = observed(entry, name)
    messages = [e.message for e in seen.explained if e.case.startswith(case)]
    if said:
        assert len(messages) == 1 and said in messages[0]
    else:
        assert not messages and any(text.startswith(case) for text in seen.covered)
    assert not [s for s in seen.safety if s.severe]


def test_what_is_beside_the_signature_is_no_part_of_the_verdict() -> None:
    report = nnmath.verify(place("dense_cut"), against="dense")
    assert (report.verdict, report.findings) == ("proved", ())
    assert {"input with two batch axes (2, 3, …)", "integer input x"} <= {e.case for e in report.explained}
    assert "beside the signature" in str(report)
    assert [e["case"] for e in json.loads(report.as_json())["explained"]] == [e.case for e in report.explained]


REMEMBERED = "keeps state: dZ is wrong for new data in arrays of the same shapes"
HAZARDS = [
    ("softmax-ce-labels", "writes_into_input", "mutation", "writes into its input z"),
    ("softmax-ce-labels", "prints", "output", "prints"),
    ("softmax-ce-labels", "noisy", "random", "two runs on the same inputs give different answers"),
    ("dense", "lossy", "mutation", "writes into its upstream gradient"),
    ("relu", "ReluInPlace", "mutation", "writes into its upstream gradient"),
    ("dense", "flat", "stride", "gives another answer when its upstream gradient is transposed"),
    ("softmax-ce-labels", "remembers_shape", "state", REMEMBERED),
    ("dense", "DenseStale", "state", "keeps state: new data after old gives another answer than fresh"),
    ("dense", "DenseAccumulates", "state", "the second call of backward adds to dW"),
    ("mlp", "TwoLayer", "mutation", "writes into the output of forward = self.probs"),
    ("mlp", "TwoLayer", "state", "the second call of backward gives another answer"),
    ("relu", "ReluHalf", "dtype", "dx is float64 where the inputs are float32"),
]


@pytest.mark.parametrize(("entry", "name", "kind", "what"), HAZARDS, ids=lambda v: v)
def test_hazards(entry: str, name: str, kind: str, what: str) -> None:
    assert (kind, what) in {(s.kind, s.what) for s in observed(entry, name).safety}


ERRORS = [
    ("raises", "raises", "KeyError: 'dz'"),
    ("gives_none", "none", "nothing came back where dZ is expected"),
    ("wrong_shape", "shape", "the gradient of Z has shape (4,), and Z has shape (3, 4)"),
]


@pytest.mark.parametrize(("name", "kind", "message"), ERRORS, ids=lambda v: v)
def test_calls_that_fail(name: str, kind: str, message: str) -> None:
    first = observed("softmax-ce-labels", name).errors[0]
    assert first.kind == kind and message in first.message


def test_a_call_that_hangs_is_stopped() -> None:
    d = derivation("softmax-ce-labels")
    subject = adapt(load(place("hangs_for_one_row")))
    seen = probe(subject, bind(subject, entry_tensors=d.givens), d, seconds=2.0)
    assert [e.kind for e in seen.errors] == ["hang"] and seen.safety[0].kind == "hang"
    assert any(text.endswith("a call did not end") for text in seen.not_tested)


@pytest.mark.parametrize("name", ["hangs", "HangsWhenMade"])
def test_code_that_never_ends_has_one_limit_and_one_finding(name: str) -> None:
    report = nnmath.verify(place(name), against="softmax-ce-labels", seconds=0.5)
    assert (report.verdict, report.kinds()) == ("wrong", ("error",)) and report.seconds < 20
    assert "does not come to an end" in report.findings[0].message and "--time-limit" in report.findings[0].fix


def test_the_limit_for_all_calls_is_one_limit() -> None:
    from nnmath.verification.subjects.sandbox import guarded, remaining, time_limit

    assert remaining() == float("inf")
    with time_limit(30.0), time_limit(0.2):
        assert remaining() == pytest.approx(0.2)
        assert guarded(lambda: time.sleep(5)).hung and guarded(lambda: 1).hung
    assert guarded(lambda: 1).value == 1


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("exits", "error", "SystemExit"),
        ("lists", "shape", "not lists of numbers"),
        ("complex_numbers", "shape", "complex128"),
        ("gives_none", "shape", "nothing came back where dZ is expected"),
        ("wrong_shape", "shape", "has shape"),
        ("makes_a_folder", "state", "writes to disk"),
    ],
)
def test_bad_code_is_a_finding(name: str, kind: str, said: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    report = nnmath.verify(place(name), against="softmax-ce-labels")
    assert kind in report.kinds() and any(said in f.message for f in report.findings), str(report)
    assert len(report.findings) <= 2 and not report.passed


def test_a_hang_outside_the_main_thread() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from nnmath.verification.subjects.sandbox import guarded

    with ThreadPoolExecutor(1) as pool:
        ran = pool.submit(lambda: guarded(lambda: time.sleep(1), 0.1)).result()
    assert ran.hung


def test_a_write_to_disk_is_noticed(tmp_path: Path) -> None:
    from nnmath.verification.subjects.sandbox import guarded

    def writes() -> None:
        with open(tmp_path / "log.txt", "w") as f:
            f.write("x")

    assert guarded(writes).written == (str(tmp_path / "log.txt"),)
    assert guarded(lambda: None).written == ()


def test_a_factor_shows_where_there_is_more_than_one_row() -> None:
    seen = observed("softmax-ce-labels", "softmax_ce_sum_grad")
    wrong = {c.regime: c for c in seen.comparisons if c.dtype == "float64"}
    c = wrong["unequal sizes"]
    assert not c.ok and c.got is not None
    np.testing.assert_allclose(c.got, c.sizes["n"] * c.exact, rtol=1e-12)
    assert wrong["batch of one"].ok


def test_an_ignored_upstream_gradient() -> None:
    pytest.importorskip("torch")
    for entry, name in (("silu", "SwishNoUpstream"), ("softmax-ce-labels", "CrossEntropyIgnores")):
        ordinary = [c for c in observed(entry, name, "torch_gradients.py").comparisons if c.ordinary]
        assert not any(c.ok for c in ordinary if np.any(c.exact))


@pytest.mark.parametrize(("name", "kink"), [("Relu", ""), ("ReluHalf", "inside"), ("ReluTwo", "outside")])
def test_kinks(name: str, kink: str) -> None:
    found = {c.kink: c.ok for c in observed("relu", name).comparisons if c.regime == "zeros"}
    assert found == {kink: kink != "outside"}


REGIONS = [
    ("softmax-ce-labels", "softmax_ce_no_shift", "float64", "offset of Z", 700, 711),
    ("softmax-ce-labels", "softmax_ce_no_shift", "float32", "offset of Z", 80, 90),
    ("softmax-ce-labels", "softmax_ce_global_max", "float64", "row gap in Z", 700, 750),
    ("softmax-ce-labels", "softmax_ce_global_max", "float32", "row gap in Z", 85, 105),
    ("silu", "silu_grad_naive", "float64", "x from above", 350, 360),
    ("silu", "silu_grad_naive", "float32", "x from above", 44, 45),
]


@pytest.mark.parametrize(("entry", "name", "dtype", "what", "low", "high"), REGIONS)
def test_where_it_starts_to_fail(entry: str, name: str, dtype: str, what: str, low: float, high: float) -> None:
    (region,) = [r for r in observed(entry, name).regions if r.dtype == dtype]
    assert region.description == what and low < region.from_value < high


def test_the_row_gap_inside_a_network() -> None:
    seen = observed("mlp", "TwoLayer")
    gaps = {r.dtype: r.inside["row gap in Z2"] for r in seen.regions}
    assert {r.gradient for r in seen.regions} == {"dW1", "db1", "dW2", "db2"}
    # exp underflows to zero below the logarithm of the smallest subnormal
    assert 744 < gaps["float64"] < 747 and 103 < gaps["float32"] < 105
