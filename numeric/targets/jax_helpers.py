"""The private functions that a generated JAX module may carry, as source text. JAX may differentiate them.

Where a smooth function is computed from abs(x), abs has the slope 1 at 0 here, as the branch x >= 0 has.
"""

from __future__ import annotations

from ..numpy_code.error_functions import ERROR_FUNCTIONS
from .shared_helpers import (
    DIMENSION,
    EXP_POLYNOMIAL,
    EXP_QUOTIENT,
    FLOATS,
    LOG_WEIGHTED,
    PRODUCT,
    SIGMOID,
    SIGMOID_MINUS,
    TANH_MINUS,
    XLOGX,
    in_jax,
    needs,
)

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

ROUNDED = '''
def _rounded(x):
    """x, a product, rounded to its dtype also where compiled code would subtract from the exact one."""
    return jnp.where(x == x, x, jnp.nan)
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

COMPLEMENT = '''
def _complement(p, axis):
    """1 - p for rows that sum to 1: where p is above 1/2, the sum of the others."""
    rest = jnp.where(_here(p, p.argmax(axis), axis), 0.0, p).sum(axis, keepdims=True)
    return jnp.where(p > 0.5, rest, 1.0 - p)
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
    "_floats": in_jax(FLOATS),
    "_labels": LABELS,
    "_check_shape": SHAPE,
    "_numbers": NUMBERS,
    "_constant": CONSTANT,
    "_instantiated": INSTANTIATED,
    "_dimension": in_jax(DIMENSION),
    "_wider": WIDER,
    "_abs": ABS,
    "_relu": RELU,
    "_when": WHEN,
    "_rounded": ROUNDED,
    "_sigmoid": in_jax(SIGMOID),
    "_softplus": SOFTPLUS,
    "_sech2": SECH2,
    "_xlogx": in_jax(XLOGX),
    "_log_weighted": in_jax(LOG_WEIGHTED),
    "_tanh_remainder": TANH_REMAINDER,
    "_finite": FINITE,
    "_here": HERE,
    "_log_sum": LOG_SUM,
    "_take": TAKE,
    "_take_inside": TAKE_INSIDE,
    "_put": PUT,
    "_zero_sum": ZERO_SUM,
    "_sigmoid_minus": in_jax(SIGMOID_MINUS),
    "_tanh_minus": in_jax(TANH_MINUS),
    "_row_minus": ROW_MINUS,
    "_complement": COMPLEMENT,
    "_row_scale": ROW_SCALE,
    "_power_of_two": POWER_OF_TWO,
    "_product": in_jax(PRODUCT),
    "_exp_polynomial": in_jax(EXP_POLYNOMIAL),
    "_exp_product": EXP_PRODUCT,
    "_exp_quotient": in_jax(EXP_QUOTIENT),
    "_polynomial": POLYNOMIAL,
    **{name: _in_jnp(ERROR_FUNCTIONS[name]) for name in ("_erfcx", "_erfc", "_erf")},
}

NEEDS = needs(HELPERS)
