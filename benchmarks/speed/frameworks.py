"""The forward passes in torch and JAX, as their users write them. The backward passes are theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Tensor = Any


def torch_forward(formula: str) -> Callable[..., Tensor]:
    """The value of a formula from tensors by name; what only the backward pass reads is ignored."""
    import torch

    F = torch.nn.functional

    def batchnorm(X: Tensor, g: Tensor, b: Tensor, **_: Tensor) -> Tensor:
        return F.batch_norm(X, None, None, g, b, training=True, eps=1e-5)

    def mlp(X: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, Y: Tensor) -> Tensor:
        return F.cross_entropy(torch.addmm(b2, torch.tanh(torch.addmm(b1, X, W1)), W2), Y)

    forwards: dict[str, Callable[..., Tensor]] = {
        "softmax-ce": lambda Z, Y: F.cross_entropy(Z, Y),
        "silu": lambda x, **_: F.silu(x),
        "gelu": lambda x, **_: F.gelu(x),
        "gelu-tanh": lambda x, **_: F.gelu(x, approximate="tanh"),
        "mish": lambda x, **_: F.mish(x),
        "layernorm": lambda X, g, b, **_: F.layer_norm(X, X.shape[1:], g, b, 1e-5),
        "rmsnorm": lambda X, g, **_: F.rms_norm(X, X.shape[1:], g, 1e-6),
        "batchnorm": batchnorm,
        "batched-attention": lambda Q, K, V, **_: F.scaled_dot_product_attention(Q, K, V),
        "mlp-softmax": mlp,
        "bce-with-logits": lambda z, t: F.binary_cross_entropy_with_logits(z, t),
    }
    return forwards[formula]


def jax_forward(formula: str) -> Callable[..., Tensor]:
    """The same in JAX."""
    import jax
    import jax.numpy as jnp

    def cross_entropy(Z: Tensor, Y: Tensor) -> Tensor:
        return -(Y * jax.nn.log_softmax(Z)).sum() / len(Z)

    def normalised(X: Tensor, axis: int, eps: float) -> Tensor:
        return (X - X.mean(axis, keepdims=True)) * jax.lax.rsqrt(X.var(axis, keepdims=True) + eps)

    def mlp(X: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, Y: Tensor) -> Tensor:
        return cross_entropy(jnp.tanh(X @ W1 + b1) @ W2 + b2, Y)

    def attention(Q: Tensor, K: Tensor, V: Tensor, **_: Tensor) -> Tensor:
        return jax.nn.softmax(Q @ K.mT / Q.shape[-1] ** 0.5) @ V

    def bce(z: Tensor, t: Tensor) -> Tensor:
        return (jnp.maximum(z, 0) - z * t + jnp.log1p(jnp.exp(-jnp.abs(z)))).mean()

    forwards: dict[str, Callable[..., Tensor]] = {
        "softmax-ce": cross_entropy,
        "silu": lambda x, **_: jax.nn.silu(x),
        "gelu": lambda x, **_: jax.nn.gelu(x, approximate=False),
        "gelu-tanh": lambda x, **_: jax.nn.gelu(x, approximate=True),
        "mish": lambda x, **_: jax.nn.mish(x),
        "layernorm": lambda X, g, b, **_: normalised(X, 1, 1e-5) * g + b,
        "rmsnorm": lambda X, g, **_: X * jax.lax.rsqrt((X * X).mean(1, keepdims=True) + 1e-6) * g,
        "batchnorm": lambda X, g, b, **_: normalised(X, 0, 1e-5) * g + b,
        "batched-attention": attention,
        "mlp-softmax": mlp,
        "bce-with-logits": bce,
    }
    return forwards[formula]
