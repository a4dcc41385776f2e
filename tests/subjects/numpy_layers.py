"""Hand-written layers as classes, correct and broken, as people write them."""

import time

import numpy as np


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


class DenseRow(Dense):
    """Keeps its bias as a row."""

    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out)
        self.b = np.zeros((1, n_out))

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = np.sum(dout, axis=0, keepdims=True)
        return dout @ self.W.T


class DenseAnyRank(Dense):
    def backward(self, dout):
        flat, up = self.x.reshape(-1, self.x.shape[-1]), dout.reshape(-1, dout.shape[-1])
        self.dW = flat.T @ up
        self.db = up.sum(axis=0)
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


class DenseStale(Dense):
    """Keeps the first input it ever saw."""

    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out)
        self.x = None

    def forward(self, x):
        if self.x is None:
            self.x = x
        return x @ self.W + self.b


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


class SoftmaxLoss:
    def forward(self, z, y):
        self.y = y
        e = np.exp(z - z.max(axis=1, keepdims=True))
        self.probs = e / e.sum(axis=1, keepdims=True)
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


class HangsWhenMade:
    def __init__(self):
        while True:
            time.sleep(0.01)

    def forward(self, z, y):
        self.z, self.y = z, y

    def backward(self):
        return self.z
