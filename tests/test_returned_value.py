"""A right backward beside a wrong forward: what forward returns is compared with the reference, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnmath
from nnmath.verification.report import VALUE_ALONE, Finding, Proof, Report

INPUTS = "X: n D, W: D H, b: H"
RUN = "what forward returns"


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


class SortsTwice(Dense):
    def value(self) -> Any:
        order = np.argsort(self.X, axis=0)[:, 0]
        out = np.empty((len(self.X), len(self.b)), self.X.dtype)
        out[order] = self.X[order] @ self.W + self.b
        return out


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


def test_what_was_not_compared_is_said() -> None:
    report = nnmath.verify(Sums, against="dense")
    said = "what forward returns: not Y of dense, but"
    assert report.passed and any(line.startswith(said) for line in report.not_tested), str(report)


def test_a_forward_without_a_formula_is_run() -> None:
    report = nnmath.verify(Sorts, against="dense")
    (finding,) = (f for f in report.findings if f.kind == "value")
    assert report.verdict == "wrong" and ", exact " in finding.example, str(report)
    report = nnmath.verify(SortsTwice, against="dense")
    assert (report.verdict, report.findings) == ("agrees", ()) and RUN in "; ".join(report.covered), str(report)
    assert any(line.startswith("not proved: what forward returns: ") for line in report.not_tested)


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


LOSS = """
from collections import namedtuple
from dataclasses import dataclass
import numpy as np

Pair = namedtuple("Pair", "loss dz")


@dataclass
class Both:
    loss: float
    dz: np.ndarray


def gradient(z, y):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    n = len(y)
    loss = {loss}
    dz = p.copy()
    dz[np.arange(n), y] -= 1
    dz /= n
    {more}
    return {returned}
"""
RIGHT, SUMMED = "-np.log(p[np.arange(n), y]).mean()", "-np.log(p[np.arange(n), y]).sum()"


def beside(folder: Any, loss: str, returned: str, more: str = "") -> nnmath.Report:
    (folder / "losses.py").write_text(LOSS.format(loss=loss, returned=returned, more=more))
    return nnmath.verify(f"{folder}/losses.py:gradient", against="softmax-ce", dtypes=("float64",))


@pytest.mark.parametrize(
    "returned",
    [
        *("loss, dz", "dz, loss", "[loss, dz]", "(loss, (dz,))", "loss, {'dz': dz}", "{'loss': loss, 'dz': dz}"),
        *("Pair(loss, dz)", "Both(loss=loss, dz=dz)", "loss * 1.0, dz"),
    ],
)
def test_a_loss_beside_its_gradients(returned: str, tmp_path: Any) -> None:
    report = beside(tmp_path, RIGHT, returned)
    assert (report.verdict, report.findings) == ("proved", ()), str(report)
    report = beside(tmp_path, SUMMED, returned)
    assert (report.verdict, report.kinds()) == ("wrong", ("value",)), str(report)
    assert "beside the gradients is not L of softmax-ce" in report.findings[0].message
    assert VALUE_ALONE in str(report) and all(p.verdict == "proved" for p in report.proofs)


def test_a_loss_as_a_number_of_python(tmp_path: Any) -> None:
    assert beside(tmp_path, f"float({RIGHT})", "loss, dz.astype(float)").verdict == "proved"


def test_a_loss_with_a_small_constant_is_no_other_formula(tmp_path: Any) -> None:
    report = beside(tmp_path, "-np.log(p[np.arange(n), y] + 1e-8).mean()", "loss, dz")
    assert (report.verdict, report.kinds()) == ("unstable", ("epsilon",)), str(report)
    assert report.findings[0].message.endswith("but for a small constant: 1e-08")


def test_a_loss_without_a_formula_is_run(tmp_path: Any) -> None:
    loop = "sum(-np.log(p[i, y[i]]) for i in range(n))"
    report = beside(tmp_path, f"{loop} / n", "loss, dz")
    assert (report.verdict, report.findings) == ("agrees", ())
    assert "loss beside the gradients" in "; ".join(report.covered)
    assert any(line.startswith("not proved: loss beside the gradients: ") for line in report.not_tested), str(report)
    report = beside(tmp_path, loop, "loss, dz")
    assert (report.verdict, report.kinds()) == ("wrong", ("value",)) and ", exact " in report.findings[0].example


def test_what_is_no_loss_is_not_compared(tmp_path: Any) -> None:
    report = beside(tmp_path, RIGHT, "loss, largest, dz", "largest = p.mean()")
    assert (report.verdict, report.findings) == ("proved", ()), str(report)
    said = "largest beside the gradients: it is not L of softmax-ce, and compared with nothing else"
    assert said in report.not_tested
    report = beside(tmp_path, RIGHT, "p, dz")
    assert report.verdict == "proved" and not any("beside the gradients" in line for line in report.not_tested)


def test_an_output_beside_its_gradient() -> None:
    def right(x: Any, dy: Any) -> Any:
        y = np.tanh(x)
        return y, dy * (1 - y**2)

    def wrong(x: Any, dy: Any) -> Any:
        y = np.tanh(x)
        return y + 1, dy * (1 - y**2)

    assert nnmath.verify(right, against="tanh").verdict == "proved"
    assert nnmath.verify(wrong, against="tanh").kinds() == ("value",)


@pytest.mark.parametrize(("factor", "kinds"), [(1.0, ()), (2.0, ("value",))])
def test_what_launches_a_kernel(factor: float, kinds: tuple[str, ...]) -> None:
    torch = pytest.importorskip("torch")

    class Launched:
        """As a kernel of Triton, as far as it is recognised."""

        __module__ = "triton.runtime.jit"

        def run(self, x: Any) -> Any:
            return factor * torch.tanh(x)

    kernel = Launched()

    class Tanh(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return kernel.run(x)

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            (x,) = ctx.saved_tensors
            return dy * (1 - torch.tanh(x) ** 2)

    report = nnmath.verify(Tanh, against="tanh", dtypes=("float32",))
    assert report.kinds() == kinds, str(report)
    assert kinds or RUN in "; ".join(report.covered)
    assert kinds or any("what forward returns: it launches the kernel" in line for line in report.not_tested)
