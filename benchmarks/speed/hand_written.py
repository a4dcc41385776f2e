"""The cases as an expert writes them in NumPy: careful where digits are lost, and otherwise as fast as they get.

Careful: no region of failure, as :mod:`nnmath.numeric.accuracy` defines it, at any finite input. What happens to rare
inputs is looked up with one number for each row, or for all entries, and costs little where there are none.
Nothing is blocked and nothing is checked. Arguments are those of the case; the value comes first, then the gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = Any


def softmax_ce(Z: Array, Y: Array) -> tuple[Array, ...]:
    n = len(Z)
    top = Z.argmax(axis=1)  # its place is found faster than the maximum
    top += np.arange(0, Z.size, Z.shape[1])
    z = Z - Z.take(top)[:, None]
    loss = -np.vdot(z, Y)  # the rows of Y sum to 1
    p = np.exp(z, out=z)
    total = p.sum(axis=1)
    sure = total.min() < 1.01
    if sure:  # the logarithm of the total, and p - Y, would lose digits
        p.put(top, 0)
        rest = p.sum(axis=1)
        total = 1 + rest
    loss += (np.log1p(rest) if sure else np.log(total)).sum()
    p /= total[:, None]
    p -= Y
    if sure:
        p.put(top, 0)
        p.put(top, -p.sum(axis=1))
    p *= 1 / n
    return loss / n, p


def silu(x: Array, upstream: Array) -> tuple[Array, ...]:
    c = x if x.max() <= 80 else np.clip(x, -np.inf, 80)
    e = np.exp(c)
    u = e + 1
    y = c / u
    y *= e
    e += y
    e /= u
    e *= upstream
    if c is not x:
        np.copyto(y, x, where=x > 80)
    return y, e


#: What the normal distribution has beyond a >= 0 is exp(-a*a/2) t P(t) with t = 1/(1 + 0.3 a). The coefficients of P,
#: highest power first: off by 10**-7 at most, and by no more than 4*10**-5 of the tail.
TAIL = (-0.078479267, 0.219018198, -0.0187473597, 0.144151753, 0.114034334, 0.120022132)


def gelu(x: Array, upstream: Array) -> tuple[Array, ...]:
    a = np.abs(x)
    t = a * 0.3
    t += 1
    np.reciprocal(t, out=t)
    tail = t * TAIL[0]
    for c in TAIL[1:]:
        tail += c
        tail *= t
    with np.errstate(over="ignore"):
        e = np.multiply(x, x, out=t)
    e *= -0.5
    np.exp(e, out=e)
    tail *= e
    d = (x > 0).astype(x.dtype)
    d -= tail
    np.abs(d, out=d)
    y = np.multiply(x, d, out=a)
    e *= x
    e *= (2 * np.pi) ** -0.5
    d += e
    d *= upstream
    return y, d


def gelu_tanh(x: Array, upstream: Array) -> tuple[Array, ...]:
    s, k = (8 / np.pi) ** 0.5, 0.044715
    with np.errstate(over="ignore"):
        c, d = x, x * x
    if not d.max() <= 81:
        c = np.clip(x, -20, 9)
        d = c * c
    e = d * (s * k)
    e += s
    e *= c
    np.exp(e, out=e)  # 1/(1 + 1/e) is (1 + tanh(u))/2
    t = e + 1
    y = c / t
    y *= e
    d *= 3 * s * k
    d += s
    d *= y
    d += e
    d /= t
    d *= upstream
    if c is not x:
        np.copyto(y, x, where=x > 9)
    return y, d


def mish(x: Array, upstream: Array) -> tuple[Array, ...]:
    c = x if x.max() <= 40 else np.clip(x, -np.inf, 40)
    e = np.exp(c)
    t = e + 2
    t *= e
    s = t + 2  # t/s is tanh(softplus(x))
    r = c / s
    y = t * r
    np.subtract(t, e, out=e)
    e *= 4
    e *= r
    e += t
    e /= s
    e *= upstream
    if c is not x:
        np.copyto(y, x, where=x > 40)
    return y, e


def bce(z: Array, t: Array) -> tuple[Array, ...]:
    n = len(z)
    side = (z > 0).astype(z.dtype)
    d = side - t
    side *= -2
    side += 1
    e = z * side  # -|z|
    np.exp(e, out=e)
    loss = (np.vdot(z, d) + np.log1p(e).sum()) / n
    side *= e
    e += 1
    side /= e
    d += side  # without cancellation: both sides count from 1 where z is positive
    d *= 1 / n
    return loss, d


def _squares(H: Array, axis: int) -> Array:
    return np.vecdot(H, H)[:, None] if axis == 1 else np.einsum("ij,ij->j", H, H)[None]


def _normalised(X: Array, axis: int, eps: float, centre: bool = True) -> tuple[Array, Array]:
    n, H, scale = X.shape[axis], X, 1
    with np.errstate(over="ignore"):
        if centre:
            mean = X.mean(axis=axis, keepdims=True)
            H = X - mean
        squares = _squares(H, axis)
        if centre and (np.abs(mean) > 100 * np.sqrt(squares / n)).any():
            H -= H.mean(axis=axis, keepdims=True)  # the mean was rounded
            squares = _squares(H, axis)
    if not squares.max() < 1e30:
        scale = np.maximum(np.abs(H).max(axis=axis, keepdims=True), 1)
        H = H / scale
        squares = _squares(H, axis)
    R = 1 / np.sqrt(squares / n + X.dtype.type(eps) / scale / scale)
    return np.multiply(H, R, out=None if H is X else H), R / scale


def layernorm_backward(X: Array, g: Array, dY: Array, eps: float = 1e-5) -> tuple[Array, ...]:
    return _layernorm_backward(*_normalised(X, 1, eps), g, dY)


def _layernorm_backward(H: Array, R: Array, g: Array, dY: Array) -> tuple[Array, ...]:
    """It overwrites H."""
    D = H.shape[1]
    dg = np.einsum("ij,ij->j", dY, H)
    db = dY.sum(axis=0)
    dX = dY * g
    mean = dX.mean(axis=1, keepdims=True)
    H *= (np.vecdot(dX, H) / D)[:, None]
    dX -= H
    dX -= mean
    dX *= R
    return dX, dg, db


def layernorm(X: Array, g: Array, b: Array, dY: Array, eps: float = 1e-5) -> tuple[Array, ...]:
    H, R = _normalised(X, 1, eps)
    Y = H * g
    Y += b
    return Y, *_layernorm_backward(H, R, g, dY)


def rmsnorm_backward(X: Array, g: Array, dY: Array, eps: float = 1e-6) -> tuple[Array, ...]:
    return _rmsnorm_backward(*_normalised(X, 1, eps, centre=False), g, dY)


def _rmsnorm_backward(H: Array, R: Array, g: Array, dY: Array) -> tuple[Array, ...]:
    """It overwrites H."""
    dg = np.einsum("ij,ij->j", dY, H)
    dX = dY * g
    H *= (np.vecdot(dX, H) / H.shape[1])[:, None]
    dX -= H
    dX *= R
    return dX, dg


def rmsnorm(X: Array, g: Array, dY: Array, eps: float = 1e-6) -> tuple[Array, ...]:
    H, R = _normalised(X, 1, eps, centre=False)
    return H * g, *_rmsnorm_backward(H, R, g, dY)


def batchnorm(X: Array, g: Array, b: Array, dY: Array, eps: float = 1e-5) -> tuple[Array, ...]:
    return _batchnorm(*_normalised(X, 0, eps), g, b, dY)


def _batchnorm(H: Array, R: Array, g: Array, b: Array, dY: Array) -> tuple[Array, ...]:
    """It overwrites H."""
    n = len(H)
    Y = H * g
    Y += b
    dg = np.einsum("ij,ij->j", dY, H)
    db = dY.sum(axis=0)
    H *= dg / n
    dX = dY - H
    dX -= db / n
    dX *= g * R
    return Y, dX, dg, db


def attention(Q: Array, K: Array, V: Array, dO: Array) -> tuple[Array, ...]:
    scale = Q.dtype.type(Q.shape[-1] ** -0.5)
    scaled = Q * scale
    P = scaled @ K.mT
    P -= P.max(axis=-1, keepdims=True)
    np.exp(P, out=P)
    P /= P.sum(axis=-1, keepdims=True)
    O = P @ V
    dV = P.mT @ dO
    dS = dO @ V.mT
    dS -= np.vecdot(dO, O)[..., None]
    dS *= P
    dQ = dS @ K
    dQ *= scale
    return O, dQ, dS.mT @ scaled, dV


def mlp(X: Array, W1: Array, b1: Array, W2: Array, b2: Array, Y: Array) -> tuple[Array, ...]:
    U = X @ W1
    U += b1
    A = np.tanh(U)
    Z = A @ W2
    Z += b2
    loss, dZ = softmax_ce(Z, Y)
    dA = dZ @ W2.T
    dW2 = A.T @ dZ
    A *= A
    np.subtract(1, A, out=A)
    saturated = np.flatnonzero(A < 2**-8)
    if saturated.size:
        e = np.exp(-2 * np.abs(U.take(saturated)))
        A.put(saturated, 4 * e / (1 + e) ** 2)
    dA *= A
    return loss, X.T @ dA, dA.sum(axis=0), dW2, dZ.sum(axis=0)


#: By formula and part.
BY_HAND: Mapping[tuple[str, str], Callable[..., tuple[Array, ...]]] = {
    ("softmax-ce", "forward + backward"): softmax_ce,
    ("silu", "forward + backward"): silu,
    ("gelu", "forward + backward"): gelu,
    ("gelu-tanh", "forward + backward"): gelu_tanh,
    ("mish", "forward + backward"): mish,
    ("layernorm", "backward"): layernorm_backward,
    ("layernorm", "forward + backward"): layernorm,
    ("rmsnorm", "backward"): rmsnorm_backward,
    ("rmsnorm", "forward + backward"): rmsnorm,
    ("batchnorm", "forward + backward"): batchnorm,
    ("batched-attention", "forward + backward"): attention,
    ("mlp-softmax", "forward + backward"): mlp,
    ("bce-with-logits", "forward + backward"): bce,
}
