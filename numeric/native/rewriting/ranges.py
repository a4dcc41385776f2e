"""Between which numbers the values inside the loops of a kernel lie: intervals, computed from the operands up.

An interval holds every value that is not NaN, rounding included. What has a product of zero and infinity in it is NaN.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from ..scalars import Scalar, closure

Range = tuple[float, float]

EVERYTHING: Range = (-math.inf, math.inf)
#: More than rounding changes in one operation, as a share; and numbers so small that they may become zero.
SLACK, TINY = 1e-5, 1e-36
#: exp of more is infinity here, and of less than the negative of it zero.
STEEP = 700.0


class Ranges:
    """The interval of a value. given: what is known of some values. declared: whether to believe that a parameter is
    positive that is declared so; nobody checks it, so no function may be chosen by it that breaks elsewhere.
    """

    def __init__(self, given: Mapping[Scalar, Range] | None = None, declared: bool = False) -> None:
        self.known: dict[Scalar, Range] = dict(given or {})
        self.declared = declared

    def __call__(self, s: Scalar) -> Range:
        if s not in self.known:
            for v in closure([s]):
                if v not in self.known:
                    self.known[v] = _outward(self._range(v))
        return self.known[s]

    def exponent(self, s: Scalar) -> Range:
        """The interval of what an exponential is taken of."""
        if s.data[0] == "exp":
            return self(s.args[0])
        x, scale, _, *coefficients = (self(a) for a in s.args)  # scale times a polynomial without constant
        value = (0.0, 0.0)
        for c in reversed(coefficients):
            value = _times(_plus(value, c), x)
        return _widened(_times(scale, value))

    def _range(self, s: Scalar) -> Range:
        args = [self.known[a] for a in s.args]
        if s.op == "const":
            return (float(s.data[0]), float(s.data[0]))  # type: ignore[arg-type]
        if s.op in ("dim", "counter"):
            return (1.0 if s.op == "dim" else 0.0, math.inf)
        if s.op == "parameter":
            return (0.0, math.inf) if self.declared and s.data[1:] == ("positive",) else EVERYTHING
        if s.op == "neg":
            return _times((-1.0, -1.0), args[0])
        if s.op == "add":
            return self._sum(s)
        if s.op == "mul":
            split: int = s.data[0]  # type: ignore[assignment]
            over, under = (_product(self, Counter(part)) for part in (s.args[:split], s.args[split:]))
            return _times(over, _inverse(under))
        if s.op == "pow":
            return _power(args[0], s.data[0])  # type: ignore[arg-type]
        if s.op == "compare":
            return (0.0, 1.0)
        if s.op in ("widen", "rounded", "cast"):
            return args[0]
        if s.op == "inside":
            return _hull((args[2], (0.0, 0.0)))
        if s.op in ("max", "peak"):
            return -math.inf, args[0][1]
        if s.op == "call":
            return self._call(str(s.data[0]), s, args)
        return EVERYTHING

    def _sum(self, s: Scalar) -> Range:
        terms = list(zip(s.data, s.args, strict=True))
        peaks = {a.args[0] for sign, a in terms if sign == -1 and a.op in ("max", "peak")}
        if len(terms) == 2 and any(sign == 1 and a in peaks for sign, a in terms):
            return (-math.inf, 0.0)  # a number minus the largest of its row
        low, high = 0.0, 0.0
        for sign, a in terms:
            ends = _times((float(sign), float(sign)), self.known[a])  # type: ignore[arg-type]
            low, high = low + ends[0], high + ends[1]
        size = sum(max(map(abs, self.known[a])) for _, a in terms)
        error = SLACK * size if size < math.inf else 0.0
        return low - error, high + error

    def _call(self, function: str, s: Scalar, args: list[Range]) -> Range:
        if function == "where":
            return _hull(args[1:])
        if function in MONOTONE:
            low, high = (MONOTONE[function](x) for x in args[0])
            return low, high
        if function in BETWEEN:
            return BETWEEN[function]
        if function == "abs":
            low, high = args[0]
            return (max(low, -high, 0.0), max(-low, high))
        if function in ("minimum", "maximum"):
            choose = min if function == "minimum" else max
            return choose(a[0] for a in args), choose(a[1] for a in args)
        if function == "clip":
            low, high = (min(max(x, args[1][0]), args[2][1]) for x in args[0])
            return low, high
        if function == "finite":
            return args[0]
        if function == "exp_polynomial":
            low, high = (_exp(x) for x in self.exponent(s))
            return low, high
        if function in ("exp_product", "exp_quotient"):
            return (0.0, math.inf)
        return EVERYTHING


def _exp(x: float) -> float:
    return 0.0 if x < -STEEP else math.inf if x > STEEP else math.exp(x)


#: Functions that grow with their argument.
MONOTONE: Mapping[str, Callable[[float], float]] = {
    "exp": _exp,
    "expm1": lambda x: _exp(x) - 1.0,
    "relu": lambda x: max(x, 0.0),
    "sqrt": lambda x: math.sqrt(x) if x > 0.0 else 0.0,
    "tanh": math.tanh,
}
#: Functions that lie between numbers whatever their argument is.
BETWEEN: Mapping[str, Range] = {
    "sigmoid": (0.0, 1.0),
    "sech2": (0.0, 1.0),
    "erf": (-1.0, 1.0),
    "erfc": (0.0, 2.0),
    "erfcx": (0.0, 1.0),  # its argument is never negative
    "softplus": (0.0, math.inf),
    "sigmoid_minus": EVERYTHING,
    "tanh_minus": (-2.0, 2.0),
    "sin": (-1.0, 1.0),
    "cos": (-1.0, 1.0),
    "sign": (-1.0, 1.0),
}


def _widened(r: Range) -> Range:
    return (
        r[0] - SLACK * abs(r[0]) if r[0] > -math.inf else r[0],
        r[1] + SLACK * abs(r[1]) if r[1] < math.inf else r[1],
    )


def _outward(r: Range) -> Range:
    """With room for rounding, and for what becomes zero."""
    low, high = _widened(r)
    if low != low or high != high:
        return EVERYTHING
    return (0.0 if 0.0 < low < TINY else low, 0.0 if -TINY < high < 0.0 else high)


def _hull(ranges: Iterable[Range]) -> Range:
    lows, highs = zip(*ranges, strict=True)
    return min(lows), max(highs)


def _plus(a: Range, b: Range) -> Range:
    return a[0] + b[0], a[1] + b[1]


def _times(a: Range, b: Range) -> Range:
    ends = [0.0 if 0.0 in (x, y) else x * y for x in a for y in b]
    return min(ends), max(ends)


def _product(ranges: Ranges, factors: Mapping[Scalar, int]) -> Range:
    value = (1.0, 1.0)
    for f, k in factors.items():
        value = _times(value, _power(ranges.known[f], k))
    return value


def _power(r: Range, exponent: float) -> Range:
    if exponent == 0.5:
        return math.sqrt(max(r[0], 0.0)), math.sqrt(max(r[1], 0.0))
    if exponent < 1 or exponent != int(exponent):
        return EVERYTHING
    low, high = r
    if exponent % 2 == 0:
        low, high = max(low, -high, 0.0), max(-low, high)
    ends = []
    for x in (low, high):
        try:
            ends.append(x ** int(exponent))
        except OverflowError:
            ends.append(math.copysign(math.inf, x) if exponent % 2 else math.inf)
    return ends[0], ends[1]


def _inverse(r: Range) -> Range:
    if r[0] > 0.0 or r[1] < 0.0:
        return 1.0 / r[1], 1.0 / r[0]
    return EVERYTHING
