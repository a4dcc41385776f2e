"""Random expectations: their normal form has the value that finite laws give them."""

from __future__ import annotations

import random

import pytest

from nnmath.calculus.normal_form import Normalizer
from nnmath.calculus.parser import parse_definitions, parse_expression, parse_givens
from nnmath.calculus.polynomials import Undecided
from nnmath.calculus.refutation import sample
from nnmath.calculus.tensors import Index

#: Laws of x and y; every stated moment and every kind of dependence occurs.
LAWS = (
    "x: n random\ny: n random",
    "x: n random independent\ny: n random independent mean=c",
    "x: n random independent mean=c var=s\ny: n random",
    "x: n random uncorrelated mean=0 var=s\ny: n random independent symmetric var=s",
    "x: n random symmetric\ny: n random independent mask mean=1/3",
    "x: n random independent gaussian mean=c var=s\ny: n random mean=0 var=s cov=s/4",
    "x: n random gaussian mean=c cov=B@B.T\ny: n random independent symmetric",
    "x: n random independent symmetric var=s\ny: n random gaussian mean=0 cov=B@B.T",
)
ATOMS = ("x[i]", "x[j]", "y[i]", "y[j]", "sum(x)", "sum(x*y)", "v[i]", "w[j]", "c", "E(x[i]*y[j])", "s")
FUNCTIONS = ("relu", "abs", "tanh", "exp")


def expression(rng: random.Random, depth: int, functions: bool) -> str:
    if depth == 0:
        return rng.choice(ATOMS)
    a, b = (expression(rng, depth - 1, functions) for _ in range(2))
    shapes = [f"({a})*({b})", f"(({a}) + ({b}))", f"(({a}) - 2*({b}))", f"({a})*{rng.choice(ATOMS)}"]
    if functions:
        shapes.append(f"{rng.choice(FUNCTIONS)}({rng.choice(ATOMS)}/4)*({b})")
    return rng.choice(shapes)


@pytest.mark.parametrize("law", LAWS)
def test_the_normal_form_of_an_average_has_its_value(law: str) -> None:
    givens = parse_givens(f"s: positive\nc: real\nB: n n\n{law}")
    definitions = parse_definitions("v[i] = x[i] - c*y[i]\nw[i] = E(x[i])*y[i] + x[i]", givens)
    tensors = {t.name: t for t in (*givens, *(d.tensor for d in definitions))}
    n = tensors["x"].dims[0]
    i, j = Index("i", n), Index("j", n)
    rng = random.Random(law)
    told = 0
    for at in range(14):
        body = expression(rng, 1 + at % 2, "gaussian" not in law and at % 3 == 0)
        text = rng.choice((f"E({body})", f"Var({body})", f"Cov({body}, {rng.choice(ATOMS)})"))
        expr = parse_expression(text, tensors, {"i": i, "j": j})
        for unfold in ({}, {d.tensor: d for d in definitions}):
            for elementary in (False, True):
                normalizer = Normalizer(unfold, elementary=elementary)
                try:
                    normal = normalizer.expr(normalizer.poly(expr))
                except Undecided:
                    continue
                found = sample(expr, normal, definitions=definitions, givens=givens, thorough=False, entries=4)
                assert not found.refuted, f"{text} under {law!r}: {found.counterexample}"
                told += found.agreed
    assert told >= 50
