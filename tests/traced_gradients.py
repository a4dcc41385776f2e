"""Hand-written gradients in the styles people use, each with the forward pass that it belongs to."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import traced_layers as layers


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


def mse(X, w, y):
    r = np.dot(X, w) - y
    return 2 / X.shape[0] * np.dot(X.T, r)


def mse_elements(P, T):
    return 2 * (P - T) / (P.shape[0] * P.shape[1])


def mse_size(P, T):
    return 2.0 * (P - T) / P.size


CASES = {
    **{
        f.__name__: Case(LABELLED, SOFTMAX_CE, "Z", f)
        for f in (softmax_ce, softmax_ce_range, softmax_ce_len, softmax_ce_onehot, softmax_ce_eye)
    },
    "two_layer_net": Case(NET, TWO_LAYER, "W1 b1 W2 b2", two_layer_net),
    "dense": Case("X: n D, W: D H, b: H, dY: n H", "Y = X @ W + b\nL = upstream(dY, Y)", "X W b", layers.dense),
    "dense_einsum": Case(
        "X: n D, W: D H, b: H, dY: n H", "Y = X @ W + b\nL = upstream(dY, Y)", "X W b", layers.dense_einsum
    ),
    "dense_sequences": Case(
        "X: B T D, W: D H, b: H, dY: B T H", "Y = X @ W + b\nL = upstream(dY, Y)", "X W b", layers.dense_sequences
    ),
    "layernorm": Case(layers.NORMED, layers.LAYERNORM, "X g b", layers.layernorm),
    "layernorm_means": Case(layers.NORMED, layers.LAYERNORM, "X g b", layers.layernorm_means),
    "batchnorm": Case(layers.NORMED, layers.BATCHNORM, "X g b", layers.batchnorm),
    "rmsnorm": Case("X: n D, g: D, dY: n D", layers.RMSNORM, "X g", layers.rmsnorm),
    "attention": Case(layers.ATTENDED, layers.ATTENTION, "Q K V", layers.attention),
    "attention_einsum": Case(layers.ATTENDED, layers.ATTENTION, "Q K V", layers.attention_einsum),
    "batched_attention": Case(
        "Q: B T D, K: B S_ D, V: B S_ E, dO: B T E", layers.BATCHED, "Q K V", layers.batched_attention
    ),
    "bce": Case("z: n, t: n", BCE, "z", bce),
    "bce_stable": Case("z: n, t: n", BCE, "z", bce_stable),
    "bce_probabilities": Case("z: n, t: n", BCE, "z", bce_probabilities),
    **{
        f.__name__: Case("X: n D, dY: n D", "Y = relu(X)\nL = upstream(dY, Y)", "X", f)
        for f in (layers.relu_mask, layers.relu_where, layers.relu_in_place, layers.relu_output, layers.relu_array)
    },
    "leaky": Case("X: n D, dY: n D", "Y = where(X > 0, X, 0.01*X)\nL = upstream(dY, Y)", "X", layers.leaky),
    "gelu_tanh": Case(
        "X: n D, dY: n D",
        "Y = 0.5*X*(1 + tanh(sqrt(2/pi)*(X + 0.044715*X**3)))\nL = upstream(dY, Y)",
        "X",
        layers.gelu_tanh,
    ),
    "sigmoid": Case("X: n D, dY: n D", "Y = sigmoid(X)\nL = upstream(dY, Y)", "X", layers.sigmoid_gradient),
    "silu": Case("X: n D, dY: n D", "Y = X*sigmoid(X)\nL = upstream(dY, Y)", "X", layers.silu),
    "mse": Case("X: n D, w: D, y: n", "L = mean((X @ w - y)**2)", "w", mse),
    "mse_elements": Case("P: n C, T: n C", "L = mean((P - T)**2)", "P", mse_elements),
    "mse_size": Case("P: n C, T: n C", "L = mean((P - T)**2)", "P", mse_size),
    "embedding": Case(
        "W: V D, ids: n int<V, dY: n D", "Y[i, d] = W[ids[i], d]\nL = upstream(dY, Y)", "W", layers.embedding
    ),
    "embedding_onehot": Case(
        "W: V D, ids: n int<V, dY: n D", "Y[i, d] = W[ids[i], d]\nL = upstream(dY, Y)", "W", layers.embedding_onehot
    ),
    "outer_product": Case("u: n, v: D, W: n D", "L = u @ W @ v", "W", layers.outer_product),
    "softmax_backward": Case(
        "Z: n C, dY: n C",
        "P[i, c] = exp(Z[i, c]) / sum(exp(Z[i, k]) for k in C)\nL = upstream(dY, P)",
        "Z",
        layers.softmax_backward,
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
    "attention_loops": (
        Case(layers.ATTENDED, layers.ATTENTION, "Q K V", attention_loops),
        {"T": 2, "D": 2, "S_": 3, "E": 2},
    ),
}
