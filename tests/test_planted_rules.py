"""Wrong rules, planted in the engine on purpose: the prover shares no code with the rules, so none proves itself."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
from sympy import Add, Expr

from nnmath.calculus import backward, differentiation
from nnmath.calculus.functions import Indicator, Where, absolute, relu, sigmoid, softplus
from nnmath.calculus.prover import ProverError
from nnmath.calculus.sums import BoundSum, Delta, Partial
from nnmath.calculus.tensors import Element
from nnmath.derivations import Entry, find
from nnmath.derivations.build import derive_entry


def small(given: str, define: str, wanted: str) -> Entry:
    return Entry(id="small", title="Small", given=given, define=define, wanted=(wanted,))


def perturbed_rule(rule: str, change: Any) -> Any:
    """A differentiation rule that gives ``change(node, result)`` instead of its result."""
    original = differentiation._rule_of

    def mutant(node: Partial, moving: Any) -> tuple[str, Expr]:
        found, result = original(node, moving)
        return found, change(node, result) if found == rule else result

    return differentiation, "_rule_of", mutant


def inner_derivative_lost(node: Partial, result: Expr) -> Expr:
    return result.xreplace({p: sympy.S.One for p in result.atoms(Partial)})


def quotient_with_plus(node: Partial, result: Expr) -> Expr:
    numerator, denominator = sympy.fraction(node.of)
    d = [Partial(e, node.wrt, node.held) for e in (numerator, denominator)]
    return (d[0] * denominator + numerator * d[1]) / denominator**2


def every_delta_is_one(expr: Expr) -> Expr:
    return original_contract(expr.xreplace({d: sympy.S.One for d in expr.atoms(Delta)}))


def deltas_keep_the_sum(expr: Expr) -> Expr:
    """Σ_i δ(i, j) f(i) = f(j) · size, as if the sum were still there."""
    contracted = original_contract(expr)
    sums = [s for s in expr.atoms(BoundSum) if s.atoms(Delta)]
    return contracted * sums[0].bound[0].dim if sums else contracted


def rows_of_anything(expr: Expr) -> Expr:
    return expr.xreplace({s: sympy.S.One for s in expr.atoms(BoundSum) if isinstance(s.body, Element)})


def no_sum_left(expr: Expr, definitions: Any) -> Expr:
    return expr.xreplace({s: sympy.S.Zero for s in expr.atoms(BoundSum)})


def last_term_lost(expr: Expr) -> Expr:
    collected = original_collect(expr)
    return collected.xreplace({a: Add(*a.args[:-1]) for a in collected.atoms(Add)})


def swapped_branches(node: Partial, result: Expr) -> Expr:
    test, a, b = result.args
    return Where(test, b, a)


def one_consumer(run: Any, tensor: Any) -> Any:
    return original_consumers(run, tensor)[-1:]


original_contract, original_collect = backward.contract_deltas, backward.collect
original_consumers = backward._Run.consumers
PRODUCT = small("x: real", "y = x*exp(x)*tanh(x)", "dy/dx")
QUOTIENT = small("x: real", "y = tanh(x)/(1 + exp(x))", "dy/dx")
MATMUL = small("X: n D\nW: D H\ndY: n H", "Y = X @ W\nL = upstream(dY, Y)", "dL/dW")
CE = small("Z: n C\nY: n C", "P = softmax(Z)\nL = -sum(Y*log(P))", "dL/dZ")
RESIDUAL = small("X: n D\nW: D D\ndY: n D", "A = tanh(X @ W)\nY = X + A\nL = upstream(dY, Y)", "dL/dX")

CUBE = small("x: real", "y = x**3", "dy/dx")
RULE = perturbed_rule

#: What is broken, how, and an entry that uses it.
MUTANTS: list[tuple[str, Any, Entry]] = [
    ("product rule loses a term", RULE("product rule", lambda n, r: Add(*r.args[1:])), PRODUCT),
    ("product rule subtracts", RULE("product rule", lambda n, r: r.args[0] - Add(*r.args[1:])), PRODUCT),
    ("quotient rule adds", RULE("quotient rule", quotient_with_plus), QUOTIENT),
    ("power rule loses the exponent", RULE("power rule", lambda n, r: r / n.of.exp), CUBE),
    ("power rule keeps the exponent", RULE("power rule", lambda n, r: r * n.of.base), CUBE),
    ("reciprocal rule has the wrong sign", RULE("reciprocal rule", lambda n, r: -r), find("sigmoid")),
    ("derivative of exp without the inner", RULE("derivative of exp", inner_derivative_lost), find("sigmoid")),
    ("derivative of log without the inner", RULE("derivative of log", inner_derivative_lost), find("softplus")),
    ("derivative of tanh has the wrong sign", RULE("derivative of tanh", lambda n, r: -r), find("gelu-tanh")),
    ("derivative of g is that of g′", RULE("derivative of g", lambda n, r: 2 * r), find("backprop")),
    ("branches are swapped", RULE("branch by branch", swapped_branches), find("elu")),
    ("a delta counts as 1", (backward, "contract_deltas", every_delta_is_one), MATMUL),
    ("a contracted delta leaves the sum", (backward, "contract_deltas", deltas_keep_the_sum), MATMUL),
    ("rows sum to 1 without being declared to", (backward, "sum_rows_apart", rows_of_anything), CE),
    ("every sum is one of deviations", (backward, "without_deviations", no_sum_left), find("layernorm")),
    ("collecting loses a term", (backward, "collect", last_term_lost), CE),
    ("a consumer is forgotten", (backward._Run, "consumers", one_consumer), RESIDUAL),
]


@pytest.mark.parametrize(("mutant", "entry"), [m[1:] for m in MUTANTS], ids=[m[0] for m in MUTANTS])
def test_a_broken_rule_is_refuted(mutant: tuple[Any, str, Any], entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert derive_entry(entry).proved
    monkeypatch.setattr(*mutant)
    derivation = derive_entry(entry)
    found = [step for step in derivation.steps if step.verdict.kind == "refuted"]
    assert found, [(s.rule, s.verdict.kind) for s in derivation.steps]
    for step in found:
        example = step.verdict.counterexample
        assert example is not None and example.left != example.right


#: A named function's own derivative, which the prover reads too: the function, a wrong derivative, an entry.
WRONG_DERIVATIVES: list[tuple[Any, Any, str]] = [
    (sigmoid, lambda self, k=1: self * (1 + self), "y = sigmoid(2*x)"),
    (sigmoid, lambda self, k=1: -self * (1 - self), "y = x*sigmoid(x)"),
    (softplus, lambda self, k=1: sigmoid(-self.args[0]), "y = softplus(x)"),
    (relu, lambda self, k=1: Indicator(-self.args[0]), "y = relu(x)*x"),
    (absolute, lambda self, k=1: Indicator(self.args[0]), "y = abs(x)"),
    (sympy.tanh, lambda self, k=1: self**2 - 1, "y = tanh(x)"),
    (sympy.erf, lambda self, k=1: sympy.exp(-(self.args[0] ** 2)), "y = erf(x)"),
    (sympy.log, lambda self, k=1: 1 / self.args[0] ** 2, "y = log(1 + x**2)"),
]


@pytest.mark.parametrize(("function", "wrong", "define"), WRONG_DERIVATIVES, ids=[d for *_, d in WRONG_DERIVATIVES])
def test_a_wrong_derivative_of_a_function_never_passes(
    function: Any, wrong: Any, define: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules and normal form share this one table; the balls do not, so the run is stopped or the step refuted."""
    entry = small("x: real", define, "dy/dx")
    assert derive_entry(entry).proved
    monkeypatch.setattr(function, "fdiff", wrong)
    sympy.core.cache.clear_cache()
    try:
        assert derive_entry(entry).verdict.kind == "refuted"
    except ProverError as error:
        assert "was proved" in str(error)
    finally:
        sympy.core.cache.clear_cache()
