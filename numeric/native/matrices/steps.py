"""The steps of a function with matrix products, in the order in which Python calls them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..build import CFunction
from ..loops.kernels import Kernel
from ..scalars import Axis, Shape
from .matrix_products import Factors

#: In the lines of a step: where the call is none for C after all.
OTHERWISE = "return otherwise"


@dataclass(frozen=True)
class Product:
    """A product that NumPy computes.

    name, shape: of the result. lines: of Python. factors: the same as a product of stacks of matrices in C, where it is
    one.
    """

    name: str
    shape: Shape
    lines: tuple[str, ...]
    factors: Factors | None = None


@dataclass(frozen=True)
class Stage:
    """A part of a function in C: for float and for double its kernels, and the arrays between these."""

    function: CFunction
    kernels: Mapping[str, tuple[list[Kernel], dict[str, Shape]]]


@dataclass(frozen=True)
class Stack:
    """Steps that one C function makes; where that does not pay, Python calls what there is otherwise, one by one.

    axes: the leading axes of what they compute, whose entries are slices that are made one after the other; none where
    all threads make each step. leading: those of these axes that an array has, by its C name.
    """

    function: CFunction
    axes: tuple[Axis, ...]
    steps: tuple[Product | Stage, ...]
    leading: Mapping[str, tuple[Axis, ...]]
    otherwise: tuple[Product | Stage | Stack, ...]


@dataclass(frozen=True)
class Driver:
    """A function whose steps Python calls in order.

    returned: text of what is returned. needed: the names of the arrays in it.
    """

    signature: CFunction
    steps: tuple[Product | Stage | Stack, ...]
    returned: tuple[str, ...]
    needed: tuple[str, ...] = ()

    @property
    def stages(self) -> tuple[Stage, ...]:
        return tuple(s for s in _with_otherwise(self.steps) if isinstance(s, Stage))

    @property
    def stacks(self) -> tuple[Stack, ...]:
        return tuple(s for s in _with_otherwise(self.steps) if isinstance(s, Stack))

    @property
    def parts(self) -> tuple[Stage | Stack, ...]:
        """What is in C."""
        return (*self.stages, *self.stacks)


def _with_otherwise(steps: Sequence[Product | Stage | Stack]) -> Iterator[Product | Stage | Stack]:
    for s in steps:
        yield s
        if isinstance(s, Stack):
            yield from _with_otherwise(s.otherwise)
