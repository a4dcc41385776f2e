"""Elementary functions of floats as C text: without branches, so that compilers turn loops over them into vector code.

Those that divide a number in exponent and mantissa are written here; all others are the text of the doubles, as floats.
Each is good to about two units in the last place of a float over the whole range, subnormal numbers included.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from ..numpy_code.error_functions import ERF
from .functions import FUNCTIONS

_BITS = """
NN_INLINE uint32_t nnf_bits(float x) { uint32_t u; memcpy(&u, &x, sizeof u); return u; }
NN_INLINE float nnf_float(uint32_t u) { float x; memcpy(&x, &u, sizeof x); return x; }
"""

_WHOLE = """
/* The nearest whole number, for |x| < 2^22; and 2^k for a whole number k from -126 to 127. */
NN_INLINE float nnf_round(float x) { return (x + 0x1.8p23f) - 0x1.8p23f; }
NN_INLINE float nnf_exp2(float k) { return nnf_float((nnf_bits(k + 0x1.8p23f) + 127u) << 23); }
"""

#: Coefficients of (exp(r) - 1 - r)/r² on |r| < 0.35: interpolation at Chebyshev points, from mpmath; error below 1e-9.
_EXPM1_POLYNOMIAL = """
/* exp(r) - 1 for |r| < 0.35. */
NN_INLINE float nnf_expm1_small(float r) {
    float q = 0.00019891969905683137f;
    q = q * r + 0.001393453165508802f;
    q = q * r + 0.008333310034706868f;
    q = q * r + 0.04166645690406264f;
    q = q * r + 0.16666666682523656f;
    q = q * r + 0.5f;
    return r + r * r * q;
}
"""

#: Coefficients of (exp(r) - 1 - r)/r² on |r| < 0.347 that serve exp alone: error of exp below 4e-9.
_EXP_POLYNOMIAL = """
/* exp(r) for |r| < 0.347. */
NN_INLINE float nnf_exp_small(float r) {
    float r2 = r * r;
    float q = (0.00138144335f * r2 + (0.00836879667f * r + 0.0416683964f)) * r2 + (0.166665196f * r + 0.49999994f);
    return 1.0f + (r + r2 * q);
}
"""

_EXP = """
/* exp(x + low) for a low that is small beside 1: x = k log 2 + r, in two parts of log 2. */
NN_INLINE float nnf_exp_sum(float x, float low) {
    float y = x > 89.0f ? 89.0f : x;
    y = y < -104.0f ? -104.0f : y;
    float k = nnf_round(y * 0x1.715476p0f);
    float r = (y - k * 0x1.62e4p-1f) - k * 0x1.7f7d1cp-20f + low;
    float h = nnf_round(k * 0.5f);
    return nnf_exp_small(r) * nnf_exp2(h) * nnf_exp2(k - h);
}
NN_INLINE float nnf_exp(float x) { return nnf_exp_sum(x, -0.0f); }
"""

_EXP_NORMAL = """
/* exp(x + low) where it is a normal number: for x from -87 to 88. The last bits of shifted are k + 127. */
NN_INLINE float nnf_exp_sum_normal(float x, float low) {
    float shifted = x * 0x1.715476p0f + (0x1.8p23f + 127.0f), k = shifted - (0x1.8p23f + 127.0f);
    float r = (x - k * 0x1.62e4p-1f) - k * 0x1.7f7d1cp-20f + low;
    return nnf_exp_small(r) * nnf_float(nnf_bits(shifted) << 23);
}
NN_INLINE float nnf_exp_normal(float x) { return nnf_exp_sum_normal(x, -0.0f); }
"""

_EXP_DECAYING = """
/* exp(x + low) for x <= 40: where it is subnormal, only the last product rounds. */
NN_INLINE float nnf_exp_sum_decaying(float x, float low) {
    float shifted = x * 0x1.715476p0f + (0x1.8p23f + 127.0f + 64.0f), k = shifted - (0x1.8p23f + 127.0f + 64.0f);
    float r = (x - k * 0x1.62e4p-1f) - k * 0x1.7f7d1cp-20f + low;
    float e = nnf_exp_small(r) * nnf_float(nnf_bits(shifted) << 23) * 0x1p-64f;
    return x < -104.0f ? 0.0f : e;
}
NN_INLINE float nnf_exp_decaying(float x) { return nnf_exp_sum_decaying(x, -0.0f); }
"""

_EXP_ROOT = """
/* exp(x + low) of which only the square matters: 0 or infinity where that is. */
NN_INLINE float nnf_exp_sum_root(float x, float low) {
    float e = nnf_exp_sum_normal(x, low);
    e = x < -87.0f ? 0.0f : e;
    return x > 88.0f ? INFINITY : e;
}
NN_INLINE float nnf_exp_root(float x) { return nnf_exp_sum_root(x, -0.0f); }
"""

_EXPM1 = """
NN_INLINE float nnf_expm1(float x) {
    float y = x > 89.0f ? 89.0f : x;
    y = y < -18.0f ? -18.0f : y;
    float k = nnf_round(y * 0x1.715476p0f);
    float r = (y - k * 0x1.62e4p-1f) - k * 0x1.7f7d1cp-20f;
    float h = nnf_round(k * 0.5f);
    float one = 1.0f - nnf_exp2(k > 30.0f ? -30.0f : -k);
    float e = (nnf_expm1_small(r) + one) * nnf_exp2(h) * nnf_exp2(k - h);
    return k == 0.0f ? nnf_expm1_small(x) : e;
}
"""

_TANH = """
/* From exp(-2|x|): minus 1 where |x| is small, else what is missing from 1. */
NN_INLINE float nnf_tanh(float x) {
    float y = -2.0f * fabsf(x);
    int far = y < -2.0f;
    y = y < -20.0f ? -20.0f : y;
    float k = nnf_round(y * 0x1.715476p0f);
    float p = nnf_expm1_small((y - k * 0x1.62e4p-1f) - k * 0x1.7f7d1cp-20f), s = nnf_exp2(k);
    float e = (1.0f + p) * s, m = (p + (1.0f - nnf_exp2(-k))) * s;
    float q = (far ? 2.0f * e : -m) / (far ? 1.0f + e : 2.0f + m);
    return copysignf(far ? 1.0f - q : q, x);
}
"""

_LOG = """
/* log((1 + f) 2^k) + low for 1 + f between sqrt(1/2) and sqrt(2): f - f^2/2 + f^3 p(f). */
NN_INLINE float nnf_log_parts(float f, float k, float low) {
    float f2 = f * f, half = 0.5f * f2;
    float p = (0.127615765f - 0.0763449669f * f) * f2 + (0.142017573f - 0.131601825f * f);
    float q = (0.200012267f - 0.166233569f * f) * f2 + (0.333333313f - 0.250008196f * f);
    float r = (p * (f2 * f2) + q) * (f2 * f);
    return k * 0x1.62e4p-1f - ((half - (r + (k * 0x1.7f7d1cp-20f + low))) - f);
}
/* The exponent k of x = m 2^k with m between sqrt(1/2) and sqrt(2), and m itself, for positive normal x. */
NN_INLINE uint32_t nnf_split(float x) { return nnf_bits(x) + (0x3f800000u - 0x3f3504f3u); }
NN_INLINE float nnf_exponent(uint32_t u) { return nnf_float((u >> 23) | 0x4b000000u) - (0x1p23f + 127.0f); }
NN_INLINE float nnf_mantissa(uint32_t u) { return nnf_float((u & 0x007fffffu) + 0x3f3504f3u); }
NN_INLINE float nnf_log(float x) {
    float y = x < 0x1p-126f ? x * 0x1p25f : x;
    uint32_t u = nnf_split(y);
    float k = nnf_exponent(u) - (x < 0x1p-126f ? 25.0f : 0.0f);
    float l = nnf_log_parts(nnf_mantissa(u) - 1.0f, k, 0.0f);
    l = x == INFINITY ? x : l;
    l = x == 0.0f ? -INFINITY : l;
    return x >= 0.0f ? l : NAN;
}
"""

#: Coefficients of (log(1 + x) - x)/x² on 0 ≤ x ≤ 1.001: errors of log(1 + x) below 6e-9.
_LOG1P_UNIT = """
/* log1p(x) for x from 0 to 1. */
NN_INLINE float nnf_log1p_unit(float x) {
    float x2 = x * x, q = -0.00330967875f;
    q = q * x2 + (0.0201674253f * x - 0.0575993694f);
    q = q * x2 + (0.106744513f * x - 0.153520882f);
    q = q * x2 + (0.196943611f * x - 0.249584079f);
    q = q * x2 + (0.333304971f * x - 0.499999315f);
    return x + x2 * q;
}
"""

#: Coefficients of (x + 1.125) erfcx(x) in t = 1 - 4/(x + 2) on x ≥ 0, the constant first: fitted to a relative error of
#: 2.4e-8, before they were rounded.
ERFCX = (
    0.79811150,
    -0.31337285,
    0.068020806,
    0.032659359,
    -0.024772232,
    0.00038515899,
    0.0038105273,
    -5.3163378e-05,
    -0.00065860717,
    -2.3729885e-05,
    8.2811923e-05,
)
_ERF = """
/* erf(x) for |x| <= 1. */
NN_INLINE float nnf_erf_small(float x) {{
    float t = x * x;
{near}
    return x * p;
}}
/* exp(x^2) erfc(x) for x >= 0. */
NN_INLINE float nnf_erfcx(float x) {{
    float t = 1.0f - 4.0f / (x + 2.0f);
{far}
    return p / (x + 1.125f);
}}
/* erfc(x) for x >= 0.5: exp(-x^2) with the square in two parts. */
NN_INLINE float nnf_erfc_tail(float x) {{
    float y = x > 11.0f ? 11.0f : x;
    float top = nnf_float(nnf_bits(y) & 0xfffff000u);
    return nnf_exp_sum(-top * top, -(y - top) * (y + top)) * nnf_erfcx(y);
}}
"""

_EXACT_EXPONENTS = """
/* exp of an exponent in two parts: high + low. Coefficients are doubles: two floats each. */
typedef struct { float high, low; } nnf_pair;
NN_INLINE nnf_pair nnf_number(double x) { float h = (float)x; nnf_pair p = {h, (float)(x - h)}; return p; }
NN_INLINE nnf_pair nnf_entry(float x) { nnf_pair p = {x, 0.0f}; return p; }
/* p (s + t). */
NN_INLINE nnf_pair nnf_scaled(nnf_pair p, double s, double t) {
    nnf_pair c = nnf_number(s + t);
    float high = p.high * c.high;
    nnf_pair q = {high, fmaf(p.high, c.high, -high) + (p.low * c.high + p.high * c.low)};
    return q;
}
/* A coefficient c (s + t) of a polynomial; and one with half of the digits in its high part. */
NN_INLINE nnf_pair nnf_coefficient(double c, double s, double t) { return nnf_number(c * (s + t)); }
NN_INLINE nnf_pair nnf_halved(nnf_pair p) {
    float high = nnf_float(nnf_bits(p.high) & 0xfffff000u);
    nnf_pair q = {high, p.high - high + p.low};
    return q;
}
/* p x + c, with what rounding took from it. */
NN_INLINE nnf_pair nnf_step(nnf_pair p, float x, nnf_pair c) {
    float product = p.high * x, sum = product + c.high, part = sum - product;
    float lost = fmaf(p.high, x, -product) + ((product - (sum - part)) + (c.high - part));
    nnf_pair q = {sum, lost + (p.low * x + c.low)};
    return q;
}
/* The same where p x and c have one sign, and c is halved: then c - sum is exact. */
NN_INLINE nnf_pair nnf_step_away(nnf_pair p, float x, nnf_pair c) {
    float sum = fmaf(p.high, x, c.high);
    nnf_pair q = {sum, fmaf(p.high, x, c.high - sum) + (p.low * x + c.low)};
    return q;
}
NN_INLINE nnf_pair nnf_times(nnf_pair p, float x) {
    float product = p.high * x;
    nnf_pair q = {product, fmaf(p.high, x, -product) + p.low * x};
    return q;
}
/* s x^2 for a power of two s. */
NN_INLINE nnf_pair nnf_squared(float x, float s) {
    float y = s * x, product = y * x;
    nnf_pair p = {product, fmaf(y, x, -product)};
    return p;
}
/* exp(p). */
NN_INLINE float nnf_exp_pair(nnf_pair p) { return nnf_exp_sum(p.high, fabsf(p.high) < 200.0f ? p.low : 0.0f); }
NN_INLINE float nnf_exp_pair_decaying(nnf_pair p) { return nnf_exp_sum_decaying(p.high, p.low); }
NN_INLINE float nnf_exp_pair_normal(nnf_pair p) { return nnf_exp_sum_normal(p.high, p.low); }
NN_INLINE float nnf_exp_pair_root(nnf_pair p) { return nnf_exp_sum_root(p.high, p.low); }
NN_INLINE float nnf_exp_product(float x, double f, double g) { return nnf_exp_pair(nnf_scaled(nnf_entry(x), f, g)); }
NN_INLINE float nnf_exp_quotient(float x, double d) { return nnf_exp_pair(nnf_scaled(nnf_entry(x), 1.0 / d, 0.0)); }
"""

_POWER_OF_TWO = """
/* The power of two nearest to x, with its sign; 0 at 0: the next one from the root of 2 on, where adding carries. */
NN_INLINE float nnf_power_of_two(float x) {
    float big = fabsf(x) < 0x1p-126f ? x * 0x1p25f : x;
    uint32_t carry = fabsf(x) < 0x1p127f ? 0x4afb0du : 0;
    float p = nnf_float((nnf_bits(big) + carry) & 0xff800000u);
    return fabsf(x) < 0x1p-126f ? p * 0x1p-25f : p;
}
"""

_ROW_SCALE = """
/* A power of two near the larger of top and least, where squares of floats like it leave the range; else 1. */
NN_INLINE double nnf_row_scale(double top, double least) {
    double m = top > least ? top : least;
    double p = nn_double(nn_bits(m < 0x1p-126 ? 0x1p-126 : m) & 0x7ff0000000000000);
    return m > 0.0 && m < INFINITY && (m <= 0x1p-32 || m >= 0x1p32) ? p : 1.0;
}
"""

_QUOTIENT = """
/* x / y as x nnf_inverse(y) nnf_shift(y): the second factor is a power of two, so that no factor leaves the range. */
NN_INLINE int nnf_ordinary(double y) { return (fabs(y) >= 0x1p-1000) & (fabs(y) <= 0x1p1000); }
NN_INLINE double nnf_power(double y) {
    double p = nn_double(nn_bits(y) & 0x7ff0000000000000);
    p = p > 0x1p126 ? 0x1p126 : p;
    return nnf_ordinary(y) ? (p < 0x1p-126 ? 0x1p-126 : p) : 1.0;
}
NN_INLINE float nnf_inverse(double y) { return (float)(nnf_power(y) / y); }
NN_INLINE float nnf_shift(double y) { return (float)(1.0 / nnf_power(y)); }
"""


def _coefficients(text: str, name: str) -> tuple[float, ...]:
    """The numbers of a tuple in source text."""
    found = next(s for s in ast.parse(text).body if isinstance(s, ast.Assign) and ast.unparse(s.targets[0]) == name)
    return tuple(ast.literal_eval(found.value))


def _horner(coefficients: Iterable[float]) -> str:
    first, *rest = reversed(list(coefficients))
    return "\n".join([f"    float p = {first!r}f;", *(f"    p = p * t + {c!r}f;" for c in rest)])


def _in_pairs(coefficients: Iterable[float]) -> str:
    """A long polynomial p in t as C text, the constant first: in t² with pairs as coefficients, which need not wait."""
    terms = [f"{c!r}f" for c in coefficients]
    pairs = [" + t * ".join(terms[at : at + 2]) for at in range(0, len(terms), 2)]
    lines = ["    float t2 = t * t;", f"    float p = {pairs[-1]};"]
    return "\n".join([*lines, *(f"    p = p * t2 + ({pair});" for pair in pairs[-2::-1])])


def as_floats(text: str) -> str:
    """The text of a function of doubles as one of floats."""
    text = re.sub(r"(?<![\w.])(\d+\.\d*(?:e[-+]?\d+)?)(?![\w.])", r"\1f", text)
    text = re.sub(r"\b(fabs|copysign|sqrt)\(", r"\1f(", text)
    for doubles, floats in (("double", "float"), ("nn_", "nnf_"), ("uint64_t", "uint32_t")):
        text = text.replace(doubles, floats)
    return text


_TAILS = FUNCTIONS["erf"][0]
_ERF_WHOLE = _ERF.format(near=_horner(_coefficients(ERF, "_ERF32")), far=_in_pairs(ERFCX)) + as_floats(
    _TAILS[_TAILS.index("NN_INLINE double nn_erf(") :]
)

_WRITTEN: dict[str, str] = {
    "bits": _BITS,
    "whole": _WHOLE,
    "expm1_small": _EXPM1_POLYNOMIAL,
    "exp": _EXP,
    "exp_normal": _EXP_NORMAL,
    "exp_decaying": _EXP_DECAYING,
    "exp_root": _EXP_ROOT,
    "expm1": _EXPM1,
    "log": _LOG,
    "log1p_unit": _LOG1P_UNIT,
    "tanh": _TANH,
    "erf": _ERF_WHOLE,
    "power_of_two": _POWER_OF_TWO,
    "exact_exponents": _EXACT_EXPONENTS,
    "row_scale": _ROW_SCALE,
}

#: What a function calls, where that of doubles calls another one.
CALLS = {
    "exp": ("whole", "exp_small"),
    "exp_normal": ("bits", "exp_small"),
    "exp_decaying": ("bits", "exp_small"),
    "log1p_unit": (),
}

#: By name, as :data:`.functions.FUNCTIONS`: the text, and what it calls.
FLOAT_FUNCTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "bits": (_BITS, ()),
    "exp_small": (_EXP_POLYNOMIAL, ()),
    **{
        name: (_WRITTEN.get(name) or as_floats(text), CALLS.get(name, calls))
        for name, (text, calls) in FUNCTIONS.items()
    },
    "quotient": (_QUOTIENT, ()),
}
#: Functions of doubles that some of them call.
DOUBLES = {"row_scale": "bits", "quotient": "bits"}


def float_support(names: Iterable[str]) -> tuple[str, frozenset[str]]:
    """The C text of these functions and of all that they call, and the functions of doubles that they need."""
    wanted: set[str] = set()
    stack = list(names)
    while stack:
        name = stack.pop()
        if name not in wanted:
            wanted.add(name)
            stack += FLOAT_FUNCTIONS[name][1]
    text = "\n".join(text.strip("\n") for name, (text, _) in FLOAT_FUNCTIONS.items() if name in wanted)
    return text, frozenset(DOUBLES[n] for n in wanted if n in DOUBLES)
