"""Layers that compute one thing in training and another in evaluation, correct and broken, as people write them."""

import numpy as np


class BatchNorm:
    def __init__(self, g, b):
        self.g, self.b = g, b
        self.training = True
        self.mean, self.var = np.zeros_like(g), np.ones_like(g)

    def forward(self, X):
        mu, v = (X.mean(axis=0), X.var(axis=0)) if self.training else (self.mean, self.var)
        self.inv = 1 / np.sqrt(v + 1e-5)
        self.h = (X - mu) * self.inv
        return self.h * self.g + self.b

    def backward(self, dY):
        self.dg = (dY * self.h).sum(axis=0)
        self.db = dY.sum(axis=0)
        dh = dY * self.g
        if not self.training:
            return dh * self.inv
        return self.inv * (dh - dh.mean(axis=0) - self.h * (dh * self.h).mean(axis=0))


class BatchNormOneBackward(BatchNorm):
    """The backward pass of training, in evaluation too."""

    def backward(self, dY):
        self.training, before = True, self.training
        dX = super().backward(dY)
        self.training = before
        return dX


class Required:
    """The flag has no default."""

    def forward(self, X, g, train):
        self.X, self.g, self.k = X, g, 1 if train else 2
        return X * g * self.k

    def backward(self, dY):
        return dY * self.g * self.k, (dY * self.X).sum(axis=0) * self.k


class Dropout:
    """Switched by methods; random in training."""

    def __init__(self):
        self.is_training = True

    def train(self):
        self.is_training = True

    def eval(self):
        self.is_training = False

    def forward(self, X):
        if self.is_training:
            self.mask = (np.random.rand(*X.shape) < 0.5) / 0.5
        return X * self.mask if self.is_training else X.copy()

    def backward(self, dY):
        return dY * self.mask if self.is_training else dY.copy()


def dropout_forward(X, M, training=False):
    return (X * M * 2 if training else 1 * X), M


def dropout_backward(dY, M, training=False):
    return dY * M * 2 if training else 1 * dY


def dropout_wrong_forward(X, M, training=False):
    return dropout_forward(X, M, training)


def dropout_wrong_backward(dY, M, training=False):
    return dY * 2 if training else 1 * dY
