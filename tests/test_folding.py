"""Bodies of definitions found in formulas, with a factor or below a larger root, and nothing else taken for one."""

from __future__ import annotations

import pytest
from sympy import Expr

from nnmath.calculus.derivation import Definition
from nnmath.calculus.folding import by_their_names, fold, unfold
from nnmath.calculus.parser import parse_definitions, parse_expression, parse_givens
from nnmath.calculus.prover import Prover
from nnmath.calculus.simplification import collect, one_sum
from nnmath.calculus.tensors import Element, Index, Tensor

GIVENS = parse_givens("X: n d, Y: n d, x: n, eps: positive")
X, Y, x, eps = GIVENS
m, v, H, S = parse_definitions("m = mean(X, axis=0)\nv = var(X, axis=0)\nH = (X - m)/sqrt(v + eps)\nS = X*Y", GIVENS)
n, d = X.dims
INDICES = {"i": Index("i", n), "j": Index("j", d), "k": Index("k", n)}
TENSORS: dict[str, Tensor] = {t.name: t for t in (*GIVENS, *(q.tensor for q in (m, v, H, S)))}


#: A formula, and what it is with H under its name.
FOLDED = {
    "(X[i, j] - m[j])/sqrt(v[j] + eps)": "H[i, j]",
    "(m[j] - X[i, j])/sqrt(v[j] + eps)": "-H[i, j]",
    "(2*m[j] - 2*X[i, j])/(6*sqrt(v[j] + eps))": "-H[i, j]/3",
    "(X[i, j] - m[j])/(v[j] + eps)**(3/2)": "H[i, j]/(v[j] + eps)",
    "(X[i, j] - m[j])**2/(v[j] + eps)": "(X[i, j] - m[j])**2/(v[j] + eps)",
    "sum(Y[k, j]*(m[j] - X[k, j]) for k in n)/sqrt(v[j] + eps)": "-sum(Y[k, j]*H[k, j] for k in n)",
    "(X[i, j] - m[j])*sqrt(v[j] + eps)": "(X[i, j] - m[j])*sqrt(v[j] + eps)",
    "(X[i, j] + m[j])/sqrt(v[j] + eps)": "(X[i, j] + m[j])/sqrt(v[j] + eps)",
    "(X[i, j] - 2*m[j])/sqrt(v[j] + eps)": "(X[i, j] - 2*m[j])/sqrt(v[j] + eps)",
    "(X[i, j] - m[j])/sqrt(v[j] + 2*eps)": "(X[i, j] - m[j])/sqrt(v[j] + 2*eps)",
    "(Y[i, j] - m[j])/sqrt(v[j] + eps)": "(Y[i, j] - m[j])/sqrt(v[j] + eps)",
}


@pytest.mark.parametrize("text", FOLDED)
def test_a_definition_under_its_name(text: str) -> None:
    tensors = {"i": INDICES["i"], "j": INDICES["j"]}
    formula, wanted = (parse_entry(t, tensors) for t in (text, FOLDED[text]))
    found = fold(formula, H)
    assert found == wanted
    judged = Prover([m, v, H], GIVENS).judge(formula, found)
    assert judged.is_proved
    if found != formula:  # planted: a wrong factor is refuted
        assert Prover([m, v, H], GIVENS).judge(formula, 2 * found).kind == "refuted"
    assert unfold(found, H) == formula or Prover([m, v, H], GIVENS).judge(unfold(found, H), formula).is_proved


def parse_entry(text: str, indices: dict[str, Index]) -> Expr:
    body = parse_expression(f"({text})", TENSORS, indices)
    assert isinstance(body, Expr)
    return body


def test_only_names_that_say_much() -> None:
    i, j = INDICES["i"], INDICES["j"]
    product = Element(X, i, j) * Element(Y, i, j) * Element(x, i)
    assert fold(product, S) == Element(S.tensor, i, j) * Element(x, i)
    assert by_their_names(product, [S]) == product
    pairing = Definition(Tensor("L"), (), m.body, pairing=True)
    assert by_their_names(m.body, [pairing]) == m.body
    assert by_their_names(m.body, [m]) == m.element


#: A formula, and whether its sums become one.
SUMS = {
    "sum(X[k, j]*Y[k, j] for k in n) - sum(X[k, j]*x[k] for k in n)": "sum(X[k, j]*(Y[k, j] - x[k]) for k in n)",
    "sum(X[k, j] for k in n)/n - sum(Y[k, j] for k in n)/n": "sum(X[k, j] - Y[k, j] for k in n)/n",
    "-sum(X[k, j] for k in n)/2 - 3*sum(Y[k, j] for k in n)/2": "-sum(X[k, j] + 3*Y[k, j] for k in n)/2",
    "sum(X[k, j]*Y[k, j] for k in n) + sum(x[k]**2 for k in n)": None,
    "sum(X[k, j] for k in n) - m[j]": None,
    "sum(X[k, j] for k in n) + m[j]*sum(Y[k, j] for k in n)": None,
    "sum(X[k, j] for k in n) + sum(Y[i, l] for l in d)": None,
}


@pytest.mark.parametrize("text", SUMS)
def test_one_sum(text: str) -> None:
    indices = {"i": INDICES["i"], "j": INDICES["j"]}
    formula, wanted = parse_entry(text, indices), SUMS[text]
    found = one_sum(collect(formula))
    assert Prover([m, v, H], GIVENS).judge(formula, found).is_proved
    assert found == (collect(formula) if wanted is None else collect(parse_entry(wanted, indices)))
