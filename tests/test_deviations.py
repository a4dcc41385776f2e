"""Deviations from a mean sum to 0: what the rule sees, what it must leave, and that the step has a proof."""

from __future__ import annotations

import pytest
from sympy import Expr, Integer, S

from nnmath.calculus.derivation import Definition
from nnmath.calculus.deviations import without_deviations
from nnmath.calculus.prover import Prover
from nnmath.calculus.sums import bound_sum
from nnmath.calculus.tensors import Index, Tensor, dimension
from nnmath.derivations import Entry
from nnmath.derivations.build import derive_entry

n, d = dimension("n"), dimension("d")
i, j = Index("i", n), Index("j", n)
a, b = Index("a", d), Index("b", d)
X, w, M, Q = Tensor("X", (n, d)), Tensor("w", (d,)), Tensor("M", (n,)), Tensor("Q", (n,))
DEFINED = {
    M: Definition(M, (i,), bound_sum(X[i, b], b) / d),
    Q: Definition(Q, (i,), bound_sum(X[i, b], b)),
}


def total(body: Expr, k: Index) -> Expr:
    return bound_sum(body, k)


MEAN = total(X[i, b], b) / d

#: name, expression, what is left of it
CASES: list[tuple[str, Expr, Expr]] = [
    ("the mean written out", total(X[i, a] - MEAN, a), S.Zero),
    ("the mean by its name", total(X[i, a] - M[i], a), S.Zero),
    ("deviations of a multiple", total(3 * X[i, a] - 3 * M[i], a), S.Zero),
    ("inside a product", w[b] * total(X[i, a] - M[i], a) + w[b], w[b]),
    ("inside another sum", total(Q[i] * total(X[i, a] - M[i], a), i), S.Zero),
    ("of another row", total(X[i, a] - M[j], a), total(X[i, a] - M[j], a)),
    ("of another array", total(X[i, a] - Q[i], a), total(X[i, a] - Q[i], a)),
    ("along the other axis", total(X[i, a] - M[i], i), total(X[i, a] - M[i], i)),
    ("squared", total((X[i, a] - M[i]) ** 2, a), total((X[i, a] - M[i]) ** 2, a)),
    ("weighted", total(w[a] * (X[i, a] - M[i]), a), total(w[a] * (X[i, a] - M[i]), a)),
    ("added", total(X[i, a] + M[i], a), total(X[i, a] + M[i], a)),
]


@pytest.mark.parametrize(("expr", "left"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_it_leaves(expr: Expr, left: Expr) -> None:
    assert without_deviations(expr, DEFINED) == left
    assert Prover(DEFINED.values(), (X, w)).judge(expr, left).is_proved


def test_what_is_no_mean_is_not_proved_to_vanish() -> None:
    for expr in (total(X[i, a] - Q[i], a), total(w[a] * (X[i, a] - M[i]), a), total(X[i, a] - M[j], a)):
        assert Prover(DEFINED.values(), (X, w)).judge(expr, Integer(0)).kind == "refuted"


def test_the_gradient_through_a_mean_and_a_variance() -> None:
    """Its terms with a factor Σ (x − mean) are gone, whether the mean has a name or not."""
    define = "L = sum(Y*(X - mean(X, axis=1, keepdims=True))/sqrt(var(X, axis=1, keepdims=True) + eps))"
    entry = Entry(id="t", title="T", given="X: n d\nY: n d\neps: positive = 0.1", define=define, wanted=("dL/dX",))
    derivation = derive_entry(entry)
    assert derivation.proved
    assert "deviations sum to 0" in [step.rule for step in derivation.steps]
