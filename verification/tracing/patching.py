"""While a trace runs, NumPy's creation functions, ``math``, ``range`` and ``len`` take symbolic sizes."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import CellType
from typing import Any

import numpy
import numpy.random
import sympy
from sympy import Expr, Integer

from . import creation
from .creation import SymbolicRange, contains_symbolic
from .session import is_persons, untraceable
from .sizes import SymbolicNumber
from .symbolic import constant, exactly, is_symbolic, size

# -- range and len ---------------------------------------------------------------------------------------------------


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


class _FloatMeta(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, float)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, float)

    def __call__(cls, value: Any = 0.0) -> Any:
        if type(value).__name__ in ("SymbolicArray", "SymbolicTensor") and not value.shape:
            return value.item()
        return value if isinstance(value, SymbolicNumber) else float(value)


class _Float(metaclass=_FloatMeta):
    """Stands for ``float`` in the person's code: the number in an array keeps its formula. As a dtype it is float64."""

    dtype = numpy.dtype(float)
    fromhex = float.fromhex


def _is_large(value: Any) -> bool:
    return type(value) is int and abs(value) > 1000


def _len(value: Any) -> int:
    if is_symbolic(value):
        if not value.axes:
            raise TypeError("len() of unsized object")
        return value.shape[0]  # type: ignore[no-any-return]
    if type(value).__name__ == "SymbolicTensor":
        return value.shape[0] if value.ndim else len(value)  # type: ignore[no-any-return]
    return len(value)


#: NumPy functions that make arrays from shapes or lists: NumPy never asks their arguments.
CREATION: dict[str, Callable[..., Any]] = {
    "zeros": creation.zeros,
    "ones": creation.ones,
    "empty": creation.uninitialised,
    "full": creation.full,
    "eye": creation.eye,
    "identity": creation.eye,
    "arange": creation.arange,
    "array": creation.array,
    "asarray": creation.asarray,
    "asanyarray": creation.asarray,
    "ascontiguousarray": creation.contiguous,
    "asfortranarray": creation.array,
    "tri": creation.tri,
}
_ORIGINAL = {name: getattr(numpy, name) for name in CREATION}
_REFUSED = (
    "ndindex",
    "fromfunction",
    "fromiter",
    "linspace",
    "meshgrid",
    "nditer",
    "indices",
    "vectorize",
    "tril_indices",
)


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
_BUILTINS: dict[str, Any] = {"range": _Range, "len": _len, "float": _Float}


@cache
def _replacements() -> tuple[list[tuple[dict[str, Any], str, Any]], dict[int, Any]]:
    """What stands in NumPy's namespaces while a trace runs, and by what a name of the person's own is replaced.

    The latter by the identity of what it names.
    """
    placed = [(vars(numpy), name, new) for name, new in CREATION.items()]
    placed += [(vars(numpy), name, _refusing(name, getattr(numpy, name))) for name in _REFUSED]
    for name in numpy.random.__all__:
        old = getattr(numpy.random, name)
        if callable(old) and not isinstance(old, type):
            placed.append((vars(numpy.random), name, _random(name)))
    replaced = {id(namespace[name]): new for namespace, name, new in placed}
    replaced |= {id(original := getattr(math, name)): _math(original, formula) for name, formula in _MATH.items()}
    return placed, {**replaced, id(math.prod): _prod}


@contextmanager
def numpy_made_symbolic(function: Any) -> Iterator[None]:
    """While it lasts, NumPy's creation functions take symbolic sizes, and ``range`` and ``len`` for the person too."""
    placed, replaced = _replacements()
    before: list[tuple[dict[str, Any], str, Any]] = []

    def put(namespace: dict[str, Any], name: str, value: Any) -> None:
        before.append((namespace, name, namespace.get(name, _NOTHING)))
        namespace[name] = value

    try:
        for place in placed:
            put(*place)
        for namespace in _persons_namespaces(function):
            held = list(namespace.items())
            of_torch = any(getattr(v, "__name__", "") == "torch" for _, v in held)
            for name, value in held:
                if id(value) in replaced and not name.startswith("__"):
                    put(namespace, name, replaced[id(value)])
            for name, new in _BUILTINS.items():
                if name not in namespace and not (of_torch and new is _Float):  # torch takes no other class as a dtype
                    put(namespace, name, new)
            if namespace.get("math") is math:
                put(namespace, "math", _Math(replaced))
        yield
    finally:
        for namespace, name, old in reversed(before):
            if old is _NOTHING:
                namespace.pop(name, None)
            else:
                namespace[name] = old


_NOTHING = object()


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
