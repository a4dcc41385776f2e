"""Soundness of what proves inequalities: the sign checker, definedness, certificates, derivatives, induction."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from sympy import Rational, log

from nnmath.calculus import intervals, lemmas
from nnmath.calculus.conditional_sampling import Conditions
from nnmath.calculus.definedness import Defined
from nnmath.calculus.derivation import Verdict
from nnmath.calculus.goal import Statement
from nnmath.calculus.intervals import Intervals
from nnmath.calculus.parser import parse_definitions, parse_expression, parse_givens
from nnmath.calculus.prover import ProverError
from nnmath.calculus.tensors import Index, Tensor
from nnmath.derivations import Entry
from nnmath.derivations.build import derive_entry

GIVEN = """
    x: real, y: real, a: positive, b: positive, c: nonnegative, k: nonnegative
    u: n, v: n, w: n nonnegative, p: n rows, q: n positive rows, t: n onehot, m: n mask, l: n int<C, z: C, A: n n
"""
DEFINE = """
    s = 1/(1 + exp(-x))
    h = sqrt(a)*x
    r[j] = exp(z[j])/sum(exp(z[i]) for i in C)
"""
GIVENS = parse_givens(GIVEN)
DEFINITIONS = parse_definitions(DEFINE, GIVENS)
TENSORS: dict[str, Tensor] = {d.name: d for d in GIVENS} | {d.name: d.tensor for d in DEFINITIONS}
N, C = TENSORS["u"].dims[0], TENSORS["z"].dims[0]
PLACES = {"i": Index("i", N), "j": Index("j", N), "o": Index("o", C)}


def read(text: str):
    return parse_expression(text, TENSORS, PLACES)


# -- intervals ---------------------------------------------------------------------------------------------------------

#: An expression and what is seen of it: + positive, 0 only non-negative, - only that it is not positive, ? nothing.
SIGNS = [
    ("x**2", "0"), ("-x**2", "-"), ("x**3", "?"), ("x", "?"), ("a", "+"), ("c", "0"), ("a - b", "?"), ("a + c", "+"),
    ("c*x", "?"), ("c*x**2", "0"), ("a*exp(x)", "+"), ("exp(x) - 1", "?"), ("exp(c) - 1", "0"), ("exp(a) - 1", "+"),
    ("1 - sigmoid(x)", "+"), ("1/2 - sigmoid(x)", "?"), ("sigmoid(x)*(1 - sigmoid(x))", "+"), ("sigmoid(x) - 1", "-"),
    ("tanh(x) + 1", "+"), ("tanh(x)", "?"), ("tanh(a)", "+"), ("1 - tanh(x)**2", "0"), ("2 - tanh(x)**2", "+"),
    ("1 - p[i]", "0"), ("1/2 - p[i]", "?"), ("p[i]*(1 - p[i])", "0"), ("q[i]", "+"), ("1 - p[i] - p[j]", "?"),
    ("1 - t[i]", "0"), ("1 - m[i]", "0"), ("l[i]", "0"), ("l[i] - 1", "?"), ("n - 1", "0"), ("n*C - n", "0"),
    ("n - C", "?"), ("n**2 - 2*n", "?"), ("n**2 - 2*n + 2", "+"), ("n + C - 2", "0"), ("1/n", "+"), ("1 - n", "-"),
    ("sum(u)", "?"), ("sum(u**2)", "0"), ("sum(u**2) + 1", "+"), ("sum(q)", "+"), ("sum(w*u)", "?"),
    ("sum(w*u**2)", "0"),
    ("sum(exp(z))", "+"), ("1 - delta(i, j)", "0"), ("delta(i, j) - 1/2", "?"), ("1 - indicator(x)", "0"),
    ("indicator(x) - indicator(-x)", "?"), ("where(x > 0, a, b)", "+"), ("where(x > 0, a, -b)", "?"), ("relu(x)", "0"),
    ("relu(x) - x", "?"), ("abs(x)", "0"), ("abs(x) - x", "?"), ("log(a)", "?"), ("log(1 + a)", "+"),
    ("log(1 + c)", "0"),
    ("sqrt(c)", "0"), ("sqrt(a)", "+"), ("1/sqrt(c)", "+"), ("1/c", "+"), ("1/x", "?"), ("1/x**2", "+"), ("a**x", "+"),
    ("softplus(x)", "+"), ("cosh(x) - 1", "0"), ("cosh(x) - 2", "?"), ("sinh(c)", "0"), ("sin(x) + 1", "0"),
    ("sin(x) + 1/2", "?"), ("erf(x) + 1", "+"), ("atan(x)", "?"), ("s", "+"), ("h", "?"), ("r[o]", "+"),
    ("-a*b", "-"), ("(-a)*(-b)", "+"), ("-c*x**2", "-"), ("(x + 1)**2", "0"), ("x*(x + 1)", "?"), ("u[0]*u[0]", "0"),
    ("u[0]", "?"), ("A[i, j]*A[j, i]", "?"), ("x**2*y", "?"), ("(1 - p[i])*x", "?"),
    ("p[i] - p[i]**2", "?"), ("pi - 1", "0"), ("pi - 4", "?"), ("e - 3", "?"), ("exp(-c)", "+"), ("1 - exp(-c)", "0"),
    ("1 - exp(-a)", "+"), ("1 - exp(a)", "-"), ("log(1/(1 + a))", "?"), ("log(s)", "?"), ("1 - s", "?"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "seen"), SIGNS, ids=[t for t, _ in SIGNS])
def test_what_is_seen_of_a_sign(text: str, seen: str) -> None:
    found = Intervals(DEFINITIONS)(read(text))
    signs = "+" if found.positive else "0" if found.nonnegative else "-" if (-found).nonnegative else "?"
    assert signs == seen


def test_an_interval_holds_every_value_that_sampling_meets() -> None:
    """Ball arithmetic at random points never leaves an interval, in all the expressions above."""
    conditions = Conditions(tuple(DEFINITIONS), GIVENS)
    for text, _ in SIGNS:
        expr = read(text)
        found = Intervals(DEFINITIONS)(expr)
        for end, is_open, relation in (
            (found.low, found.low_open, ">" if found.low_open else ">="),
            (found.high, found.high_open, "<" if found.high_open else "<="),
        ):
            if end is not None:
                met = conditions.refute(expr, relation, Rational(end.numerator, end.denominator))
                assert met.points and met.counterexample is None, (text, end, is_open)


DEFINED = [
    ("log(a)", (), True), ("log(x)", (), False), ("log(x)", ("log(x)",), True), ("exp(log(x)/3)", ("x",), False),
    ("log(x)*0 + y", (), True), ("log(c)", (), False), ("sqrt(c)", (), True), ("sqrt(x)", (), False),
    ("1/x", (), False),
    ("1/c", (), False), ("1/x", ("y/x",), True), ("1/x**2", ("1/x",), True), ("1/a", (), True), ("1/s", (), True),
    ("log(s)", (), True), ("log(r[o])", (), True), ("log(u[i])", (), False), ("sum(log(u))", (), False),
    ("sum(log(q))", (), True), ("log(x)", ("where(y > 0, log(x), 1)",), False),
    ("log(x)", ("delta(i, j)*log(x)",), False),
    ("log(x)", ("sum(log(x)*u)",), True), ("h", (), True), ("1/(x - 1)", ("1/x",), False), ("c**x", (), False),
    ("a**x", (), True), ("1/sum(u**2)", (), False), ("1/(1 + sum(u**2))", (), True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "where", "answer"), DEFINED, ids=[f"{t} {w}" for t, w, _ in DEFINED])
def test_where_something_is_defined(text: str, where: tuple[str, ...], answer: bool) -> None:
    assert Defined(Intervals(DEFINITIONS), [read(w) for w in where])(read(text)) is answer


# -- false statements: nothing proves them -----------------------------------------------------------------------------


def verdict(
    statement: Statement, given: str = GIVEN, define: str = DEFINE, assume: Mapping[str, str] | None = None
) -> Verdict:
    entry = Entry(id="t", title="T", given=given, define=define, assume=assume or {}, proof=(statement,))
    return derive_entry(entry).verdict


#: A false inequality and a certificate that is wrong in a way that a person could get it wrong.
PLANTED = [
    ("x >= 0", "exp(log(x))"), ("x >= 0", "sqrt(x)**2"), ("x**2 > 0", "x**2"), ("x**2 >= 1", "(x - 1)**2"),
    ("2*x*y <= x**2", "(x - y)**2"), ("x*y <= x**2 + y**2 - 1", "(x - y)**2"), ("2*x*y < x**2 + y**2", "(x - y)**2"),
    ("3*x*y <= x**2 + y**2", "(x - y)**2"), ("x*y >= x**2 + y**2", "-(x - y)**2"), ("a*b >= (a + b)**2", "a*b"),
    ("s*(1 - s) <= 1/5", "(s - 1/2)**2"), ("s*(1 - s) < 1/4", "(s - 1/2)**2"), ("s*(1 - s) >= 1/4", "-(s - 1/2)**2"),
    ("s <= 1/2", "(s - 1/2)**2"), ("s > 1", "s"), ("s < 0", "-s"), ("tanh(x) >= 0", "tanh(x)"),
    ("log(a) <= a - 2", "log_gap(a)"), ("log(a) < a - 1", "log_gap(a)"), ("log(a) >= a - 1", "-log_gap(a)"),
    ("log(a) <= (a - 1)/2", "log_gap(a)/2"), ("exp(x) >= 2 + x", "exp_gap(x)"), ("exp(x) <= 1 + x", "-exp_gap(x)"),
    ("exp(x) > 1 + x", "exp_gap(x)"), ("abs(x) + abs(y) <= abs(x + y)", "-triangle_gap(x, y)"),
    ("abs(x) + abs(y) < abs(x + y)", "triangle_gap(x, y)"), ("abs(x) <= x", "abs(x) - x"), ("relu(x) <= x", "relu(-x)"),
    ("relu(x) < relu(-x) + x", "relu(x)"), ("sum(u) >= 0", "sum(u)"), ("sum(w*u) >= 0", "sum(w*u)"),
    ("sum(u**2) > 0", "sum(u**2)"), ("sum(u)**2 <= sum(u**2)", "sum(u**2)"), ("n*sum(u**2) <= sum(u)**2", "-sum(u**2)"),
    ("sum(p*u)**2 >= sum(p*u**2)", "-sum(p[i]*(u[i] - sum(p*u))**2 for i in n)"),
    ("sum(w*u**2) >= sum(w*u)**2", "sum(w[i]*(u[i] - sum(w*u))**2 for i in n)"),
    ("sum(p*u**2) > sum(p*u)**2", "sum(p[i]*(u[i] - sum(p*u))**2 for i in n)"),
    ("sum(p*u**2) >= sum(p*u)**2 + 1", "sum(p[i]*(u[i] - sum(p*u))**2 for i in n)"),
    ("sum(q*log(q/p)) <= 0", "-sum(q[i]*log_gap(p[i]/q[i]) for i in n)"),
    ("sum(q*log(p/q)) >= 0", "sum(q[i]*log_gap(p[i]/q[i]) for i in n)"), ("sum(q*log(q)) >= 0", "sum(q[i] for i in n)"),
    ("p[i] < 1 for i in n", "1 - p[i]"), ("p[i] > 0 for i in n", "p[i]"),
    ("p[i] + p[j] <= 1 for i in n for j in n", "1 - p[i]"),
    ("sum(p) < 1", "1 - sum(p)"), ("sum(p) > 1", "sum(p) - 1"), ("sum(w) <= 1", "1 - sum(w)"), ("sum(q) >= n", "n - 1"),
    ("n > 1", "n - 1"), ("n >= 2", "n - 1"), ("n >= C", "n"), ("n**2 > n", "n*(n - 1)"), ("C >= n*C", "C"),
    ("1/x >= 0", "1/x"), ("x/x**2 >= 0", "1/x"), ("1/(1 + x) <= 1", "x/(1 + x)"), ("c > 0", "c"),
    ("k*x**2 > 0", "k*x**2"),
    ("x + y >= x", "y"), ("x**3 >= 0", "x**2*x"), ("x**4 <= x**2", "x**2*(1 - x**2)"),
    ("x**2 <= x**4", "x**2*(x**2 - 1)"),
    ("a >= b", "a"), ("a/b >= 1", "a/b"), ("log(a) >= 0", "log(a)"), ("log(1 + c) > 0", "log(1 + c)"),
    ("sqrt(a) <= a", "a - sqrt(a)"), ("sqrt(a*b) >= (a + b)/2", "-(sqrt(a) - sqrt(b))**2/2"),
    ("sqrt(a*b) < (a + b)/2", "(sqrt(a) - sqrt(b))**2/2"), ("cosh(x) > 1", "cosh(x) - 1"), ("sin(x) >= 0", "sin(x)"),
    ("delta(i, j) > 0 for i in n for j in n", "delta(i, j)"), ("indicator(x) >= 1", "indicator(x) - 1"),
    ("indicator(x) + indicator(-x) >= 1", "indicator(x)"), ("where(x > 0, x, -x) > 0", "where(x > 0, x, -x)"),
    ("r[j] < r[j]**2 for j in C", "r[j]*(1 - r[j])"), ("m[i]*u[i] >= 0 for i in n", "m[i]*u[i]"),
    ("partial(s, x) <= 1/5", "(s - 1/2)**2"), ("partial(s, x) < 0", "-s*(1 - s)"), ("0 < 0", "x**2"),
    ("1 <= 0", "x**2"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "certificate"), PLANTED, ids=[t for t, _ in PLANTED])
def test_a_false_inequality_is_refuted_whatever_the_certificate(text: str, certificate: str) -> None:
    assert verdict(Statement(text, certificate=certificate)).kind == "refuted"


@pytest.mark.parametrize("text", sorted({t for t, _ in PLANTED}))
def test_a_false_inequality_is_refuted_without_a_certificate(text: str) -> None:
    assert verdict(Statement(text)).kind == "refuted"


def test_there_are_enough_planted_ones() -> None:
    assert len({t for t, _ in PLANTED}) >= 60


#: True, and proved; a wrong certificate leaves each of them open, never proved.
TRUE = [
    ("2*x*y <= x**2 + y**2", "(x - y)**2", "(x + y)**2"),
    ("x**2 + y**2 >= 0", "x**2 + y**2", "x**2 + 2*y**2"),
    ("s*(1 - s) <= 1/4", "(s - 1/2)**2", "(s - 1/3)**2"),
    ("log(a) <= a - 1", "log_gap(a)", "log_gap(2*a)"),
    ("exp(x) >= 1 + x", "exp_gap(x)", "exp_gap(2*x)"),
    ("sum(p*u)**2 <= sum(p*u**2)", "sum(p[i]*(u[i] - sum(p*u))**2 for i in n)", "sum((u[i] - sum(p*u))**2 for i in n)"),
    ("sqrt(a*b) <= (a + b)/2", "(sqrt(a) - sqrt(b))**2/2", "(sqrt(a) - sqrt(b))**2"),
    (
        "sum(u*v)**2 <= sum(u**2)*sum(v**2)",
        "sum((u[i]*v[j] - u[j]*v[i])**2 for i in n for j in n)/2",
        "sum((u[i]*v[j] - u[j]*v[i])**2 for i in n for j in n)",
    ),
    ("abs(x + y) <= abs(x) + abs(y)", "triangle_gap(x, y)", "triangle_gap(x, -y)"),
    (
        "exp(sum(p*u)) <= sum(p*exp(u))",
        "sum(p[i]*exp(sum(p*u))*exp_gap(u[i] - sum(p*u)) for i in n)",
        "sum(p[i]*exp_gap(u[i] - sum(p*u)) for i in n)",
    ),
]


@pytest.mark.parametrize(("text", "right", "wrong"), TRUE, ids=[t for t, *_ in TRUE])
def test_a_true_inequality_needs_its_certificate(text: str, right: str, wrong: str) -> None:
    assert verdict(Statement(text, certificate=right)).is_proved
    doubtful = derive_entry(
        Entry(id="t", title="T", given=GIVEN, define=DEFINE, proof=(Statement(text, certificate=wrong),))
    )
    assert not doubtful.proved and doubtful.steps[-1].verdict.kind == "open"


def test_a_certificate_that_is_undefined_somewhere_proves_nothing() -> None:
    found = verdict(
        Statement("indicator(x) + indicator(-x) >= 0", certificate="indicator(x) + indicator(-x) + 0*log(x)")
    )
    assert found.is_proved  # the logarithm is gone before anything is judged
    assert verdict(Statement("x**2 >= 0", certificate="x**3*x**(-1)")).is_proved
    assert verdict(Statement("a*x**2/x**2 >= 0", certificate="exp(log(x**2))/x**2*a")).kind in ("open", "proved")
    assert verdict(Statement("x + abs(x) >= 0", certificate="exp(log(x)) + abs(x)")).kind != "proved"


def test_an_unsound_sign_checker_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Intervals, "__call__", lambda self, expr: intervals.POSITIVE)
    with pytest.raises(ProverError, match="was proved"):
        verdict(Statement("x >= 0"))


def test_an_unsound_gap_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lemmas.log_gap, "as_elementary", lambda self: self.args[0] - 2 - log(self.args[0]))
    with pytest.raises(ProverError):
        verdict(Statement("log(a) <= a - 2", certificate="log_gap(a)"))
