"""Torch's functions that move entries about, by name."""

from __future__ import annotations

from typing import Any

import sympy

from . import arranging, creation
from .arranging import axis_number
from .numpy_table import FUNCTIONS
from .session import session, untraceable
from .symbolic import SymbolicArray, exactly
from .torch_creation import diag_embed
from .torch_elementwise import Rule
from .torch_indexing import (
    gather,
    get_item,
    index_add,
    index_copy,
    index_fill,
    index_put,
    index_select,
    narrow,
    scatter,
    scatter_add,
    select,
    unfold,
)
from .torch_tensor import number_of
from .values import length


def sizes(shape: tuple[Any, ...]) -> tuple[Any, ...]:
    """``x.view(2, 3)`` and ``x.view((2, 3))``."""
    found = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    return tuple(map(number_of, found))


def reshape(input: Any, *shape: Any) -> SymbolicArray:
    if any(type(s).__name__ == "dtype" for s in shape):
        raise untraceable("x.view(dtype)", "the bits of a number have no formula")
    return arranging.reshape(input, sizes(shape))


def _permute(input: Any, *dims: Any) -> SymbolicArray:
    return input.transpose(sizes(dims))  # type: ignore[no-any-return]


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> SymbolicArray:
    rank = input.ndim
    if not rank:
        return arranging.reshape(input, (1,))
    first, last = axis_number(start_dim, rank), axis_number(end_dim, rank)
    shape = input.shape
    middle: Any = 1
    for k in range(first, last + 1):
        middle = middle * shape[k]
    return arranging.reshape(input, (*shape[:first], middle, *shape[last + 1 :]))


def _unflatten(input: Any, dim: int, sizes: Any) -> SymbolicArray:
    at = axis_number(dim, input.ndim)
    return arranging.reshape(input, (*input.shape[:at], *map(number_of, sizes), *input.shape[at + 1 :]))


def _squeeze(input: Any, dim: Any = None) -> SymbolicArray:
    """Axes of length one go; a symbolic size is taken to be another."""
    if dim is None:
        return arranging.squeeze(input)
    chosen = [axis_number(d, input.ndim) for d in (dim if isinstance(dim, tuple | list) else (dim,))]
    for k in chosen:
        if input.axes[k] and not length(input.axes[k]).is_Integer:
            session().standins.assume(f"{length(input.axes[k])} ≠ 1")
    return arranging.squeeze(input, tuple(k for k in chosen if not input.axes[k]))


def _expand(input: Any, *shape: Any) -> SymbolicArray:
    wanted = list(sizes(shape))
    extra = len(wanted) - input.ndim
    for k in range(len(wanted)):
        if not hasattr(wanted[k], "expr") and wanted[k] == -1:
            wanted[k] = input.shape[k - extra]
    return arranging.broadcast_to(input, tuple(wanted))


def _repeat_interleave(input: Any, repeats: Any, dim: Any = None, output_size: Any = None) -> SymbolicArray:
    return arranging.repeat(input, number_of(repeats), dim)


def _split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[SymbolicArray, ...]:
    if isinstance(split_size_or_sections, tuple | list):
        edges: list[Any] = []
        total: Any = 0
        for part in split_size_or_sections[:-1]:
            total = total + number_of(part)
            edges.append(total)
        return tuple(arranging.split(tensor, edges, dim))
    whole = length(tensor.axes[axis_number(dim, tensor.ndim)])
    parts = sympy.cancel(whole / exactly(number_of(split_size_or_sections)))
    if not parts.is_Integer:
        raise untraceable("torch.split", f"how many parts {whole} entries have depends on the sizes")
    return tuple(arranging.split(tensor, int(parts), dim))


def _chunk(input: Any, chunks: int, dim: int = 0) -> tuple[SymbolicArray, ...]:
    return tuple(arranging.split(input, chunks, dim))


def _unbind(input: Any, dim: int = 0) -> tuple[SymbolicArray, ...]:
    return tuple(input.swapaxes(0, dim) if dim and input.ndim == 2 else arranging.moveaxis(input, dim, 0))


def _t(input: Any) -> SymbolicArray:
    if input.ndim > 2:
        raise untraceable("x.t()", "the tensor has more than two axes")
    return input.T  # type: ignore[no-any-return]


def _triangle(upper: bool) -> Rule:
    found = creation.triangle(upper=upper)
    return lambda input, diagonal=0: found(input, number_of(diagonal))


def _pad(input: Any, pad: Any, mode: str = "constant", value: Any = None) -> SymbolicArray:
    """``F.pad``: pairs from the last axis on."""
    if mode != "constant":
        raise untraceable("pad", f"mode={mode!r} is not in the table")
    pairs: list[tuple[Any, Any]] = [(0, 0)] * input.ndim
    for k in range(len(pad) // 2):
        pairs[input.ndim - 1 - k] = (number_of(pad[2 * k]), number_of(pad[2 * k + 1]))
    return arranging.pad(input, pairs, constant_values=0 if value is None else value)


MOVING: dict[str, Rule] = {
    "__getitem__": get_item,
    ".T": lambda input: input.T,
    ".mT": lambda input: input.swapaxes(-1, -2),
    ".H": lambda input: input.swapaxes(-1, -2),
    "t": _t,
    "transpose": lambda input, dim0, dim1: input.swapaxes(dim0, dim1),
    **{name: lambda input, axis0, axis1: input.swapaxes(axis0, axis1) for name in ("swapaxes", "swapdims")},
    "adjoint": lambda input: input.swapaxes(-1, -2),
    "permute": _permute,
    **{
        name: lambda input, source, destination: arranging.moveaxis(input, source, destination)
        for name in ("movedim", "moveaxis")
    },
    **{name: reshape for name in ("view", "reshape")},
    "view_as": lambda input, other: arranging.reshape(input, other.shape),
    "reshape_as": lambda input, other: arranging.reshape(input, other.shape),
    "flatten": flatten,
    "ravel": lambda input: arranging.ravel(input),
    "unflatten": _unflatten,
    "squeeze": _squeeze,
    "unsqueeze": lambda input, dim: arranging.expand_dims(input, dim),
    "expand": _expand,
    "expand_as": lambda input, other: arranging.broadcast_to(input, other.shape),
    "broadcast_to": lambda input, size: _expand(input, *size),
    "repeat": lambda input, *repeats: arranging.tile(input, sizes(repeats)),
    "tile": lambda input, *dims: arranging.tile(input, sizes(dims)),
    "repeat_interleave": _repeat_interleave,
    **{name: lambda tensors, dim=0: arranging.concatenate(tensors, dim) for name in ("cat", "concat", "concatenate")},
    "stack": lambda tensors, dim=0: arranging.stack(tensors, dim),
    "vstack": lambda tensors: arranging.vstack(tensors),
    "hstack": lambda tensors: arranging.hstack(tensors),
    "split": _split,
    "chunk": _chunk,
    "unbind": _unbind,
    "select": select,
    "narrow": narrow,
    "unfold": unfold,
    "flip": lambda input, *dims: arranging.flip(input, sizes(dims)),
    "diag": lambda input, diagonal=0: FUNCTIONS["diag"](input, diagonal),
    "diagonal": lambda input, offset=0, dim1=0, dim2=1: FUNCTIONS["diagonal"](input, offset, dim1, dim2),
    "diag_embed": diag_embed,
    "tril": _triangle(upper=False),
    "triu": _triangle(upper=True),
    "pad": _pad,
    "clone": lambda input: input.copy(),
    "contiguous": lambda input: arranging.contiguous(input),
    "gather": gather,
    "scatter": scatter,
    "scatter_add": scatter_add,
    "index_select": index_select,
    "index_add": index_add,
    "index_copy": index_copy,
    "index_fill": index_fill,
    "index_put": index_put,
    "take_along_dim": lambda input, indices, dim: gather(input, dim, indices),
}
