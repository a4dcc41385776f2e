"""Where the ones of one-hot rows stand: ``np.argmax(Y, axis=1)`` is a label while code runs; formulas have Y again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Add, Expr, Mul

from ...calculus.sums import BoundSum, Delta, Partial, bound_sum, rebuild
from ...calculus.tensors import Domain, Element, Index, Tensor, fresh_index
from .arranging import axis_number
from .conversion import symbolic
from .session import session, untraceable
from .symbolic import SymbolicArray, made
from .values import Entries


def argmax(array: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> SymbolicArray:
    """The labels of one-hot rows. Raises Untraceable for other arrays: where the largest entry is has no formula."""
    if axis is None or out is not None:
        raise untraceable("argmax", "the table has it along one axis of one-hot rows")
    found = labels(array, axis, keepdims)
    if found is None:
        raise untraceable("argmax", "the place of the largest entry has a formula for one-hot rows only")
    return found


def labels(array: Any, axis: Any, keepdims: Any = False) -> SymbolicArray | None:
    """Where each row along an axis is 1; None for what is not one-hot."""
    array = symbolic(array)
    at = axis_number(axis, array.ndim)
    label = _label(array.entries.body, array.entries.axes[at])
    if label is None:
        return None
    kept = tuple(() if k == at else axis for k, axis in enumerate(array.entries.axes) if keepdims or k != at)
    return made(Entries(kept, label), "i")


def _label(body: Expr, axis: tuple[Index, ...]) -> Expr | None:
    """Where a row is 1, along an axis: of δ(c, y) it is y, of an entry of one-hot rows a label of its own."""
    if len(axis) != 1:
        return None
    (c,) = axis
    if isinstance(body, Delta) and c in body.args:
        (other,) = (a for a in body.args if a != c)
        return None if other.has(c) else other
    if not isinstance(body, Element) or not body.tensor.domain.onehot or body.indices[-1] != c:
        return None
    rows, before = body.tensor, body.indices[:-1]
    if any(i.has(c) for i in before):
        return None
    places = Tensor(f"place_{rows.name}", rows.dims[:-1], Domain(below=rows.dims[-1]))
    session().places[places] = rows
    return Element(places, *before)


def by_rows(expr: Expr, places: Mapping[Tensor, Tensor]) -> Expr:
    """A formula without the labels of one-hot rows: f(y_i) is Σ_c Y_ic f(c)."""
    if not places:
        return expr

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Add | BoundSum | Partial):
            return None
        free = [x for x in e.atoms(Element) if x.tensor in places and not _is_inside(x)]
        if not free:
            return None
        label = min(free, key=str)
        factors = Mul.make_args(e)
        c = fresh_index(places[label.tensor].dims[-1])
        there = by_rows(Mul(*(f for f in factors if f.has(label))).xreplace({label: c}), places)
        rest = by_rows(Mul(*(f for f in factors if not f.has(label))), places)
        return rest * bound_sum(Element(places[label.tensor], *label.indices, c) * there, c)

    return rebuild(expr, leaf, places.keys())


def _is_inside(label: Element) -> bool:
    """Whether a label is one of a row that a sum further inside runs over."""
    return any(isinstance(i, Index) and i.is_bound for i in label.free_symbols)
