"""Arrays of formulas that pass as NumPy arrays: operators, methods, attributes.

What they compute is in the tables of ``numpy_table``; a method is the NumPy function of that name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, Literal

import numpy
import sympy
from sympy import Expr, Integer

from ...calculus.tensors import Element, Tensor
from .concrete import at_sizes
from .memory import MAX_PLACES, Address, Memory, is_viewable, memory_of
from .session import MAX_OPERATIONS, record_write, session, untraceable
from .sizes import exact, number
from .values import Axis, Entries, broadcast, length, rename

#: Floating point, integer or boolean.
Kind = Literal["f", "i", "b"]
DTYPES = {"f": numpy.dtype(numpy.float64), "i": numpy.dtype(numpy.int64), "b": numpy.dtype(numpy.bool_)}


class SymbolicArray:
    """An array whose entries are formulas: ``memory`` seen at ``address``, index expressions in those of ``axes``."""

    __slots__ = ("address", "axes", "kind", "memory")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, memory: Memory, axes: tuple[Axis, ...], address: Address, kind: Kind = "f") -> None:
        self.memory, self.axes, self.address, self.kind = memory, axes, address, kind

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """Code that asks ``isinstance(x, np.ndarray)`` is answered yes."""
        return numpy.ndarray

    # -- what it is --------------------------------------------------------------------------------------------------

    @property
    def entries(self) -> Entries:
        return Entries(self.axes, self.memory.read(self.address))

    @property
    def indices(self) -> tuple[Any, ...]:
        return tuple(i for axis in self.axes for i in axis)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(size(length(axis)) for axis in self.axes)

    @property
    def ndim(self) -> int:
        return len(self.axes)

    @property
    def size(self) -> int:
        return size(length(self.indices))

    @property
    def dtype(self) -> Any:
        return DTYPES[self.kind]

    @property
    def T(self) -> SymbolicArray:
        return self.transpose()

    mT = property(lambda self: self.swapaxes(-1, -2))
    real = property(lambda self: self)
    itemsize = property(lambda self: self.dtype.itemsize)

    def __len__(self) -> int:
        if not self.axes:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"array({', '.join(map(str, self.shape))})" if self.axes else f"array({self.entries.body})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    # -- what it refuses ---------------------------------------------------------------------------------------------

    def __bool__(self) -> bool:
        body = self.entries.body
        if all(axis == () for axis in self.axes) and body.is_Number:
            return bool(body != 0)
        raise untraceable("a branch on the value of an array", "which way it goes depends on the inputs")

    def __float__(self) -> float:
        return float(session().standins.value(constant(self, "float()")))

    def __int__(self) -> int:
        return int(session().standins.value(constant(self, "int()")))

    def __index__(self) -> int:
        if self.kind == "f":
            raise TypeError("only integer scalar arrays can be converted to a scalar index")
        return int(session().standins.value(constant(self, "an index")))

    def __complex__(self) -> complex:
        raise untraceable("complex()", "only real numbers have formulas here")

    def __array__(self, *arguments: Any, **options: Any) -> Any:
        raise untraceable(
            "conversion to a NumPy array", "a function outside the table wants numbers, and these are formulas"
        )

    def __iter__(self) -> Iterator[SymbolicArray]:
        if not self.axes:
            raise TypeError("iteration over a 0-d array")
        count = length(self.axes[0])
        if not count.is_Integer:
            raise untraceable("a loop over an array", f"its first axis has the symbolic size {count}", count)
        return (self[k] for k in range(int(count)))

    def __contains__(self, value: Any) -> bool:
        raise untraceable("in", "whether a value is in an array depends on the inputs")

    def __getattr__(self, name: str) -> Any:
        from .numpy_table import METHODS

        if name in METHODS:
            return _Method(METHODS[name], self)
        if hasattr(numpy.ndarray, name) and not name.startswith("__"):
            raise untraceable(f"the attribute .{name} of an array", "it is not in the table of operations")
        raise AttributeError(f"'numpy.ndarray' object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "shape":
            raise untraceable("an assignment to .shape", "write reshape")
        object.__setattr__(self, name, value)

    # -- indexing ----------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        from .indexing import get

        return get(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        from .indexing import put

        put(self, index, value)

    # -- views and copies --------------------------------------------------------------------------------------------

    def view_as(self, axes: tuple[Axis, ...]) -> SymbolicArray:
        """The same memory and address under rearranged axes of the same indices."""
        return SymbolicArray(self.memory, axes, self.address, self.kind)

    def merged(self, axes: tuple[Axis, ...]) -> SymbolicArray:
        """Rearranged axes as reshape makes them: a view where strides allow it, else a copy, as in NumPy."""
        if is_viewable(self.memory, self.address, axes):
            return self.view_as(axes)
        return made(Entries(axes, self.entries.body), self.kind)

    def transpose(self, *axes: Any) -> SymbolicArray:
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        if not order:
            return self.view_as(self.axes[::-1])
        if sorted(a % self.ndim for a in order) != list(range(self.ndim)):
            raise ValueError("axes don't match array")
        return self.view_as(tuple(self.axes[a] for a in order))

    def swapaxes(self, one: int, other: int) -> SymbolicArray:
        axes = list(self.axes)
        axes[one], axes[other] = axes[other], axes[one]
        return self.view_as(tuple(axes))

    def copy(self, order: str = "C") -> SymbolicArray:
        return made(self.entries.renamed(), self.kind)

    __copy__ = copy

    def __deepcopy__(self, memo: Any) -> SymbolicArray:
        return self.copy()

    def item(self, *index: Any) -> Any:
        found = self[index] if index else self
        if found.indices:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return SymbolicArray(found.memory, (), found.address, found.kind)

    def fill(self, value: Any) -> None:
        self[...] = value

    # -- in place ----------------------------------------------------------------------------------------------------

    def assign(self, value: Entries, kind: Kind, operation: str) -> None:
        """Write a value into all of the array. **Raises** :class:`ShapeError` where it does not fit."""
        if "bif".index(kind) > "bif".index(self.kind):
            raise untraceable(
                operation, f"values of dtype {DTYPES[kind]} are written into an array of dtype {self.dtype}"
            )
        self.memory.write(self.address, self.indices, broadcast(value, self.axes))
        record_write(self.memory)

    # -- NumPy's protocols -------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        from .numpy_table import apply_ufunc

        return apply_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        from .numpy_table import apply_function

        return apply_function(function, arguments, options)


class _Method:
    """A NumPy function bound to its first argument."""

    __slots__ = ("_array", "_function")

    def __init__(self, function: Callable[..., Any], array: SymbolicArray) -> None:
        self._function, self._array = function, array

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._function(self._array, *arguments, **options)


def _operator(ufunc: Any, reflected: bool = False) -> Any:
    def method(self: SymbolicArray, other: Any) -> Any:
        from .numpy_table import apply_ufunc, is_operand

        if not is_operand(other):
            return NotImplemented
        return apply_ufunc(ufunc, "__call__", (other, self) if reflected else (self, other), {})

    return method


def _in_place(ufunc: Any) -> Any:
    def method(self: SymbolicArray, other: Any) -> Any:
        from .numpy_table import apply_ufunc, is_operand

        if not is_operand(other):
            return NotImplemented
        if not self.axes:  # NumPy's scalars are values: the name is bound to a new one
            return apply_ufunc(ufunc, "__call__", (self, other), {})
        return apply_ufunc(ufunc, "__call__", (self, other), {"out": (self,)})

    return method


def _unary(ufunc: Any) -> Any:
    def method(self: SymbolicArray) -> Any:
        from .numpy_table import apply_ufunc

        return apply_ufunc(ufunc, "__call__", (self,), {})

    return method


_BINARY = {
    "add": numpy.add,
    "sub": numpy.subtract,
    "mul": numpy.multiply,
    "truediv": numpy.true_divide,
    "floordiv": numpy.floor_divide,
    "mod": numpy.remainder,
    "pow": numpy.power,
    "matmul": numpy.matmul,
    "and": numpy.bitwise_and,
    "or": numpy.bitwise_or,
    "xor": numpy.bitwise_xor,
}
_COMPARISONS = {
    "lt": numpy.less,
    "le": numpy.less_equal,
    "gt": numpy.greater,
    "ge": numpy.greater_equal,
    "eq": numpy.equal,
    "ne": numpy.not_equal,
}
for _name, _ufunc in _BINARY.items():
    setattr(SymbolicArray, f"__{_name}__", _operator(_ufunc))
    setattr(SymbolicArray, f"__r{_name}__", _operator(_ufunc, reflected=True))
    setattr(SymbolicArray, f"__i{_name}__", _in_place(_ufunc))
for _name, _ufunc in _COMPARISONS.items():
    setattr(SymbolicArray, f"__{_name}__", _operator(_ufunc))
for _name, _ufunc in {
    "neg": numpy.negative,
    "pos": numpy.positive,
    "abs": numpy.absolute,
    "invert": numpy.invert,
}.items():
    setattr(SymbolicArray, f"__{_name}__", _unary(_ufunc))


# -- making them -----------------------------------------------------------------------------------------------------


def is_symbolic(value: Any) -> bool:
    return type(value) is SymbolicArray


def constant(array: SymbolicArray, operation: str) -> Expr:
    """The value of an array of rank 0 that depends on sizes only."""
    body = array.entries.body
    if array.indices or body.atoms(Tensor):
        raise untraceable(operation, "the value depends on the inputs")
    return body


def size(expr: Expr) -> Any:
    """A dimension as the number that the person's code sees."""
    return number(expr, session().standins)


def exactly(value: Any) -> Expr:
    """The exact value of a number that the person's code uses."""
    return exact(value, session().standins)


def made(entries: Entries, kind: Kind = "f") -> SymbolicArray:
    """A new array that holds these entries, under the name of the known formula that they equal, if any."""
    current = session()
    current.operations += 1
    if current.operations > MAX_OPERATIONS:
        raise untraceable("this loop", f"it takes more than {MAX_OPERATIONS} array operations")
    finite = not entries.body.has(sympy.oo, -sympy.oo)
    if current.is_concrete and kind == "f" and finite and length(entries.indices) <= MAX_PLACES:
        memory = Memory(entries.indices, Integer(0))
        for at in product(*(range(int(i.dim)) for i in entries.indices)):
            place = tuple(map(Integer, at))
            body = at_sizes(rename(entries.body, dict(zip(entries.indices, place, strict=True))), {})
            memory.write(place, (), _named(Entries((), body), kind).body)
        return SymbolicArray(memory, entries.axes, entries.indices, kind)
    entries = _named(entries, kind)
    memory, address = memory_of(entries)
    return SymbolicArray(memory, entries.axes, address, kind)


def _named(entries: Entries, kind: Kind) -> Entries:
    recognition = session().recognition
    return recognition.named(entries) if recognition is not None and kind == "f" else entries


def input_array(tensor: Tensor) -> SymbolicArray:
    """A tensor as an argument of the traced function."""
    axes = tuple(() if d == 1 else (i,) for i, d in zip(tensor.indices(), tensor.dims, strict=True))
    at = [axis[0] if axis else Integer(0) for axis in axes]
    entries = Entries(axes, Element(tensor, *at))
    memory, address = memory_of(entries, tensor.name)
    kind: Kind = "i" if tensor.domain.below is not None else "b" if tensor.domain.mask else "f"
    return SymbolicArray(memory, axes, address, kind)


def widest(*arrays: SymbolicArray) -> Kind:
    """The kind that NumPy promotes to."""
    return max((a.kind for a in arrays), key="bif".index)
