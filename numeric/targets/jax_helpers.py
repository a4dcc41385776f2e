"""The private functions that a generated JAX module may carry, as source text. JAX may differentiate them.

Where a smooth function is computed from abs(x), abs has the slope 1 at 0 here, as the branch x >= 0 has.
"""

from __future__ import annotations

import re

from ..numpy_code.error_functions import ERROR_FUNCTIONS

FLOATS = '''
def _floats(name, value, dims, sizes):
    """Checks that value is an array of floats with the given axes; sizes collects what each dimension is."""
    _numbers(name, value)
    _check_shape(name, value, dims, sizes)
'''

NUMBERS = '''
def _numbers(name, value):
    """Checks that value is an array of floats."""
    if not jnp.issubdtype(value.dtype, jnp.floating):
        raise TypeError(f"{name} has dtype {value.dtype}, expected floats; write {name}.astype(float)")
'''

LABELS = '''
def _labels(name, value, dims, sizes, below):
    """value as labels 0 ... below - 1 with the given axes; the range is checked outside of traced code only."""
    if not jnp.issubdtype(value.dtype, jnp.integer):
        raise TypeError(f"{name} has dtype {value.dtype}, expected integer labels")
    _check_shape(name, value, dims, sizes)
    if not isinstance(value, jax.core.Tracer) and (value.min() < 0 or value.max() >= below):
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

DIMENSION = '''
def _dimension(name, size, sizes):
    """A dimension that follows from others: at least 1, and what the arrays say."""
    if size < 1:
        raise ValueError(f"{name} is {size}, it must be at least 1: the window is larger than the padded input")
    if sizes.setdefault(name, size) != size:
        raise ValueError(f"{name} is {sizes[name]}, expected {size}")
'''

CONSTANT = '''
def _constant(name, has_gradient):
    """Says so where a gradient is asked for that is not derived here."""
    if has_gradient:
        raise ValueError(f"{name} has no derivative here; pass jax.lax.stop_gradient({name})")
'''

INSTANTIATED = '''
def _instantiated(tangent):
    """A tangent or cotangent as an array, also where it is a symbol for zeros."""
    zero = isinstance(tangent, jax.custom_derivatives.SymbolicZero)
    return jnp.zeros(tangent.shape, tangent.dtype) if zero else tangent
'''

WIDER = '''
def _wider(*arrays):
    """float16 and bfloat16 as float32, in which functions and sums are computed; other arrays as they are."""
    return tuple(a.astype(jnp.float32) if a.dtype.itemsize == 2 else a for a in arrays)
'''

ABS = '''
def _abs(x):
    """abs(x), with the slope 1 at 0."""
    return jnp.where(x < 0, -x, x)
'''

RELU = '''
def _relu(x):
    """max(x, 0), with the slope 1 at 0."""
    return jnp.where(x < 0, 0.0, x)
'''

WHEN = '''
def _when(mask, x):
    """x where mask holds, else 0; and NaN where x is."""
    return jnp.where(mask, x, 0.0 * x)
'''

SIGMOID = '''
def _sigmoid(x):
    """1 / (1 + exp(-x)), without overflow and with full accuracy in both tails."""
    e = jnp.exp(-_abs(x))
    return jnp.where(x >= 0, 1.0, e) / (1.0 + e)
'''

SOFTPLUS = '''
def _softplus(x):
    """log(1 + exp(x)), without overflow and with full accuracy in both tails."""
    return _relu(x) + jnp.log1p(jnp.exp(-_abs(x)))
'''

SECH2 = '''
def _sech2(x):
    """1 - tanh(x)**2, without cancellation; the square of what is in range without subnormal numbers."""
    e = jnp.exp(-_abs(x))
    root = 2.0 * e / (1.0 + e * e)
    return root * root
'''

XLOGX = '''
def _xlogx(x):
    """x log(x), and its limit 0 at x = 0."""
    return x * jnp.log(jnp.where(x == 0, 1.0, x))
'''

LOG_WEIGHTED = '''
def _log_weighted(x, w):
    """log(w exp(x)) for w >= 0: x + log(w), and -inf where w is 0, whatever x is there."""
    return jnp.where(w == 0, -jnp.inf, x + jnp.log(jnp.where(w == 0, 1.0, w)))
'''

TANH_REMAINDER = '''
def _tanh_remainder(x):
    """x - tanh(x), without cancellation: near 0 from the continued fraction of tanh."""
    near = jnp.clip(x, -1.0, 1.0)
    s = near * near
    c = s / 17.0
    for k in (15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0):
        c = s / (k + c)
    return jnp.where(_abs(x) < 1.0, near * c / (1.0 + c), x - jnp.tanh(x))
'''

FINITE = '''
def _finite(x):
    """x, with the largest number of its dtype in place of an infinity."""
    largest = jnp.finfo(x.dtype).max
    return jnp.clip(x, -largest, largest)
'''

HERE = '''
def _here(x, at, axis):
    """Where the entries ``at`` along an axis of x are."""
    places = jnp.arange(x.shape[axis]).reshape(-1, *[1] * (x.ndim - 1 - axis))
    return places == jnp.expand_dims(at, axis)
'''

LOG_SUM = '''
def _log_sum(e, axis):
    """log(e.sum(axis)) where the largest e is 1, accurate also where all others are tiny; with the slope of log."""
    total = jnp.log(e.sum(axis))
    rest = jnp.where(_here(e, e.argmax(axis), axis), 0.0, jax.lax.stop_gradient(e))
    return jnp.log1p(rest.sum(axis)) + (total - jax.lax.stop_gradient(total))
'''

ZERO_SUM = '''
def _zero_sum(x, at, axis, less=0.0, p=None):
    """x, less something at the entries ``at`` along an axis, where its rows then sum to 0.

    Where that would cancel, those entries are minus the sum of the others. p: a distribution that is largest there.
    """
    here = _here(x, at, axis)
    less = jnp.expand_dims(less, axis) if jnp.ndim(less) else less
    cancels = here & ((x > 0.5 * less) if p is None else (p > 0.5))
    rest = jnp.where(here, 0.0, x)
    return jnp.where(cancels, -rest.sum(axis, keepdims=True), jnp.where(here, x - less, x))
'''

ROW_MINUS = '''
def _row_minus(p, t, axis):
    """p - t for rows p that sum to 1: where p is above 1/2, 1 - t minus the sum of the other p."""
    here = _here(p, p.argmax(axis), axis)
    rest = jnp.where(here, 0.0, p).sum(axis, keepdims=True)
    return jnp.where(here & (p > 0.5), 1.0 - t - rest, p - t)
'''

ROW_SCALE = '''
def _row_scale(x, axes, least=0.0):
    """A power of two near the largest abs(x), or least; 1 where the squares of x are in range anyway. A constant."""
    top = jax.lax.stop_gradient(jnp.maximum(jnp.abs(x).max(axes), least))
    far = 2.0 ** (jnp.finfo(x.dtype).maxexp // 4)
    off = (top > 0) & (top < jnp.inf) & ((top <= 1 / far) | (top >= far))
    return jnp.ldexp(jnp.ones_like(top), jnp.where(off, jnp.frexp(top)[1] - 1, 0))
'''

POWER_OF_TWO = '''
def _power_of_two(x):
    """The power of two nearest to x, with its sign; 0 at 0. A constant."""
    m, exponent = jnp.frexp(jax.lax.stop_gradient(x))
    return jnp.ldexp(jnp.sign(m), exponent - (jnp.abs(m) < 0.7071067811865476))
'''

SIGMOID_MINUS = '''
def _sigmoid_minus(x, t):
    """sigmoid(x) - t, without cancellation: both sides count from 1 where x is positive."""
    e = jnp.exp(-_abs(x))
    s = e / (1.0 + e)
    return jnp.where(x >= 0, 1.0 - t - s, s - t)
'''

TAKE = '''
def _take(x, at, axis):
    """The entries of x at the positions ``at`` along an axis. The axes of ``at`` stand for that axis."""
    return jnp.take(x, at, axis=axis, mode="clip")
'''

TAKE_INSIDE = '''
def _take_inside(x, at, axis):
    """The entries of x at the positions ``at`` along an axis, zero outside. The axes of ``at`` stand for it."""
    inside = (at >= 0) & (at < x.shape[axis])
    inside = inside.reshape(inside.shape + (1,) * (x.ndim - axis - 1))
    return jnp.where(inside, _take(x, at, axis), 0.0)
'''

PUT = '''
def _put(values, at, size):
    """A last axis of the given size: at a, the sum of all values with position a; those with positions outside go.

    The positions belong to the last axes of values.
    """
    lead = values.shape[: values.ndim - at.ndim]
    values = jnp.broadcast_to(values, lead + at.shape).reshape(*lead, -1)
    at = jnp.where((at >= 0) & (at < size), at, size).reshape(-1)
    return jnp.zeros((*lead, size), values.dtype).at[..., at].add(values, mode="drop")
'''

EXP_POLYNOMIAL = '''
def _exp_polynomial(x, scale, rest, *coefficients):
    """exp((scale + rest) (c1 x + c2 x**2 + ...)), accurate also where the exponent is large.

    x is t + r with few digits in t. At t, and with few digits in each coefficient, the exponent is exact; what is left
    of it is small. The slope of the whole is that at t held fixed.
    """
    if any(isinstance(c, jax.Array) for c in coefficients):  # an array has no digits to spare
        return jnp.exp(scale * sum(c * x ** (k + 1) for k, c in enumerate(coefficients)))
    degree, digits = len(coefficients), 17 if x.dtype == jnp.float32 else 43
    places = -(-digits // (2 * degree))
    grid = 2.0 ** (digits - degree * places)
    whole = [_product(scale, float(c)) for c in coefficients]
    short = [round(p * grid) / grid for p, _ in whole]
    cut = [p - s + (error + rest * c) for s, c, (p, error) in zip(short, coefficients, whole)]
    t = jnp.round(x * 2.0**places) * 2.0**-places
    exact, left, slope = short[-1], cut[-1], whole[-1][0]
    for s, c in zip(short[-2::-1], cut[-2::-1]):
        exact = exact * t + s if s else exact * t
        left = left * t + c if any(cut) else 0.0
        slope = slope * x + (exact + left)
    return jnp.exp(exact * t) * jnp.exp(left * t + (x - t) * slope)
'''

PRODUCT = '''
def _product(a, b):
    """a * b for arrays or numbers, and what rounding took from it."""
    single = any(isinstance(v, jax.Array) and v.dtype == jnp.float32 for v in (a, b))
    a_high, b_high = (_leading(v, 12 if single else 26) for v in (a, b))
    a_low, b_low = a - a_high, b - b_high
    product = a * b
    return product, (a_high * b_high - product) + a_high * b_low + a_low * b_high + a_low * b_low


def _leading(x, digits):
    """x rounded to so many binary digits."""
    all_digits = 24 if isinstance(x, jax.Array) and x.dtype == jnp.float32 else 53
    scaled = x * (2.0 ** (all_digits - digits) + 1.0)
    return scaled - (scaled - x)
'''

EXP_PRODUCT = '''
def _exp_product(x, factor, rest):
    """exp(x (factor + rest)), accurate also where the exponent is large."""
    info = jnp.finfo(x.dtype)
    size = jax.lax.stop_gradient(jnp.abs(jnp.asarray(factor, x.dtype)))
    limit = 2048.0 / jnp.maximum(size, 2.0**14 / float(info.max) / float(info.eps) ** 0.5)  # 0 or inf beyond it
    x = jnp.clip(x, -limit, limit)
    product, error = _product(x, factor)
    return jnp.exp(product) * (1.0 + (error + x * rest))
'''

EXP_QUOTIENT = '''
def _exp_quotient(x, d):
    """exp(x / d), accurate also where the quotient is large."""
    product, error = _product(1.0 / d, d)
    return _exp_product(x, 1.0 / d, (1.0 - product - error) / d)
'''

POLYNOMIAL = '''
def _polynomial(x, coefficients):
    """c[0] + c[1] x + c[2] x**2 + ..., by Horner's rule."""
    total = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total
'''


def _in_jnp(text: str) -> str:
    return text.replace("np.abs(", "_abs(").replace("np.", "jnp.")


HELPERS: dict[str, str] = {
    "_floats": FLOATS,
    "_labels": LABELS,
    "_check_shape": SHAPE,
    "_numbers": NUMBERS,
    "_constant": CONSTANT,
    "_instantiated": INSTANTIATED,
    "_dimension": DIMENSION,
    "_wider": WIDER,
    "_abs": ABS,
    "_relu": RELU,
    "_when": WHEN,
    "_sigmoid": SIGMOID,
    "_softplus": SOFTPLUS,
    "_sech2": SECH2,
    "_xlogx": XLOGX,
    "_log_weighted": LOG_WEIGHTED,
    "_tanh_remainder": TANH_REMAINDER,
    "_finite": FINITE,
    "_here": HERE,
    "_log_sum": LOG_SUM,
    "_take": TAKE,
    "_take_inside": TAKE_INSIDE,
    "_put": PUT,
    "_zero_sum": ZERO_SUM,
    "_sigmoid_minus": SIGMOID_MINUS,
    "_row_minus": ROW_MINUS,
    "_row_scale": ROW_SCALE,
    "_power_of_two": POWER_OF_TWO,
    "_product": PRODUCT,
    "_exp_polynomial": EXP_POLYNOMIAL,
    "_exp_product": EXP_PRODUCT,
    "_exp_quotient": EXP_QUOTIENT,
    "_polynomial": POLYNOMIAL,
    **{name: _in_jnp(ERROR_FUNCTIONS[name]) for name in ("_erfcx", "_erfc", "_erf")},
}

#: Helpers that a helper uses. One that is used stands before the one that uses it, checks apart.
NEEDS: dict[str, tuple[str, ...]] = {
    name: tuple(dict.fromkeys(f for f in re.findall(r"\b_\w+(?=\()", text) if f in HELPERS and f != name))
    for name, text in HELPERS.items()
}
