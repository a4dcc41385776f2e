"""The judge: proved, refuted or open; derivatives by its own means; and what stops the run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sympy import Expr, Integer, Rational, cos, exp, expand, log, sin, sqrt, tanh

from nnmath.calculus import normal_form, polynomials, summation
from nnmath.calculus.derivation import Known, Verdict
from nnmath.calculus.functions import Indicator, Where, absolute, relu, sigmoid
from nnmath.calculus.normal_form import Normalizer
from nnmath.calculus.parser import parse_definitions, parse_expression, parse_givens
from nnmath.calculus.prover import Prover, ProverError
from nnmath.calculus.sums import Delta, Partial, bound_sum
from nnmath.calculus.tensors import Index, Tensor, dimension
from nnmath.derivations import find
from nnmath.derivations.build import derive_entry

N = dimension("n")
X, Y = Tensor("x"), Tensor("y")
U, A = Tensor("u", (N,)), Tensor("A", (N, N))
i, j, k = (Index(name, N) for name in "ijk")
x, y, u = X(), Y(), U[i]
C = 1 - x * y  # linear in no atom whose factor is never 0


def total(body: Expr, *indices: Index) -> Expr:
    return bound_sum(body, *indices)


# -- three values -----------------------------------------------------------------------------------------------------

PROVED: list[tuple[str, Expr, Expr, str]] = [
    ("normal form", (x + y) ** 2, x**2 + 2 * x * y + y**2, "normal form"),
    ("exponentials", tanh(x), 1 - 2 * sigmoid(-2 * x), "normal form of the exponentials"),
    ("cases", relu(x), (x + absolute(x)) / 2, "normal form of the exponentials"),
    ("cases of two signs", relu(x) * relu(-x), Integer(0), "normal form of the exponentials"),
    ("cases of a difference", Where(x - y, x, y) + Where(x - y, y, x), x + y, "normal form"),
    ("a case distinction at its kink", Where(x, x, -x), absolute(x), "normal form of the exponentials"),
    ("min and max", Where(x - y, x, y), -Where(x - y, -x, -y), "normal form"),
    ("max either way", Where(x - y, x, y), Where(y - x, y, x), "case analysis"),
    ("max and min", Where(x - y, x, y), (x + y + absolute(x - y)) / 2, "case analysis"),
    ("cases of a product", relu(C) ** 2, relu(C) * Indicator(C) * C, "case analysis"),
    ("a ramp either way", relu(C) - relu(-C), C, "normal form of the exponentials"),
    ("nothing at the kink", C * (Indicator(C) + Indicator(-C)), C, "case analysis"),
    ("branches that meet", Where(C, x, x + C**2), x + C**2 * (1 - Indicator(C)), "normal form"),
    ("a squared ramp", Partial(relu(C) ** 2, x), -2 * y * relu(C), "case analysis"),
    ("derivative of an element", Partial(A[i, j], A[j, i]), Delta(i, j), "normal form"),
    ("derivative of a sum", Partial(total(U[k] ** 2, k), u), 2 * u, "normal form"),
    ("derivative under a bound name", Partial(total(A[i, k] * U[k], k), U[j]), A[i, j], "normal form"),
    ("derivative in a bound index", total(Partial(total(U[k] ** 2, k), U[j]), j), 2 * total(U[k], k), "normal form"),
    ("second derivative", Partial(Partial(total(exp(U[k]), k), u), U[j]), Delta(i, j) * exp(u), "normal form"),
]


@pytest.mark.parametrize(("_", "left", "right", "basis"), PROVED, ids=[p[0] for p in PROVED])
def test_proved(_: str, left: Expr, right: Expr, basis: str) -> None:
    verdict = Prover().judge(left, right)
    assert verdict.is_proved and verdict.basis == basis and verdict.counterexample is None


REFUTED: list[tuple[str, Expr, Expr]] = [
    ("sign", sin(x), sin(-x)),
    ("a difference of one in 10^30", x + Rational(1, 10**30), x),
    ("only for n > 1", total(U[k], k) ** 2, total(U[k] ** 2, k)),
    ("only for n = 1", total(Integer(1), k), Integer(2)),
    ("only off the diagonal", A[i, j], A[j, i]),
    ("only on the diagonal", Delta(i, j) * u, Integer(0)),
    ("only left of zero", relu(x), x),
    ("branches of a product swapped", Where(C, x, y), Where(C, y, x)),
    ("branches of a product that do not meet", Where(C, x, y), Where(C, x, y + C + 1)),
    ("a ramp of a product", relu(C), C),
    ("branches swapped", Where(x, y, 2 * y), Where(-x, y, 2 * y)),
    ("a derivative", Partial(tanh(x), x), 1 + tanh(x) ** 2),
    ("a derivative in an element", Partial(total(A[i, k] * U[k], k), U[j]), A[j, i]),
    ("where a logarithm is defined", log(x**2 + 1), 2 * log(x)),
]


@pytest.mark.parametrize(("_", "left", "right"), REFUTED, ids=[r[0] for r in REFUTED])
def test_refuted(_: str, left: Expr, right: Expr) -> None:
    verdict = Prover().judge(left, right)
    assert verdict.kind == "refuted" and not verdict.is_proved
    example = verdict.counterexample
    assert example is not None and example.left != example.right
    assert example.left in str(example) and example.right in str(example)
    assert set(example.at) == {f.name for f in (left - right).free_symbols if isinstance(f, Index)}


OPEN: list[tuple[str, Expr, Expr]] = [
    ("Pythagoras, which the normal form does not know", sin(x) ** 2 + cos(x) ** 2, Integer(1)),
    ("an addition theorem", sin(x + y), sin(x) * cos(y) + cos(x) * sin(y)),
    ("equal, but not at the kink", Where(x, Integer(1), Integer(0)), 1 - Indicator(-x)),
    ("a product, but not at the kink", Indicator(C) + Indicator(-C), Integer(1)),
    ("branches that differ at the kink", Where(C, x, y), Where(-C, y, x)),
    ("nowhere defined", log(-1 - x**2), log(-2 - x**2)),
    ("nowhere real", sqrt(-1 - x**2), x),
    ("a division by zero", 1 / ((x + 1) ** 2 - x**2 - 2 * x - 1), 2 / ((x + 1) ** 2 - x**2 - 2 * x - 1)),
]


@pytest.mark.parametrize(("_", "left", "right"), OPEN, ids=[o[0] for o in OPEN])
def test_open_where_there_is_neither_proof_nor_counterexample(_: str, left: Expr, right: Expr) -> None:
    verdict = Prover().judge(left, right)
    assert verdict.kind == "open" and not verdict.is_proved and verdict.counterexample is None


def test_an_open_step_is_never_a_pass() -> None:
    derivation = derive_entry(find("tanh"))
    step = replace(derivation.steps[-1], verdict=Verdict("open"))
    doubtful = replace(derivation, parts=(replace(derivation.parts[0], steps=(step,)), *derivation.parts[1:]))
    assert derivation.proved and not doubtful.proved and doubtful.verdict.kind == "open"


def test_too_large_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normal_form, "MAX_TERMS", 3)
    assert Prover().judge((x + y + 1) ** 6, expand((x + y + 1) ** 6)).kind == "open"


# -- definitions and derivatives --------------------------------------------------------------------------------------

GIVENS = parse_givens("Z: n C\nY: n C rows\nW: C C")
SOFTMAX = parse_definitions("S = Z @ W\nP = softmax(S)\nL = -sum(Y*log(P))/n", GIVENS)
TENSORS = {t.name: t for t in (*GIVENS, *(d.tensor for d in SOFTMAX))}
C = TENSORS["Z"].dims[1]
a, b, c = (Index(name, C) for name in "abc")


def softmax_prover() -> Prover:
    return Prover(SOFTMAX, GIVENS)


def entry(text: str) -> Expr:
    return parse_expression(text, TENSORS, {"i": i, "j": j, "a": a, "b": b, "c": c})


def d(of: str, wrt: str, held: bool = False) -> Partial:
    return Partial(entry(of), entry(wrt), held)


#: ∂of/∂wrt, what it is claimed to be, and the verdict.
DERIVATIVES: list[tuple[str, Partial, str, str]] = [
    ("total", d("L", "S[i, c]"), "(P[i, c] - Y[i, c])/n", "proved"),
    ("total, further down", d("L", "Z[i, c]"), "sum((P[i, k] - Y[i, k])*W[c, k] for k in C)/n", "proved"),
    ("of an intermediate", d("P[i, c]", "S[j, b]"), "delta(i, j)*P[i, c]*(delta(c, b) - P[i, b])", "proved"),
    ("with all else held", d("L", "P[i, c]", True), "-Y[i, c]/(n*P[i, c])", "proved"),
    ("held means held", d("L", "S[i, c]", True), "0", "proved"),
    ("held is not total", d("L", "S[i, c]", True), "(P[i, c] - Y[i, c])/n", "refuted"),
    ("an intermediate varied freely", d("S[i, c]", "S[j, b]"), "delta(i, j)*delta(c, b)", "proved"),
    ("upstream does not move", d("S[i, c]", "P[i, c]"), "0", "proved"),
    ("transposed", d("L", "W[a, b]"), "sum((P[k, a] - Y[k, a])*Z[k, b] for k in n)/n", "refuted"),
]


@pytest.mark.parametrize(("_", "left", "right", "kind"), DERIVATIVES, ids=[r[0] for r in DERIVATIVES])
def test_derivatives_through_definitions(_: str, left: Partial, right: str, kind: str) -> None:
    assert softmax_prover().judge(left, entry(right)).kind == kind


def test_what_was_learnt_is_used() -> None:
    prover = softmax_prover()
    node = d("L", "S[i, c]")
    prover.learn(Known(TENSORS["L"], (), TENSORS["S"], (j, a), entry("(P[j, a] - Y[j, a])/n")))
    assert prover.resolve(node) == entry("(P[i, c] - Y[i, c])/n")


# -- what stops the run -----------------------------------------------------------------------------------------------


def test_a_proof_that_a_ball_contradicts_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Normalizer, "poly", lambda self, expr: {})  # everything is zero
    with pytest.raises(ProverError, match=r"x = sin\(x\) was proved \(normal form\), but "):
        Prover().judge(x, sin(x))


def test_what_was_learnt_wrongly_stops_the_run() -> None:
    prover = softmax_prover()
    prover.learn(Known(TENSORS["L"], (), TENSORS["S"], (j, a), entry("(Y[j, a] - P[j, a])/n")))
    with pytest.raises(ProverError):
        prover.judge(d("L", "S[i, c]"), entry("(Y[i, c] - P[i, c])/n"))


def any_row(m: object, bound: object) -> object:
    return frozenset(), ()


def no_deltas(normalizer: Normalizer, factors: object) -> object:
    return {}


#: Unsound normal forms: what is patched, and an equation that only the unsound one proves.
UNSOUND = [
    ("rows of anything sum to 1", (summation, "_sum_row", any_row), total(A[i, k], k), Integer(1)),
    ("a delta makes zero", (normal_form, "apply_deltas", no_deltas), Delta(i, j) * u, Integer(0)),
    ("everything is positive", (polynomials, "is_positive", lambda atom: True), Indicator(u * x), Integer(1)),
]


@pytest.mark.parametrize(("_", "patch", "left", "right"), UNSOUND, ids=[r[0] for r in UNSOUND])
def test_an_unsound_normal_form_is_caught(
    _: str, patch: tuple[object, str, object], left: Expr, right: Expr, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not Prover().judge(left, right).is_proved
    monkeypatch.setattr(*patch)
    with pytest.raises(ProverError):
        Prover().judge(left, right)
