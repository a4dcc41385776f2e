"""NumPy code that cannot be traced, each for a reason of its own."""

import numpy as np


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


def to_int(x):
    return int(x.sum()) * x


def caught(x):
    try:
        return x * int(x.sum())
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
        scale = scale * 0.7 + np.float64(len(x)) * 0.3
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
