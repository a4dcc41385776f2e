"""Arrays as formulas of their entries, with axes that may be flattened products of others.

An axis is a tuple of indices in row-major order: ``(i,)`` is plain, ``(i, j)`` is what ``reshape`` makes of two axes,
and ``()`` is an axis of length one. Splitting and merging axes therefore never needs a quotient or a remainder.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import sympy
from sympy import Expr, Integer

from ...calculus.arrays import ArrayExpr, ShapeError, shape_text
from ...calculus.functions import Where, absolute
from ...calculus.sums import Delta, bound_sum
from ...calculus.tensors import Index, fresh_index
from .session import untraceable

Axis = tuple[Index, ...]


@dataclass(frozen=True)
class Entries:
    """An array by its entry: ``body``, whose free indices are those of ``axes``."""

    axes: tuple[Axis, ...]
    body: Expr

    @property
    def rank(self) -> int:
        return len(self.axes)

    @property
    def dims(self) -> tuple[Expr, ...]:
        return tuple(map(length, self.axes))

    @property
    def indices(self) -> tuple[Index, ...]:
        return tuple(i for axis in self.axes for i in axis)

    def renamed(self) -> Entries:
        """The same array with indices of its own."""
        new = {i: fresh_index(i.dim) for i in self.indices}
        return Entries(tuple(tuple(new[i] for i in axis) for axis in self.axes), rename(self.body, new))

    def with_body(self, body: Expr) -> Entries:
        return Entries(self.axes, body)


def scalar(body: Expr) -> Entries:
    return Entries((), body)


def length(axis: Axis) -> Expr:
    """The number of positions along an axis."""
    return sympy.Mul(*(i.dim for i in axis))


def axis_of(dim: Expr) -> Axis:
    return () if dim == 1 else (fresh_index(dim),)


def rename(body: Expr, new: Mapping[Index, Expr]) -> Expr:
    """Put index expressions in the place of free indices. Bound ones have names of their own: nothing is captured."""
    changed = {a: b for a, b in new.items() if a is not b}
    return body.xreplace(changed) if changed else body


def as_array(entries: Entries) -> ArrayExpr:
    """With one index per axis, as the engine wants it; a flattened axis is summed over where its position is."""
    indices: list[Index] = []
    body = entries.body
    for axis in entries.axes:
        index = axis[0] if len(axis) == 1 else fresh_index(length(axis))
        if len(axis) > 1:
            body = bound_sum(Delta(index, flat(axis)) * body, *axis)
        indices.append(index)
    return ArrayExpr(tuple(indices), body)


# -- broadcasting ----------------------------------------------------------------------------------------------------


def common(axes: Sequence[Axis]) -> tuple[Axis, list[dict[Index, Expr]]]:
    """One axis that all given axes of equal length stand for, and what their indices are on it.

    Axes of length one broadcast. **Raises** :class:`ShapeError` where the lengths differ.
    """
    present = [a for a in axes if a]
    if not present:
        return (), [{} for _ in axes]
    lengths = {sympy.expand(length(a)) for a in present}
    if len(lengths) > 1:
        first, second = sorted(map(str, lengths))[:2]
        raise ShapeError(f"an axis has {first} entries on one side and {second} on the other")
    dims: list[Expr] = [i.dim for i in present[0]]
    for other in present[1:]:
        dims = _refined(dims, [i.dim for i in other])
    target = tuple(fresh_index(d) for d in dims)
    return target, [_onto(axis, target) for axis in axes]


def _refined(one: Sequence[Expr], other: Sequence[Expr]) -> list[Expr]:
    """The coarsest list of factors that both lists of factors are products of."""
    left, right, out = list(one), list(other), []
    while left and right:
        a, b = left.pop(0), right.pop(0)
        if a == b:
            out.append(a)
            continue
        forward, backward = quotient(a, b), quotient(b, a)
        if forward is not None:
            out.append(b)
            left.insert(0, forward)
        elif backward is not None:
            out.append(a)
            right.insert(0, backward)
        else:
            raise untraceable("reshape", f"an axis is cut once into {_times(one)} and once into {_times(other)}")
    return out


def _times(dims: Sequence[Expr]) -> str:
    return "·".join(map(str, dims))


def quotient(a: Expr, b: Expr) -> Expr | None:
    """a/b where that is a polynomial with integer coefficients, whatever the sizes."""
    found = sympy.cancel(a / b)
    if found.is_Integer:
        return found
    if not found.free_symbols or not found.is_polynomial(*found.free_symbols):
        return None
    return found if all(c.is_Integer for c in sympy.Poly(found).coeffs()) else None


def _onto(axis: Axis, target: Axis) -> dict[Index, Expr]:
    out: dict[Index, Expr] = {}
    parts = list(target)
    for index in axis:
        group: list[Index] = []
        while parts and sympy.expand(length(tuple(group)) - index.dim) != 0:
            group.append(parts.pop(0))
        out[index] = flat(group)
    return out


def flat(group: Sequence[Index]) -> Expr:
    """The row-major position of several indices."""
    position: Expr = Integer(0)
    for index in group:
        position = position * index.dim + index
    return sympy.expand(position)


def aligned(arrays: Sequence[Entries]) -> tuple[tuple[Axis, ...], list[Expr]]:
    """The axes that arrays broadcast to under NumPy's rules, and their entries there."""
    rank = max((a.rank for a in arrays), default=0)
    axes: list[Axis] = []
    new: list[dict[Index, Expr]] = [{} for _ in arrays]
    for back in range(rank, 0, -1):
        try:
            target, parts = common([a.axes[-back] if a.rank >= back else () for a in arrays])
        except ShapeError:
            shapes = " and ".join(shape_text(a.dims) for a in arrays)
            raise ShapeError(f"operands could not be broadcast together with shapes {shapes}") from None
        axes.append(target)
        for mapping, part in zip(new, parts, strict=True):
            mapping.update(part)
    return tuple(axes), [rename(a.body, m) for a, m in zip(arrays, new, strict=True)]


def elementwise(function: Callable[..., Expr], *arrays: Entries) -> Entries:
    """A function of entries applied to arrays that broadcast against each other."""
    axes: tuple[Axis, ...]
    if all(not a.indices for a in arrays):
        axes, bodies = ((),) * max((a.rank for a in arrays), default=0), [a.body for a in arrays]
    elif len(arrays) == 1:
        axes, bodies = arrays[0].axes, [arrays[0].body]
    else:
        axes, bodies = aligned(arrays)
    return Entries(axes, _apply(function, bodies))


def _apply(function: Callable[..., Expr], bodies: Sequence[Expr]) -> Expr:
    """A case distinction with an infinite branch (a masked score of −∞) is drawn out: f is applied in each branch."""
    for at, body in enumerate(bodies):
        if isinstance(body, Where) and body.has(sympy.oo, -sympy.oo):
            test, yes, no = body.args
            chosen, other = ([*bodies[:at], b, *bodies[at + 1 :]] for b in (yes, no))
            return Where(test, _apply(function, chosen), _apply(function, other))
    found = function(*bodies)
    if found.has(sympy.Abs):
        found = found.replace(sympy.Abs, absolute)
    if found is sympy.nan or found.has(sympy.zoo):
        raise untraceable("this operation", f"the result is not a number: it is {found}")
    if found.has(sympy.oo, -sympy.oo) and not (found.is_infinite or isinstance(found, Where)):
        raise untraceable("this operation", f"infinity stands in {found}")
    return found


def broadcast(array: Entries, axes: Sequence[Axis]) -> Expr:
    """The entry of an array at given axes, to which it must broadcast. **Raises** :class:`ShapeError`."""
    extra = array.rank - len(axes)
    if extra > 0 and any(array.axes[:extra]):
        raise ShapeError(f"could not broadcast {shape_text(array.dims)} into {shape_text(map(length, axes))}")
    own = array.axes[max(extra, 0) :]
    new: dict[Index, Expr] = {}
    for mine, target in zip(own, axes[len(axes) - len(own) :], strict=True):
        if not mine:
            continue
        if sympy.expand(length(mine) - length(target)) != 0:
            raise ShapeError(f"could not broadcast {shape_text(array.dims)} into {shape_text(map(length, axes))}")
        if [i.dim for i in mine] == [i.dim for i in target]:
            new.update(zip(mine, target, strict=True))
        elif len(_refined([i.dim for i in mine], [i.dim for i in target])) == len(target):
            new.update(_onto(mine, target))
        else:
            raise untraceable("reshape", "an array with a flattened axis is written into one that is not cut alike")
    return rename(array.body, new)


# -- reductions and contractions -------------------------------------------------------------------------------------


def reduced(
    array: Entries, axes: Sequence[int], keepdims: bool, reduce: Callable[[Expr, tuple[Index, ...]], Expr]
) -> Entries:
    """Reduce along axes; with keepdims they stay, with length one."""
    over = tuple(i for a in axes for i in array.axes[a])
    kept = tuple(() if at in axes else axis for at, axis in enumerate(array.axes) if keepdims or at not in axes)
    return Entries(kept, reduce(array.body, over))


def total(array: Entries, axes: Sequence[int], keepdims: bool = False) -> Entries:
    return reduced(array, axes, keepdims, lambda body, over: bound_sum(body, *over))


def mean(array: Entries, axes: Sequence[int], keepdims: bool = False) -> Entries:
    return reduced(array, axes, keepdims, lambda body, over: bound_sum(body, *over) / length(over))


def contract(
    operands: Sequence[tuple[Entries, Sequence[Hashable]]], output: Sequence[Hashable], broadcasting: bool = True
) -> Entries:
    """Einstein's convention: each operand with a label per axis; labels that are not in the output are summed."""
    labels = list(dict.fromkeys(label for _, own in operands for label in own))
    axes: dict[Hashable, Axis] = {}
    new: list[dict[Index, Expr]] = [{} for _ in operands]
    arrays = [array.renamed() for array, _ in operands]
    for label in labels:
        places = [(at, a) for at, (_, own) in enumerate(operands) for a, name in enumerate(own) if name == label]
        met = [arrays[at].axes[a] for at, a in places]
        if not broadcasting and any(met) and not all(met):
            raise ShapeError("an axis of length 1 meets one of another length")
        axes[label], parts = common(met)
        for (at, _), part in zip(places, parts, strict=True):
            new[at].update(part)
    product = sympy.Mul(*(rename(a.body, m) for a, m in zip(arrays, new, strict=True)))
    over = tuple(i for label in labels if label not in output for i in axes[label])
    return Entries(tuple(axes[label] for label in output), bound_sum(product, *over))


def matmul(a: Entries, b: Entries) -> Entries:
    """NumPy's ``a @ b``: vectors, matrices, stacks of matrices."""
    if not a.rank or not b.rank:
        raise ValueError("matmul: an operand is a scalar")
    inner = (a.axes[-1], b.axes[-2 if b.rank > 1 else 0])
    if sympy.expand(length(inner[0]) - length(inner[1])) != 0:
        raise ShapeError(f"{shape_text(a.dims)} @ {shape_text(b.dims)}: the inner dimensions differ")
    stack = max(a.rank, b.rank, 2) - 2
    left = [("stack", stack - k) for k in range(max(a.rank - 2, 0), 0, -1)]
    right = [("stack", stack - k) for k in range(max(b.rank - 2, 0), 0, -1)]
    row: list[Hashable] = ["row"] if a.rank > 1 else []
    column: list[Hashable] = ["column"] if b.rank > 1 else []
    lead: list[Hashable] = [("stack", k) for k in range(stack)]
    return contract([(a, [*left, *row, "inner"]), (b, [*right, "inner", *column])], [*lead, *row, *column])


def dot(a: Entries, b: Entries) -> Entries:
    """NumPy's ``np.dot``: the last axis of a with the second to last of b."""
    if not a.rank or not b.rank:
        return elementwise(sympy.Mul, a, b)
    own = [("a", k) for k in range(a.rank - 1)]
    lead, last = [("b", k) for k in range(max(b.rank - 2, 0))], [("b", "last")] if b.rank > 1 else []
    inner = (a.axes[-1], b.axes[-2 if b.rank > 1 else 0])
    if sympy.expand(length(inner[0]) - length(inner[1])) != 0:
        raise ShapeError(f"shapes {shape_text(a.dims)} and {shape_text(b.dims)} not aligned")
    return contract([(a, [*own, "inner"]), (b, [*lead, "inner", *last])], [*own, *lead, *last])


def einsum(subscripts: str, arrays: Sequence[Entries]) -> Entries:
    """``np.einsum`` with subscripts, also with an ellipsis and without an output."""
    text = subscripts.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(arrays):
        raise ValueError(f"einsum: {len(terms)} subscripts for {len(arrays)} operands")
    hidden = [a.rank - len(t.replace("...", "")) if "..." in t else 0 for t, a in zip(terms, arrays, strict=True)]
    most = max(hidden, default=0)

    def read(term: str, count: int) -> list[Hashable]:
        head, dots, tail = term.partition("...")
        return [*head, *((("...", k) for k in range(most - count, most)) if dots else ()), *tail]

    operands = [(a, read(t, h)) for a, t, h in zip(arrays, terms, hidden, strict=True)]
    for (array, labels), term in zip(operands, terms, strict=True):
        if len(labels) != array.rank:
            raise ValueError(f"einsum: the subscripts {term!r} do not fit an array of rank {array.rank}")
    if not arrow:
        counts = sorted(c for c in set(inputs) - set(",.") if inputs.count(c) == 1)
        output = ("..." if most else "") + "".join(counts)
    return contract(operands, read(output, most))
