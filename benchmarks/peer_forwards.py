"""The forward passes of the mutated gradients in plain NumPy, and a point to check them at, for finite differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnmath.calculus.derivation import Derivation
from nnmath.calculus.parser import parse_givens
from nnmath.derivations import find
from nnmath.numeric.checking.regimes import REGIMES, draw


@dataclass(frozen=True)
class Forward:
    """What the source of a gradient does not say of its forward pass.

    wrt: the parameters with a gradient, in the order in which they are returned. value: None where the source has it.
    upstream: the parameter that holds the upstream gradient. parameters: those that a class keeps.
    """

    wrt: str
    value: Callable[..., Any] | None = None
    upstream: str | None = None
    parameters: tuple[str, ...] = ()


def _log_sum_exp(Z: Any) -> Any:
    top = Z.max(axis=1, keepdims=True)
    return top + np.log(np.exp(Z - top).sum(axis=1, keepdims=True))


def _cross_entropy(Z: Any, Y: Any) -> Any:
    return -np.sum(Y * (Z - _log_sum_exp(Z))) / len(Z)


def _binary(z: Any, t: Any) -> Any:
    return np.mean(np.logaddexp(0, z) - t * z)


def _normed(X: Any, axis: int) -> Any:
    return (X - X.mean(axis, keepdims=True)) / np.sqrt(X.var(axis, keepdims=True) + 1e-5)


def _softmax(Z: Any) -> Any:
    return np.exp(Z - _log_sum_exp(Z))


def _gelu(X: Any) -> Any:
    return 0.5 * X * (1 + np.tanh(np.sqrt(2 / np.pi) * (X + 0.044715 * X**3)))


def _ridge(X: Any, w: Any, y: Any, lam: Any) -> Any:
    return np.mean((X @ w - y) ** 2) + lam * np.sum(w**2)


def _mlp(X: Any, W1: Any, b1: Any, W2: Any, b2: Any, Y: Any) -> Any:
    return _cross_entropy(np.tanh(X @ W1 + b1) @ W2 + b2, Y)


FORWARDS: dict[str, Forward] = {
    "softmax_ce": Forward("Z", _cross_entropy),
    "softmax_ce_labels": Forward("Z", lambda Z, y: _cross_entropy(Z, np.eye(Z.shape[1])[y])),
    "softmax_loss_class": Forward("Z"),
    "bce": Forward("z", _binary),
    "logistic": Forward("w", lambda X, w, t: _binary(X @ w, t)),
    "mse": Forward("w", lambda X, w, y: np.mean((X @ w - y) ** 2)),
    "mse_elements": Forward("P", lambda P, T: np.mean((P - T) ** 2)),
    "l1": Forward("P", lambda P, T: np.mean(np.abs(P - T))),
    "ridge": Forward("w", _ridge),
    "quadratic": Forward("x", lambda A, b, x: x @ A @ x / 2 - b @ x),
    "bilinear": Forward("u W v", lambda u, W, v: u @ W @ v),
    "mlp": Forward("W1 b1 W2 b2", _mlp),
    "dense": Forward("X W b", upstream="dY"),
    "dense_class": Forward("X W b", upstream="dY", parameters=("W", "b")),
    "layernorm": Forward("X g b", lambda X, g, b: _normed(X, 1) * g + b, "dY"),
    "batchnorm": Forward("X g b", lambda X, g, b: _normed(X, 0) * g + b, "dY"),
    "rmsnorm": Forward("X g", lambda X, g: X / np.sqrt((X**2).mean(1, keepdims=True) + 1e-5) * g, "dY"),
    "attention": Forward("Q K V", lambda Q, K, V: _softmax(Q @ K.T / np.sqrt(Q.shape[1])) @ V, "dO"),
    "softmax": Forward("Z", _softmax, "dP"),
    "log_softmax": Forward("Z", lambda Z: Z - _log_sum_exp(Z), "dY"),
    "embedding": Forward("W", lambda W, ids: W[ids], "dY"),
    "relu": Forward("x"),
    "leaky": Forward("X", lambda X: np.where(X > 0, X, 0.01 * X), "dY"),
    "tanh": Forward("x"),
    "sigmoid": Forward("x"),
    "silu": Forward("x"),
    "gelu_tanh": Forward("X", _gelu, "dY"),
    "swish_torch": Forward("x"),
    "dropout": Forward("X", lambda X, M, q: X * M / q, "dY"),
    "normalise": Forward("X", lambda X: X / np.sqrt((X**2).sum(1, keepdims=True)), "dY"),
}


def point(gradient: Any) -> dict[str, Any]:
    """Ordinary inputs, a few numbers along every axis."""
    entry = None if gradient.inputs else find(gradient.against)
    givens = tuple(parse_givens(gradient.inputs or entry.given))
    elementwise = all(not t.rank for t in givens)
    regime = next(r for r in REGIMES if r.ordinary and r.elementwise is elementwise)
    values = dict(draw(Derivation("", "", givens, (), ()), regime, np.dtype(float), 0, elementwise).values)
    return {n: np.array(v) for n, v in values.items() if n not in ("dout", "upstream")}
