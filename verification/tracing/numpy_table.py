"""The table: NumPy function → what it does to formulas. What is not in it cannot be traced, and is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy
import sympy
from sympy import Expr, Integer

from ...calculus.arrays import ShapeError
from ...calculus.functions import absolute
from ...calculus.sums import Delta
from ...calculus.tensors import Index
from . import arranging, creation, one_hot_rows
from .arranging import axis_number, axis_numbers
from .conversion import symbolic
from .indexing import add_at
from .masked import Masked
from .opaque import extremum
from .session import untraceable
from .sizes import SymbolicNumber
from .symbolic import SymbolicArray, exactly, is_symbolic, made, size, widest
from .ufuncs import UFUNCS, clip, where
from .values import (
    Entries,
    contract,
    dot,
    einsum,
    elementwise,
    length,
    matmul,
    mean,
    reduced,
    total,
)


def is_operand(value: Any) -> bool:
    """Whether an operator of arrays takes the value."""
    numbers = (SymbolicNumber, int, float, numpy.number, numpy.bool_, numpy.ndarray, list, tuple)
    return is_symbolic(value) or isinstance(value, numbers)


# -- elementwise functions -------------------------------------------------------------------------------------------


def apply_ufunc(ufunc: Any, method: str, inputs: Sequence[Any], options: dict[str, Any]) -> Any:
    """A NumPy ufunc, or its ``reduce``, ``at`` or ``outer``, on symbolic arrays."""
    name = ufunc.__name__
    if any(type(i) is Masked for i in inputs):
        return Masked.__array_ufunc__(next(i for i in inputs if type(i) is Masked), ufunc, method, *inputs, **options)
    if method == "at":
        return _at(name, *inputs)
    if method == "reduce":
        return _reduce(name, *inputs, **options)
    if method == "outer":
        one, other = map(symbolic, inputs)
        return apply_ufunc(ufunc, "__call__", (one[(..., *(None,) * other.ndim)], other), options)
    if method != "__call__":
        raise untraceable(f"np.{name}.{method}", "it is not in the table of operations")
    options = {k: v for k, v in options.items() if k not in ("dtype", "casting", "order", "subok")}
    outs = options.pop("out", (None,))
    condition = options.pop("where", True)
    if options:
        raise untraceable(f"np.{name}", f"the option {', '.join(options)} is not in the table")
    arrays = [symbolic(i) for i in inputs]
    result = _ufunc(name, arrays)
    (out,) = outs if isinstance(outs, tuple) else (outs,)
    if condition is not True:
        if out is None:
            raise untraceable(f"np.{name}", "with where= and without out=, some entries are never written")
        chosen = elementwise(where, symbolic(condition).entries, result.entries, out.entries)
        result = made(chosen, result.kind)
    if out is not None:
        if not is_symbolic(out):
            raise untraceable(f"np.{name}", "the result is written into an array that was made outside of the trace")
        if len(result.axes) > len(out.axes):
            raise ShapeError("non-broadcastable output operand")
        out.assign(result.entries, result.kind, f"np.{name}")
        return out
    if all(isinstance(i, SymbolicNumber | int | float) for i in inputs):
        return size(result.entries.body)
    return result


def _ufunc(name: str, arrays: Sequence[SymbolicArray]) -> SymbolicArray:
    if name == "matmul":
        return made(matmul(*(a.entries for a in arrays)), widest(*arrays))
    rule = UFUNCS.get(name)
    if rule is None:
        raise untraceable(f"np.{name}", "it is not in the table of operations")
    if name == "multiply" and all(a.kind == "b" for a in arrays):
        name = "bitwise_and"
    kind = rule.kind([a.kind for a in arrays])
    if name == "power" and kind == "i" and not arrays[1].entries.body.is_nonnegative:
        raise untraceable("power", "integers to a negative integer power are not allowed in NumPy")
    return made(elementwise(rule.function, *(a.entries for a in arrays)), kind)


def _at(name: str, array: Any, index: Any, value: Any = None) -> None:
    signs = {"add": 1, "subtract": -1}
    if name not in signs or not is_symbolic(array):
        raise untraceable(f"np.{name}.at", "the table has add.at and subtract.at, on arrays made in the trace")
    add_at(array, index, value, signs[name])


def _reduce(name: str, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, **options: Any) -> Any:
    names = {"add": total_of, "maximum": maximum, "minimum": minimum, "multiply": prod}
    if name not in names:
        raise untraceable(f"np.{name}.reduce", "it is not in the table of operations")
    return names[name](array, axis=axis, out=out, **options)


# -- reductions ------------------------------------------------------------------------------------------------------


def _reduction(name: str, compute: Callable[[Entries, tuple[int, ...], bool], Entries], kind: str = "") -> Any:
    def function(
        array: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **options: Any
    ) -> Any:
        if isinstance(array, Masked):
            return getattr(array, name)()
        if options.keys() - {"where", "initial"} or options.get("where", True) is not True or out is not None:
            raise untraceable(f"np.{name}", f"the options {', '.join(options) or 'out'} are not in the table")
        if options.get("initial") not in (None, 0, numpy._NoValue):
            raise untraceable(f"np.{name}", "the option initial is not in the table")
        array = symbolic(array)
        found = compute(
            array.entries, axis_numbers(axis, array.ndim), bool(keepdims) and keepdims is not numpy._NoValue
        )
        result: Any = kind or ("i" if array.kind == "b" else array.kind)
        return made(found, result)

    function.__name__ = name
    return function


def _prod(body: Expr, over: tuple[Index, ...]) -> Expr:
    out: Expr = body
    for index in over:
        if not index.dim.is_Integer:
            raise untraceable("np.prod", f"a product over the symbolic size {index.dim} has no formula here", index.dim)
        out = sympy.Mul(*(out.xreplace({index: Integer(k)}) for k in range(int(index.dim))))
    return out


total_of = _reduction("sum", total)
mean_of = _reduction("mean", mean, "f")
maximum = _reduction("max", lambda a, axes, keep: extremum(a, axes, keep, "max"))
minimum = _reduction("min", lambda a, axes, keep: extremum(a, axes, keep, "min"))
prod = _reduction("prod", lambda a, axes, keep: reduced(a, axes, keep, _prod))


def _variance(array: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, **options: Any) -> Any:
    keepdims = bool(options.pop("keepdims", False) is True)
    ddof = options.pop("correction", ddof)
    if out is not None or {k for k, v in options.items() if v is not numpy._NoValue}:
        raise untraceable("np.var", f"the options {', '.join(options) or 'out'} are not in the table")
    entries = symbolic(array).entries
    axes = axis_numbers(axis, entries.rank)
    deviation = elementwise(lambda x, m: (x - m) ** 2, entries, mean(entries, axes, True))
    count = length(tuple(i for a in axes for i in entries.axes[a]))
    found = total(deviation, axes, keepdims)
    return found.with_body(found.body / (count - exactly(ddof)))


def var(array: Any, *arguments: Any, **options: Any) -> SymbolicArray:
    return made(_variance(array, *arguments, **options))


def std(array: Any, *arguments: Any, **options: Any) -> SymbolicArray:
    return made(elementwise(sympy.sqrt, _variance(array, *arguments, **options)))


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> SymbolicArray:
    """``np.linalg.norm``: Euclidean, Frobenius, 1."""
    array = symbolic(x)
    axes = axis_numbers(axis, array.ndim)
    if ord == 1 and len(axes) == 1:
        return made(total(elementwise(absolute, array.entries), axes, keepdims))
    if not (ord is None or (ord == 2 and len(axes) == 1) or (ord == "fro" and len(axes) == 2)):
        raise untraceable("np.linalg.norm", f"ord={ord!r} is not in the table")
    squares = total(elementwise(lambda e: e**2, array.entries), axes, keepdims)
    return made(elementwise(sympy.sqrt, squares))


# -- products --------------------------------------------------------------------------------------------------------


def _of_entries(compute: Callable[..., Entries]) -> Any:
    def function(*arrays: Any, out: Any = None) -> Any:
        operands = [symbolic(a) for a in arrays]
        result = made(compute(*(a.entries for a in operands)), widest(*operands))
        if out is not None:
            out.assign(result.entries, result.kind, "out=")
        return result if out is None else out

    return function


def _outer(a: Any, b: Any, out: Any = None) -> Any:
    one, other = arranging.ravel(a), arranging.ravel(b)
    return made(contract([(one.entries, "i"), (other.entries, "j")], "ij"), widest(one, other))


def _inner(a: Entries, b: Entries) -> Entries:
    if not a.rank or not b.rank:
        return elementwise(sympy.Mul, a, b)
    left, right = [("a", k) for k in range(a.rank - 1)], [("b", k) for k in range(b.rank - 1)]
    return contract([(a, [*left, "inner"]), (b, [*right, "inner"])], [*left, *right], broadcasting=False)


def _vdot(a: Any, b: Any) -> Any:
    return _of_entries(dot)(arranging.ravel(a), arranging.ravel(b))


def _einsum(subscripts: Any, *operands: Any, out: Any = None, **options: Any) -> Any:
    if not isinstance(subscripts, str) or options.keys() - {"optimize"}:
        raise untraceable("np.einsum", "the table has subscripts as text")
    return _of_entries(lambda *arrays: einsum(subscripts, arrays))(*operands, out=out)


def tensordot(a: Any, b: Any, axes: Any = 2) -> SymbolicArray:
    one, other = symbolic(a), symbolic(b)
    if isinstance(axes, int | numpy.integer):
        left, right = list(range(one.ndim - int(axes), one.ndim)), list(range(int(axes)))
    else:
        left, right = (list(axis_numbers(x, r)) for x, r in zip(axes, (one.ndim, other.ndim), strict=True))
    mine = [("sum", left.index(k)) if k in left else ("a", k) for k in range(one.ndim)]
    its = [("sum", right.index(k)) if k in right else ("b", k) for k in range(other.ndim)]
    output = [label for label in (*mine, *its) if label[0] != "sum"]
    return made(contract([(one.entries, mine), (other.entries, its)], output, broadcasting=False), widest(one, other))


def trace(array: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, **options: Any) -> SymbolicArray:
    return total_of(diagonal(array, offset, axis1, axis2), axis=-1)  # type: ignore[no-any-return]


def diagonal(array: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> SymbolicArray:
    array = symbolic(array)
    one, other = axis_number(axis1, array.ndim), axis_number(axis2, array.ndim)
    if offset or length(array.axes[one]) != length(array.axes[other]):
        raise untraceable("np.diagonal", "the table has the main diagonal of square matrices")
    labels = ["same" if k in (one, other) else k for k in range(array.ndim)]
    output = [label for label in labels if label != "same"] + ["same"]
    return made(contract([(array.entries, labels)], output), array.kind)


def diag(v: Any, k: int = 0) -> SymbolicArray:
    array = symbolic(v)
    if k or array.ndim > 2:
        raise untraceable("np.diag", "the table has the main diagonal")
    if array.ndim == 2:
        return diagonal(array)
    one, other = array.entries.renamed(), array.entries.renamed()
    delta = sympy.Mul(*(Delta(a, b) for a, b in zip(one.indices, other.indices, strict=True)))
    return made(Entries((*one.axes, *other.axes), delta * one.body), array.kind)


# -- selection -------------------------------------------------------------------------------------------------------


def _where(condition: Any, *branches: Any) -> SymbolicArray:
    if not branches:
        raise untraceable("np.where", "with a condition alone, the number of places depends on the inputs")
    arrays = [symbolic(b) for b in branches]
    return made(elementwise(where, symbolic(condition).entries, *(a.entries for a in arrays)), widest(*arrays))


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *arguments: Any, **options: Any) -> Any:
    low, high = options.pop("min", a_min), options.pop("max", a_max)
    out = options.pop("out", arguments[0] if arguments else None)
    if options:
        raise untraceable("np.clip", f"the option {', '.join(options)} is not in the table")
    array = symbolic(a)
    given = {k: symbolic(v) for k, v in (("low", low), ("high", high)) if v is not None}

    def function(x: Expr, *bounds: Expr) -> Expr:
        named = dict(zip(given, bounds, strict=True))
        return clip(x, named.get("low"), named.get("high"))

    result = made(
        elementwise(function, array.entries, *(g.entries for g in given.values())), widest(array, *given.values())
    )
    if out is not None:
        out.assign(result.entries, result.kind, "np.clip")
    return result if out is None else out


def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    if where is True:
        dst[...] = src
    else:
        dst[...] = _where(where, src, dst)


def shape(array: Any) -> tuple[int, ...]:
    return symbolic(array).shape


def count(array: Any, axis: Any = None) -> Any:
    array = symbolic(array)
    return array.size if axis is None else array.shape[axis]


#: NumPy functions by name. The first argument is the array.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sum": total_of,
    "mean": mean_of,
    "average": mean_of,
    "max": maximum,
    "amax": maximum,
    "min": minimum,
    "amin": minimum,
    "prod": prod,
    "var": var,
    "std": std,
    "linalg.norm": norm,
    "dot": _of_entries(dot),
    "matmul": _of_entries(matmul),
    "inner": _of_entries(_inner),
    "vdot": _vdot,
    "outer": _outer,
    "einsum": _einsum,
    "tensordot": tensordot,
    "trace": trace,
    "linalg.trace": trace,
    "diagonal": diagonal,
    "diag": diag,
    "where": _where,
    "clip": _clip,
    "copyto": copyto,
    "reshape": arranging.reshape,
    "ravel": arranging.ravel,
    "transpose": lambda a, axes=None: symbolic(a).transpose(*(() if axes is None else (axes,))),
    "permute_dims": lambda a, axes=None: symbolic(a).transpose(*(() if axes is None else (axes,))),
    "matrix_transpose": lambda a: symbolic(a).swapaxes(-1, -2),
    "swapaxes": lambda a, axis1, axis2: symbolic(a).swapaxes(axis1, axis2),
    "moveaxis": arranging.moveaxis,
    "squeeze": arranging.squeeze,
    "expand_dims": arranging.expand_dims,
    "broadcast_to": arranging.broadcast_to,
    "concatenate": arranging.concatenate,
    "concat": arranging.concatenate,
    "stack": arranging.stack,
    "vstack": arranging.vstack,
    "hstack": arranging.hstack,
    "split": arranging.split,
    "array_split": arranging.split,
    "repeat": arranging.repeat,
    "tile": arranging.tile,
    "flip": arranging.flip,
    "pad": arranging.pad,
    "take": arranging.take,
    "take_along_axis": arranging.along_axis,
    "put_along_axis": arranging.put_along_axis,
    "sliding_window_view": arranging.windows,
    "zeros_like": creation.like(Integer(0)),
    "ones_like": creation.like(Integer(1)),
    "empty_like": creation.uninitialised_like,
    "full_like": creation.full_like,
    "tril": creation.triangle(upper=False),
    "triu": creation.triangle(upper=True),
    "copy": lambda a, *rest, **options: symbolic(a).copy(),
    "astype": creation.astype,
    "shape": shape,
    "ndim": lambda a: symbolic(a).ndim,
    "size": count,
    "real": symbolic,
    "argmax": one_hot_rows.argmax,
    "atleast_1d": lambda a: symbolic(a) if symbolic(a).ndim else symbolic(a)[None],
    "atleast_2d": lambda a: symbolic(a)[(None,) * max(0, 2 - symbolic(a).ndim)],
}

#: Methods of arrays, by name.
METHODS: dict[str, Callable[..., Any]] = {
    **{name: FUNCTIONS[name] for name in ("sum", "mean", "max", "min", "prod", "var", "std", "dot", "clip")},
    **{name: FUNCTIONS[name] for name in ("reshape", "ravel", "squeeze", "repeat", "take", "trace", "diagonal")},
    "astype": creation.astype,
    "flatten": arranging.flatten,
    "argmax": one_hot_rows.argmax,
}


def apply_function(function: Any, arguments: Sequence[Any], options: dict[str, Any]) -> Any:
    """A NumPy function on symbolic arrays, by its entry in the table."""
    name = function.__name__
    if function.__module__ == "numpy.linalg":
        name = f"linalg.{name}"
    known = FUNCTIONS.get(name)
    if known is None:
        raise untraceable(f"np.{name}", "it is not in the table of operations")
    return known(*arguments, **options)
