"""Generated torch code: gradients of first and second order, torch.compile, and what it says to bad input."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from derived import derivation

from nnmath.numeric.targets import generate

torch = pytest.importorskip("torch", reason="this is torch code; type: pip install torch")


def function(id: str, name: str, old: str = "", new: str = "") -> Any:
    source = generate(derivation(id), "torch").source
    assert old in source
    module = ModuleType(f"generated_{name}")  # torch.compile finds the globals of a function by its module
    sys.modules[module.__name__] = module
    exec(compile(source.replace(old, new), module.__name__, "exec"), module.__dict__)
    return getattr(module, name)


def real(*shape: int) -> Any:
    generator = torch.Generator().manual_seed(len(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)


CASES = {
    "gelu": ("gelu", (real(5),)),
    "prelu": ("prelu", (real(5), real())),
    "dense": ("dense", (real(3, 4), real(4, 2), real(2))),
    "softmax-ce": ("softmax_ce", (real(3, 4), torch.full((3, 4), 0.25, dtype=torch.float64))),
    "softmax-ce-labels": ("softmax_ce_labels", (real(3, 4), torch.tensor([2, 0, 2]))),
    "layernorm": ("layernorm", (real(3, 4), real(4), real(4))),
    "attention": ("attention", (real(3, 4), real(2, 4), real(2, 5))),
    "embedding": ("embedding", (real(4, 3), torch.tensor([1, 1, 3]))),
}


@pytest.mark.parametrize("id", CASES)
def test_gradients_of_both_orders(id: str) -> None:
    name, arguments = CASES[id]
    run = function(id, name)
    assert torch.autograd.gradcheck(run, arguments) and torch.autograd.gradgradcheck(run, arguments)


def test_a_planted_error_is_found() -> None:
    run = function("dense", "dense", "dX = dY @ W.T", "dX = 2 * dY @ W.T")
    assert not torch.autograd.gradcheck(run, CASES["dense"][1], raise_exception=False)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch's own tracing does
@pytest.mark.parametrize("id", ["gelu", "softmax-ce-labels", "layernorm"])
def test_it_compiles_as_one_graph(id: str) -> None:
    name, arguments = CASES[id]
    run = function(id, name)
    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    for f in (run, compiled):
        f(*arguments).sum().backward()
    ours = arguments[0].grad.clone()
    assert torch.isfinite(ours).all()
    torch.testing.assert_close(compiled(*arguments), run(*arguments))


def test_what_has_no_derivative_says_so() -> None:
    z = real(3, 4)
    with pytest.raises(ValueError, match="Y requires a gradient"):
        function("softmax-ce", "softmax_ce")(z, z)
