"""Cases with borders between entries, and what is known of entries −1 or 1 and of entries between 0 and 1."""

from __future__ import annotations

import pytest

from nnmath.calculus.parser import parse_expression, parse_givens
from nnmath.calculus.prover import Prover
from nnmath.calculus.tensors import Index

GIVENS = parse_givens("r: n\nx: n\nt: n\ny: n sign\np: n unit\nm: n mask\nb: positive\nd: positive")
TENSORS = {t.name: t for t in GIVENS}
INDICES = {name: Index(name, GIVENS[0].dims[0]) for name in "ij"}

#: Borders between two entries, several borders, slopes that are not numbers: true however the cases are written.
TRUE = [
    ("max(x[i], t[i])", "t[i] + max(0, x[i] - t[i])"),
    ("max(x[i], t[i]) + min(x[i], t[i])", "x[i] + t[i]"),
    ("max(x[i], t[i]) - min(x[i], t[i])", "abs(x[i] - t[i])"),
    ("where(abs(r[i]) > d, where(r[i] > 0, d, -d), r[i])", "where(r[i] > d, d, where(r[i] < -d, -d, r[i]))"),
    ("where(r[i] > d, d, where(r[i] < -d, -d, r[i]))", "max(-d, min(d, r[i]))"),
    ("where(abs(x[i] - t[i]) > b, 1, 0)", "indicator(x[i] - t[i] - b) + indicator(t[i] - x[i] - b)"),
    ("indicator(x[i] - t[i])*max(0, x[i] - t[i])", "max(0, x[i] - t[i])"),
    ("indicator(1 - y[i]*x[i])*max(0, 1 - y[i]*x[i])", "max(0, 1 - y[i]*x[i])"),
    ("where(y[i]*x[i] < 1, 1 - y[i]*x[i], 0)", "max(0, 1 - y[i]*x[i])"),
    ("y[i]**2", "1"),
    ("1/y[i]", "y[i]"),
    ("y[i]**3*x[i]", "x[i]*y[i]"),
    ("abs(y[i])", "1"),
    ("(1 + y[i])*(1 - y[i])", "0"),
    ("where(y[i] > 0, x[i], t[i])", "(1 + y[i])/2*x[i] + (1 - y[i])/2*t[i]"),
    ("indicator(p[i])", "1"),
    ("abs(p[i])", "p[i]"),
    ("sqrt(p[i])**2", "p[i]"),
]

#: The same with a mistake: each is refuted, and none may ever be proved.
FALSE = [
    ("max(x[i], t[i])", "x[i] + max(0, x[i] - t[i])"),
    ("max(x[i], t[i]) + min(x[i], t[i])", "x[i] - t[i]"),
    ("max(x[i], t[j]) + min(x[i], t[i])", "x[i] + t[i]"),
    ("max(x[i], t[i]) - min(x[i], t[i])", "x[i] - t[i]"),
    ("indicator(x[i] - t[i])*x[i]", "indicator(x[i] - t[i])*t[i]"),
    ("indicator(x[i] - t[i]) + indicator(t[i] - x[i])", "0"),
    ("where(abs(r[i]) > d, where(r[i] > 0, d, -d), r[i])", "where(r[i] > d, d, where(r[i] < -d, d, r[i]))"),
    ("where(abs(r[i]) > d, where(r[i] > 0, d, -d), r[i])", "where(r[i] > b, d, where(r[i] < -d, -d, r[i]))"),
    ("where(abs(x[i] - t[i]) > b, 1, 0)", "indicator(x[i] - t[i] - b)"),
    ("where(abs(x[i] - t[i]) > b, 1, 0)", "indicator(x[i] - t[i] + b) + indicator(t[i] - x[i] + b)"),
    ("max(0, 1 - y[i]*x[i])", "max(0, y[i] - x[i])"),
    ("y[i]*max(0, 1 - y[i]*x[i])", "max(0, y[i] - x[i])"),
    ("max(0, 1 - y[i]*x[i])", "max(0, 1 - y[j]*x[i])"),
    ("where(y[i]*x[i] < 1, 1 - y[i]*x[i], 0)", "where(x[i] < 1, 1 - y[i]*x[i], 0)"),
    ("y[i]", "1"),
    ("y[i]*y[j]", "1"),
    ("sum(y[k] for k in n)**2", "n"),
    ("abs(y[i])", "y[i]"),
    ("where(y[i] > 0, x[i], t[i])", "(1 + y[i])*x[i] + (1 - y[i])*t[i]"),
    ("m[i]*x[i]", "x[i]"),
    ("p[i]**2", "p[i]"),
    ("abs(p[i] - b)", "p[i] - b"),
    ("indicator(p[i] - 1/2)", "1"),
]


def judged(sides: tuple[str, str]) -> str:
    left, right = (parse_expression(side, TENSORS, INDICES) for side in sides)
    return Prover([], GIVENS).judge(left, right).kind


@pytest.mark.parametrize("sides", TRUE, ids=" = ".join)
def test_what_is_true_in_every_case_is_proved(sides: tuple[str, str]) -> None:
    assert judged(sides) == "proved"
    assert judged(sides[::-1]) == "proved"


@pytest.mark.parametrize("sides", FALSE, ids=" = ".join)
def test_what_fails_in_one_case_is_refuted(sides: tuple[str, str]) -> None:
    assert judged(sides) == "refuted"
    assert judged(sides[::-1]) == "refuted"
