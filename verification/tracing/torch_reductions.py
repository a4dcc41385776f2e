"""Torch's reductions and products, by name."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy

from . import creation, one_hot_rows
from .arranging import axis_number
from .masked import Masked
from .numpy_table import FUNCTIONS, maximum, minimum, norm, tensordot
from .session import untraceable
from .symbolic import SymbolicArray, is_symbolic
from .torch_creation import cast
from .torch_elementwise import ELEMENTWISE, Rule
from .torch_tensor import Unexplained, kind_of


class Extreme(NamedTuple):
    """What ``x.max(dim)`` gives."""

    values: Any
    indices: Any


def axes(dim: Any) -> Any:
    """``dim`` as NumPy's ``axis``."""
    return tuple(dim) if isinstance(dim, tuple | list) else dim


def reduction(name: str) -> Rule:
    function = FUNCTIONS[name]

    def rule(input: Any, dim: Any = None, keepdim: Any = False, dtype: Any = None) -> Any:
        if isinstance(input, Masked):
            if dim is not None:
                raise untraceable(f"{name} of masked entries", "along an axis")
            return function(input)
        return function(as_kind(input, dtype), axis=axes(dim), keepdims=bool(keepdim))

    return rule


def as_kind(input: Any, dtype: Any) -> Any:
    """The tensor in the dtype in which it is reduced."""
    return input if dtype is None else cast(input, kind_of(dtype))


def _extreme(name: str, whole: Rule, both: str) -> Rule:
    def rule(input: Any, dim: Any = None, keepdim: Any = False, other: Any = None) -> Any:
        if is_symbolic(dim) or other is not None:
            return ELEMENTWISE[both](input, dim if other is None else other)
        found = whole(input, axis=axes(dim), keepdims=bool(keepdim))
        if dim is None:
            return found
        indices = one_hot_rows.labels(input, dim, bool(keepdim)) if name == "max" else None
        return Extreme(found, Unexplained(f"the indices of x.{name}(dim)") if indices is None else indices)

    return rule


def _spread(name: str) -> Rule:
    """``var`` and ``std``: of the sample, unless told otherwise."""
    function = FUNCTIONS[name]

    def rule(input: Any, dim: Any = None, unbiased: Any = None, keepdim: Any = False, correction: Any = None) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        less = correction if correction is not None else 1 if unbiased is None else int(unbiased)
        return function(input, axis=axes(dim), ddof=less, keepdims=bool(keepdim))

    return rule


def _var_mean(name: str) -> Rule:
    spread, mean = _spread(name), reduction("mean")

    def rule(input: Any, dim: Any = None, unbiased: Any = None, keepdim: Any = False, correction: Any = None) -> Any:
        return spread(input, dim, unbiased, keepdim, correction), mean(input, dim, keepdim)

    return rule


def _norm(input: Any, p: Any = 2, dim: Any = None, keepdim: Any = False, dtype: Any = None, **options: Any) -> Any:
    """``x.norm(p, dim)``: of the entries as one vector where several axes are given."""
    p = options.pop("ord", p)
    if options:
        raise untraceable("torch.norm", f"the option {', '.join(options)} is not in the table")
    if p in (None, 2, 2.0, "fro"):
        return numpy.sqrt(FUNCTIONS["sum"](input * input, axis=axes(dim), keepdims=bool(keepdim)))
    if p in (1, 1.0):
        return FUNCTIONS["sum"](numpy.absolute(input), axis=axes(dim), keepdims=bool(keepdim))
    raise untraceable("torch.norm", f"p={p!r} is not in the table")


def _linalg_norm(A: Any, ord: Any = None, dim: Any = None, keepdim: Any = False, dtype: Any = None) -> Any:
    return norm(A, ord, axes(dim), bool(keepdim))


def logsumexp(input: Any, dim: Any, keepdim: Any = False) -> Any:
    return numpy.log(FUNCTIONS["sum"](numpy.exp(input), axis=axes(dim), keepdims=bool(keepdim)))


def _prod(input: Any, dim: Any = None, keepdim: Any = False, dtype: Any = None) -> Any:
    return FUNCTIONS["prod"](as_kind(input, dtype), axis=axes(dim), keepdims=bool(keepdim))


def _cumsum(input: Any, dim: Any, dtype: Any = None) -> SymbolicArray:
    """The sum up to each place: the product with a triangle of ones."""
    at = axis_number(dim, input.ndim)
    last = as_kind(input, dtype).swapaxes(at, -1)
    count = last.shape[-1]
    found = numpy.matmul(last, creation.triangle(upper=True)(creation.ones((count, count))))
    return found.swapaxes(at, -1)  # type: ignore[no-any-return]


REDUCTIONS: dict[str, Rule] = {
    "sum": reduction("sum"),
    "mean": reduction("mean"),
    "nansum": reduction("sum"),
    "prod": _prod,
    "cumsum": _cumsum,
    "max": _extreme("max", maximum, "maximum"),
    "min": _extreme("min", minimum, "minimum"),
    "amax": reduction("max"),
    "amin": reduction("min"),
    "var": _spread("var"),
    "std": _spread("std"),
    "var_mean": _var_mean("var"),
    "std_mean": _var_mean("std"),
    "norm": _norm,
    "linalg_vector_norm": lambda x=None, ord=2, dim=None, keepdim=False, dtype=None, input=None: _norm(
        input if x is None else x, ord, dim, keepdim
    ),
    "linalg_norm": _linalg_norm,
    "logsumexp": logsumexp,
    "argmax": lambda input, dim=None, keepdim=False: one_hot_rows.argmax(input, axis=dim, keepdims=bool(keepdim)),
    "count_nonzero": lambda input, dim=None: FUNCTIONS["sum"](numpy.not_equal(input, 0), axis=axes(dim)),
}


# -- products ----------------------------------------------------------------------------------------------------------


def matmul(input: Any, other: Any) -> Any:
    return numpy.matmul(input, other)


def _scaled(product: Rule) -> Rule:
    """``addmm`` and its like: β·input + α·(a @ b)."""

    def rule(input: Any, one: Any, two: Any, beta: Any = 1, alpha: Any = 1) -> Any:
        found = product(one, two)
        found = found if alpha == 1 else alpha * found
        return found if beta == 0 else (input if beta == 1 else beta * input) + found

    return rule


def _einsum(equation: Any, *operands: Any) -> Any:
    if len(operands) == 1 and isinstance(operands[0], tuple | list):
        operands = tuple(operands[0])
    return FUNCTIONS["einsum"](equation, *operands)


def _summed_products(input: Any, batch1: Any, batch2: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    return _scaled(lambda a, b: FUNCTIONS["sum"](numpy.matmul(a, b), axis=0))(input, batch1, batch2, beta, alpha)


PRODUCTS: dict[str, Rule] = {
    **{name: matmul for name in ("matmul", "mm", "bmm", "mv", "linalg_matmul")},
    "rmatmul": lambda input, other: numpy.matmul(other, input),
    "dot": lambda input, other: FUNCTIONS["dot"](input, other),
    "vdot": lambda input, other: FUNCTIONS["dot"](input, other),
    "linalg_vecdot": lambda x, y, dim=-1: FUNCTIONS["sum"](x * y, axis=dim),
    "inner": lambda input, other: FUNCTIONS["inner"](input, other),
    "outer": lambda input, vec2: FUNCTIONS["outer"](input, vec2),
    "ger": lambda input, vec2: FUNCTIONS["outer"](input, vec2),
    **{name: _scaled(matmul) for name in ("addmm", "addmv", "baddbmm")},
    "addbmm": _summed_products,
    "addr": _scaled(lambda a, b: FUNCTIONS["outer"](a, b)),
    "einsum": _einsum,
    "tensordot": lambda a, b, dims=2, out=None: tensordot(a, b, dims),
    "trace": lambda input: FUNCTIONS["trace"](input),
}
