"""Code that launches kernels: it runs on tensors, and what a kernel computes cannot be traced."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

#: Where the types of kernels come from: Triton's (compiled or interpreted), CuPy's and Numba's.
LIBRARIES = ("triton", "cupy", "numba.cuda")


def kernel_of(obj: Any) -> str | None:
    """The name of the first kernel that an object launches, itself or through functions of its own module."""
    return next((name for name in _kernels(obj, set(), 0)), None)


def _kernels(obj: Any, seen: set[int], depth: int) -> Iterator[str]:
    if id(obj) in seen or depth > 6:
        return
    seen.add(id(obj))
    if isinstance(obj, tuple):
        for part in obj:
            yield from _kernels(part, seen, depth + 1)
    elif isinstance(obj, type):
        for value in vars(obj).values():
            function = getattr(value, "__func__", value)
            if inspect.isfunction(function):
                yield from _kernels(function, seen, depth + 1)
    elif inspect.ismethod(obj):
        yield from _kernels(obj.__func__, seen, depth + 1)
        yield from _kernels(obj.__self__ if isinstance(obj.__self__, type) else type(obj.__self__), seen, depth + 1)
    elif inspect.isfunction(obj):
        held = inspect.getclosurevars(obj)
        for name, value in {**held.globals, **held.nonlocals}.items():
            if is_kernel(value):
                yield name
            elif getattr(value, "__module__", None) == obj.__module__ and callable(value):
                yield from _kernels(value, seen, depth + 1)
    elif hasattr(obj, "forward"):  # a module
        yield from _kernels(type(obj), seen, depth + 1)


def is_kernel(value: Any) -> bool:
    """Whether an object is a kernel: of a library that makes them, or a function of a compiled CUDA extension."""
    kind = type(value)
    home = f"{kind.__module__}."
    if any(home.startswith(f"{library}.") for library in LIBRARIES):
        return callable(getattr(value, "run", value))
    return inspect.ismodule(value) and "torch_extensions" in str(getattr(value, "__file__", ""))
