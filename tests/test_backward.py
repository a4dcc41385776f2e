"""Reverse mode: adjoints equal the hand-written ones, for all sizes; a forgotten term or consumer is refuted."""

from __future__ import annotations

import re

import pytest
from sympy import Expr

from nnmath.calculus.prover import Prover
from nnmath.calculus.rules import ADJOINTS, CHAIN
from nnmath.calculus.sums import Partial, bound_sum, count_nodes
from nnmath.calculus.tensors import Element
from nnmath.calculus.trail import Claim, ClaimError, Claims
from nnmath.derivations import Entry
from nnmath.derivations.build import EntryError, derive_entry


def program(given: str, define: str, *wanted: str, **claims: str) -> Entry:
    """claims: by the name of the variable, for the loss L."""
    stated = {f"dL/d{name}": claim for name, claim in claims.items()}
    return Entry(id="t", title="T", given=given, define=define, wanted=wanted or tuple(stated), claim=stated)


ATTENTION = ("Q: n d\nK: m d\nV: m e\ndO: n e", "S = Q @ K.T/{scale}\nA = softmax(S)\nO = A @ V\nL = upstream(dO, O)")
LAYER_NORM = (
    "X: n D\ngamma: D\nbeta: D\neps: positive = 0.00001\ndY: n D",
    """
    m = mean(X, axis=-1)
    v[i] = sum((X[i, j] - m[i])**2 for j in D)/D
    r = 1/sqrt(v + eps)
    H[i, j] = (X[i, j] - m[i])*r[i]
    Y = H*gamma + beta
    L = upstream(dY, Y)
    """,
)
RESIDUAL = ("X: n D\nW: D D\ndY: n D", "A = tanh(X @ W)\nY = X + A\nL = upstream(dY, Y)")
SHARED = ("X: n D\nU: D H\nV: D H\ndY: n H", "Z = tanh(X)\nY = (Z @ U)*(Z @ V)\nL = upstream(dY, Y)")
TIED = ("X: n D\nW: D D\ndY: n D", "A = tanh(X @ W)\nB = A @ W.T\nL = upstream(dY, B)")
CONTRASTIVE = (
    "A: n D\nB: n D\ntau: positive = 0.1",
    "S = A @ B.T/tau\nP = softmax(S)\nL = -sum(log(P[i, i]) for i in n)/n",
)
COSINE = (
    "a: D\nb: D\neps: positive = 0.01",
    "s = 1/sqrt(sum(a**2) + eps)\nt = 1/sqrt(sum(b**2) + eps)\nL = s*t*sum(a*b)",
)

#: name, given, define, and claims by variable: the backward as a person writes it.
HAND_WRITTEN: list[tuple[str, str, str, dict[str, str]]] = [
    (
        "attention",
        ATTENTION[0],
        ATTENTION[1].format(scale="sqrt(d)"),
        {
            "V": "A.T @ dO",
            "Q": "(A*(dO @ V.T - sum((dO @ V.T)*A, axis=1, keepdims=True))) @ K/sqrt(d)",
            "K": "(A*(dO @ V.T - sum(dO*(A @ V), axis=1, keepdims=True))).T @ Q/sqrt(d)",
        },
    ),
    (
        "layer norm",
        *LAYER_NORM,
        {
            "gamma": "sum(dY*H, axis=0)",
            "beta": "sum(dY, axis=0)",
            "X": "i, j: r[i]*(dY[i, j]*gamma[j] - sum(dY[i, k]*gamma[k] for k in D)/D"
            " - H[i, j]*sum(dY[i, k]*gamma[k]*H[i, k] for k in D)/D)",
        },
    ),
    ("residual connection", *RESIDUAL, {"X": "dY + (dY*(1 - A**2)) @ W.T", "W": "X.T @ (dY*(1 - A**2))"}),
    (
        "two readers in one definition",
        *SHARED,
        {"X": "((dY*(Z @ V)) @ U.T + (dY*(Z @ U)) @ V.T)*(1 - Z**2)", "U": "Z.T @ (dY*(Z @ V))"},
    ),
    ("tied weights", *TIED, {"W": "dY.T @ A + X.T @ ((dY @ W)*(1 - A**2))"}),
    ("contrastive", *CONTRASTIVE, {"A": "(P @ B - B)/(n*tau)", "B": "(P.T @ A - A)/(n*tau)"}),
    ("cosine", *COSINE, {"a": "s*t*b - s**2*L*a", "b": "s*t*a - t**2*L*b"}),
]


@pytest.mark.parametrize(("_", "given", "define", "claims"), HAND_WRITTEN, ids=[h[0] for h in HAND_WRITTEN])
def test_a_backward_by_hand_is_proved_for_all_sizes(_: str, given: str, define: str, claims: dict[str, str]) -> None:
    found = derive_entry(program(given, define, **claims))
    assert found.proved, [f"{s.left} = {s.right}: {s.verdict}" for s in found.steps if not s.verdict.is_proved]
    assert {r.name for r in found.wanted} == {f"d{name}" for name in claims}


#: What is left out of a backward by hand: the variable, the claim.
FORGOTTEN: list[tuple[str, str, str, str, str]] = [
    ("attention without its scale", *ATTENTION, "Q", "(A*(dO @ V.T - sum((dO @ V.T)*A, axis=1, keepdims=True))) @ K"),
    ("attention without the row sum", *ATTENTION, "Q", "(A*(dO @ V.T)) @ K/sqrt(d)"),
    ("attention with the sum of columns", *ATTENTION, "Q", "(A*(dO @ V.T - sum((dO @ V.T)*A, axis=0))) @ K/sqrt(d)"),
    ("attention scaled by d", *ATTENTION, "K", "(A*(dO @ V.T - sum(dO*(A @ V), axis=1, keepdims=True))).T @ Q/d"),
    ("layer norm, mean held", *LAYER_NORM, "X", "i, j: r[i]*(G[i, j] - H[i, j]*sum(G[i, k]*H[i, k] for k in D)/D)"),
    ("layer norm, variance held", *LAYER_NORM, "X", "i, j: r[i]*(G[i, j] - sum(G[i, k] for k in D)/D)"),
    ("layer norm, both held", *LAYER_NORM, "X", "i, j: r[i]*dY[i, j]*gamma[j]"),
    ("layer norm, gamma forgotten", *LAYER_NORM, "gamma", "sum(dY, axis=0)"),
    ("residual without the skip", *RESIDUAL, "X", "(dY*(1 - A**2)) @ W.T"),
    ("residual without the branch", *RESIDUAL, "X", "dY"),
    ("one of two readers", *SHARED, "X", "((dY*(Z @ V)) @ U.T)*(1 - Z**2)"),
    ("one of two uses of the weights", *TIED, "W", "X.T @ ((dY @ W)*(1 - A**2))"),
    ("contrastive without the diagonal", *CONTRASTIVE, "A", "P @ B/(n*tau)"),
    ("contrastive, not transposed", *CONTRASTIVE, "B", "(P @ A - A)/(n*tau)"),
    ("cosine without the projection", *COSINE, "a", "s*t*b"),
]


@pytest.mark.parametrize(("_", "given", "define", "name", "claim"), FORGOTTEN, ids=[f[0] for f in FORGOTTEN])
def test_what_is_forgotten_is_refuted(_: str, given: str, define: str, name: str, claim: str) -> None:
    claim = re.sub(r"G\[i, (\w)\]", r"dY[i, \1]*gamma[\1]", claim)
    found = derive_entry(program(given, define.format(scale="sqrt(d)"), **{name: claim}))
    refuted = [s for s in found.steps if not s.verdict.is_proved]
    assert [s.verdict.kind for s in refuted] == ["refuted"]
    assert refuted[0].verdict.counterexample is not None


# -- the chain rule ---------------------------------------------------------------------------------------------------


def chain_rule_of(entry: Entry) -> tuple[Prover, Expr, Expr]:
    """The chain rule line of the last part, and a prover that knows the definitions."""
    found = derive_entry(entry)
    part = found.parts[-1]
    step = next(s for s in part.steps if s.rule == CHAIN and s.left == part.left)
    return Prover(found.definitions, found.givens), step.left, step.right


def test_a_chain_rule_with_every_consumer_is_proved_as_such() -> None:
    prover, left, right = chain_rule_of(program(*RESIDUAL, "dL/dX"))
    assert prover.judge(left, right).basis == "chain rule: every consumer is there"


def test_a_chain_rule_that_forgets_a_consumer_is_rejected() -> None:
    prover, left, right = chain_rule_of(program(*RESIDUAL, "dL/dX"))
    assert right.is_Add and len(right.args) == 2
    for lost in right.args:
        assert prover.judge(left, right - lost).kind == "refuted"
        assert prover.judge(left, right + lost).kind == "refuted"


def test_a_chain_rule_through_the_wrong_intermediate_is_rejected() -> None:
    """∂L/∂Y · ∂Y/∂X with Y's other inputs held is not the whole derivative."""
    prover, left, _ = chain_rule_of(program(*RESIDUAL, "dL/dX"))
    assert isinstance(left, Partial) and isinstance(left.of, Element)
    (output,) = (t for t in prover.definitions if t.name == "Y")
    at = Element(output, *output.indices())
    partial = bound_sum(Partial(left.of, at) * Partial(at, left.wrt, held=True), *at.indices)
    total = bound_sum(Partial(left.of, at) * Partial(at, left.wrt), *at.indices)
    assert prover.judge(left, partial).kind == "refuted"
    assert prover.judge(left, total).is_proved


def test_a_consumer_that_does_not_reach_the_loss_may_be_left_out() -> None:
    found = derive_entry(program("x: D", "a = tanh(x)\nb = exp(x)\nL = sum(a**2)", "dL/dx"))
    assert found.proved and "b" not in {t.name for r in found.results for t in r.wrt}


# -- what is asked for ------------------------------------------------------------------------------------------------

MLP = (
    "X: n D\nW1: D H\nb1: H\nW2: H C\nb2: C\nY: n C rows",
    "Z1 = X @ W1 + b1\nA1 = tanh(Z1)\nZ2 = A1 @ W2 + b2\nP = softmax(Z2)\nL = -sum(Y*log(P))/n",
)
EXACT = {
    "P": "-Y/(n*P)",
    "Z2": "(P - Y)/n",
    "A1": "(P - Y) @ W2.T/n",
    "Z1": "((P - Y) @ W2.T)*(1 - A1**2)/n",
    "W1": "X.T @ (((P - Y) @ W2.T)*(1 - A1**2))/n",
    "b2": "sum(P - Y, axis=0)/n",
    "X": "(((P - Y) @ W2.T)*(1 - A1**2)) @ W1.T/n",
    "Y": "-log(P)/n",
}
ORDERS = [tuple(EXACT), tuple(reversed(EXACT)), ("W1", "A1"), ("A1", "W1"), ("X", "P"), ("Z2",), ("Y", "Z1", "b2")]


@pytest.mark.parametrize("names", ORDERS, ids=" ".join)
def test_intermediates_and_inputs_in_any_order(names: tuple[str, ...]) -> None:
    found = derive_entry(program(*MLP, **{name: EXACT[name] for name in names}))
    assert found.proved and {r.wrt[0].name for r in found.wanted} == set(names)


def test_adjoints_are_inserted_where_that_is_smaller_and_named_elsewhere() -> None:
    found = derive_entry(program(*MLP, "dL/dW1", "dL/db1", "dL/dW2"))
    named = [r.name for r in found.results if not r.wanted]
    assert named == ["dZ2", "dZ1"]
    steps = [s for part in found.parts for s in part.steps if s.rule == ADJOINTS or CHAIN in s.rule]
    assert steps and all(count_nodes(r.expr) < 20 for r in found.results)


def test_a_derivative_that_is_zero() -> None:
    found = derive_entry(program("x: D\ny: D", "a = tanh(x)\nL = sum(a*0 + y)", "dL/dx"))
    assert found.proved and found.wanted[0].expr == 0


def test_no_derivative_of_an_input_or_in_itself() -> None:
    for wanted, message in (("dX/dW1", "is not defined"), ("dL/dL", "in itself"), ("dL/dQ", "names Q")):
        with pytest.raises(EntryError, match=message):
            derive_entry(program(*MLP, wanted))


def test_a_claim_about_an_adjoint_without_a_name() -> None:
    with pytest.raises(ClaimError, match="a claim names dA1, which is no adjoint with a name here"):
        derive_entry(program(*MLP, W1="X.T @ (dA1*(1 - A1**2))"))


def test_a_claim_takes_indices_of_its_own() -> None:
    found = derive_entry(program(*MLP, Z2="c, b: (P[c, b] - Y[c, b])/n"))
    assert found.proved
    assert Claims() == Claims(None, None) and Claim((), found.wanted[0].expr).at(()) == found.wanted[0].expr
