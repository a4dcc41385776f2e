"""The error functions for generated modules, as source text: polynomials, with the exponential split off.

benchmarks/error_function.py computes the coefficients and says where the forms come from.
"""

from __future__ import annotations

POLYNOMIAL = '''
def _polynomial(x, coefficients):
    """c[0] + c[1] x + c[2] x**2 + ..., by Horner's rule."""
    total = coefficients[-1] * x
    total += coefficients[-2]
    for c in coefficients[-3::-1]:
        total *= x
        total += c
    return total
'''

ERFCX = '''
_ERFCX32 = (
    0.6936294609, -0.1901481213, 0.06832027627, 0.0085286252, -0.03276210755, 0.02501073579, -0.01028454349,
    0.001516238338, 0.0007210547509, -0.0003484903268, -2.944499283e-05, 3.580523954e-05, 9.591408245e-08,
)
_ERFCX64 = (
    0.69362946082788601, -0.19014813807842956, 0.068320278465398537, 0.0085291031635906667,
    -0.032762142758398255, 0.025006826427429921, -0.010284331334942505, 0.0015301008234583266,
    0.00072044695524316085, -0.00037294540574376326, -2.8558743334206606e-05, 5.7727022431024294e-05,
    -5.167993394156269e-07, -9.2553888771531543e-06, 1.0309901208361719e-07, 1.6262406906927232e-06,
    9.2221081881610147e-08, -2.981048433950128e-07, -5.5835546606896472e-08, 5.1912014749638233e-08,
    2.0122505933482617e-08, -7.56188001147816e-09, -5.3224518521313389e-09, 7.5893544369848026e-10,
    9.6683567431938071e-10, -3.4898793610550868e-11, -9.0072342815323702e-11,
)


def _erfcx(x):
    """exp(x**2) (1 - erf(x)) for x >= 0: (x + 7/8) times it is a polynomial in (x - 3)/(x + 3)."""
    t = 1.0 - 6.0 / (x + 3.0)
    return _polynomial(t, _ERFCX32 if x.dtype == np.float32 else _ERFCX64) / (x + 0.875)
'''

NORMAL_TAIL = '''
_TAIL32 = (
    0.401516567, 1.099619324, 4.733743079, -6.024903682, 76.32288417, -158.2539033, 100.6818973,
)


def _normal_tail(x):
    """exp(x**2 / 2) times the probability of a normal variable above x, for 0 <= x <= 5.25."""
    if x.dtype != np.float32:
        return _erfcx(0.7071067811865476 * x) / 2
    s = x + 3.0
    np.reciprocal(s, out=s)
    total = _polynomial(s, _TAIL32)
    total *= s
    return total
'''

ERF = '''
_ERF32 = (
    1.128379167, -0.3761263848, 0.1128378262, -0.02686543831, 0.005221053413, -0.0008484396551,
    0.0001126825389, -9.673590812e-06,
)
_ERF64 = (
    1.1283791670955126, -0.37612638903183754, 0.11283791670955121, -0.026866170645129854,
    0.0052239776254234547, -0.00085483270219454278, 0.00012055332903350668, -1.4925647581008593e-05,
    1.6462045711013026e-06, -1.6364645854816389e-07, 1.4792435426962471e-08, -1.2164764337224506e-09,
    8.7097552328517892e-11, -4.2320376764874594e-12,
)


def _erf(x):
    """The error function: near 0 from a polynomial, elsewhere from 1 - erf."""
    near = np.clip(x, -1.0, 1.0)
    near = near * _polynomial(near * near, _ERF32 if x.dtype == np.float32 else _ERF64)
    a = np.abs(x)
    return (a < 1.0) * near + (a >= 1.0) * np.copysign(1.0 - _erfc(a), x)
'''

ERFC = '''
def _erfc(x):
    """1 - erf(x), without cancellation."""
    a = np.minimum(np.abs(x), 30.0)
    right = _exp_polynomial(a, -1.0, 0.0, 0.0, 1.0) * _erfcx(a)
    return right + (x < 0) * (2.0 - 2.0 * right)
'''

EXP_POLYNOMIAL = '''
def _exp_polynomial(x, scale, rest, *coefficients, top=np.inf):
    """exp((scale + rest) (c1 x + c2 x**2 + ...)), accurate also where the exponent is large; at most top.

    x is t + r with few digits in t. At t, and with few digits in each coefficient, the exponent is exact; what is left
    of it is small.
    """
    if x.dtype.itemsize < 8 or any(map(np.ndim, coefficients)):  # float64 has digits to spare for float32
        wide = x.astype(np.result_type(x, np.float64))
        total = wide * (scale * coefficients[-1])
        for c in coefficients[-2::-1]:
            if np.ndim(c) or c:
                total += scale * c
            total *= wide
        total = total if top == np.inf else np.clip(total, -np.inf, np.log(top))
        return np.exp(total, out=np.empty_like(x), casting="same_kind")
    degree, digits = len(coefficients), 43
    places = -(-digits // (2 * degree))
    grid = 2.0 ** (digits - degree * places)
    whole = [_number_product(scale, float(c)) for c in coefficients]
    short = [round(p * grid) / grid if abs(p) < np.inf else p for p, _ in whole]
    cut = [p - s + (error + rest * c) for s, c, (p, error) in zip(short, coefficients, whole)]
    t = np.rint(x * 2.0**places) * 2.0**-places
    exact, left, slope = short[-1], cut[-1], whole[-1][0]
    for s, c in zip(short[-2::-1], cut[-2::-1]):
        exact = exact * t + s if s else exact * t
        left = left * t + c if any(cut) else 0.0
        slope = slope * x + (exact + left)
    large, small = exact * t, left * t + (x - t) * slope
    if top == np.inf:
        return np.exp(large) * np.exp(small)
    beyond = np.log(top) + 1.0
    return np.minimum(np.exp(np.minimum(large, beyond)) * np.exp(small * (large < beyond)), top)
'''

PRODUCT = '''
def _product(a, b):
    """a * b, and what rounding took from it. A number may stand beside an array: it is exact."""
    a, b = (float(v) if np.ndim(v) == 0 else v for v in (a, b))
    product = a * b
    digits = (np.finfo(np.asarray(product).dtype).nmant + 1) // 2
    a_high, b_high = (_leading(v, digits) for v in (a, b))
    a_low, b_low = a - a_high, b - b_high
    return product, (a_high * b_high - product) + a_high * b_low + a_low * b_high + a_low * b_low


def _leading(x, digits):
    """x rounded to so many binary digits."""
    scaled = x * (2.0 ** (np.finfo(np.asarray(x).dtype).nmant + 1 - digits) + 1.0)
    return scaled - (scaled - x)
'''

NUMBER_PRODUCT = '''
def _number_product(a, b):
    """a * b for two floats, and what rounding took from it."""
    product = a * b
    a_high, b_high = (v * 134217729.0 - (v * 134217729.0 - v) for v in (a, b))
    a_low, b_low = a - a_high, b - b_high
    return product, (a_high * b_high - product) + a_high * b_low + a_low * b_high + a_low * b_low
'''

EXP_PRODUCT = '''
def _exp_product(x, factor, rest):
    """exp(x (factor + rest)), accurate also where the exponent is large."""
    if x.dtype.itemsize < 8:  # float64 has digits to spare
        wide = np.clip(x.astype(np.float64), -1e300, 1e300)
        wide *= factor
        return np.exp(wide, out=np.empty_like(x), casting="same_kind")
    if np.ndim(factor) == 0 and abs(np.frexp(factor)[0]) == 0.5 and not rest:  # a power of two: the product is exact
        return np.exp(x * float(factor))
    shape, x = np.shape(x), np.atleast_1d(x)
    info = np.finfo(x.dtype)
    limit = 2048.0 / np.maximum(np.abs(factor), 2.0 ** (14 + info.nmant // 2) / float(info.max))  # 0 or inf beyond it
    x = np.clip(x, -limit.astype(x.dtype), limit.astype(x.dtype))
    product, error = _product(x, factor)
    return (np.exp(product) * (1.0 + (error + x * rest))).reshape(shape)
'''

EXP_QUOTIENT = '''
def _exp_quotient(x, d):
    """exp(x / d), accurate also where the quotient is large."""
    if x.dtype.itemsize < 8:
        wide = x.astype(np.float64)
        wide /= d
        return np.exp(wide, out=np.empty_like(x), casting="same_kind")
    product, error = _product(1.0 / d, d)
    return _exp_product(x, 1.0 / d, (1.0 - product - error) / d)
'''

#: In the order in which they appear in a module, each after what it calls.
ERROR_FUNCTIONS: dict[str, str] = {
    "_number_product": NUMBER_PRODUCT,
    "_product": PRODUCT,
    "_exp_polynomial": EXP_POLYNOMIAL,
    "_exp_product": EXP_PRODUCT,
    "_exp_quotient": EXP_QUOTIENT,
    "_polynomial": POLYNOMIAL,
    "_erfcx": ERFCX,
    "_normal_tail": NORMAL_TAIL,
    "_erfc": ERFC,
    "_erf": ERF,
}
