"""NumPy code as people write it: the snippets that the tracing tests run on symbolic and on real arrays."""

import math
from math import sqrt

import numpy as np
from numpy import zeros


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


def labels(z, y):
    n = z.shape[0]
    p = softmax(z)
    q = p.copy()
    q[np.arange(n), y] -= 1
    hot = np.zeros_like(z)
    hot[np.arange(n), y] = 1
    return (
        p[np.arange(n), y],
        q / n,
        hot,
        -np.log(p[range(n), y]).mean(),
        np.eye(z.shape[1])[y],
        (y[:, None] == np.arange(z.shape[1])) * 1.0,
    )


def labels_by_len(z, y):
    p = softmax(z)
    p[range(len(z)), y] -= 1
    p /= len(z)
    return p


def label_methods(z, y):
    hot = zeros((z.shape[0], z.shape[1]))
    np.put_along_axis(hot, y[:, None], 1.0, axis=1)
    return np.take_along_axis(z, y[:, None], axis=1), hot, z[np.arange(len(y)), y][:, None] - z


def embedding(w, ids, dout):
    dw = np.zeros_like(w)
    np.add.at(dw, ids, dout)
    return w[ids], dw, np.take(w, ids, axis=0)


def masks(x, v):
    dx = x * 2
    dx[x <= 0] = 0
    y = x.copy()
    y[y < 0] *= 0.1
    z = np.ones_like(x)
    z[x > 0] = x[x > 0] + 1
    return dx, y, z, x[x > 0].sum()


def where_and_out(x, v):
    out = np.zeros_like(x)
    np.multiply(x, v, out=out)
    safe = np.divide(v, x, out=np.zeros_like(x), where=x > 0)
    return out, safe, np.where((x > 0) & (x < 1), x, v)


def creations(x, v):
    n, c = x.shape
    a = np.zeros((n, c)) + x
    b = np.ones(c) * v
    d = np.full((n, c), 2.0)
    e = np.empty_like(x)
    e[:] = v
    g = np.zeros(x.shape, dtype=x.dtype)
    g[:] = x
    return a, b, d + x, e, g, np.full_like(x, 3), np.arange(c) * v, np.zeros((n, 2)), np.asarray(x), np.array(x)


def joins(x, v):
    s = np.stack([v, 2 * v, v * v])
    t = np.concatenate([x[:, :1], x[:, :1] * 2], axis=1)
    a, b = np.split(t, 2, axis=1)
    return (
        s,
        np.stack([v, v], axis=1),
        t,
        a,
        b,
        np.vstack([v, v + 1]),
        np.hstack([x[:, :1], x[:, 1:2]]),
        np.array([v, -v]),
        s[[2, 0]],
    )


def symbolic_joins(x, v):
    t = np.concatenate([x, 2 * x], axis=1)
    c = x.shape[1]
    return t, t[:, :c], t[:, c:], np.concatenate([v, v])


def shapes(x, v):
    n, c = x.shape
    return (
        x.reshape(n, c),
        x.ravel().reshape(n, c),
        x.flatten().sum(),
        x[:, :, None].squeeze(-1),
        np.expand_dims(v, 0) * x,
        x.reshape(n, 1, c),
        np.broadcast_to(v, x.shape),
        np.squeeze(x[None], 0),
        np.moveaxis(x[None], 0, -1),
        x.reshape((-1, 1)).mean(),
    )


def repeats(x, v):
    return np.repeat(v[None], 2, axis=0), np.tile(v, (3, 1)), x.repeat(2, axis=1).sum(1), np.tile(v, 2).sum()


def padded(x, v):
    p = np.pad(x, 1)
    return p[1:-1, 1:-1], p, np.pad(x, ((0, 0), (1, 2)), constant_values=3.0), np.flip(v), np.pad(v, 1)


def windows(x, v):
    w = np.lib.stride_tricks.sliding_window_view(x, (2, 2))
    return w, w.sum((2, 3)), np.einsum("ijpq,pq->ij", w, np.array([[1.0, 2.0], [3.0, 4.0]]))


def triangles(x):
    t = x.shape[-1]
    mask = np.tril(np.ones((t, t)))
    return np.tril(x), np.triu(x, 1), mask, np.where(mask == 0, -1e9, x), softmax(np.where(mask == 1, x, -np.inf))


def infinite_masks(x):
    t = x.shape[0]
    mask = np.zeros((t, t))
    mask[0, 1:] = -np.inf
    mask[:, 0] = 0
    causal = np.triu(np.full((t, t), -np.inf), 1)
    return softmax(x + mask), softmax(x + causal), softmax(np.where(np.arange(t)[:, None] >= np.arange(t), x, -np.inf))


def convolution(x, w):
    n, h = x.shape
    k = w.shape[0]
    out = h - k + 1
    y = np.zeros((n, out))
    for p in range(k):
        y += x[:, p : p + out] * w[p]
    dx = np.zeros_like(x)
    for p in range(k):
        dx[:, p : p + out] += y * w[p]
    return y, dx


def strided(x):
    out = np.zeros_like(x)
    out[:, ::2] = x[:, ::2] * 2
    out[:, 1::2] += 1
    return out, x[:, ::2], x[:, 1::2]


def loop_over_rows(x, w):
    state = np.zeros(w.shape[0])
    states = []
    for row in x:
        state = np.tanh(w @ state + row)
        states.append(state)
    return np.stack(states), sum(states)


def element_loops(x, w):
    n, c = x.shape
    out = np.zeros((n, c))
    total = 0.0
    for i in range(n):
        for j in range(c):
            out[i, j] = x[i, j] ** 2 + w[j, j]
            total += out[i, j]
            for k in range(c):
                out[i, j] += x[i, k] * w[k, j]
    return out, total


def jacobian_loops(z, w):
    n, c = z.shape
    p = softmax(z)
    jac = np.empty((n, c, c))
    for i in range(n):
        jac[i] = np.diag(p[i]) - np.outer(p[i], p[i])
    return jac, jac.transpose(0, 2, 1)[0], np.zeros(3).reshape(3, 1) + 1


def max_pool(x, w):
    n, c = x.shape
    out = np.zeros((n // 2, c // 3))
    dx = np.zeros_like(x)
    for i in range(n // 2):
        for j in range(c // 3):
            patch = x[2 * i : 2 * i + 2, 3 * j : 3 * j + 3]
            out[i, j] = patch.max()
            dx[2 * i : 2 * i + 2, 3 * j : 3 * j + 3] += (patch == patch.max()) * 2.0
    return out, dx


def gelu(x, v):
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    return 0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + 3 * 0.044715 * x**2)


def stable_sigmoid(x, v):
    s = 1 / (1 + np.exp(-x))
    t = np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))
    return s, s * (1 - s), t


def accumulated(x, v):
    grads = {"x": 0, "v": 0}
    grads["x"] = grads["x"] + x * v
    grads["v"] += (x * x).sum(0)
    return grads


def mixed_constants(x, v):
    k = np.array([1.0, -2.0, 3.0])
    return (
        x * k,
        k * x + k,
        np.float64(2.0) * x,
        x @ np.ones((3, 2)),
        np.array([[1.0], [2.0]]) * k,
        k[0] * x,
        np.int64(3) + x,
    )


def im2col(x, w):
    """Indices from repeat and tile, as in course assignments: x is N×C×H×W, w is F×C×2×2, all sizes concrete."""
    n, c, h, wide = x.shape
    f = w.shape[0]
    oh, ow = h - 1, wide - 1
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (0, 0)), mode="constant")
    i0 = np.tile(np.repeat(np.arange(2), 2), c)
    i1 = np.repeat(np.arange(oh), ow)
    j0 = np.tile(np.arange(2), 2 * c)
    j1 = np.tile(np.arange(ow), oh)
    i, j = i0.reshape(-1, 1) + i1.reshape(1, -1), j0.reshape(-1, 1) + j1.reshape(1, -1)
    k = np.repeat(np.arange(c), 4).reshape(-1, 1)
    cols = padded[:, k, i, j].transpose(1, 2, 0).reshape(4 * c, -1)
    out = (w.reshape(f, -1) @ cols).reshape(f, oh, ow, n).transpose(3, 0, 1, 2)
    dcols = (w.reshape(f, -1).T @ out.transpose(1, 2, 3, 0).reshape(f, -1)).reshape(4 * c, -1, n).transpose(2, 0, 1)
    dx = np.zeros(padded.shape)
    np.add.at(dx, (slice(None), k, i, j), dcols)
    return cols, out, dx


def integer_tables(x, w):
    y = x.copy()
    y[[1, 0]] = w[[0, 1], : x.shape[1]]
    y[np.array([0, 0]), [1, 2]] *= 10
    return y, x[:, [2, 0, 0]], x[[1, 0], [2, 1]], x[np.array([[0, 1], [1, 0]])], x[..., np.array([1])]


# -- what cannot be traced -------------------------------------------------------------------------------------------


def branch_on_value(x):
    if x.sum() > 0:
        return x
    return -x


def loop_over_size(x):
    out = np.zeros_like(x)
    for i in range(x.shape[0]):
        out[i] = 2 * x[i]
    return out


def loop_over_len(x):
    return sum(x[i] for i in range(len(x)))


def loop_over_rows_of_any_number(x):
    return [row.sum() for row in x]


def while_loop(x):
    i, out = 0, 0
    while i < len(x):
        out, i = out + x[i], i + 1
    return out


def inverse(x):
    return np.linalg.inv(x)


def to_float(x):
    return float(x.sum()) * x


def caught(x):
    try:
        return x * float(x.sum())
    except Exception:
        return x


def random_mask(x):
    return x * (np.random.rand(*x.shape) > 0.5)


def generator(x):
    return x * np.random.default_rng(0).normal(size=x.shape)


def sorted_entries(x):
    return np.sort(x, axis=1)


def large_size(x):
    return x if x.shape[0] > 512 else -x


def size_as_plain_number(x):
    scale = 1.0
    for _ in range(2):
        scale = scale * 0.7 + float(len(x)) * 0.3
    return x * scale


def not_the_same_twice(x, calls=[0]):  # noqa: B006
    calls[0] += 1
    return x * calls[0]


def raises(x):
    raise RuntimeError("no gradient here")


def wrong_shapes(x):
    return x @ x


def uneven_heads(x):
    return x.reshape(x.shape[0], x.shape[1] // 2, 2)


def text(x):
    return "gradient"


BUFFER = np.zeros((2, 2))


def made_outside(x, buffer=BUFFER):
    np.multiply(x[:2, :2], 2, out=buffer)
    return buffer


def repeated_labels(w, ids, g):
    out = w.copy()
    out[ids] -= 0.1 * g
    return out


def cut_to_integers(x, y):
    out = np.zeros_like(y)
    out[:] = x[:, 0]
    return out
