"""The cases as they are often written in NumPy: quicker than the careful ones by hand, and wrong for some inputs.

They lose tails of activations (the gelu functions are 0 at -6), probabilities near 1, hidden units near 1 or -1, rows
far from 0, and large rows. Formulas that are not here lose nothing by being quick: there is one function for both.
Nothing is blocked and nothing is checked. Arguments are those of the case; the value comes first, then the gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .hand_written import _batchnorm, _layernorm_backward, _rmsnorm_backward

Array = Any


def softmax_ce(Z: Array, Y: Array) -> tuple[Array, ...]:
    n = len(Z)
    z = Z - Z.max(axis=1, keepdims=True)
    p = np.exp(z)
    total = p.sum(axis=1, keepdims=True)
    loss = (np.log(total).sum() - np.vdot(z, Y)) / n  # the rows of Y sum to 1
    p /= total
    p -= Y
    p /= n
    return loss, p


def silu(x: Array, upstream: Array) -> tuple[Array, ...]:
    s = np.negative(x)
    with np.errstate(over="ignore"):
        np.exp(s, out=s)
    s += 1
    np.reciprocal(s, out=s)
    y = x * s
    d = 1 - s
    d *= y
    d += s
    d *= upstream
    return y, d


def _erf_half(x: Array, e: Array) -> Array:
    """(1 + erf(x/sqrt(2)))/2 for e = exp(-x*x/2): Abramowitz and Stegun, 7.1.26."""
    t = np.abs(x)
    t *= 0.3275911 * 0.5**0.5
    t += 1
    np.reciprocal(t, out=t)
    tail = t * 1.061405429
    for c in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail += c
        tail *= t
    tail *= e
    tail *= -0.5
    tail += 0.5
    np.copysign(tail, x, out=tail)
    tail += 0.5
    return tail


def gelu(x: Array, upstream: Array) -> tuple[Array, ...]:
    e = x * x
    e *= -0.5
    np.exp(e, out=e)
    d = _erf_half(x, e)
    y = x * d
    e *= x
    e *= (2 * np.pi) ** -0.5
    d += e
    d *= upstream
    return y, d


def gelu_tanh(x: Array, upstream: Array) -> tuple[Array, ...]:
    c, k = (2 / np.pi) ** 0.5, 0.044715
    square = x * x
    t = square * (c * k)
    t += c
    t *= x
    np.tanh(t, out=t)
    square *= 3 * c * k
    square += c
    square *= x
    half = 0.5 * t
    half += 0.5
    y = x * half
    t *= t
    np.subtract(1, t, out=t)
    t *= square
    t *= 0.5
    t += half
    t *= upstream
    return y, t


def bce(z: Array, t: Array) -> tuple[Array, ...]:
    n = len(z)
    e = np.abs(z)
    np.negative(e, out=e)
    np.exp(e, out=e)
    np.log1p(e, out=e)
    loss = (np.maximum(z, 0).sum() - np.vdot(z, t) + e.sum()) / n
    np.negative(z, out=e)
    with np.errstate(over="ignore"):
        np.exp(e, out=e)
    e += 1
    np.reciprocal(e, out=e)
    e -= t
    e /= n
    return loss, e


def _normalised(X: Array, axis: int, eps: float, centre: bool = True) -> tuple[Array, Array]:
    H = X - X.mean(axis=axis, keepdims=True) if centre else X
    squares = np.vecdot(H, H)[:, None] if axis == 1 else np.einsum("ij,ij->j", H, H)
    R = 1 / np.sqrt(squares / X.shape[axis] + X.dtype.type(eps))
    return (np.multiply(H, R, out=H) if centre else H * R), R


def layernorm_backward(X: Array, g: Array, dY: Array, eps: float = 1e-5) -> tuple[Array, ...]:
    return _layernorm_backward(*_normalised(X, 1, eps), g, dY)


def layernorm(X: Array, g: Array, b: Array, dY: Array, eps: float = 1e-5) -> tuple[Array, ...]:
    H, R = _normalised(X, 1, eps)
    Y = H * g
    Y += b
    return Y, *_layernorm_backward(H, R, g, dY)


def rmsnorm_backward(X: Array, g: Array, dY: Array, eps: float = 1e-6) -> tuple[Array, ...]:
    return _rmsnorm_backward(*_normalised(X, 1, eps, centre=False), g, dY)


def rmsnorm(X: Array, g: Array, dY: Array, eps: float = 1e-6) -> tuple[Array, ...]:
    H, R = _normalised(X, 1, eps, centre=False)
    return H * g, *_rmsnorm_backward(H, R, g, dY)


def batchnorm(X: Array, g: Array, b: Array, dY: Array, eps: float = 1e-5) -> tuple[Array, ...]:
    return _batchnorm(*_normalised(X, 0, eps), g, b, dY)


def mlp(X: Array, W1: Array, b1: Array, W2: Array, b2: Array, Y: Array) -> tuple[Array, ...]:
    A = X @ W1
    A += b1
    np.tanh(A, out=A)
    Z = A @ W2
    Z += b2
    loss, dZ = softmax_ce(Z, Y)
    dA = dZ @ W2.T
    dW2 = A.T @ dZ
    A *= A
    np.subtract(1, A, out=A)
    dA *= A
    return loss, X.T @ dA, dA.sum(axis=0), dW2, dZ.sum(axis=0)


#: By formula and part.
QUICK: Mapping[tuple[str, str], Callable[..., tuple[Array, ...]]] = {
    ("softmax-ce", "forward + backward"): softmax_ce,
    ("silu", "forward + backward"): silu,
    ("gelu", "forward + backward"): gelu,
    ("gelu-tanh", "forward + backward"): gelu_tanh,
    ("layernorm", "backward"): layernorm_backward,
    ("layernorm", "forward + backward"): layernorm,
    ("rmsnorm", "backward"): rmsnorm_backward,
    ("rmsnorm", "forward + backward"): rmsnorm,
    ("batchnorm", "forward + backward"): batchnorm,
    ("mlp-softmax", "forward + backward"): mlp,
    ("bce-with-logits", "forward + backward"): bce,
}
