"""While it lasts, torch functions take symbolic tensors: a mode that sees every call, and ``apply`` of Functions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from . import torch_tape
from .symbolic import is_symbolic
from .torch_tensor import unwrapped, wrapped


@cache
def _mode() -> Any:
    from torch.overrides import TorchFunctionMode

    class Symbolic(TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
            from .torch_table import apply

            return apply(function, arguments, options or {})

    return Symbolic


@contextmanager
def torch_made_symbolic() -> Iterator[None]:
    """Torch functions, and ``apply`` of every custom Function, take symbolic tensors meanwhile."""
    import torch
    from torch.autograd.function import _SingleLevelFunction

    # Every F.apply, bound earlier or not, looks up the apply of this class when it is called.
    def apply(cls: Any, *arguments: Any, **options: Any) -> Any:
        return torch_tape.applied(cls, *arguments, **options)

    def from_numpy(value: Any) -> Any:  # it looks at its argument before it asks anybody
        return wrapped(value) if is_symbolic(value) else original(value)

    before = vars(_SingleLevelFunction).get("apply")
    original = torch.from_numpy
    _SingleLevelFunction.apply = classmethod(apply)
    torch.from_numpy = from_numpy
    try:
        with _mode()():
            yield
    finally:
        torch.from_numpy = original
        if before is None:
            del _SingleLevelFunction.apply
        else:
            _SingleLevelFunction.apply = before


def on_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """A torch function as one of symbolic arrays, for the tracer of NumPy code."""

    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        given, named = wrapped(arguments), wrapped(options)
        with torch_made_symbolic():
            returned = function(*given, **named)
        return unwrapped(returned)

    return run
