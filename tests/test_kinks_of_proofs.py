"""Proofs off the kinks: slopes that differ where a case distinction changes sides, and nowhere else."""

from __future__ import annotations

import pytest
from sympy import Expr, Integer, expand

from nnmath.calculus.functions import Indicator, Where, absolute, relu
from nnmath.calculus.prover import Prover
from nnmath.calculus.sums import Delta, bound_sum
from nnmath.calculus.tensors import Domain, Element, Index, Tensor, dimension

N = dimension("n")
X, Y = Tensor("x"), Tensor("y")
U, A = Tensor("u", (N,)), Tensor("A", (N, N))
LABEL = Tensor("t", (N,), Domain(below=N))
ONEHOT = Tensor("T", (N, N), Domain(rows=True, onehot=True))
i, j, k = (Index(name, N) for name in "ijk")
x, y, u = X(), Y(), U[i]


def inside(x: Expr) -> Expr:
    return Indicator(x + 1) * Indicator(1 - x)


PROVED: list[tuple[str, Expr, Expr, tuple[Expr, ...]]] = [
    ("the other slope at zero", Indicator(x), 1 - Indicator(-x), (x,)),
    ("the sign of a difference", Indicator(x - y) - Indicator(y - x), 2 * Indicator(x - y) - 1, (x - y,)),
    ("one border of two", inside(x), Indicator(x + 1) - Indicator(x - 1), (x - 1,)),
    ("both borders", inside(x), (1 - Indicator(-x - 1)) * (1 - Indicator(x - 1)), (x + 1, x - 1)),
    ("a border by an absolute value", inside(x), 1 - Indicator(absolute(x) - 1), (x + 1, x - 1)),
    ("one value at a tie", Where(x - y, Integer(1), Integer(2)), Where(y - x, Integer(2), Integer(1)), (x - y,)),
    ("an entry", Indicator(u), 1 - Indicator(-u), (u,)),
    ("inside a sum", bound_sum(Indicator(U[k]), k), bound_sum(1 - Indicator(-U[k]), k), ()),
    ("a product is no linear form", Indicator(1 - x * y), 1 - Indicator(x * y - 1), (x * y - 1,)),
]


@pytest.mark.parametrize(("_", "left", "right", "kinks"), PROVED, ids=[p[0] for p in PROVED])
def test_proved_off_the_kinks(_: str, left: Expr, right: Expr, kinks: tuple[Expr, ...]) -> None:
    assert Prover().judge(left, right).kind == "open"
    verdict = Prover().judge(left, right, off_kinks=True)
    assert verdict.is_proved and verdict.kinks
    if kinks:
        assert {expand(x**2) for x in verdict.kinks} == {expand(x**2) for x in kinks}  # x = 0 and −x = 0 are one


def test_everywhere_needs_no_kink() -> None:
    verdict = Prover().judge(relu(x) - relu(-x), x, off_kinks=True)
    assert verdict.is_proved and verdict.kinks == ()


NOT_PROVED: list[tuple[str, Expr, Expr]] = [
    ("the other side", Indicator(x), Indicator(-x)),
    ("no case at all", Indicator(x), Integer(1)),
    ("a border elsewhere", inside(x), Indicator(x + 1) * Indicator(2 - x)),
    ("an entry that is zero by its nature", Indicator(ONEHOT[i, j]), 1 - Indicator(-ONEHOT[i, j])),
    ("a delta", Indicator(Delta(i, j)), 1 - Indicator(-Delta(i, j))),
    ("what is clipped lies at its border", Indicator(relu(x)), 1 - Indicator(-relu(x))),
    ("inside a sum", bound_sum(Indicator(U[k]), k), bound_sum(Indicator(-U[k]), k)),
]


@pytest.mark.parametrize(("_", "left", "right"), NOT_PROVED, ids=[p[0] for p in NOT_PROVED])
def test_what_differs_on_more_than_a_kink_is_refuted(_: str, left: Expr, right: Expr) -> None:
    assert Prover().judge(left, right, off_kinks=True).kind == "refuted"


LABELLED = U[Element(LABEL, i)]
OPEN: list[tuple[str, Expr, Expr]] = [
    ("a strip that no sample meets", Indicator(10**6 * x), Indicator(10**6 * x - 1)),
    ("zero on the diagonal", Indicator(A[i, j] - A[j, i]), 1 - Indicator(A[j, i] - A[i, j])),
    ("zero where two entries are one", Indicator(U[i] - U[j]), 1 - Indicator(U[j] - U[i])),
    ("zero at the label", Indicator(U[j] - LABELLED), 1 - Indicator(LABELLED - U[j])),
]


@pytest.mark.parametrize(("_", "left", "right"), OPEN, ids=[p[0] for p in OPEN])
def test_what_differs_on_more_than_a_kink_is_not_proved(_: str, left: Expr, right: Expr) -> None:
    assert Prover().judge(left, right, off_kinks=True).kind == "open"


SWITCHES: list[tuple[str, Expr, Expr]] = [
    ("a mask of a mask", Indicator(Indicator(x) * x), Indicator(x)),
    ("a diagonal that is left out", Indicator((1 - Delta(i, j)) * A[i, j]), (1 - Delta(i, j)) * Indicator(A[i, j])),
    ("a diagonal that is shifted", Indicator(u - Delta(i, j) * u), (1 - Delta(i, j)) * Indicator(u)),
    (
        "the margins of a hinge loss",
        Indicator(Indicator(u - U[Element(LABEL, i)] + 1) * (u - U[Element(LABEL, i)] + 1)),
        Indicator(u - U[Element(LABEL, i)] + 1),
    ),
]


@pytest.mark.parametrize(("_", "left", "right"), SWITCHES, ids=[p[0] for p in SWITCHES])
def test_an_indicator_of_what_is_switched_on_and_off(_: str, left: Expr, right: Expr) -> None:
    assert Prover().judge(left, right).is_proved
    assert Prover().judge(left, 1 - right).kind == "refuted"
