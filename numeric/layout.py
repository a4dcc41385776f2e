"""Arrays with named axes: which index each axis of a node stands for, and how operands are brought into line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..calculus.tensors import Index
from . import program
from .program import Node

Layout = tuple[Index, ...]


@dataclass(frozen=True)
class Array:
    """A node and the index that each of its axes runs over."""

    node: Node
    layout: Layout = ()


def arrange(array: Array, layout: Layout) -> Node:
    """The node with exactly these axes, in this order."""
    return program.transpose(array.node, tuple(array.layout.index(k) for k in layout))


def align(arrays: Sequence[Array], hint: Layout = ()) -> tuple[tuple[Node, ...], Layout]:
    """Operands that broadcast against each other, and the common layout: the one that transposes least.

    Where that leaves a choice, ``hint`` orders the axes it knows.
    """
    union = tuple(dict.fromkeys(k for a in sorted(arrays, key=lambda a: -len(a.layout)) for k in a.layout))
    hinted = tuple(k for k in hint if k in union)
    hinted += tuple(k for k in union if k not in hinted)
    complete = [a.layout for a in arrays if len(a.layout) == len(union)]

    def transposed(layout: Layout) -> int:
        own = (tuple(k for k in layout if k in a.layout) != a.layout for a in arrays if len(a.layout) > 1)
        return sum(own)

    layout = min((hinted, *complete), key=transposed)
    return tuple(broadcastable(a, layout) for a in arrays), layout


def broadcastable(array: Array, layout: Layout) -> Node:
    """The node with its axes in the order of ``layout`` and length-one axes where it lacks an index."""
    own = tuple(k for k in layout if k in array.layout)
    return program.expand(arrange(array, own), tuple(k in array.layout for k in layout))
