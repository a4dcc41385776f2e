"""Private functions that modules for torch and for JAX have in common, as source text in the words of torch."""

from __future__ import annotations

import re
from collections.abc import Mapping

FLOATS = '''
def _floats(name, value, dims, sizes):
    """Checks that value is a tensor of floats with the given axes; sizes collects what each dimension is."""
    _numbers(name, value)
    _check_shape(name, value, dims, sizes)
'''

DIMENSION = '''
def _dimension(name, size, sizes):
    """A dimension that follows from others: at least 1, and what the arrays say."""
    if size < 1:
        raise ValueError(f"{name} is {size}, it must be at least 1: the window is larger than the padded input")
    if sizes.setdefault(name, size) != size:
        raise ValueError(f"{name} is {sizes[name]}, expected {size}")
'''

SIGMOID = '''
def _sigmoid(x):
    """1 / (1 + exp(-x)), without overflow and with full accuracy in both tails."""
    e = torch.exp(-_abs(x))
    return torch.where(x >= 0, 1.0, e) / (1.0 + e)
'''

XLOGX = '''
def _xlogx(x):
    """x log(x), and its limit 0 at x = 0."""
    return x * torch.log(torch.where(x == 0, 1.0, x))
'''

LOG_WEIGHTED = '''
def _log_weighted(x, w):
    """log(w exp(x)) for w >= 0: x + log(w), and -inf where w is 0, whatever x is there."""
    return torch.where(w == 0, -torch.inf, x + torch.log(torch.where(w == 0, 1.0, w)))
'''

SIGMOID_MINUS = '''
def _sigmoid_minus(x, t):
    """sigmoid(x) - t, without cancellation: both sides count from 1 where x is positive."""
    e = torch.exp(-_abs(x))
    s = e / (1.0 + e)
    return torch.where(x >= 0, 1.0 - t - s, s - t)
'''

TANH_MINUS = '''
def _tanh_minus(x, y):
    """tanh(x) - tanh(y), without cancellation where both are near the same limit."""
    s, t = torch.tanh(x), torch.tanh(y)
    e, f = torch.exp(-2.0 * _abs(x)), torch.exp(-2.0 * _abs(y))
    off = 2.0 * (f - e) / ((1.0 + e) * (1.0 + f))  # of how far each is from the limit
    return torch.where(s * t > 0.9, torch.where(x > 0, off, -off), s - t)
'''

PRODUCT = '''
def _product(a, b):
    """a * b for tensors or numbers, and what rounding took from it."""
    single = any(isinstance(v, torch.Tensor) and v.dtype == torch.float32 for v in (a, b))
    a_high, b_high = (_leading(v, 12 if single else 26) for v in (a, b))
    a_low, b_low = a - a_high, b - b_high
    product = a * b
    return product, (a_high * b_high - product) + a_high * b_low + a_low * b_high + a_low * b_low


def _leading(x, digits):
    """x rounded to so many binary digits."""
    all_digits = 24 if isinstance(x, torch.Tensor) and x.dtype == torch.float32 else 53
    scaled = x * (2.0 ** (all_digits - digits) + 1.0)
    return scaled - (scaled - x)
'''

EXP_POLYNOMIAL = '''
def _exp_polynomial(x, scale, rest, *coefficients):
    """exp((scale + rest) (c1 x + c2 x**2 + ...)), accurate also where the exponent is large.

    x is t + r with few digits in t. At t, and with few digits in each coefficient, the exponent is exact; what is left
    of it is small. The slope of the whole is that at t held fixed.
    """
    if any(isinstance(c, torch.Tensor) for c in coefficients):  # a tensor has no digits to spare
        return torch.exp(scale * sum(c * x ** (k + 1) for k, c in enumerate(coefficients)))
    degree, digits = len(coefficients), 17 if x.dtype == torch.float32 else 43
    places = -(-digits // (2 * degree))
    grid = 2.0 ** (digits - degree * places)
    whole = [_product(scale, float(c)) for c in coefficients]
    short = [round(p * grid) / grid if abs(p) < float("inf") else p for p, _ in whole]
    cut = [p - s + (error + rest * c) for s, c, (p, error) in zip(short, coefficients, whole)]
    t = torch.round(x * 2.0**places) * 2.0**-places
    exact, left, slope = short[-1], cut[-1], whole[-1][0]
    for s, c in zip(short[-2::-1], cut[-2::-1]):
        exact = exact * t + s if s else exact * t
        left = left * t + c if any(cut) else 0.0
        slope = slope * x + (exact + left)
    return torch.exp(exact * t) * torch.exp(left * t + (x - t) * slope)
'''

EXP_QUOTIENT = '''
def _exp_quotient(x, d):
    """exp(x / d), accurate also where the quotient is large."""
    product, error = _product(1.0 / d, d)
    return _exp_product(x, 1.0 / d, (1.0 - product - error) / d)
'''


def in_jax(text: str) -> str:
    """The same text in the words of JAX."""
    text = text.replace("torch.Tensor", "jax.Array").replace("torch.", "jnp.")
    return text.replace("a tensor", "an array").replace("tensors", "arrays")


def needs(helpers: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The helpers that each helper uses. One that is used stands before the one that uses it, checks apart."""
    return {
        name: tuple(dict.fromkeys(f for f in re.findall(r"\b_\w+(?=\()", text) if f in helpers and f != name))
        for name, text in helpers.items()
    }
