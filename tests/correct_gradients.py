"""Correct gradients as NumPy functions and as forward/backward pairs, each with the call that judges it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from traced_gradients import CASES


@dataclass(frozen=True)
class Correct:
    """A correct gradient: the code, what it is the gradient of, and its arrays."""

    subject: Any
    against: str | Callable[..., Any] | None = None
    inputs: str | None = None
    forward: Callable[..., Any] | None = None


# -- functions that return gradients -----------------------------------------------------------------------------------


def rows_softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def cross_entropy_targets(logits, targets):
    return (rows_softmax(logits) - targets) / logits.shape[0]


def cross_entropy_and_loss(logits, labels):
    n = logits.shape[0]
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_probs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    loss = -np.sum(log_probs[np.arange(n), labels]) / n
    dlogits = np.exp(log_probs)
    dlogits[np.arange(n), labels] -= 1
    dlogits /= n
    return loss, dlogits


def sum_cross_entropy(Z, y):
    p = rows_softmax(Z)
    one_hot = np.zeros(Z.shape)
    one_hot[np.arange(Z.shape[0]), y] = 1
    return p - one_hot


def smoothed_cross_entropy(Z, Y, eps):
    n, classes = Z.shape
    soft = (1 - eps) * Y + eps / classes
    return (rows_softmax(Z) - soft) / n


def logistic_regression(X, w, b, t):
    error = (sigmoid(X @ w + b) - t) / len(t)
    return X.T @ error, error.sum()


def huber(p, t):
    r = p - t
    return np.where(np.abs(r) <= 1, r, np.sign(r)) / r.shape[0]


def log_cosh(p, t):
    return np.tanh(p - t) / p.size


def ridge(X, w, y, lam):
    residual = X.dot(w) - y
    return (2.0 / X.shape[0]) * X.T.dot(residual) + 2 * lam * w


def hinge(s, t):
    margin = 1 - t * s
    return np.where(margin > 0, -t, 0) / len(s)


def log_sum_exp(Z, dL):
    m = Z.max(axis=1)
    e = np.exp(Z - m[:, None])
    return dL[:, None] * e / e.sum(axis=1)[:, None]


def kl_logits(Z, Q):
    """Of KL(Q ‖ softmax(Z)), by Z."""
    return rows_softmax(Z) - Q


def cosine_rows(A, B, dY):
    na = np.linalg.norm(A, axis=1, keepdims=True)
    nb = np.linalg.norm(B, axis=1, keepdims=True)
    c = (A * B).sum(1, keepdims=True) / (na * nb)
    up = dY[:, None]
    return up * (B / (na * nb) - c * A / na**2), up * (A / (na * nb) - c * B / nb**2)


def unit_rows(X, dY):
    r = np.sqrt(np.sum(X**2, axis=-1, keepdims=True) + 1e-6)
    return dY / r - X * np.sum(dY * X, axis=-1, keepdims=True) / r**3


def poisson(z, t):
    return (np.exp(z) - t) / z.shape[0]


def masked_factors(U, V, R, M):
    residual = (U @ V.T - R) * M
    return 2 * residual @ V, 2 * residual.T @ U


def bilinear(A, W, B, dY):
    return dY[:, None] * (B @ W.T), np.einsum("n,ni,nj->ij", dY, A, B), dY[:, None] * (A @ W)


def mean_over_time(X, dY):
    return np.broadcast_to(dY[:, None, :] / X.shape[1], X.shape)


def standardise(X, dY):
    centred = X - X.mean(axis=0)
    sd = np.sqrt((centred**2).mean(axis=0) + 1e-5)
    h = centred / sd
    return (dY - dY.mean(axis=0) - h * (dY * h).mean(axis=0)) / sd


def gated(A, B, dY):
    s, rest = sigmoid(B), sigmoid(-B)
    return dY * s, dY * A * s * rest


def dropped(X, M, p, dY):
    return dY * M / (1 - p)


def contrastive(A, B, tau):
    n = A.shape[0]
    dS = (rows_softmax(A @ B.T / tau) - np.eye(n)) / n / tau
    return dS @ B, dS.T @ A


FUNCTIONS = {
    "cross_entropy_targets": Correct(cross_entropy_targets, "softmax-ce"),
    "cross_entropy_and_loss": Correct(cross_entropy_and_loss, "softmax-ce-labels"),
    "sum_cross_entropy": Correct(
        sum_cross_entropy, "P = softmax(Z)\nL = -sum(log(P[i, y[i]]) for i in n)", "Z: n C, y: n int<C"
    ),
    "smoothed_cross_entropy": Correct(
        smoothed_cross_entropy,
        "P = softmax(Z)\nL = -sum(((1 - eps)*Y[i, c] + eps/C)*log(P[i, c]) for i in n for c in C)/n",
        "Z: n C, Y: n C rows, eps: positive",
    ),
    "logistic_regression": Correct(
        logistic_regression,
        "s = sigmoid(X @ w + b)\nL = -mean(t*log(s) + (1 - t)*log(1 - s))",
        "X: n D, w: D, b: real, t: n",
    ),
    "huber": Correct(huber, "r = p - t\nL = mean(where(1 - abs(r) > 0, r**2/2, abs(r) - 0.5))", "p: n, t: n"),
    "log_cosh": Correct(log_cosh, "mean(log(cosh(p - t)))", "p: n C, t: n C"),
    "ridge": Correct(ridge, "mean((X @ w - y)**2) + lam*sum(w**2)", "X: n d, w: d, y: n, lam: positive"),
    "hinge": Correct(hinge, "mean(relu(1 - t*s))", "s: n, t: n"),
    "log_sum_exp": Correct(
        log_sum_exp, "l[i] = log(sum(exp(Z[i, k]) for k in C))\nL = upstream(dL, l)", "Z: n C, dL: n"
    ),
    "kl_logits": Correct(kl_logits, "P = softmax(Z)\nL = sum(Q*(log(Q) - log(P)))", "Z: n C, Q: n C positive rows"),
    "cosine_rows": Correct(
        cosine_rows,
        "Y[i] = sum(A[i, d]*B[i, d] for d in D)/sqrt(sum(A[i, d]**2 for d in D)*sum(B[i, d]**2 for d in D))\n"
        "L = upstream(dY, Y)",
        "A: n D, B: n D, dY: n",
    ),
    "unit_rows": Correct(
        unit_rows,
        "r[i] = sqrt(sum(X[i, d]**2 for d in D) + 0.000001)\nY[i, d] = X[i, d]/r[i]\nL = upstream(dY, Y)",
        "X: n D, dY: n D",
    ),
    "poisson": Correct(poisson, "mean(exp(z) - t*z)", "z: n, t: n"),
    "masked_factors": Correct(masked_factors, "sum(M*(U @ V.T - R)**2)", "U: n k, V: m k, R: n m, M: n m mask"),
    "bilinear": Correct(
        bilinear,
        "Y[n_] = sum(A[n_, i]*W[i, j]*B[n_, j] for i in p for j in q)\nL = upstream(dY, Y)",
        "A: n p, W: p q, B: n q, dY: n",
    ),
    "mean_over_time": Correct(
        mean_over_time, "Y[i, d] = sum(X[i, t, d] for t in T)/T\nL = upstream(dY, Y)", "X: n T D, dY: n D"
    ),
    "standardise": Correct(
        standardise,
        "mu[d] = sum(X[k, d] for k in n)/n\nv[d] = sum((X[k, d] - mu[d])**2 for k in n)/n\n"
        "Y[i, d] = (X[i, d] - mu[d])/sqrt(v[d] + 0.00001)\nL = upstream(dY, Y)",
        "X: n D, dY: n D",
    ),
    "gated": Correct(gated, "Y = A*sigmoid(B)\nL = upstream(dY, Y)", "A: n D, B: n D, dY: n D"),
    "dropped": Correct(dropped, "Y = X*M/(1 - p)\nL = upstream(dY, Y)", "X: n D, M: n D mask, p: real, dY: n D"),
    "contrastive": Correct(
        contrastive,
        "P = softmax(A @ B.T / tau)\nL = -sum(log(P[i, i]) for i in n)/n",
        "A: n D, B: n D, tau: positive",
    ),
}

# -- a forward pass and its backward pass ------------------------------------------------------------------------------


def affine_forward(x, w, b):
    return x.dot(w) + b, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    return dout.dot(w.T), x.T.dot(dout), np.sum(dout, axis=0)


def affine_relu_forward(x, w, b):
    a = x.dot(w) + b
    return np.maximum(0, a), (x, w, a)


def affine_relu_backward(dout, cache):
    x, w, a = cache
    da = dout.copy()
    da[a <= 0] = 0
    return {"dx": da @ w.T, "dw": x.T @ da, "db": da.sum(axis=0)}


def layernorm_forward(x, gamma, beta):
    mean = x.mean(axis=1, keepdims=True)
    var = x.var(axis=1, keepdims=True)
    std = np.sqrt(var + 1e-5)
    x_hat = (x - mean) / std
    return gamma * x_hat + beta, (x_hat, gamma, std)


def layernorm_backward(dout, cache):
    x_hat, gamma, std = cache
    d = x_hat.shape[1]
    dx_hat = dout * gamma
    dx = (d * dx_hat - dx_hat.sum(1, keepdims=True) - x_hat * (dx_hat * x_hat).sum(1, keepdims=True)) / (d * std)
    return dx, (dout * x_hat).sum(0), dout.sum(0)


def tanh_step_forward(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(x @ Wx + prev_h @ Wh + b)
    return next_h, (x, prev_h, Wx, Wh, next_h)


def tanh_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    da = dnext_h * (1 - next_h * next_h)
    return da @ Wx.T, da @ Wh.T, x.T @ da, prev_h.T @ da, da.sum(axis=0)


def residual_forward(x, W1, W2):
    h = np.tanh(x @ W1)
    return x + h @ W2, {"x": x, "h": h, "W1": W1, "W2": W2}


def residual_backward(dout, cache):
    h, W2 = cache["h"], cache["W2"]
    dz = (dout @ W2.T) * (1 - h**2)
    return dout + dz @ cache["W1"].T, cache["x"].T @ dz, h.T @ dout


def attend_forward(q, k, v):
    weights = rows_softmax(q @ k.T / math.sqrt(q.shape[1]))
    return weights @ v, (q, k, v, weights)


def attend_backward(dout, cache):
    q, k, v, weights = cache
    dweights = dout @ v.T
    dscores = weights * (dweights - np.sum(dweights * weights, axis=1, keepdims=True)) / math.sqrt(q.shape[1])
    return dscores @ k, dscores.T @ q, weights.T @ dout


def elu_forward(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0))), x


def elu_backward(dout, x):
    return dout * np.where(x > 0, 1.0, np.exp(np.minimum(x, 0)))


def softplus_forward(x):
    return np.logaddexp(0, x)


def softplus_backward(dout, x):
    return dout * 0.5 * (1 + np.tanh(x / 2))


def lookup_forward(W, ids):
    return W[ids], (W.shape, ids)


def lookup_backward(dout, cache):
    shape, ids = cache
    dW = np.zeros(shape, dout.dtype)
    np.add.at(dW, ids, dout)
    return dW


def swiglu_forward(x, W, V):
    a, g = x @ W, x @ V
    s = 0.5 * (1 + np.tanh(a / 2))
    return a * s * g, (x, W, V, a, g, s)


def swiglu_backward(dout, cache):
    x, W, V, a, g, s = cache
    da = dout * g * (s + a * s * (1 - s))
    dg = dout * a * s
    return da @ W.T + dg @ V.T, x.T @ da, x.T @ dg


DENSE = "x: n D, w: D H, b: H"
PAIRS = {
    "affine": Correct((affine_forward, affine_backward), "dense"),
    "affine_backward": Correct(affine_backward, forward=affine_forward, inputs=DENSE),
    "affine_relu": Correct((affine_relu_forward, affine_relu_backward), inputs=DENSE),
    "layernorm_pair": Correct((layernorm_forward, layernorm_backward), inputs="x: n D, gamma: D, beta: D"),
    "tanh_step": Correct((tanh_step_forward, tanh_step_backward), inputs="x: n D, prev_h: n H, Wx: D H, Wh: H H, b: H"),
    "residual": Correct((residual_forward, residual_backward), inputs="x: n D, W1: D H, W2: H D"),
    "attend": Correct((attend_forward, attend_backward), inputs="q: n d, k: m d, v: m e"),
    "elu": Correct((elu_forward, elu_backward), "elu"),
    "softplus": Correct((softplus_forward, softplus_backward), "softplus"),
    "lookup": Correct((lookup_forward, lookup_backward), inputs="W: V D, ids: n int<V"),
    "swiglu": Correct((swiglu_forward, swiglu_backward), inputs="x: n D, W: D H, V: D H"),
}

#: Taken from the cases of the tracer; not all of them, for time.
TRACED = {
    name: Correct(CASES[name].function, CASES[name].define, CASES[name].given)
    for name in (
        *(
            "softmax_ce",
            "softmax_ce_range",
            "softmax_ce_len",
            "two_layer_net",
            "dense_einsum",
            "batchnorm",
            "attention_einsum",
        ),
        *("bce", "bce_stable", "relu_mask", "relu_where", "relu_in_place", "relu_output", "relu_array", "leaky"),
        *("gelu_tanh", "sigmoid", "silu", "mse", "mse_size", "embedding_onehot", "outer_product"),
    )
}
