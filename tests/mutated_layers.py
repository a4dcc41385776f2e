"""Correct backward passes of layers, as source text that the mutants change."""

from __future__ import annotations

from mutated_losses import Gradient
from traced_layers import BATCHNORM, LAYERNORM, NORMED

RMSNORM = """r[i] = sqrt(sum(X[i, k]**2 for k in D)/D + 0.00001)
Y[i, d] = X[i, d]/r[i]*g[d]
L = upstream(dY, Y)"""
ATTENTION = """S = Q @ K.T / sqrt(d)
A = softmax(S)
O = A @ V
L = upstream(dO, O)"""

LAYERS: dict[str, Gradient] = {
    "dense": Gradient(
        "dense",
        """
def forward(X, W, b):
    return X @ W + b, (X, W)

def backward(dY, cache):
    X, W = cache
    dX = dY @ W.T
    dW = X.T @ dY
    db = dY.sum(axis=0)
    return dX, dW, db
""",
    ),
    "dense_class": Gradient(
        "dense",
        """
class Layer:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dY):
        self.dW = self.X.T @ dY
        self.db = dY.sum(axis=0)
        return dY @ self.W.T
""",
    ),
    "layernorm": Gradient(
        LAYERNORM,
        """
def grad(X, g, b, dY):
    mu = X.mean(axis=1, keepdims=True)
    xc = X - mu
    inv = 1 / np.sqrt((xc**2).mean(axis=1, keepdims=True) + 1e-5)
    h = xc * inv
    dh = dY * g
    dX = inv * (dh - dh.mean(axis=1, keepdims=True) - h * (dh * h).mean(axis=1, keepdims=True))
    dg = (dY * h).sum(axis=0)
    db = dY.sum(axis=0)
    return dX, dg, db
""",
        NORMED,
    ),
    "batchnorm": Gradient(
        BATCHNORM,
        """
def grad(X, g, b, dY):
    xc = X - X.mean(axis=0)
    inv = 1 / np.sqrt((xc**2).mean(axis=0) + 1e-5)
    h = xc * inv
    dh = dY * g
    dX = inv * (dh - dh.mean(axis=0) - h * (dh * h).mean(axis=0))
    dg = (dY * h).sum(axis=0)
    db = dY.sum(axis=0)
    return dX, dg, db
""",
        NORMED,
    ),
    "rmsnorm": Gradient(
        RMSNORM,
        """
def grad(X, g, dY):
    inv = 1 / np.sqrt((X**2).mean(axis=1, keepdims=True) + 1e-5)
    h = X * inv
    dh = dY * g
    dX = inv * (dh - h * (dh * h).mean(axis=1, keepdims=True))
    dg = (dY * h).sum(axis=0)
    return dX, dg
""",
        "X: n D, g: D, dY: n D",
    ),
    "attention": Gradient(
        ATTENTION,
        """
def grad(Q, K, V, dO):
    d = Q.shape[1]
    S = Q @ K.T / np.sqrt(d)
    E = np.exp(S - S.max(axis=1, keepdims=True))
    A = E / E.sum(axis=1, keepdims=True)
    dV = A.T @ dO
    dA = dO @ V.T
    dS = A * (dA - (dA * A).sum(axis=1, keepdims=True))
    dQ = dS @ K / np.sqrt(d)
    dK = dS.T @ Q / np.sqrt(d)
    return dQ, dK, dV
""",
        "Q: n d, K: m d, V: m k, dO: n k",
    ),
    "softmax": Gradient(
        "P = softmax(Z)\nL = upstream(dP, P)",
        """
def grad(Z, dP):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    P = E / E.sum(axis=1, keepdims=True)
    dZ = P * (dP - (dP * P).sum(axis=1, keepdims=True))
    return dZ
""",
        "Z: n C, dP: n C",
    ),
    "log_softmax": Gradient(
        "Y[i, c] = Z[i, c] - log(sum(exp(Z[i, k]) for k in C))\nL = upstream(dY, Y)",
        """
def grad(Z, dY):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    P = E / E.sum(axis=1, keepdims=True)
    dZ = dY - P * dY.sum(axis=1, keepdims=True)
    return dZ
""",
        "Z: n C, dY: n C",
    ),
    "embedding": Gradient(
        "Y[i, d] = W[ids[i], d]\nL = upstream(dY, Y)",
        """
def grad(W, ids, dY):
    dW = np.zeros_like(W)
    np.add.at(dW, ids, dY)
    return dW
""",
        "W: V D, ids: n int<V, dY: n D",
    ),
    "relu": Gradient(
        "relu",
        """
def forward(x):
    return np.maximum(x, 0), x

def backward(dout, x):
    dx = dout * (x > 0)
    return dx
""",
    ),
    "leaky": Gradient(
        "Y = where(X > 0, X, 0.01*X)\nL = upstream(dY, Y)",
        """
def grad(X, dY):
    dX = dY.copy()
    dX[X <= 0] *= 0.01
    return dX
""",
        "X: n D, dY: n D",
    ),
    "tanh": Gradient(
        "tanh",
        """
def forward(x):
    y = np.tanh(x)
    return y, y

def backward(dout, y):
    dx = dout * (1 - y) * (1 + y)
    return dx
""",
    ),
    "sigmoid": Gradient(
        "sigmoid",
        """
def forward(x):
    e = np.exp(-np.abs(x))
    y = np.where(x >= 0, 1, e) / (1 + e)
    return y, x

def backward(dout, x):
    e = np.exp(-np.abs(x))
    dx = dout * e / (1 + e)**2
    return dx
""",
    ),
    "silu": Gradient(
        "silu",
        """
def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)

def forward(x):
    return x * sigmoid(x), x

def backward(dout, x):
    s = sigmoid(x)
    dx = dout * (s + x * s * sigmoid(-x))
    return dx
""",
    ),
    "gelu_tanh": Gradient(
        "Y = 0.5*X*(1 + tanh(sqrt(2/pi)*(X + 0.044715*X**3)))\nL = upstream(dY, Y)",
        """
def grad(X, dY):
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (X + 0.044715 * X**3))
    dX = dY * (0.5 * (1 + t) + 0.5 * X * (1 - t**2) * c * (1 + 3 * 0.044715 * X**2))
    return dX
""",
        "X: n D, dY: n D",
    ),
    "swish_torch": Gradient(
        "silu",
        """
import torch

class Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        s = torch.sigmoid(x)
        ctx.save_for_backward(x, s)
        return x * s

    @staticmethod
    def backward(ctx, grad_output):
        x, s = ctx.saved_tensors
        return grad_output * (s + x * s * torch.sigmoid(-x))
""",
    ),
    "dropout": Gradient(
        "Y = X*M/q\nL = upstream(dY, Y)",
        """
def grad(X, M, q, dY):
    dX = dY * M / q
    return dX
""",
        "X: n D, M: n D mask, q: positive = 0.8, dY: n D",
    ),
    "normalise": Gradient(
        "r[i] = sqrt(sum(X[i, k]**2 for k in D))\nY[i, d] = X[i, d]/r[i]\nL = upstream(dY, Y)",
        """
def grad(X, dY):
    r = np.sqrt((X**2).sum(axis=1, keepdims=True))
    u = X / r
    dX = (dY - u * (dY * u).sum(axis=1, keepdims=True)) / r
    return dX
""",
        "X: n D, dY: n D",
    ),
}
