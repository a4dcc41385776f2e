"""Expectations: what is proved, what false statements are told, and that the finite laws have the stated moments."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nnmath
from nnmath.calculus.derivation import Derivation
from nnmath.calculus.parser import ParseError
from nnmath.derivations import Entry, Statement
from nnmath.derivations.build import EntryError, derive_entry
from nnmath.rendering import FORMATS, render


def prove(given: str, text: str, define: str = "", **options) -> Derivation:
    entry = Entry(id="t", title="T", given=given, define=define, proof=(Statement(text, **options),))
    return derive_entry(entry)


PAIR = "x: n random, y: n random"
ALONE = "x: n random independent, y: n random independent"
LAW = "s: positive\nx: n random independent mean=0 var=s"
WEIGHTS = "s: positive\nW: n m random independent mean=0 var=s**2"
GAUSS = "s: positive\nx: n random independent gaussian mean=0 var=s"
EVEN = "s: positive\nz: real random symmetric var=s"
ONE = "x: real random, y: real random, a: real"
MASK = "p: unit\nk: n random independent mask mean=p"

#: Givens, definitions, a true statement.
TRUE = [
    (ONE, "", "E(x + a) = E(x) + a"),
    (ONE, "", "E(E(x)*y) = E(x)*E(y)"),
    (ONE, "", "Cov(x, y) = E((x - E(x))*(y - E(y))) = Cov(y, x)"),
    (ONE, "", "Var(x + y) = Var(x) + Var(y) + 2*Cov(x, y)"),
    (ONE, "d = x - E(x)", "E(d) = 0"),
    (ONE, "d = x - E(x)", "E(d*x) = Var(x)"),
    (ONE, "m = E(x)", "Var(x - m) = E(x**2) - m**2"),
    (PAIR, "", "E(sum(x*y)) = sum(E(x[i]*y[i]) for i in n)"),
    (ALONE, "", "E(x[i]*y[j]) = E(x[i])*E(y[j]) for i in n for j in n"),
    (ALONE, "", "E(exp(x[i])*sigmoid(y[j])) = E(exp(x[i]))*E(sigmoid(y[j])) for i in n for j in n"),
    (ALONE, "", "E(x[i]*x[j]) = E(x[i])*E(x[j]) + delta(i, j)*Var(x[i]) for i in n for j in n"),
    (ALONE, "", "Var(sum(x)) = sum(Var(x[i]) for i in n)"),
    (WEIGHTS, "", "E(W[i, j]*W[k, l]) = s**2*delta(i, k)*delta(j, l) for i in n for j in m for k in n for l in m"),
    (WEIGHTS, "", "E(sum(W**2)) = n*m*s**2"),
    (f"{WEIGHTS}\nx: n random", "y = x @ W", "E(y[j]**2) = s**2*sum(E(x[i]**2) for i in n) for j in m"),
    (GAUSS, "", "E(x[i]**4) = 3*s**2 for i in n"),
    (GAUSS, "", "E(x[i]**6) = 15*s**3 for i in n"),
    (GAUSS, "", "E(x[i]**2*x[j]**2) = s**2*(1 + 2*delta(i, j)) for i in n for j in n"),
    ("B: n n\nx: n random gaussian mean=0 cov=B@B.T", "", "Var(sum(x)) = sum(sum(B[i, k] for i in n)**2 for k in n)"),
    (EVEN, "", "E(relu(z)**2) = s/2"),
    (EVEN, "", "E(z**3) = 0"),
    (EVEN, "", "E(tanh(z)) = 0"),
    (EVEN, "", "E(abs(z)) = 2*E(relu(z))"),
    (EVEN, "", "E(relu(z)*relu(-z)) = 0"),
    (EVEN, "", "E(exp(z)) = E(exp(-z))"),
    (MASK, "", "Var(k[i]) = p*(1 - p) for i in n"),
    (ONE, "", "Var(x) >= 0"),
    (ONE, "", "E(exp(x)*y**2) >= 0"),
    (f"{MASK}, v: n", "", "E(k[i]*v[i]/p) = v[i] for i in n"),
]

#: Givens, definitions, a false statement: dependent factors apart, wrong moments, missing deltas, and the like.
FALSE = [
    (PAIR, "", "E(x[i]*y[i]) = E(x[i])*E(y[i]) for i in n"),
    (PAIR, "", "E(x[i]*x[j]) = E(x[i])*E(x[j]) for i in n for j in n"),
    (PAIR, "", "Var(x[i] + y[i]) = Var(x[i]) + Var(y[i]) for i in n"),
    (PAIR, "", "E(sum(x)**2) = sum(E(x[i]**2) for i in n)"),
    (PAIR, "", "Cov(x[i], y[i]) = Cov(x[i], x[i]) for i in n"),
    (ALONE, "", "E(x[i]*x[j]) = E(x[i])*E(x[j]) for i in n for j in n"),
    (ALONE, "", "E(exp(x[i])*sigmoid(x[j])) = E(exp(x[i]))*E(sigmoid(x[j])) for i in n for j in n"),
    (ALONE, "", "Var(sum(x)) = sum(E(x[i]**2) for i in n)"),
    (ALONE, "v[i] = x[i] + y[i]", "E(v[i]*x[i]) = E(v[i])*E(x[i]) for i in n"),
    (ALONE, "v[i] = x[i]*y[i]", "E(v[i]*v[j]) = E(v[i])*E(v[j]) for i in n for j in n"),
    ("x: n random independent, y: n random", "v = x*y", "E(v[i]*y[i]) = E(v[i])*E(y[i]) for i in n"),
    ("s: positive\nx: n random uncorrelated mean=0 var=s", "",
     "E(x[i]**2*x[j]**2) = E(x[i]**2)*E(x[j]**2) for i in n for j in n"),
    (LAW, "", "E(x[i]*x[j]) = s for i in n for j in n"),
    (LAW, "", "E(x[i]**2) = s**2 for i in n"),
    (LAW, "", "E(x[i]**4) = 3*s**2 for i in n"),
    (LAW, "", "E(x[i]**3) = 0 for i in n"),
    (LAW, "", "E(relu(x[i])**2) = s/2 for i in n"),
    (LAW, "", "Var(sum(x)/n) = s"),
    (WEIGHTS, "", "E(W[i, j]*W[k, l]) = s**2*delta(i, k) for i in n for j in m for k in n for l in m"),
    (WEIGHTS, "", "E(W[i, j]*W[k, j]) = s**2 for i in n for j in m for k in n"),
    (WEIGHTS, "", "E(sum(W)**2) = s**2"),
    (GAUSS, "", "E(x[i]**4) = 2*s**2 for i in n"),
    (GAUSS, "", "E(x[i]**2*x[j]**2) = s**2 for i in n for j in n"),
    (GAUSS, "", "E(x[i]**6) = 9*s**3 for i in n"),
    (GAUSS, "", "E(sum(x**2)**2) = n*s**2"),
    ("B: n n\nx: n random mean=0 cov=B@B.T", "",
     "Cov(x[i], x[j]) = sum(B[k, i]*B[k, j] for k in n) for i in n for j in n"),
    ("s: positive, c: real\nx: n random mean=0 var=s cov=c", "", "E(x[i]*x[j]) = c for i in n for j in n"),
    (EVEN, "", "E(relu(z)**2) = s"),
    (EVEN, "", "E(relu(z)) = 0"),
    (EVEN, "", "E(abs(z)) = 0"),
    (EVEN, "", "Var(relu(z)) = s/2"),
    (EVEN, "", "E(where(z > 0, 1, 0)) = 1/2"),  # zero may have a probability of its own
    (EVEN, "", "E(softplus(z)) = log(2)"),
    (EVEN, "", "E(relu(z))*E(relu(-z)) = 0"),
    (MASK, "", "E(k[i]**2) = p**2 for i in n"),
    (MASK, "", "Var(k[i]) = p for i in n"),
    (MASK, "", "E(k[i]*k[j]) = p for i in n for j in n"),
    (ONE, "", "E(x)*E(y) = E(x*y)"),
    (ONE, "", "E(relu(x))*E(relu(-x)) = 0"),  # in each case of the sign of x one of them is zero
    (ONE, "", "E(abs(x)) = abs(E(x))"),
    (ONE, "", "E(where(x > 0, 1, 0)) = where(E(x) > 0, 1, 0)"),
    (ONE, "", "E(sigmoid(x + y)*y) = E(sigmoid(x + y))*E(y)"),
    (ONE, "", "E(sigmoid(x + y)**2) = E(sigmoid(x + y))**2"),
    (ONE, "m = E(sigmoid(x + y)*y)\ng = E(sigmoid(x + y))\nh = E(y)", "m = g*h"),
    (ONE, "g = E(relu(x))\nh = E(relu(-x))", "g*h = 0"),
    (ONE, "", "x = E(x)"),
    (ONE, "", "E(x**2) = E(x)**2"),
    (ONE, "", "Var(a*x) = a*Var(x)"),
    (ONE, "", "Var(x) = E(x**2)"),
    (ONE, "", "E(x*E(x)) = E(x**2)"),
    (ONE, "d = x - E(x)", "E(d*x) = 0"),
    (ONE, "m = E(x)", "E(m*x) = E(x**2)"),
    (ONE, "", "E(exp(x)) = exp(E(x))"),
    (ONE, "", "E(x) >= 0"),
    (ONE, "", "Cov(x, y) >= 0"),
    (ONE, "", "Var(x) > 0"),
    (ONE, "", "E(x**2) <= E(x)**2"),
    ("x: positive random", "", "E(1/x) = 1/E(x)"),
    ("x: positive random", "", "E(log(x)) = log(E(x))"),
    ("s: positive\nz: real random mean=0 var=s**2", "", "partial(E(z**2), s) = 0"),
    ("s: positive\nz: real random mean=0 var=s**2", "v = E(z**2)", "partial(v, s) = s"),
    ("s: real\nz: real random mean=s", "", "partial(E(z), s) = 0"),
]  # fmt: skip


def named(rows: list[tuple[str, str, str]]) -> list[str]:
    return [f"{at}: {text}" for at, (_, _, text) in enumerate(rows)]


@pytest.mark.parametrize(("given", "define", "text"), TRUE, ids=named(TRUE))
def test_what_is_true_is_proved(given: str, define: str, text: str) -> None:
    found = prove(given, text, define)
    assert found.proved, found.verdict


@pytest.mark.parametrize(("given", "define", "text"), FALSE, ids=named(FALSE))
def test_what_is_false_is_never_proved(given: str, define: str, text: str) -> None:
    assert prove(given, text, define).verdict.kind != "proved"


def test_most_false_statements_are_refuted() -> None:
    """An open one says nothing; a law at which it fails does."""
    kinds = [prove(given, text, define).verdict.kind for given, define, text in FALSE]
    assert len(kinds) >= 50 and kinds.count("refuted") >= 0.85 * len(kinds), [
        text for kind, (_, _, text) in zip(kinds, FALSE, strict=True) if kind != "refuted"
    ]


def test_a_certificate_cannot_hide_what_is_random() -> None:
    """The name of a statement stands for its slack, which is random where its sides are."""
    first = Statement("0 <= x**2", name="square", certificate="x**2")
    then = Statement("E(square*x) = E(square)*x")
    with pytest.raises(ParseError, match="square"):
        derive_entry(Entry(id="t", title="T", given="x: real random", proof=(first, then)))
    hidden = Statement("E(x**3) = E(x**2)*x", certificate="E(square*x) - E(square)*x")
    assert not derive_entry(Entry(id="t", title="T", given="x: real random", proof=(first, hidden))).proved


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ("x: n independent", "not random"),
        ("x: n mean=0", "not random"),
        ("x: n random independent cov=1 var=2", "no covariance"),
        ("x: n random uncorrelated", "variance is expected"),
        ("x: n random cov=1", "its variance too"),
        ("B: n n\nx: n random var=1 cov=B", "stated twice"),
        ("x: n random symmetric mean=1", "mean is 0"),
        ("x: n random int<C", "random and"),
        ("x: n random mean=y, y: n random", "y is not known"),
        ("x: n random mean=u, u: n m", "of shape"),
        ("x: n random mean=E(1)", "the mean of x"),
    ],
)
def test_a_law_that_cannot_be_read(given: str, part: str) -> None:
    with pytest.raises(ParseError, match=part):
        prove(given, "E(x[i]) = E(x[i]) for i in n")


def test_what_has_no_meaning_is_refused() -> None:
    with pytest.raises(ParseError, match="is random"):
        prove("x: real random", "partial(E(x**2), x) = 0")
    entry = Entry(id="t", title="T", given="x: real random", define="y = x**2", wanted=("dy/dx",))
    with pytest.raises(EntryError, match="random givens"):
        derive_entry(entry)
    entry = Entry(id="t", title="T", given="x: real random", assume={"h": "E(x) = 0"}, proof=(Statement("1 = 1"),))
    with pytest.raises(ParseError, match="about random values"):
        derive_entry(entry)
    given = "e: real, e0: real, k: nonnegative, x: real random mean=e"
    with pytest.raises(ParseError, match="about random values"):
        prove(given, "E(x) = e0", "f = e", induction=("k", {"e": ("e0", "f")}), certificate="before")
    least = prove("s: positive\nx: real random mean=s", "E(x)**2 >= 0", least_at=("s", "1"), slope="2")
    assert not least.proved


@pytest.mark.parametrize("format", FORMATS)
def test_a_page_shows_averages_and_what_is_assumed(format: str) -> None:
    text = render(nnmath.derive("he-init").derivation, format)
    for sign in ("𝔼[", "Var[") if format in ("text", "terminal", "json") else (r"\mathbb{E}", r"\operatorname{Var}"):
        assert sign in text
    assert "symmetric" in text and "independent" in text


ENTRIES = (
    *("expectation-linear", "variance-identity", "covariance-linear", "minibatch-variance"),
    *("xavier-init", "he-init", "mle-gaussian-mse", "mle-bernoulli-bce", "mle-categorical-ce"),
    *("diffusion-marginal", "diffusion-posterior", "diffusion-epsilon-loss", "diffusion-score"),
)


@pytest.mark.parametrize("id", ENTRIES)
def test_every_line_of_the_entries_is_proved(id: str) -> None:
    assert nnmath.derive(id).derivation.proved


# -- by simulation -----------------------------------------------------------------------------------------------------

RUNS = 40_000


def within(values: np.ndarray, expected: float) -> None:
    """The mean of independent runs lies within six of its own standard errors: by chance once in 5·10⁸ times."""
    error = values.std(ddof=1) / math.sqrt(len(values))
    assert abs(values.mean() - expected) < 6 * error
    assert error < 0.05 * expected  # the check can tell a factor of two


@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_xavier_keeps_the_variance_in_a_simulation(law: str) -> None:
    rng = np.random.default_rng(1)
    n, m, q, r = 5, 3, 1.7, 0.6
    wide = math.sqrt(6 / (n + m))
    W = (
        rng.normal(0, math.sqrt(2 / (n + m)), (RUNS, n, m))
        if law == "normal"
        else rng.uniform(-wide, wide, (RUNS, n, m))
    )
    x = rng.normal(0, math.sqrt(q), (RUNS, n))
    upstream = rng.normal(0, math.sqrt(r), (RUNS, m))
    within(np.einsum("rn,rnm->rm", x, W)[:, 0] ** 2, 2 * n / (n + m) * q)
    within(np.einsum("rm,rnm->rn", upstream, W)[:, 0] ** 2, 2 * m / (n + m) * r)


def test_he_keeps_the_variance_in_a_simulation() -> None:
    rng = np.random.default_rng(2)
    n, m, q, r = 6, 4, 1.3, 0.8
    z = rng.normal(0, math.sqrt(q), (RUNS, n))
    forward = rng.normal(0, math.sqrt(2 / n), (RUNS, n, m))
    backward = rng.normal(0, math.sqrt(2 / m), (RUNS, n, m))
    upstream = rng.normal(0, math.sqrt(r), (RUNS, m))
    within(np.einsum("rn,rnm->rm", np.maximum(z, 0), forward)[:, 0] ** 2, q)
    within((((z > 0) * np.einsum("rm,rnm->rn", upstream, backward))[:, 0]) ** 2, r)


def test_a_minibatch_without_replacement_in_a_simulation() -> None:
    rng = np.random.default_rng(3)
    p = rng.normal(2, 3, 7)
    drawn = p[np.argsort(rng.random((RUNS, 7)), axis=1)[:, :3]].mean(axis=1)
    within((drawn - p.mean()) ** 2, p.var() / 3 * (7 - 3) / (7 - 1))
