"""NumPy's creation functions for symbolic shapes, and ``range`` over a symbolic size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy
import numpy.random
import sympy
from sympy import Expr, Integer

from ...calculus.functions import Indicator
from ...calculus.sums import Delta
from .conversion import kind_of_dtype, symbolic
from .opaque import unknown
from .session import untraceable
from .sizes import SymbolicNumber
from .symbolic import Kind, SymbolicArray, exactly, is_symbolic, made, size
from .values import Entries, axis_of, broadcast

#: NumPy's own functions, whether a trace runs or not.
_ORIGINAL = {name: getattr(numpy, name) for name in ("arange", "array", "asarray", "zeros")}


def numpy_original(name: str) -> Callable[..., Any]:
    """NumPy's own function of that name."""
    return _ORIGINAL[name]


# -- range ---------------------------------------------------------------------------------------------------


class SymbolicRange:
    """``range`` with a symbolic size: it indexes like ``np.arange``, and cannot be looped over.

    Without ``__getitem__``: torch asks an index that has one for its entries.
    """

    def __init__(self, start: Expr, stop: Expr, step: int = 1) -> None:
        self.start, self.stop, self.step = start, stop, step

    def array(self) -> SymbolicArray:
        count = sympy.expand(self.stop - self.start)
        if self.step != 1:
            raise untraceable("range", f"it has the step {self.step} and a symbolic size", count)
        axis = axis_of(count)
        return made(Entries((axis,), sympy.Add(self.start, *axis)), "i")

    def __len__(self) -> int:
        return int(size(sympy.expand(self.stop - self.start)))

    def __iter__(self) -> Iterator[int]:
        raise untraceable(
            f"a loop over range({self.stop})",
            f"{self.stop} is a symbolic size: at concrete sizes the loop can be traced",
            self.start,
            self.stop,
        )

    def __repr__(self) -> str:
        return f"range({self.start}, {self.stop})"


# -- arrays ----------------------------------------------------------------------------------------------------------


def filled(shape: Any, value: Expr, kind: Kind) -> SymbolicArray:
    dims = [exactly(d) for d in (shape if isinstance(shape, tuple | list) else (shape,))]
    if any(d.is_Integer and d < 0 for d in dims):
        raise ValueError("negative dimensions are not allowed")
    if any(d == 0 for d in dims):
        raise untraceable("an empty array", "it has no entries")
    return made(Entries(tuple(map(axis_of, dims)), value), kind)


def zeros(shape: Any, dtype: Any = None, *arguments: Any, **options: Any) -> SymbolicArray:
    return filled(shape, Integer(0), kind_of_dtype(dtype))


def uninitialised(shape: Any, dtype: Any = None, *arguments: Any, **options: Any) -> SymbolicArray:
    """``np.empty``: whatever lies in memory. Nothing is known of an entry until it is written."""
    out = filled(shape, Integer(0), kind_of_dtype(dtype))
    return made(unknown(out.entries), out.kind)


def uninitialised_like(array: Any, dtype: Any = None, *arguments: Any, **options: Any) -> SymbolicArray:
    array = symbolic(array)
    return uninitialised(array.shape, array.dtype if dtype is None else dtype)


def ones(shape: Any, dtype: Any = None, *arguments: Any, **options: Any) -> SymbolicArray:
    return filled(shape, Integer(1), kind_of_dtype(dtype))


def full(shape: Any, fill_value: Any, dtype: Any = None, *arguments: Any, **options: Any) -> SymbolicArray:
    value = symbolic(fill_value)
    out = filled(shape, Integer(0), kind_of_dtype(dtype, value.kind))
    return made(out.entries.with_body(broadcast(value.entries, out.axes)), out.kind)


def like(value: Expr) -> Callable[..., SymbolicArray]:
    def function(array: Any, dtype: Any = None, *arguments: Any, shape: Any = None, **options: Any) -> SymbolicArray:
        array = symbolic(array)
        kind = kind_of_dtype(dtype, array.kind)
        return filled(array.shape if shape is None else shape, value, kind)

    return function


def full_like(array: Any, fill_value: Any, dtype: Any = None, *arguments: Any, **options: Any) -> SymbolicArray:
    array = symbolic(array)
    kind = kind_of_dtype(dtype, array.kind)
    value = symbolic(fill_value)
    if "bif".index(value.kind) > "bif".index(kind):
        raise untraceable("full_like", f"a {value.dtype} is cut down to {array.dtype}")
    return full(array.shape, value, dtype=array.dtype if dtype is None else dtype)


def eye(n: Any, m: Any = None, k: Any = 0, dtype: Any = float, **options: Any) -> SymbolicArray:
    out = filled((n, n if m is None else m), Integer(0), kind_of_dtype(dtype))
    row, column = (axis[0] if axis else Integer(0) for axis in out.axes)
    return made(out.entries.with_body(Delta(row + exactly(k), column)), out.kind)


def arange(*arguments: Any, dtype: Any = None, **options: Any) -> Any:
    values = [exactly(a) for a in arguments]
    if not any(v.free_symbols for v in values):
        return numpy_original("arange")(*arguments, dtype=dtype, **options)
    start, stop, step = (Integer(0), values[0], 1) if len(values) == 1 else (*values, 1)[:3]
    found = SymbolicRange(start, stop, int(step)).array()
    return made(found.entries, kind_of_dtype(dtype, "i"))


def positions(dim: Expr) -> SymbolicArray:
    """0, 1, … along an axis of this size."""
    return SymbolicRange(Integer(0), dim).array()


def array(value: Any, dtype: Any = None, *arguments: Any, copy: Any = True, ndmin: int = 0, **options: Any) -> Any:
    """``np.array``: a copy; a nested list with formulas in it is stacked."""
    if not contains_symbolic(value):
        return numpy_original("array")(value, dtype, *arguments, copy=copy, ndmin=ndmin, **options)
    found = symbolic(value)
    cast = astype(found, dtype if dtype is not None else found.dtype, copy=bool(copy))
    while cast.ndim < ndmin:
        cast = cast[None]
    return cast


def contiguous(value: Any, *arguments: Any, **options: Any) -> Any:
    from . import arranging

    found = asarray(value, *arguments, **options)
    return arranging.contiguous(found) if is_symbolic(found) else found


def asarray(value: Any, dtype: Any = None, *arguments: Any, **options: Any) -> Any:
    """``np.asarray``: the array itself where the dtype is right."""
    if not contains_symbolic(value):
        return numpy_original("asarray")(value, dtype, *arguments, **options)
    return array(value, dtype, copy=False)


def astype(value: Any, dtype: Any, *arguments: Any, copy: bool = True, **options: Any) -> SymbolicArray:
    """``astype``. To a narrower kind there is no formula: NumPy would cut digits off."""
    value = symbolic(value)
    kind = kind_of_dtype(dtype)
    if kind == "b" and value.kind != "b":
        from .ufuncs import truth
        from .values import elementwise

        return made(elementwise(truth, value.entries), "b")
    if kind == "i" and value.kind == "f":
        raise untraceable("astype(int)", "rounding down has no formula here")
    return made(value.entries, kind) if copy or kind != value.kind else value


def stacked(values: Sequence[Any]) -> SymbolicArray:
    """A nested list as an array."""
    from .arranging import stack

    if not contains_symbolic(values):
        return symbolic(numpy_original("array")(values))
    return stack([symbolic(v) for v in values])


def contains_symbolic(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(contains_symbolic, value))
    return is_symbolic(value) or isinstance(value, SymbolicNumber | SymbolicRange)


def triangle(upper: bool) -> Callable[..., SymbolicArray]:
    """``np.tril`` and ``np.triu``."""

    def function(m: Any, k: Any = 0) -> SymbolicArray:
        from .masked import choose

        m = symbolic(m)
        entries = m.entries
        if any(len(axis) > 1 for axis in entries.axes[-2:]):
            raise untraceable("tril" if not upper else "triu", "the matrix has a flattened axis")
        row, column = (axis[0] if axis else Integer(0) for axis in entries.axes[-2:])
        beyond = Indicator(row + exactly(k) - column if upper else column - row - exactly(k))
        return made(entries.with_body(choose(1 - beyond, entries.body, Integer(0))), m.kind)

    return function


def tri(n: Any, m: Any = None, k: Any = 0, dtype: Any = float) -> SymbolicArray:
    return triangle(False)(ones((n, n if m is None else m), dtype), k)
