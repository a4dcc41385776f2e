"""Hand-written gradients with loops over sizes, right ones and wrong ones."""

import numpy as np


def softmax_ce_rows(Z, y):
    n = Z.shape[0]
    dZ = np.zeros_like(Z)
    for i in range(n):
        e = np.exp(Z[i] - Z[i].max())
        dZ[i] = e / e.sum()
        dZ[i, y[i]] -= 1
    return dZ / n


def softmax_ce_classes(Z, y):
    n, C = Z.shape
    e = np.exp(Z - Z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    dZ = np.zeros_like(Z)
    for c in range(C):
        dZ[:, c] = (p[:, c] - (y == c)) / n
    return dZ


def squared_error(X, w, y):
    g = np.zeros_like(w)
    for i in range(len(y)):
        g += 2 * (X[i] @ w - y[i]) * X[i]
    return g / len(y)


def half_of_it(X, w, y):
    g = np.zeros_like(w)
    for i in range(len(y)):
        g += (X[i] @ w - y[i]) * X[i]
    return g / len(y)


def without_the_last(X, w, y):
    g = np.zeros_like(w)
    for i in range(len(y) - 1):
        g += 2 * (X[i] @ w - y[i]) * X[i]
    return g / len(y)


def only_from_four_on(X, w, y):
    """Right up to three samples."""
    g = np.zeros_like(w)
    for i in range(len(y)):
        g += 2 * (X[i] @ w - y[i]) * X[min(i, 2)]
    return g / len(y)


def squares(x, dy):
    dx = np.zeros_like(x)
    for k in range(len(x)):
        dx[k] = 2 * x[k] * dy[k]
    return dx


def neighbours(x, dy):
    dx = np.zeros_like(x)
    for k in range(len(x)):
        dx[k] = 2 * x[k - 1] * dy[k]
    return dx


def relu_by_branches(x, dy):
    dx = np.zeros_like(x)
    for k in range(len(x)):
        dx[k] = dy[k] if x[k] > 0 else 0
    return dx


def rnn_forward(X, W, U, h0):
    h, states = h0, []
    for t in range(X.shape[1]):
        h = np.tanh(X[:, t] @ W + h @ U)
        states.append(h)
    return h, (X, W, U, h0, states)


def rnn_backward(dh, cache):
    X, W, U, h0, states = cache
    dX, dW, dU = np.zeros_like(X), np.zeros_like(W), np.zeros_like(U)
    for t in reversed(range(X.shape[1])):
        dz = dh * (1 - states[t] ** 2)
        dX[:, t] = dz @ W.T
        dW += X[:, t].T @ dz
        dU += (states[t - 1] if t > 0 else h0).T @ dz
        dh = dz @ U.T
    return dX, dW, dU, dh


def truncated_backward(dh, cache):
    """The gradient does not go back through the state."""
    X, W, U, h0, states = cache
    dX, dW, dU = np.zeros_like(X), np.zeros_like(W), np.zeros_like(U)
    for t in reversed(range(X.shape[1])):
        dz = dh * (1 - states[t] ** 2)
        dX[:, t] = dz @ W.T
        dW += X[:, t].T @ dz
        dU += (states[t - 1] if t > 0 else h0).T @ dz
    return dX, dW, dU, dz @ U.T


def conv_forward(X, K):
    out = np.zeros((X.shape[0], X.shape[1] - K.shape[0] + 1))
    for p in range(K.shape[0]):
        out += X[:, p : p + out.shape[1]] * K[p]
    return out, (X, K)


def conv_backward(dout, cache):
    X, K = cache
    dX, dK = np.zeros_like(X), np.zeros_like(K)
    for p in range(K.shape[0]):
        patch = X[:, p : p + dout.shape[1]]
        dK[p] = np.sum(patch * dout)
        dX[:, p : p + dout.shape[1]] += dout * K[p]
    return dX, dK


def flipped_backward(dout, cache):
    X, K = cache
    dX, dK = np.zeros_like(X), np.zeros_like(K)
    for p in range(K.shape[0]):
        patch = X[:, p : p + dout.shape[1]]
        dK[p] = np.sum(patch * dout)
        dX[:, p : p + dout.shape[1]] += dout * K[K.shape[0] - 1 - p]
    return dX, dK
