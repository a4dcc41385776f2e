"""Correct gradients as classes: gradients that are returned, stored, kept in a dictionary, or applied in an update."""

from __future__ import annotations

import numpy as np
from correct_gradients import Correct, rows_softmax
from subjects.numpy_layers import Dense, Relu, SoftmaxLoss

rng = np.random.default_rng(0)


class LinearParams:
    """Parameters and gradients in dictionaries."""

    def __init__(self, W, b):
        self.params = {"W": W, "b": b}
        self.grads = {}

    def __call__(self, X):
        self.X = X
        return np.dot(X, self.params["W"]) + self.params["b"]

    def backward(self, grad_output):
        self.grads["W"] = np.dot(self.X.T, grad_output)
        self.grads["b"] = np.sum(grad_output, axis=0)
        return np.dot(grad_output, self.params["W"].T)


class LinearStep:
    """The gradients are seen only in the update."""

    def __init__(self, n_in, n_out, learning_rate=0.1):
        self.weights = rng.normal(size=(n_in, n_out)) * 0.01
        self.bias = np.zeros(n_out)
        self.learning_rate = learning_rate

    def forward(self, x):
        self.inputs = x
        return x @ self.weights + self.bias

    def backward(self, grad):
        grad_input = grad @ self.weights.T
        self.weights -= self.learning_rate * (self.inputs.T @ grad)
        self.bias -= self.learning_rate * grad.sum(axis=0)
        return grad_input


class Tanh:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, dout):
        return dout * (1.0 - self.out**2)


class LeakyReLU:
    def __init__(self, alpha=0.01):
        self.alpha = alpha

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, dout):
        slope = np.ones_like(self.x)
        slope[self.x <= 0] = self.alpha
        return dout * slope


class MSELoss:
    def forward(self, pred, target):
        self.diff = pred - target
        return np.mean(self.diff**2)

    def backward(self):
        return 2 * self.diff / self.diff.size


class LayerNorm:
    def __init__(self, d):
        self.gamma, self.beta = np.ones(d), np.zeros(d)

    def forward(self, x):
        centred = x - x.mean(axis=-1, keepdims=True)
        self.inv = 1 / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
        self.x_hat = centred * self.inv
        return self.gamma * self.x_hat + self.beta

    def backward(self, dout):
        self.dgamma = (dout * self.x_hat).sum(axis=0)
        self.dbeta = dout.sum(axis=0)
        g = dout * self.gamma
        mean = g.mean(axis=-1, keepdims=True)
        return self.inv * (g - mean - self.x_hat * (g * self.x_hat).mean(axis=-1, keepdims=True))


class RMSNorm:
    def __init__(self, d):
        self.weight = np.ones(d)

    def forward(self, x):
        self.x = x
        self.rms = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-6)
        return self.weight * x / self.rms

    def backward(self, dout):
        x, r = self.x, self.rms
        self.dweight = np.sum(dout * x / r, axis=0)
        g = dout * self.weight
        return g / r - x * np.mean(g * x, axis=-1, keepdims=True) / r**3


class SelfAttention:
    def __init__(self, d):
        self.Wq, self.Wk, self.Wv = (rng.normal(size=(d, d)) for _ in range(3))

    def forward(self, x):
        self.x = x
        self.q, self.k, self.v = x @ self.Wq, x @ self.Wk, x @ self.Wv
        self.scale = 1 / np.sqrt(x.shape[1])
        self.a = rows_softmax(self.q @ self.k.T * self.scale)
        return self.a @ self.v

    def backward(self, dout):
        da = dout @ self.v.T
        ds = self.a * (da - (da * self.a).sum(axis=1, keepdims=True)) * self.scale
        dq, dk, dv = ds @ self.k, ds.T @ self.q, self.a.T @ dout
        self.dWq, self.dWk, self.dWv = self.x.T @ dq, self.x.T @ dk, self.x.T @ dv
        return dq @ self.Wq.T + dk @ self.Wk.T + dv @ self.Wv.T


class TwoLayerNet:
    """State in attributes, gradients returned in a dictionary."""

    def __init__(self, W1, b1, W2, b2):
        self.W1, self.b1, self.W2, self.b2 = W1, b1, W2, b2

    def forward(self, X, y):
        self.X, self.y = X, y
        self.hidden = np.tanh(X @ self.W1 + self.b1)
        self.probs = rows_softmax(self.hidden @ self.W2 + self.b2)
        return -np.log(self.probs[np.arange(len(y)), y]).mean()

    def backward(self):
        delta = self.probs.copy()
        delta[np.arange(len(self.y)), self.y] -= 1
        delta /= len(self.y)
        dz = delta @ self.W2.T * (1 - self.hidden**2)
        return {"W1": self.X.T @ dz, "b1": dz.sum(0), "W2": self.hidden.T @ delta, "b2": delta.sum(0)}


class Residual:
    """A block made of other layers."""

    def __init__(self, W1, b1, W2, b2):
        self.first, self.act, self.second = LinearParams(W1, b1), Tanh(), LinearParams(W2, b2)

    def forward(self, x):
        return x + self.second(self.act.forward(self.first(x)))

    def backward(self, dout):
        dx = dout + self.first.backward(self.act.backward(self.second.backward(dout)))
        first, second = self.first.grads, self.second.grads
        return {"x": dx, "W1": first["W"], "b1": first["b"], "W2": second["W"], "b2": second["b"]}


class Embedding:
    def __init__(self, W):
        self.W = W

    def forward(self, ids):
        self.ids = ids
        return self.W[ids]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.ids, dout)


LAYERS = {
    "Dense": Correct(Dense, "dense"),
    "LinearParams": Correct(LinearParams, "dense"),
    "LinearStep": Correct(LinearStep, "dense"),
    "Relu": Correct(Relu, "relu"),
    "Tanh": Correct(Tanh, "tanh"),
    "LeakyReLU": Correct(LeakyReLU, inputs="x: n d"),
    "SoftmaxLoss": Correct(SoftmaxLoss, "softmax-ce-labels"),
    "MSELoss": Correct(MSELoss, inputs="pred: n C, target: n C"),
    "LayerNorm": Correct(LayerNorm, inputs="x: n D, gamma: D, beta: D"),
    "RMSNorm": Correct(RMSNorm, inputs="x: n D, weight: D"),
    "SelfAttention": Correct(SelfAttention, inputs="x: n d, Wq: d d, Wk: d d, Wv: d d"),
    "TwoLayerNet": Correct(TwoLayerNet, "mlp-softmax"),
    "Residual": Correct(Residual, inputs="x: n D, W1: D H, b1: H, W2: H D, b2: D"),
    "Embedding": Correct(Embedding, inputs="ids: n int<V, W: V D"),
}
