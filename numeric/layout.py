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
    """Operands that broadcast against each other, and the common layout.

    The operand with the most axes keeps its order if it has all of them; else ``hint`` orders the axes it knows.
    """
    widest = max(arrays, key=lambda a: len(a.layout))
    layout = widest.layout
    extra = [k for a in arrays for k in a.layout if k not in layout]
    if extra:
        union = tuple(dict.fromkeys((*layout, *extra)))
        known = tuple(k for k in hint if k in union)
        layout = known + tuple(k for k in union if k not in known)
    return tuple(broadcastable(a, layout) for a in arrays), layout


def broadcastable(array: Array, layout: Layout) -> Node:
    """The node with its axes in the order of ``layout`` and length-one axes where it lacks an index."""
    own = tuple(k for k in layout if k in array.layout)
    return program.expand(arrange(array, own), tuple(k in array.layout for k in layout))
