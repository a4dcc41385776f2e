"""NumPy code as people write it, with labels, masks, windows and loops: for symbolic and for real arrays."""

import numpy as np
from numpy import zeros
from traced_code import softmax


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
