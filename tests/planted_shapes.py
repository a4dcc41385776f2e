"""Gradients in which shapes do not fit, each with one slip or two, and correct ones beside them."""

import numpy as np
import torch


def dense_product(X, W, dY):
    dX = dY @ W
    dW = X.T @ dY
    db = dY.sum(axis=0)
    return dX, dW, db


def dense_no_transpose_left(X, W, dY):
    dX = dY @ W.T
    dW = X @ dY
    db = dY.sum(axis=0)
    return dX, dW, db


def dense_too_many_transposes(X, W, dY):
    dX = dY.T @ W.T
    dW = X.T @ dY
    db = dY.sum(axis=0)
    return dX, dW, db


def dense_order(X, W, dY):
    dX = W @ dY
    dW = X.T @ dY
    db = dY.sum(axis=0)
    return dX, dW, db


def dense_outer(X, W, dY):
    dX = dY.dot(W.T)
    dW = X.dot(dY.T)
    db = dY.sum(axis=0)
    return dX, dW, db


def dense_transposed(X, W, dY):
    dX = dY @ W.T
    dW = dY.T @ X
    db = dY.sum(axis=0)
    return dX, dW, db


def dense_only_weights(X, W, dY):
    return dY.T @ X


def dense_only_inputs(X, W, dY):
    return W @ dY.T


def dense_axis(X, W, dY):
    dX = dY @ W.T
    dW = X.T @ dY
    db = np.sum(dY, axis=1)
    return dX, dW, db


def dense_axis_in_place(X, W, dY):
    db = np.zeros(W.shape[1])
    db += dY.sum(axis=1)
    return dY @ W.T, X.T @ dY, db


def dense_letters(X, W, dY):
    dX = np.einsum("nh,hd->nd", dY, W)
    dW = np.einsum("nd,nh->dh", X, dY)
    db = np.einsum("nh->h", dY)
    return dX, dW, db


def dense_reshape(X, W, dY):
    db = dY.sum(axis=0).reshape(X.shape[1])
    return dY @ W.T, X.T @ dY, db


def dense_square(X, W, dY):
    dW = np.zeros((W.shape[0], W.shape[0]))
    dW += X.T @ dY
    return dY @ W.T, dW, dY.sum(axis=0)


def dense_two(X, W, dY):
    dX = dY @ W
    dW = X @ dY
    return dX, dW, dY.sum(axis=0)


def dense_product_and_factor(X, W, dY):
    dX = dY @ W
    dW = X.T @ dY / len(X)
    return dX, dW, dY.sum(axis=0)


def dense_factor_on_product(X, W, dY):
    dX = 2 * (dY @ W)
    dW = X.T @ dY
    return dX, dW, dY.sum(axis=0)


def dense_unknown(X, W, dY):
    dX = np.cumsum(dY, axis=1) @ W
    dW = X.T @ dY
    return dX, dW, dY.sum(axis=0)


def dense_helper(X, W, dY):
    def product(a, b):
        return a @ b

    return product(dY, W), product(X.T, dY), dY.sum(axis=0)


def dense_checked(X, W, dY):
    dW = dY.T @ X
    assert dW.shape == W.shape, "another shape"
    return dY @ W.T, dW, dY.sum(axis=0)


def dense_loop(X, W, dY):
    dW = np.zeros_like(W)
    for i in range(len(X)):
        dW += np.outer(dY[i], X[i])
    return dY @ W.T, dW, dY.sum(axis=0)


def dense_right(X, W, dY):
    return dY @ W.T, X.T @ dY, dY.sum(axis=0)


class DenseLayer:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dY):
        self.dW = self.X.T @ dY
        self.db = dY.sum(axis=0)
        return dY @ self.W


class DenseLayerTwo(DenseLayer):
    def backward(self, dY):
        self.dW = dY.T @ self.X
        self.db = np.sum(dY, axis=1, keepdims=True)
        return dY @ self.W.T


class Network:
    def __init__(self, W1, b1, W2, b2):
        self.W1, self.b1, self.W2, self.b2 = W1, b1, W2, b2

    def forward(self, X):
        self.H = np.tanh(X @ self.W1 + self.b1)
        Z = self.H @ self.W2 + self.b2
        E = np.exp(Z - Z.max(axis=1, keepdims=True))
        self.P = E / E.sum(axis=1, keepdims=True)
        return self.P

    def backward(self, X, y):
        d = self.P.copy()
        d[range(len(X)), y] -= 1
        d /= len(X)
        self.dW2 = self.H @ d
        self.db2 = d.sum(axis=1)
        dz = (d @ self.W2) * (1 - self.H**2)
        self.dW1 = X.T @ dz
        self.db1 = dz.sum(axis=0)


class DenseFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        return torch.addmm(b, x, w)

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        return dy.mm(w.t()), x.mm(dy), dy.sum(0)


class DenseFunctionSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        return x @ w + b

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        return dy @ w.t(), x.t() @ dy, dy.sum(1)


def dense_torch(X, W, dY):
    dX = torch.mm(dY, W)
    dW = X.t() @ dY
    db = dY.sum(dim=0)
    return dX, dW, db


def dense_torch_letters(X, W, dY):
    dX = torch.einsum("ij,jk->ik", dY, W)
    return dX, X.t() @ dY, dY.sum(dim=0)


def softmax(Z):
    E = np.exp(Z - Z.max(axis=1))
    return E / E.sum(axis=1, keepdims=True)


def softmax_helper(Z, Y):
    return (softmax(Z) - Y) / len(Z)


def softmax_kept(Z, Y):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    s = E.sum(axis=1)
    return (E / s - Y) / len(Z)


def softmax_new_axis(Z, Y):
    E = np.exp(Z - Z.max(axis=1)[None, :])
    return (E / E.sum(axis=1)[:, None] - Y) / len(Z)


def softmax_other_axis(Z, Y):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    s = E.sum(axis=0)
    return (E / s[:, None] - Y) / len(Z)


def softmax_summed(Z, Y):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    dZ = (E / E.sum(axis=1, keepdims=True) - Y) / len(Z)
    return dZ.sum(axis=0)


def softmax_torch(Z, Y):
    E = torch.exp(Z - Z.max(dim=1).values)
    dZ = (E / E.sum(dim=1, keepdim=True) - Y) / len(Z)
    return dZ


def attention(Q, K, V, dO):
    S = Q @ K.T / np.sqrt(Q.shape[1])
    A = np.exp(S - S.max(axis=1, keepdims=True))
    A = A / A.sum(axis=1, keepdims=True)
    dV = A @ dO
    dA = dO @ V.T
    dS = A * (dA - (dA * A).sum(axis=1, keepdims=True)) / np.sqrt(Q.shape[1])
    return dS @ K, dS.T @ Q, dV


def layernorm(X, g, b, dY):
    mean = X.mean(axis=1, keepdims=True)
    scale = 1 / np.sqrt(X.var(axis=1, keepdims=True) + 1e-5)
    H = (X - mean) * scale
    dH = dY * g
    m = dH.mean(axis=1)
    dX = scale * (dH - m - H * (dH * H).mean(axis=1, keepdims=True))
    return dX, (dY * H).sum(axis=0), dY.sum(axis=0)


def squares(X, w, y):
    r = X @ w - y
    dw = 2 * X @ r / len(y)
    return dw


class Normalised(torch.autograd.Function):
    @staticmethod
    def forward(ctx, X, g, b):
        r = torch.rsqrt(X.var(-1, unbiased=False, keepdim=True) + 1e-5)
        H = (X - X.mean(-1, keepdim=True)) * r
        ctx.save_for_backward(H, r, g)
        return H * g + b

    @staticmethod
    def backward(ctx, dY):
        H, r, g = ctx.saved_tensors
        d = dY * g
        dX = r * (d - d.mean(-1) - H * (d * H).mean(-1, keepdim=True))
        return dX, (dY * H).sum(0), dY.sum(0)
