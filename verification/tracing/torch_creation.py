"""Torch's creation functions for symbolic shapes, and its changes of dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Expr, Integer

from . import creation
from .conversion import symbolic
from .session import untraceable
from .symbolic import Kind, SymbolicArray, exactly, is_symbolic, made
from .torch_tensor import kind_of, number_of
from .values import Entries, elementwise


def _shape(shape: tuple[Any, ...]) -> tuple[Any, ...]:
    """``zeros(2, 3)`` and ``zeros((2, 3))``."""
    dims = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    return tuple(map(number_of, dims))


def _filled(value: Expr) -> Callable[..., SymbolicArray]:
    def function(*shape: Any, size: Any = None, dtype: Any = None) -> SymbolicArray:
        return creation.filled(_shape(shape if size is None else (size,)), value, kind_of(dtype))

    return function


def _empty(*shape: Any, size: Any = None, dtype: Any = None) -> SymbolicArray:
    from .symbolic import DTYPES

    return creation.uninitialised(_shape(shape if size is None else (size,)), DTYPES[kind_of(dtype)])


def _like(value: Expr) -> Callable[..., SymbolicArray]:
    def function(input: Any, dtype: Any = None) -> SymbolicArray:
        return creation.filled(input.shape, value, kind_of(dtype, input.kind))

    return function


def _full(size: Any, fill_value: Any, dtype: Any = None) -> SymbolicArray:
    value = symbolic(fill_value)
    out = creation.full(tuple(map(number_of, size)), value)
    return cast(out, kind_of(dtype, value.kind))


def _full_like(input: Any, fill_value: Any, dtype: Any = None) -> SymbolicArray:
    return cast(creation.full(input.shape, symbolic(fill_value)), kind_of(dtype, input.kind))


def _tensor(data: Any, dtype: Any = None) -> SymbolicArray:
    found = symbolic(data)
    return cast(found, kind_of(dtype, found.kind), copy=True)


def _as_tensor(data: Any, dtype: Any = None) -> SymbolicArray:
    found = symbolic(data)
    return cast(found, kind_of(dtype, found.kind))


def _scalar_tensor(s: Any, dtype: Any = None) -> SymbolicArray:
    return cast(symbolic(s), kind_of(dtype))


def _arange(*bounds: Any, start: Any = 0, end: Any = None, step: Any = 1, dtype: Any = None) -> SymbolicArray:
    numbers = [number_of(b) for b in bounds]
    if end is not None:
        numbers = [start, end, step] if not numbers else [*numbers, end]
    elif step != 1:
        numbers = [*([0] if len(numbers) == 1 else []), *numbers, step]
    found = symbolic(creation.arange(*numbers))
    return cast(found, kind_of(dtype, found.kind))


def _eye(n: Any, m: Any = None, dtype: Any = None) -> SymbolicArray:
    return cast(creation.eye(number_of(n), None if m is None else number_of(m)), kind_of(dtype))


def _new(function: Callable[..., SymbolicArray]) -> Callable[..., SymbolicArray]:
    def method(input: Any, *arguments: Any, dtype: Any = None, **options: Any) -> SymbolicArray:
        kind = kind_of(dtype, input.kind)
        return cast(function(*arguments, **options), kind)

    return method


def cast(array: Any, kind: Kind, copy: bool = False) -> SymbolicArray:
    """An array as another kind. From real to integer there is no formula: torch would cut digits off."""
    array = symbolic(array)
    if kind == array.kind:
        return array.copy() if copy else array
    if kind == "b":
        from .ufuncs import truth

        return made(elementwise(truth, array.entries), "b")
    if kind == "i" and array.kind == "f":
        body = array.entries.body
        if not (body.is_Integer or body == 0):
            raise untraceable("a cast to integers", "rounding down has no formula here")
    return made(Entries(array.axes, array.entries.body), kind)


def _to(input: Any, *targets: Any, **options: Any) -> SymbolicArray:
    """``x.to(dtype)``, ``x.to(device)``, ``x.to(other)``."""
    import torch

    for target in (*targets, options.get("dtype"), options.get("other")):
        if isinstance(target, torch.dtype):
            return cast(input, kind_of(target))
        if is_symbolic(target):
            return cast(input, target.kind)
    return input  # type: ignore[no-any-return]


def _type(input: Any, dtype: Any = None) -> SymbolicArray:
    if dtype is None or isinstance(dtype, str):
        raise untraceable("x.type()", "write x.to(dtype)")
    return cast(input, kind_of(dtype))


def _as_kind(kind: Kind) -> Callable[..., SymbolicArray]:
    return lambda input: cast(input, kind)


def _linspace(start: Any, end: Any, steps: Any, dtype: Any = None) -> SymbolicArray:
    count = exactly(number_of(steps))
    if count == 1:
        return symbolic([start])
    line = symbolic(creation.arange(number_of(steps)))
    gap = (exactly(number_of(end)) - exactly(number_of(start))) / (count - 1)
    return made(elementwise(lambda k: exactly(number_of(start)) + gap * k, line.entries))


_ONE, _ZERO = Integer(1), Integer(0)
#: Functions that make tensors out of numbers; while a trace runs, they make symbolic ones.
FACTORIES: dict[str, Callable[..., Any]] = {
    "zeros": _filled(_ZERO),
    "ones": _filled(_ONE),
    "empty": _empty,
    "full": _full,
    "tensor": _tensor,
    "as_tensor": _as_tensor,
    "asarray": _as_tensor,
    "from_numpy": _as_tensor,
    "scalar_tensor": _scalar_tensor,
    "arange": _arange,
    "eye": _eye,
    "linspace": _linspace,
}
CREATION: dict[str, Callable[..., Any]] = {
    **FACTORIES,
    "zeros_like": _like(_ZERO),
    "ones_like": _like(_ONE),
    "full_like": _full_like,
    "empty_like": lambda input, dtype=None: creation.uninitialised_like(input),
    "new_zeros": _new(_filled(_ZERO)),
    "new_ones": _new(_filled(_ONE)),
    "new_full": _new(_full),
    "new_tensor": _new(_tensor),
    "new_empty": lambda input, *shape, size=None, dtype=None: _empty(*shape, size=size, dtype=dtype),
    "to": _to,
    "type": _type,
    "type_as": lambda input, other: cast(input, other.kind),
    **{name: _as_kind("f") for name in ("float", "double", "half", "bfloat16")},
    **{name: _as_kind("i") for name in ("long", "int", "short")},
    "bool": _as_kind("b"),
}


def one_hot(input: Any, num_classes: Any = -1) -> SymbolicArray:
    """``F.one_hot``: integers, one where the position is the label."""
    from .ufuncs import equal

    count = exactly(number_of(num_classes))
    if count == -1:
        raise untraceable("one_hot", "without num_classes, how many there are depends on the labels")
    columns = creation.positions(count) if count != 1 else symbolic([0])
    return made(elementwise(equal, input[..., None].entries, columns.entries), "i")


def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> SymbolicArray:
    if offset or (dim1, dim2) != (-2, -1):
        raise untraceable("diag_embed", "the table has the main diagonal of the last two axes")
    unit = creation.eye(input.shape[-1])
    return made(elementwise(sympy.Mul, input[..., None].entries, unit.entries), input.kind)
