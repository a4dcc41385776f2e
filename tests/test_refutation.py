"""Sampling with balls: what is right is never refuted, what is wrong is, and points obey their domains."""

from __future__ import annotations

import random
from itertools import product

import pytest
import sympy
from sympy import Expr, Rational, exp, log, sqrt

from nnmath.calculus.balls import Valuation
from nnmath.calculus.derivation import Definition
from nnmath.calculus.functions import Indicator, relu
from nnmath.calculus.refutation import refute, sample
from nnmath.calculus.sampling import points, size_plans
from nnmath.calculus.sums import Delta, Partial, bound_sum
from nnmath.calculus.tensors import Domain, Index, Tensor, dimension, fresh_index

N, D, H, C = map(dimension, "NDHC")
x, X = Tensor("x"), Tensor("X", (N, D))
P, y, L = Tensor("P", (N, C)), Tensor("y", (N,), Domain(below=C)), Tensor("L")
Z, T = Tensor("Z", (N, C)), Tensor("T", (N, C), Domain(rows=True))
i, j, c, b, c2 = Index("i", N), Index("j", N), Index("c", C), Index("b", C), Index("c2", C)
SOFTMAX = Definition(P, (i, c), exp(Z[i, c]) / bound_sum(exp(Z[i, c2]), c2))
BY_LABEL = (SOFTMAX, Definition(L, (), -bound_sum(log(P[i, y[i]]), i) / N))
BY_ROW = (SOFTMAX, Definition(L, (), -bound_sum(T[i, c] * log(P[i, c]), i, c) / N))


def test_gather_sums_deltas_and_padding() -> None:
    sizes = {N: 3, C: 2}
    array = {at: 10 * at[0] + at[1] for at in product(range(3), range(2))}
    v = Valuation((), sizes, {P: array, y: {(0,): 1, (1,): 0, (2,): 1}})
    assert v.value(bound_sum(P[i, y[i]], i)) == 1 + 10 + 21
    assert v.value(bound_sum(Delta(c, y[i]) * P[i, c], i, c)) == 1 + 10 + 21
    assert v.value(bound_sum(P[i, c] * bound_sum(P[i, c], c), i, c)) == 1 + 21**2 + 41**2
    assert v.value(bound_sum(Delta(i, 1) / (i - 1 + Delta(i, 1)), i)) == 1
    assert [v.value(P[i + 1, 0], {i: a}) for a in range(3)] == [10, 20, 0]
    assert v.value(i + y[i] * N, {i: 2}) == 5
    assert v.array(y) == {(0,): 1, (1,): 0, (2,): 1}
    with pytest.raises(IndexError, match=r"P\[0, 2\] is outside"):
        v.value(P[0, c], {c: 2})


RIGHT = [
    ("labels, P", BY_LABEL, Partial(L(), P[j, b]), -Delta(b, y[j]) / (N * P[j, b])),
    ("labels, Z", BY_LABEL, Partial(L(), Z[j, b]), (P[j, b] - Delta(b, y[j])) / N),
    ("rows, Z", BY_ROW, Partial(L(), Z[j, b]), (P[j, b] - T[j, b]) / N),
    ("softmax Jacobian", BY_ROW, Partial(P[i, c], Z[j, b]), Delta(i, j) * P[i, c] * (Delta(c, b) - P[i, b])),
    ("Hessian", BY_ROW, Partial(Partial(L(), Z[i, c]), Z[j, b]), Delta(i, j) * P[i, c] * (Delta(c, b) - P[i, b]) / N),
    ("rows sum to 1", (SOFTMAX,), bound_sum(P[i, c], c), sympy.Integer(1)),
    ("log of a real", (), log(Z[i, c] ** 2) / 2, log(Z[i, c])),
    ("almost everywhere", (), Partial(relu(Z[i, c]), Z[i, c]), 1 - Indicator(-Z[i, c])),
]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("definitions", "left", "right"), [r[1:] for r in RIGHT], ids=[r[0] for r in RIGHT])
def test_what_is_right_is_never_refuted(
    definitions: tuple[Definition, ...], left: Expr, right: Expr, seed: int
) -> None:
    for thorough in (True, False):
        result = sample(left, right, definitions=definitions, seed=seed, thorough=thorough)
        assert result.counterexample is None and result.agreed >= 3


GRADIENT = (P[j, b] - T[j, b]) / N
WRONG = [
    ("sign", -GRADIENT, {}),
    ("factor", 2 * GRADIENT, {}),
    ("wrong normaliser", GRADIENT * N / C, {"N", "C"}),
    ("not normalised", GRADIENT * N, {}),
    ("missing term", P[j, b] / N, {}),
    ("logits for probabilities", (Z[j, b] - T[j, b]) / N, {}),
    ("power", (P[j, b] ** 2 - T[j, b]) / N, {}),
    ("transposed", (P[b, j] - T[b, j]) / N, {}),
    ("other row", (P[0, b] - T[j, b]) / N, {}),
    ("a tiny bit", GRADIENT + Rational(1, 10**30), {}),
]


@pytest.mark.parametrize(("claim", "unequal"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_wrong_gradients_are_refuted(claim: Expr, unequal: set[str]) -> None:
    for thorough in (True, False):
        found = refute(Partial(L(), Z[j, b]), claim, definitions=BY_ROW, givens=(Z, T), thorough=thorough)
        assert found is not None and found.left != found.right
        assert list(found.at) == ["b", "j"] and list(found.values) == ["Z", "T"]
        if unequal:
            assert found.sizes["N"] != found.sizes["C"]


def test_only_a_kink_refutes_what_holds_almost_everywhere() -> None:
    left, right = Indicator(x()), 1 - Indicator(-x())
    assert refute(left, right) is None
    found = refute(left, right, kinks=True)
    assert found is not None and found.values == {"x": "0"} and (found.left, found.right) == ("0", "1")


def test_the_smallest_point_is_shown_in_short_decimals() -> None:
    one = fresh_index(N)
    found = refute(Z[one, c], Z[one, c] * Rational(3, 2), free=(one, c))
    assert found is not None and found.sizes == {"C": 1, "N": 1}
    assert found.at == {"index 1": 0, "c": 0}
    ((value,),) = found.values["Z"]
    assert found.left == value and float(found.right) == 1.5 * float(value)


def test_cancellation_raises_the_precision_and_undefined_says_nothing() -> None:
    assert sample(exp(300 + x() ** 2) * exp(-(x() ** 2)) + x() - exp(300), x()).agreed == 12
    assert refute(exp(300 + x() ** 2) * exp(-(x() ** 2)) + x() - exp(300), 2 * x()) is not None
    nowhere = sample(log(-1 - x() ** 2), sympy.Integer(3))
    assert nowhere.agreed == 0 and not nowhere.refuted


# -- points ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinks", [False, True])
def test_points_obey_their_domains(kinks: bool) -> None:
    positive, nonnegative = Tensor("a", (D,), Domain(positive=True)), Tensor("b", (D,), Domain(nonnegative=True))
    onehot, mask = Tensor("o", (N, C), Domain(onehot=True)), Tensor("m", (N,), Domain(mask=True))
    constant = Tensor("λ", (), Domain(positive=True, value=sqrt(2)))
    g = Tensor("g", (), Domain(function=True))
    given = (X, T, y, positive, nonnegative, onehot, mask, constant, g)
    signs, constants = set(), set()
    for seed in range(5):
        for point in points(given, (N, C, D), seed, kinks=kinks):
            assert g not in point.values
            assert len(point.values[T]) == point.sizes[N] * point.sizes[C]
            for tensor, low in ((T, 0), (onehot, 0)):
                for n in range(point.sizes[N]):
                    row = [point.values[tensor][n, c] for c in range(point.sizes[C])]
                    assert sum(row) == 1 and min(row) >= low
            assert all(v in (0, 1) for v in (*point.values[onehot].values(), *point.values[mask].values()))
            assert all(0 <= v < point.sizes[C] and v.q == 1 for v in point.values[y].values())
            assert all(v > 0 for v in point.values[positive].values())
            assert all(v >= 0 for v in point.values[nonnegative].values())
            signs |= {(v > 0) - (v < 0) for v in point.values[X].values()}
            constants.add(point.values[constant][()])
            if not kinks:
                magnitudes = [abs(v) for v in point.values[X].values()]
                assert len(set(magnitudes)) == len(magnitudes)
    assert signs == ({-1, 0, 1} if kinks else {-1, 1})
    assert sqrt(2) in constants and len(constants) > 2


def test_size_plans_are_distinct_equal_and_one() -> None:
    plans = [tuple(p.values()) for p in size_plans((N, D, H), random.Random(0))]
    assert {(2, 2, 2), (3, 3, 3), (1, 1, 1)} <= set(plans)
    assert sum(len(set(p)) == 3 for p in plans) >= 3 and any(1 in p and set(p) != {1} for p in plans)
    assert [p.sizes for p in points((X,), (N, D), 3)] == [p.sizes for p in points((X,), (N, D), 3)]
    assert [p.elements for p in points((X,), (N, D))] == sorted(p.elements for p in points((X,), (N, D)))
