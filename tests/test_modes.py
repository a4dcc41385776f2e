"""Training and evaluation: both modes of a layer are judged, and what is wrong in one of them is said with its mode."""

from __future__ import annotations

from pathlib import Path

import modal_gradients
import numpy as np
import pytest

import nnmath
from nnmath.verification.subjects.modes import in_mode, is_mode, settle_mode, switches

FILE = Path(modal_gradients.__file__)
NORMED, MASKED = "X: n D, g: D, b: D", "X: n D, M: n D mask"
BOTH = ("training mode", "evaluation mode")


def judged(name: str, inputs: str, against: str | None = None) -> nnmath.Report:
    return nnmath.verify(f"{FILE}:{name}", inputs=inputs, against=against, dtypes=("float64",))


@pytest.mark.parametrize(
    ("name", "inputs", "verdict", "by"),
    [
        ("BatchNorm", NORMED, "agrees", "training"),  # the running statistics are numbers, which ends the proof
        ("Required", "X: n D, g: D", "proved", "train"),
        ("dropout", MASKED, "proved", "training"),
    ],
)
def test_a_reference_for_each_mode(name: str, inputs: str, verdict: str, by: str) -> None:
    report = judged(name, inputs)
    assert (report.verdict, report.findings) == (verdict, ()), str(report)
    (covered,) = [text for text in report.covered if "switched by" in text]
    assert all(mode in covered for mode in BOTH) and covered.endswith(f"(switched by {by})")


@pytest.mark.parametrize(
    ("name", "inputs", "mode"),
    [("BatchNormOneBackward", NORMED, "evaluation"), ("dropout_wrong", MASKED, "training")],
)
def test_wrong_in_one_mode(name: str, inputs: str, mode: str) -> None:
    report = judged(name, inputs)
    assert report.verdict == "wrong" and report.findings, str(report)
    assert all(f.message.startswith(f"in {mode} mode: ") for f in report.findings)


def test_a_mode_that_cannot_be_judged_is_not_tested() -> None:
    report = judged("Dropout", "X: n D")
    assert report.passed and any(text.startswith("training mode: ") for text in report.not_tested)
    assert any("evaluation mode (switched by is_training)" in text for text in report.covered)


def test_one_reference_is_that_of_one_mode() -> None:
    mask = "Y = X*M*2\nL = upstream(dY, Y)"
    report = judged("dropout", f"{MASKED}, dY: n D", mask)
    assert report.verdict == "proved" and any("training mode (switched" in text for text in report.covered)
    (other,) = [e for e in report.explained if e.case == "evaluation mode"]
    assert "another formula than the reference" in other.message
    assert any(text.startswith("evaluation mode: ") for text in report.not_tested)
    wrong = judged("dropout_wrong", f"{MASKED}, dY: n D", mask)
    assert wrong.verdict == "wrong"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((n, True) for n in ("training", "train", "is_training", "is_train", "train_mode", "inference", "eval_mode")),
        *((n, False) for n in ("X", "y_train", "x_test", "trainable", "evaluation_points", "weights", "mode")),
    ],
)
def test_names_of_modes(name: str, expected: bool) -> None:
    assert is_mode(name) is expected


def test_what_switches() -> None:
    assert switches(modal_gradients.BatchNorm) == ("training",)
    assert switches((modal_gradients.dropout_forward, modal_gradients.dropout_backward)) == ("training",)
    assert switches(np.tanh) == ()
    layer = modal_gradients.Dropout()
    with in_mode(False):
        settle_mode([layer]), settle_mode(layer)
    assert not layer.is_training
    settle_mode(layer)
    assert not layer.is_training


def test_a_method_that_trains_is_not_called() -> None:
    class Network:
        training = False

        def train(self) -> None:
            raise AssertionError("epoch 1 of 100")

    with in_mode(True):
        settle_mode(Network())


def test_modules_of_torch() -> None:
    torch = pytest.importorskip("torch", reason="these are torch modules; type: pip install torch")
    plain, dropped = torch.nn.Linear(3, 2), torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Dropout())
    assert switches(plain) == () and switches(dropped) == ("training",)
    with in_mode(False):
        settle_mode(dropped)
    assert not any(m.training for m in dropped.modules())
