"""Affine indices as array operations: windows are taken from an array, and sums over deltas are put back in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sympy import Expr, Mul

from ..calculus.affine import equation
from ..calculus.dimensions import DefinedDimension
from ..calculus.ranges import is_affine, is_inside
from ..calculus.sums import Delta, bound_sum
from ..calculus.tensors import Element, Index, fresh_index
from .contraction import contract
from .layout import Array, Layout, arrange, broadcastable
from .program import Node

Lower = Callable[[Expr, Layout], Array]


def take(e: Element, node: Node, lower: Lower) -> Array | None:
    """The array of an element, axis by axis: ``X[c, 2*o + u]`` has the axes c, o, u. None where axes share an index."""
    met: list[Index] = []
    layout: list[Index] = []
    axis = 0
    for index, dim in zip(e.indices, e.tensor.dims, strict=True):
        own = [k for k in index.free_symbols if isinstance(k, Index)]
        if any(k in met for k in own):
            return None
        met += own
        if isinstance(index, Index) and index.dim == dim:
            layout.append(index)
            axis += 1
            continue
        at = positions(index, lower)
        rank = node.rank - 1 + len(at.layout)
        op = "take" if is_inside(index, dim) else "take_inside"
        node = Node(op, (node, at.node), (axis,), rank, node.kind)
        layout += at.layout
        axis += len(at.layout)
    return Array(node, tuple(layout))


def apart(e: Element, lower: Lower, hint: Layout) -> Array:
    """The array of an element whose axes share an index: ``G[i + j + 1, i]`` as Σ_k [k = i + j + 1] G[k, i]."""
    fresh = {at: fresh_index(dim) for at, dim in enumerate(e.tensor.dims) if is_affine(e.indices[at])}
    inner = Element(e.tensor, *(fresh.get(at, index) for at, index in enumerate(e.indices)))
    chosen = [lower(Delta(k, e.indices[at]), hint) for at, k in fresh.items()]
    return contract([*chosen, lower(inner, hint)], tuple(fresh.values()), hint)


def positions(index: Expr, lower: Lower) -> Array:
    """The values of an index expression, its indices in the order that puts outputs before windows."""
    own = sorted((k for k in index.free_symbols if isinstance(k, Index)), key=_window_last)
    found = lower(index, tuple(own))
    if set(found.layout) == set(own):
        return Array(arrange(found, tuple(own)), tuple(own))
    return found


def _window_last(index: Index) -> tuple[bool, str]:
    return not isinstance(index.dim, DefinedDimension), index.name


def put(factors: Sequence[Expr], bound: Sequence[Index], lower: Lower, hint: Layout) -> Array | None:
    """``Σ_{o,u} δ(a, 2*o + u) G[o, u]``: the entries of G added up where the delta says; None without such a delta."""
    for delta in factors:
        if not isinstance(delta, Delta):
            continue
        found = _target(delta, bound)
        if found is None:
            continue
        target, index = found
        sources = tuple(sorted((k for k in index.free_symbols if k in bound), key=_window_last))
        rest = [f.xreplace({target: index}) for f in factors if f is not delta]
        kept = tuple(k for k in bound if k not in sources)
        inner = lower(bound_sum(Mul(*rest), *kept), (*hint, *sources))
        if any(k in inner.layout and k in delta.free_symbols and k not in sources for k in inner.layout):
            return None
        lead = tuple(k for k in inner.layout if k not in sources)
        at = lower(index, sources)
        values = broadcastable(inner, (*lead, *sources))
        missing = len(lead) + len(sources) - values.rank
        if missing:
            pattern = (False,) * missing + (True,) * values.rank
            values = Node("expand", (values,), pattern, len(pattern), values.kind)
        repeats = any(isinstance(a, Element) for a in index.atoms(Element))
        data = ("_add_at" if repeats else "_put", str(target.dim))
        return Array(Node("put", (values, arrange(at, sources)), data, len(lead) + 1), (*lead, target))
    return None


def _target(delta: Expr, bound: Sequence[Index]) -> tuple[Index, Expr] | None:
    """The free index of a delta and the expression of bound indices that it equals; plain deltas are left alone."""
    a, b = delta.args
    if isinstance(a, Index) and isinstance(b, Index):
        return None
    form = equation(delta)
    if form is None:
        return None
    for place, coefficient in form.coefficients.items():
        if isinstance(place, Index) and place not in bound and coefficient in (1, -1):
            index = form.solved(place)
            indices = [k for k in index.free_symbols if isinstance(k, Index)]
            if indices and all(k in bound for k in indices):
                return place, index
    return None
