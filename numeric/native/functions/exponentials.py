"""Exponentials of doubles as C text: everywhere, where they stay normal or decay, and of exponents in two parts."""

from __future__ import annotations

EXP = """
/* exp(x + low) for a low that is small beside 1: x = k log 2 + r, in two parts of log 2. */
NN_INLINE double nn_exp_sum(double x, double low) {
    double y = x > 710.0 ? 710.0 : x;
    y = y < -746.0 ? -746.0 : y;
    double k = nn_round(y * 0x1.71547652b82fep0);
    double top = y - k * 0x1.62e42feep-1, rest = low - k * 0x1.a39ef35793c76p-33, r = top + rest;
    double h = nn_round(k * 0.5);
    return nn_exp_small(r, (top - r) + rest) * nn_exp2(h) * nn_exp2(k - h);
}
NN_INLINE double nn_exp(double x) { return nn_exp_sum(x, -0.0); }
"""

EXP_NORMAL = """
/* exp(x + low) where it is a normal number: for x from -708 to 709. The last bits of shifted are k + 1023. */
NN_INLINE double nn_exp_sum_normal(double x, double low) {
    double shifted = x * 0x1.71547652b82fep0 + (0x1.8p52 + 1023.0), k = shifted - (0x1.8p52 + 1023.0);
    double top = x - k * 0x1.62e42feep-1, rest = low - k * 0x1.a39ef35793c76p-33, r = top + rest;
    return nn_exp_small(r, (top - r) + rest) * nn_double(nn_bits(shifted) << 52);
}
NN_INLINE double nn_exp_normal(double x) { return nn_exp_sum_normal(x, -0.0); }
"""

EXP_DECAYING = """
/* exp(x + low) for x <= 40: where it is subnormal, only the last product rounds. */
NN_INLINE double nn_exp_sum_decaying(double x, double low) {
    double shifted = x * 0x1.71547652b82fep0 + (0x1.8p52 + 1023.0 + 64.0), k = shifted - (0x1.8p52 + 1023.0 + 64.0);
    double top = x - k * 0x1.62e42feep-1, rest = low - k * 0x1.a39ef35793c76p-33, r = top + rest;
    double e = nn_exp_small(r, (top - r) + rest) * nn_double(nn_bits(shifted) << 52) * 0x1p-64;
    return x < -746.0 ? 0.0 : e;
}
NN_INLINE double nn_exp_decaying(double x) { return nn_exp_sum_decaying(x, -0.0); }
"""

EXP_ROOT = """
/* exp(x + low) of which only the square matters: 0 or infinity where that is. */
NN_INLINE double nn_exp_sum_root(double x, double low) {
    double e = nn_exp_sum_normal(x, low);
    e = x < -708.0 ? 0.0 : e;
    return x > 709.0 ? INFINITY : e;
}
NN_INLINE double nn_exp_root(double x) { return nn_exp_sum_root(x, -0.0); }
"""

_PARTS = """
/* exp of an exponent in two parts: high + low. */
typedef struct { double high, low; } nn_pair;
NN_INLINE nn_pair nn_number(double x) { nn_pair p = {x, 0.0}; return p; }
/* p (s + t). */
NN_INLINE nn_pair nn_scaled(nn_pair p, double s, double t) {
    double high = p.high * s;
    nn_pair q = {high, fma(p.high, s, -high) + (p.low * s + p.high * t)};
    return q;
}
/* A coefficient c (s + t) of a polynomial; and one with half of the digits in its high part. */
NN_INLINE nn_pair nn_coefficient(double c, double s, double t) { return nn_scaled(nn_number(c), s, t); }
"""

#: Arithmetic of numbers in two parts, and exp of them.
PAIRS = """
NN_INLINE nn_pair nn_halved(nn_pair p) {
    double high = nn_double(nn_bits(p.high) & 0xfffffffff8000000);
    nn_pair q = {high, p.high - high + p.low};
    return q;
}
/* p x + c, with what rounding took from it. */
NN_INLINE nn_pair nn_step(nn_pair p, double x, nn_pair c) {
    double product = p.high * x, sum = product + c.high, part = sum - product;
    double lost = fma(p.high, x, -product) + ((product - (sum - part)) + (c.high - part));
    nn_pair q = {sum, lost + (p.low * x + c.low)};
    return q;
}
/* The same where p x and c have one sign, and c is halved: then c - sum is exact. */
NN_INLINE nn_pair nn_step_away(nn_pair p, double x, nn_pair c) {
    double sum = fma(p.high, x, c.high);
    nn_pair q = {sum, fma(p.high, x, c.high - sum) + (p.low * x + c.low)};
    return q;
}
NN_INLINE nn_pair nn_times(nn_pair p, double x) {
    double product = p.high * x;
    nn_pair q = {product, fma(p.high, x, -product) + p.low * x};
    return q;
}
/* s x^2 for a power of two s. */
NN_INLINE nn_pair nn_squared(double x, double s) {
    double y = s * x, product = y * x;
    nn_pair p = {product, fma(y, x, -product)};
    return p;
}
/* exp(p). */
NN_INLINE double nn_exp_pair(nn_pair p) { return nn_exp_sum(p.high, fabs(p.high) < 1e3 ? p.low : 0.0); }
NN_INLINE double nn_exp_pair_decaying(nn_pair p) { return nn_exp_sum_decaying(p.high, p.low); }
NN_INLINE double nn_exp_pair_normal(nn_pair p) { return nn_exp_sum_normal(p.high, p.low); }
NN_INLINE double nn_exp_pair_root(nn_pair p) { return nn_exp_sum_root(p.high, p.low); }
"""

_PRODUCTS = """
NN_INLINE double nn_exp_product(double x, double f, double g) { return nn_exp_pair(nn_scaled(nn_number(x), f, g)); }
NN_INLINE double nn_exp_quotient(double x, double d) {
    double high = x / d;
    return nn_exp_sum(high, fabs(high) < 1e3 ? -fma(high, d, -x) / d : 0.0);
}
"""

EXACT_EXPONENTS = _PARTS + PAIRS.lstrip() + _PRODUCTS.lstrip()
