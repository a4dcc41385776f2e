"""A right backward beside a wrong forward: what forward returns is compared with the reference, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnmath
from nnmath.verification.report import VALUE_ALONE, Finding, Proof, Report

INPUTS = "X: n D, W: D H, b: H"


class Dense:
    """Returns the output of a dense layer."""

    def __init__(self, W: Any, b: Any) -> None:
        self.W, self.b = W, b

    def forward(self, X: Any) -> Any:
        self.X = X
        return self.value()

    def value(self) -> Any:
        return self.X @ self.W + self.b

    def backward(self, dY: Any) -> dict[str, Any]:
        return {"dX": dY @ self.W.T, "dW": self.X.T @ dY, "db": dY.sum(axis=0)}


class Forgets(Dense):
    def value(self) -> Any:
        return self.b + 0 * (self.X @ self.W)


class Doubles(Dense):
    def value(self) -> Any:
        return self.X @ self.W + 2 * self.b


class Sums(Dense):
    def value(self) -> Any:
        return (self.X @ self.W + self.b).sum()


class Sorts(Dense):
    def value(self) -> Any:
        return np.sort(self.X @ self.W + self.b)


def test_a_right_forward_is_proved_beside_its_gradients() -> None:
    report = nnmath.verify(Dense, against="dense")
    assert report.verdict == "proved" and not any("forward returns" in line for line in report.not_tested), str(report)


@pytest.mark.parametrize("layer", [Forgets, Doubles])
def test_a_wrong_forward_is_found(layer: type[Dense]) -> None:
    report = nnmath.verify(layer, against="dense")
    assert (report.verdict, report.kinds()) == ("wrong", ("value",)), str(report)
    (finding,) = report.findings
    assert finding.message == "forward does not return Y of dense: Dense layer"
    assert finding.fix.startswith("Y_ih = ") and finding.example
    assert all(p.verdict == "proved" for p in report.proofs)


@pytest.mark.parametrize(
    ("layer", "said"),
    [(Sums, "what forward returns: not Y of dense, but"), (Sorts, "what forward returns: ")],
)
def test_what_was_not_compared_is_said(layer: type[Dense], said: str) -> None:
    report = nnmath.verify(layer, against="dense")
    assert report.passed and any(line.startswith(said) for line in report.not_tested), str(report)


def test_a_pair_of_functions() -> None:
    def forward(x: Any) -> Any:
        return x * np.tanh(x)

    def backward(x: Any, dy: Any) -> Any:
        return dy * (1 - np.tanh(x) ** 2)

    report = nnmath.verify((forward, backward), against="tanh")
    assert report.verdict == "wrong" and "value" in report.kinds(), str(report)


def test_a_torch_function() -> None:
    torch = pytest.importorskip("torch")

    class Cube(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 3 * x * x * dy

    report = nnmath.verify(Cube, against="x**3", inputs="x: n")
    assert (report.verdict, report.kinds()) == ("wrong", ("value",)), str(report)


def test_without_a_reference_forward_is_the_reference() -> None:
    assert nnmath.verify(Dense, inputs=INPUTS).verdict == "proved"
    assert nnmath.verify(Doubles, inputs=INPUTS).kinds() == ("scale",)  # db is half the gradient of what it returns


@pytest.mark.parametrize("verdict", ["proved", "open", "refuted"])
def test_nothing_good_is_said_of_a_refuted_gradient(verdict: str) -> None:
    report = Report("f", "wrong", (Finding("value", "", ""),), proofs=(Proof("dX", verdict, ""),))
    assert (VALUE_ALONE in str(report)) == (verdict != "refuted")
