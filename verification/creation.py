"""NumPy's creation functions and Python's ``range`` and ``len`` while a trace runs: symbolic shapes give symbolic arrays."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import CellType
from typing import Any

import numpy
import numpy.random
import sympy
from sympy import Expr, Integer

from ..calculus.functions import Indicator
from ..calculus.sums import Delta
from .opaque import unknown
from .session import is_persons, untraceable
from .sizes import SymbolicNumber
from .symbolic import Kind, SymbolicArray, constant, exactly, is_symbolic, kind_of_dtype, made, size, symbolic
from .values import Entries, axis_of, broadcast


# -- range and len ---------------------------------------------------------------------------------------------------------


class SymbolicRange:
    """``range`` with a symbolic size: it indexes like ``np.arange``, and cannot be looped over."""

    def __init__(self, start: Expr, stop: Expr, step: int = 1) -> None:
        self.start, self.stop, self.step = start, stop, step

    def array(self) -> SymbolicArray:
        count = sympy.expand(self.stop - self.start)
        if self.step != 1:
            raise untraceable("range", f"it has the step {self.step} and a symbolic size")
        axis = axis_of(count)
        return made(Entries((axis,), sympy.Add(self.start, *axis)), "i")

    def __len__(self) -> int:
        return int(size(sympy.expand(self.stop - self.start)))

    def __iter__(self) -> Iterator[int]:
        raise untraceable(
            f"a loop over range({self.stop})", f"{self.stop} is a symbolic size: at concrete sizes the loop can be traced"
        )

    def __getitem__(self, index: Any) -> Any:
        raise untraceable("an entry of a range", "it has a symbolic size")

    def __repr__(self) -> str:
        return f"range({self.start}, {self.stop})"


class _RangeMeta(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return type(value) is range or type(value) is SymbolicRange

    def __call__(cls, *arguments: Any) -> Any:
        values = [exactly(a) if isinstance(a, SymbolicNumber) or _is_large(a) else a for a in arguments]
        if not any(isinstance(v, Expr) and v.free_symbols for v in values):
            return range(*arguments)
        if len(values) == 1:
            return SymbolicRange(Integer(0), values[0])
        start, stop, step = (*values, 1)[:3]
        return SymbolicRange(sympy.sympify(start), sympy.sympify(stop), int(step))


class _Range(metaclass=_RangeMeta):
    """Stands for ``range`` in the person's code."""


def _is_large(value: Any) -> bool:
    return type(value) is int and abs(value) > 1000


def _len(value: Any) -> int:
    if is_symbolic(value):
        if not value.axes:
            raise TypeError("len() of unsized object")
        return value.shape[0]  # type: ignore[no-any-return]
    return len(value)


# -- arrays ----------------------------------------------------------------------------------------------------------------


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


# -- while a trace runs ------------------------------------------------------------------------------------------------------

#: NumPy functions that make arrays from shapes or lists: NumPy never asks their arguments.
CREATION: dict[str, Callable[..., Any]] = {
    "zeros": zeros,
    "ones": ones,
    "empty": uninitialised,
    "full": full,
    "eye": eye,
    "identity": eye,
    "arange": arange,
    "array": array,
    "asarray": asarray,
    "asanyarray": asarray,
    "ascontiguousarray": contiguous,
    "asfortranarray": array,
    "tri": tri,
}
_ORIGINAL = {name: getattr(numpy, name) for name in CREATION}
_REFUSED = ("ndindex", "fromfunction", "fromiter", "linspace", "meshgrid", "nditer", "indices", "vectorize", "tril_indices")


def numpy_original(name: str) -> Callable[..., Any]:
    """NumPy's own function, whether a trace runs or not."""
    return _ORIGINAL[name]


def _refusing(name: str, original: Any) -> Any:
    """A function that passes what is concrete and refuses what is symbolic."""

    def function(*arguments: Any, **options: Any) -> Any:
        if contains_symbolic([*arguments, *options.values()]):
            raise untraceable(f"np.{name}", "it is not in the table of operations")
        return original(*arguments, **options)

    return function


def _random(name: str) -> Any:
    def function(*arguments: Any, **options: Any) -> Any:
        raise untraceable(f"np.random.{name}", "the result is different every time")

    return function


def _math(original: Any, formula: Callable[..., Expr]) -> Any:
    """A function of ``math`` that keeps sizes exact."""

    def function(*arguments: Any) -> Any:
        if not any(isinstance(a, SymbolicNumber) or is_symbolic(a) for a in arguments):
            return original(*arguments)
        return size(formula(*(constant(a, original.__name__) if is_symbolic(a) else exactly(a) for a in arguments)))

    return function


_MATH: dict[str, Callable[..., Expr]] = {
    "sqrt": sympy.sqrt,
    "log": sympy.log,
    "exp": sympy.exp,
    "pow": sympy.Pow,
}


def _prod(values: Any, *, start: Any = 1) -> Any:
    out = start
    for value in values:
        out = out * value
    return out


#: Names of Python that the person's modules see differently.
_BUILTINS: dict[str, Any] = {"range": _Range, "len": _len}


@contextmanager
def numpy_made_symbolic(function: Any) -> Iterator[None]:
    """While it lasts, NumPy's creation functions, and ``range`` and ``len`` in the person's modules, take symbolic sizes."""
    replaced: dict[int, Any] = {id(_ORIGINAL[name]): new for name, new in CREATION.items()}
    with ExitStack() as undo:
        for name, new in CREATION.items():
            _set(undo, vars(numpy), name, new)
        for name in _REFUSED:
            old = getattr(numpy, name)
            replaced[id(old)] = _refusing(name, old)
            _set(undo, vars(numpy), name, replaced[id(old)])
        for name in numpy.random.__all__:
            old = getattr(numpy.random, name)
            if callable(old) and not isinstance(old, type):
                replaced[id(old)] = _random(name)
                _set(undo, vars(numpy.random), name, replaced[id(old)])
        for name, formula in _MATH.items():
            original = getattr(math, name)
            replaced[id(original)] = _math(original, formula)
        replaced[id(math.prod)] = _prod
        for namespace in _persons_namespaces(function):
            for name, value in list(namespace.items()):
                if id(value) in replaced and not name.startswith("__"):
                    _set(undo, namespace, name, replaced[id(value)])
            for name, new in _BUILTINS.items():
                if name not in namespace:
                    _set(undo, namespace, name, new)
            if namespace.get("math") is math:
                _set(undo, namespace, "math", _Math(replaced))
        yield


class _Math:
    """The module ``math`` as the person's code sees it."""

    def __init__(self, replaced: dict[int, Any]) -> None:
        self._replaced = replaced

    def __getattr__(self, name: str) -> Any:
        found = getattr(math, name)
        return self._replaced.get(id(found), found)


def _persons_namespaces(function: Any) -> list[dict[str, Any]]:
    """The globals of the traced function, of what it holds on to, and of every loaded module of a person's own."""
    found: dict[int, dict[str, Any]] = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and is_persons(file):
            found[id(vars(module))] = vars(module)
    seen: set[int] = set()
    waiting: list[tuple[Any, int]] = [(function, 0)]
    while waiting:
        value, depth = waiting.pop()
        if id(value) in seen or depth > 3:
            continue
        seen.add(id(value))
        code = getattr(value, "__code__", None)
        if code is not None and is_persons(code.co_filename):
            found[id(value.__globals__)] = value.__globals__
        cells = getattr(value, "__closure__", None) or ()
        inner = [c.cell_contents for c in cells if c != _EMPTY_CELL]
        inner += [getattr(value, name, None) for name in ("__self__", "__func__", "__wrapped__", "func")]
        if isinstance(value, type):
            inner += [f for f in vars(value).values() if callable(f)]
        elif type(value).__module__ not in ("builtins", "numpy"):
            inner.append(type(value))
        waiting += [(v, depth + 1) for v in inner if v is not None]
    return list(found.values())


_EMPTY_CELL = CellType()


def _set(undo: ExitStack, namespace: Any, name: str, value: Any) -> None:
    if name in namespace:
        undo.callback(namespace.__setitem__, name, namespace[name])
    else:
        undo.callback(namespace.pop, name, None)
    namespace[name] = value

