"""NumPy code as people write it, on whole arrays: the tracing tests run it on symbolic and on real arrays."""

import math
from math import sqrt

import numpy as np


def softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(axis=-1, keepdims=True)


def add_and_scale(x, v):
    return 2 * x + v - x / 3 - 0.5


def powers(x, v):
    return x**2 + x**3 - x**-2 + np.square(x) + np.power(x, 2), np.abs(x) ** 0.5, np.sqrt(x**2 + 1)


def functions(x, v):
    return (
        np.exp(x),
        np.tanh(x),
        np.log(1 + x * x),
        np.log1p(np.abs(x)),
        np.sin(x) * np.cos(x),
        np.arctan(x),
        np.expm1(x),
    )


def more_functions(x, v):
    return (
        np.cbrt(x),
        np.logaddexp(x, v),
        np.sign(x),
        np.exp2(x),
        np.log10(x * x),
        np.reciprocal(x),
        np.sinh(x) / np.cosh(x),
    )


def scalars(x, v):
    n, c = x.shape
    return (
        x / n,
        x * c,
        x / (n * c),
        x / x.size,
        x * math.sqrt(c),
        x / np.sqrt(c),
        x * c**-0.5,
        x / sqrt(n),
        x * (1 / n),
    )


def sizes_leaked(x, v):
    n = len(x)
    k = float(x.shape[1])
    return (
        x / float(n),
        x / math.sqrt(k),
        x * (2.0 / n),
        x / (n - 1 + 1),
        x * (int(k) * n),
        x / (x.shape[0] * x.shape[1]),
    )


def constants(x, v):
    return x * np.sqrt(2 / np.pi), x / 3.0, x * 0.044715, x * (1 / 3), x * np.pi, x * np.log(2), x / np.sqrt(2 * np.pi)


def reductions(x, v):
    return (
        x.sum(),
        x.sum(axis=0),
        np.sum(x, axis=1, keepdims=True),
        x.mean(),
        x.mean(0),
        np.mean(x, axis=-1),
        x.sum((0, 1)),
    )


def variances(x, v):
    return (
        x.var(),
        x.var(axis=0),
        np.var(x, axis=1, keepdims=True),
        x.std(1),
        np.std(x, axis=0, ddof=1),
        x.var(axis=0, ddof=1),
    )


def extrema(x, v):
    return (
        x.max(),
        x.max(axis=1),
        np.max(x, axis=0, keepdims=True),
        x.min(axis=1),
        np.amin(x),
        x - x.max(axis=1)[:, None],
    )


def norms(x, v):
    return np.linalg.norm(x), np.linalg.norm(x, axis=1), np.linalg.norm(x, axis=-1, keepdims=True), np.linalg.norm(v, 1)


def kinks(x, v):
    return np.maximum(x, 0), np.minimum(x, v), np.clip(x, -0.5, 0.5), np.abs(x), x.clip(0), np.where(x > 0, x, 0.01 * x)


def comparisons(x, v):
    return (
        x * (x > 0),
        (x >= 0) * 1.0,
        (x < v).astype(float),
        np.where(x == 0, v, x),
        (x > 0) & (v > 0),
        ~(x > 0),
        (x != 0) | (v > 0),
    )


def logic(x, v):
    return (
        np.logical_and(x > 0, v > 0),
        np.logical_not(x > 0),
        np.logical_or(x > 0, v > 0),
        (x > 0) ^ (v > 0),
        np.sum(x > 0),
        1 - (x > 0),
    )


def heaviside(x, v):
    return np.heaviside(x, 0.5), np.greater(x, 0) * v, np.less_equal(x, v).astype(np.float32)


def products(x, w, v):
    return x @ w, np.dot(x, w), np.matmul(x, w), x.dot(w), x @ v, v @ w, v @ v, np.dot(v, v), np.inner(x, v)


def transposed(x, w, v):
    return x.T @ x, (x @ w).T, w.T @ x.T, x.transpose(), np.transpose(x), x.swapaxes(0, 1), np.swapaxes(w, 0, 1) @ v


def outers(x, w, v):
    return (
        np.outer(v, v),
        np.multiply.outer(v, v),
        v[:, None] * v[None, :],
        v[:, np.newaxis] @ v[np.newaxis],
        np.tensordot(x, w, 1),
    )


def einsums(x, w, v):
    return (
        np.einsum("ij,jk->ik", x, w),
        np.einsum("ij,j->i", x, v),
        np.einsum("ij->j", x),
        np.einsum("ij,ij->", x, x),
        np.einsum("ij,jk", x, w),
        np.einsum("...j,jk->...k", x, w),
        np.einsum("i,i,i->i", v, v, v),
        np.einsum("ii", w @ w.T),
    )


def diagonals(x, w, v):
    return (
        np.diag(v),
        np.diag(w @ w.T),
        np.trace(w @ w.T),
        np.eye(v.shape[0]) * v,
        np.diagonal(w @ w.T),
        np.identity(len(v)) - 1,
    )


def batched(q, k):
    s = q @ k.transpose(0, 2, 1)
    return (
        s,
        q @ k.swapaxes(-1, -2),
        np.einsum("btd,bsd->bts", q, k),
        np.matmul(q, np.swapaxes(k, 1, 2)),
        (q * k).sum((0, 1)),
    )


def stacks(q, k):
    return (
        (q[:, :, None, :] * k[:, None]).sum(-1),
        q.reshape(-1, q.shape[-1]),
        q.reshape(q.shape[0], -1).sum(1),
        q[0] @ k[0].T,
    )


def heads(x):
    b, t, d = x.shape
    split = x.reshape(b, t, 2, d // 2).transpose(0, 2, 1, 3)
    scores = split @ split.swapaxes(-1, -2)
    return split, scores, (scores @ split).transpose(0, 2, 1, 3).reshape(b, t, d)


def views(x, v):
    y = x.copy()
    z = y.T
    z += 1
    y[0] = 7
    first = y[:, 0]
    first *= 3
    return y, z, x


def in_place(x, v):
    y = x * 1
    y += v
    y -= 1
    y *= v
    y /= 2
    y **= 2
    return y


def slices(x, v):
    return (
        x[0],
        x[-1],
        x[:, 0],
        x[1:],
        x[:-1],
        x[..., 0],
        x[:, None],
        x[None],
        x[:, ::-1],
        x[1:, :-1],
        x[0, -1],
        x[:, 1:-1],
    )


def slice_writes(x, v):
    y = np.zeros_like(x)
    y[1:] = x[:-1]
    y[0] += v
    y[:, -1] = 5
    y[-1, 0] -= 2
    return y
