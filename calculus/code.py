"""What a compiled expression is: a closure, what it reads, and the slots in which the indices live."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sympy import Symbol

from .duals import ZERO
from .tensors import Index, Tensor

if TYPE_CHECKING:
    from .balls import World

Slots = list[int]
Run = Callable[["World", Slots], Any]


@dataclass(frozen=True)
class Code:
    """A compiled expression, with what it reads. opaque: it holds a derivative, whose inner reads are not listed."""

    run: Run
    slots: frozenset[int] = frozenset()
    reads: frozenset[Tensor] = frozenset()
    sizes: frozenset[Symbol] = frozenset()
    opaque: bool = False

    def using(self, run: Run, *others: Code, bound: Iterable[int] = ()) -> Code:
        """The code of an expression with these parts, run by ``run``."""
        parts = (self, *others)
        return Code(
            run,
            frozenset().union(*(p.slots for p in parts)) - set(bound),
            frozenset().union(*(p.reads for p in parts)),
            frozenset().union(*(p.sizes for p in parts)),
            any(p.opaque for p in parts),
        )


NOTHING = Code(lambda w, e: ZERO)


class Scope:
    """Which slot an index lives in. Sums bind lexically; an index that no sum binds is free."""

    def __init__(self, bound: Mapping[Index, int], free: dict[Index, int], count: list[int]) -> None:
        self.bound, self.free, self.count = bound, free, count

    def slot(self, index: Index) -> int:
        found = self.bound.get(index, self.free.get(index))
        if found is None:
            found = self.free[index] = self.new()
        return found

    def new(self) -> int:
        self.count[0] += 1
        return self.count[0] - 1

    def inside(self, indices: Sequence[Index]) -> tuple[Scope, list[int]]:
        slots = [self.new() for _ in indices]
        return Scope({**self.bound, **dict(zip(indices, slots, strict=True))}, self.free, self.count), slots
