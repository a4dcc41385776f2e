"""Gradients through torch's autograd: custom Functions, modules, any torch callable; and what is JAX code."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .modes import is_mode, mode_value, settle_mode
from .naming import is_gradient_name, is_upstream, matching, returned_names
from .protocol import (
    Array,
    Kind,
    Named,
    Pass,
    Subject,
    SubjectError,
    call,
    every_parameter,
    parameters,
    place,
    required,
)
from .torch_code import are_symbolic, array_of, symbolic_pass, tensor


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


def is_torch_code(obj: Any) -> bool:
    """A function of torch tensors: its code speaks of torch, or its file imports torch and no NumPy."""
    if "torch" not in sys.modules or not inspect.isroutine(obj):
        return False
    names = getattr(inspect.unwrap(obj), "__globals__", {})
    modules = {v.__name__.split(".")[0] for v in list(names.values()) if inspect.ismodule(v)}
    return _speaks_of(obj, "torch", ()) or ("torch" in modules and "numpy" not in modules)


def is_torch_class(obj: Any) -> bool:
    """A class with methods of its own in which torch is spoken of."""
    cls = obj if isinstance(obj, type) else type(obj)
    return any(is_torch_code(f) for base in cls.__mro__ for f in vars(base).values() if inspect.isfunction(f))


def returns_gradients(function: Any) -> bool:
    """Whether torch code computes gradients itself, rather than a forward pass: by the names that it gives things."""
    if not inspect.isfunction(function):
        return False
    names = tuple(p.name for p in parameters(function))
    words = function.__name__.lower().split("_")
    if any(w in ("backward", "bwd", "bprop", "backprop", "grad", "grads", "gradient", "gradients") for w in words):
        return True
    if any(is_upstream(n) for n in names if len(n) > 1):
        return True
    gives = [n for n in returned_names(function) if n is not None and n not in names]
    return any(is_gradient_name(n) or (n[0] == "d" and matching(n[1:].lstrip("_"), names)) for n in gives)


def is_jax(obj: Any) -> bool:
    return "jax" in sys.modules and (type(obj).__name__ in ("custom_vjp", "PjitFunction") or _speaks_of(obj, "jax", ()))


def _speaks_of(obj: Any, library: str, classes: tuple[type, ...]) -> bool:
    """Whether a function names a module of the library, or one of these classes."""
    inner = inspect.unwrap(obj) if callable(obj) else obj
    code, names = getattr(inner, "__code__", None), getattr(inner, "__globals__", {})
    if code is None:
        return False
    for name in code.co_names:
        value = names.get(name)
        if inspect.ismodule(value) and value.__name__.split(".")[0] == library:
            return True
        inner_names = [v for n in code.co_names if inspect.ismodule(value) and (v := vars(value).get(n)) is not None]
        if any(isinstance(v, type) and classes and issubclass(v, classes) for v in (value, *inner_names)):
            return True
    return any(library in str(a) for a in getattr(inner, "__annotations__", {}).values())


def torch_function(function: Any, name: str) -> Subject:
    """``class F(torch.autograd.Function)``, run through ``F.apply``."""
    takes = every_parameter(function.forward)
    if not _has_own_setup(function):
        takes = takes[1:]  # ctx
    names = tuple(p.name for p in takes if not is_mode(p.name))

    def run(inputs: Mapping[str, Any]) -> Any:
        return function.apply(*_positional(takes, inputs))

    optional = frozenset(p.name for p in takes if p.name in names and p.default is not inspect.Parameter.empty)
    functools.update_wrapper(run, function.forward)
    return _torch_subject(function, name, "torch function", names, optional, run)


def forward_of(subject: Subject) -> Subject:
    """The forward of a custom Function alone, which torch differentiates operation by operation."""
    from ..tracing.torch_tape import Context

    function = subject.raw
    own = _has_own_setup(function)
    takes = parameters(function.forward)[0 if own else 1 :]

    def run(inputs: Mapping[str, Any]) -> Any:
        return function.forward(*(() if own else (Context(),)), *_positional(takes, inputs))

    name = f"{subject.name}.forward"
    return _torch_subject(function, name, "torch callable", subject.parameter_names, subject.optional, run)


def _positional(takes: Sequence[inspect.Parameter], inputs: Mapping[str, Any]) -> list[Any]:
    """The values of parameters in order, without those at the end that nobody gave."""
    values = [mode_value(p) if is_mode(p.name) else inputs.get(p.name, p.default) for p in takes]
    while values and values[-1] is inspect.Parameter.empty:
        values.pop()
    return values


def _has_own_setup(function: Any) -> bool:
    """Functions with ``setup_context``, their own or inherited, have a forward without ctx."""
    from ..tracing.torch_tape import has_setup

    return has_setup(function)


def torch_callable(function: Any, name: str) -> Subject:
    """Any function of torch tensors, or a module; its parameters are set by name."""
    import torch

    if isinstance(function, type):
        needed = required(function)
        if needed:
            raise SubjectError(
                f"{name} takes {', '.join(needed)} when it is made, and what to give there is not known; make one in "
                f"the file, layer = {name}(…), and verify that: FILE.py:layer"
            )
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

        functools.update_wrapper(run, module.forward)
        return _torch_subject(module, name, "torch callable", names, frozenset(own), run)
    names = tuple(p.name for p in parameters(function))
    optional = frozenset(names) - set(required(function))

    def called(inputs: Mapping[str, Any]) -> Any:
        return call(function, inputs)

    functools.update_wrapper(called, function)
    return _torch_subject(function, name, "torch callable", names, optional, called)


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

        if are_symbolic(inputs):
            return symbolic_pass(inputs, run)
        tensors = {n: tensor(v) for n, v in inputs.items()}
        leaves = {n: t.requires_grad_() for n, t in tensors.items() if t.is_floating_point()}
        out = run(tensors)
        out = out[0] if isinstance(out, tuple | list) else out

        def backward(upstream: Array | None) -> Named:
            seed = torch.ones_like(out) if upstream is None else tensor(upstream)
            if not out.requires_grad:
                return tuple((f"d{n}", None) for n in leaves)
            found = torch.autograd.grad(out, list(leaves.values()), seed, retain_graph=True, allow_unused=True)
            return tuple((f"d{n}", None if g is None else array_of(g)) for n, g in zip(leaves, found, strict=True))

        return Pass((("the output of forward", array_of(out)),), array_of(out), backward)

    file, line = place(raw if isinstance(raw, type) or inspect.isfunction(raw) else type(raw))
    return Subject(name, kind, file, line, names, (), raw, start, run, "grad_output", optional)
