"""``x[mask]`` with a boolean mask: how many entries there are depends on the inputs, what is done to each does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from sympy import Expr, Integer

from ...calculus.functions import Indicator, Where
from .conversion import symbolic
from .session import untraceable
from .symbolic import Kind, SymbolicArray, made
from .values import Axis, Entries, broadcast, elementwise, length, rename, total


@dataclass(frozen=True)
class Masked:
    """The entries of an array where a mask over its leading axes holds."""

    entries: Entries
    mask: Entries
    kind: Kind

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        from .ufuncs import UFUNCS

        rule = UFUNCS.get(ufunc.__name__)
        if method != "__call__" or rule is None or set(options) - {"out"}:
            raise untraceable(f"np.{ufunc.__name__}", "of masked entries")
        arrays = [i.entries if isinstance(i, Masked) else symbolic(i).entries for i in inputs]
        for value in inputs:
            if isinstance(value, Masked):
                if not same(self.mask, value.mask):
                    raise untraceable(f"np.{ufunc.__name__}", "the operands are masked differently")
            elif symbolic(value).axes and len(symbolic(value).axes) > self.entries.rank - self.mask.rank:
                raise untraceable(f"np.{ufunc.__name__}", "how masked entries meet another array depends on the inputs")
        kinds: Sequence[Kind] = [i.kind if isinstance(i, Masked) else symbolic(i).kind for i in inputs]
        return Masked(elementwise(rule.function, *arrays), self.mask, rule.kind(kinds))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise untraceable(f".{name} of masked entries", "how many there are depends on the inputs")

    def sum(self, axis: Any = None) -> SymbolicArray:
        if axis is not None:
            raise untraceable("sum of masked entries", "along an axis")
        return made(total(self.everywhere(), tuple(range(self.entries.rank))), self.kind)

    def mean(self) -> Any:
        return numpy.true_divide(self.sum(), self.size)  # type: ignore[call-overload]

    @property
    def size(self) -> SymbolicArray:
        rest = length(tuple(i for axis in self.entries.axes[self.mask.rank :] for i in axis))
        found = total(self.mask, tuple(range(self.mask.rank)))
        return made(found.with_body(found.body * rest), "i")

    def everywhere(self) -> Entries:
        """The entries, zero where the mask does not hold."""
        return elementwise(lambda m, x: choose(m, x, Integer(0)), _leading(self.mask, self.entries), self.entries)

    def __neg__(self) -> Any:
        return self.__array_ufunc__(numpy.negative, "__call__", self)

    __hash__ = None  # type: ignore[assignment]


def _forward(ufunc: Any, reflected: bool = False) -> Any:
    def method(self: Masked, other: Any) -> Any:
        return self.__array_ufunc__(ufunc, "__call__", *((other, self) if reflected else (self, other)))

    return method


for _name, _ufunc in {
    "add": numpy.add,
    "sub": numpy.subtract,
    "mul": numpy.multiply,
    "truediv": numpy.true_divide,
    "pow": numpy.power,
}.items():
    setattr(Masked, f"__{_name}__", _forward(_ufunc))
    setattr(Masked, f"__r{_name}__", _forward(_ufunc, reflected=True))


def choose(mask: Expr, yes: Expr, no: Expr) -> Expr:
    """``yes`` where a mask of zeros and ones is 1, else ``no``."""
    if mask.is_Integer:
        return yes if mask == 1 else no
    if isinstance(mask, Indicator):
        return Where(mask.args[0], yes, no)
    opposite = 1 - mask
    if isinstance(opposite, Indicator):
        return Where(opposite.args[0], no, yes)
    if any(not b.is_finite for b in (yes, no) if b.is_number):
        return Where(mask, yes, no)
    return mask * yes + (1 - mask) * no


def mask_of(array: SymbolicArray, parts: list[Any]) -> Entries | None:
    """The boolean mask that an index is; None where it is none."""
    boolean = [p for p in parts if getattr(p, "dtype", None) == numpy.bool_ and getattr(p, "ndim", 0)]
    if not boolean:
        return None
    rest = [p for p in parts[1:] if p is not Ellipsis and not (isinstance(p, slice) and p == slice(None))]
    if parts[0] is not boolean[0] or rest:
        raise untraceable("a boolean mask beside other indices", "the table has masks over the leading axes only")
    mask = symbolic(boolean[0])
    if mask.ndim > array.ndim:
        raise IndexError("too many indices for array")
    for mine, its in zip(mask.axes, array.axes, strict=False):
        if length(mine) != length(its):
            raise IndexError(f"boolean index did not match: {length(its)} entries, but the mask has {length(mine)}")
    return mask.entries


def _leading(mask: Entries, array: Entries) -> Entries:
    """The mask with axes of length one for those it does not have."""
    return Entries((*mask.axes, *((),) * (array.rank - mask.rank)), mask.body)


def same(one: Entries, other: Entries) -> bool:
    """Whether two masks have the same entries."""
    if [tuple(i.dim for i in a) for a in one.axes] != [tuple(i.dim for i in a) for a in other.axes]:
        return False
    return rename(other.body, dict(zip(other.indices, one.indices, strict=True))) == one.body


def put_masked(array: SymbolicArray, mask: Entries, value: Any) -> None:
    """``array[mask] = value``."""
    old = array.entries
    if isinstance(value, Masked):
        if not same(mask, value.mask):
            raise untraceable("an assignment of masked entries", "the two sides are masked differently")
        new, kind = value.entries, value.kind
    else:
        filled = symbolic(value)
        if filled.ndim > array.ndim - mask.rank:
            raise untraceable("an assignment to masked entries", "which value goes where depends on the inputs")
        new, kind = filled.entries, filled.kind
    axes: tuple[Axis, ...] = old.axes
    chosen = choose(broadcast(_leading(mask, old), axes), broadcast(new, axes), old.body)
    array.assign(Entries(axes, chosen), kind, "an assignment")
