"""Who takes part: each makes, from a case and its arrays, a call without arguments that returns value and gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from .cases import ATTENTION, Case

Arrays = Mapping[str, Any]
Call = Callable[[], tuple[Any, ...]]


class Absent(Exception):
    """A contestant that cannot take part here; the message says why, and what to type."""


@dataclass(frozen=True)
class Contestant:
    """What the tables call it, and how a call is made of a case and its arrays; that raises :class:`Absent`."""

    title: str
    prepare: Callable[[Case, Arrays], Call]


@cache
def _derivation(formula: str) -> Any:
    """The derivation of an entry, or of attention with a batch axis."""
    from ...derivations import find
    from ...derivations.build import derive_entry
    from ...derivations.entry import Entry

    if formula == "batched-attention":
        return derive_entry(Entry(id=formula, title="Attention of a batch", **ATTENTION))  # type: ignore[arg-type]
    return derive_entry(find(formula).at())


def _planned(case: Case) -> tuple[Any, Any]:
    """The derivation and the plan of the one function that is timed."""
    from ...numeric.joint import joint
    from ...numeric.plans import plans

    derivation = _derivation(case.formula)
    if case.backward_alone:
        return derivation, next(p for p in plans(derivation) if p.order == 1)
    return joint(derivation, case.outputs)


def numpy_source(case: Case) -> str:
    """The generated NumPy module that is timed."""
    from ...numeric.numpy_code.generator import assemble

    derivation, plan = _planned(case)
    return assemble(derivation, (plan,)).source


def _numpy(case: Case, arrays: Arrays) -> Call:
    from ...numeric.checking.execution import load_source

    _, plan = _planned(case)
    return _called(load_source(numpy_source(case))[plan.name], arrays)


def _called(function: Callable[..., Any], arrays: Arrays) -> Call:
    """The function of those of the arrays that it takes."""
    from inspect import signature

    taken = {name: arrays[name] for name in signature(function).parameters if name in arrays}
    return lambda: function(**taken)


def _compiled(case: Case, arrays: Arrays) -> Call:
    from ...numeric.native.calling import CompiledModule

    derivation, plan = _planned(case)
    module = CompiledModule(derivation, (plan,))
    if plan.name in module.notes:
        raise Absent(module.notes[plan.name])
    return _called(getattr(module, plan.name), arrays)


def _torch_call(case: Case, arrays: Arrays, wrap: Callable[[Any], Any]) -> Call:
    import torch

    from .frameworks import torch_forward

    tensors = {name: torch.from_numpy(a) for name, a in arrays.items()}
    leaves = [tensors[name].requires_grad_() for name in case.wrt]
    upstream = tensors.get(case.upstream or "")
    forward = wrap(torch_forward(case.formula))
    if case.backward_alone:
        value = forward(**tensors)
        return lambda: torch.autograd.grad(value, leaves, upstream, retain_graph=True)

    def call() -> tuple[Any, ...]:
        value = forward(**tensors)
        return (value.detach(), *torch.autograd.grad(value, leaves, upstream))

    return call


def _torch(case: Case, arrays: Arrays) -> Call:
    _need("torch")
    return _torch_call(case, arrays, lambda forward: forward)


def _torch_compile(case: Case, arrays: Arrays) -> Call:
    _need("torch")
    import torch
    import torch._functorch.config as config

    config.donated_buffer = False  # a backward pass that is timed alone runs many times over one forward pass
    torch._dynamo.reset()
    return _torch_call(case, arrays, torch.compile)


def _jax(case: Case, arrays: Arrays) -> Call:
    _need("jax")
    import jax

    from .frameworks import jax_forward

    forward = jax_forward(case.formula)
    held = {name: jax.device_put(a) for name, a in arrays.items()}

    @jax.jit
    def step(arrays: dict[str, Any]) -> tuple[Any, ...]:
        fixed = {name: a for name, a in arrays.items() if name not in case.wrt}
        value, back = jax.vjp(
            lambda *w: forward(**fixed, **dict(zip(case.wrt, w, strict=True))), *map(arrays.get, case.wrt)
        )
        gradients = back(arrays[case.upstream] if case.upstream else jax.numpy.ones_like(value))
        return gradients if case.backward_alone else (value, *gradients)

    return lambda: jax.block_until_ready(step(held))


def _hand(case: Case, arrays: Arrays) -> Call:
    from .hand_written import BY_HAND

    return _called(BY_HAND[case.formula, case.part], arrays)


def _quick_hand(case: Case, arrays: Arrays) -> Call:
    from .quick_by_hand import QUICK

    if (case.formula, case.part) not in QUICK:
        raise Absent("NumPy by hand is as quick")
    return _called(QUICK[case.formula, case.part], arrays)


def _need(package: str) -> None:
    if find_spec(package) is None:
        raise Absent(f"{package} is not installed. Type: pip install {package}")


#: The one that all others are compared with.
REFERENCE = "torch"

#: Generated code, and what it is compared with in the same language.
OURS = ("numpy", "c")
HAND = "hand"

#: By the name that a user types, in the order of the table.
CONTESTANTS: Mapping[str, Contestant] = {
    "torch": Contestant("torch eager", _torch),
    "numpy": Contestant("generated NumPy", _numpy),
    "c": Contestant("compiled", _compiled),
    "hand": Contestant("NumPy by hand", _hand),
    "hand-quick": Contestant("NumPy by hand, quick", _quick_hand),
    "torch-compile": Contestant("torch.compile", _torch_compile),
    "jax": Contestant("JAX jit", _jax),
}
