"""The private functions that a generated torch module may carry, as source text. Autograd may differentiate them.

Where a smooth function is computed from abs(x), abs has the slope 1 at 0 here, as the branch x >= 0 has: then both
sides of a reflection have the derivatives of the right one.
"""

from __future__ import annotations

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
    needs,
)

NUMBERS = '''
def _numbers(name, value):
    """Checks that value is a tensor of floats."""
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name} is a {type(value).__name__}, expected a tensor")
    if not value.dtype.is_floating_point:
        raise TypeError(f"{name} has dtype {value.dtype}, expected floats; write {name}.double()")
'''

LABELS = '''
def _labels(name, value, dims, sizes, below):
    """value as labels 0 ... below - 1 with the given axes. Their range is checked in plain CPU code."""
    if not isinstance(value, torch.Tensor) or value.dtype.is_floating_point or value.dtype == torch.bool:
        kind = getattr(value, "dtype", type(value).__name__)
        raise TypeError(f"{name} is {kind}, expected a tensor of integer labels")
    _check_shape(name, value, dims, sizes)
    checked = value.device.type == "cpu" and not torch.compiler.is_compiling()
    try:
        outside = checked and bool(value.min() < 0 or value.max() >= below)
    except RuntimeError:  # within vmap nothing can be asked of the values
        outside = False
    if outside:
        raise ValueError(f"{name} has labels {value.min()} to {value.max()}, expected 0 to {below - 1}")
    return value.long()
'''

SHAPE = """
def _check_shape(name, value, dims, sizes):
    shape = tuple(value.shape)
    if len(shape) == len(dims):
        for dim, size in zip(dims, shape):
            sizes.setdefault(dim, size)
    expected = tuple(d if isinstance(d, int) else sizes.get(d, "?") for d in dims)
    if shape != expected:
        named = ", ".join(map(str, dims))
        raise ValueError(f"{name} has shape {shape}, expected ({named}) = {expected}".replace("'", ""))
    if 0 in shape:
        raise ValueError(f"{name} has shape {shape}, every dimension must be at least 1")
"""

CONSTANT = '''
def _constant(**values):
    """Checks that no gradient is expected where there is no derivative."""
    for name, value in values.items():
        if isinstance(value, torch.Tensor) and value.requires_grad:
            raise ValueError(f"{name} requires a gradient, but has no derivative here; pass {name}.detach()")
'''

WIDER = '''
def _wider(*tensors):
    """float16 and bfloat16 as float32, in which functions and sums are computed; other tensors as they are."""
    return tuple(t.float() if t.dtype in (torch.float16, torch.bfloat16) else t for t in tensors)
'''

ABS = '''
def _abs(x):
    """abs(x), with the slope 1 at 0."""
    return torch.where(x >= 0, x, -x)
'''

SOFTPLUS = '''
def _softplus(x):
    """log(1 + exp(x)), without overflow and with full accuracy in both tails."""
    return x.clamp(min=0.0) + torch.log1p(torch.exp(-_abs(x)))
'''

SECH2 = '''
def _sech2(x):
    """1 - tanh(x)**2, without cancellation."""
    e = torch.exp(-2.0 * _abs(x))
    return 4.0 * e / (1.0 + e) ** 2
'''

TANH_REMAINDER = '''
def _tanh_remainder(x):
    """x - tanh(x), without cancellation: near 0 from the continued fraction of tanh."""
    near = x.clamp(-1.0, 1.0)
    s = near * near
    c = s / 17.0
    for k in (15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0):
        c = s / (k + c)
    return torch.where(_abs(x) < 1.0, near * c / (1.0 + c), x - torch.tanh(x))
'''

FINITE = '''
def _finite(x):
    """x, with the largest number of its dtype in place of an infinity."""
    return x.clamp(-torch.finfo(x.dtype).max, torch.finfo(x.dtype).max)
'''

LOG_SUM = '''
def _log_sum(e, dim):
    """log(e.sum(dim)) where the largest e is 1, accurate also when all others are tiny; the gradient is that of log."""
    total = e.sum(dim).log()
    rest = e.detach().scatter(dim, e.argmax(dim, keepdim=True), 0.0)
    return torch.log1p(rest.sum(dim)) + (total - total.detach())
'''

TAKE = '''
def _take(x, at, dim):
    """The entries of x at the positions ``at`` along a dimension. The axes of ``at`` stand for that dimension."""
    return x.index_select(dim, at.reshape(-1)).unflatten(dim, at.shape)
'''

TAKE_INSIDE = '''
def _take_inside(x, at, dim):
    """The entries of x at the positions ``at`` along a dimension, zero outside. The axes of ``at`` stand for it."""
    inside = (at >= 0) & (at < x.shape[dim])
    inside = inside.reshape(inside.shape + (1,) * (x.ndim - dim - 1))
    return torch.where(inside, _take(x, at.clamp(0, x.shape[dim] - 1), dim), 0.0)
'''

PUT = '''
def _put(values, at, size):
    """A last axis of the given size: at a, the sum of all values with position a; those with positions outside go.

    The positions belong to the last axes of values.
    """
    lead = values.shape[: values.ndim - at.ndim]
    inside = (at >= 0) & (at < size)
    values = torch.where(inside, values.expand(lead + at.shape), 0.0).reshape(*lead, -1)
    return values.new_zeros(*lead, size).index_add(-1, at.clamp(0, size - 1).reshape(-1), values)
'''

ZERO_SUM = '''
def _zero_sum(x, at, dim, less=0.0, p=None):
    """x, less something at the entries ``at`` along a dimension, where its rows then sum to 0.

    Where that would cancel, those entries are minus the sum of the others. p: a distribution that is largest there.
    """
    at = at.unsqueeze(dim)
    less = less.unsqueeze(dim) if isinstance(less, torch.Tensor) and less.ndim else less
    own, rest = x.gather(dim, at), x.scatter(dim, at, 0.0)
    cancels = own > 0.5 * less if p is None else p.gather(dim, at) > 0.5
    return rest.scatter(dim, at, torch.where(cancels, -rest.sum(dim, keepdim=True), own - less))
'''

ROW_SCALE = '''
def _row_scale(x, dims, least=0.0):
    """A power of two near the largest abs(x), or least; 1 where the squares of x are in range anyway. A constant."""
    top = x.detach().abs().amax(dims).clamp(min=least)
    far = 2.0 ** (math.frexp(torch.finfo(x.dtype).max)[1] // 4)
    safe = ~(top < torch.inf) | (top == 0) | ((top > 1 / far) & (top < far))
    return torch.where(safe, 1.0, torch.exp2(torch.where(safe, 0.0, torch.log2(top).floor())))
'''

POWER_OF_TWO = '''
def _power_of_two(x):
    """The power of two nearest to x, with its sign; 0 at 0. A constant."""
    size = x.detach().abs()
    return torch.where(size == 0, 0.0, torch.sign(x) * torch.exp2(torch.log2(size).round())).detach()
'''

ROW_MINUS = '''
def _row_minus(p, t, dim):
    """p - t for rows p that sum to 1: where p is above 1/2, 1 - t minus the sum of the other p."""
    at = p.argmax(dim, keepdim=True)
    rest = p.scatter(dim, at, 0.0).sum(dim, keepdim=True)
    top, other = p.gather(dim, at), t.gather(dim, at)
    return (p - t).scatter(dim, at, torch.where(top > 0.5, 1.0 - other - rest, top - other))
'''

COMPLEMENT = '''
def _complement(p, dim):
    """1 - p for rows that sum to 1: where p is above 1/2, the sum of the others."""
    at = p.argmax(dim, keepdim=True)
    rest = p.scatter(dim, at, 0.0).sum(dim, keepdim=True)
    return torch.where(p > 0.5, rest, 1.0 - p)
'''

EXP_PRODUCT = '''
def _exp_product(x, factor, rest):
    """exp(x (factor + rest)), accurate also where the exponent is large."""
    info = torch.finfo(x.dtype)
    size = factor.detach().abs() if isinstance(factor, torch.Tensor) else torch.full_like(x, abs(factor))
    limit = 2048.0 / size.clamp(min=2.0**14 / info.max / info.eps**0.5)  # the result is 0 or inf beyond it
    x = torch.minimum(torch.maximum(x, -limit), limit)
    product, error = _product(x, factor)
    return torch.exp(product) * (1.0 + (error + x * rest))
'''

HELPERS: dict[str, str] = {
    "_floats": FLOATS,
    "_labels": LABELS,
    "_check_shape": SHAPE,
    "_numbers": NUMBERS,
    "_constant": CONSTANT,
    "_dimension": DIMENSION,
    "_wider": WIDER,
    "_abs": ABS,
    "_sigmoid": SIGMOID,
    "_softplus": SOFTPLUS,
    "_sech2": SECH2,
    "_xlogx": XLOGX,
    "_log_weighted": LOG_WEIGHTED,
    "_tanh_remainder": TANH_REMAINDER,
    "_finite": FINITE,
    "_log_sum": LOG_SUM,
    "_take": TAKE,
    "_take_inside": TAKE_INSIDE,
    "_put": PUT,
    "_zero_sum": ZERO_SUM,
    "_sigmoid_minus": SIGMOID_MINUS,
    "_tanh_minus": TANH_MINUS,
    "_row_minus": ROW_MINUS,
    "_complement": COMPLEMENT,
    "_row_scale": ROW_SCALE,
    "_power_of_two": POWER_OF_TWO,
    "_product": PRODUCT,
    "_exp_polynomial": EXP_POLYNOMIAL,
    "_exp_product": EXP_PRODUCT,
    "_exp_quotient": EXP_QUOTIENT,
}

NEEDS = needs(HELPERS)
