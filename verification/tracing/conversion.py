"""What the person's code hands to an operation, as a symbolic array: numbers, ranges, lists, constant NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy
from sympy import Expr, Integer

from .memory import Memory, memory_of
from .session import untraceable
from .sizes import SymbolicNumber
from .symbolic import Kind, SymbolicArray, exactly, is_symbolic
from .values import Axis, Entries, axis_of

#: A NumPy array with more entries than this is no constant that a formula would spell out.
MAX_CONSTANT = 4096


def kind_of_dtype(dtype: Any, default: Kind = "f") -> Kind:
    if dtype is None:
        return default
    code = numpy.dtype(dtype).kind
    if code not in "fiub":
        raise untraceable(f"dtype {dtype}", "arrays are real, integer or boolean")
    return "i" if code == "u" else code  # type: ignore[return-value]


def symbolic(value: Any) -> SymbolicArray:
    """A number, a constant NumPy array, a range or a nested list as a symbolic array; itself if it is one."""
    from .creation import SymbolicRange, stacked

    if is_symbolic(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, SymbolicRange):
        return value.array()
    if isinstance(value, range):
        value = numpy.array(value, dtype=int)
    if isinstance(value, list | tuple):
        return stacked(value)
    if isinstance(value, numpy.ndarray) and value.ndim:
        return _constant_array(value)
    if isinstance(value, SymbolicNumber | int | float | numpy.number | numpy.bool_ | numpy.ndarray):
        entries = Entries((), exactly(value))
        memory, address = memory_of(entries)
        return SymbolicArray(memory, (), address, kind_of_number(value))
    raise untraceable(f"an operand of type {type(value).__name__}", "it is neither an array nor a real number")


def kind_of_number(value: Any) -> Kind:
    if isinstance(value, numpy.generic | numpy.ndarray):
        return kind_of_dtype(value.dtype)
    return "b" if isinstance(value, bool) else "i" if isinstance(value, int) else "f"


def _constant_array(value: numpy.ndarray) -> SymbolicArray:
    if value.size > MAX_CONSTANT:
        raise untraceable("a NumPy array", f"it was made outside of the trace and has {value.size} entries")
    axes = tuple(axis_of(Integer(n)) for n in value.shape)
    indices = tuple(i for axis in axes for i in axis)
    kind = kind_of_dtype(value.dtype)
    line = _progression(value, axes) if kind == "i" and indices else None
    memory = Memory(indices, Integer(0) if line is None else line)
    for at in numpy.ndindex(*value.shape) if line is None else ():
        place = tuple(Integer(k) for k, axis in zip(at, axes, strict=True) if axis)
        memory.write(place, (), exactly(value[at]))
    return SymbolicArray(memory, axes, indices, kind)


def _progression(value: numpy.ndarray, axes: Sequence[Axis]) -> Expr | None:
    """Integers in steps along each axis, as ``np.arange`` makes them, by their position; None for others."""
    start = (0,) * value.ndim
    body: Expr = Integer(int(value[start]))
    expected: Any = int(value[start])
    for at, axis in enumerate(axes):
        if axis:
            step = int(value[(*start[:at], 1, *start[at + 1 :])]) - int(value[start])
            counter = numpy.arange(value.shape[at]).reshape([-1 if k == at else 1 for k in range(value.ndim)])
            body, expected = body + step * axis[0], expected + step * counter
    return body if (value == expected).all() else None
