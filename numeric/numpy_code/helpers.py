"""The few private functions that a generated module may carry, as source text. A module gets only those it uses."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .error_functions import ERROR_FUNCTIONS
from .row_helpers import ROW_HELPERS
from .tabulated import TABULATED

FLOATS = '''
def _floats(name, value):
    """value as a float array of any shape (integers become float64)."""
    value = np.asarray(value)
    if value.dtype.kind != "f":
        if value.dtype.kind not in "biu":
            raise TypeError(f"{name} has dtype {value.dtype}, expected floats")
        value = value.astype(np.float64)
    return value
'''

LABELS = '''
def _labels(name, value, below):
    """value as an integer array with entries 0 ... below - 1."""
    value = np.asarray(value)
    if value.dtype.kind not in "iu":
        raise TypeError(f"{name} has dtype {value.dtype}, expected integer labels")
    if value.min() < 0 or value.max() >= below:
        raise ValueError(f"{name} has labels {value.min()} to {value.max()}, expected 0 to {below - 1}")
    return value
'''

CHECK_SHAPES = '''
_KNOWN = {}  # what _check_shapes found: in training, the same shapes come again and again


def _check_shapes(dimensions, *shapes):
    """The length of each dimension, where the arrays agree. dimensions: those of each, as in "X: n D, g: D"."""
    sizes = _KNOWN.get((dimensions, shapes))
    if sizes is not None:
        return sizes
    sizes = {}
    for text, shape in zip(dimensions.split(", "), shapes):
        name, *dims = text.replace(":", "").split(" ")
        sizes.update((d, int(d)) for d in dims if d.isdigit())
        if len(shape) != len(dims) or tuple(map(sizes.setdefault, dims, shape)) != shape:
            wanted = tuple(sizes.get(d, "?") for d in dims)
            raise ValueError(f"{name} has shape {shape}, expected ({', '.join(dims)}) = {wanted}".replace("'", ""))
        if 0 in shape:
            raise ValueError(f"{name} has shape {shape}, every dimension must be at least 1")
    if len(_KNOWN) == 100:
        _KNOWN.clear()
    return _KNOWN.setdefault((dimensions, shapes), sizes)
'''

IN_BLOCKS = '''
def _in_blocks(function, x, *others):
    """function of 2**18 bytes of x at a time: all that it computes on the way stays in the cache.

    others: numbers, and arrays with the shape of x.
    """
    flat, found = [np.ravel(v) if np.ndim(v) else v for v in (x, *others)], []
    step = 2**18 // x.itemsize
    for start in range(0, x.size, step):
        parts = function(*(v[start : start + step] if np.ndim(v) else v for v in flat))
        parts = parts if isinstance(parts, tuple) else (parts,)
        found = found or [np.empty(x.size, part.dtype) for part in parts]
        for whole, part in zip(found, parts):
            whole[start : start + step] = part
    found = tuple(whole.reshape(x.shape) for whole in found)
    return found if len(found) > 1 else found[0]
'''

MOSTLY_NEAR = '''
def _mostly_near(near, results, low, high, function, x, *others):
    """function of long arrays: near, which writes so many results, where low <= x <= high. The rest is computed again.

    others: arrays with the shape of x, then numbers.
    """
    arrays, numbers = [np.ravel(v) for v in (x, *others) if np.ndim(v)], [v for v in others if not np.ndim(v)]
    if not x.dtype.isnative or any(v.dtype != x.dtype for v in arrays):
        return _in_blocks(function, x, *others)
    found, far, at = [np.empty_like(arrays[0]) for _ in range(results)], [], np.empty(0, np.intp)
    step = 2**19 // x.itemsize
    with np.errstate(all="ignore"):
        for start in range(0, x.size, step):
            block, parts = ([v[start : start + step] for v in vs] for vs in (arrays, found))
            v, many = block[0], at.size > step // 16  # most likely this block is like the last one
            if not many:  # before x is looked at: then that is in the cache
                near(*block, *numbers, *parts)
            if not v.max() <= high:  # NaN too
                at = np.logical_not((low <= v) & (v <= high)).nonzero()[0]
            elif at.size or v.min() < low:
                at = (v < low).nonzero()[0]
            if at.size > step // 16:
                _put_parts(parts, ..., _in_blocks(function, *block, *numbers))
            else:
                if many:
                    near(*block, *numbers, *parts)
                far.append(at + start)
    far = np.concatenate(far or [at[:0]])
    if far.size:
        _put_parts(found, far, function(*(v[far] for v in arrays), *numbers))
    found = tuple(whole.reshape(x.shape) for whole in found)
    return found if len(found) > 1 else found[0]


def _put_parts(arrays, at, values):
    """Each of some values, or the only one, into its array at the given places."""
    for whole, part in zip(arrays, values if isinstance(values, tuple) else (values,)):
        whole[at] = part
'''

IN_FLOAT32 = '''
def _in_float32(function, x, *others):
    """function, computed in float32 and rounded to float16, in which no number is larger than 65504."""
    found = function(*(np.asarray(v, np.float32) for v in (x, *others)))
    return tuple(v.astype(x.dtype) for v in found) if isinstance(found, tuple) else found.astype(x.dtype)
'''

#: Bytes of an array that stay in a core's own cache while a function works on them, entry by entry.
CACHED = 2**18

#: And of one of which ``_mostly_near`` decides at a time how it is computed. Its operations write into arrays that are
#: there, and the fewer the blocks, the less time goes into calls: 5 % of gelu-tanh with half as many.
NEAR_BLOCK = 2**19

#: An array of rows with more bytes is computed some rows at a time: so many bytes of it. The text names both numbers.
LONG, BLOCK = 2**21, 2**19

BY_ROWS = '''
_LONG = 2**21  # bytes of an array that is computed some rows at a time
_BLOCK = 2**19  # bytes of these rows


def _by_rows(function, split, others, kinds):
    """function of some rows of the arrays in split at a time: all that it computes on the way stays in the cache.

    kinds: what becomes of each result of the blocks: rows are put together, sums are added.
    """
    largest = max(split.values(), key=lambda x: x.nbytes)
    n = len(largest)
    step, found = max(1, _BLOCK * n // largest.nbytes), [[] for _ in kinds]
    for start in range(0, n, step):
        rows = slice(start, start + step)
        parts = function(**{name: x[rows] for name, x in split.items()}, **others)
        for whole, part, kind in zip(found, parts if len(kinds) > 1 else (parts,), kinds):
            if kind == "sum":
                whole.append(part)
                continue
            if not whole:
                whole.append(np.empty((n, *part.shape[1:]), part.dtype))
            whole[0][rows] = part
        del parts, part  # the next rows are computed where these were
    found = tuple(np.sum(x, axis=0) if kind == "sum" else x[0] for x, kind in zip(found, kinds))
    return found if len(kinds) > 1 else found[0]
'''

IN_DOUBLE = '''
def _in_double(function, x):
    """function(x), rounded once from float64 where x has fewer digits: np.exp of float32 is up to 2.4 ULP off."""
    if x.dtype.itemsize >= 8:
        return function(x)
    return function(x, out=np.empty_like(x), dtype=np.float64, casting="same_kind")
'''

SIGMOID = '''
def _sigmoid(x, e=None):
    """1 / (1 + exp(-x)) without overflow: q = e / (1 + e), and 1 - q where x >= 0. e: exp(-abs(x)), if known."""
    if e is None:
        e = np.exp(-np.abs(x))
    return np.abs((x >= 0) - e / (1.0 + e))
'''

SOFTPLUS = '''
def _softplus(x):
    """log(1 + exp(x)), without overflow and with full accuracy in both tails."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))
'''

SECH2 = '''
def _sech2(x):
    """1 - tanh(x)**2, without cancellation."""
    e = np.abs(x)
    e *= -2.0
    e = np.exp(e)
    d = 1.0 + e
    d *= d
    e /= d
    e *= 4.0
    return e
'''

XLOGX = '''
def _xlogx(x):
    """x log(x), and its limit 0 at x = 0."""
    return x * np.log(np.where(x == 0, 1.0, x))
'''

LOG_WEIGHTED = '''
def _log_weighted(x, w):
    """log(w exp(x)) for w >= 0: x + log(w), and -inf where w is 0, whatever x is there."""
    return np.where(w == 0, -np.inf, x + np.log(np.where(w == 0, 1.0, w)))
'''

TANH_REMAINDER = '''
def _tanh_remainder(x):
    """x - tanh(x), without cancellation: near 0 from the continued fraction of tanh."""
    near = np.clip(x, -1.0, 1.0)
    s = near * near
    c = s / 17.0
    for k in (15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0):
        c = s / (k + c)
    a = np.abs(x)
    return (a < 1.0) * (near * c / (1.0 + c)) + (a >= 1.0) * (x - np.tanh(x))
'''

FINITE = '''
def _finite(x):
    """x, with the largest number of its dtype in place of an infinity."""
    largest = np.finfo(x.dtype).max
    return np.clip(x, -largest, largest)
'''

BEYOND = '''
def _beyond(y, x, bound):
    """x where it is beyond bound, y elsewhere. It overwrites y."""
    y, inside = np.asarray(y), x.max(initial=0.0) <= bound if bound > 0 else x.min(initial=0.0) >= bound
    if not inside:  # NaN is not inside either
        np.copyto(y, x, where=x > bound if bound > 0 else x < bound)
    return y[()]
'''

LOG_SUM = '''
def _log_sum(e, axis):
    """log(e.sum(axis)) where the largest e is 1, accurate also when all others are tiny."""
    top = np.expand_dims(e.argmax(axis), axis)
    rest = e.copy()
    np.put_along_axis(rest, top, 0.0, axis)
    return np.log1p(rest.sum(axis))
'''

TAKE = '''
def _take(x, at, axis):
    """The entries of x at the positions ``at`` along an axis, zero outside. The axes of ``at`` stand for that axis."""
    inside = (at >= 0) & (at < x.shape[axis])
    inside = inside.reshape(inside.shape + (1,) * (x.ndim - axis - 1))
    return np.where(inside, x.take(np.clip(at, 0, x.shape[axis] - 1), axis=axis), x.dtype.type(0))
'''

PUT = '''
def _put(values, at, size):
    """A last axis of the given size: at a, the sum of all values with position a; those with positions outside go.

    The positions belong to the last axes of values. Along the first of these no position comes twice.
    """
    lead = values.shape[: values.ndim - at.ndim]
    values = np.broadcast_to(values, lead + at.shape)
    out = np.zeros((*lead, size), dtype=values.dtype)
    for offset in np.ndindex(at.shape[1:]):
        place = at[(slice(None), *offset)]
        inside = (place >= 0) & (place < size)
        out[..., place[inside]] += values[(..., slice(None), *offset)][..., inside]
    return out
'''

ADD_AT = '''
def _add_at(values, at, size):
    """A last axis of the given size: at a, the sum of all values with position a, however often it comes.

    The positions belong to the last axes of values.
    """
    lead = values.shape[: values.ndim - at.ndim]
    values = np.broadcast_to(values, lead + at.shape)
    out = np.zeros((size, *lead), dtype=values.dtype)
    np.add.at(out, at.ravel(), np.moveaxis(values.reshape(*lead, at.size), -1, 0))
    return np.moveaxis(out, 0, -1)
'''

DIMENSION = '''
def _dimension(name, size, sizes):
    """A dimension that follows from others: at least 1, and what the arrays say."""
    if size < 1:
        raise ValueError(f"{name} is {size}, it must be at least 1: the window is larger than the padded input")
    if sizes.get(name, size) != size:
        raise ValueError(f"{name} is {sizes[name]}, expected {size}")
    return size
'''

#: In the order in which they appear in a module.
HELPERS: dict[str, str] = {
    "_floats": FLOATS,
    "_labels": LABELS,
    "_check_shapes": CHECK_SHAPES,
    "_in_blocks": IN_BLOCKS,
    "_mostly_near": MOSTLY_NEAR,
    "_in_float32": IN_FLOAT32,
    "_by_rows": BY_ROWS,
    "_in_double": IN_DOUBLE,
    "_sigmoid": SIGMOID,
    "_softplus": SOFTPLUS,
    "_sech2": SECH2,
    **ERROR_FUNCTIONS,
    **TABULATED,
    "_xlogx": XLOGX,
    "_log_weighted": LOG_WEIGHTED,
    "_tanh_remainder": TANH_REMAINDER,
    "_finite": FINITE,
    "_beyond": BEYOND,
    "_log_sum": LOG_SUM,
    **ROW_HELPERS,
    "_take": TAKE,
    "_put": PUT,
    "_add_at": ADD_AT,
    "_dimension": DIMENSION,
}


def with_called(names: Iterable[str]) -> tuple[str, ...]:
    """Helpers and those that they call, in the order in which they appear in a module."""
    needed: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [f for f in re.findall(r"\b_\w+(?=\()", HELPERS[name]) if f in HELPERS]
    return tuple(h for h in HELPERS if h in needed)
