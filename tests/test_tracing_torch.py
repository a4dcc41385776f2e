"""Torch code on symbolic tensors: formulas that are what torch computes, and refusals that name the operation."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="these are torch functions; type: pip install torch")

import traced_torch  # noqa: E402
import traced_torch_layers  # noqa: E402
import untraceable_torch as untraceable  # noqa: E402
from traced_values import evaluated, flat, numbers, sizes_of  # noqa: E402

from nnmath.calculus.parser import parse_givens  # noqa: E402
from nnmath.verification.tracing.torch_mode import on_tensors  # noqa: E402
from nnmath.verification.tracing.trace import Untraceable, trace  # noqa: E402

XV = "x: n C, v: C"
QK = "q: B T D, k: B T D"
LABELLED = "z: n C, y: n int<C"
SNIPPETS = {
    **dict.fromkeys(("arithmetic", "methods", "functions", "activations", "hard_activations", "reductions"), XV),
    **dict.fromkeys(("spreads", "norms", "extremes", "clamps", "comparisons", "masks", "in_place", "views"), XV),
    **dict.fromkeys(("slices", "shapes", "joins", "softmaxes", "layers", "losses", "creations", "cumulated"), XV),
    **dict.fromkeys(("through_numpy", "without_gradient", "in_place_options"), XV),
    **dict.fromkeys(("batched", "attention", "causal"), QK),
    **dict.fromkeys(("labels", "label_losses"), LABELLED),
    "cuts": "x: n 4",
    "products": "x: n D, w: D D, v: D",
    "embeddings": "w: V D, ids: n int<V, g: n D",
    "made_outside": "x: n 3",
    "integers_first": "x: n C D",
}
CODE = {**vars(traced_torch), **vars(traced_torch_layers)}


@pytest.mark.parametrize("name", SNIPPETS)
def test_formula_is_what_torch_computes(name: str) -> None:
    compare(CODE[name], SNIPPETS[name], {})


@pytest.mark.parametrize("name", ("in_place", "views", "masks", "labels", "embeddings", "extremes", "slices"))
def test_formula_is_what_torch_computes_at_concrete_sizes(name: str) -> None:
    compare(CODE[name], SNIPPETS[name], {"concrete": 1})


def compare(function, given: str, concrete) -> None:
    from nnmath.verification.tracing.concrete import tensor_at

    tensors = parse_givens(given)
    sizes = sizes_of(tensors)
    values = numbers(tensors, sizes)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        expected = flat(function(*(torch.from_numpy(values[t].copy()) for t in tensors)))
    finally:
        torch.set_default_dtype(before)
    traced = trace(on_tensors(function), tensors, dims={s: int(v) for s, v in sizes.items()} if concrete else None)
    if concrete:
        values = {tensor_at(t, sizes): v for t, v in values.items()}
    found = evaluated(traced, tuple(values), values, sizes)
    assert len(found) == len(expected)
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        b = b.detach().numpy() if isinstance(b, torch.Tensor) else np.asarray(b)
        assert a.shape == b.shape, f"output {k}"
        np.testing.assert_allclose(a, b.astype(float), rtol=1e-10, atol=1e-10, err_msg=f"output {k}")


REFUSED = {
    "sorts": ("x: n C", "torch.sort"),
    "inverts": ("x: n C", "torch.linalg.inv"),
    "branches": ("x: n C", "branch on the value"),
    "drops": ("x: n C", "dropout"),
    "randomizes": ("x: n C", "torch.randn"),
    "rounds": ("x: n C", "torch.round"),
    "uses_places": ("x: n C", "indices of x.max"),
    "counts_classes": ("y: n int<C, z: n C", "one_hot"),
    "reads_pointer": ("x: n C", "data_ptr"),
    "strides_by_hand": ("x: n C", "torch.as_strided"),
    "differentiates": ("x: n C", "torch.autograd.grad"),
    "goes_backward": ("x: n C", "backward"),
    "loops": ("x: n C", "loop over an array"),
    "converts": ("x: n C", "float()"),
    "gives_list": ("x: n C", "tolist"),
    "writes_outside": ("x: n C", "made outside"),
    "no_dim": ("x: n C", "softmax"),
    "guards": ("x: n C", "normalize"),
    "writes_out": ("x: n C", "out="),
    "stands_for_infinity": ("x: n C", "infinity"),
    "sums_integers": ("x: n C", "cast to integers"),
    "truncates": ("x: n C", "div"),
    "convolves": ("x: n C", "torch.conv1d"),
    "through_array": ("x: n C", "NumPy array"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_formula_is_named_with_its_line(name: str) -> None:
    given, operation = REFUSED[name]
    function = getattr(untraceable, name)
    tensors = parse_givens(given)[: len(inspect.signature(function).parameters)]
    with pytest.raises(Untraceable) as caught:
        trace(on_tensors(function), tensors)
    assert operation in str(caught.value)
    first = function.__code__.co_firstlineno
    assert caught.value.file == untraceable.__file__ and first < caught.value.line <= first + 5, str(caught.value)
