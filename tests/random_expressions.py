"""Random tensor expressions, and an evaluator that shares nothing with the engine's: plain loops over scalars."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import product
from random import Random
from typing import Any

import sympy
from sympy import Expr, Integer, Rational, cos, erf, exp, log, sin, sqrt, tanh

from nnmath.calculus.derivation import Definition
from nnmath.calculus.functions import Indicator, Where, absolute, relu, sigmoid, softplus
from nnmath.calculus.sums import BoundSum, Delta, bound_sum
from nnmath.calculus.tensors import Domain, Element, Index, Tensor, dimension

N, M = dimension("n"), dimension("m")
X = Tensor("x")
U, V = Tensor("u", (N,)), Tensor("v", (M,))
A, B = Tensor("A", (N, N)), Tensor("B", (N, M))
P = Tensor("p", (N,), Domain(positive=True))
Q = Tensor("q", (N, M), Domain(rows=True))
S = Tensor("s", (M,), Domain(mask=True))
T = Tensor("t", (N, M), Domain(onehot=True))
Y = Tensor("y", (N,), Domain(below=M))
INPUTS = (X, U, V, A, B, P, Q, S, T, Y)
#: Those that a derivative may be taken in.
SMOOTH = (X, U, V, A, B, P)
#: Few names, so that bound and free indices often share one.
NAMES = {N: ("i", "j"), M: ("a", "b")}
FREE = (Index("i", N), Index("a", M))
SIZES = ({N: 2, M: 3}, {N: 2, M: 2}, {N: 1, M: 1}, {N: 3, M: 1}, {N: 1, M: 2})


@dataclass(frozen=True)
class Writer:
    """Draws expressions over the inputs and earlier definitions. kinks: also relu, abs and case distinctions."""

    rng: Random
    tensors: tuple[Tensor, ...] = INPUTS
    kinks: bool = True

    def real(self, free: Sequence[Index], depth: int) -> Expr:
        """An expression in some of the free indices."""
        if depth <= 0:
            return self.element(free)
        return self.rng.choice(self._real_forms())(free, depth - 1)

    def _real_forms(self) -> Sequence[Callable[[Sequence[Index], int], Expr]]:
        return (
            *(self._sum, self._sum, self._product, self._product, self._function, self._contraction),
            *(self._total, self._total, self._power, self._delta, self._quotient, self.positive),
        )

    def positive(self, free: Sequence[Index], depth: int) -> Expr:
        """An expression that is positive everywhere."""
        kind = self.rng.randrange(7)
        if depth <= 0 or kind == 0:
            k = self.index(N, free)
            return P[k]
        inner = depth - 1
        if kind == 1:
            return 1 + self.real(free, inner) ** 2
        if kind == 2:
            return self.positive(free, inner) * self.positive(free, inner)
        if kind == 3:
            return self.rng.choice((sigmoid, softplus))(self.real(free, inner))
        if kind == 4:
            return sqrt(self.positive(free, inner))
        if kind == 5:
            bound = self.fresh_name()
            return bound_sum(self.positive((*self.without(free, bound), bound), inner), bound)
        return exp(tanh(self.real(free, inner)) if inner else self.element(free))

    def element(self, free: Sequence[Index]) -> Expr:
        tensor = self.rng.choice(self.tensors)
        indices = [self.index(d, free) for d in tensor.dims]
        if tensor.domain.below is not None:
            return B[indices[0], Element(tensor, *indices)]
        return Element(tensor, *indices)

    def index(self, dim: Expr, free: Sequence[Index]) -> Expr:
        known = [i for i in free if i.dim == dim]
        return self.rng.choice(known) if known else Integer(0)

    def fresh_name(self) -> Index:
        dim = self.rng.choice((N, M))
        return Index(self.rng.choice(NAMES[dim]), dim)

    @staticmethod
    def without(free: Sequence[Index], bound: Index) -> list[Index]:
        return [i for i in free if i != bound]

    def _sum(self, free: Sequence[Index], depth: int) -> Expr:
        factor = self.rng.choice((1, -1, 2, Rational(1, 3), N))
        return self.real(free, depth) + factor * self.real(free, depth)

    def _product(self, free: Sequence[Index], depth: int) -> Expr:
        return self.real(free, depth) * self.real(free, depth)

    def _power(self, free: Sequence[Index], depth: int) -> Expr:
        return self.real(free, depth) ** self.rng.choice((2, 2, 3))

    def _quotient(self, free: Sequence[Index], depth: int) -> Expr:
        return self.real(free, depth) / self.positive(free, depth)

    def _function(self, free: Sequence[Index], depth: int) -> Expr:
        smooth = (tanh, sigmoid, softplus, sin, cos, erf)
        function = self.rng.choice((*smooth, relu, absolute, "log", "where") if self.kinks else (*smooth, "log"))
        if function == "log":
            return log(self.positive(free, depth))
        if function == "where":
            return Where(self.real(free, 0), self.real(free, depth), self.real(free, 0))
        return function(self.real(free, depth))

    def _total(self, free: Sequence[Index], depth: int) -> Expr:
        bound = self.fresh_name()
        return bound_sum(self.real((*self.without(free, bound), bound), depth), bound)

    def _contraction(self, free: Sequence[Index], depth: int) -> Expr:
        """A matrix product, a trace or a matrix-vector product, with a bound name that may also be free outside."""
        k = Index(self.rng.choice(NAMES[N]), N)
        rows, columns = self.index(N, self.without(free, k)), self.index(M, free)
        return self.rng.choice(
            (
                lambda: bound_sum(A[rows, k] * B[k, columns], k),
                lambda: bound_sum(A[k, k], k),
                lambda: bound_sum(A[k, rows] * U[k], k),
                lambda: bound_sum(A[rows, k] * self.real((*self.without(free, k), k), depth - 1), k),
            )
        )()

    def _delta(self, free: Sequence[Index], depth: int) -> Expr:
        k = self.fresh_name()
        other = self.index(k.dim, self.without(free, k))
        return bound_sum(Delta(k, other) * self.real((*self.without(free, k), k), depth), k)

    def definition(self, name: str, indices: Sequence[Index], depth: int) -> Definition:
        return Definition(Tensor(name, tuple(i.dim for i in indices)), tuple(indices), self.real(indices, depth))

    def program(self, depth: int = 2) -> tuple[Definition, ...]:
        """Two shared intermediates and a scalar L that reads both, one of them twice."""
        i, a = Index("i", N), Index("a", M)
        first = self.definition("D", (i,), depth)
        more = Writer(self.rng, (*self.tensors, first.tensor, first.tensor), self.kinks)
        second = more.definition("E", (i, a) if self.rng.random() < 0.5 else (a,), depth)
        last = Writer(self.rng, (*self.tensors, first.tensor, second.tensor, second.tensor), self.kinks)
        use = bound_sum(Element(first.tensor, i) * last.real((i,), 1), i)
        indices = second.indices
        again = bound_sum(Element(second.tensor, *indices) * last.real(indices, 1), *indices)
        return first, second, Definition(Tensor("L"), (), last.real((), depth) + use + again)


# -- evaluation --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arithmetic:
    """Numbers to evaluate with: how a constant is made, and the functions."""

    constant: Callable[[Expr], Any]
    functions: Mapping[str, Callable[[Any], Any]]
    power: Callable[[Any, float], Any] = lambda x, e: x**e


@dataclass
class Evaluator:
    """Values of expressions at sizes and arrays (nested by position), summing out every index in plain loops."""

    arithmetic: Arithmetic
    sizes: Mapping[Expr, int]
    arrays: Mapping[str, Mapping[tuple[int, ...], Any]]
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    memo: dict[Any, Any] = field(default_factory=dict)

    def __call__(self, expr: Expr, at: Mapping[Expr, int]) -> Any:
        make = self.arithmetic.constant
        if expr.is_Number or expr in (sympy.pi, sympy.E):
            return make(expr)
        if expr in self.sizes:
            return make(Integer(self.sizes[expr]))
        if isinstance(expr, Element):
            return self.entry(expr.tensor.name, tuple(self.position(k, at) for k in expr.indices))
        if isinstance(expr, Delta):
            a, b = (self.position(k, at) for k in expr.args)
            return make(Integer(int(a == b)))
        if isinstance(expr, BoundSum):
            ranges = [range(int(k.dim.xreplace(dict(self.sizes)))) for k in expr.bound]
            places = (dict(zip(expr.bound, values, strict=True)) for values in product(*ranges))
            return reduce(lambda x, y: x + y, (self(expr.body, {**at, **place}) for place in places))
        if expr.is_Add:
            return reduce(lambda x, y: x + y, (self(a, at) for a in expr.args))
        if expr.is_Mul:
            return reduce(lambda x, y: x * y, (self(a, at) for a in expr.args))
        if expr.is_Pow and expr.exp.is_Rational:
            exponent = int(expr.exp) if expr.exp.is_Integer else float(expr.exp)
            return self.arithmetic.power(self(expr.base, at), exponent)
        if isinstance(expr, Where):
            test, a, b = expr.args
            return self(a if self(test, at) > 0 else b, at)
        if isinstance(expr, Indicator):
            return make(Integer(int(self(expr.args[0], at) > 0)))
        return self.arithmetic.functions[type(expr).__name__](self(expr.args[0], at))

    def position(self, index: Expr, at: Mapping[Expr, int]) -> int:
        if isinstance(index, Element):
            return int(self(index, at))
        return int(index) if index.is_Integer else at[index]

    def entry(self, name: str, at: tuple[int, ...]) -> Any:
        if name not in self.definitions:
            return self.arrays[name][at]
        if (name, at) not in self.memo:
            definition = self.definitions[name]
            self.memo[name, at] = self(definition.body, dict(zip(definition.indices, at, strict=True)))
        return self.memo[name, at]


def _stable_sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


FLOATS = Arithmetic(
    float,
    {
        **{f: getattr(math, f) for f in ("exp", "log", "tanh", "sin", "cos", "erf")},
        "sigmoid": _stable_sigmoid,
        "softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
        "relu": lambda x: max(x, 0.0),
        "absolute": abs,
        "Abs": abs,
    },
)


def torch_arithmetic(torch: Any) -> Arithmetic:
    """Scalars of torch in float64, so that autograd differentiates the plain loops."""
    functions = {f: getattr(torch, f) for f in ("exp", "log", "tanh", "sin", "cos", "erf", "sigmoid", "relu", "abs")}
    functions |= {"absolute": torch.abs, "Abs": torch.abs}
    functions["softplus"] = lambda x: torch.nn.functional.softplus(x, threshold=80)
    return Arithmetic(lambda c: torch.tensor(float(c), dtype=torch.float64), functions)


# -- rounding ----------------------------------------------------------------------------------------------------------

#: f′ and f″ of every function, for the propagation of rounding errors.
SLOPES: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "exp": (math.exp, math.exp),
    "log": (lambda x: 1 / x, lambda x: -1 / x**2),
    "sin": (math.cos, lambda x: -math.sin(x)),
    "cos": (lambda x: -math.sin(x), lambda x: -math.cos(x)),
    "tanh": (lambda x: 1 - math.tanh(x) ** 2, lambda x: -2 * math.tanh(x) * (1 - math.tanh(x) ** 2)),
    "erf": (lambda x: 2 / math.sqrt(math.pi) * math.exp(-x * x), lambda x: -4 * x * math.exp(-x * x)),
    "sigmoid": (lambda x: _stable_sigmoid(x) * _stable_sigmoid(-x), lambda x: _stable_sigmoid(-abs(x))),
    "softplus": (_stable_sigmoid, lambda x: _stable_sigmoid(x) * _stable_sigmoid(-x)),
    "relu": (lambda x: float(x > 0), lambda x: 0.0),
    "absolute": (lambda x: 1.0, lambda x: 0.0),
    "Abs": (lambda x: 1.0, lambda x: 0.0),
}


@dataclass(frozen=True)
class Rounded:
    """A value with first-order bounds, in units of one rounding: of its error, its slopes, and the slopes' errors.

    A slope is bounded by the sum of the absolute values of its paths, so the bound on its error holds for reverse mode
    as well as for forward mode. ``count`` holds the number of operations; each path is rounded at most that often.
    """

    value: float
    error: float
    slopes: Any
    slope_errors: Any
    count: list[int]

    def made(self, value: float, error: float, slopes: Any, slope_errors: Any) -> Rounded:
        self.count[0] += 1
        return Rounded(value, error + abs(value), slopes, slope_errors + slopes, self.count)

    def __add__(self, other: Rounded) -> Rounded:
        slopes, errors = self.slopes + other.slopes, self.slope_errors + other.slope_errors
        return self.made(self.value + other.value, self.error + other.error, slopes, errors)

    def __mul__(self, other: Rounded) -> Rounded:
        a, b = abs(self.value), abs(other.value)
        return self.made(
            self.value * other.value,
            a * other.error + b * self.error,
            a * other.slopes + b * self.slopes,
            a * other.slope_errors + b * self.slope_errors + self.error * other.slopes + other.error * self.slopes,
        )

    def __gt__(self, bound: float) -> bool:
        return self.value > bound

    def __int__(self) -> int:
        return int(self.value)

    def through(self, value: float, slope: float, bend: float) -> Rounded:
        """f of this, given f, f′ and f″ there; a function is worth a few roundings."""
        self.count[0] += 7
        slope, bend = abs(slope), abs(bend)
        errors = slope * self.slope_errors + bend * self.error * self.slopes
        return self.made(value, slope * self.error, slope * self.slopes, errors)


def rounded_arithmetic(slots: int, count: list[int]) -> Arithmetic:
    """Arithmetic with error bounds, for slopes in that many inputs."""
    import numpy

    def constant(c: Expr) -> Rounded:
        return Rounded(float(c), 0.0, numpy.zeros(slots), numpy.zeros(slots), count)

    def through(name: str) -> Callable[[Rounded], Rounded]:
        f, (slope, bend) = FLOATS.functions[name], SLOPES[name]
        return lambda u: u.through(f(u.value), slope(u.value), bend(u.value))

    def power(u: Rounded, e: float) -> Rounded:
        x = u.value
        return u.through(x**e, e * x ** (e - 1), e * (e - 1) * x ** (e - 2) if e != 1 else 0.0)

    return Arithmetic(constant, {name: through(name) for name in FLOATS.functions}, power)


def gradient_bounds(
    program: Sequence[Definition], sizes: Mapping[Expr, int], floats: Mapping[str, Mapping[tuple[int, ...], float]]
) -> dict[tuple[str, tuple[int, ...]], float]:
    """How far a gradient of L computed in float64 may be from the exact one, for every element of every input."""
    import numpy

    where = {(name, at): slot for slot, (name, at) in enumerate((n, at) for n, a in floats.items() for at in a)}
    unit, count = numpy.eye(len(where)), [0]
    arrays = {
        name: {at: Rounded(v, 0.0, unit[where[name, at]], numpy.zeros(len(where)), count) for at, v in array.items()}
        for name, array in floats.items()
    }
    evaluate = Evaluator(rounded_arithmetic(len(where), count), sizes, arrays, {d.name: d for d in program})
    total = evaluate.entry("L", ())
    unit_roundoff = 2.0**-53
    return {key: 4 * count[0] * unit_roundoff * float(total.slope_errors[slot]) for key, slot in where.items()}
