"""Hand-written gradients in the styles people use, each beside the forward pass that it belongs to."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """The forward pass as the engine reads it, the variables of the gradients, and the code that returns them."""

    given: str
    define: str
    wrt: str
    function: Callable

    @property
    def wanted(self):
        return self.wrt.split()


SOFTMAX_CE = """
    P[i, c] = exp(Z[i, c]) / sum(exp(Z[i, k]) for k in C)
    L = -sum(log(P[i, y[i]]) for i in n)/n
"""
LABELLED = "Z: n C, y: n int<C"


def softmax_ce(Z, y):
    n = Z.shape[0]
    z = Z - Z.max(axis=1, keepdims=True)
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(n), y] -= 1
    p /= n
    return p


def softmax_ce_range(Z, y):
    n, _ = Z.shape
    e = np.exp(Z - np.max(Z, axis=1).reshape(-1, 1))
    p = e / np.sum(e, axis=1)[:, None]
    p[range(n), y] -= 1
    return p / n


def softmax_ce_len(Z, y):
    e = np.exp(Z - Z.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    p[range(len(Z)), y] -= 1
    return p / len(Z)


def softmax_ce_onehot(Z, y):
    e = np.exp(Z)
    p = e / e.sum(1, keepdims=True)
    hot = np.zeros_like(p)
    hot[np.arange(len(y)), y] = 1.0
    return (p - hot) * (1.0 / len(y))


def softmax_ce_eye(Z, y):
    e = np.exp(Z - Z.max())
    return (e / e.sum(-1, keepdims=True) - np.eye(Z.shape[1])[y]) / y.shape[0]


class TwoLayerNet:
    """Caches and gradients live in attributes; the last line of the forward pass is what backward spoils."""

    def __init__(self, W1, b1, W2, b2):
        self.W1, self.b1, self.W2, self.b2 = W1, b1, W2, b2

    def forward(self, X, y):
        self.X, self.y = X, y
        self.a1 = np.tanh(X @ self.W1 + self.b1)
        scores = self.a1 @ self.W2 + self.b2
        scores = scores - np.max(scores, axis=1, keepdims=True)
        exps = np.exp(scores)
        self.probs = exps / np.sum(exps, axis=1, keepdims=True)
        return -np.mean(np.log(self.probs[range(X.shape[0]), y]))

    def backward(self):
        n = self.X.shape[0]
        delta = self.probs
        delta[range(n), self.y] -= 1
        delta /= n
        self.dW2 = self.a1.T.dot(delta)
        self.db2 = np.sum(delta, axis=0)
        hidden = delta.dot(self.W2.T) * (1 - self.a1**2)
        self.dW1 = np.dot(self.X.T, hidden)
        self.db1 = np.sum(hidden, axis=0)


def two_layer_net(X, W1, b1, W2, b2, y):
    net = TwoLayerNet(W1, b1, W2, b2)
    net.forward(X, y)
    net.backward()
    return net.dW1, net.db1, net.dW2, net.db2


TWO_LAYER = """
    Z1 = X @ W1 + b1
    A1 = tanh(Z1)
    Z2 = A1 @ W2 + b2
    P[i, c] = exp(Z2[i, c]) / sum(exp(Z2[i, k]) for k in C)
    L = -sum(log(P[i, y[i]]) for i in n)/n
"""
NET = "X: n D, W1: D H, b1: H, W2: H C, b2: C, y: n int<C"


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


def bce(z, t):
    s = 1 / (1 + np.exp(-z))
    return (s - t) / z.shape[0]


def bce_stable(z, t):
    e = np.exp(-np.abs(z))
    s = np.where(z >= 0, 1 / (1 + e), e / (1 + e))
    return (s - t) / z.size


def bce_probabilities(z, t):
    s = 1.0 / (1.0 + np.exp(-z))
    ds = -(t / s - (1 - t) / (1 - s)) / len(z)
    return ds * s * (1 - s)


BCE = "s[i] = sigmoid(z[i])\nL = -sum(t[i]*log(s[i]) + (1 - t[i])*log(1 - s[i]) for i in n)/n"


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


def mse(X, w, y):
    r = np.dot(X, w) - y
    return 2 / X.shape[0] * np.dot(X.T, r)


def mse_elements(P, T):
    return 2 * (P - T) / (P.shape[0] * P.shape[1])


def mse_size(P, T):
    return 2.0 * (P - T) / P.size


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


CASES = {
    **{
        f.__name__: Case(LABELLED, SOFTMAX_CE, "Z", f)
        for f in (softmax_ce, softmax_ce_range, softmax_ce_len, softmax_ce_onehot, softmax_ce_eye)
    },
    "two_layer_net": Case(NET, TWO_LAYER, "W1 b1 W2 b2", two_layer_net),
    "dense": Case("X: n D, W: D H, b: H, dY: n H", "Y = X @ W + b\nL = upstream(dY, Y)", "X W b", dense),
    "dense_einsum": Case("X: n D, W: D H, b: H, dY: n H", "Y = X @ W + b\nL = upstream(dY, Y)", "X W b", dense_einsum),
    "dense_sequences": Case(
        "X: B T D, W: D H, b: H, dY: B T H", "Y = X @ W + b\nL = upstream(dY, Y)", "X W b", dense_sequences
    ),
    "layernorm": Case(NORMED, LAYERNORM, "X g b", layernorm),
    "layernorm_means": Case(NORMED, LAYERNORM, "X g b", layernorm_means),
    "batchnorm": Case(NORMED, BATCHNORM, "X g b", batchnorm),
    "rmsnorm": Case("X: n D, g: D, dY: n D", RMSNORM, "X g", rmsnorm),
    "attention": Case(ATTENDED, ATTENTION, "Q K V", attention),
    "attention_einsum": Case(ATTENDED, ATTENTION, "Q K V", attention_einsum),
    "batched_attention": Case("Q: B T D, K: B S_ D, V: B S_ E, dO: B T E", BATCHED, "Q K V", batched_attention),
    "bce": Case("z: n, t: n", BCE, "z", bce),
    "bce_stable": Case("z: n, t: n", BCE, "z", bce_stable),
    "bce_probabilities": Case("z: n, t: n", BCE, "z", bce_probabilities),
    **{
        f.__name__: Case("X: n D, dY: n D", "Y = relu(X)\nL = upstream(dY, Y)", "X", f)
        for f in (relu_mask, relu_where, relu_in_place, relu_output, relu_array)
    },
    "leaky": Case("X: n D, dY: n D", "Y = where(X > 0, X, 0.01*X)\nL = upstream(dY, Y)", "X", leaky),
    "gelu_tanh": Case(
        "X: n D, dY: n D",
        "Y = 0.5*X*(1 + tanh(sqrt(2/pi)*(X + 0.044715*X**3)))\nL = upstream(dY, Y)",
        "X",
        gelu_tanh,
    ),
    "sigmoid": Case("X: n D, dY: n D", "Y = sigmoid(X)\nL = upstream(dY, Y)", "X", sigmoid_gradient),
    "silu": Case("X: n D, dY: n D", "Y = X*sigmoid(X)\nL = upstream(dY, Y)", "X", silu),
    "mse": Case("X: n D, w: D, y: n", "L = mean((X @ w - y)**2)", "w", mse),
    "mse_elements": Case("P: n C, T: n C", "L = mean((P - T)**2)", "P", mse_elements),
    "mse_size": Case("P: n C, T: n C", "L = mean((P - T)**2)", "P", mse_size),
    "embedding": Case("W: V D, ids: n int<V, dY: n D", "Y[i, d] = W[ids[i], d]\nL = upstream(dY, Y)", "W", embedding),
    "embedding_onehot": Case(
        "W: V D, ids: n int<V, dY: n D", "Y[i, d] = W[ids[i], d]\nL = upstream(dY, Y)", "W", embedding_onehot
    ),
    "outer_product": Case("u: n, v: D, W: n D", "L = u @ W @ v", "W", outer_product),
    "softmax_backward": Case(
        "Z: n C, dY: n C",
        "P[i, c] = exp(Z[i, c]) / sum(exp(Z[i, k]) for k in C)\nL = upstream(dY, P)",
        "Z",
        softmax_backward,
    ),
}


# -- the same with loops, for concrete sizes -------------------------------------------------------------------------


def softmax_ce_loops(Z, y):
    n, C = Z.shape
    dZ = np.zeros((n, C))
    for i in range(n):
        z = Z[i] - np.max(Z[i])
        total = 0.0
        for c in range(C):
            total += np.exp(z[c])
        for c in range(C):
            dZ[i, c] = np.exp(z[c]) / total
            if c == 0:
                continue
        dZ[i, y[i]] -= 1
    return dZ / n


def dense_loops(X, W, b, dY):
    n, d = X.shape
    h = W.shape[1]
    dX, dW, db = np.zeros((n, d)), np.zeros(W.shape), np.zeros(h)
    for i in range(n):
        for k in range(h):
            db[k] += dY[i, k]
            for j in range(d):
                dX[i, j] += dY[i, k] * W[j, k]
                dW[j, k] += X[i, j] * dY[i, k]
    return dX, dW, db


def attention_loops(Q, K, V, dO):
    T, D = Q.shape
    S = K.shape[0]
    dQ, dK, dV = np.zeros_like(Q), np.zeros_like(K), np.zeros_like(V)
    for t in range(T):
        s = np.array([Q[t] @ K[r] for r in range(S)]) / np.sqrt(D)
        a = np.exp(s - s.max())
        a = a / a.sum()
        da = np.array([dO[t] @ V[r] for r in range(S)])
        ds = a * (da - np.dot(a, da)) / np.sqrt(D)
        for r in range(S):
            dV[r] += a[r] * dO[t]
            dK[r] += ds[r] * Q[t]
            dQ[t] += ds[r] * K[r]
    return dQ, dK, dV


LOOPS = {
    "softmax_ce_loops": (Case(LABELLED, SOFTMAX_CE, "Z", softmax_ce_loops), {"n": 2, "C": 3}),
    "dense_loops": (
        Case("X: n D, W: D H, b: H, dY: n H", "Y = X @ W + b\nL = upstream(dY, Y)", "X W b", dense_loops),
        {"n": 3, "D": 2, "H": 2},
    ),
    "attention_loops": (Case(ATTENDED, ATTENTION, "Q K V", attention_loops), {"T": 2, "D": 2, "S_": 3, "E": 2}),
}
