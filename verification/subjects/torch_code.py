"""Torch code as the rest of the house runs it: on NumPy arrays, which become tensors, and on symbolic arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .placement import array_of as array_of
from .placement import tensor_of
from .protocol import Named, Pass


def are_symbolic(inputs: Mapping[str, Any]) -> bool:
    """Whether the inputs are those of a trace."""
    return any(type(v).__name__ == "SymbolicArray" for v in inputs.values())


@dataclass(frozen=True)
class Recorded:
    """A forward pass of torch code on symbolic tensors, as autograd would see it."""

    tape: Any
    out: Any

    def refuse_detached(self) -> None:
        """Give up where the derivative of the formula is not what autograd computes.

        **Raises** Untraceable.
        """
        from ...calculus.tensors import Tensor
        from ..tracing.session import untraceable

        if self.tape.stopped & self.out.atoms(Tensor):
            raise untraceable("detach() or no_grad()", "a part of the forward pass has no gradient")


def symbolic_pass(inputs: Mapping[str, Any], run: Callable[[Mapping[str, Any]], Any]) -> Pass:
    """One pass of torch code on symbolic arrays; its backward gives what autograd would.

    **Raises** Untraceable.
    """
    from ..autodiff import gradients
    from ..tracing.session import untraceable
    from ..tracing.symbolic import is_symbolic, made
    from ..tracing.torch_mode import torch_made_symbolic
    from ..tracing.torch_tape import Tape, taped
    from ..tracing.torch_tensor import unwrapped, wrapped

    tape = Tape()
    given = {n: wrapped(v) for n, v in inputs.items()}
    leaves = {n: v.entries.body.tensor for n, v in inputs.items() if is_symbolic(v) and v.kind == "f"}
    with taped(tape), torch_made_symbolic():
        out = run(given)
        out = out[0] if isinstance(out, tuple | list) else out
        array = unwrapped(out)
    if not is_symbolic(array):
        raise untraceable("the forward pass", f"it returns a {type(out).__name__}, not a tensor")
    entries = array.entries

    def backward(upstream: Any) -> Named:
        with taped(tape), torch_made_symbolic():
            found = gradients(entries, upstream, list(leaves.values()), tape)
            return tuple((f"d{n}", None if g is None else made(g)) for n, g in zip(leaves, found, strict=True))

    plain = tape.plain(entries.body)
    value = array if plain == entries.body else made(entries.with_body(plain), array.kind)
    return Pass((("the output of forward", value),), value, backward, Recorded(tape, entries.body))


def on_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of torch tensors as one of NumPy arrays, over the same memory; symbolic arrays pass as tensors."""

    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        if _holds_symbolic([arguments, options]):
            from ..tracing.torch_mode import on_tensors

            return on_tensors(function)(*arguments, **options)
        if _holds_tensors([arguments, options]):  # on a device, or in a dtype that NumPy lacks
            return function(*arguments, **options)
        return _arrays(function(*_tensors(arguments), **_tensors(options)))

    run.of_tensors = True  # type: ignore[attr-defined]
    return run


def _holds_symbolic(value: Any) -> bool:
    if isinstance(value, dict):
        return _holds_symbolic(list(value.values()))
    if isinstance(value, tuple | list):
        return any(map(_holds_symbolic, value))
    return type(value).__name__ == "SymbolicArray"


def _holds_tensors(value: Any) -> bool:
    if isinstance(value, dict):
        return _holds_tensors(list(value.values()))
    if isinstance(value, tuple | list):
        return any(map(_holds_tensors, value))
    return hasattr(value, "detach")


def tensor(value: Any) -> Any:
    """A tensor over the same memory, with the same strides; reversed views, which torch lacks, are copied."""
    return tensor_of(value)


def _tensors(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return tensor(value)
    if isinstance(value, np.generic):
        return tensor(value)
    if type(value) in (tuple, list):
        return type(value)(map(_tensors, value))
    return {k: _tensors(v) for k, v in value.items()} if type(value) is dict else value


def _arrays(value: Any) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        return array_of(value)
    if type(value) in (tuple, list):
        return type(value)(map(_arrays, value))
    return {k: _arrays(v) for k, v in value.items()} if type(value) is dict else value
