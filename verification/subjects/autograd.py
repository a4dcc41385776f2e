"""Gradients through torch's autograd and JAX's: custom Functions, modules, any torch callable, ``custom_vjp``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .modes import is_mode, mode_value, settle_mode
from .protocol import Array, Kind, Named, Pass, Subject, call, every_parameter, parameters, place, required


def is_torch_function(obj: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(obj, type) and issubclass(obj, torch.autograd.Function)


def is_torch_callable(obj: Any) -> bool:
    """A module, or a function whose own code speaks of torch."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    if isinstance(obj, torch.nn.Module) or (isinstance(obj, type) and issubclass(obj, torch.nn.Module)):
        return True
    owner = getattr(obj, "__self__", None)
    if isinstance(owner, type) and issubclass(owner, torch.autograd.Function):
        return True  # MyFunction.apply
    return _speaks_of(obj, "torch", (torch.autograd.Function, torch.nn.Module))


def is_jax(obj: Any) -> bool:
    return "jax" in sys.modules and (type(obj).__name__ in ("custom_vjp", "PjitFunction") or _speaks_of(obj, "jax", ()))


def _speaks_of(obj: Any, library: str, classes: tuple[type, ...]) -> bool:
    """Whether a function names a module of the library, or one of these classes."""
    code, names = getattr(obj, "__code__", None), getattr(obj, "__globals__", {})
    if code is None:
        return False
    for name in code.co_names:
        value = names.get(name)
        if inspect.ismodule(value) and value.__name__.split(".")[0] == library:
            return True
        if isinstance(value, type) and classes and issubclass(value, classes):
            return True
    return any(library in str(a) for a in getattr(obj, "__annotations__", {}).values())


def torch_function(function: Any, name: str) -> Subject:
    """``class F(torch.autograd.Function)``, run through ``F.apply``."""
    takes = every_parameter(function.forward)
    if not _has_own_setup(function):
        takes = takes[1:]  # ctx
    names = tuple(p.name for p in takes if not is_mode(p.name))

    def run(inputs: Mapping[str, Any]) -> Any:
        values = [mode_value(p) if is_mode(p.name) else inputs.get(p.name, p.default) for p in takes]
        while values and values[-1] is inspect.Parameter.empty:
            values.pop()
        return function.apply(*values)

    optional = frozenset(p.name for p in takes if p.name in names and p.default is not inspect.Parameter.empty)
    return _torch_subject(function, name, "torch function", names, optional, run)


def _has_own_setup(function: Any) -> bool:
    """Functions with ``setup_context`` have a forward without ctx."""
    return "setup_context" in vars(function)


def torch_callable(function: Any, name: str) -> Subject:
    """Any function of torch tensors, or a module; its parameters are set by name."""
    import torch

    if isinstance(function, type):
        function = function()
    if isinstance(function, torch.nn.Module):
        module = function
        own = tuple(n for n, _ in module.named_parameters())
        names = (*(p.name for p in parameters(module.forward)), *own)

        def run(inputs: Mapping[str, Any]) -> Any:
            given = {n: v for n, v in inputs.items() if n in own}
            rest = {n: v for n, v in inputs.items() if n not in own}
            settle_mode(module)
            dtype = next((v.dtype for v in inputs.values() if v.is_floating_point()), torch.float64)
            held = {n: p.detach().to(dtype) for n, p in module.named_parameters() if n not in given}
            return torch.func.functional_call(module, {**held, **given}, (), rest)

        return _torch_subject(module, name, "torch callable", names, frozenset(own), run)
    names = tuple(p.name for p in parameters(function))
    optional = frozenset(names) - set(required(function))
    return _torch_subject(function, name, "torch callable", names, optional, lambda inputs: call(function, inputs))


def _torch_subject(
    raw: Any,
    name: str,
    kind: Kind,
    names: tuple[str, ...],
    optional: frozenset[str],
    run: Callable[[Mapping[str, Any]], Any],
) -> Subject:
    def start(inputs: Mapping[str, Any], previous: Pass | None) -> Pass:
        import torch

        tensors = {n: _tensor(v) for n, v in inputs.items()}
        leaves = {n: t.requires_grad_() for n, t in tensors.items() if t.is_floating_point()}
        out = run(tensors)
        out = out[0] if isinstance(out, tuple | list) else out

        def backward(upstream: Array | None) -> Named:
            seed = torch.ones_like(out) if upstream is None else _tensor(upstream)
            if not out.requires_grad:
                return tuple((f"d{n}", None) for n in leaves)
            found = torch.autograd.grad(out, list(leaves.values()), seed, retain_graph=True, allow_unused=True)
            return tuple((f"d{n}", None if g is None else _array(g)) for n, g in zip(leaves, found, strict=True))

        return Pass((("the output of forward", _array(out)),), _array(out), backward)

    file, line = place(raw if isinstance(raw, type) or inspect.isfunction(raw) else type(raw))
    return Subject(name, kind, file, line, names, (), raw, start, run, "grad_output", optional)


def _tensor(value: Any) -> Any:
    """A tensor over the same memory, with the same strides; reversed views, which torch lacks, are copied."""
    import torch

    array = np.asarray(value)
    if any(s < 0 for s in array.strides):
        array = np.ascontiguousarray(array)
    return torch.from_numpy(array)


def _array(tensor: Any) -> Array:
    found: Array = tensor.detach().cpu().numpy()
    return found


def jax_function(function: Any, name: str) -> Subject:
    """A JAX function, with or without a ``custom_vjp``; x64 is switched on for the call alone."""
    inner = getattr(function, "__wrapped__", None) or getattr(function, "fun", function)
    names = tuple(p.name for p in parameters(inner))

    def start(inputs: Mapping[str, Any], previous: Pass | None) -> Pass:
        import jax  # type: ignore[import-not-found,unused-ignore]

        values = {n: inputs[n] for n in names if n in inputs}
        moving = [n for n, v in values.items() if np.issubdtype(np.asarray(v).dtype, np.floating)]

        def of(*arguments: Any) -> Any:
            return call(function, {**values, **dict(zip(moving, arguments, strict=True))})

        with jax.experimental.enable_x64():
            out, pull = jax.vjp(of, *(values[n] for n in moving))

        def backward(upstream: Array | None) -> Named:
            with jax.experimental.enable_x64():
                found = pull(np.ones_like(out) if upstream is None else np.asarray(upstream))
            return tuple((f"d{n}", np.asarray(g)) for n, g in zip(moving, found, strict=True))

        return Pass((), np.asarray(out), backward)

    file, line = place(inner)
    optional = frozenset(names) - set(required(inner))
    return Subject(name, "jax", file, line, names, (), function, start, function, "cotangent", optional)
