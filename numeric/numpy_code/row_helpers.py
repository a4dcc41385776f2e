"""Private functions of generated modules that work on rows, as source text."""

from __future__ import annotations

ZERO_SUM = '''
def _zero_sum(x, at, axis, less=0.0, p=None):
    """x, less something at the entries ``at`` along an axis, where its rows then sum to 0. It overwrites x.

    Where that would cancel, those entries are minus the sum of the others. p: a distribution that is largest there.
    """
    place = _place(x, at.astype(np.intp, copy=False), axis)
    own = x.take(place)
    left = own - less
    cancels = own > 0.5 * less if p is None else p.take(place) > 0.5
    if np.count_nonzero(cancels):
        x.put(place, 0.0)
        left = np.where(cancels, 0.0 - x.sum(axis), left)
    x.put(place, left)
    return x
'''

ROW_MINUS = '''
def _row_minus(p, t, axis):
    """p - t for rows p that sum to 1. It overwrites p.

    If some p is above 0.8, it is 1 - t minus the sum of the others wherever p is above 1/2.
    """
    place = _place(p, p.argmax(axis), axis)
    top = p.take(place)
    if np.count_nonzero(top > 0.8):
        p.put(place, 0.0)
        rest = p.sum(axis)
        own, large = t.take(place), top > rest
        top = (large - own) + np.copysign(np.minimum(top, rest), rest - top)  # 1 - own - rest, or top - own
        p -= t
        p.put(place, top)
    else:
        p -= t
    return p
'''

CENTRE = '''
def _centre(x, place, sure):
    """x less its entry at ``place`` in each row, where this saves digits of x less a mean. It overwrites x.

    That is if a weight of the mean is near 1, or if entries of a row are closer to each other than to 0.
    """
    top = x.take(place)
    apart = top - x[..., 0]
    if sure or np.vdot(top, top) > 4.0 * np.vdot(apart, apart):
        x -= top[..., None]
    return x
'''

COMPLEMENT = '''
def _complement(p, axis):
    """1 - p for rows that sum to 1: where p is above 1/2, the sum of the others."""
    place, others, left = _place(p, p.argmax(axis), axis), p.copy(), 1.0 - p
    others.put(place, 0.0)
    rest = others.sum(axis)
    left.put(place, np.where(rest < 0.5, rest, left.take(place)))
    return left
'''

REST = '''
def _rest(e, place, axis):
    """e.sum(axis) without the entry at ``place`` of each row."""
    entries = e.take(place)
    e.put(place, 0.0)
    rest = e.sum(axis)
    e.put(place, entries)
    return rest
'''

ROW_MAX = '''
def _row_max(x):
    """x.max(axis=-1): NumPy is faster at finding the place of the largest."""
    at = x.argmax(axis=-1)
    return x.take(at + np.arange(0, x.size, x.shape[-1]).reshape(at.shape))
'''

SUM_ROWS = '''
_ROWS = 32  # rows that are added at a time
_MANY = 2**17  # entries of arrays whose rows are


def _sum_rows(x):
    """x.sum(axis=0) as matrix products, some rows at a time. Row after row, the rounding errors of all would add up."""
    rows, n = x.reshape(len(x), -1), len(x) // _ROWS * _ROWS
    if x.size < _MANY or n == 0:
        total = _ones(x, len(x)).dot(rows)
    else:  # rows of usual lengths make products so small that BLAS leaves other cores alone
        total = _sum_rows(_ones(x, _ROWS) @ rows[:n].reshape(-1, _ROWS, rows.shape[1]))
        if n < len(x):
            total += _ones(x, len(x) - n).dot(rows[n:])
    return total.reshape(x.shape[1:])
'''

SUM_PRODUCTS = '''
def _sum_products(x, y):
    """(x * y).sum(axis=0), some rows at a time. Row after row, the rounding errors of all would add up."""
    n = len(x) // _ROWS * _ROWS
    total = np.einsum("ij,ij->j", x[n:], y[n:]) if n < len(x) else 0.0
    if n:
        blocks = (v[:n].reshape(-1, _ROWS, x.shape[1]) for v in (x, y))
        total += _sum_rows(np.einsum("kij,kij->kj", *blocks))
    return total
'''

INNER = '''
_PRODUCTS = 1024  # products of vectors that are added at a time


def _inner(x, y):
    """(x * y).sum() of vectors, some at a time. In one go, the rounding errors of all would add up."""
    n = len(x) // _PRODUCTS * _PRODUCTS
    total = np.vecdot(x[n:], y[n:])
    if n:
        total += np.vecdot(x[:n].reshape(-1, _PRODUCTS), y[:n].reshape(-1, _PRODUCTS)).sum()
    return total
'''

ONES = '''
_TERMS = 1024  # entries that are added in one go: of more, the rounding errors of all would add up
_ONES = {t: np.ones(_TERMS, t) for t in np.typecodes["Float"]}


def _ones(x, n):
    """n times 1, in the dtype of x: a product with it is a sum."""
    return _ONES[x.dtype.char][:n] if n <= _TERMS else np.ones(n, x.dtype)
'''

SUM_EACH_ROW = '''
def _sum_each_row(x):
    """x.sum(axis=-1), as inner products with 1: BLAS takes half the time."""
    length = x.shape[-1]
    n = length // _TERMS * _TERMS
    total = np.vecdot(x[..., n:], _ones(x, length - n))
    if n:
        total += np.vecdot(x[..., :n].reshape(*x.shape[:-1], -1, _TERMS), _ones(x, _TERMS)).sum(axis=-1)
    return total
'''

SUM_EXPONENTIALS = '''
_SHORT = 128  # entries of a row that are added in any order


def _sum_exponentials(x):
    """x.sum(axis=-1), where nothing cancels: of short rows as one product, if BLAS leaves other cores alone for it."""
    length = x.shape[-1]
    if length <= _SHORT and x.size < 2**13:
        return x.dot(_ones(x, length))
    return _sum_each_row(x)
'''

PLACE = '''
def _place(x, at, axis):
    """The entries ``at`` of rows along an axis, as places in x as one long row: for take and put."""
    size = x.shape[axis]
    if axis == at.ndim:  # the last one
        return at + np.arange(0, x.size, size).reshape(at.shape)
    apart = int(np.prod(at.shape[axis:]))
    rows = np.arange(at.size).reshape(at.shape)
    return (rows // apart * size + at) * apart + rows % apart
'''

SIGMOID_MINUS = '''
def _sigmoid_minus(x, t):
    """sigmoid(x) - t, without cancellation: both sides count from 1 where x is positive."""
    e = np.exp(-np.abs(x))
    one = (x > 0).astype(e.dtype)
    return (one - t) + (1.0 - 2.0 * one) * (e / (1.0 + e))
'''

TANH_MINUS = '''
def _tanh_minus(x, y):
    """tanh(x) - tanh(y), without cancellation where both are near the same limit."""
    s, t = np.tanh(x), np.tanh(y)
    found = np.asarray(s * t)
    near = np.flatnonzero(found > 0.99)
    np.subtract(s, t, out=found)
    if near.size:  # how far each is from the limit
        a, b = (v.ravel()[near] for v in np.broadcast_arrays(x, y))
        e, f = np.exp(-2.0 * np.abs(a)), np.exp(-2.0 * np.abs(b))
        found.reshape(-1)[near] = np.sign(a) * (2.0 * (f - e) / ((1.0 + e) * (1.0 + f)))
    return found
'''

ROW_SQUARES = '''
def _row_squares(x):
    """The sum of the squares of each row; inf, without a warning, where it overflows."""
    with np.errstate(over="ignore", under="ignore"):
        return np.vecdot(x, x)
'''

ROW_SCALE = '''
_FAR = {t: np.dtype(t).type(2) ** (np.finfo(t).maxexp // 4) for t in np.typecodes["Float"]}  # its square is in range


def _row_scale(x, axis, least=0.0, squares=None):
    """A power of two near the largest abs(x) of each row, or least; 1 where the squares of x are in range anyway.

    squares: their sums, if known.
    """
    far = _FAR[x.dtype.char]
    if squares is None:
        with np.errstate(over="ignore", under="ignore"):
            if axis == x.ndim - 1:
                squares = np.vecdot(x, x)
            else:
                squares = np.einsum("ij,ij->j", x, x) if axis == 0 and x.ndim == 2 else np.square(x).sum(axis)
    if squares.min() > 1 / (far * far) and squares.max() < far * far:
        return np.ones_like(squares)
    top = np.maximum(np.maximum(x.max(axis), -x.min(axis)), least).astype(x.dtype)
    off = (top > 0) & (top < np.inf) & ((top <= 1 / far) | (top >= far))
    return np.ldexp(x.dtype.type(1), np.where(off, np.frexp(top)[1] - 1, 0))
'''

ARRAY_SCALE = '''
def _array_scale(x, least=0.0):
    """A power of two near the largest abs(x), or least; 1 where the squares of x are in range anyway."""
    far, flat = x.dtype.type(2) ** (np.finfo(x.dtype).maxexp // 4), x.ravel()
    with np.errstate(over="ignore", under="ignore"):
        squares = flat.dot(flat)
    if 1 / (far * far) < squares < far * far:
        return x.dtype.type(1)
    top = x.dtype.type(max(x.max(), -x.min(), least))
    if 0 < top < np.inf and not 1 / far < top < far:
        return np.ldexp(x.dtype.type(1), np.frexp(top)[1] - 1)
    return x.dtype.type(1)
'''

OVER = '''
def _over(x, scale):
    """x / scale, or x itself where every scale is 1."""
    if scale.size == 1:
        return x / scale if scale.item() != 1 else x
    return x / scale if np.count_nonzero(scale != 1) else x
'''

POWER_OF_TWO = '''
def _power_of_two(x):
    """The power of two nearest to x, with its sign; 0 at 0."""
    m, exponent = np.frexp(x)
    return np.ldexp(np.sign(m), exponent - (np.abs(m) < np.sqrt(0.5)))
'''

#: In the order in which they appear in a module.
ROW_HELPERS: dict[str, str] = {
    "_row_max": ROW_MAX,
    "_ones": ONES,
    "_sum_rows": SUM_ROWS,
    "_sum_products": SUM_PRODUCTS,
    "_inner": INNER,
    "_sum_each_row": SUM_EACH_ROW,
    "_sum_exponentials": SUM_EXPONENTIALS,
    "_place": PLACE,
    "_centre": CENTRE,
    "_complement": COMPLEMENT,
    "_rest": REST,
    "_zero_sum": ZERO_SUM,
    "_row_minus": ROW_MINUS,
    "_sigmoid_minus": SIGMOID_MINUS,
    "_tanh_minus": TANH_MINUS,
    "_row_squares": ROW_SQUARES,
    "_row_scale": ROW_SCALE,
    "_array_scale": ARRAY_SCALE,
    "_over": OVER,
    "_power_of_two": POWER_OF_TWO,
}
