"""Private functions of generated modules that work on rows, as source text."""

from __future__ import annotations

ZERO_SUM = '''
def _zero_sum(x, at, axis):
    """Rows that sum to 0: the entries ``at`` along an axis become minus the sum of the others. It overwrites x."""
    place = [*np.ix_(*map(np.arange, at.shape))]
    place.insert(axis, at)
    x[tuple(place)] = 0.0
    x[tuple(place)] = -x.sum(axis)
    return x
'''

SIGMOID_MINUS = '''
def _sigmoid_minus(x, t):
    """sigmoid(x) - t, without cancellation: both sides count from 1 where x is positive."""
    e = np.exp(-np.abs(x))
    return (~np.signbit(x) - t) - np.copysign(e / (1.0 + e), x)
'''

ROW_SCALE = '''
def _row_scale(x, axis, least=0.0):
    """A power of two near the largest abs(x) of each row, or least; 1 where the squares of x are in range anyway."""
    far = 2.0 ** (np.finfo(x.dtype).maxexp // 4)
    with np.errstate(over="ignore", under="ignore"):
        squares = np.vecdot(x, x) if axis == x.ndim - 1 else np.square(x).sum(axis)
    if np.all((squares > far**-2) & (squares < far**2)):
        return np.ones_like(squares)
    top = np.maximum(np.maximum(x.max(axis), -x.min(axis)), least).astype(x.dtype)
    safe = ~(top < np.inf) | (top == 0) | ((top > 1 / far) & (top < far))
    return np.ldexp(x.dtype.type(1), np.where(safe, 0, np.frexp(top)[1] - 1))
'''

OVER = '''
def _over(x, scale):
    """x / scale, or x itself where every scale is 1."""
    return x if np.all(scale == 1) else x / scale
'''

POWER_OF_TWO = '''
def _power_of_two(x):
    """The power of two nearest to x, with its sign; 0 at 0."""
    m, exponent = np.frexp(x)
    return np.ldexp(np.sign(m), exponent - (np.abs(m) < np.sqrt(0.5)))
'''

ROW_HELPERS: dict[str, str] = {
    "_zero_sum": ZERO_SUM,
    "_sigmoid_minus": SIGMOID_MINUS,
    "_row_scale": ROW_SCALE,
    "_over": OVER,
    "_power_of_two": POWER_OF_TWO,
}
