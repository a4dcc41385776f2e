"""Generated torch code: gradients of both orders, exact values, torch.compile, and what it says to bad input."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any

import pytest
from derived import derivation
from target_cases import (
    IDS,
    RULES,
    WITHOUT,
    arguments,
    assert_a_planted_error_is_refused,
    assert_no_corner_in_the_second_derivative,
    assert_within_the_bounds,
    functions,
    typical,
)

from nnmath import cli
from nnmath.numeric.lower import Unsupported
from nnmath.numeric.targets import generate

torch = pytest.importorskip("torch", reason="this is torch code; type: pip install torch")

THOROUGH = bool(os.environ.get("NNMATH_THOROUGH"))

#: One of each kind: entry by entry with one and with two variables, labels, rows, windows, an unspecified function,
#: products of matrices, a Jacobian.
SAMPLE = ("gelu", "prelu", "softmax-ce-labels", "layernorm", "conv1d", "neuron", "rope", "softmax")
TANH = {
    "tanh": torch.tanh,
    "tanh_prime": lambda x: 1 / torch.cosh(x) ** 2,
}


def module(id: str, old: str = "", new: str = "") -> ModuleType:
    source = generate(derivation(id), "torch").source
    assert old in source
    found = ModuleType(
        f"generated_{id.replace('-', '_')}"
    )  # torch.compile finds the globals of a function by its module
    sys.modules[found.__name__] = found
    exec(compile(source.replace(old, new), found.__name__, "exec"), found.__dict__)
    return found


def calls(id: str, old: str = "", new: str = "") -> list[tuple[Any, tuple[Any, ...]]]:
    """The functions of an entry, each with generic arguments that want a gradient."""
    d, run = derivation(id), module(id, old, new)
    found = []
    for reverse in functions(d):
        given = arguments(reverse, typical(d))
        given = {n: TANH[v] if isinstance(v, str) else v for n, v in given.items()}
        given = {n: torch.tensor(v) if hasattr(v, "dtype") else v for n, v in given.items()}
        for n in reverse.trained:
            given[n].requires_grad_()
        found.append((getattr(run, reverse.name), tuple(given.values())))
    return found


@pytest.mark.parametrize("id", IDS if THOROUGH else SAMPLE)
def test_gradients_of_both_orders(id: str) -> None:
    for run, given in calls(id):
        assert torch.autograd.gradcheck(run, given) and torch.autograd.gradgradcheck(run, given)


PLANTED = [
    ("dense", "dX = dY @ W.T", "dX = 2 * dY @ W.T"),
    ("gelu", "term = e *", "term = -e *"),
    ("layernorm", "H * dH", "H + dH"),
]


@pytest.mark.parametrize(("id", "old", "new"), PLANTED, ids=[p[0] for p in PLANTED])
def test_a_planted_error_in_the_backward_is_found(id: str, old: str, new: str) -> None:
    ((run, given),) = calls(id, old, new)
    assert not torch.autograd.gradcheck(run, given, raise_exception=False)


def test_a_planted_error_in_the_second_derivative_is_found() -> None:
    ((run, given),) = calls("gelu", "(2 - bounded**2)", "(1 - bounded**2)")
    assert torch.autograd.gradcheck(run, given)
    assert not torch.autograd.gradgradcheck(run, given, raise_exception=False)


@pytest.mark.parametrize("id", IDS if THOROUGH else ("celu", "softmax-ce", "rmsnorm"))
def test_it_is_within_the_bounds_of_the_cross_check(id: str) -> None:
    assert_within_the_bounds(id, "torch")


def test_a_corner_of_the_form_is_none_of_the_function() -> None:
    assert_no_corner_in_the_second_derivative("torch")


def test_the_cross_check_refuses_a_planted_error() -> None:
    assert_a_planted_error_is_refused("torch")


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch's own tracing does
@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")  # and torch's own compiler
@pytest.mark.parametrize("id", ["gelu", "softmax-ce-labels", "layernorm"])
def test_it_compiles_as_one_graph(id: str) -> None:
    ((run, given),) = calls(id)
    wanted = [g for g in given if isinstance(g, torch.Tensor) and g.requires_grad]
    compiled = torch.compile(run, fullgraph=True, backend="inductor" if THOROUGH else "aot_eager")
    value, again = run(*given), compiled(*given)
    torch.testing.assert_close(again, value)
    torch.testing.assert_close(torch.autograd.grad(again.sum(), wanted), torch.autograd.grad(value.sum(), wanted))


@pytest.mark.parametrize("id", IDS if THOROUGH else SAMPLE)
def test_batched_it_computes_the_same(id: str) -> None:
    for run, given in calls(id):
        at = [k for k, g in enumerate(given) if isinstance(g, torch.Tensor)]
        trained = tuple(k for k in at if given[k].requires_grad)
        alone = [g.detach() if isinstance(g, torch.Tensor) else g for g in given]
        gradients = torch.func.grad(lambda *arrays, run=run: run(*arrays).sum(), argnums=trained)
        stacked = [torch.stack([g, g]) if k in at else g for k, g in enumerate(alone)]
        batched = torch.func.vmap(gradients, tuple(0 if k in at else None for k in range(len(given))))(*stacked)
        torch.testing.assert_close(tuple(b[1] for b in batched), gradients(*alone))


def both_orders_on_meta(id: str, old: str = "", new: str = "") -> None:
    """Value and both derivatives on a device without data: it refuses tensors of another device, and to look at one."""
    for run, given in calls(id, old, new):
        there = [g.detach().to("meta").requires_grad_(g.requires_grad) if hasattr(g, "to") else g for g in given]
        wanted = [g for g in there if isinstance(g, torch.Tensor) and g.requires_grad]
        found = [run(*there)]
        for order in (1, 2):
            found = [f for f in found if f is not None and f.requires_grad]
            assert all(f.is_meta for f in found) and (found or order == 2)
            if found:
                ones = [torch.ones_like(f) for f in found]
                found = list(torch.autograd.grad(found, wanted, ones, create_graph=order == 1, allow_unused=True))


@pytest.mark.parametrize("id", IDS if THOROUGH else SAMPLE)
def test_every_tensor_is_on_the_device_of_the_inputs(id: str) -> None:
    both_orders_on_meta(id)


ELSEWHERE = [
    ("a tensor on the CPU", "sum(dim=1) / D", "sum(dim=1) / torch.full((1,), D)", "device"),
    ("a look at the numbers", "D = X.shape[1]", "D = X.shape[1] if X.sum() == X.sum() else 0", "meta tensor"),
]


@pytest.mark.parametrize(("old", "new", "said"), [row[1:] for row in ELSEWHERE], ids=[row[0] for row in ELSEWHERE])
def test_code_that_would_fail_or_wait_on_another_device_is_found(old: str, new: str, said: str) -> None:
    with pytest.raises((RuntimeError, NotImplementedError), match=said):
        both_orders_on_meta("layernorm", old, new)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here")
@pytest.mark.parametrize("id", IDS if THOROUGH else SAMPLE)
def test_on_cuda_it_computes_the_same(id: str) -> None:
    for run, given in calls(id):
        there = [g.detach().cuda().requires_grad_(g.requires_grad) if hasattr(g, "cuda") else g for g in given]
        for side in (given, there):
            run(*side).sum().backward()
        for here, far in zip(given, there, strict=True):
            if hasattr(here, "grad") and here.grad is not None:
                torch.testing.assert_close(far.grad.cpu(), here.grad)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_dtype_is_kept(dtype: str) -> None:
    z = torch.randn(5, 7).to(getattr(torch, dtype)).requires_grad_()
    loss = module("softmax-ce-labels").softmax_ce_labels(z, torch.tensor([0, 1, 2, 3, 6]))
    loss.backward()
    assert loss.dtype == z.grad.dtype == z.dtype


@pytest.mark.parametrize("id", (*WITHOUT, *RULES) if THOROUGH else (WITHOUT[0], RULES[0]))
def test_what_has_no_derivative_is_refused_by_name(id: str, capsys: pytest.CaptureFixture[str]) -> None:
    if id in WITHOUT:
        with pytest.raises(Unsupported, match=f"{id} has no derivatives"):
            generate(derivation(id), "torch")
    assert cli.main(["code", id, "--target", "torch"]) != cli.FINE
    assert f"{id} has no derivatives" in capsys.readouterr().err


BAD = {
    "a gradient where there is no derivative": (lambda z: (z, z.detach().requires_grad_()), "Y requires a gradient"),
    "another shape": (lambda z: (z, z.detach()[:2]), "Y has shape"),
    "integers": (lambda z: (z.detach().long(), z.detach()), "Z has dtype torch.int64, expected floats"),
    "an array of NumPy": (lambda z: (z.detach().numpy(), z.detach()), "Z is a ndarray, expected a tensor"),
}


@pytest.mark.parametrize(("change", "said"), BAD.values(), ids=BAD)
def test_bad_input_gets_one_clear_line(change: Any, said: str) -> None:
    given = change(torch.rand(3, 4, requires_grad=True))
    with pytest.raises((TypeError, ValueError), match=said):
        module("softmax-ce").softmax_ce(*given)


def test_labels_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="y has labels 0 to 9, expected 0 to 3"):
        module("softmax-ce-labels").softmax_ce_labels(torch.randn(2, 4), torch.tensor([0, 9]))


def test_the_command_checks_torch_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "dense", "--target", "torch", "--json"]) == cli.FINE
    assert "torch code against torch" in capsys.readouterr().out
