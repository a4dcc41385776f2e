"""Torch's elementwise functions, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import sympy
from sympy import Expr

from ...calculus.functions import Where
from .conversion import symbolic
from .guards import is_left_out
from .numpy_table import FUNCTIONS
from .opaque import greater, less
from .session import untraceable
from .symbolic import SymbolicArray, made, widest
from .torch_indexing import get_item
from .torch_tape import is_recording
from .values import elementwise

Rule = Callable[..., Any]
#: A number beyond this is meant as infinity.
LARGEST = 1e30


def ufunc(name: str) -> Rule:
    """A NumPy ufunc of the table as a function of tensors."""
    function = getattr(numpy, name)

    def rule(input: Any, other: Any = None) -> Any:
        return function(input) if other is None else function(input, other)

    return rule


def pointwise(function: Callable[..., Expr]) -> Rule:
    """A function of entries as one of tensors."""

    def rule(*arrays: Any) -> SymbolicArray:
        return made(elementwise(function, *(symbolic(a).entries for a in arrays)))

    return rule


def unary(function: Callable[[Expr], Expr]) -> Rule:
    of = pointwise(function)
    return lambda input: of(input)


def _add(input: Any, other: Any, alpha: Any = 1) -> Any:
    return numpy.add(input, other if alpha == 1 else numpy.multiply(alpha, other))


def _sub(input: Any, other: Any, alpha: Any = 1) -> Any:
    return numpy.subtract(input, other if alpha == 1 else numpy.multiply(alpha, other))


def _div(input: Any, other: Any, rounding_mode: Any = None) -> Any:
    if rounding_mode == "trunc":
        raise untraceable("div", "cutting digits off has no formula here")
    if rounding_mode is not None:
        return numpy.floor_divide(input, other)
    return numpy.true_divide(input, other)


def low_bound(x: Expr, low: Expr) -> Expr:
    """max(x, low); at x = low torch's derivative is that of x."""
    return x if low is -sympy.oo else Where(low - x, low, x)


def high_bound(x: Expr, high: Expr) -> Expr:
    return x if high is sympy.oo else Where(x - high, high, x)


def larger(a: Expr, b: Expr) -> Expr:
    """max(a, b); where both are equal, torch gives half of the gradient to each."""
    if not is_recording():
        return greater(a, b)
    return a if a == b else (Where(a - b, a, b) + Where(b - a, b, a)) / 2


def smaller(a: Expr, b: Expr) -> Expr:
    return -larger(-a, -b) if is_recording() else less(a, b)


def extremes(function: Callable[[Expr, Expr], Expr]) -> Rule:
    """The larger or smaller one of two tensors."""

    def rule(input: Any, other: Any) -> SymbolicArray:
        one, two = symbolic(input), symbolic(other)
        return made(elementwise(function, one.entries, two.entries), widest(one, two))

    return rule


def _number(bound: Any) -> Expr | None:
    return None if bound is None else symbolic(bound).entries.body


def clamp(input: Any, min: Any = None, max: Any = None) -> SymbolicArray:
    array = symbolic(input)
    if is_left_out(array.entries.body, _number(min), _number(max), "clamp"):
        return array
    for bound, function in ((min, low_bound), (max, high_bound)):
        if bound is not None:
            other = symbolic(bound)
            array = made(elementwise(function, array.entries, other.entries), widest(array, other))
    return array


def where(condition: Any, input: Any = None, other: Any = None) -> SymbolicArray:
    if input is None or other is None:
        raise untraceable("torch.where", "with a condition alone, the number of places depends on the inputs")
    return FUNCTIONS["where"](condition, input, other)  # type: ignore[no-any-return]


def masked_fill(input: Any, mask: Any, value: Any) -> SymbolicArray:
    if isinstance(value, float) and LARGEST < abs(value) < float("inf"):
        raise untraceable("masked_fill", f"{value:g} stands for infinity, which it is not; write -float('inf')")
    return where(mask, symbolic(value), input)


def _masked_select(input: Any, mask: Any) -> Any:
    return get_item(input, mask)


def _lerp(input: Any, end: Any, weight: Any) -> Any:
    return input + weight * (end - input)


def _logit(input: Any, eps: Any = None) -> Any:
    x: Any = input if eps is None else clamp(input, eps, 1 - eps)
    return numpy.log(x / (1 - x))


ELEMENTWISE: dict[str, Rule] = {
    "add": _add,
    "sub": _sub,
    "subtract": _sub,
    "rsub": lambda input, other, alpha=1: numpy.subtract(other, numpy.multiply(alpha, input)),
    "mul": ufunc("multiply"),
    "multiply": ufunc("multiply"),
    "div": _div,
    "divide": _div,
    "true_divide": _div,
    "rdiv": lambda input, other: numpy.true_divide(other, input),
    "__rdiv__": lambda input, other: numpy.true_divide(other, input),
    "__rtruediv__": lambda input, other: numpy.true_divide(other, input),
    "pow": lambda input, exponent: numpy.power(input, exponent),
    "float_power": lambda input, exponent: numpy.power(input, exponent),
    "rpow": lambda input, other: numpy.power(other, input),
    "floor_divide": ufunc("floor_divide"),
    "remainder": ufunc("remainder"),
    "neg": ufunc("negative"),
    "negative": ufunc("negative"),
    "pos": lambda input: input,
    "positive": lambda input: input,
    "abs": ufunc("absolute"),
    "absolute": ufunc("absolute"),
    **{name: ufunc(name) for name in ("square", "sqrt", "exp", "exp2", "expm1", "log", "log1p", "log2", "log10")},
    **{name: ufunc(name) for name in ("tanh", "sinh", "cosh", "sin", "cos", "sign", "reciprocal", "logaddexp")},
    "heaviside": ufunc("heaviside"),
    **{name: extremes(larger) for name in ("maximum", "fmax")},
    **{name: extremes(smaller) for name in ("minimum", "fmin")},
    **{name: ufunc(name) for name in ("logical_and", "logical_or", "logical_xor", "logical_not")},
    **{name: ufunc(name) for name in ("bitwise_and", "bitwise_or", "bitwise_xor")},
    "bitwise_not": ufunc("invert"),
    "sgn": ufunc("sign"),
    "atan": ufunc("arctan"),
    "arctan": ufunc("arctan"),
    "rsqrt": unary(lambda x: 1 / sympy.sqrt(x)),
    "erf": unary(sympy.erf),
    "erfc": unary(lambda x: 1 - sympy.erf(x)),
    "gt": ufunc("greater"),
    "greater": ufunc("greater"),
    "lt": ufunc("less"),
    "less": ufunc("less"),
    "ge": ufunc("greater_equal"),
    "greater_equal": ufunc("greater_equal"),
    "le": ufunc("less_equal"),
    "less_equal": ufunc("less_equal"),
    "eq": ufunc("equal"),
    "ne": ufunc("not_equal"),
    "not_equal": ufunc("not_equal"),
    "clamp": clamp,
    "clip": clamp,
    "clamp_min": lambda input, min: clamp(input, min=min),
    "clamp_max": lambda input, max: clamp(input, max=max),
    "where": where,
    "Tensor.where": lambda input, condition, other: where(condition, input, other),
    "masked_fill": masked_fill,
    "masked_select": _masked_select,
    "lerp": _lerp,
    "addcmul": lambda input, tensor1, tensor2, value=1: input + value * tensor1 * tensor2,
    "addcdiv": lambda input, tensor1, tensor2, value=1: input + value * tensor1 / tensor2,
    "logit": _logit,
    "copy": lambda input, src: symbolic(src),
    "fill": lambda input, value: symbolic(value),
    "zero": lambda input: symbolic(0),
}
