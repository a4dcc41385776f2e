"""Whole arrays in index notation: an array is its entry at free indices, and NumPy's operations act on such entries.

``X @ W + b`` is read as ``Σ_k X[i, k] W[k, h] + b[h]``. Shapes follow NumPy's rules (right-aligned broadcasting),
except that two different symbolic dimensions never match: ``n`` against ``C`` is an error, even if they might be equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product as iterate

import sympy
from sympy import Expr, Integer, S

from .index_order import at_most
from .sums import BoundSum, Delta, bound_sum, rebuild, substitute
from .tensors import Element, Index, Tensor, fresh_index

#: A product along axes has at most this many factors, where their lengths are numbers.
MOST_FACTORS = 16


class ShapeError(ValueError):
    """Two arrays do not fit together; the message gives both shapes."""


@dataclass(frozen=True)
class ArrayExpr:
    """An array by its entry: ``body`` at ``indices``, one index per axis. An array without axes is a scalar."""

    indices: tuple[Index, ...]
    body: Expr

    @property
    def dims(self) -> tuple[Expr, ...]:
        return tuple(i.dim for i in self.indices)

    @property
    def rank(self) -> int:
        return len(self.indices)

    def at(self, *indices: Expr) -> Expr:
        """The entry at other indices, capture-free."""
        return substitute(self.body, dict(zip(self.indices, indices, strict=True)))

    @property
    def transposed(self) -> ArrayExpr:
        return ArrayExpr(self.indices[::-1], self.body)


def shape_text(dims: Iterable[Expr]) -> str:
    """A shape for a message: ``n×C``, or ``scalar``."""
    return "×".join(map(str, dims)) or "scalar"


def scalar(body: Expr) -> ArrayExpr:
    return ArrayExpr((), body)


def whole(tensor: Tensor) -> ArrayExpr:
    """All of a tensor."""
    indices = tensor.indices()
    return ArrayExpr(indices, Element(tensor, *indices))


def broadcast_dims(shapes: Sequence[tuple[Expr, ...]]) -> tuple[Expr, ...]:
    """The common shape of arrays under NumPy's rules, or a :class:`ShapeError`."""
    dims: list[Expr] = []
    for back in range(1, max(map(len, shapes), default=0) + 1):
        here = {shape[-back] for shape in shapes if len(shape) >= back} - {Integer(1)}
        if len(here) > 1:
            one, other = sorted(map(str, here))[:2]
            raise ShapeError(
                f"shapes {' and '.join(map(shape_text, shapes))} do not match: "
                f"axis {-back} has {one} entries on one side and {other} on the other"
            )
        dims.insert(0, here.pop() if here else Integer(1))
    return tuple(dims)


def elementwise(function: Callable[..., Expr], *arrays: ArrayExpr) -> ArrayExpr:
    """Apply a function of entries to arrays that broadcast against each other."""
    dims = broadcast_dims([a.dims for a in arrays])
    indices = tuple(fresh_index(d) for d in dims)
    return ArrayExpr(indices, function(*(_broadcast_entry(a, indices) for a in arrays)))


def _broadcast_entry(array: ArrayExpr, indices: tuple[Index, ...]) -> Expr:
    own = indices[len(indices) - array.rank :]
    return array.at(*(Integer(0) if a.dim == 1 else i for a, i in zip(array.indices, own, strict=True)))


def matmul(a: ArrayExpr, b: ArrayExpr) -> ArrayExpr:
    """NumPy's ``a @ b``: vectors, matrices, and stacks of matrices in the leading axes."""
    if not a.rank or not b.rank:
        raise ShapeError("@ multiplies arrays; for a scalar write *")
    if a.dims[-1] != b.dims[-2 if b.rank > 1 else 0]:
        raise ShapeError(
            f"{shape_text(a.dims)} @ {shape_text(b.dims)}: the inner dimensions {a.dims[-1]} and "
            f"{b.dims[-2 if b.rank > 1 else 0]} differ"
        )
    lead = tuple(fresh_index(d) for d in broadcast_dims([a.dims[:-2], b.dims[:-2]]))
    row = tuple(fresh_index(d) for d in a.dims[-2:-1])
    column = tuple(fresh_index(d) for d in b.dims[-1:] if b.rank > 1)
    k = fresh_index(a.dims[-1])
    left = _broadcast_entry(a, (*lead, *row, k))
    right = _broadcast_entry(b, (*lead, k, *column))
    return ArrayExpr((*lead, *row, *column), _sum_over(left * right, [k]))


def axes_of(array: ArrayExpr, axes: Sequence[int] | None) -> tuple[int, ...]:
    """Axes as non-negative numbers; all of them for None."""
    if axes is None:
        return tuple(range(array.rank))
    for axis in axes:
        if not -array.rank <= axis < array.rank:
            raise ShapeError(f"axis {axis} does not exist: the array is {shape_text(array.dims)}")
    normal = tuple(axis % array.rank for axis in axes)
    if len(set(normal)) != len(normal):
        raise ShapeError(f"axes {', '.join(map(str, axes))} name one axis twice")
    return normal


def _sum_over(body: Expr, indices: Sequence[Index]) -> Expr:
    """The sum; over an axis of length 1 it is the only entry."""
    only = {i: Integer(0) for i in indices if i.dim == 1}
    return bound_sum(substitute(body, only) if only else body, *(i for i in indices if i not in only))


def total(array: ArrayExpr, axes: Sequence[int] | None = None, keepdims: bool = False) -> ArrayExpr:
    """Sum along axes (all by default); with keepdims they stay as axes of length 1."""
    summed = axes_of(array, axes)
    body = _sum_over(array.body, [array.indices[a] for a in summed])
    kept = (
        tuple(fresh_index(1) if a in summed else i for a, i in enumerate(array.indices))
        if keepdims
        else tuple(i for a, i in enumerate(array.indices) if a not in summed)
    )
    return ArrayExpr(kept, body)


def mean(array: ArrayExpr, axes: Sequence[int] | None = None, keepdims: bool = False) -> ArrayExpr:
    """Mean along axes (all by default)."""
    count = sympy.Mul(*(array.dims[a] for a in axes_of(array, axes)))
    result = total(array, axes, keepdims)
    return ArrayExpr(result.indices, result.body / count)


def variance(array: ArrayExpr, axes: Sequence[int] | None = None, keepdims: bool = False) -> ArrayExpr:
    """The mean squared distance from the mean along axes (all by default), as NumPy's ``var``."""
    centred = elementwise(lambda x, m: x - m, array, mean(array, axes_of(array, axes), keepdims=True))
    return mean(elementwise(lambda x: x**2, centred), axes, keepdims)


def deviation(array: ArrayExpr, axes: Sequence[int] | None = None, keepdims: bool = False) -> ArrayExpr:
    """The root of the variance along axes (all by default), as NumPy's ``std``."""
    squares = variance(array, axes, keepdims)
    return ArrayExpr(squares.indices, sympy.sqrt(squares.body))


def product(
    array: ArrayExpr, axes: Sequence[int] | None = None, keepdims: bool = False, where: Expr = S.One
) -> ArrayExpr:
    """Product along axes (all by default): factor by factor where their lengths are small numbers, else exp Σ log.

    where: 1 for the entries that are multiplied, 0 for the others.
    """
    along = axes_of(array, axes)
    lengths = [array.dims[a] for a in along]
    result = total(array, axes, keepdims)
    if all(n.is_Integer for n in lengths) and sympy.Mul(*lengths) <= MOST_FACTORS:
        places = iterate(*(range(int(n)) for n in lengths))
        at = [dict(zip((array.indices[a] for a in along), map(Integer, place), strict=True)) for place in places]
        chosen = ((_counted(substitute(where, here)), substitute(array.body, here)) for here in at)
        return ArrayExpr(result.indices, sympy.Mul(*(counts * entry + 1 - counts for counts, entry in chosen)))
    if not array.body.is_positive:
        raise ShapeError(
            "the product over an axis of any length is known for positive entries only, as exp(sum(log(x))): "
            "declare x: n positive, or give the axis a length, x: 3"
        )
    exponent = _sum_over(where * sympy.log(array.body), [array.indices[a] for a in along])
    return ArrayExpr(result.indices, sympy.exp(exponent))


def _counted(condition: Expr) -> Expr:
    """A condition between numbers as a number: [1 ≤ 2] = Σ_t δ(1 + t, 2) is 1."""

    def leaf(e: Expr) -> Expr | None:
        if not isinstance(e, BoundSum) or not all(k.dim.is_Integer for k in e.bound):
            return None
        body, bound = e.open()
        places = iterate(*(range(int(k.dim)) for k in bound))
        return sympy.Add(*(substitute(body, dict(zip(bound, map(Integer, at), strict=True))) for at in places))

    return rebuild(condition, leaf)


def cumulative(array: ArrayExpr, axes: Sequence[int] | None = None) -> ArrayExpr:
    """The sums of the entries up to each, along an axis, as NumPy's ``cumsum``."""
    if len(axes_of(array, axes)) != 1:
        raise ShapeError(f"cumsum runs along one axis of an array of {array.rank}: cumsum(X, axis=1)")
    (along,) = axes_of(array, axes)
    j, k = array.indices[along], fresh_index(array.dims[along])
    before = at_most(k, j)
    assert before is not None
    return ArrayExpr(array.indices, bound_sum(before * substitute(array.body, {j: k}), k))


def norm(array: ArrayExpr, axes: Sequence[int] | None = None, keepdims: bool = False) -> ArrayExpr:
    """The root of the sum of squares along axes (all by default): of a vector or, as Frobenius norm, of a matrix."""
    _need_axes("norm", array)
    squares = total(elementwise(lambda x: x**2, array), axes, keepdims)
    return ArrayExpr(squares.indices, sympy.sqrt(squares.body))


def trace(array: ArrayExpr) -> ArrayExpr:
    """The sum of the diagonal of a square matrix."""
    if array.rank != 2 or array.dims[0] != array.dims[1]:
        raise ShapeError(f"trace takes a square matrix, not {shape_text(array.dims)}")
    i = fresh_index(array.dims[0])
    return scalar(bound_sum(array.at(i, i), i))


def logsumexp(array: ArrayExpr, axes: Sequence[int] = (-1,), keepdims: bool = False) -> ArrayExpr:
    """log Σ exp along axes."""
    _need_axes("logsumexp", array)
    result = total(elementwise(sympy.exp, array), axes, keepdims)
    return ArrayExpr(result.indices, sympy.log(result.body))


def log_softmax(array: ArrayExpr, axes: Sequence[int] = (-1,)) -> ArrayExpr:
    """x − log Σ exp x along axes."""
    _need_axes("log_softmax", array)
    return elementwise(lambda x, y: x - y, array, logsumexp(array, axes, keepdims=True))


def softmax(array: ArrayExpr, axes: Sequence[int] = (-1,)) -> ArrayExpr:
    """exp x / Σ exp x along axes."""
    _need_axes("softmax", array)
    exps = elementwise(sympy.exp, array)
    return elementwise(lambda x, y: x / y, exps, total(exps, axes, keepdims=True))


def outer(a: ArrayExpr, b: ArrayExpr) -> ArrayExpr:
    """The matrix a[i] b[j] of two vectors."""
    if a.rank != 1 or b.rank != 1:
        raise ShapeError(f"outer takes two vectors, not {shape_text(a.dims)} and {shape_text(b.dims)}")
    i, j = fresh_index(a.dims[0]), fresh_index(b.dims[0])
    return ArrayExpr((i, j), a.at(i) * b.at(j))


def diag(a: ArrayExpr) -> ArrayExpr:
    """The diagonal matrix of a vector; of a square matrix, its diagonal."""
    if a.rank == 2 and a.dims[0] == a.dims[1]:
        k = fresh_index(a.dims[0])
        return ArrayExpr((k,), a.at(k, k))
    if a.rank != 1:
        raise ShapeError(f"diag takes a vector or a square matrix, not {shape_text(a.dims)}")
    i, j = fresh_index(a.dims[0]), fresh_index(a.dims[0])
    return ArrayExpr((i, j), Delta(i, j) * a.at(i))


def _need_axes(name: str, array: ArrayExpr) -> None:
    if not array.rank:
        raise ShapeError(f"{name} runs along an axis, but its argument is a scalar")


#: Letters for the axes of common dimensions; a capital otherwise gives its small letter (C gives c).
_LETTERS = {"n": "i", "N": "i", "B": "i", "D": "j", "E": "k"}


def readable_indices(dims: Sequence[Expr], taken: Iterable[str]) -> tuple[Index, ...]:
    """Indices with names for a reader: i for n, c for C, …; never a name in ``taken`` and never one twice."""
    used = set(taken)
    named: list[Index] = []
    for dim in dims:
        name = str(dim)
        wish = _LETTERS.get(name, name.lower() if len(name) == 1 and name.isupper() else "i")
        letters = (wish, *"ijklmpqrstuvwabch")
        letter = next((x for x in letters if x not in used), f"i{len(used)}")
        used.add(letter)
        named.append(Index(letter, dim))
    return tuple(named)
