"""Losses and layers as people write them in JAX (``jax.nn``, and the forms of Optax and Flax): ``jax`` of entries.

Each takes ``jax`` and the givens by name, and returns its outputs by the names of the entry's definitions; what is
differentiated is ``L``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Outputs = Mapping[str, Any]


def _one_hot_free(jax: Any, log_p: Any, y: Any) -> Any:
    return -jax.numpy.mean(jax.numpy.take_along_axis(log_p, y[:, None], axis=1))


def softmax_ce(jax: Any, Z: Any, Y: Any) -> Outputs:
    return {"L": -jax.numpy.mean(jax.numpy.sum(Y * jax.nn.log_softmax(Z), axis=-1))}


def softmax_ce_labels(jax: Any, Z: Any, y: Any) -> Outputs:
    return {"L": _one_hot_free(jax, jax.nn.log_softmax(Z), y)}


def nll(jax: Any, U: Any, y: Any) -> Outputs:
    return {"L": _one_hot_free(jax, U, y)}


def softmax(jax: Any, Z: Any, dP: Any) -> Outputs:
    P = jax.nn.softmax(Z)
    return {"P": P, "L": jax.numpy.sum(P * dP)}


def softmin(jax: Any, Z: Any, dP: Any) -> Outputs:
    return softmax(jax, -Z, dP)


def log_softmax(jax: Any, z: Any, dy: Any) -> Outputs:
    y = jax.nn.log_softmax(z)
    return {"y": y, "L": jax.numpy.sum(dy * y)}


def kl_div(jax: Any, U: Any, P: Any) -> Outputs:
    xlogy = jax.scipy.special.xlogy
    return {"L": jax.numpy.sum(xlogy(P, P) - P * U) / U.shape[0]}


def _binary(jax: Any, z: Any, t: Any) -> Any:
    return -t * jax.nn.log_sigmoid(z) - (1 - t) * jax.nn.log_sigmoid(-z)


def bce_with_logits(jax: Any, z: Any, t: Any) -> Outputs:
    return {"L": jax.numpy.mean(_binary(jax, z, t))}


def multilabel_soft_margin(jax: Any, Z: Any, T: Any) -> Outputs:
    return {"L": jax.numpy.mean(_binary(jax, Z, T))}


def focal(jax: Any, z: Any, y: Any, alpha: Any, gamma: Any) -> Outputs:
    t = (y + 1) / 2
    p = jax.nn.sigmoid(z)
    p_t = p * t + (1 - p) * (1 - t)
    weights = (alpha * t + (1 - alpha) * (1 - t)) * (1 - p_t) ** gamma
    return {"L": jax.numpy.mean(weights * _binary(jax, z, t))}


def soft_margin(jax: Any, s: Any, y: Any) -> Outputs:
    return {"L": jax.numpy.mean(jax.nn.softplus(-y * s))}


def layernorm(jax: Any, X: Any, g: Any, b: Any, dY: Any, eps: Any) -> Outputs:
    Y = jax.nn.standardize(X, axis=-1, epsilon=eps) * g + b
    return {"Y": Y, "L": jax.numpy.sum(dY * Y)}


def rmsnorm(jax: Any, X: Any, g: Any, dY: Any, eps: Any) -> Outputs:
    Y = X * jax.lax.rsqrt(jax.numpy.mean(jax.numpy.square(X), axis=-1, keepdims=True) + eps) * g
    return {"Y": Y, "L": jax.numpy.sum(dY * Y)}


def weightnorm(jax: Any, U: Any, g: Any, dW: Any) -> Outputs:
    W = U * (g / jax.numpy.linalg.norm(U, axis=-1))[:, None]
    return {"W": W, "L": jax.numpy.sum(dW * W)}


def cosine_embedding(jax: Any, A: Any, B: Any, y: Any, margin: Any, eps: Any) -> Outputs:
    np = jax.numpy
    squares = (np.sum(A * A, axis=-1) + eps) * (np.sum(B * B, axis=-1) + eps)
    s = np.sum(A * B, axis=-1) / np.sqrt(squares)
    return {"L": np.mean(np.where(y > 0, 1 - s, np.maximum(s - margin, 0)))}
