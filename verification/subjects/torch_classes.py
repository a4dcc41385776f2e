"""Layer classes of torch tensors, as classes of NumPy arrays: tensors are arrays again whenever no method runs."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from .torch_code import array_of, tensor

#: How deep the attributes of attributes are converted.
DEEPEST = 4
#: Objects of which a method runs just now: their own calls among each other convert nothing.
_running: set[int] = set()


def class_of_arrays(obj: Any) -> Any:
    """A class, or an object of one, whose methods take and return NumPy arrays and keep them in its attributes."""
    cls = obj if isinstance(obj, type) else type(obj)
    methods = {
        name: _method(value)
        for base in reversed(cls.__mro__[:-1])
        for name, value in vars(base).items()
        if inspect.isfunction(value) and (not name.startswith("__") or name in ("__init__", "__call__"))
    }
    made = type(cls.__name__, (cls,), {**methods, "__doc__": cls.__doc__, "__module__": cls.__module__})
    made.__qualname__ = cls.__qualname__
    if isinstance(obj, type):
        return made
    held = copy.deepcopy(obj)
    held.__class__ = made
    _convert(held, _to_array, {})
    return held


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(self: Any, *arguments: Any, **options: Any) -> Any:
        if id(self) in _running:
            return function(self, *arguments, **options)
        memo: dict[int, Any] = {}
        _running.add(id(self))
        try:
            given = _converted((arguments, options), _to_tensor, memo)
            _convert(self, _to_tensor, memo)
            with _mode(memo):
                returned = function(self, *given[0], **given[1])
        finally:
            _running.discard(id(self))
            back: dict[int, Any] = {}
            _convert(self, _to_array, back)
        return _converted(returned, _to_array, back)

    run.of_tensors = True  # type: ignore[attr-defined]
    return run


def _mode(memo: dict[int, Any]) -> Any:
    """Where symbolic tensors are among what was converted, torch's functions take them."""
    if not any(type(v).__name__ == "SymbolicTensor" for _, v in memo.values()):
        return nullcontext()
    from ..tracing.torch_mode import torch_made_symbolic

    return torch_made_symbolic()


def _to_tensor(value: Any) -> Any:
    if isinstance(value, np.generic) or type(value) is np.ndarray:
        return tensor(value)
    if type(value).__name__ == "SymbolicArray":
        from ..tracing.torch_tensor import wrapped

        return wrapped(value)
    return value


def _to_array(value: Any) -> Any:
    import torch

    if type(value).__name__ == "SymbolicTensor":
        return value.array
    return array_of(value) if isinstance(value, torch.Tensor) else value


def _converted(value: Any, convert: Callable[[Any], Any], memo: dict[int, Any]) -> Any:
    """The value with its arrays converted; what was one object before is one afterwards."""
    if type(value) in (tuple, list):
        return type(value)(_converted(v, convert, memo) for v in value)
    if type(value) is dict:
        return {k: _converted(v, convert, memo) for k, v in value.items()}
    if id(value) not in memo:
        memo[id(value)] = value, convert(value)  # (the value too, so that no other gets its id)
    return memo[id(value)][1]


def _convert(obj: Any, convert: Callable[[Any], Any], memo: dict[int, Any], depth: int = 0) -> None:
    """Convert the arrays in the attributes of an object, and of objects in them."""
    for name, value in list(getattr(obj, "__dict__", {}).items()):
        found = _converted(value, convert, memo)
        if found is not value:
            setattr(obj, name, found)
        is_person = hasattr(found, "__dict__") and not isinstance(found, type) and not inspect.isroutine(found)
        if is_person and depth < DEEPEST and type(found).__module__.split(".")[0] not in ("torch", "numpy"):
            if type(found).__name__ not in ("SymbolicTensor", "SymbolicArray"):
                _convert(found, convert, memo, depth + 1)
