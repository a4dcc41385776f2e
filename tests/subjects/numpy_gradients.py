"""Hand-written gradients, correct and broken, as people write them."""

import os
import time

import numpy as np


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_ce_grad(z, y):
    p = softmax(z)
    dz = p.copy()
    dz[np.arange(len(y)), y] -= 1
    return dz / len(y)


def softmax_ce_sum_grad(z, y):
    p = softmax(z)
    p[np.arange(len(y)), y] -= 1
    return p


def softmax_ce_no_shift(z, y):
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    p[range(z.shape[0]), y] -= 1
    return p / z.shape[0]


def softmax_ce_global_max(z, y):
    e = np.exp(z - z.max())
    p = e / e.sum(axis=1, keepdims=True)
    p[range(z.shape[0]), y] -= 1
    return p / z.shape[0]


def softmax_loss(scores, labels):
    p = softmax(scores)
    n = len(labels)
    loss = -np.mean(np.log(p[range(n), labels]))
    dscores = p.copy()
    dscores[range(n), labels] -= 1
    return loss, dscores / n


def writes_into_input(z, y):
    z -= z.max(axis=1, keepdims=True)
    p = softmax(z)
    p[range(z.shape[0]), y] -= 1
    return p / z.shape[0]


def prints(z, y):
    print("hello")
    return softmax_ce_grad(z, y)


def hangs(z, y):
    while True:
        time.sleep(0.01)


def hangs_for_one_row(z, y):
    while len(z) == 1:
        time.sleep(0.01)
    return softmax_ce_grad(z, y)


class HangsWhenMade:
    def __init__(self):
        while True:
            time.sleep(0.01)

    def forward(self, z, y):
        self.z, self.y = z, y

    def backward(self):
        return softmax_ce_grad(self.z, self.y)


def exits(z, y):
    raise SystemExit(3)


def lists(z, y):
    return softmax_ce_grad(z, y).tolist()


def complex_numbers(z, y):
    return softmax_ce_grad(z, y) + 0j


def makes_a_folder(z, y):
    os.makedirs("made", exist_ok=True)
    return softmax_ce_grad(z, y)


def raises(z, y):
    return {"a": z}["dz"]


def gives_none(z, y):
    softmax_ce_grad(z, y)


def wrong_shape(z, y):
    return softmax_ce_grad(z, y).sum(axis=0)


def noisy(z, y):
    return softmax_ce_grad(z, y) + 1e-3 * np.random.randn(*z.shape)


_remembered = {}


def remembers_shape(z, y):
    if z.shape not in _remembered:
        _remembered[z.shape] = softmax(z)
    p = _remembered[z.shape].copy()
    p[range(z.shape[0]), y] -= 1
    return p / z.shape[0]


def dense_forward(x, w, b):
    return x @ w + b, (x, w)


def dense_backward(dout, cache):
    x, w = cache
    dx = dout @ w.T
    dw = x.T @ dout
    db = dout.sum(axis=0)
    return dx, dw, db


def dense_cut_forward(x, w, b):
    return x @ w + b, (x, w)


def dense_cut_backward(dout, cache):
    x, w = cache
    dx = np.zeros_like(x)
    dx[...] = dout @ w.T
    return dx, x.T @ dout, dout.sum(axis=0)


def dense_in_place_forward(x, w, b):
    out = x.copy()
    out += 0.0
    return out @ w + b, (out, w)


dense_in_place_backward = dense_backward


def lossy_forward(x, w, b):
    return x @ w + b, (x, w)


def lossy_backward(dout, cache):
    x, w = cache
    dout *= 1.0
    dout[dout > 1e9] = 0
    dout[0] += 0.5
    dx = dout @ w.T
    return dx, x.T @ dout, dout.sum(axis=0)


def flat_forward(x, w, b):
    return x @ w + b, (x, w)


def flat_backward(dout, cache):
    """Reads the buffer as if it were C-contiguous."""
    x, w = cache
    raw = np.lib.stride_tricks.as_strided(dout, dout.shape, (dout.shape[1] * dout.itemsize, dout.itemsize))
    return raw @ w.T, x.T @ raw, raw.sum(axis=0)


def plain_forward(x, w, b):
    return x @ w + b


def plain_backward(dout, x, w, b):
    return {"dx": dout @ w.T, "dw": x.T @ dout, "db": dout.sum(0)}


class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * 0.01
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class DenseUpdate:
    def __init__(self, n_in, n_out, lr=0.1):
        self.W = np.random.randn(n_in, n_out) * 0.01
        self.b = np.zeros(n_out)
        self.lr = lr

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        dx = dout @ self.W.T
        self.W -= self.lr * (self.x.T @ dout)
        self.b -= self.lr * dout.sum(axis=0)
        return dx


class DenseDict:
    def __init__(self, W, b):
        self.params = {"W": W, "b": b}
        self.grads = {}

    def forward(self, X):
        self.X = X
        return X @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        self.grads["W"] = self.X.T @ dout
        self.grads["b"] = dout.sum(0)
        return dout @ self.params["W"].T


class DenseLists:
    def __init__(self, W, b):
        self.params = [W, b]
        self.grads = [np.zeros_like(W), np.zeros_like(b)]

    def forward(self, x):
        W, b = self.params
        self.x = x
        return np.dot(x, W) + b

    def backward(self, dout):
        W = self.params[0]
        dx = np.dot(dout, W.T)
        self.grads[0][...] = np.dot(self.x.T, dout)
        self.grads[1][...] = np.sum(dout, axis=0)
        return dx


class DenseStale:
    """Keeps the first input it ever saw."""

    def __init__(self, n_in, n_out):
        self.W = np.zeros((n_in, n_out))
        self.b = np.zeros(n_out)
        self.x = None

    def forward(self, x):
        if self.x is None:
            self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class DenseAccumulates(Dense):
    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out)
        self.dW = np.zeros_like(self.W)
        self.db = np.zeros_like(self.b)

    def backward(self, dout):
        self.dW += self.x.T @ dout
        self.db += dout.sum(axis=0)
        return dout @ self.W.T


class SoftmaxLoss:
    def forward(self, z, y):
        self.y = y
        self.probs = softmax(z)
        return -np.mean(np.log(self.probs[range(len(y)), y]))

    def backward(self):
        delta = self.probs.copy()
        delta[range(len(self.y)), self.y] -= 1
        return delta / len(self.y)


class TwoLayer:
    def __init__(self, d, h, c):
        self.W1 = np.random.randn(d, h)
        self.b1 = np.zeros(h)
        self.W2 = np.random.randn(h, c)
        self.b2 = np.zeros(c)

    def forward(self, X):
        self.a1 = np.tanh(X @ self.W1 + self.b1)
        scores = self.a1 @ self.W2 + self.b2
        e = np.exp(scores - np.max(scores))
        self.probs = e / e.sum(axis=1, keepdims=True)
        return self.probs

    def backward(self, X, y):
        n = X.shape[0]
        delta = self.probs
        delta[range(n), y] -= 1
        dW2 = self.a1.T @ delta
        db2 = delta.sum(axis=0)
        d1 = (delta @ self.W2.T) * (1 - self.a1**2)
        dW1 = X.T @ d1
        db1 = d1.sum(axis=0)
        return dW1, db1, dW2, db2


class Relu:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class ReluHalf(Relu):
    def backward(self, dout):
        return dout * (self.mask + 0.5 * (self.x0 == 0))

    def forward(self, x):
        self.x0 = x
        return super().forward(x)


class ReluTwo(ReluHalf):
    def backward(self, dout):
        return dout * (self.mask + 2.0 * (self.x0 == 0))


class ReluInPlace(Relu):
    def backward(self, dout):
        dout[~self.mask] = 0
        return dout


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        return dout * self.out * (1 - self.out)


def sigmoid_grad(x):
    s = 1 / (1 + np.exp(-x))
    return s * (1 - s)


def silu_grad_naive(x, dy):
    e = np.exp(x)
    return dy * e * (1 + e + x) / (1 + e) ** 2


class DenseRow:
    """Keeps its bias as a row."""

    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * 0.01
        self.b = np.zeros((1, n_out))

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = np.sum(dout, axis=0, keepdims=True)
        return dout @ self.W.T


def row_backward(dout, x, w, b):
    return dout @ w.T, x.T @ dout, dout.sum(axis=0, keepdims=True)


def row_forward(x, w, b):
    return x @ w + b


class DenseAnyRank(Dense):
    def backward(self, dout):
        flat, up = self.x.reshape(-1, self.x.shape[-1]), dout.reshape(-1, dout.shape[-1])
        self.dW = flat.T @ up
        self.db = up.sum(axis=0)
        return dout @ self.W.T
