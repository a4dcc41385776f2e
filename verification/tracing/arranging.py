"""Functions that move entries about: reshape, transpose, stack, concatenate, split, pad, repeat."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy
import sympy
from sympy import Expr, Integer

from ...calculus.arrays import ShapeError, shape_text
from ...calculus.functions import Indicator
from ...calculus.sums import Delta
from ...calculus.tensors import Index, fresh_index
from .conversion import symbolic
from .indexing import get, select
from .memory import is_contiguous
from .session import untraceable
from .symbolic import SymbolicArray, exactly, made, size, widest
from .values import Axis, Entries, aligned, axis_of, broadcast, flat, length, quotient, rename


def axis_number(axis: Any, rank: int) -> int:
    axis = int(axis)
    if not -rank <= axis < rank:
        raise numpy.exceptions.AxisError(axis, rank)
    return axis % rank


def axis_numbers(axis: Any, rank: int) -> tuple[int, ...]:
    """Axes as non-negative numbers; all of them for None."""
    if axis is None:
        return tuple(range(rank))
    return tuple(axis_number(a, rank) for a in axis) if isinstance(axis, tuple | list) else (axis_number(axis, rank),)


# -- reshape ---------------------------------------------------------------------------------------------------------


def reshape(array: Any, *shape: Any, order: str = "C", **options: Any) -> SymbolicArray:
    """``reshape``: axes split and merge in row-major order."""
    array = symbolic(array)
    wanted = options.pop("newshape", options.pop("shape", shape[0] if len(shape) == 1 else shape))
    if order != "C" or options.keys() - {"copy"}:
        raise untraceable("reshape", f"order={order!r} is not in the table")
    dims = [exactly(d) for d in (wanted if isinstance(wanted, tuple | list) else (wanted,))]
    everything = length(array.indices)
    if Integer(-1) in dims:
        rest = sympy.Mul(*(d for d in dims if d != -1))
        missing = quotient(everything, rest)
        if missing is None:
            raise untraceable("reshape", f"{everything} entries do not divide into rows of {rest}")
        dims[dims.index(Integer(-1))] = missing
    if sympy.expand(sympy.Mul(*dims) - everything) != 0:
        raise ValueError(
            f"cannot reshape array of shape {shape_text(array.entries.dims)} into shape {shape_text(dims)}"
        )
    return regroup(array, dims)


def regroup(array: SymbolicArray, dims: Sequence[Expr]) -> SymbolicArray:
    rest = list(array.indices)
    places: dict[Index, Expr] = {}
    axes: list[Axis] = []
    for dim in dims:
        axis: list[Index] = []
        need: Expr = dim
        while need != 1:
            if not rest:
                raise untraceable("reshape", f"no axis is left for {dim}")
            index = rest.pop(0)
            left = quotient(need, index.dim)
            if left is not None:
                axis.append(index)
                need = left
                continue
            inner = quotient(index.dim, need)
            if inner is None:
                raise untraceable("reshape", f"an axis with {index.dim} entries does not split into {need} and others")
            outer, below = fresh_index(need), fresh_index(inner)
            places[index] = flat((outer, below))
            axis.append(outer)
            rest.insert(0, below)
            need = Integer(1)
        axes.append(tuple(axis))
    address = tuple(sympy.expand(rename(a, places)) for a in array.address)
    return SymbolicArray(array.memory, array.axes, address, array.kind).merged(tuple(axes))


def ravel(array: Any, order: str = "C") -> SymbolicArray:
    return reshape(array, -1, order=order)


def flatten(array: Any, order: str = "C") -> SymbolicArray:
    return reshape(array, -1, order=order).copy()


def squeeze(array: Any, axis: Any = None) -> SymbolicArray:
    array = symbolic(array)
    chosen = axis_numbers(axis, array.ndim) if axis is not None else [k for k, a in enumerate(array.axes) if not a]
    if any(array.axes[k] for k in chosen):
        raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    return array.view_as(tuple(a for k, a in enumerate(array.axes) if k not in chosen))


def expand_dims(array: Any, axis: Any) -> SymbolicArray:
    array = symbolic(array)
    many = axis if isinstance(axis, tuple | list) else (axis,)
    rank = array.ndim + len(many)
    new = axis_numbers(tuple(many), rank)
    old = iter(array.axes)
    return array.view_as(tuple(() if k in new else next(old) for k in range(rank)))


def moveaxis(array: Any, source: Any, destination: Any) -> SymbolicArray:
    array = symbolic(array)
    here, there = axis_numbers(source, array.ndim), axis_numbers(destination, array.ndim)
    order = [k for k in range(array.ndim) if k not in here]
    for target, k in sorted(zip(there, here, strict=True)):
        order.insert(target, k)
    return array.transpose(tuple(order))


def broadcast_to(array: Any, shape: Any, **options: Any) -> SymbolicArray:
    """A view in which one entry of memory stands for many."""
    array = symbolic(array)
    dims = [exactly(d) for d in (shape if isinstance(shape, tuple | list) else (shape,))]
    axes = list(map(axis_of, dims))
    for back in range(1, array.ndim + 1):
        if back > len(axes):
            raise ShapeError("input operand has more dimensions than allowed by the axis remapping")
        if array.axes[-back]:
            axes[-back] = array.axes[-back]
    broadcast(array.entries, [axis_of(d) for d in dims])
    return SymbolicArray(array.memory, tuple(axes), array.address, array.kind)


def contiguous(array: Any, *arguments: Any, **options: Any) -> SymbolicArray:
    """``np.ascontiguousarray``: a copy only where the entries do not lie in a row."""
    array = symbolic(array)
    return array if is_contiguous(array.memory, array.address, array.axes) else array.copy()


# -- joining and cutting ---------------------------------------------------------------------------------------------


def stack(arrays: Sequence[Any], axis: int = 0, **options: Any) -> SymbolicArray:
    """``np.stack``: arrays side by side along a new axis."""
    pieces = [symbolic(a) for a in arrays]
    if len({a.ndim for a in pieces}) > 1:
        raise ValueError("all input arrays must have the same shape")
    axes, bodies = aligned([a.entries for a in pieces])
    at = axis_number(axis, len(axes) + 1)
    new = axis_of(Integer(len(pieces)))
    body = sympy.Add(*(Delta(new[0], Integer(k)) * b for k, b in enumerate(bodies))) if new else bodies[0]
    return made(Entries((*axes[:at], new, *axes[at:]), body), widest(*pieces))


def concatenate(arrays: Sequence[Any], axis: Any = 0, **options: Any) -> SymbolicArray:
    """``np.concatenate``: one array after the other along an axis."""
    pieces = [symbolic(a) for a in arrays]
    if axis is None:
        pieces, axis = [ravel(a) for a in pieces], 0
    rank = pieces[0].ndim
    at = axis_number(axis, rank)
    counts = [length(a.axes[at]) for a in pieces]
    whole = axis_of(sympy.expand(sympy.Add(*counts)))
    if not whole:
        return pieces[0].copy()
    others = [Entries((*a.axes[:at], *a.axes[at + 1 :]), a.memory.read(a.address)).renamed().axes for a in pieces]
    target = aligned([Entries(o, Integer(0)) for o in others])[0]
    body: Expr = Integer(0)
    start: Expr = Integer(0)
    for piece, count in zip(pieces, counts, strict=True):
        (index,) = whole
        if len(piece.axes[at]) > 1:
            raise untraceable("concatenate", "an array with a flattened axis is joined along it")
        own = Entries((*piece.axes[:at], *piece.axes[at + 1 :]), piece.memory.read(piece.address))
        entry = broadcast(own, target)
        if count.is_Integer and int(count) <= 16:
            for k in range(int(count)):
                here = rename(entry, {i: Integer(k) for i in piece.axes[at]})
                body = body + Delta(index, start + k) * here
        else:
            inside = Indicator(index - start + 1) * Indicator(start + count - index)
            body = body + inside * rename(entry, {i: index - start for i in piece.axes[at]})
        start = sympy.expand(start + count)
    return made(Entries((*target[:at], whole, *target[at:]), body), widest(*pieces))


def vstack(arrays: Sequence[Any], **options: Any) -> SymbolicArray:
    pieces = [symbolic(a) for a in arrays]
    return concatenate([expand_dims(a, 0) if a.ndim == 1 else a for a in pieces], 0)


def hstack(arrays: Sequence[Any], **options: Any) -> SymbolicArray:
    pieces = [symbolic(a) for a in arrays]
    return concatenate(pieces, 0 if pieces[0].ndim == 1 else 1)


def split(array: Any, sections: Any, axis: int = 0) -> list[SymbolicArray]:
    """``np.split``: views of consecutive parts along an axis."""
    array = symbolic(array)
    at = axis_number(axis, array.ndim)
    dim = length(array.axes[at])
    if isinstance(sections, int):
        part = quotient(dim, exactly(sections))
        if part is None:
            raise untraceable("split", f"{dim} entries do not divide into {sections} parts for all sizes")
        edges = [part * k for k in range(int(sections) + 1)]
    else:
        edges = [Integer(0), *(exactly(s) for s in sections), dim]
    numbers = [size(sympy.expand(e)) for e in edges]
    lead = (slice(None),) * at
    return [get(array, (*lead, slice(a, b))) for a, b in pairwise(numbers)]


def repeat(array: Any, repeats: Any, axis: Any = None) -> SymbolicArray:
    """``np.repeat`` with one count: every entry several times in a row."""
    array = symbolic(array)
    if axis is None:
        array, axis = ravel(array), 0
    at = axis_number(axis, array.ndim)
    extra = axis_of(exactly(repeats))
    axes = (*array.axes[:at], (*array.axes[at], *extra), *array.axes[at + 1 :])
    return made(Entries(axes, array.entries.body), array.kind)


def tile(array: Any, reps: Any) -> SymbolicArray:
    """``np.tile``: the array several times in a row, along each axis."""
    array = symbolic(array)
    counts = [exactly(r) for r in (reps if isinstance(reps, tuple | list) else (reps,))]
    rank = max(array.ndim, len(counts))
    axes = [()] * (rank - array.ndim) + list(array.axes)
    counts = [Integer(1)] * (rank - len(counts)) + counts
    new = tuple((*axis_of(c), *axis) for c, axis in zip(counts, axes, strict=True))
    return made(Entries(new, array.entries.body), array.kind)


def flip(array: Any, axis: Any = None) -> SymbolicArray:
    array = symbolic(array)
    over = axis_numbers(axis, array.ndim)
    return get(array, tuple(slice(None, None, -1) if k in over else slice(None) for k in range(array.ndim)))


def pad(array: Any, width: Any, mode: str = "constant", constant_values: Any = 0, **options: Any) -> SymbolicArray:
    """``np.pad`` with a constant."""
    array = symbolic(array)
    if mode != "constant" or options:
        raise untraceable("pad", f"mode={mode!r} is not in the table")
    pairs = _pairs(width, array.ndim)
    axes = tuple(
        axis_of(sympy.expand(length(axis) + exactly(a) + exactly(b)))
        for axis, (a, b) in zip(array.axes, pairs, strict=True)
    )
    memory = made(Entries(axes, exactly(constant_values)), array.kind)
    inner = tuple(_inner(axis, exactly(a)) for axis, (a, _) in zip(array.axes, pairs, strict=True))
    address = tuple(p for axis, p in zip(axes, inner, strict=True) if axis)
    memory.memory.write(address, array.indices, array.entries.body)
    return memory


def _pairs(width: Any, rank: int) -> list[tuple[Any, Any]]:
    """How much before and after each axis, in any of the forms that ``np.pad`` takes."""
    if not isinstance(width, tuple | list):
        return [(width, width)] * rank
    if not any(isinstance(w, tuple | list) for w in width):
        return [(width[0], width[-1])] * rank
    pairs = [(w[0], w[-1]) for w in width]
    return pairs * rank if len(pairs) == 1 else pairs


def _inner(axis: Axis, start: Expr) -> Expr:
    if len(axis) > 1:
        raise untraceable("pad", "the axis is a flattened one")
    return start + axis[0] if axis else start


def windows(array: Any, window_shape: Any, axis: Any = None, **options: Any) -> SymbolicArray:
    """``sliding_window_view``: axis h becomes positions h and offsets p, and the entry is read at h + p."""
    array = symbolic(array)
    shape = [exactly(w) for w in (window_shape if isinstance(window_shape, tuple | list) else (window_shape,))]
    over = axis_numbers(axis, array.ndim)
    if len(over) != len(shape):
        raise ValueError("window_shape and axis must have the same length")
    axes, inner = list(array.axes), []
    places: dict[Index, Expr] = {}
    for at, width in zip(over, shape, strict=True):
        if len(array.axes[at]) > 1:
            raise untraceable("sliding_window_view", "the axis is a flattened one")
        count = sympy.expand(length(axes[at]) - width + 1)
        start, offset = axis_of(count), axis_of(width)
        if array.axes[at]:
            places[array.axes[at][0]] = sympy.Add(*start, *offset)
        axes[at] = start
        inner.append(offset)
    address = tuple(rename(a, places) for a in array.address)
    return SymbolicArray(array.memory, (*axes, *inner), address, array.kind)


def take(array: Any, indices: Any, axis: Any = None, **options: Any) -> SymbolicArray:
    array = symbolic(array)
    if axis is None:
        array, axis = ravel(array), 0
    return get(array, (*(slice(None),) * axis_number(axis, array.ndim), indices))


def along_axis(array: Any, indices: Any, axis: int) -> SymbolicArray:
    """``np.take_along_axis``."""
    array = symbolic(array)
    return get(array, _along(array, indices, axis))


def put_along_axis(array: Any, indices: Any, values: Any, axis: int) -> None:
    array = symbolic(array)
    selection = select(array, list(_along(array, indices, axis)))
    target = SymbolicArray(array.memory, selection.axes, selection.address, array.kind)
    target.assign(symbolic(values).entries, symbolic(values).kind, "put_along_axis")


def _along(array: SymbolicArray, indices: Any, axis: int) -> tuple[Any, ...]:
    from .creation import positions

    at = axis_number(axis, array.ndim)
    labels = symbolic(indices)
    if labels.ndim != array.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    out: list[Any] = []
    for k in range(array.ndim):
        shape = [None] * array.ndim
        out.append(
            labels
            if k == at
            else positions(length(array.axes[k]))[tuple(slice(None) if j == k else s for j, s in enumerate(shape))]
        )
    return tuple(out)
