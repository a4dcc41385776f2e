"""NumPy's indexing: integers, slices, ``None``, ``...``, integer arrays (labels) and boolean masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy
import sympy
from sympy import Expr, Integer

from ...calculus.sums import Delta
from ...calculus.tensors import Element, Index, fresh_index
from .conversion import MAX_CONSTANT, symbolic
from .creation import contains_symbolic, numpy_original
from .memory import Address, Memory
from .session import record_write, session, untraceable
from .sizes import Size
from .symbolic import SymbolicArray, constant, exactly, is_symbolic, made
from .values import Axis, Entries, aligned, axis_of, broadcast, length, rename

#: An integer index into an axis of symbolic size is meant as such up to here; beyond, it comes from a loop.
MAX_INTEGER = 64


@dataclass(frozen=True)
class Selection:
    """What an index picks: the axes of the result and the address of its entries in memory. copies: as NumPy does."""

    axes: tuple[Axis, ...]
    address: Address
    copies: bool

    @property
    def own(self) -> tuple[Index, ...]:
        return tuple(i for axis in self.axes for i in axis)


def get(array: SymbolicArray, index: Any) -> Any:
    """``array[index]``: a view for basic indexing, a copy for integer arrays, a masked selection for a mask."""
    from .masked import Masked, mask_of

    parts = _parts(index)
    mask = mask_of(array, parts)
    if mask is not None:
        return Masked(array.entries, mask, array.kind)
    table = table_of(array, parts)
    if table is not None:
        return _get_table(array, table)
    selection = select(array, parts)
    if not selection.copies:
        return SymbolicArray(array.memory, selection.axes, selection.address, array.kind)
    return made(Entries(selection.axes, array.memory.read(selection.address)), array.kind)


def put(array: SymbolicArray, index: Any, value: Any) -> None:
    """``array[index] = value``."""
    from .masked import Masked, mask_of, put_masked

    parts = _parts(index)
    mask = mask_of(array, parts)
    if mask is not None:
        put_masked(array, mask, value)
        return
    if isinstance(value, Masked):
        raise untraceable("an assignment of masked entries", "how many there are depends on the inputs")
    new = symbolic(value)
    table = table_of(array, parts)
    if table is not None:
        _put_table(array, table, new)
        return
    selection = select(array, parts)
    target = SymbolicArray(array.memory, selection.axes, selection.address, array.kind)
    target.assign(new.entries, new.kind, "an assignment")


def add_at(array: SymbolicArray, index: Any, value: Any, sign: int = 1) -> None:
    """``np.add.at``: repeated places add up."""
    parts, new = _parts(index), symbolic(value)
    table = table_of(array, parts)
    if table is not None:
        _put_table(array, table, new, sign)
        return
    selection = select(array, parts)
    added = broadcast(new.entries, selection.axes)
    array.memory.write(selection.address, selection.own, sign * added, add=True)
    record_write(array.memory)


# -- reading an index ------------------------------------------------------------------------------------------------


def _parts(index: Any) -> list[Any]:
    return list(index) if type(index) is tuple else [index]


def _expanded(array: SymbolicArray, parts: list[Any]) -> list[Any]:
    """One part per axis, ``None`` aside: ``...`` written out and the missing axes added."""
    used = sum(p is not None and p is not Ellipsis for p in parts)
    dots = sum(p is Ellipsis for p in parts)
    if used > array.ndim:
        raise IndexError(f"too many indices for array: array is {array.ndim}-dimensional, but {used} were indexed")
    if dots > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    rest = [slice(None)] * (array.ndim - used)
    if not dots:
        return [*parts, *rest]
    at = next(k for k, p in enumerate(parts) if p is Ellipsis)
    return [*parts[:at], *rest, *parts[at + 1 :]]


def _is_integer(part: Any) -> bool:
    if is_symbolic(part):
        return part.ndim == 0 and part.kind == "i"
    return isinstance(part, int | numpy.integer) and not isinstance(part, bool | numpy.bool_)


def select(array: SymbolicArray, parts: list[Any]) -> Selection:
    """The axes and the address that an index without masks picks."""
    parts = _expanded(array, parts)
    advanced = [not _is_integer(p) and p is not None and not isinstance(p, slice) for p in parts]
    arrays = any(advanced)
    joined: list[tuple[int, Axis, Entries]] = []
    places: dict[Index, Expr] = {}
    kept: list[tuple[int, Axis]] = []
    own = iter(array.axes)
    for at, part in enumerate(parts):
        if part is None:
            kept.append((at, ()))
            continue
        axis = next(own)
        if isinstance(part, slice):
            kept.append((at, _sliced(axis, part, places)))
        elif arrays:
            joined.append((at, axis, _labels(part)))
        else:
            _at_integer(axis, part, places)
    if not arrays:
        axes = tuple(axis for _, axis in kept)
    else:
        target, bodies = aligned([labels for _, _, labels in joined])
        for (_, axis, _), body in zip(joined, bodies, strict=True):
            _at_position(axis, body, places)
        first, last = joined[0][0], joined[-1][0]
        adjacent = last - first + 1 == len(joined)
        before = [axis for at, axis in kept if at < first] if adjacent else []
        after = [axis for at, axis in kept if at > first or not adjacent]
        axes = (*before, *target, *after)
    return Selection(axes, tuple(rename(a, places) for a in array.address), arrays)


def _labels(part: Any) -> Entries:
    if isinstance(part, int | numpy.integer):
        return Entries((), exactly(part))
    labels = symbolic(part)
    if labels.kind != "i":
        raise IndexError("arrays used as indices must be of integer (or boolean) type")
    return labels.entries


def _at_integer(axis: Axis, part: Any, places: dict[Index, Expr]) -> None:
    position = part.entries.body if is_symbolic(part) else exactly(part)
    _at_position(axis, position, places)


def _at_position(axis: Axis, position: Expr, places: dict[Index, Expr]) -> None:
    dim = length(axis)
    position = sympy.expand(position)
    if position.is_Integer:
        _assume_at_least(dim, position + 1 if position >= 0 else -position)
    if (position.is_Integer and position < 0) or (
        not position.atoms(Index, Element) and position.free_symbols and session().standins.sign(position) == -1
    ):
        position = dim + position
    if position.is_Integer and dim.is_Integer and not 0 <= position < dim:
        raise IndexError(f"index {position} is out of bounds for axis with size {dim}")
    if position.is_Integer and not dim.is_Integer and position > MAX_INTEGER:
        raise untraceable(
            f"the index {position}", f"the axis has the symbolic size {dim}: is this a loop over it?", dim
        )
    if position.has(Delta) or not _is_position(position):
        raise untraceable("an index", f"{position} is no sum of labels, positions and numbers")
    for index, value in _unravelled(axis, position):
        places[index] = value


def _assume_at_least(dim: Expr, least: Expr) -> None:
    """Note that a size must not be smaller, unless it never is."""
    low, _ = session().standins.bounds(dim)
    if low is None or low < least:
        session().standins.assume(f"{dim} ≥ {least}")


def _is_position(position: Expr) -> bool:
    """Whether the engine can read an element there: a sum of multiples of indices, labels, sizes and numbers."""
    return all(
        term.is_Integer or all(f.is_Integer or f.is_Symbol or isinstance(f, Element) for f in term.as_ordered_factors())
        for term in sympy.Add.make_args(position)
    )


def _unravelled(axis: Axis, position: Expr) -> list[tuple[Index, Expr]]:
    """The position on a flattened axis as positions on the axes that it is made of."""
    if len(axis) <= 1:
        return [(axis[0], position)] if axis else []
    if position == 0:
        return [(i, Integer(0)) for i in axis]
    if position == sympy.expand(length(axis) - 1):
        return [(i, i.dim - 1) for i in axis]
    if position.is_Integer and all(i.dim.is_Integer for i in axis[1:]):
        out, rest = [], int(position)
        for index in axis[:0:-1]:
            rest, here = divmod(rest, int(index.dim))
            out.append((index, Integer(here)))
        return [(axis[0], Integer(rest)), *reversed(out)]
    raise untraceable("an index into a flattened axis", f"position {position} has no row and column of its own")


# -- slices ----------------------------------------------------------------------------------------------------------


def _sliced(axis: Axis, part: slice, places: dict[Index, Expr]) -> Axis:
    dim = length(axis)
    step = 1 if part.step is None else exactly(part.step)
    if not sympy.sympify(step).is_Integer or step == 0:
        raise untraceable("a slice", f"its step {part.step} is not a number")
    step = int(step)
    start = _bound(part.start, dim, Integer(0) if step > 0 else dim - 1, step)
    stop = _bound(part.stop, dim, dim if step > 0 else Integer(-1), step)
    if start == 0 and stop == dim and step == 1:
        return axis
    count = sympy.expand(stop - start if step > 0 else start - stop)
    if abs(step) > 1:
        count = _steps(count, abs(step))
    if session().standins.sign(count) in (0, -1):
        raise untraceable("an empty slice", f"[{part.start}:{part.stop}] of an axis with {dim} entries")
    if len(axis) > 1:
        raise untraceable("a slice of a flattened axis", f"its {dim} entries are not numbered by one index")
    if not axis:
        return ()
    new = () if count == 1 else (fresh_index(count),)
    places[axis[0]] = sympy.expand(start + step * new[0]) if new else start
    return new


def _steps(count: Expr, step: int) -> Expr:
    """⌈count/step⌉, where that is a polynomial in the sizes."""
    if count.is_Integer:
        return Integer(-(-int(count) // step))
    whole, rest = sympy.expand(count), Integer(0)
    constant = whole.as_coeff_Add()[0]
    varying = whole - constant
    if all((c / step).is_Integer for c in sympy.Poly(varying).coeffs()):
        rest = Integer(-(-int(constant) // step))
        return sympy.expand(varying / step + rest)
    raise untraceable("a slice", f"how many steps of {step} fit into {count} depends on the sizes", count)


def _bound(value: Any, dim: Expr, default: Expr, step: int) -> Expr:
    """A slice bound within 0 … dim, as Python clips it."""
    if value is None:
        return default
    if is_symbolic(value):
        value = constant(value, "a slice")
    bound = exactly(value)
    standins = session().standins
    sign = standins.sign(bound)
    if sign is None:
        low, _ = standins.bounds(bound)
        if low is None or low < 0:
            raise untraceable("a slice", f"whether the bound {bound} is negative depends on the sizes", bound)
    if sign == -1:
        _assume_at_least(dim, -bound)
        bound = sympy.expand(dim + bound)
    if dim.is_Integer and bound.is_Integer:
        low, high = (0, int(dim)) if step > 0 else (-1, int(dim) - 1)
        return Integer(min(max(int(bound), low), high))
    room = sympy.expand(dim - bound)
    least, most = standins.bounds(room)
    if most is not None and most <= 0:
        return dim
    if least is None or least < 0:
        if not bound.is_Integer and least is None:
            raise untraceable(
                "a slice", f"whether the bound {bound} exceeds the size {dim} depends on the sizes", bound, dim
            )
        standins.assume(f"{dim} ≥ {bound}")
    return bound


# -- constant integer arrays -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """An index by constant integer arrays, position by position: the parts with numbers in the place of arrays."""

    shape: tuple[int, ...]
    before: int
    kept: int
    parts: Mapping[tuple[int, ...], tuple[Any, ...]]


def table_of(array: SymbolicArray, parts: list[Any]) -> Table | None:
    """The table that an index is, where all its arrays are constant; None where it has labels, or no arrays."""
    expanded = _expanded(array, parts)
    advanced = [at for at, p in enumerate(expanded) if p is not None and not isinstance(p, slice)]
    if all(_is_integer(expanded[at]) for at in advanced):
        return None
    numbers = [_numbers(expanded[at]) for at in advanced]
    if any(n is None for n in numbers):
        return None
    joined = numpy.broadcast_arrays(*numbers)  # type: ignore[arg-type]
    shape = joined[0].shape
    if joined[0].size > MAX_CONSTANT:
        raise untraceable("an index", f"it has {joined[0].size} constant positions")
    basic = [at for at in range(len(expanded)) if at not in advanced]
    adjacent = advanced[-1] - advanced[0] + 1 == len(advanced)
    before = sum(at < advanced[0] for at in basic) if adjacent else 0
    found: dict[tuple[int, ...], tuple[Any, ...]] = {}
    for at in product(*map(range, shape)):
        here = list(expanded)
        for k, values in zip(advanced, joined, strict=True):
            here[k] = int(values[at])
        found[at] = tuple(here)
    return Table(shape, before, len(basic), found)


def _numbers(part: Any) -> Any:
    """A constant integer array as numbers; None where it depends on sizes or inputs."""
    if isinstance(part, Size):
        return None
    if not is_symbolic(part):
        numbers = numpy_original("array")(part) if not contains_symbolic(part) else None
        if numbers is None or numbers.dtype.kind not in "iu" or any(exactly(k).free_symbols for k in numbers.shape):
            return None
        return numbers
    if part.kind != "i" or not all(length(axis).is_Integer for axis in part.axes):
        return None
    shape = tuple(int(length(axis)) for axis in part.axes)
    out = numpy_original("array")(numpy_original("zeros")(shape, dtype=int))
    for at in product(*map(range, shape)):
        body = get(part, at).entries.body if at else part.entries.body
        if not body.is_Integer:
            return None
        out[at] = int(body)
    return out


def _get_table(array: SymbolicArray, table: Table) -> SymbolicArray:
    pieces = {at: get(array, index) for at, index in table.parts.items()}
    axes, bodies = aligned([p.entries for p in pieces.values()])
    target = tuple(axis_of(Integer(k)) for k in table.shape)
    whole = (*axes[: table.before], *target, *axes[table.before :])
    rest = [i for axis in axes for i in axis]
    memory = Memory(tuple(i for axis in whole for i in axis), Integer(0))
    if all(i.dim.is_Integer for i in rest):
        for at, body in zip(pieces, bodies, strict=True):
            for place in product(*(range(int(i.dim)) for i in rest)):
                here = dict(zip(rest, map(Integer, place), strict=True))
                here |= {axis[0]: Integer(k) for axis, k in zip(target, at, strict=True) if axis}
                memory.write(tuple(here[i] for i in memory.indices), (), rename(body, here))
        return SymbolicArray(memory, whole, memory.indices, array.kind)
    terms = (
        sympy.Mul(body, *(Delta(axis[0], Integer(k)) for axis, k in zip(target, at, strict=True) if axis))
        for at, body in zip(pieces, bodies, strict=True)
    )
    return made(Entries(whole, sympy.Add(*terms)), array.kind)


def _put_table(array: SymbolicArray, table: Table, value: SymbolicArray, sign: int = 0) -> None:
    """Write one position after the other, as NumPy does: the last of equal ones wins. With a sign, add instead."""
    rank = len(table.shape) + table.kept
    if value.ndim > rank:
        raise ValueError("shape mismatch: the value has too many axes")
    value = value[(None,) * (rank - value.ndim)]
    for at, index in table.parts.items():
        own = value.axes[table.before : table.before + len(at)]
        position = tuple(k if axis else 0 for k, axis in zip(at, own, strict=True))
        piece = get(value, ((slice(None),) * table.before) + position)
        if sign:
            add_at(array, index, piece, sign)
        else:
            put(array, index, piece)
