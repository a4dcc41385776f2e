"""The normal form: equal mathematics is one object, however it is written; what differs stays apart."""

from __future__ import annotations

import pytest
import sympy
from sympy import Expr, Integer, Rational, Symbol, cosh, exp, log, sinh, sqrt, tanh

from nnmath.calculus.derivation import Definition
from nnmath.calculus.functions import Indicator, Unknown, Where, absolute, relu, sigmoid, softplus
from nnmath.calculus.normal_form import Normalizer
from nnmath.calculus.polynomials import Undefined
from nnmath.calculus.sums import BoundSum, Delta, bound_sum
from nnmath.calculus.tensors import Domain, Element, Index, Tensor, dimension

N, M, D, E = map(dimension, ("n", "m", "d", "e"))
X, U, V = Tensor("x"), Tensor("u", (N,)), Tensor("v", (N,))
A, B = Tensor("A", (N, N)), Tensor("B", (N, N))
P = Tensor("p", (N,), Domain(positive=True))
Q = Tensor("q", (N, M), Domain(rows=True))
T = Tensor("t", (N, M), Domain(onehot=True))
MASK = Tensor("s", (N,), Domain(mask=True))
LABEL = Tensor("y", (N,), Domain(below=M))
ATT, DO, VAL = Tensor("a", (N, M)), Tensor("dO", (N, E)), Tensor("V", (M, E))
i, j, k, l = (Index(name, N) for name in "ijkl")
b, c = Index("b", M), Index("c", M)
h = Index("h", E)
x, u, v, p, q, t, s = X(), U[i], V[i], P[i], Q[i, b], T[i, b], MASK[i]


def total(body: Expr, *indices: Index) -> Expr:
    return bound_sum(body, *indices)


ATTENDED = total(ATT[i, b] * VAL[b, h], b)


def g(order: int, at: Expr) -> Expr:
    return Unknown(Symbol("g"), Integer(order), at)


EQUAL: list[tuple[str, Expr, Expr]] = [
    # names, order and nesting of sums
    ("bound indices have no names", total(U[k] * A[k, j], k), total(U[l] * A[l, j], l)),
    ("two bound indices swapped", total(A[k, l] * B[l, k], k, l), total(A[l, k] * B[k, l], k, l)),
    ("order of summation", total(total(A[k, l], k), l), total(total(A[k, l], l), k)),
    ("nested or at once", total(total(A[k, l], k), l), total(A[k, l], k, l)),
    ("trace of a product", total(A[k, l] * B[l, k], k, l), total(B[k, l] * A[l, k], k, l)),
    ("a square is a double sum", total(U[k], k) ** 2, total(U[k] * U[l], k, l)),
    ("product of sums", total(U[k], k) * total(V[k], k), total(U[k] * V[l], k, l)),
    ("constant factors leave", total(u * V[k], k), u * total(V[k], k)),
    ("also out of an exponential", total(exp(u + V[k]), k), exp(u) * total(exp(V[k]), k)),
    ("linearity", total(2 * U[k] - V[k], k), 2 * total(U[k], k) - total(V[k], k)),
    ("an index that does not occur", total(u, k), N * u),
    ("attention flattens", total(ATT[i, b] * total(DO[i, h] * VAL[b, h], h), b), total(DO[i, h] * ATTENDED, h)),
    ("cycle of three", total(A[j, k] * B[k, l] * A[l, i], k, l), total(A[j, l] * B[l, k] * A[k, i], k, l)),
    ("bilinear form and its transpose", total(U[k] * A[k, l] * V[l], k, l), total(V[k] * A[l, k] * U[l], k, l)),
    # deltas
    ("a delta contracts", total(Delta(k, j) * U[k], k), U[j]),
    ("inside a function", total(Delta(k, j) * exp(U[k]), k), exp(U[j])),
    ("a delta renames", Delta(i, j) * U[i], Delta(i, j) * U[j]),
    ("a delta is idempotent", Delta(i, j) ** 2, Delta(i, j)),
    ("two deltas", total(Delta(k, i) * Delta(k, j), k), Delta(i, j)),
    ("a delta with a label", total(Delta(b, LABEL[i]) * Q[i, b], b), Q[i, LABEL[i]]),
    ("a label is picked once", total(Delta(b, LABEL[i]), b), Integer(1)),
    ("the first entry, which all sizes have", total(Delta(k, Integer(0)) * U[k], k), U[0]),
    ("both indices bound", total(Delta(k, l) * A[k, l], k, l), total(A[k, k], k)),
    ("a delta in a sum of terms", total((1 - Delta(k, i)) * U[k], k), total(U[k], k) - u),
    # powers, exponentials and logarithms
    ("expansion", (x + u) ** 3, x**3 + 3 * x**2 * u + 3 * x * u**2 + u**3),
    ("exp of a sum", exp(x + u), exp(x) * exp(u)),
    ("exp of a difference", exp(x - u) * exp(u), exp(x)),
    ("exp of a number", exp(x + 2), sympy.E**2 * exp(x)),
    ("power of exp", exp(x) ** 2, exp(2 * x)),
    ("log of a product", log(p * exp(x)), log(p) + x),
    ("log of a quotient", log(p / P[j]), log(p) - log(P[j])),
    ("log of a power", log(p**3), 3 * log(p)),
    ("log of a root", log(sqrt(p)), log(p) / 2),
    ("log of a power of a positive sum", log((1 + exp(x)) ** 2), 2 * log(1 + exp(x))),
    ("log of a number", log(12 * p), 2 * log(2) + log(3) + log(p)),
    ("exp of a log", exp(2 * log(p) + x), p**2 * exp(x)),
    ("log of softmax", log(exp(u) / total(exp(U[k]), k)), u - log(total(exp(U[k]), k))),
    ("roots of products of positives", sqrt(p * P[j]), sqrt(p) * sqrt(P[j])),
    ("roots of numbers", sqrt(8), 2 * sqrt(2)),
    ("a root squared", sqrt(1 + x**2) ** 2, 1 + x**2),
    ("positive base to an exponent that varies", p**x * p**u, p ** (x + u)),
    # denominators
    ("division by the leading term", x / (1 + x), 1 - 1 / (1 + x)),
    ("over an exponential", exp(x) / (1 + exp(x)), 1 / (1 + exp(-x))),
    ("a common factor cancels", (x**2 * u + x * u**2) / (x + u), x * u),
    ("a quotient of quotients", 1 / (1 / (1 + exp(-x))), 1 + exp(-x)),
    ("the sign of a denominator", 1 / (1 - x), -1 / (x - 1)),
    ("softmax shifted", exp(u - x) / total(exp(U[k] - x), k), exp(u) / total(exp(U[k]), k)),
    # domains
    ("rows sum to 1", total(Q[i, c], c), Integer(1)),
    ("one-hot rows too", total(T[i, c], c), Integer(1)),
    ("a row inside a longer sum", total(Q[k, c] * U[k], k, c), total(U[k], k)),
    ("one-hot entries are idempotent", t**2, t),
    ("one-hot entries exclude each other", T[i, b] * T[i, c], Delta(b, c) * T[i, b]),
    ("a mask is idempotent", s**3, s),
    # cases
    ("an indicator is idempotent", Indicator(x) ** 2, Indicator(x)),
    ("positive factors do not matter", Indicator(p * x * exp(u)), Indicator(x)),
    ("numeric factors do not matter", Indicator(3 * x), Indicator(x)),
    ("the sign of exp(x) - 1", Indicator(exp(x) - 1), Indicator(x)),
    ("two signs at once", u * Indicator(x - p) * Indicator(p - x), Integer(0)),
    ("two signs at once, scaled", Indicator(2 * x * u - 1) * Indicator(3 - 6 * u * x), Integer(0)),
    ("a case of equal branches", Where(x, u, u + v - v), u),
    ("a case as an indicator", Where(x, u, v), v + (u - v) * Indicator(x)),
    ("a positive test", Where(p, u, v), u),
    # unspecified functions
    ("arguments are normalised", g(1, (x + 1) ** 2), g(1, x**2 + 2 * x + 1)),
]

ELEMENTARY: list[tuple[str, Expr, Expr]] = [
    ("a ramp times its case", relu(1 - x * u) * Indicator(1 - x * u), Indicator(1 - x * u) * (1 - x * u)),
    ("ramps of both signs", relu(1 - x * u) * relu(x * u - 1), Integer(0)),
    ("sigmoid", sigmoid(x), exp(x) / (1 + exp(x))),
    ("reflection of sigmoid", sigmoid(-x), 1 - sigmoid(x)),
    ("softplus", softplus(x) - softplus(-x), x),
    ("tanh", tanh(x), (exp(x) - exp(-x)) / (exp(x) + exp(-x))),
    ("tanh by sigmoid", tanh(x), 2 * sigmoid(2 * x) - 1),
    ("addition of tanh", tanh(x + u) * (1 + tanh(x) * tanh(u)), tanh(x) + tanh(u)),
    ("cosh² − sinh²", cosh(x) ** 2 - sinh(x) ** 2, Integer(1)),
    ("relu as a case", relu(x), Where(x, x, Integer(0))),
    ("relu of both signs", relu(x) - relu(-x), x),
    ("relu of both signs under a sum", total(relu(U[k]) - relu(-U[k]), k), total(U[k], k)),
    ("abs by relu", absolute(x), relu(x) + relu(-x)),
    ("abs is even", absolute(u - x), absolute(x - u)),
    ("relu of what is never negative", relu(x**2 * u**4), x**2 * u**4),
    ("log of a sigmoid", log(sigmoid(x)), -softplus(-x)),
]

DIFFERENT: list[tuple[str, Expr, Expr]] = [
    ("free indices have names", U[i], U[j]),
    ("a transpose", A[i, j], A[j, i]),
    ("a product is not commutative", total(A[i, k] * B[k, j], k), total(B[i, k] * A[k, j], k)),
    ("a trace of a product", total(A[k, l] * B[l, k], k, l), total(A[k, k], k) * total(B[l, l], l)),
    ("rows against columns", total(A[k, i], k), total(A[i, k], k)),
    ("a square of a sum", total(U[k], k) ** 2, total(U[k] ** 2, k)),
    ("columns of rows", total(Q[k, b], k), Integer(1)),
    ("a tensor without a domain", total(A[i, k], k), Integer(1)),
    ("another dimension", total(Integer(1) + 0 * U[k], k), M),
    ("exp of a product", exp(x * u), exp(x) * exp(u)),
    ("log of a sum", log(p + P[j]), log(p) + log(P[j])),
    ("log of a square of a real", log(x**2), 2 * log(x)),
    ("a root of a square of a real", sqrt(x**2), x),
    ("a root of a product of reals", sqrt(x * u), sqrt(x) * sqrt(u)),
    ("an indicator of another sign", Indicator(-x), Indicator(x)),
    ("a real factor matters", Indicator(u * x), Indicator(x)),
    ("signs that go together", Indicator(x - p) * Indicator(x), Integer(0)),
    ("signs of two arguments", Indicator(x * u - 1) * Indicator(2 - x * u), Integer(0)),
    ("one of two signs", Indicator(x - p) + Indicator(p - x), Integer(1)),
    ("a mask and its complement", 1 - s, s),
    ("orders of derivative", g(1, x), g(2, x)),
    ("labels are not indices", Q[i, LABEL[i]], Q[i, b]),
    ("rows multiplied", Q[i, b] * Q[i, c], Delta(b, c) * Q[i, b]),
    ("an entry that small sizes do not have", total(Delta(k, Integer(1)), k), Integer(1)),
    ("a delta of two dimensions", total(Delta(k, b), k), Integer(1)),
    ("the dimension of a delta", total(Delta(k, k), k), Integer(1)),
]


def vanishes(normalizer: Normalizer, difference: Expr) -> bool:
    found = normalizer.poly(difference)
    return not found or not normalizer.clear_denominators(found)


def ids(table: list[tuple[str, Expr, Expr]]) -> list[str]:
    return [name for name, *_ in table]


@pytest.mark.parametrize(("_", "left", "right"), EQUAL, ids=ids(EQUAL))
def test_equal_mathematics_is_one_object(_: str, left: Expr, right: Expr) -> None:
    normalizer = Normalizer()
    assert vanishes(normalizer, left - right)
    if normalizer.poly(left) == normalizer.poly(right):
        assert normalizer.expr(normalizer.poly(left)) == normalizer.expr(normalizer.poly(right))


@pytest.mark.parametrize(("_", "left", "right"), ELEMENTARY, ids=ids(ELEMENTARY))
def test_named_functions_by_their_exponentials(_: str, left: Expr, right: Expr) -> None:
    assert vanishes(Normalizer(elementary=True), left - right)
    assert not vanishes(Normalizer(elementary=True), left - right - Rational(1, 1000))


@pytest.mark.parametrize(("_", "left", "right"), DIFFERENT, ids=ids(DIFFERENT))
def test_what_differs_stays_apart(_: str, left: Expr, right: Expr) -> None:
    for elementary in (False, True):
        assert not vanishes(Normalizer(elementary=elementary), left - right)


@pytest.mark.parametrize(("_", "left", "right"), EQUAL, ids=ids(EQUAL))
def test_the_normal_form_of_a_normal_form_is_itself(_: str, left: Expr, right: Expr) -> None:
    normalizer = Normalizer()
    for side in (left, right):
        once = normalizer.poly(side)
        assert Normalizer().poly(normalizer.expr(once)) == once


def test_an_opened_sum_captures_nothing() -> None:
    """A free index may have the name that a sum was written with."""
    inner = total(A[i, k], k)
    squared = total(inner.xreplace({i: k}) * U[k], k)
    assert vanishes(Normalizer(), squared - total(A[k, l] * U[k], k, l))
    assert isinstance(inner, BoundSum) and inner.free_symbols == {i}


def test_facts_are_used_only_where_they_are_allowed() -> None:
    rows = total(Q[i, c], c) - 1
    assert vanishes(Normalizer(), rows) and not vanishes(Normalizer(facts=False), rows)


def test_definitions_are_opaque_until_they_are_unfolded() -> None:
    y = Tensor("f", (N,))
    definition = Definition(y, (i,), exp(U[i]) * total(A[i, k], k))
    difference = Element(y, j) - exp(U[j]) * total(A[j, l], l)
    assert not vanishes(Normalizer(), difference)
    assert vanishes(Normalizer({y: definition}), difference)
    squares = total(Element(y, k) ** 2, k) - total(exp(2 * U[k]) * total(A[k, l], l) ** 2, k)
    assert vanishes(Normalizer({y: definition}), squares)


def test_a_case_of_a_case_analysis_is_known() -> None:
    difference = Where(x, u, v) - u
    assert vanishes(Normalizer(known={x: 1}), difference) and not vanishes(Normalizer(known={x: 0}), difference)


NEVER_DEFINED = [1 / ((x + 1) ** 2 - x**2 - 2 * x - 1), log((x + 1) ** 2 - x**2 - 2 * x - 1)]


@pytest.mark.parametrize("expr", NEVER_DEFINED, ids=str)
def test_what_is_nowhere_defined_has_no_normal_form(expr: Expr) -> None:
    with pytest.raises(Undefined):
        Normalizer().poly(expr)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_chain_of_quotients_in_two_ways(depth: int) -> None:
    left = right = x
    for _ in range(depth):
        left = 1 / (1 + exp(-left) / (1 + p))
        right = (1 + p) * exp(right) / ((1 + p) * exp(right) + 1)
    assert vanishes(Normalizer(), left - right)
    assert not vanishes(Normalizer(), left - right.xreplace({x: x + 1}))
