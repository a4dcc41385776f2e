"""Torch's indexing where it differs from NumPy's: integers are selected first. Gather and scatter along an axis."""

from __future__ import annotations

from typing import Any

from sympy import expand

from .arranging import axis_number
from .conversion import symbolic
from .creation import positions
from .indexing import _expanded, _is_integer, add_at, get, put
from .session import untraceable
from .symbolic import SymbolicArray, exactly, is_symbolic
from .torch_tensor import number_of
from .values import length


def indexed(array: Any, index: Any) -> tuple[Any, Any]:
    """The array and the rest of an index after its integers, which torch selects before it looks at arrays."""
    if isinstance(index, list) and index and not all(_is_integer(p) or isinstance(p, bool) for p in index):
        index = tuple(index) if any(isinstance(p, slice) or p is None or p is Ellipsis for p in index) else index
    parts = list(index) if type(index) is tuple else [index]
    arrays = [p for p in parts if isinstance(p, list | range) or (is_symbolic(p) and p.ndim)]
    if not is_symbolic(array) or not arrays or not any(map(_is_integer, parts)):
        return array, index
    if any(is_symbolic(p) and p.kind == "b" for p in arrays):
        raise untraceable("a boolean mask beside other indices", "the table has masks over the leading axes only")
    full = _expanded(array, parts)
    first = tuple(p if _is_integer(p) else slice(None) for p in full if p is not None)
    return get(array, first), tuple(p for p in full if not _is_integer(p))


def get_item(input: Any, index: Any) -> Any:
    if not is_symbolic(input):
        raise untraceable("an index into masked entries", "how many there are depends on the inputs")
    return get(*indexed(input, index))


def _along(array: SymbolicArray, index: Any, dim: int) -> tuple[Any, ...]:
    """The index of ``gather``: the labels along one axis, and on every other axis the position itself."""
    at, labels = axis_number(dim, array.ndim), symbolic(index)
    if labels.ndim != array.ndim:
        raise ValueError("Index tensor must have the same number of dimensions as input tensor")
    out: list[Any] = []
    for k, (mine, its) in enumerate(zip(array.axes, labels.axes, strict=True)):
        if k == at:
            out.append(labels)
            continue
        if expand(length(mine) - length(its)) != 0:
            raise untraceable("gather or scatter", "the index is shorter than the tensor on another axis")
        place = tuple(slice(None) if j == k else None for j in range(array.ndim))
        out.append(positions(length(mine))[place] if mine else 0)
    return tuple(out)


def gather(input: Any, dim: int, index: Any, sparse_grad: bool = False) -> SymbolicArray:
    found = get(input, _along(input, index, dim))
    return found  # type: ignore[no-any-return]


def scatter(
    input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: Any = None
) -> SymbolicArray:
    if reduce == "add":
        return scatter_add(input, dim, index, value if src is None else src)
    if reduce is not None:
        raise untraceable("scatter", f"reduce={reduce!r} is not in the table")
    out = input.copy()
    new = symbolic(value if src is None else src)
    put(out, _along(out, index, dim), cast_like(new, out))
    return out  # type: ignore[no-any-return]


def scatter_add(input: Any, dim: int, index: Any, src: Any) -> SymbolicArray:
    out = input.copy()
    add_at(out, _along(out, index, dim), symbolic(src))
    return out  # type: ignore[no-any-return]


def cast_like(value: SymbolicArray, like: SymbolicArray) -> SymbolicArray:
    from .torch_creation import cast

    return cast(value, like.kind) if "bif".index(value.kind) < "bif".index(like.kind) else value


def _lead(array: SymbolicArray, dim: int) -> tuple[Any, ...]:
    return (slice(None),) * axis_number(dim, array.ndim)


def index_select(input: Any, dim: int, index: Any) -> SymbolicArray:
    return get(input, (*_lead(input, dim), index))  # type: ignore[no-any-return]


def index_add(input: Any, dim: int, index: Any, source: Any, alpha: Any = 1) -> SymbolicArray:
    out = input.copy()
    add_at(out, (*_lead(input, dim), index), source if alpha == 1 else source * alpha)
    return out  # type: ignore[no-any-return]


def index_copy(input: Any, dim: int, index: Any, source: Any) -> SymbolicArray:
    out = input.copy()
    put(out, (*_lead(input, dim), index), source)
    return out  # type: ignore[no-any-return]


def index_fill(input: Any, dim: int, index: Any, value: Any) -> SymbolicArray:
    return index_copy(input, dim, index, value)


def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> SymbolicArray:
    out = input.copy()
    place = tuple(slice(None) if i is None else i for i in indices)
    (add_at if accumulate else put)(out, place, symbolic(values))
    return out  # type: ignore[no-any-return]


def select(input: Any, dim: int, index: Any) -> SymbolicArray:
    return get(input, (*_lead(input, dim), number_of(index)))  # type: ignore[no-any-return]


def narrow(input: Any, dim: int, start: Any, length: Any) -> SymbolicArray:
    begin = number_of(start)
    return get(input, (*_lead(input, dim), slice(begin, begin + number_of(length))))  # type: ignore[no-any-return]


def unfold(input: Any, dimension: int, size: Any, step: Any) -> SymbolicArray:
    """``x.unfold(dim, size, step)``: windows, the offset as the last axis."""
    from .arranging import windows

    found = windows(input, number_of(size), dimension)
    if exactly(step) == 1:
        return found
    return get(found, (*_lead(input, dimension), slice(None, None, number_of(step))))  # type: ignore[no-any-return]
