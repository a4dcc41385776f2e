"""The arrays inside an object: its attributes, dictionaries, lists and sub-objects, by path."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

DEEPEST = 4


@dataclass(frozen=True)
class Slot:
    """A place that holds an array: ``W``, ``params.W1``, ``grads.0``, ``fc1.W``."""

    path: str
    value: Any
    assign: Callable[[Any], None]


def slots(obj: Any, prefix: str = "", depth: int = 0) -> Iterator[Slot]:
    """Every place in an object that holds a NumPy array."""
    for key, value, assign in _members(obj):
        path = f"{prefix}{key}"
        if isinstance(value, np.ndarray) or type(value).__name__ == "SymbolicArray":
            yield Slot(path, value, assign)
        elif depth < DEEPEST and _is_container(value):
            yield from slots(value, f"{path}.", depth + 1)


def _members(obj: Any) -> Iterator[tuple[Any, Any, Callable[[Any], None]]]:
    if isinstance(obj, dict):
        for k in list(obj):
            yield k, obj[k], lambda v, k=k: obj.__setitem__(k, v)  # type: ignore[misc]
    elif isinstance(obj, list):
        for k in range(len(obj)):
            yield k, obj[k], lambda v, k=k: obj.__setitem__(k, v)  # type: ignore[misc]
    elif isinstance(obj, tuple):
        for k, v in enumerate(obj):
            yield k, v, lambda v: None
    else:
        for k, v in list(getattr(obj, "__dict__", {}).items()):
            yield k, v, lambda v, k=k: setattr(obj, k, v)  # type: ignore[misc]


def _is_container(value: Any) -> bool:
    if isinstance(value, dict | list | tuple):
        return True
    return hasattr(value, "__dict__") and not inspect.isroutine(value) and not isinstance(value, type)


def snapshot(obj: Any) -> dict[str, Any]:
    """Copies of all arrays, by path."""
    return {s.path: s.value.copy() for s in slots(obj)}


def install(obj: Any, values: Mapping[str, Any]) -> list[str]:
    """Put arrays in the places of these paths, and everywhere else where the same array stands.

    **Returns** the paths that the object does not have.
    """
    found = list(slots(obj))
    missing = []
    for path, value in values.items():
        slot = next((s for s in found if s.path == path), None)
        if slot is None:
            missing.append(path)
            continue
        for other in found:
            if other.value is slot.value:
                other.assign(value)
    return missing
