"""Coefficients of the error functions in numeric/numpy_code/error_functions.py, from mpmath at 60 digits.

    python benchmarks/error_function.py        prints the tables

erfcx(x) = exp(x²) erfc(x) on x ≥ 0: (x + 7/8) erfcx(x) runs from 7/8 to 1/√π and is smooth in t = (x − 3)/(x + 3),
which runs from −1 to 1 (after Shepherd and Laframboise, Chebyshev approximation of (1 + 2x) exp(x²) erfc x in
0 ≤ x < ∞, Mathematics of Computation 36, 1981; with 7/8 it is flat at x = 0, where the rounding of t counts most).
erf(x)/x on |x| ≤ 1 is smooth in s = x². Both are truncated Chebyshev series, multiplied out into powers of t and of s;
a double holds each coefficient. exp(a²/2)·(1 − Φ(a)), the tail of the normal distribution without its exponential, is
about 3/2/(a + 3) on 0 ≤ a ≤ 5.25: divided by s = 1/(a + 3), it needs few powers of s in float32.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath

#: The pole of t: x = −3. Any number from 2 to 5 would do; 3 needs the fewest coefficients in float64.
POLE = 3

#: Degrees for float32 and float64: the first term left out is below a tenth of the unit of rounding.
ERFCX_DEGREES = (12, 26)
ERF_DEGREES = (7, 13)

#: Of the tail, in float32 and for a up to FURTHEST: what is left out is less than a unit of rounding.
TAIL_DEGREE, FURTHEST = 6, 5.25


def scaled_erfcx(t: mpmath.mpf) -> mpmath.mpf:
    """(x + 7/8) erfcx(x) at x = 3 (1 + t)/(1 − t)."""
    x = POLE * (1 + t) / (1 - t)
    if x < 100:
        return (x + mpmath.mpf(7) / 8) * mpmath.exp(x * x) * mpmath.erfc(x)
    terms = ((-1) ** k * mpmath.fac2(2 * k - 1) / (2 * x * x) ** k for k in range(12))
    return (x + mpmath.mpf(7) / 8) / (x * mpmath.sqrt(mpmath.pi)) * mpmath.fsum(terms)


def erf_quotient(s: mpmath.mpf) -> mpmath.mpf:
    """erf(x)/x at x² = s."""
    return mpmath.erf(mpmath.sqrt(s)) / mpmath.sqrt(s)


def tail_quotient(s: mpmath.mpf) -> mpmath.mpf:
    """exp(a²/2) (1 − Φ(a))/s at a = 1/s − 3."""
    a = 1 / s - POLE
    return mpmath.exp(a * a / 2) * mpmath.erfc(a / mpmath.sqrt(2)) / (2 * s)


def powers(function: Callable[[mpmath.mpf], mpmath.mpf], low: float, high: float, degree: int) -> list[float]:
    """The truncated Chebyshev series of a function on [low, high], in powers of its variable, lowest first."""
    middle, half = mpmath.mpf(low + high) / 2, mpmath.mpf(high - low) / 2
    nodes = 3 * degree + 10
    angles = [mpmath.pi * (k + mpmath.mpf(1) / 2) / nodes for k in range(nodes)]
    values = [function(middle + half * mpmath.cos(a)) for a in angles]
    total = [mpmath.mpf(0)] * (degree + 1)
    before, current = [mpmath.mpf(1)], [-middle / half, 1 / half]  # T0 and T1 as polynomials of the variable
    for k in range(degree + 1):
        weight = 2 * mpmath.fsum(v * mpmath.cos(k * a) for v, a in zip(values, angles, strict=True)) / nodes
        for power, c in enumerate(before):
            total[power] += c * (weight / 2 if k == 0 else weight)
        doubled = [2 * c / half for c in current]
        shifted = [2 * c * middle / half for c in current]
        following = [mpmath.mpf(0), *doubled]
        for power, c in enumerate(shifted):
            following[power] -= c
        for power, c in enumerate(before):
            following[power] -= c
        before, current = current, following
    return [float(c) for c in total]


def tables() -> dict[str, list[float]]:
    """The tables by name."""
    with mpmath.workdps(60):
        return {
            "_ERFCX32": powers(scaled_erfcx, -1, 1, ERFCX_DEGREES[0]),
            "_TAIL32": powers(tail_quotient, 1 / (POLE + mpmath.mpf(FURTHEST)), 1 / mpmath.mpf(POLE), TAIL_DEGREE),
            "_ERFCX64": powers(scaled_erfcx, -1, 1, ERFCX_DEGREES[1]),
            "_ERF32": powers(erf_quotient, 0, 1, ERF_DEGREES[0]),
            "_ERF64": powers(erf_quotient, 0, 1, ERF_DEGREES[1]),
        }


def text(table: list[float], digits: int) -> str:
    """A table as the lines of a Python tuple."""
    lines, line = [], ""
    for c in (f"{v:.{digits}g}," for v in table):
        if len(line) + len(c) > 110:
            lines.append(line)
            line = ""
        line += f" {c}" if line else f"    {c}"
    return "\n".join([*lines, line])


if __name__ == "__main__":
    for name, table in tables().items():
        print(f"{name} = (\n{text(table, 10 if name.endswith('32') else 17)}\n)")
