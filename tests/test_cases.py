"""Cases that cannot occur: what is called contradictory is, and no claim becomes true by leaving a case out."""

from __future__ import annotations

import random

import pytest
from sympy import Expr, Integer

from nnmath.calculus.cases import contradictory
from nnmath.calculus.comparisons import Comparison, comparison
from nnmath.calculus.functions import Indicator, Where
from nnmath.calculus.parser import parse_expression, parse_givens
from nnmath.calculus.prover import Prover

GIVENS = {t.name: t for t in parse_givens("x: real\ny: real\nlam: positive\nmu: nonnegative\nhigh: real = 6")}


def read(text: str) -> Expr:
    return parse_expression(text, GIVENS)


CASES: list[tuple[str, bool]] = [
    ("x - lam > 0, x < 0", True),
    ("x - lam > 0, x = 0", True),
    ("x - lam > 0, x > 0", False),
    ("x - lam < 0, x < 0", False),
    ("x - mu = 0, x = 0", False),
    ("x - mu < 0, x > 0", False),
    ("x - mu > 0, x < 0", True),
    ("x - y > 0, y - x > 0", True),
    ("x - y > 0, y - x = 0", True),
    ("x - y = 0, x > 0, y < 0", True),
    ("x - 3 > 0, 2*x - 5 < 0", True),
    ("x - 3 > 0, 2*x - 7 < 0", False),
    ("x - y - lam > 0, y - x - lam > 0", True),
    ("x - y - lam > 0, y - x + lam > 0", True),
    ("x - y - lam > 0, y - x + 2*lam > 0", False),
    ("x*y > 0, x*y - 1 < 0", False),
    ("x*y > 0, x*y + 1 < 0", True),
    ("x*y > 0, x > 0, y < 0", False),  # a contradiction, but not a linear one: the case is kept
    ("lam*mu < 0", True),
    ("lam - mu < 0", False),
    ("x + y > 0, x - y > 0, x < 0", True),
]


@pytest.mark.parametrize(("conditions", "expected"), CASES, ids=[c[0] for c in CASES])
def test_contradictory(conditions: str, expected: bool) -> None:
    assumed = []
    for text in conditions.split(","):
        left, relation, _ = text.split()[:-2], text.split()[-2], text.split()[-1]
        assumed.append((read(" ".join(left)), {">": 1, "=": 0, "<": -1}[relation]))
    for order in (assumed, assumed[::-1]):
        assert contradictory(order) is expected


@pytest.mark.parametrize("seed", range(200))
def test_what_holds_at_a_point_is_no_contradiction(seed: int) -> None:
    """Random conditions, with the signs that they have at a random admissible point."""
    rng = random.Random(seed)
    names = {name: GIVENS[name]() for name in ("x", "y", "lam", "mu")}
    ranges = {"lam": (1, 4), "mu": (0, 4)}
    point = {e: Integer(rng.randint(*ranges.get(name, (-4, 4)))) for name, e in names.items()}
    monomials = [*names.values(), names["x"] * names["y"], names["x"] ** 2, names["lam"] * names["y"], Integer(1)]
    assumed = []
    for _ in range(rng.randint(1, 7)):
        expr = sum((rng.randint(-3, 3) * m for m in rng.sample(monomials, 3)), Integer(0))
        value = int(expr.xreplace(point))
        assumed.append((expr, int(value > 0) - int(value < 0)))
    assert not contradictory(assumed)


#: Right for some signs of what they read, and wrong for others: proved, each would be a case left out wrongly.
FALSE: list[tuple[str, str]] = [
    ("where(x > lam, x, where(x < -lam, x, 0))", "where(x > lam, x, 0)"),
    ("where(x > lam, 1, where(x > 0, 1, 0))", "indicator(x - lam)"),
    ("where(x > 0, where(x < high, x, high), 0)", "where(x < high, where(x > 0, x, 0), high)"),  # high may be negative
    ("where(x > y, x, y)", "x"),
    ("where(x > mu, 1, where(x < 0, 1, 0))", "where(x > mu, 1, where(x < mu, 1, 0))"),
    ("indicator(x - lam)*indicator(x)", "indicator(x)"),
    ("indicator(x - mu)*indicator(-x)", "indicator(-x)"),
    ("where(x > -3, where(x < 3, 1, 0), 0)", "where(x > -3, where(x < 2, 1, 0), 0)"),
    ("where(x*y > 0, 1, 0)", "indicator(x)*indicator(y)"),
]

TRUE: list[tuple[str, str]] = [
    ("where(x > lam, 1, where(x > 0, 1, 0))", "indicator(x)"),
    ("indicator(x - lam)*indicator(x)", "indicator(x - lam)"),
    ("indicator(x - lam)*indicator(-x)", "0"),
    ("where(x > 0, where(x < 6, x, 6), 0)", "where(x < 6, where(x > 0, x, 0), 6)"),
    ("where(x > 0, where(x < 6, x, 6), 0)", "min(max(x, 0), 6)"),
    ("min(max(x, 0), 6)", "max(min(x, 6), 0)"),
    ("abs(x) + abs(x - lam)", "where(x > lam, 2*x - lam, where(x > 0, lam, lam - 2*x))"),
    ("where(x > lam, x - lam, where(x < -lam, x + lam, 0))", "x - where(x > lam, lam, where(x < -lam, -lam, x))"),
]


@pytest.mark.parametrize(("left", "right"), FALSE)
def test_a_false_claim_is_not_proved(left: str, right: str) -> None:
    verdict = Prover((), GIVENS.values()).judge(read(left), read(right))
    assert verdict.kind == "refuted"


@pytest.mark.parametrize(("left", "right"), TRUE)
def test_a_claim_over_several_borders_is_proved(left: str, right: str) -> None:
    assert Prover((), GIVENS.values()).judge(read(left), read(right)).is_proved


COMPARISONS: list[tuple[str, str, bool, str]] = [
    ("x - 3", "x", True, "3"),
    ("3 - x", "x", False, "3"),
    ("2*x - 3", "x", True, "3/2"),
    ("high - x", "x", False, "high"),
    ("-high - x", "x", False, "-high"),
    ("x - y", "x", True, "y"),
    ("x", "x", True, "0"),
    ("-x", "x", False, "0"),
    ("high - abs(x)", "abs(x)", False, "high"),
    ("high - 7", "high", True, "7"),
]


@pytest.mark.parametrize(("text", "left", "greater", "right"), COMPARISONS)
def test_comparisons_as_a_reader_writes_them(text: str, left: str, greater: bool, right: str) -> None:
    assert comparison(read(text)) == Comparison(read(left), greater, read(right))


def test_a_comparison_says_the_same() -> None:
    for text, *_ in COMPARISONS:
        said = comparison(read(text))
        back = said.left - said.right if said.greater else said.right - said.left
        assert Prover((), GIVENS.values()).judge(Indicator(read(text)), Where(back, Integer(1), Integer(0))).is_proved
