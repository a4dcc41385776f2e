"""Hand-written gradients of layers and activations, each beside the forward pass that it belongs to."""

import math

import numpy as np


def dense(X, W, b, dY):
    return dY @ W.T, X.T @ dY, dY.sum(axis=0)


def dense_einsum(X, W, b, dY):
    return np.einsum("nh,dh->nd", dY, W), np.einsum("nd,nh->dh", X, dY), np.einsum("nh->h", dY)


def dense_sequences(X, W, b, dY):
    d, h = W.shape
    flat, dflat = X.reshape(-1, d), dY.reshape(-1, h)
    return (dflat @ W.T).reshape(X.shape), flat.T @ dflat, dflat.sum(0)


def layernorm(X, g, b, dY):
    mu = X.mean(-1, keepdims=True)
    var = X.var(-1, keepdims=True)
    std = np.sqrt(var + 1e-5)
    xhat = (X - mu) / std
    dxhat = dY * g
    d = X.shape[-1]
    dx = (1 / d) / std * (d * dxhat - dxhat.sum(-1, keepdims=True) - xhat * (dxhat * xhat).sum(-1, keepdims=True))
    return dx, (dY * xhat).sum(0), dY.sum(0)


def layernorm_means(X, g, b, dY):
    xc = X - np.mean(X, axis=1, keepdims=True)
    inv = 1.0 / np.sqrt(np.mean(xc**2, axis=1, keepdims=True) + 1e-5)
    h = xc * inv
    dh = dY * g
    dx = inv * (dh - dh.mean(axis=1, keepdims=True) - h * (dh * h).mean(axis=1, keepdims=True))
    return dx, np.sum(dY * h, axis=0), np.sum(dY, axis=0)


LAYERNORM = """
    mu[i] = sum(X[i, k] for k in D)/D
    v[i] = sum((X[i, k] - mu[i])**2 for k in D)/D
    H[i, d] = (X[i, d] - mu[i]) / sqrt(v[i] + 0.00001)
    Y[i, d] = H[i, d]*g[d] + b[d]
    L = upstream(dY, Y)
"""
NORMED = "X: n D, g: D, b: D, dY: n D"


def batchnorm(X, g, b, dY):
    n = X.shape[0]
    mu = X.mean(axis=0)
    xmu = X - mu
    var = 1.0 / n * np.sum(xmu**2, axis=0)
    ivar = 1.0 / np.sqrt(var + 1e-5)
    xhat = xmu * ivar
    dxhat = dY * g
    divar = np.sum(dxhat * xmu, axis=0)
    dsqrtvar = -1.0 / (var + 1e-5) * divar
    dvar = 0.5 * ivar * dsqrtvar
    dsq = 1.0 / n * np.ones((n, X.shape[1])) * dvar
    dxmu = dxhat * ivar + 2 * xmu * dsq
    dmu = -1 * np.sum(dxmu, axis=0)
    return dxmu + 1.0 / n * np.ones(X.shape) * dmu, np.sum(dY * xhat, axis=0), np.sum(dY, axis=0)


BATCHNORM = """
    mu[d] = sum(X[k, d] for k in n)/n
    v[d] = sum((X[k, d] - mu[d])**2 for k in n)/n
    H[i, d] = (X[i, d] - mu[d]) / sqrt(v[d] + 0.00001)
    Y[i, d] = H[i, d]*g[d] + b[d]
    L = upstream(dY, Y)
"""


def rmsnorm(X, g, dY):
    r = 1 / np.sqrt((X * X).mean(-1, keepdims=True) + 1e-6)
    d = dY * g
    return d * r - X * r**3 * (d * X).mean(-1, keepdims=True), (dY * X * r).sum(0)


RMSNORM = """
    r[i] = 1/sqrt(sum(X[i, k]**2 for k in D)/D + 0.000001)
    Y[i, d] = X[i, d]*r[i]*g[d]
    L = upstream(dY, Y)
"""


def attention(Q, K, V, dO):
    d = Q.shape[-1]
    scores = Q @ K.T / np.sqrt(d)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    dV = weights.T @ dO
    dW = dO @ V.T
    dS = weights * (dW - (dW * weights).sum(axis=-1, keepdims=True))
    return dS @ K / math.sqrt(d), dS.T @ Q / math.sqrt(d), dV


def attention_einsum(Q, K, V, dO):
    scale = Q.shape[1] ** -0.5
    s = np.einsum("td,sd->ts", Q, K) * scale
    a = np.exp(s - np.max(s, axis=1, keepdims=True))
    a /= np.sum(a, axis=1, keepdims=True)
    da = np.einsum("te,se->ts", dO, V)
    ds = a * (da - np.sum(da * a, axis=1, keepdims=True)) * scale
    return np.einsum("ts,sd->td", ds, K), np.einsum("ts,td->sd", ds, Q), np.einsum("ts,te->se", a, dO)


ATTENTION = """
    S[t, s] = sum(Q[t, e]*K[s, e] for e in D)/sqrt(D)
    A[t, s] = exp(S[t, s]) / sum(exp(S[t, r]) for r in S_)
    O[t, e] = sum(A[t, s]*V[s, e] for s in S_)
    L = upstream(dO, O)
"""
ATTENDED = "Q: T D, K: S_ D, V: S_ E, dO: T E"


def batched_attention(Q, K, V, dO):
    scale = 1.0 / np.sqrt(Q.shape[-1])
    scores = np.matmul(Q, K.swapaxes(-1, -2)) * scale
    e = np.exp(scores - scores.max(-1, keepdims=True))
    P = e / e.sum(-1, keepdims=True)
    dV = P.transpose(0, 2, 1) @ dO
    dP = dO @ V.swapaxes(1, 2)
    dS = P * (dP - np.sum(dP * P, -1, keepdims=True)) * scale
    return dS @ K, np.swapaxes(dS, 1, 2) @ Q, dV


BATCHED = """
    S[b, t, s] = sum(Q[b, t, e]*K[b, s, e] for e in D)/sqrt(D)
    A[b, t, s] = exp(S[b, t, s]) / sum(exp(S[b, t, r]) for r in S_)
    O[b, t, e] = sum(A[b, t, s]*V[b, s, e] for s in S_)
    L = upstream(dO, O)
"""


def relu_mask(X, dY):
    return dY * (X > 0)


def relu_where(X, dY):
    return np.where(X > 0, dY, 0)


def relu_in_place(X, dY):
    dX = dY.copy()
    dX[X <= 0] = 0
    return dX


def relu_output(X, dY):
    out = np.maximum(X, 0)
    return dY * (out > 0).astype(dY.dtype)


def relu_array(X, dY):
    dX = np.array(dY, copy=True)
    dX[X < 0] = 0
    return np.where(X == 0, 0.0, dX)


def leaky(X, dY):
    dx = np.ones_like(X)
    dx[X <= 0] = 0.01
    return dx * dY


def gelu_tanh(X, dY):
    c = np.sqrt(2 / np.pi)
    inner = c * (X + 0.044715 * X**3)
    t = np.tanh(inner)
    return dY * (0.5 * (1 + t) + 0.5 * X * (1 - t**2) * c * (1 + 3 * 0.044715 * X**2))


def sigmoid_gradient(X, dY):
    s = 1 / (1 + np.exp(-X))
    return dY * s * (1 - s)


def silu(X, dY):
    s = 1 / (1 + np.exp(-X))
    return dY * (s * (1 + X * (1 - s)))


def embedding(W, ids, dY):
    dW = np.zeros_like(W)
    np.add.at(dW, ids, dY)
    return dW


def embedding_onehot(W, ids, dY):
    return np.eye(W.shape[0])[ids].T @ dY


def outer_product(u, v, W):
    return np.outer(u, v)


def softmax_backward(Z, dY):
    p = np.exp(Z) / np.exp(Z).sum(1, keepdims=True)
    return p * (dY - (dY * p).sum(1, keepdims=True))
