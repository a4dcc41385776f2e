"""Symbolic arrays that pass as torch tensors: the class, and the way there and back.

A symbolic tensor is a ``torch.Tensor`` without storage. Every torch function that meets one is looked up in the table
of ``torch_table``; what slips past it ends in ``__torch_dispatch__``, which refuses it by name. So no operation of
torch ever takes a formula for data.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy
from sympy import Expr

from .conversion import MAX_CONSTANT, symbolic
from .creation import SymbolicRange
from .masked import Masked
from .session import untraceable
from .sizes import SymbolicNumber
from .symbolic import Kind, SymbolicArray, is_symbolic, size


class Shape(tuple[int, ...]):
    """``x.shape``: a tuple of sizes, with what ``torch.Size`` has besides."""

    __slots__ = ()

    def numel(self) -> int:
        out: Any = 1
        for dim in self:
            out = out * dim
        return out  # type: ignore[no-any-return]


class Unexplained:
    """A value that has no formula, such as the place of a maximum. It may be thrown away, and nothing else."""

    def __init__(self, what: str) -> None:
        object.__setattr__(self, "_what", what)

    def __getattr__(self, name: str) -> Any:
        raise untraceable(self._what, "which they are depends on the inputs")


@cache
def tensor_class() -> Any:
    """The class of symbolic tensors. It is made on first use, because torch is imported late."""
    import torch

    class SymbolicTensor(torch.Tensor):
        """A torch tensor whose entries are the formulas of ``array``."""

        array: Any
        __hash__ = object.__hash__

        @staticmethod
        def __new__(cls: Any, array: Any) -> Any:
            return torch.Tensor._make_wrapper_subclass(cls, (), dtype=dtype_of(getattr(array, "kind", "f")))

        def __init__(self, array: Any) -> None:
            self.array = array

        @property
        def memory(self) -> Any:
            return getattr(self.array, "memory", None)

        @classmethod
        def __torch_function__(cls, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
            from .torch_table import apply

            return apply(function, arguments, options or {})

        @classmethod
        def __torch_dispatch__(cls, operation: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
            raise untraceable(f"torch's {operation}", "it wants numbers, and these are formulas")

        def __repr__(self, *arguments: Any, **options: Any) -> str:
            return f"tensor({self.array!r})"

        __str__ = __repr__

        def __format__(self, spec: str) -> str:
            return repr(self)

        def __array__(self, *arguments: Any, **options: Any) -> Any:
            raise untraceable("conversion to a NumPy array", "write x.numpy()")

    return SymbolicTensor


@cache
def dtype_of(kind: Kind) -> Any:
    import torch

    return {"f": torch.float64, "i": torch.int64, "b": torch.bool}[kind]


def kind_of(dtype: Any, default: Kind = "f") -> Kind:
    """The kind of a torch dtype; the precision is no matter of formulas."""
    if dtype is None:
        return default
    if dtype in (float, int, bool):
        return {float: "f", int: "i", bool: "b"}[dtype]  # type: ignore[return-value]
    if dtype.is_complex:
        raise untraceable(f"dtype {dtype}", "tensors are real, integer or boolean")
    return "f" if dtype.is_floating_point else "b" if dtype == dtype_of("b") else "i"


def is_symbolic_tensor(value: Any) -> bool:
    return type(value) is tensor_class()


def is_real_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and not is_symbolic_tensor(value)


def holds_formulas(value: Any) -> bool:
    """Whether an argument is, or contains, something that stands for a formula."""
    if isinstance(value, tuple | list):
        return any(map(holds_formulas, value))
    if isinstance(value, dict):
        return any(map(holds_formulas, value.values()))
    if isinstance(value, slice):
        return any(map(holds_formulas, (value.start, value.stop, value.step)))
    return is_symbolic_tensor(value) or is_symbolic(value) or isinstance(value, SymbolicNumber | SymbolicRange)


def wrapped(value: Any) -> Any:
    """What an operation of the table gives, as the torch code sees it."""
    if is_symbolic(value) or type(value) is Masked:
        return tensor_class()(value)
    if isinstance(value, numpy.ndarray | numpy.generic):
        return tensor_class()(symbolic(value))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(wrapped, value))
    if type(value) in (tuple, list):
        return type(value)(map(wrapped, value))
    return {k: wrapped(v) for k, v in value.items()} if type(value) is dict else value


def unwrapped(value: Any) -> Any:
    """What the torch code hands to an operation, as the table takes it; tensors made outside are constants."""
    if is_symbolic_tensor(value):
        return value.array
    if type(value) is Unexplained:
        raise untraceable(value._what, "which they are depends on the inputs")
    if is_real_tensor(value):
        return constant(value)
    if isinstance(value, slice):
        return slice(*map(unwrapped, (value.start, value.stop, value.step)))
    if isinstance(value, tuple | list):
        return (list if isinstance(value, list) else tuple)(map(unwrapped, value))
    return {k: unwrapped(v) for k, v in value.items()} if type(value) is dict else value


def constant(tensor: Any) -> SymbolicArray:
    """A tensor of numbers, exactly; those of float32 as the decimals that were written."""
    if tensor.numel() > MAX_CONSTANT:
        raise untraceable("a torch tensor", f"it was made outside of the trace and has {tensor.numel()} entries")
    if tensor.is_complex() or tensor.is_sparse:
        raise untraceable("a torch tensor", "it was made outside of the trace, and is complex or sparse")
    plain = tensor.detach().cpu()
    if plain.is_floating_point() and plain.element_size() < 8:
        short = plain.float().numpy()
        values = numpy.array([float(str(v)) for v in short.ravel()]).reshape(short.shape)
    else:
        values = plain.numpy()
    return symbolic(values)


def shape_of(array: SymbolicArray) -> Shape:
    return Shape(array.shape)


def number_of(value: Any) -> Any:
    """A 0-d array that depends on sizes only, as a number; anything else as it is."""
    from .symbolic import constant as exact_value

    if is_symbolic(value) and not value.indices:
        found: Expr = exact_value(value, "a number")
        return size(found)
    return value
