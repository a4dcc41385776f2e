"""The few private functions that a generated module may carry, as source text. A module gets only those it uses."""

from __future__ import annotations

FLOATS = '''
def _floats(name, value, dims, sizes):
    """value as a float array with the given axes (integers become float64). sizes collects what each dimension is."""
    value = np.asarray(value)
    if value.dtype.kind in "biu":
        value = value.astype(np.float64)
    if value.dtype.kind != "f":
        raise TypeError(f"{name} has dtype {value.dtype}, expected floats")
    _check_shape(name, value, dims, sizes)
    return value
'''

LABELS = '''
def _labels(name, value, dims, sizes, below):
    """value as an integer array with entries 0 ... below - 1."""
    value = np.asarray(value)
    if value.dtype.kind not in "iu":
        raise TypeError(f"{name} has dtype {value.dtype}, expected integer labels")
    _check_shape(name, value, dims, sizes)
    if value.min() < 0 or value.max() >= below:
        raise ValueError(f"{name} has labels {value.min()} to {value.max()}, expected 0 to {below - 1}")
    return value
'''

SHAPE = """
def _check_shape(name, value, dims, sizes):
    if value.ndim == len(dims):
        for dim, size in zip(dims, value.shape):
            sizes.setdefault(dim, size)
    expected = tuple(d if isinstance(d, int) else sizes.get(d, "?") for d in dims)
    if value.shape != expected:
        named = ", ".join(map(str, dims))
        raise ValueError(f"{name} has shape {value.shape}, expected ({named}) = {expected}".replace("'", ""))
    if 0 in value.shape:
        raise ValueError(f"{name} has shape {value.shape}, every dimension must be at least 1")
"""

NUMBERS = '''
def _numbers(name, value):
    """value as a float array of any shape (integers become float64)."""
    value = np.asarray(value)
    if value.dtype.kind in "biu":
        value = value.astype(np.float64)
    if value.dtype.kind != "f":
        raise TypeError(f"{name} has dtype {value.dtype}, expected floats")
    return value
'''

SIGMOID = '''
def _sigmoid(x):
    """1 / (1 + exp(-x)), without overflow and with full accuracy in both tails."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)
'''

SOFTPLUS = '''
def _softplus(x):
    """log(1 + exp(x)), without overflow and with full accuracy in both tails."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))
'''

SECH2 = '''
def _sech2(x):
    """1 - tanh(x)**2, without cancellation."""
    e = np.exp(-2.0 * np.abs(x))
    return 4.0 * e / (1.0 + e) ** 2
'''

ERF = '''
def _erf(x):
    """The error function, entry by entry."""
    return np.asarray(np.frompyfunc(math.erf, 1, 1)(x), dtype=x.dtype)
'''

ERFC = '''
def _erfc(x):
    """1 - erf(x), without cancellation, entry by entry."""
    return np.asarray(np.frompyfunc(math.erfc, 1, 1)(x), dtype=x.dtype)
'''

XLOGX = '''
def _xlogx(x):
    """x log(x), and its limit 0 at x = 0."""
    return x * np.log(np.where(x == 0, 1.0, x))
'''

TANH_REMAINDER = '''
def _tanh_remainder(x):
    """x - tanh(x), without cancellation: near 0 from the continued fraction of tanh."""
    s = np.clip(x, -1.0, 1.0) ** 2
    c = s / 17.0
    for k in (15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0):
        c = s / (k + c)
    return np.where(np.abs(x) < 1.0, x * c / (1.0 + c), x - np.tanh(x))
'''

LOG_SUM = '''
def _log_sum(e, axis):
    """log(e.sum(axis)) where the largest e is 1, accurate also when all others are tiny."""
    top = np.expand_dims(e.argmax(axis), axis)
    rest = e.copy()
    np.put_along_axis(rest, top, 0.0, axis)
    return np.log1p(rest.sum(axis))
'''

#: In the order in which they appear in a module.
HELPERS: dict[str, str] = {
    "_floats": FLOATS,
    "_labels": LABELS,
    "_check_shape": SHAPE,
    "_numbers": NUMBERS,
    "_sigmoid": SIGMOID,
    "_softplus": SOFTPLUS,
    "_sech2": SECH2,
    "_erf": ERF,
    "_erfc": ERFC,
    "_xlogx": XLOGX,
    "_tanh_remainder": TANH_REMAINDER,
    "_log_sum": LOG_SUM,
}
