"""Cross-check: every entry passes, planted errors are caught and named, torch is judged against the exact value."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from derived import derivation as derived
from flint import arb

from nnmath.derivations import catalogue
from nnmath.numeric.checking.crosscheck import check
from nnmath.numeric.checking.exact import Judge
from nnmath.numeric.checking.tolerance import bound, in_ulp
from nnmath.numeric.checking.torch_side import MissingTorch, NoCuda
from nnmath.numeric.joint import joint
from nnmath.numeric.lower import Unsupported
from nnmath.numeric.numpy_code.generator import generate
from nnmath.numeric.plans import GeneratedModule

torch = pytest.importorskip("torch", reason="torch is not installed")

#: A statement has no code.
IDS = tuple(id for id, entry in catalogue().items() if entry.wanted)


def has_gradients(derivation) -> bool:
    try:
        return bool(joint(derivation))
    except Unsupported:
        return False


@pytest.mark.parametrize("id", IDS)
def test_every_entry_agrees_with_exact_values_and_torch(id) -> None:
    derivation = derived(id)
    report = check(derivation, catalogue()[id].torch)
    assert report.passed, report.summary
    assert {r.dtype for r in report.results} == {"float64", "float32"}
    returned = {n for f in generate(derivation).functions for n in f.returns}
    assert {r.result for r in report.results if not r.function.endswith("_value_and_gradient")} == returned
    assert any(r.function.endswith("_value_and_gradient") for r in report.results) == has_gradients(derivation)
    compared = {r.result for r in report.results if r.torch is not None and r.dtype == "float64"}
    given = {t.name for t in derivation.givens}
    assert compared >= {r.name for r in derivation.wanted if r.wrt and {t.name for t in r.wrt} <= given}
    assert compared


# -- planted errors --


def spoiled(id: str, old: str, new: str) -> GeneratedModule:
    module = generate(derived(id))
    assert old in module.source
    return replace(module, source=module.source.replace(old, new))


SPOILED = [
    ("softmax-ce", "off /= n", "off /= -n", "softmax_ce_gradient, dZ["),
    ("softmax-ce", "off /= n", "off /= C", "NameError"),
    ("softmax-ce", "off /= n", "pass", "softmax_ce_gradient, dZ["),
    ("softmax-ce", "shifted = Z - Z.take(place)[:, None]", "shifted = Z - Z.max()", "softmax_ce, L"),
    ("softmax-ce", "P = Z - Z.take(place)[:, None]", "P = Z.copy()", "overflow"),
    ("softmax-ce", "off /= n", "off /= n; Z -= 1", "changed its input Z"),
    ("softmax-ce", "return off", "return off.T", "shape is"),
    ("softmax-ce", "return off", "return off.astype(float)", "dtype is float64, expected float32"),
    ("softmax-ce", "return off", "return off * (1 + 1e-13)", "bound"),
    ("dense", "dW = X.T @ dY", "dW = X.T @ dY + 1e-3", "dense_backward, dW["),
    ("dense", "db = _sum_rows(dY)", "db = dY.mean(axis=0)", "dense_backward, db["),
    ("gelu", "np.clip(x, -40.0, 40.0)", "x", "overflow"),
    ("sigmoid", "q * (1 - q)", "(1 - q) * (1 - (1 - q))", "tails"),
    ("mlp-softmax", "_sech2(Z1)", "(2 - _sech2(Z1))", "dW1["),
]


@pytest.mark.parametrize(("id", "old", "new", "said"), SPOILED, ids=[f"{s[0]}: {s[2]}" for s in SPOILED])
def test_an_error_in_the_generated_code_is_named(id, old, new, said) -> None:
    report = check(derived(id), catalogue()[id].torch, module=spoiled(id, old, new))
    assert not report.passed
    assert any(said in str(f) for f in report.failures), [str(f) for f in report.failures][:3]


def test_the_message_holds_the_facts() -> None:
    report = check(
        derived("softmax-ce"),
        catalogue()["softmax-ce"].torch,
        module=spoiled("softmax-ce", "off /= n", "off /= -n"),
        regimes=["unequal sizes"],
        dtypes=("float64",),
    )
    (failure,) = report.failures
    assert failure.function == "softmax_ce_gradient" and failure.result == "dZ" and failure.regime == "unequal sizes"
    assert len(failure.index) == 2
    assert failure.ours == pytest.approx(-failure.torch) and float(failure.exact) == pytest.approx(failure.torch)
    assert failure.error > 1e12 > failure.bound > 1
    for fact in ("dZ[", "float64", "ours", "torch", "exact", "ULP", "bound"):
        assert fact in str(failure)
    assert report.worst == failure and "1 of 3 comparisons fail" in report.summary


WRONG_FORWARDS = [
    ("softmax-ce", lambda torch, Z, Y: -(Y * Z.log_softmax(1)).sum(), "sum instead of mean"),
    ("softmax-ce", lambda torch, Z, Y: -(Y * Z.log_softmax(0)).sum() / len(Z), "wrong axis"),
    ("gelu", lambda torch, x: torch.nn.functional.gelu(x, approximate="tanh"), "the approximation"),
    ("dense", lambda torch, X, W, b, dY: ((X @ W - b) * dY).sum(), "wrong sign of the bias"),
    ("elu", lambda torch, x, alpha: torch.nn.functional.celu(2 * x, float(alpha)), "another function"),
]


@pytest.mark.parametrize(("id", "forward", "why"), WRONG_FORWARDS, ids=[w[2] for w in WRONG_FORWARDS])
def test_another_forward_is_a_mismatch(id, forward, why) -> None:
    report = check(derived(id), forward)
    assert not report.passed
    assert all(f.kind == "torch disagrees" and f.dtype == "float64" for f in report.failures)
    assert "something else than the formula" in str(report.worst)


def test_a_wrong_formula_is_a_mismatch() -> None:
    """Code and exact value follow the formula; torch tells that the formula is wrong."""
    right = derived("softmax-ce")
    parts = tuple(
        replace(p, result=replace(p.result, expr=2 * p.result.expr)) if p.result is not None and p.result.wanted else p
        for p in right.parts
    )
    report = check(replace(right, parts=parts), catalogue()["softmax-ce"].torch)
    assert {f.kind for f in report.failures} == {"torch disagrees"} and "dZ[" in str(report.worst)


def test_inaccurate_torch_is_a_note() -> None:
    report = check(derived("sigmoid"), lambda torch, x: torch.exp(x) / (1 + torch.exp(x)), regimes=["typical", "large"])
    assert report.passed
    assert any("torch is not finite" in n and "large" in n for n in report.notes)


def test_another_value_at_a_kink_is_a_note() -> None:
    report = check(derived("relu"), lambda torch, x: torch.maximum(x, 0 * x), regimes=["zeros"])
    assert report.passed and any("at the kink" in n for n in report.notes)


# -- what is asked of it --


def test_report_is_plain_data() -> None:
    report = check(derived("relu"), catalogue()["relu"].torch)
    data = json.loads(json.dumps(report.as_json()))
    assert data["passed"] is True and data["id"] == "relu" and data["comparisons"] == len(report.results)
    assert data["torch"] == torch.__version__ and "typical" in data["regimes"]
    assert report.summary.startswith("NumPy against torch")


def test_without_a_forward_only_exact_values_are_used(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    report = check(derived("dense"))
    assert report.passed and report.torch_version is None and all(r.torch is None for r in report.results)


def test_missing_torch_names_the_line_to_type(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingTorch) as caught:
        check(derived("dense"), catalogue()["dense"].torch)
    assert str(caught.value) == 'pip install "nnmath[torch]"'


def test_devices(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(NoCuda, match="no CUDA device"):
        check(derived("relu"), catalogue()["relu"].torch, device="cuda")
    assert check(derived("relu"), catalogue()["relu"].torch, device="auto").device == "cpu"
    with pytest.raises(ValueError, match="cpu, cuda or auto"):
        check(derived("relu"), catalogue()["relu"].torch, device="gpu")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"dtypes": ("float8",)}, "float8"), ({"regimes": ("sunny",)}, "no regime sunny")],
)
def test_unknown_choices_are_refused(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        check(derived("relu"), catalogue()["relu"].torch, **arguments)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("id", ["softmax-ce", "dense", "gelu"])
def test_half_precision_checks_torch_against_the_same_exact_values(id, dtype) -> None:
    report = check(derived(id), catalogue()[id].torch, dtypes=(dtype,))
    assert report.passed and any(r.torch is not None for r in report.results)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
@pytest.mark.parametrize("id", IDS)
def test_every_entry_agrees_on_cuda(id) -> None:
    report = check(derived(id), catalogue()[id].torch, device="cuda", dtypes=("float64", "float32", "bfloat16"))
    assert report.passed and report.device == "cuda", report.summary


# -- the yardstick --


def test_exact_values_of_a_gradient() -> None:
    judge = Judge(derived("softmax-ce"))
    values = {"Z": np.array([[0.0, 0.0]]), "Y": np.array([[1.0, 0.0]])}
    tensors = {t: values[t.name] for t in judge.derivation.givens}
    sizes = dict.fromkeys(judge.derivation.dims, 0) | dict(zip(judge.derivation.dims, (1, 2), strict=True))
    exact = judge.evaluate(["dZ"], sizes, tensors, 2.0**-52, np.random.default_rng(0))["dZ"]
    assert exact.values.ravel().tolist() == [arb(-0.5), arb(0.5)]
    assert (exact.movement < 1e-15).all() and (exact.movement > 0).all()


def test_exact_values_keep_their_digits_where_balls_cancel() -> None:
    """Φ(−30) is 5e−198: 1 + erf in 256 bits knows nothing of it."""
    judge = Judge(derived("gelu"))
    (x,) = judge.derivation.givens
    exact = judge.evaluate(["y"], {}, {x: np.array(-30.0)}, 2.0**-52, np.random.default_rng(0))["y"]
    assert float(exact.values[()].mid()) == pytest.approx(-30 * 4.906713927148187e-198, rel=1e-12)


def test_bound_grows_with_movement_and_shrinks_with_precision() -> None:
    one, none, some = np.array(1.0), np.array(0.0), np.array(1e-3)
    d, f = np.dtype("float64"), np.dtype("float32")
    assert bound(one, none, d, 10) < bound(one, none, f, 10) < bound(one, some, f, 10)
    assert 0 < bound(none, none, d, 10) < 1e-300
    assert in_ulp(2.0**-52, 1.0, d) == 1.0 and in_ulp(2.0**-23, 1.0, f) == 1.0
