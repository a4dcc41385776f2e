"""Elementary functions of floats as C text: without branches, so that compilers turn loops over them into vector code.

The logarithm, tanh, erf and some polynomials are written here; all others are the text of the doubles, as floats:
exponentials and powers of two with the numbers of floats.
Each is good to about two units in the last place of a float over the whole range, subnormal numbers included; tanh,
which is computed in double, to half a unit.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ...numpy_code.error_functions import ERF
from .double_functions import FUNCTIONS, texts, with_calls
from .exponentials import EXP, EXP_DECAYING, EXP_NORMAL, EXP_ROOT, PAIRS

_WHOLE = """
/* The nearest whole number, for |x| < 2^22; and 2^k for a whole number k from -126 to 127. */
NN_INLINE float nnf_round(float x) { return (x + 0x1.8p23f) - 0x1.8p23f; }
NN_INLINE float nnf_exp2(float k) { return nnf_float((nnf_bits(k + 0x1.8p23f) + 127u) << 23); }
"""

#: Coefficients of (exp(r) - 1 - r)/r² on |r| < 0.35: interpolation at Chebyshev points, from mpmath; error below 1e-9.
_EXPM1_POLYNOMIAL = """
/* exp(r) - 1 - r, and exp(r) - 1, for |r| < 0.35. */
NN_INLINE float nnf_expm1_more(float r) {
    float q = 0.00019891969905683137f;
    q = q * r + 0.001393453165508802f;
    q = q * r + 0.008333310034706868f;
    q = q * r + 0.04166645690406264f;
    q = q * r + 0.16666666682523656f;
    q = q * r + 0.5f;
    return r * r * q;
}
NN_INLINE float nnf_expm1_small(float r) { return r + nnf_expm1_more(r); }
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

#: Coefficients of (exp(r) - 1 - r)/r² on |r| < 0.3475: error of exp(r) - 1 below 1e-11 of it.
_TANH = """
/* In double, from m = exp(-2|x|) - 1: rounded once. */
NN_INLINE float nnf_tanh(float x) {
    double y = -2.0 * fabs((double)x);
    y = y < -40.0 ? -40.0 : y;
    double shifted = y * 0x1.71547652b82fep0 + (0x1.8p52 + 1023.0), k = shifted - (0x1.8p52 + 1023.0);
    double r = y - k * 0x1.62e42fefa39efp-1, power = nn_double(nn_bits(shifted) << 52), r2 = r * r;
    double q = 2.4859889017751187e-05 * r2 + (0.0001989958489554379 * r + 0.0013888853675330817);
    q = q * r2 + (0.00833329810930442 * r + 0.04166666671982596);
    q = q * r2 + (0.1666666671984298 * r + 0.5);
    double m = (r + r2 * q) * power + (power - 1.0);
    return copysignf((float)(m / (2.0 + m)), x);
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

_PARTS = """
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
"""

_PRODUCTS = """
NN_INLINE float nnf_exp_product(float x, double f, double g) { return nnf_exp_pair(nnf_scaled(nnf_entry(x), f, g)); }
NN_INLINE float nnf_exp_quotient(float x, double d) { return nnf_exp_pair(nnf_scaled(nnf_entry(x), 1.0 / d, 0.0)); }
"""

_ROW_SCALE = """
/* A power of two near the larger of top and least, where squares of floats like it leave the range; else 1. */
NN_INLINE double nnf_row_scale(double top, double least) {
    double m = top > least ? top : least;
    if (!(m <= 0x1p-32 || m >= 0x1p32))
        return 1.0;
    double p = nn_double(nn_bits(m < 0x1p-126 ? 0x1p-126 : m) & 0x7ff0000000000000);
    return m > 0.0 && m < INFINITY ? p : 1.0;
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


#: Numbers in the text of exponentials and powers of two of doubles, and what stands for them in that of floats.
NUMBERS = {
    "52": "23",  # the bits of the mantissa, and the number whose last bit is 1
    "0x1.8p52": "0x1.8p23f",
    "1023": "127",  # the largest exponent
    "0x1p1023": "0x1p127f",
    "0x1p-1022": "0x1p-126f",  # the least normal number, and what makes normal numbers of all smaller ones
    "0x1p54": "0x1p25f",
    "0x1p-54": "0x1p-25f",
    "0x1p-64": "0x1p-64f",
    "0xfff0000000000000": "0xff800000u",  # sign and exponent, and half of the mantissa as well
    "0xfffffffff8000000": "0xfffff000u",
    "0x95f619980c433": "0x4afb0du",  # carries into the exponent from the root of 2 on
    "0x1.71547652b82fep0": "0x1.715476p0f",  # 1/log 2, and log 2 in two parts
    "0x1.62e42feep-1": "0x1.62e4p-1f",
    "0x1.a39ef35793c76p-33": "0x1.7f7d1cp-20f",
    "710": "89",  # exp is infinite above, and 0 below minus the second
    "746": "104",
    "708": "87",  # exp is a normal number between minus the first and the second
    "709": "88",
    "1e3": "200.0f",  # exp is 0 or infinite there, whatever the second part of an exponent
}


def as_floats(text: str, numbers: Mapping[str, str] = MappingProxyType({})) -> str:
    """The text of a function of doubles as one of floats, with other numbers in place of these."""
    number = r"(?<![\w.])(?:0x[0-9a-f.]+(?:p-?\d+)?|\d+(?:e\d+)?)"
    text = re.sub(number, lambda m: numbers.get(m[0], m[0]), text)
    text = re.sub(r"(?<![\w.])(\d+\.\d+(?:e[-+]?\d+)?)(?![\w.])", r"\1f", text)
    text = re.sub(r"\b(fabs|copysign|sqrt|fma)\(", r"\1f(", text)
    for doubles, floats in (("double", "float"), ("nn_", "nnf_"), ("uint64_t", "uint32_t")):
        text = text.replace(doubles, floats)
    return text


def _exponential(text: str) -> str:
    """The text of an exponential of doubles as one of floats, which have a polynomial of exp itself."""
    return as_floats(text.replace("nn_exp_small(r, (top - r) + rest)", "nn_exp_small(r)"), NUMBERS)


_TAILS = FUNCTIONS["erf"][0]
_ERF_WHOLE = _ERF.format(near=_horner(_coefficients(ERF, "_ERF32")), far=_in_pairs(ERFCX)) + as_floats(
    _TAILS[_TAILS.index("NN_INLINE double nn_erf(") :]
)

_WRITTEN: dict[str, str] = {
    "whole": _WHOLE,
    "expm1_small": _EXPM1_POLYNOMIAL,
    "exp_small": _EXP_POLYNOMIAL,
    "exp": _exponential(EXP),
    "exp_normal": _exponential(EXP_NORMAL),
    "exp_decaying": _exponential(EXP_DECAYING),
    "exp_root": _exponential(EXP_ROOT),
    "expm1": as_floats(FUNCTIONS["expm1"][0], {**NUMBERS, "40": "18", "60": "30"}),
    "log": _LOG,
    "log1p_unit": _LOG1P_UNIT,
    "tanh": _TANH,
    "erf": _ERF_WHOLE,
    "power_of_two": as_floats(FUNCTIONS["power_of_two"][0], NUMBERS),
    "exact_exponents": _PARTS + as_floats(PAIRS, NUMBERS).lstrip() + _PRODUCTS.lstrip(),
    "row_scale": _ROW_SCALE,
}

#: What a function calls, where that of doubles calls another one.
CALLS = {
    "exp_small": (),
    "log1p_unit": (),
    "tanh": (),
}

#: By name, as :data:`.functions.FUNCTIONS`: the text, and what it calls.
FLOAT_FUNCTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "bits": (as_floats(FUNCTIONS["bits"][0]), ()),
    **{
        name: (_WRITTEN.get(name) or as_floats(text), CALLS.get(name, calls))
        for name, (text, calls) in FUNCTIONS.items()
    },
    "quotient": (_QUOTIENT, ()),
}
#: Functions of doubles that some of them call.
DOUBLES = {"row_scale": "bits", "quotient": "bits", "tanh": "bits"}


def float_support(names: Iterable[str]) -> tuple[str, frozenset[str]]:
    """The C text of these functions and of all that they call, and the functions of doubles that they need."""
    wanted = with_calls(FLOAT_FUNCTIONS, names)
    return texts(FLOAT_FUNCTIONS, wanted), frozenset(DOUBLES[n] for n in wanted if n in DOUBLES)
