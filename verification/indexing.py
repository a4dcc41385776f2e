"""NumPy's indexing: integers, slices, ``None``, ``...``, integer arrays (labels) and boolean masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy
import sympy
from sympy import Expr, Integer

from ..calculus.sums import Delta
from ..calculus.tensors import Element, Index, fresh_index
from .memory import Address
from .session import record_write, session, untraceable
from .symbolic import SymbolicArray, constant, exactly, is_symbolic, made, symbolic
from .values import Axis, Entries, aligned, broadcast, length, rename

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
    """``array[index]``: a view for basic indexing, a copy for integer arrays, a masked selection for a boolean array."""
    from .masked import Masked, mask_of

    parts = _parts(index)
    mask = mask_of(array, parts)
    if mask is not None:
        return Masked(array.entries, mask, array.kind)
    tabulated = _tabulated(array, parts)
    if tabulated is not None:
        return tabulated
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
    places = _constant_places(array, parts)
    if places is not None:
        _put_at_places(array, parts, places, new)
        return
    selection = select(array, parts)
    target = SymbolicArray(array.memory, selection.axes, selection.address, array.kind)
    target.assign(new.entries, new.kind, "an assignment")


def add_at(array: SymbolicArray, index: Any, value: Any, sign: int = 1) -> None:
    """``np.add.at``: repeated places add up."""
    parts, new = _parts(index), symbolic(value)
    selection = select(array, parts)
    added = broadcast(new.entries, selection.axes)
    array.memory.write(selection.address, selection.own, sign * added, add=True)
    record_write(array.memory)


# -- reading an index ------------------------------------------------------------------------------------------------------


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
    if position.is_Integer and position < 0:
        position = dim + position
    elif not position.atoms(Index, Element) and position.free_symbols and session().standins.sign(position) == -1:
        position = dim + position
    if position.is_Integer and dim.is_Integer and not 0 <= position < dim:
        raise IndexError(f"index {position} is out of bounds for axis with size {dim}")
    if position.is_Integer and not dim.is_Integer and position > MAX_INTEGER:
        raise untraceable(f"the index {position}", f"the axis has the symbolic size {dim}: is this a loop over it?")
    if position.has(Delta) or not _is_position(position):
        raise untraceable("an index", f"{position} is no sum of labels, positions and numbers")
    for index, value in _unravelled(axis, position):
        places[index] = value


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


# -- slices ------------------------------------------------------------------------------------------------------------------


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
    raise untraceable("a slice", f"how many steps of {step} fit into {count} depends on the sizes")


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
            raise untraceable("a slice", f"whether the bound {bound} is negative depends on the sizes")
    if sign == -1:
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
            raise untraceable("a slice", f"whether the bound {bound} exceeds the size {dim} depends on the sizes")
        standins.assume(f"{dim} ≥ {bound}")
    return bound


# -- constant integer arrays ---------------------------------------------------------------------------------------------------


def _constant_places(array: SymbolicArray, parts: list[Any]) -> tuple[int, list[int]] | None:
    """Where one part is a list of numbers: its axis among the parts, and the numbers."""
    expanded = _expanded(array, parts)
    advanced = [at for at, p in enumerate(expanded) if p is not None and not isinstance(p, slice) and not _is_integer(p)]
    if len(advanced) != 1:
        return None
    (at,) = advanced
    part = expanded[at]
    labels = part if is_symbolic(part) else symbolic(part)
    if labels.kind != "i" or labels.ndim != 1 or not length(labels.axes[0]).is_Integer:
        return None
    bodies = [labels[k].entries.body for k in range(int(length(labels.axes[0])))]
    return (at, [int(b) for b in bodies]) if all(b.is_Integer for b in bodies) else None


def _tabulated(array: SymbolicArray, parts: list[Any]) -> SymbolicArray | None:
    """``x[:, [2, 0]]``: the entries at each number, side by side."""
    places = _constant_places(array, parts)
    if places is None:
        return None
    from .arranging import stack

    at, numbers = places
    expanded = _expanded(array, parts)
    before = sum(p is None or isinstance(p, slice) for p in expanded[:at])
    pieces = [get(array, tuple([*expanded[:at], k, *expanded[at + 1 :]])) for k in numbers]
    return stack(pieces, before)


def _put_at_places(array: SymbolicArray, parts: list[Any], places: tuple[int, list[int]], value: SymbolicArray) -> None:
    at, numbers = places
    expanded = _expanded(array, parts)
    after = sum(p is None or isinstance(p, slice) for p in expanded[at + 1 :])
    axis = value.ndim - after - 1
    varies = axis >= 0 and value.axes[axis] != ()
    if varies and length(value.axes[axis]) != len(numbers):
        raise ValueError(f"shape mismatch: {len(numbers)} places and {length(value.axes[axis])} values")
    for k, number in enumerate(numbers):
        piece = value
        if axis >= 0:
            piece = value[(slice(None),) * axis + (k if varies else 0,)]
        put(array, tuple([*expanded[:at], number, *expanded[at + 1 :]]), piece)

