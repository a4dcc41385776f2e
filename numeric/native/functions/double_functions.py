"""Elementary functions as C text: without branches, so that a compiler turns a loop over them into vector code.

All are functions of doubles; :mod:`float_functions` has those of floats. Each is good to about two units in the last
place over the whole range, subnormal numbers, infinities and NaN included, and uses plain C11 alone.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from .exponentials import EXACT_EXPONENTS, EXP, EXP_DECAYING, EXP_NORMAL, EXP_ROOT

#: Coefficients of erf(x)/x in t = 2x² − 1 on |x| ≤ 1, and of (1 + 2x) erfcx(x) in t = (x − 4)/(x + 4) on x ≥ 0, the
#: constant first: interpolation at Chebyshev points, computed with mpmath at 60 digits, errors below 1e-16.
ERF = (
    0.9654687386698673,
    -0.1405360890227171,
    0.019852496688983708,
    -0.0022854855611440673,
    0.00021751715604160108,
    -1.7537169441492004e-05,
    1.2233827383524026e-06,
    -7.511569160710623e-08,
    4.115800597661665e-09,
    -2.03524938661036e-10,
    9.167606748998164e-12,
    -3.7910973708931526e-13,
    1.4548169783352384e-14,
    -5.16472878942302e-16,
)
ERFCX = (
    1.2329951186255526,
    -0.13962111684056228,
    0.015379652102619974,
    0.06809705425466839,
    -0.10103906603631811,
    0.09373283499911264,
    -0.06633036581186058,
    0.037167515526338006,
    -0.01619773406293477,
    0.005031970069102256,
    -0.0007577732435942576,
    -0.0001992571524726518,
    0.00015062142608651945,
    -2.4397731143023292e-05,
    -1.1221135665965907e-05,
    5.706578299240741e-06,
    2.917342557308978e-07,
    -8.210647933297342e-07,
    7.771943241086854e-08,
    1.0631817593818191e-07,
    -2.0725802488181516e-08,
    -1.2338731403798628e-08,
    3.2323973445080105e-09,
    9.297625263710003e-10,
    -2.7641202337342176e-10,
)


def _horner(coefficients: Iterable[float], variable: str) -> str:
    """A polynomial as C text, with the coefficient of the highest power first."""
    first, *rest = reversed(list(coefficients))
    lines = [f"    double p = {first!r};"]
    lines += [f"    p = p * {variable} + {c!r};" for c in rest]
    return "\n".join(lines)


_BITS = """
NN_INLINE uint64_t nn_bits(double x) { uint64_t u; memcpy(&u, &x, sizeof u); return u; }
NN_INLINE double nn_double(uint64_t u) { double x; memcpy(&x, &u, sizeof x); return x; }
"""

_WHOLE = """
/* The nearest whole number, for |x| < 2^51; and 2^k for a whole number k from -1022 to 1023. */
NN_INLINE double nn_round(double x) { return (x + 0x1.8p52) - 0x1.8p52; }
NN_INLINE double nn_exp2(double k) { return nn_double((nn_bits(k + 0x1.8p52) + 1023) << 52); }
"""

_EXPM1_POLYNOMIAL = """
/* (exp(r) - 1 - r - r^2/2) / r^3, exp(r) - 1 - r, and exp(r) - 1, for |r| < 0.36: Taylor polynomials. */
NN_INLINE double nn_expm1_cubic(double r) {
    double q = 1.0 / 6227020800;
    q = q * r + 1.0 / 479001600;
    q = q * r + 1.0 / 39916800;
    q = q * r + 1.0 / 3628800;
    q = q * r + 1.0 / 362880;
    q = q * r + 1.0 / 40320;
    q = q * r + 1.0 / 5040;
    q = q * r + 1.0 / 720;
    q = q * r + 1.0 / 120;
    q = q * r + 1.0 / 24;
    return q * r + 1.0 / 6;
}
NN_INLINE double nn_expm1_more(double r) { return r * r * (nn_expm1_cubic(r) * r + 0.5); }
NN_INLINE double nn_expm1_small(double r) { return r + nn_expm1_more(r); }
"""

_EXP_SMALL = """
/* exp(r + low) for |r| < 0.36 and a low that is small beside r: all that is rounded, but for the last sum, is small. */
NN_INLINE double nn_exp_small(double r, double low) {
    double e = 1.0 + r;
    return e + ((1.0 - e) + r + (nn_expm1_more(r) + low));
}
"""

_EXPM1 = """
NN_INLINE double nn_expm1(double x) {
    double y = x > 710.0 ? 710.0 : x;
    y = y < -40.0 ? -40.0 : y;
    double k = nn_round(y * 0x1.71547652b82fep0);
    double top = y - k * 0x1.62e42feep-1, rest = -k * 0x1.a39ef35793c76p-33, r = top + rest;
    double h = nn_round(k * 0.5);
    double one = 1.0 - nn_exp2(k > 60.0 ? -60.0 : -k), sum = one + r;
    double e = sum + ((one - sum) + r + (nn_expm1_more(r) + ((top - r) + rest)));
    return k == 0.0 ? nn_expm1_small(x) : e * nn_exp2(h) * nn_exp2(k - h);
}
"""

_LOG = """
/* log((1 + f) 2^k) + low for 1 + f between sqrt(1/2) and sqrt(2): the series of artanh in s = f / (2 + f). */
NN_INLINE double nn_log_parts(double f, double k, double low) {
    double s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
    double r = 2.0 / 23;
    r = r * z + 2.0 / 21;
    r = r * z + 2.0 / 19;
    r = r * z + 2.0 / 17;
    r = r * z + 2.0 / 15;
    r = r * z + 2.0 / 13;
    r = r * z + 2.0 / 11;
    r = r * z + 2.0 / 9;
    r = r * z + 2.0 / 7;
    r = r * z + 2.0 / 5;
    r = r * z + 2.0 / 3;
    r = r * z;
    return k * 0x1.62e42feep-1 - ((half - (s * (half + r) + (k * 0x1.a39ef35793c76p-33 + low))) - f);
}
/* The exponent k of x = m 2^k with m between sqrt(1/2) and sqrt(2), and m itself, for positive normal x. */
NN_INLINE uint64_t nn_split(double x) { return nn_bits(x) + (0x3ff0000000000000 - 0x3fe6a09e667f3bcd); }
NN_INLINE double nn_exponent(uint64_t u) {
    return nn_double((u >> 52) | 0x4330000000000000) - (0x1p52 + 1023.0);
}
NN_INLINE double nn_mantissa(uint64_t u) {
    return nn_double((u & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd);
}
NN_INLINE double nn_log(double x) {
    double y = x < 0x1p-1022 ? x * 0x1p54 : x;
    uint64_t u = nn_split(y);
    double k = nn_exponent(u) - (x < 0x1p-1022 ? 54.0 : 0.0);
    double l = nn_log_parts(nn_mantissa(u) - 1.0, k, 0.0);
    l = x == INFINITY ? x : l;
    l = x == 0.0 ? -INFINITY : l;
    return x >= 0.0 ? l : NAN;
}
"""

_LOG1P = """
NN_INLINE double nn_log1p(double x) {
    double y = 1.0 + x;
    uint64_t u = nn_split(y);
    double k = nn_exponent(u);
    double lost = y > 2.0 ? 1.0 - (y - x) : x - (y - 1.0);
    double f = k == 0.0 ? x : nn_mantissa(u) - 1.0;
    double l = nn_log_parts(f, k, k == 0.0 ? 0.0 : lost / y);
    l = x == INFINITY ? x : l;
    l = x == -1.0 ? -INFINITY : l;
    l = x == 0.0 ? x : l;
    return x >= -1.0 ? l : NAN;
}
"""

_LOG1P_UNIT = """
/* log1p(x) for x from 0 to 1. */
NN_INLINE double nn_log1p_unit(double x) {
    double half = 0.5 * (x - 1.0);
    return nn_log_parts(x > 0.41421356 ? half : x, x > 0.41421356 ? 1.0 : 0.0, 0.0);
}
"""

_TANH = """
/* m / (2 + m) for m = expm1(-2|x|), which stands in two parts, as do the exponent and 2 + m. */
NN_INLINE double nn_tanh(double x) {
    double y = -2.0 * fabs(x);
    y = y < -40.0 ? -40.0 : y;
    double k = nn_round(y * 0x1.71547652b82fep0);
    double top = y - k * 0x1.62e42feep-1, rest = -k * 0x1.a39ef35793c76p-33, r = top + rest;
    double square = r * r, half = 0.5 * square, cubic = r * square * nn_expm1_cubic(r), more = half + cubic;
    double p = r + more, low = (r - p) + more + ((half - more) + cubic + 0.5 * fma(r, r, -square));
    low = low + ((top - r) + rest) * (1.0 + r);
    double power = nn_exp2(-k), one = 1.0 - power, m = one + p;
    low = ((one - m) + p + (1.0 - (one + power)) + low) * nn_exp2(k);
    m = m * nn_exp2(k);
    double d = 2.0 + m, inverse = 1.0 / d, q = m * inverse;
    double off = fma(-q, d, m) + (low - q * ((2.0 - d) + m + low));
    return copysign(q + off * inverse, x);
}
"""

_SIGMOID = """
NN_INLINE double nn_sigmoid(double x) {
    double e = nn_exp_decaying(-fabs(x));
    return (x >= 0.0 ? 1.0 : e) / (1.0 + e);
}
"""

_SOFTPLUS = """
NN_INLINE double nn_softplus(double x) { return (x < 0.0 ? 0.0 : x) + nn_log1p_unit(nn_exp_decaying(-fabs(x))); }
"""

_SECH2 = """
NN_INLINE double nn_sech2(double x) {
    double e = nn_exp_decaying(-2.0 * fabs(x));
    return 4.0 * e / ((1.0 + e) * (1.0 + e));
}
"""

_ERF = f"""
/* erf(x) for |x| <= 1. */
NN_INLINE double nn_erf_small(double x) {{
    double t = 2.0 * x * x - 1.0;
{_horner(ERF, "t")}
    return x * p;
}}
/* exp(x^2) erfc(x) for x >= 0. */
NN_INLINE double nn_erfcx(double x) {{
    double y = x > 1e300 ? 1e300 : x;
    double t = (y - 4.0) / (y + 4.0);
{_horner(ERFCX, "t")}
    return x > 1e300 ? 0.564189583547756287 / x : p / (1.0 + 2.0 * y);
}}
/* erfc(x) for x >= 0.5: exp(-x^2) with the square in two parts. */
NN_INLINE double nn_erfc_tail(double x) {{
    double y = x > 28.0 ? 28.0 : x;
    double top = nn_double(nn_bits(y) & 0xfffffffff8000000);
    return nn_exp_sum(-top * top, -(y - top) * (y + top)) * nn_erfcx(y);
}}
NN_INLINE double nn_erf(double x) {{
    double a = fabs(x);
    double tail = copysign(1.0 - nn_erfc_tail(a < 0.5 ? 0.5 : a), x);
    return a > 1.0 ? tail : nn_erf_small(x);
}}
NN_INLINE double nn_erfc(double x) {{
    double a = fabs(x);
    double tail = nn_erfc_tail(a < 0.5 ? 0.5 : a);
    tail = x < 0.0 ? 2.0 - tail : tail;
    return a < 0.5 ? 1.0 - nn_erf_small(x) : tail;
}}
"""

_XLOGX = """
NN_INLINE double nn_xlogx(double x) { return x * nn_log(x == 0.0 ? 1.0 : x); }
"""

_LOG_WEIGHTED = """
NN_INLINE double nn_log_weighted(double x, double w) {
    return w == 0.0 ? -INFINITY : x + nn_log(w == 0.0 ? 1.0 : w);
}
"""

_TANH_REMAINDER = """
/* x - tanh(x): near 0 from the continued fraction of tanh. */
NN_INLINE double nn_tanh_remainder(double x) {
    double y = x > 1.5 ? 1.5 : x;
    y = y < -1.5 ? -1.5 : y;
    double s = y * y;
    double c = s / (19.0 + s / 21.0);
    c = s / (15.0 + s / (17.0 + c));
    c = s / (11.0 + s / (13.0 + c));
    c = s / (7.0 + s / (9.0 + c));
    c = s / (3.0 + s / (5.0 + c));
    double far = x - nn_tanh(x);
    return fabs(x) < 1.5 ? x * c / (1.0 + c) : far;
}
"""

_SIGMOID_MINUS = """
/* sigmoid(x) - t, without cancellation where t is 0 or 1. */
NN_INLINE double nn_sigmoid_minus(double x, double t) {
    double e = nn_exp_decaying(-fabs(x));
    double off = (x < 0.0 ? t : 1.0 - t) - e / (1.0 + e);
    return x < 0.0 ? -off : off;
}
"""

_TANH_MINUS = """
/* tanh(x) - tanh(y), where both are near the same limit from how far each is from it. */
NN_INLINE double nn_tanh_minus(double x, double y) {
    double s = nn_tanh(x), t = nn_tanh(y), e = nn_exp_decaying(-2.0 * fabs(x)), f = nn_exp_decaying(-2.0 * fabs(y));
    double off = 2.0 * (f - e) / ((1.0 + e) * (1.0 + f));
    return s * t > 0.9 ? (x < 0.0 ? -off : off) : s - t;
}
"""

_SOFTPLUS_MEAN = """
/* (1 - t) softplus(x) + t softplus(-x). */
NN_INLINE double nn_softplus_mean(double x, double t) {
    return nn_log1p_unit(nn_exp_decaying(-fabs(x))) + fabs(x) * (x < 0.0 ? t : 1.0 - t);
}
"""

_POWER_OF_TWO = """
/* The power of two nearest to x, with its sign; 0 at 0: the next one from the root of 2 on, where adding carries. */
NN_INLINE double nn_power_of_two(double x) {
    double big = fabs(x) < 0x1p-1022 ? x * 0x1p54 : x;
    uint64_t carry = fabs(x) < 0x1p1023 ? 0x95f619980c433 : 0;
    double p = nn_double((nn_bits(big) + carry) & 0xfff0000000000000);
    return fabs(x) < 0x1p-1022 ? p * 0x1p-54 : p;
}
"""

_ROW_SCALE = """
/* A power of two near the larger of top and least, where squares of numbers like it leave the range; else 1. */
NN_INLINE double nn_row_scale(double top, double least) {
    double m = top > least ? top : least;
    if (!(m <= 0x1p-256 || m >= 0x1p256))
        return 1.0;
    double p = nn_double(nn_bits(m < 0x1p-1022 ? 0x1p-1022 : m) & 0x7ff0000000000000);
    return m > 0.0 && m < INFINITY ? p : 1.0;
}
"""

#: By name: the text, and what it calls. The order is that of a file.
FUNCTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "bits": (_BITS, ()),
    "whole": (_WHOLE, ("bits",)),
    "expm1_small": (_EXPM1_POLYNOMIAL, ()),
    "exp_small": (_EXP_SMALL, ("expm1_small",)),
    "exp": (EXP, ("whole", "exp_small")),
    "exp_normal": (EXP_NORMAL, ("bits", "exp_small")),
    "exp_decaying": (EXP_DECAYING, ("bits", "exp_small")),
    "exp_root": (EXP_ROOT, ("exp_normal",)),
    "expm1": (_EXPM1, ("whole", "expm1_small")),
    "log": (_LOG, ("bits",)),
    "log1p": (_LOG1P, ("log",)),
    "log1p_unit": (_LOG1P_UNIT, ("log",)),
    "tanh": (_TANH, ("whole", "expm1_small")),
    "sigmoid": (_SIGMOID, ("exp_decaying",)),
    "softplus": (_SOFTPLUS, ("exp_decaying", "log1p_unit")),
    "sech2": (_SECH2, ("exp_decaying",)),
    "erf": (_ERF, ("exp",)),
    "xlogx": (_XLOGX, ("log",)),
    "log_weighted": (_LOG_WEIGHTED, ("log",)),
    "tanh_remainder": (_TANH_REMAINDER, ("tanh",)),
    "sigmoid_minus": (_SIGMOID_MINUS, ("exp_decaying",)),
    "tanh_minus": (_TANH_MINUS, ("exp_decaying", "tanh")),
    "softplus_mean": (_SOFTPLUS_MEAN, ("exp_decaying", "log1p_unit")),
    "power_of_two": (_POWER_OF_TWO, ("bits",)),
    "exact_exponents": (EXACT_EXPONENTS, ("exp", "exp_normal", "exp_decaying", "exp_root")),
    "row_scale": (_ROW_SCALE, ("bits",)),
}


def support(names: Iterable[str]) -> str:
    """The C text of these functions and of all that they call."""
    return texts(FUNCTIONS, with_calls(FUNCTIONS, names))


def with_calls(functions: Mapping[str, tuple[str, tuple[str, ...]]], names: Iterable[str]) -> set[str]:
    """These names, and those of all that they call."""
    wanted: set[str] = set()
    stack = list(names)
    while stack:
        name = stack.pop()
        if name not in wanted:
            wanted.add(name)
            stack += functions[name][1]
    return wanted


def texts(functions: Mapping[str, tuple[str, tuple[str, ...]]], wanted: Container[str]) -> str:
    """The C text of the functions that are wanted, in their order."""
    return "\n".join(text.strip("\n") for name, (text, _) in functions.items() if name in wanted)
