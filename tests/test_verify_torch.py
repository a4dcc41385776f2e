"""Torch gradients: correct ones are proved, planted errors are found and named, and what is not traced is said."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

import nnmath
from nnmath.verification.subjects.adapters import SubjectError, adapt

torch = pytest.importorskip("torch", reason="these are torch Functions; type: pip install torch")

import planted_torch as planted  # noqa: E402
import torch_styles as styles  # noqa: E402
from torch.nn import functional  # noqa: E402

F64 = ("float64",)


@pytest.mark.parametrize("name", styles.STYLES)
def test_correct_torch_code_is_proved(name: str) -> None:
    case = styles.STYLES[name]
    report = nnmath.verify(case.subject, forward=case.forward, against=case.against, inputs=case.inputs, dtypes=F64)
    assert (report.verdict, report.findings) == ("proved", ()), str(report)
    assert report.proofs and all(p.verdict == "proved" for p in report.proofs)


@pytest.mark.parametrize("name", planted.PLANTED)
def test_planted_error_is_found_and_named(name: str) -> None:
    case = planted.PLANTED[name]
    report = nnmath.verify(case.subject, forward=case.forward, against=case.against, inputs=case.inputs, dtypes=F64)
    assert report.verdict == "wrong" and report.findings, str(report)
    judged = [p.verdict for p in report.proofs]  # where shapes are wrong, it is judged with them mended, and says so
    assert "refuted" in judged or all(v == "proved with the fix" for v in judged), str(report)
    assert not case.kinds or set(case.kinds) & set(report.kinds()), str(report)


def test_there_are_many_of_both() -> None:
    assert len(styles.STYLES) + len(import_module("correct_torch").TORCH) >= 35
    named = [p for p in planted.PLANTED.values() if p.kinds]
    assert len(planted.PLANTED) >= 35 and len(named) >= 0.75 * len(planted.PLANTED)


# -- what a report says of code that is not traced ---------------------------------------------------------------------


class Sorted(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        found, places = torch.sort(x, dim=1)
        ctx.save_for_backward(places)
        return found

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (places,) = ctx.saved_tensors
        return torch.zeros_like(g).scatter_(1, places, g)


def least_sum(x: Any) -> Any:
    return torch.sort(x, dim=1).values[:, 0].sum()


def least_gradient(x: Any) -> Any:
    return torch.zeros_like(x).scatter_(1, x.argmin(dim=1, keepdim=True), 1.0)


def half_least_gradient(x: Any) -> Any:
    return torch.zeros_like(x).scatter_(1, x.argmin(dim=1, keepdim=True), 0.5)


def wrong_least_gradient(x: Any) -> Any:
    return torch.zeros_like(x).scatter_(1, x.argmax(dim=1, keepdim=True), 1.0)


def test_a_function_whose_forward_has_no_formula_is_compared_with_its_autograd() -> None:
    class Twice(Sorted):
        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 2 * Sorted.backward(ctx, g)

    class Detached(Sorted):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return Sorted.forward(ctx, x.detach() + x / 2)

    report = nnmath.verify(Sorted, inputs="x: n C", dtypes=F64)
    assert report.verdict == "agrees" and any("torch.sort" in text for text in report.not_tested), str(report)
    assert "autograd of Sorted.forward in float64" in report.reference
    report = nnmath.verify(Twice, inputs="x: n C", dtypes=F64)
    assert report.verdict == "wrong" and report.kinds() == ("scale",), str(report)
    with pytest.raises(SubjectError, match=r"torch\.sort.*detached"):
        nnmath.verify(Detached, inputs="x: n C", dtypes=F64)


def test_what_cannot_be_traced_is_run_and_named() -> None:
    def silu_gradient(x: Any, dy: Any) -> Any:
        x = x if bool(torch.isfinite(x).all()) else x * 0
        s = torch.sigmoid(x)
        return dy * s * (1 + x * (1 - s))

    report = nnmath.verify(silu_gradient, against="silu", dtypes=F64)
    assert report.verdict == "agrees" and any("torch.isfinite" in text for text in report.not_tested), str(report)


@pytest.mark.parametrize(
    ("gradient", "verdict", "kinds"),
    [
        (least_gradient, "agrees", ()),
        (half_least_gradient, "wrong", ("scale",)),
        (wrong_least_gradient, "wrong", ("unnamed",)),
    ],
)
def test_a_reference_without_formula_is_differentiated_by_torch(gradient: Any, verdict: str, kinds: tuple) -> None:
    report = nnmath.verify(gradient, against=least_sum, inputs="x: n C")
    assert (report.verdict, report.kinds()) == (verdict, kinds), str(report)
    assert "autograd of least_sum in float64" in report.reference
    assert any("torch.sort" in text and "oracle" in text for text in report.not_tested)


def test_what_torch_differentiates_itself_is_no_subject() -> None:
    def model(x: Any, w: Any) -> Any:
        return torch.tanh(x @ w)

    with pytest.raises(SubjectError, match="torch differentiates model itself"):
        nnmath.verify(model, inputs="x: n D, w: D H")


def test_what_is_detached_has_no_gradient() -> None:
    """As a subject, a detached branch is a missing term; as a reference, its formula is not its gradient."""

    def attention(q: Any, k: Any) -> Any:
        return (torch.softmax(q @ k.mT, dim=-1).detach() * (q @ k.mT)).sum()

    written = "S = q @ k.T\nA = softmax(S)\nL = sum(A * S)"
    report = nnmath.verify(attention, against=written, inputs="q: n d, k: m d", dtypes=F64)
    assert report.verdict == "wrong" and {p.verdict for p in report.proofs} == {"refuted"}, str(report)

    def weighted(q: Any, k: Any) -> Any:
        with torch.no_grad():
            a = torch.softmax(q @ k.mT, dim=-1)
        return (a * (q @ k.mT)).sum()

    def gradient(q: Any, k: Any) -> Any:
        a = torch.softmax(q @ k.mT, dim=-1)
        return a @ k, a.mT @ q

    report = nnmath.verify(gradient, against=weighted, inputs="q: n d, k: m d", dtypes=F64)
    assert report.verdict == "agrees" and "autograd of weighted" in report.reference, str(report)


def test_writes_behind_the_back_of_autograd_end_the_trace() -> None:
    def shares(x: Any) -> Any:
        y = x * 2
        z = y.detach()
        y.add_(1)
        return (y * z).sum()

    def frozen_write(x: Any) -> Any:
        y = x * 2
        with torch.no_grad():
            y.mul_(3)
        return (y * y).sum()

    for function, reason in ((shares, "shares this memory"), (frozen_write, "under no_grad")):
        report = nnmath.verify(function, against="sum(x*x)", inputs="x: n d", dtypes=F64)
        assert not report.proofs and any(reason in text for text in report.not_tested), str(report)


def test_apply_bound_before_the_trace_is_seen() -> None:
    """A module that holds on to Function.apply is differentiated by the Function's own backward."""

    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = planted.Hidden.apply

        def forward(self, x: Any) -> Any:
            return self.act(x)

    report = nnmath.verify(Layer, against="Y = x*sigmoid(x)\nL = upstream(dY, Y)", inputs="x: n d, dY: n d", dtypes=F64)
    assert report.verdict == "wrong" and [p.verdict for p in report.proofs] == ["refuted"], str(report)


KINDS = [
    (styles.grad_cross_entropy, "gradient function"),
    (styles.bce_gradient, "gradient function"),
    (styles.linear_backward, "forward/backward"),
    (styles.linear_forward, "forward/backward"),
    (styles.two_layers, "torch callable"),
    (styles.weighted_softmax, "torch callable"),
    (styles.Tanh.apply, "torch callable"),
    (styles.Tanh, "torch function"),
    (styles.Affine, "torch callable"),
    (functional.mse_loss, "torch callable"),
]


@pytest.mark.parametrize(("subject", "kind"), KINDS, ids=lambda v: getattr(v, "__name__", v))
def test_what_torch_code_is(subject: Any, kind: str) -> None:
    assert adapt(subject).kind == kind


def test_a_saved_tensor_that_backward_writes_is_seen() -> None:
    class Softmax(styles.Softmax):
        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (p,) = ctx.saved_tensors
            p *= g - (g * p).sum(dim=-1, keepdim=True)
            return p

    report = nnmath.verify(Softmax, inputs="z: n C", dtypes=F64)
    assert report.verdict in ("unsafe", "wrong"), str(report)
    assert [p.verdict for p in report.proofs] == ["proved"], str(report)


CLASSES = [
    ("Dense", "proved", "proved", ()),
    ("HalfDense", "wrong", "refuted", ("scale",)),
    ("SoftmaxLoss", "proved", "proved", ()),
    ("AliasedLoss", "unsafe", "proved", ("aliasing",)),
]


@pytest.mark.parametrize(("name", "verdict", "proof", "kinds"), CLASSES, ids=lambda v: v if isinstance(v, str) else "")
def test_a_layer_class_of_tensors(name: str, verdict: str, proof: str, kinds: tuple[str, ...]) -> None:
    import torch_layers

    dense = "x: n D, weight: D H, bias: H"
    inputs = dense if "Dense" in name else "scores: n C, labels: n int<C"
    report = nnmath.verify(getattr(torch_layers, name), inputs=inputs, dtypes=F64)
    assert report.verdict == verdict and proof in {p.verdict for p in report.proofs}, str(report)
    assert set(kinds) <= set(report.kinds()), str(report)


def by_argmax(Z: Any, Y: Any) -> Any:
    return functional.cross_entropy(Z, Y.argmax(dim=1))


def by_argmax_of_torch(Z: Any, Y: Any) -> Any:
    return functional.cross_entropy(Z, torch.argmax(Y, -1))


def by_indices(Z: Any, Y: Any) -> Any:
    return functional.cross_entropy(Z, Y.max(dim=1).indices)


def by_unpacking(Z: Any, Y: Any) -> Any:
    _, labels = torch.max(Y, 1)
    return functional.cross_entropy(Z, labels)


@pytest.mark.parametrize("loss", [by_argmax, by_argmax_of_torch, by_indices, by_unpacking])
def test_labels_of_one_hot_rows(loss: Any) -> None:
    page = nnmath.derive(loss, inputs="Z: n C, Y: n C onehot", wrt="Z")
    assert page.proved and "(softmax(Z) − Y)/n" in str(page)
    with pytest.raises(SubjectError, match=r"argmax|indices"):
        nnmath.derive(loss, inputs="Z: n C, Y: n C rows", wrt="Z")
