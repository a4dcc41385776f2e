"""Finding hand-written gradients, making them callable one way, and binding their parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnmath.calculus.parser import parse_givens
from nnmath.verification.subjects.adapters import SubjectError, adapt, load
from nnmath.verification.subjects.binding import bind

HERE = Path(__file__).parent / "subjects"
NUMPY = f"{HERE / 'numpy_gradients.py'}:"
LAYERS = f"{HERE / 'numpy_layers.py'}:"
TORCH = f"{HERE / 'torch_gradients.py'}:"
DENSE = parse_givens("X: n D, W: D H, b: H, dY: n H")
CE = parse_givens("Z: n C, y: n int<C")

KINDS = [
    (f"{NUMPY}softmax_ce_grad", "gradient function", ("z", "y"), None),
    (f"{NUMPY}dense", "forward/backward", ("x", "w", "b"), "dout"),
    (f"{NUMPY}dense_backward", "forward/backward", ("x", "w", "b"), "dout"),
    (f"{NUMPY}dense_forward", "forward/backward", ("x", "w", "b"), "dout"),
    (f"{NUMPY}plain_backward", "forward/backward", ("x", "w", "b"), "dout"),
    (f"{LAYERS}Dense", "class", ("x", "W", "b", "n_in", "n_out"), "dout"),
    (f"{LAYERS}SoftmaxLoss", "class", ("z", "y"), None),
    (f"{LAYERS}TwoLayer", "class", ("X", "y", "W1", "b1", "W2", "b2", "d", "h", "c"), None),
]


@pytest.mark.parametrize(("text", "kind", "names", "upstream"), KINDS, ids=lambda v: str(v).rpartition(":")[2])
def test_what_it_is(text: str, kind: str, names: tuple[str, ...], upstream: str | None) -> None:
    subject = adapt(load(text))
    assert (subject.kind, subject.parameter_names, subject.upstream_name) == (kind, names, upstream)
    assert subject.file is not None and subject.line is not None


BINDINGS = [
    ("softmax_ce_grad", CE, {"z": "Z", "y": "y"}, ["Z"]),
    ("softmax_loss", CE, {"scores": "Z", "labels": "y"}, [None, "Z"]),
    ("SoftmaxLoss", CE, {"z": "Z", "y": "y"}, ["Z"]),
    ("dense", DENSE, {"x": "X", "w": "W", "b": "b"}, ["X", "W", "b"]),
    ("plain_backward", DENSE, {"x": "X", "w": "W", "b": "b"}, ["X", "W", "b"]),
    ("Dense", DENSE, {"x": "X", "W": "W", "b": "b"}, ["X", "W", "b"]),
    ("DenseUpdate", DENSE, {"x": "X", "W": "W", "b": "b"}, ["X", "W", "b"]),
    ("DenseDict", DENSE, {"X": "X", "W": "W", "b": "b"}, ["X", "W", "b"]),
    ("DenseLists", DENSE, {"x": "X", "W": "W", "b": "b"}, ["X", "W", "b"]),
]


@pytest.mark.parametrize(
    ("name", "tensors", "arguments", "gradients"), BINDINGS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_binding(name: str, tensors: tuple, arguments: dict[str, str], gradients: list[str | None]) -> None:
    binding = bind(adapt(load((LAYERS if name[0].isupper() else NUMPY) + name)), entry_tensors=tensors)
    assert {a: t.name for a, t in zip(binding.arguments, binding.tensors, strict=True)} == arguments
    assert [t and t.name for t in binding.gradient_of] == gradients
    assert (binding.upstream is not None and binding.upstream.name) == ("dY" if tensors is DENSE else False)


GRADIENTS = ["dense", "plain_backward", "Dense", "DenseUpdate", "DenseDict", "DenseLists", "DenseAccumulates"]


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_of_a_dense_layer(name: str) -> None:
    rng = np.random.default_rng(0)
    arrays = {"X": rng.normal(size=(3, 4)), "W": rng.normal(size=(4, 2)), "b": rng.normal(size=2)}
    upstream = rng.normal(size=(3, 2))
    subject = adapt(load((LAYERS if name[0].isupper() else NUMPY) + name))
    binding = bind(subject, entry_tensors=DENSE)
    given = {a: arrays[t.name].copy() for a, t in zip(binding.arguments, binding.tensors, strict=True)}
    found = dict(zip([t.name for t in binding.gradient_of if t], subject.gradients(given, upstream), strict=True))
    expected = {"X": upstream @ arrays["W"].T, "W": arrays["X"].T @ upstream, "b": upstream.sum(0)}
    for n, v in expected.items():
        np.testing.assert_allclose(found[n], v, rtol=1e-9, err_msg=n)


def test_inputs_as_text_and_as_arrays() -> None:
    subject = adapt(load(NUMPY + "softmax_ce_grad"))
    assert str(bind(subject, inputs="z: n C, y: n int<C")) == "z: n C, y: n int<C → dz (from --inputs)"
    arrays = bind(subject, inputs=(np.zeros((5, 3)), np.array([0, 1, 2, 0, 1])))
    assert [tuple(map(str, t.dims)) for t in arrays.tensors] == [("n", "d"), ("n",)]
    assert str(arrays.tensors[1].domain.below) == "d"


def test_inputs_for_other_names() -> None:
    def gradient(a, t):
        p = np.exp(a) / np.exp(a).sum(1, keepdims=True)
        p[np.arange(len(t)), t] -= 1
        return p / len(t)

    binding = bind(adapt(gradient), inputs="a: n C, t: n int<C", entry_tensors=CE)
    assert [t.name for t in binding.tensors] == ["Z", "y"]


ERRORS = [
    ("softmax_ce_grad", "does not name an object in a file"),
    (f"{HERE / 'numpy_gradient.py'}:x", "did you mean numpy_gradients.py"),
    (f"{NUMPY}softmax_ce_gard", "did you mean .*:softmax_ce_grad"),
    (f"{LAYERS}Dense.backwrd", "has no backwrd; it has forward, backward"),
]


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_what_cannot_be_loaded(text: str, message: str) -> None:
    with pytest.raises(SubjectError, match=message):
        load(text)


def test_a_file_without_an_object(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    for text, message in (
        ("from math import sqrt\ndef backward(dy): ...\n", f"write {file}:backward$"),
        ("def f(x): ...\ndef _g(x): ...\nclass Layer: ...\n", f"a file with f, Layer; .* write {file}:f$"),
        ("x = 1\n", "without functions and classes; write FILE.py:OBJECT"),
        ("x = y\n", "does not import: .*NameError"),
    ):
        file.write_text(text)
        with pytest.raises(SubjectError, match=message):
            load(str(file))


def test_a_file_that_does_not_import(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import math\nx = math.nothing\n")
    with pytest.raises(SubjectError, match=r"broken\.py:2: AttributeError"):
        load(f"{tmp_path / 'broken.py'}:x")
    (tmp_path / "bad.py").write_text("def f(:\n")
    with pytest.raises(SubjectError, match=r"bad\.py:1: SyntaxError"):
        load(f"{tmp_path / 'bad.py'}:f")


def test_a_module_that_needs_arguments_is_to_be_made_first() -> None:
    import torch

    class Linear(torch.nn.Module):
        def __init__(self, W, b=None):
            super().__init__()
            self.W, self.b = torch.nn.Parameter(W), b

        def forward(self, X):
            return X @ self.W

    with pytest.raises(SubjectError, match=r"Linear takes W when it is made.* layer = Linear\(…\)"):
        adapt(Linear)
    assert adapt(Linear(torch.ones(4, 2))).kind == "torch callable"


def test_what_cannot_be_adapted_or_bound() -> None:
    class OnlyForward:
        def forward(self, x):
            return x

    with pytest.raises(SubjectError, match="without forward and backward"):
        adapt(OnlyForward)
    with pytest.raises(SubjectError, match="without forward and backward"):
        adapt(3)
    with pytest.raises(SubjectError, match='type --inputs "'):
        bind(adapt(lambda p, q: p - q), entry_tensors=parse_givens("A: n C, B: n C"))
    with pytest.raises(SubjectError, match='type --inputs "'):
        bind(adapt(load(NUMPY + "softmax_ce_grad")))
    with pytest.raises(SubjectError, match="does not take"):
        bind(adapt(load(NUMPY + "softmax_ce_grad")), inputs="w: n C", entry_tensors=CE)


def test_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, w, b, up = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=2), rng.normal(size=(3, 2))
    for name, kind in (("Linear", "torch function"), ("through_function", "torch callable")):
        subject = adapt(load(TORCH + name))
        assert (subject.kind, subject.parameter_names) == (kind, ("x", "w", "b"))
        dx, dw, db = subject.gradients({"x": x, "w": w, "b": b}, up)
        np.testing.assert_allclose(dw, x.T @ up)
        assert dx.shape == x.shape and db.shape == b.shape
    module = torch.nn.Linear(4, 2).double()
    subject = adapt(module)
    assert subject.parameter_names == ("input", "weight", "bias")
    found = subject.gradients({"input": x, "weight": np.ascontiguousarray(w.T), "bias": b}, up)
    np.testing.assert_allclose(found[1], (x.T @ up).T)
