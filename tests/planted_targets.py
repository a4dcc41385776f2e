"""Hand-written gradients with the errors that people make; each is a subject of test_verify.py."""

import numpy as np


class TwoLayer:
    """Tanh network with a softmax loss: no division by n, a global maximum, and delta aliases self.probs."""

    def __init__(self, d, h, c):
        self.W1 = np.random.randn(d, h) * 0.1
        self.b1 = np.zeros(h)
        self.W2 = np.random.randn(h, c) * 0.1
        self.b2 = np.zeros(c)

    def forward(self, X):
        self.X = X
        self.A1 = np.tanh(X @ self.W1 + self.b1)
        Z2 = self.A1 @ self.W2 + self.b2
        E = np.exp(Z2 - np.max(Z2))
        self.probs = E / E.sum(axis=1, keepdims=True)
        return self.probs

    def backward(self, y):
        n = self.X.shape[0]
        delta = self.probs
        delta[range(n), y] -= 1
        self.dW2 = self.A1.T @ delta
        self.db2 = delta.sum(axis=0)
        dA1 = delta @ self.W2.T
        dZ1 = dA1 * (1 - self.A1**2)
        self.dW1 = self.X.T @ dZ1
        self.db1 = dZ1.sum(axis=0)


def softmax(S):
    E = np.exp(S - S.max(axis=-1, keepdims=True))
    return E / E.sum(axis=-1, keepdims=True)


def attention_forward(Q, K, V):
    A = softmax(Q @ K.T / np.sqrt(Q.shape[1]))
    return A @ V, (Q, K, V, A)


def attention_backward(dO, cache):
    """Without the factor 1/√d."""
    Q, K, V, A = cache
    dV = A.T @ dO
    dA = dO @ V.T
    dS = A * (dA - (dA * A).sum(axis=-1, keepdims=True))
    dQ = dS @ K
    dK = dS.T @ Q
    return dQ, dK, dV


def dense_forward(X, W, b):
    return X @ W + b, (X, W)


def dense_backward(dout, cache):
    X, W = cache
    return dout @ W.T, X.T @ dout, dout.sum(axis=0)


def column_forward(X, W, b):
    """The bias is a column of shape (H, 1)."""
    return X @ W + b.T, (X, W)


def column_backward(dout, cache):
    X, W = cache
    return dout @ W.T, X.T @ dout, dout.sum(axis=0)[:, None]


def cross_entropy(p, y):
    """The mean over all n·C entries, and a constant inside the logarithm."""
    return -np.mean(y * np.log(p + 1e-8))


def logits_gradient(Z, Y):
    p = softmax(Z)
    dp = -Y / (p + 1e-8) / p.size
    return p * (dp - (dp * p).sum(axis=1, keepdims=True))
