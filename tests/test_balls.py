"""The independent judge: rigorous values, and derivatives without symbolic differentiation."""

from __future__ import annotations

import random
from itertools import islice, pairwise

import mpmath
import pytest
import sympy
from flint import arb, ctx, fmpq
from sympy import Expr, Rational, cos, erf, exp, log, pi, sin, sqrt, tanh

from nnmath.calculus.balls import Valuation
from nnmath.calculus.derivation import Definition
from nnmath.calculus.functions import Indicator, Unknown, Where, absolute, relu, sigmoid, softplus
from nnmath.calculus.refutation import sample
from nnmath.calculus.sampling import points
from nnmath.calculus.sums import Delta, Partial, bound_sum
from nnmath.calculus.tensors import Domain, Index, Tensor, dimension, fresh_index

N, D = map(dimension, "ND")
x, s = Tensor("x"), Tensor("s")
X, W, Y = Tensor("X", (N, D)), Tensor("W", (D, D)), Tensor("Y", (N, D))
i, j, d, e, k = Index("i", N), Index("j", N), Index("d", D), Index("e", D), Index("k", D)


def scalar(expr: Expr, value: object, **options: object) -> arb:
    return Valuation((), {}, {x: {(): value}}, **options).value(expr)


def is_nan(ball: arb) -> bool:
    return not ball.is_finite()


def agree(a: arb, b: arb, digits: int = 40) -> bool:
    return a.is_finite() and b.is_finite() and abs(a - b) < arb(10) ** -digits * (1 + abs(a))


# -- values ----------------------------------------------------------------------------------------------------------

VALUES = [
    (exp(x()), 1, lambda: mpmath.e),
    (log(x()), 2, lambda: mpmath.log(2)),
    (sqrt(x()), 2, lambda: mpmath.sqrt(2)),
    (x() ** Rational(-3, 2), 3, lambda: mpmath.mpf(3) ** -1.5),
    (x() ** -2, -3, lambda: mpmath.mpf(1) / 9),
    (2 ** x(), fmpq(1, 2), lambda: mpmath.sqrt(2)),
    (x() ** x(), fmpq(1, 2), lambda: mpmath.mpf(0.5) ** 0.5),
    (tanh(x()), 2, lambda: mpmath.tanh(2)),
    (sympy.sinh(x()) + sympy.cosh(x()), 2, lambda: mpmath.exp(2)),
    (sin(x()) * cos(x()), 2, lambda: mpmath.sin(4) / 2),
    (sympy.atan(x()), 1, lambda: mpmath.pi / 4),
    (erf(x()), fmpq(1, 2), lambda: mpmath.erf(0.5)),
    (sigmoid(x()), -200, lambda: 1 / (1 + mpmath.exp(200))),
    (softplus(x()), -200, lambda: mpmath.log1p(mpmath.exp(-200))),
    (softplus(x()), 200, lambda: 200 + mpmath.log1p(mpmath.exp(-200))),
    (relu(x()) + absolute(x()), -3, lambda: 3),
    (absolute(x()) * Indicator(x()), 3, lambda: 3),
    (Where(x(), log(x()), -1), -5, lambda: -1),
    (Rational(1, 3) * pi + sympy.E + sympy.Float(0.5) * x(), 1, lambda: mpmath.pi / 3 + mpmath.e + 0.5),
]


@pytest.mark.parametrize(("expr", "at", "expected"), VALUES, ids=[str(v[0]) for v in VALUES])
def test_known_values(expr: Expr, at: object, expected: object) -> None:
    with mpmath.workdps(60):
        exact = mpmath.nstr(mpmath.mpf(expected()), 55)
    with ctx.workprec(220):
        assert abs(scalar(expr, at) - arb(exact)) <= arb(10) ** -45 * abs(arb(exact))


UNDEFINED = [
    (log(x()), -1),
    (log(x()), 0),
    (1 / x(), 0),
    (sqrt(x()), -1),
    (Partial(sqrt(x()), x()), 0),
    (Where(x(), 1, 2), arb(0, 1e-30)),
    (Indicator(x()), arb(0, 1e-30)),
    (x() + Partial(x() + Where(log(x()), 1, 2), x()), -1),
]


@pytest.mark.parametrize(("expr", "at"), UNDEFINED, ids=[f"{u[0]} at {u[1]}" for u in UNDEFINED])
def test_what_is_undefined_is_nan(expr: Expr, at: object) -> None:
    assert is_nan(scalar(expr, at))


KINKS = [
    (Where(x(), 5, 7), 7),
    (Indicator(x()), 0),
    (relu(x()), 0),
    (Partial(relu(x()), x()), 0),
    (Partial(absolute(x()), x()), 0),
    (Partial(Where(x(), 2 * x(), 3 * x()), x()), 3),
]


@pytest.mark.parametrize(("expr", "expected"), KINKS, ids=[str(k[0]) for k in KINKS])
def test_at_a_kink_the_second_branch_holds(expr: Expr, expected: int) -> None:
    assert scalar(expr, 0) == expected
    if expr != relu(x()):
        assert is_nan(scalar(expr, 0, kinks=False))


def test_a_zero_of_a_mask_is_no_kink() -> None:
    m = Tensor("m", (), Domain(mask=True))
    assert Valuation((), {}, {m: {(): 0}}, kinks=False).value(Where(m(), 1, 2)) == 2


def test_unlike_unknown_functions_differ_and_order_is_the_derivative() -> None:
    f, g = sympy.Symbol("f"), sympy.Symbol("g")
    assert not scalar(Unknown(f, 0, x()), 1).overlaps(scalar(Unknown(g, 0, x()), 1))
    for order in range(5):
        left, right = Partial(Unknown(f, order, x() ** 2), x()), 2 * x() * Unknown(f, order + 1, x() ** 2)
        assert agree(scalar(left, fmpq(3, 4)), scalar(right, fmpq(3, 4)))


def test_what_cannot_be_evaluated_says_so() -> None:
    with pytest.raises(NotImplementedError, match="no rigorous evaluation of zeta"):
        scalar(sympy.zeta(x()), 2)
    with pytest.raises(KeyError, match="s has neither values nor a definition"):
        scalar(s(), 2)


# -- derivatives -----------------------------------------------------------------------------------------------------


def central(expr: Expr, at: fmpq, order: int) -> arb:
    """A central difference with a step of 2⁻²⁰⁰ at 1000 bits: about 100 good digits."""
    with ctx.workprec(1000):
        h = arb(2) ** -200

        def value(shift: arb) -> arb:
            return scalar(expr, arb(at) + shift, precision=1000)

        if order == 1:
            return (value(h) - value(-h)) / (2 * h)
        return (value(h) - 2 * value(arb(0)) + value(-h)) / (h * h)


ONE_VARIABLE = [
    *(f(x()) for f in (exp, log, tanh, sin, cos, sympy.tan, sympy.sinh, sympy.cosh, sympy.asinh, sympy.atan)),
    *(f(x() / 2) for f in (sympy.atanh, sympy.asin, sympy.acos)),
    *(f(x()) for f in (erf, sympy.erfc, sigmoid, softplus, relu, absolute)),
    *(x() ** p for p in (3, -2, Rational(1, 2), Rational(-5, 3))),
    2 ** x(),
    x() ** x(),
    x() ** tanh(x()),
    Where(x(), exp(x()) * x(), 1),
    relu(1 - x() ** 2) * Indicator(x()),
    softplus(tanh(x()) * x()) / (1 + exp(-(x() ** 2))),
    Unknown(sympy.Symbol("g"), 0, sin(x()) / x()),
]


@pytest.mark.parametrize("expr", ONE_VARIABLE, ids=str)
def test_first_and_second_derivative_against_central_differences(expr: Expr) -> None:
    first = Partial(expr, x())
    for at in (fmpq(3, 4), fmpq(11, 8)):
        assert agree(scalar(first, at), central(expr, at, 1))
        assert agree(scalar(Partial(first, x()), at), central(expr, at, 2))


def test_three_nested_derivatives_do_not_mix() -> None:
    third = Partial(Partial(Partial(x() ** 5, x()), x()), x())
    assert scalar(third, 2) == 60 * 4
    assert scalar(Partial(x() * Partial(x() + x() ** 2, x()), x()), 3) == 1 + 4 * 3


def chain() -> tuple[Definition, ...]:
    """A residual block and a loss: Y = X + tanh(X W), s = Σ Y²."""
    return (
        Definition(Y, (i, d), X[i, d] + tanh(bound_sum(X[i, k] * W[k, d], k))),
        Definition(s, (), bound_sum(Y[i, d] ** 2, i, d)),
    )


TOTALS = [
    ("through both branches", Partial(s(), X[j, e]), "X"),
    ("to the definition itself", Partial(s(), Y[j, e]), 2 * Y[j, e]),
    ("with everything else held", Partial(s(), X[j, e], True), sympy.Integer(0)),
    ("own body when held", Partial(Y[i, d], X[j, e], True), Partial(Y[i, d], X[j, e])),
    ("a tensor by itself", Partial(Y[i, d], Y[j, e]), Delta(i, j) * Delta(d, e)),
    ("a tensor by itself, held", Partial(X[i, d], X[j, e], True), Delta(i, j) * Delta(d, e)),
    ("a general expression", Partial(s() * X[j, e], X[j, e]), s() + X[j, e] * Partial(s(), X[j, e])),
    ("a general expression, held", Partial(s() * X[j, e], X[j, e], True), s()),
    ("upstream stays", Partial(X[i, d], Y[j, e]), sympy.Integer(0)),
]


@pytest.mark.parametrize(("left", "right"), [t[1:] for t in TOTALS], ids=[t[0] for t in TOTALS])
def test_totals(left: Expr, right: object) -> None:
    if right == "X":
        dY = Partial(Y[i, d], X[j, e], True)
        i2, d2 = fresh_index(N), fresh_index(D)
        right = bound_sum((2 * Y[i, d] * dY).xreplace({i: i2, d: d2}), i2, d2)
    result = sample(left, right, definitions=chain())
    assert (result.points, result.agreed, result.counterexample) == (8, 8, None)


def test_totals_against_central_differences() -> None:
    values = {X: {(a, b): fmpq(2 * a - b, 4) for a in range(3) for b in range(2)}}
    values[W] = {(a, b): fmpq(a + 2 * b - 1, 4) for a in range(2) for b in range(2)}
    derivative = Valuation(chain(), {N: 3, D: 2}, values)
    with ctx.workprec(1000):
        h = arb(2) ** -200
        for tensor, at in ((X, (2, 1)), (X, (0, 0)), (W, (1, 0))):
            ends = []
            for sign in (1, -1):
                moved = {**values, tensor: {**values[tensor], at: arb(values[tensor][at]) + sign * h}}
                ends.append(Valuation(chain(), {N: 3, D: 2}, moved, precision=1000).element(s, ()))
            assert agree(derivative.value(Partial(s(), tensor[at])), (ends[0] - ends[1]) / (2 * h))


def test_a_deep_chain_needs_no_deep_recursion() -> None:
    depth = 400
    layers = [Tensor(f"h{at}") for at in range(depth + 1)]
    chain = [Definition(b, (), sin(a())) for a, b in pairwise(layers)]
    v = Valuation(chain, {}, {layers[0]: {(): 1}})
    slope, last = v.value(Partial(layers[-1](), layers[0]())), v.element(layers[-1], ())
    h = v.value(sympy.Mul(*(cos(layer()) for layer in layers[:-1])))
    assert agree(slope, h) and 0 < last < fmpq(1, 10)


# -- random expressions ----------------------------------------------------------------------------------------------


def random_expression(rng: random.Random, leaves: list[Expr], depth: int) -> Expr:
    """Smooth and defined everywhere; shares sub-expressions, sums over a dimension and reuses names of indices."""
    if depth == 0:
        return rng.choice(leaves)
    a, b = random_expression(rng, leaves, depth - 1), random_expression(rng, leaves, rng.randrange(depth))
    makers = (
        lambda: a + b,
        lambda: a * b,
        lambda: a - Rational(1, 2) * b * a,
        lambda: tanh(a) + b,
        lambda: exp(-(a**2)) * b,
        lambda: sigmoid(a) * softplus(b),
        lambda: a / (1 + b**2),
        lambda: bound_sum(a * tanh(b), i),
        lambda: bound_sum(sin(a) + b, d) / D,
        lambda: relu(a) + erf(b),
        lambda: sqrt(1 + a**2) * Delta(i, j),
    )
    return rng.choice(makers)()


@pytest.mark.parametrize("seed", range(40))
def test_random_expressions_against_central_differences(seed: int) -> None:
    rng = random.Random(seed)
    M = Tensor("M", (N, D))
    inner = random_expression(rng, [X[i, d], X[i, e], x()], 2)
    definition = Definition(M, (i, d), inner.xreplace({e: d, j: i}))
    outer = bound_sum(random_expression(rng, [M[i, d], M[j, d], X[i, d], x()], 3), i, j, d)
    (point,) = islice(points((X, x), (N, D), seed), 4, 5)
    tensor = rng.choice((X, x))
    at = tuple(rng.randrange(point.sizes[n]) for n in tensor.dims)
    derivative = Valuation((definition,), point.sizes, point.values).value(Partial(outer, tensor[at]))
    with ctx.workprec(1000):
        h, ends = arb(2) ** -200, []
        for sign in (1, -1):
            moved = {**point.values, tensor: {**point.values[tensor], at: arb(point.values[tensor][at]) + sign * h}}
            ends.append(Valuation((definition,), point.sizes, moved, precision=1000).value(outer))
        assert agree(derivative, (ends[0] - ends[1]) / (2 * h), 35)
