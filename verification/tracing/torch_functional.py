"""``torch.nn.functional`` by name: activations, layers and attention, in the formulas of torch's own documentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import sympy
from sympy import Expr, Integer, Rational

from ...calculus.functions import Where, absolute, sigmoid, softplus
from . import creation
from .numpy_table import FUNCTIONS
from .session import untraceable
from .symbolic import SymbolicArray, exactly, made
from .torch_creation import one_hot
from .torch_elementwise import Rule, masked_fill, unary
from .torch_tensor import number_of
from .values import elementwise


def _relu(x: Expr) -> Expr:
    return Where(x, x, Integer(0))


def activation(function: Callable[..., Expr], **defaults: Any) -> Rule:
    """An activation with its parameters and their defaults, in torch's order."""

    def rule(input: Any, *arguments: Any, **options: Any) -> SymbolicArray:
        given = {**defaults, **dict(zip(defaults, arguments, strict=False)), **options}
        if given.keys() - defaults.keys():
            raise untraceable("this activation", f"the option {', '.join(given.keys() - defaults.keys())} is not known")
        values = {k: exactly(number_of(v)) if not isinstance(v, str | bool) else v for k, v in given.items()}
        return made(elementwise(lambda x: function(x, **values), input.entries))

    return rule


def _gelu(x: Expr, approximate: str) -> Expr:
    if approximate == "tanh":
        inner = sympy.sqrt(2 / sympy.pi) * (x + Rational(44715, 1000000) * x**3)
        return x * (1 + sympy.tanh(inner)) / 2
    return x * (1 + sympy.erf(x / sympy.sqrt(2))) / 2


def _elu(x: Expr, alpha: Expr) -> Expr:
    return Where(x, x, alpha * (sympy.exp(x) - 1))


_SELU = (Rational("1.0507009873554804934193349852946"), Rational("1.6732632423543772848170429916717"))


def _selu(x: Expr) -> Expr:
    scale, alpha = _SELU
    return scale * Where(x, x, alpha * (sympy.exp(x) - 1))


def _between(x: Expr, low: Expr, high: Expr) -> Expr:
    """``hardtanh``: at its two kinks, torch's derivative is 0."""
    return Where(x - low, Where(high - x, x, high), low)


def _shrunk(x: Expr, lambd: Expr) -> Expr:
    return Where(x - lambd, x - lambd, Where(-lambd - x, x + lambd, Integer(0)))


def _hard(x: Expr, lambd: Expr) -> Expr:
    return Where(x - lambd, x, Where(-lambd - x, x, Integer(0)))


def _softplus(x: Expr, beta: Expr, threshold: Expr) -> Expr:
    return softplus(beta * x) / beta  # from the threshold on torch rounds to x


ACTIVATIONS: dict[str, Rule] = {
    "sigmoid": unary(sigmoid),
    "expit": unary(sigmoid),
    "relu": activation(_relu),
    "leaky_relu": activation(lambda x, negative_slope: Where(x, x, negative_slope * x), negative_slope=0.01),
    "gelu": activation(_gelu, approximate="none"),
    "silu": activation(lambda x: x * sigmoid(x)),
    "mish": activation(lambda x: x * sympy.tanh(softplus(x))),
    "softplus": activation(_softplus, beta=1, threshold=20),
    "logsigmoid": unary(lambda x: -softplus(-x)),
    "log_sigmoid": unary(lambda x: -softplus(-x)),
    "elu": activation(_elu, alpha=1),
    "celu": activation(lambda x, alpha: Where(x, x, alpha * (sympy.exp(x / alpha) - 1)), alpha=1),
    "selu": activation(_selu),
    "hardtanh": activation(lambda x, min_val, max_val: _between(x, min_val, max_val), min_val=-1, max_val=1),
    "relu6": activation(lambda x: _between(x, Integer(0), Integer(6))),
    "hardsigmoid": activation(lambda x: _between(x / 6 + Rational(1, 2), Integer(0), Integer(1))),
    "hardswish": activation(lambda x: x * _between(x / 6 + Rational(1, 2), Integer(0), Integer(1))),
    "softsign": unary(lambda x: x / (1 + absolute(x))),
    "tanhshrink": unary(lambda x: x - sympy.tanh(x)),
    "softshrink": activation(_shrunk, lambd=0.5),
    "hardshrink": activation(_hard, lambd=0.5),
    "threshold": activation(lambda x, threshold, value: Where(x - threshold, x, value), threshold=0, value=0),
    "_threshold": activation(lambda x, threshold, value: Where(x - threshold, x, value), threshold=0, value=0),
    "prelu": lambda input, weight: _prelu(input, weight),
}


def _prelu(input: Any, weight: Any) -> SymbolicArray:
    if weight.ndim == 1 and weight.axes[0] and input.ndim > 1:
        weight = weight[(slice(None), *(None,) * (input.ndim - 2))]
    return made(elementwise(lambda x, a: Where(x, x, a * x), input.entries, weight.entries))


# -- softmax -----------------------------------------------------------------------------------------------------------


def _axis(dim: Any) -> int:
    if dim is None:
        raise untraceable("softmax", "it has no dim, and which one torch takes depends on the rank; write dim=-1")
    return int(dim)


def softmax(input: Any, dim: Any = None, dtype: Any = None) -> Any:
    e = numpy.exp(input)
    return e / FUNCTIONS["sum"](e, axis=_axis(dim), keepdims=True)


def log_softmax(input: Any, dim: Any = None, dtype: Any = None) -> Any:
    return input - numpy.log(FUNCTIONS["sum"](numpy.exp(input), axis=_axis(dim), keepdims=True))


def _glu(input: Any, dim: int = -1) -> Any:
    from .arranging import split

    a, b = split(input, 2, dim)
    return a * ACTIVATIONS["sigmoid"](b)


# -- layers ------------------------------------------------------------------------------------------------------------


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    found = numpy.matmul(input, weight.swapaxes(-1, -2) if weight.ndim > 1 else weight)
    return found if bias is None else found + bias


def _bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    found = FUNCTIONS["einsum"]("...i,kij,...j->...k", input1, weight, input2)
    return found if bias is None else found + bias


def _last(normalized_shape: Any) -> tuple[int, ...]:
    return tuple(range(-len(normalized_shape), 0))


def _scaled(normed: Any, weight: Any, bias: Any) -> Any:
    normed = normed if weight is None else normed * weight
    return normed if bias is None else normed + bias


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: Any = 1e-5) -> Any:
    axes = _last(normalized_shape)
    centred = input - FUNCTIONS["mean"](input, axis=axes, keepdims=True)
    variance = FUNCTIONS["mean"](centred * centred, axis=axes, keepdims=True)
    return _scaled(centred / numpy.sqrt(variance + eps), weight, bias)


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: Any = None) -> Any:
    squares = FUNCTIONS["mean"](input * input, axis=_last(normalized_shape), keepdims=True)
    return _scaled(input / numpy.sqrt(squares if eps is None else squares + eps), weight, None)


def _batch_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: Any = 1e-5,
) -> Any:
    axes = tuple(k for k in range(input.ndim) if k != 1)
    place = (None, slice(None), *(None,) * (input.ndim - 2))

    def along(array: Any) -> Any:
        return None if array is None else array[place]

    if training:
        centred = input - FUNCTIONS["mean"](input, axis=axes, keepdims=True)
        variance = FUNCTIONS["mean"](centred * centred, axis=axes, keepdims=True)
    else:
        centred, variance = input - along(running_mean), along(running_var)
    return _scaled(centred / numpy.sqrt(variance + eps), along(weight), along(bias))


def embedding(
    input: Any,
    weight: Any,
    padding_idx: Any = None,
    max_norm: Any = None,
    norm_type: Any = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    if padding_idx is not None or max_norm is not None or scale_grad_by_freq:
        raise untraceable("embedding", "the options padding_idx, max_norm and scale_grad_by_freq are not in the table")
    return weight[input]


def normalize(input: Any, p: Any = 2.0, dim: int = 1, eps: Any = 1e-12) -> Any:
    raise untraceable("normalize", "it is bounded away from zero by a maximum; write x / x.norm(dim=1, keepdim=True)")


def _dropout(input: Any, p: Any = 0.5, training: bool = True) -> Any:
    if training and p != 0:
        raise untraceable("dropout", "the result is different every time")
    return input


def attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: Any = 0.0,
    is_causal: bool = False,
    scale: Any = None,
    enable_gqa: bool = False,
) -> Any:
    """``scaled_dot_product_attention``."""
    if dropout_p or enable_gqa:
        raise untraceable("scaled_dot_product_attention", "with dropout or grouped queries it is not in the table")
    factor = 1 / numpy.sqrt(query.shape[-1]) if scale is None else scale
    scores = numpy.matmul(query, key.swapaxes(-1, -2)) * factor
    if is_causal:
        lower = creation.triangle(upper=False)(creation.ones((query.shape[-2], key.shape[-2])))
        scores = masked_fill(scores, numpy.equal(lower, 0), -numpy.inf)
    if attn_mask is not None:
        if attn_mask.kind == "b":
            scores = masked_fill(scores, numpy.logical_not(attn_mask), -numpy.inf)
        else:
            scores = scores + attn_mask
    return numpy.matmul(softmax(scores, -1), value)


def _cosine(x1: Any = None, x2: Any = None, dim: int = 1, eps: Any = 1e-8, input: Any = None, other: Any = None) -> Any:
    raise untraceable("cosine_similarity", "its norms are bounded away from zero by a maximum")


FUNCTIONAL: dict[str, Rule] = {
    **ACTIVATIONS,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "softmin": lambda input, dim=None, dtype=None: softmax(-input, dim),
    "glu": _glu,
    "linear": linear,
    "bilinear": _bilinear,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "batch_norm": _batch_norm,
    "embedding": embedding,
    "one_hot": one_hot,
    "normalize": normalize,
    "dropout": _dropout,
    "feature_dropout": _dropout,
    "scaled_dot_product_attention": attention,
    "cosine_similarity": _cosine,
}
