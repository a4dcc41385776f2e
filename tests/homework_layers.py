"""Layers as people write them for a course or from a book: right ones, and ones with a usual mistake."""

from __future__ import annotations

import numpy as np


def layernorm_forward(x, gamma, beta, ln_param={"eps": 1e-5}):  # noqa: B006
    eps = ln_param.get("eps", 1e-5)
    mu, var = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    std = np.sqrt(var + eps)
    x_hat = (x - mu) / std
    return gamma * x_hat + beta, {"x_hat": x_hat, "std": std, "gamma": gamma}


def layernorm_backward(dout, cache):
    x_hat, std, gamma = cache["x_hat"], cache["std"], cache["gamma"]
    dx_hat = dout * gamma
    row = dx_hat.mean(axis=1, keepdims=True) + x_hat * (dx_hat * x_hat).mean(axis=1, keepdims=True)
    return (dx_hat - row) / std, (dout * x_hat).sum(axis=0), dout.sum(axis=0)


class LayerNorm:
    def __init__(self, dim, eps=1e-5):
        self.gamma, self.beta, self.eps = np.ones(dim), np.zeros(dim), eps

    def forward(self, x):
        mean = x.mean(-1, keepdims=True)
        self.inv = 1.0 / np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + self.eps)
        self.x_hat = (x - mean) * self.inv
        return self.gamma * self.x_hat + self.beta

    def backward(self, g):
        self.dgamma, self.dbeta = (g * self.x_hat).sum(0), g.sum(0)
        gx, n = g * self.gamma, g.shape[-1]
        row = gx.sum(-1, keepdims=True) + self.x_hat * (gx * self.x_hat).sum(-1, keepdims=True)
        return self.inv / n * (n * gx - row)


def softmax_regression(W, X, y, reg):
    N = X.shape[0]
    scores = X.dot(W)
    scores -= scores.max(axis=1, keepdims=True)
    P = np.exp(scores)
    P /= P.sum(axis=1, keepdims=True)
    loss = -np.log(P[range(N), y]).sum() / N + reg * np.sum(W * W)
    P[range(N), y] -= 1
    dW = X.T.dot(P) / N + 2 * reg * W
    return loss, dW


def softmax_regression_half(W, X, y, reg):
    loss, dW = softmax_regression(W, X, y, reg)
    return loss - 0.5 * reg * np.sum(W * W), dW


def ridge(X, y, w, lam):
    r = X @ w - y
    return r @ r + lam * w @ w, 2 * X.T @ r + 2 * lam * w


def ridge_of_norms(X, y, w, lam):
    r = X @ w - y
    return r @ r + lam * np.sqrt(w @ w), 2 * X.T @ r + 2 * lam * w


def tanh_layer_forward(x, w, b):
    a = np.tanh(x @ w + b)
    return {"out": a, "cache": (x, w, a)}


def tanh_layer_backward(dout, cache):
    x, w, a = cache
    dz = dout * (1 - a * a)
    return {"dx": dz @ w.T, "dw": x.T @ dz, "db": dz.sum(0)}


class Accumulating:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.random.randn(n_in, n_out), np.zeros((1, n_out))
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        self.dW += np.dot(self.x.T, dout)
        self.db += np.sum(dout, axis=0, keepdims=True)
        return np.dot(dout, self.W.T)

    def zero_grad(self):
        self.dW.fill(0)
        self.db.fill(0)


class Columns:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.random.randn(n_out, n_in), np.zeros((n_out, 1))

    def forward(self, A):
        self.A = A
        return np.dot(self.W, A) + self.b

    def backward(self, dZ):
        self.dW, self.db = np.dot(dZ, self.A.T), np.sum(dZ, axis=1, keepdims=True)
        return np.dot(self.W.T, dZ)


class Propagating:
    def __init__(self, input_size, output_size):
        self.weights, self.bias = np.random.rand(input_size, output_size), np.random.rand(output_size)

    def forward_propagation(self, input_data):
        self.input = input_data
        return np.dot(self.input, self.weights) + self.bias

    def backward_propagation(self, output_error, learning_rate):
        input_error = np.dot(output_error, self.weights.T)
        self.weights -= learning_rate * np.dot(self.input.T, output_error)
        self.bias -= learning_rate * output_error.sum(axis=0)
        return input_error


class Stored:
    """As in a book whose layers return nothing."""

    def __init__(self, n_inputs, n_neurons):
        self.weights, self.biases = 0.01 * np.random.randn(n_inputs, n_neurons), np.zeros((1, n_neurons))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)


class StoredWithoutBias(Stored):
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + 0 * self.biases


class Softmax:
    def forward(self, inputs):
        e = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = e / np.sum(e, axis=1, keepdims=True)

    def backward(self, dvalues):
        self.dinputs = np.empty_like(dvalues)
        for k, (p, dp) in enumerate(zip(self.output, dvalues, strict=True)):
            p = p.reshape(-1, 1)
            self.dinputs[k] = np.dot(np.diagflat(p) - np.dot(p, p.T), dp)


class SoftmaxDiagonal(Softmax):
    def backward(self, dvalues):
        self.dinputs = dvalues * self.output * (1 - self.output)


class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t = t
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        self.y = e / np.sum(e, axis=-1, keepdims=True)
        n = self.y.shape[0]
        if n > 10_000:
            raise MemoryError
        self.loss = -np.sum(np.log(self.y[np.arange(n), t] + 1e-7)) / n
        return self.loss

    def backward(self, dout=1):
        dx = self.y.copy()
        dx[np.arange(len(self.t)), self.t] -= 1
        return dout * dx / len(self.t)


class MSELoss:
    def forward(self, y_pred, y_true):
        self.diff = y_pred - y_true
        return np.mean(self.diff**2)

    def backward(self):
        return 2 * self.diff / self.diff.size


class TwoLayerNet:
    def __init__(self, D=4, H=5, C=3):
        self.params = {"W1": np.random.randn(D, H), "b1": np.zeros(H), "W2": np.random.randn(H, C), "b2": np.zeros(C)}

    def loss(self, X, y=None):
        W1, b1, W2, b2 = (self.params[k] for k in ("W1", "b1", "W2", "b2"))
        h = np.tanh(X @ W1 + b1)
        scores = h @ W2 + b2
        if y is None:
            return scores
        N = X.shape[0]
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(N), y]).sum() / self.count(N)
        d = p.copy()
        d[np.arange(N), y] -= 1
        d /= N
        dh = (d @ W2.T) * (1 - h**2)
        return loss, {"W1": X.T @ dh, "b1": dh.sum(0), "W2": h.T @ d, "b2": d.sum(0)}

    def count(self, N):
        return N


class TwoLayerNetSum(TwoLayerNet):
    def count(self, N):
        return 1


class Elsewhere(Columns):
    """Keeps a gradient under a name that says nothing."""

    def backward(self, dZ):
        self.first, self.db = np.dot(dZ, self.A.T), np.sum(dZ, axis=1, keepdims=True)
        return np.dot(self.W.T, dZ)
