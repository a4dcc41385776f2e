"""The memory behind arrays: what a buffer holds, what a view sees of it, and what a write changes.

A view addresses its buffer by index expressions, so every view and alias sees a write made through another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import sympy
from sympy import Expr, Integer

from ...calculus.functions import Indicator, Where
from ...calculus.sums import Delta, bound_sum
from ...calculus.tensors import Element, Index, fresh_index
from .session import session, untraceable
from .values import Axis, Entries, length, rename

Address = tuple[Expr, ...]
#: An array with at most so many entries, all dimensions concrete, is written place by place.
MAX_PLACES = 64


class Memory:
    """A buffer: its entry ``body`` at ``indices``, except at single places that were overwritten.

    name: the argument of the traced function whose memory it is, or empty.
    """

    def __init__(self, indices: tuple[Index, ...], body: Expr, name: str = "") -> None:
        self.indices = indices
        self.name = name
        self._base = body
        self._places: dict[Address, Expr] = {}
        self._folded: Expr | None = None

    @property
    def body(self) -> Expr:
        """The entry, with the single places folded in."""
        if not self._places:
            return self._base
        if self._folded is None:
            self._folded = self._fold()
        return self._folded

    def _fold(self) -> Expr:
        body: Expr = Integer(0)
        covered: Expr = Integer(0)
        for place, value in self._places.items():
            here = sympy.Mul(*(Delta(i, p) for i, p in zip(self.indices, place, strict=True)))
            if _is_infinite(value):
                return self._fold_by_cases()
            body, covered = body + here * value, covered + here
        everything = length(self.indices)
        if self._base == 0 or (everything.is_Integer and len(self._places) == everything):
            return body
        return body + (1 - covered) * self._base

    def _fold_by_cases(self) -> Expr:
        body = self._base
        for place, value in self._places.items():
            body = Where(sympy.Mul(*(Delta(i, p) for i, p in zip(self.indices, place, strict=True))), value, body)
        return body

    def read(self, address: Address) -> Expr:
        """The entry at an address."""
        body = self.body
        if self._places and all(a.is_Integer for a in address):
            found = self._places.get(address)
            if found is not None:
                return found
            body = self._base
        return rename(body, dict(zip(self.indices, address, strict=True)))

    def rebase(self, body: Expr) -> None:
        """Another formula for what it holds: the same values under a name."""
        self._base, self._places, self._folded = body, {}, None

    # -- writing -------------------------------------------------------------------------------------------------------

    def write(self, address: Address, own: Sequence[Index], value: Expr, *, add: bool = False) -> None:
        """Put ``value`` at ``address``, for all values of the indices ``own`` in both; with ``add``, add it there.

        **Raises** :class:`Untraceable` where two of these places may be one and the last write would win.
        """
        if self._is_table and own != self.indices and not any(a.atoms(Element) for a in address):
            for at in product(*(range(int(i.dim)) for i in own)):
                here = dict(zip(own, map(Integer, at), strict=True))
                place = tuple(rename(a, here) for a in address)
                entry = rename(value, here)
                self._places[place] = self.read(place) + entry if add else entry
                self._folded = None
            return
        placed = _solve(self.indices, address, own, add)
        new, covered = placed.value(value), placed.value(Integer(1))
        if add:
            self._base = self.body + new
        else:
            self._base = _chosen(covered, new, value, placed, self.body)
        self._places, self._folded = {}, None
        if self._is_table:
            body = self._base
            for at in product(*(range(int(i.dim)) for i in self.indices)):
                place = tuple(map(Integer, at))
                self._places[place] = rename(body, dict(zip(self.indices, place, strict=True)))

    @property
    def _is_table(self) -> bool:
        """Whether the entries are few, so that writes are kept place by place."""
        count = length(self.indices)
        return bool(count.is_Integer and count <= MAX_PLACES)


@dataclass(frozen=True)
class _Placed:
    """A write turned round: which of the written values lands at an entry of the buffer.

    solved: the indices of the values by those of the buffer. masks: where the write reaches. pending: places of the
    buffer and the positions, in indices that are summed, that they must be equal to.
    """

    solved: dict[Index, Expr]
    masks: tuple[Expr, ...]
    pending: tuple[tuple[Expr, Expr], ...]
    summed: tuple[Index, ...]

    def value(self, value: Expr) -> Expr:
        body = rename(value, self.solved)
        for place, position in self.pending:
            if isinstance(position, Element):
                body = body.xreplace({position: place})  # δ(a, b) f(b) = δ(a, b) f(a)
            body = body * Delta(place, position)
        return sympy.Mul(*self.masks, bound_sum(body, *self.summed))


def _chosen(covered: Expr, new: Expr, value: Expr, placed: _Placed, old: Expr) -> Expr:
    """The written value where the write reaches, else what was there. An infinity cannot be masked by a product."""
    if covered == 1:
        return new
    if _is_infinite(value) or _is_infinite(old):
        if placed.summed:
            raise untraceable("this assignment", "infinite values are written with a stride")
        return Where(covered, rename(value, placed.solved), old)
    return new + (1 - covered) * old


def _is_infinite(value: Expr) -> bool:
    return bool(value.has(sympy.oo, -sympy.oo))


def _solve(places: tuple[Index, ...], address: Address, own: Sequence[Index], add: bool) -> _Placed:
    solved: dict[Index, Expr] = {}
    masks: list[Expr] = []
    later: list[tuple[Index, Expr]] = []
    for place, position in zip(places, address, strict=True):
        free = [i for i in own if i in position.free_symbols]
        if len(free) == 1 and free[0] not in solved and not position.atoms(Element):
            (index,) = free
            start, end = sympy.expand(position - index), sympy.expand(position + index)
            if index not in start.free_symbols:
                solved[index] = place - start
                masks.append(_inside(place, start, index.dim))
                continue
            if index not in end.free_symbols:
                solved[index] = end - place
                masks.append(_inside(place, sympy.expand(end - index.dim + 1), index.dim))
                continue
        later.append((place, position))
    unsolved = [i for i in own if i not in solved]
    new: dict[Index, Expr] = {i: fresh_index(i.dim) for i in unsolved}
    pending = [(place, rename(position, solved)) for place, position in later]
    if any(all(i not in position.free_symbols for _, position in pending) for i in unsolved):
        raise ValueError("assignment destination is read-only")  # a broadcast view, as NumPy has it
    if unsolved and not add and not _one_to_one(unsolved, [position for _, position in pending]):
        raise untraceable("this assignment", "the same place may be written twice, and the last write would win")
    turned = tuple((place, rename(position, new)) for place, position in pending)
    return _Placed({**solved, **new}, tuple(masks), turned, tuple(new.values()))  # type: ignore[arg-type]


def _one_to_one(own: Sequence[Index], positions: Sequence[Expr]) -> bool:
    """Whether different indices give different positions: strides that are larger than all that lies below them."""
    standins = session().standins
    if any(sum(i in p.free_symbols for p in positions) != 1 for i in own):
        return False
    for position in positions:
        if position.atoms(Element):
            return False
        steps = {i: sympy.expand(position).coeff(i, 1) for i in own if i in position.free_symbols}
        below: Expr = Integer(1)
        for index in sorted(steps, key=lambda i: standins.value(steps[i])):
            least, _ = standins.bounds(sympy.expand(steps[index] - below))
            if least is None or least < 0:
                return False
            below = steps[index] * index.dim
    return True


def _inside(place: Index, start: Expr, count: Expr) -> Expr:
    """1 where ``start ≤ place < start + count``, else 0."""
    before, after = sympy.expand(start), sympy.expand(place.dim - start - count)
    mask: Expr = Integer(1)
    if before.is_Integer and after.is_Integer and before + after <= 64:
        outside = [Integer(k) for k in range(int(before))]
        outside += [sympy.expand(place.dim - 1 - k) for k in range(int(after))]
        return mask - sympy.Add(*(Delta(place, p) for p in outside))
    if before != 0:
        mask = mask * Indicator(place - start + 1)
    return mask * Indicator(start + count - place) if after != 0 else mask


# -- strides: what reshape can see without a copy --------------------------------------------------------------------


def strides(memory: Memory, address: Address, indices: Sequence[Index]) -> dict[Index, Expr]:
    """How far apart in memory the entries along each index lie."""
    position: Expr = Integer(0)
    for index, at in zip(memory.indices, address, strict=True):
        position = position * index.dim + at
    position = sympy.expand(position)
    return {i: position.coeff(i, 1) for i in indices}


def is_viewable(memory: Memory, address: Address, axes: Sequence[Axis]) -> bool:
    """Whether axes of merged indices can be a view: each index then steps over the whole of the one below it."""
    steps = strides(memory, address, [i for axis in axes for i in axis])
    return all(sympy.expand(steps[a] - b.dim * steps[b]) == 0 for axis in axes for a, b in pairwise(axis))


def is_contiguous(memory: Memory, address: Address, axes: Sequence[Axis]) -> bool:
    return is_viewable(memory, address, (tuple(i for axis in axes for i in axis),))


def memory_of(entries: Entries, name: str = "") -> tuple[Memory, Address]:
    """New memory that holds an array, and the address that sees all of it."""
    return Memory(entries.indices, entries.body, name), entries.indices
