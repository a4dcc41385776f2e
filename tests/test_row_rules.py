"""Every rule that rewrites rows is an identity: the prover decides, and refutes the same rules with an error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sympy import Expr

from nnmath.calculus.derivation import Definition
from nnmath.calculus.functions import sigmoid
from nnmath.calculus.parser import parse_definitions, parse_givens
from nnmath.calculus.prover import Prover
from nnmath.calculus.sums import Delta, bound_sum, rebuild
from nnmath.calculus.tensors import Element, Index, Tensor
from nnmath.numeric.stability.forms import InOrder, log1p, sech2
from nnmath.numeric.stability.projections import with_differences
from nnmath.numeric.stability.rewriting import stabilise
from nnmath.numeric.stability.row_forms import (
    Centred,
    Complement,
    LessMean,
    Over,
    RowMinus,
    UnitMinus,
    ZeroSum,
    sigmoid_minus,
    tanh_minus,
)
from nnmath.numeric.stability.row_scaling import with_scaled_rows

SOFTMAX = "P[i, c] = exp(Z[i, c])/sum(exp(Z[i, k]) for k in C)"
MEAN = "M[i] = sum(X[i, d] for d in D)/D"

#: What it is about, givens, definitions, the name of the one that is rewritten, the form that must appear.
RULES = [
    ("labels", "Z: n C\ny: n int<C", f"{SOFTMAX}\nR[i, c] = (P[i, c] - delta(c, y[i]))/n", ZeroSum),
    (
        "a label with a weight",
        "Z: n C\ny: n int<C\nw: C",
        f"{SOFTMAX}\nR[i, c] = w[y[i]]*(P[i, c] - delta(c, y[i]))",
        ZeroSum,
    ),
    (
        "smoothed labels",
        "Z: n C\ny: n int<C\na: real",
        f"{SOFTMAX}\nR[i, c] = P[i, c] - (1 - a)*delta(c, y[i]) - a/C",
        ZeroSum,
    ),
    (
        "diagonal",
        "Z: n n",
        "P[i, c] = exp(Z[i, c])/sum(exp(Z[i, k]) for k in n)\nR[i, c] = P[i, c] - delta(i, c)",
        ZeroSum,
    ),
    (
        "along columns",
        "Z: n C\ny: C int<n",
        "P[i, c] = exp(Z[i, c])/sum(exp(Z[k, c]) for k in n)\nR[i, c] = P[i, c] - delta(i, y[c])",
        ZeroSum,
    ),
    (
        "upstream through log-softmax",
        "Z: n C\nU: n C",
        f"{SOFTMAX}\nR[i, c] = U[i, c] - P[i, c]*sum(U[i, k] for k in C)",
        ZeroSum,
    ),
    (
        "masked",
        "Z: n C\nm: C mask\ny: n int<C",
        "P[i, c] = m[c]*exp(Z[i, c])/sum(m[k]*exp(Z[i, k]) for k in C)\nR[i, c] = P[i, c] - delta(c, y[i])",
        ZeroSum,
    ),
    ("all positions", "Z: n C", f"{SOFTMAX}\nR[i, c, b] = 3*P[i, c]*(delta(c, b) - P[i, b])", UnitMinus),
    (
        "all positions, one row",
        "z: C",
        "p[c] = exp(z[c])/sum(exp(z[k]) for k in C)\nR[c: C, b] = p[b] - delta(c, b)",
        UnitMinus,
    ),
    ("one minus a probability", "Z: n C", f"{SOFTMAX}\nR[i, c] = P[i, c]*(2 - 2*P[i, c])", Complement),
    (
        "less its mean",
        "Z: n C\nU: n C",
        f"{SOFTMAX}\nR[i, c] = P[i, c]*(U[i, c] - sum(P[i, k]*U[i, k] for k in C))",
        LessMean,
    ),
    (
        "less its mean, with weights",
        "Z: n C\nU: n C\nw: C\na: n",
        f"{SOFTMAX}\nR[i, c] = sum(2*a[i]*w[k]*P[i, k]*U[i, k] for k in C) - 2*a[i]*w[c]*U[i, c]",
        LessMean,
    ),
    ("target distributions", "Z: n C\nY: n C rows", f"{SOFTMAX}\nR[i, c] = (P[i, c] - Y[i, c])/n", RowMinus),
    (
        "one-hot rows, not named",
        "Z: n C\nY: n C onehot",
        "R[i, c] = exp(Z[i, c])/sum(exp(Z[i, k]) for k in C) - Y[i, c]",
        RowMinus,
    ),
    (
        "a probability and its target",
        "z: n\nt: n",
        "s[i] = sigmoid(z[i])\nl[i] = log(s[i])\nR[i] = (s[i] - t[i])/n",
        sigmoid_minus,
    ),
    ("not named", "z: n\nt: n", "R[i] = 3*t[i] - 3*sigmoid(2*z[i])", sigmoid_minus),
    ("a unit and its target", "z: n\nt: n", "s[i] = sigmoid(z[i])\nR[i] = (s[i] - t[i])*s[i]", sigmoid_minus),
    ("a gate", "z: n\nx: n", "s[i] = sigmoid(z[i])\nR[i] = (1 - s[i])*s[i]*x[i]", sigmoid),
    ("a gate and its state", "z: n\nx: n", "s[i] = sigmoid(z[i])\nR[i] = x[i] - x[i]*s[i] - 2", sigmoid),
    ("a hidden unit", "X: n D\nw: D", "a[i] = tanh(sum(X[i, d]*w[d] for d in D))\nR[i] = 3 - 3*a[i]**2", sech2),
    ("one minus a hidden unit", "z: n", "a[i] = tanh(z[i])\nR[i] = (1 - a[i])/2", sigmoid),
    (
        "two hidden units",
        "z: n\nu: n\nw: n",
        "a[i] = tanh(z[i])\nb[i] = tanh(u[i])\nR[i] = w[i]*a[i] - w[i]*b[i] + 3",
        tanh_minus,
    ),
    ("one minus a small probability", "p: n unit", "R[i] = 2*log(1 - p[i])", log1p),
    ("a square over a variance", "m: n\nt: n\nv: n positive", "R[i] = 3*(m[i] - t[i])**2/v[i]", InOrder),
    (
        "the derivative of that",
        "m: n\nt: n\nv: n positive",
        "R[i] = (2*v[i] - (m[i] - t[i])**2)/(7*v[i]**3)",
        InOrder,
    ),
    ("second mean", "X: n D", f"{MEAN}\nR[i, d] = (X[i, d] - M[i])**2", Centred),
    ("second mean, not named", "x: D", "R[d] = x[d] - sum(x[k] for k in D)/D", Centred),
    (
        "second mean over two axes",
        "X: n D E",
        "M[i] = sum(X[i, d, e] for d in D for e in E)/(D*E)\nR[i, d, e] = X[i, d, e] - M[i]",
        Centred,
    ),
]


def elementary(e: Expr) -> Expr:
    """Forms by what they stand for."""
    forms = ZeroSum | RowMinus | Complement | UnitMinus | LessMean | Centred | Over | sigmoid_minus | sech2
    forms |= tanh_minus | log1p | InOrder
    if isinstance(e, forms):
        return elementary(e.as_elementary())
    return rebuild(e, lambda x: elementary(x) if isinstance(x, forms) else None)


def parsed(given: str, define: str) -> tuple[list[Tensor], dict[str, Definition]]:
    givens = list(parse_givens(given))
    return givens, {d.name: d for d in parse_definitions(define, givens)}


def with_labels(givens: list[Tensor], e: Expr) -> list[Tensor]:
    """The givens and any arbitrary position that a form brought in."""
    return [*givens, *sorted({t for t in e.atoms(Tensor) if t.name == "at"}, key=str)]


@pytest.mark.parametrize(("given", "define", "form"), [r[1:] for r in RULES], ids=[r[0] for r in RULES])
def test_a_rule_rewrites_to_something_equal(given: str, define: str, form: type[Expr]) -> None:
    givens, known = parsed(given, define)
    target = known.pop("R")
    better = stabilise(target.body, known)
    assert better.has(form)
    plain = elementary(better)
    prover = Prover(list(known.values()), with_labels(givens, plain))
    assert prover.judge(target.body, plain).kind == "proved"
    assert prover.judge(target.body, 2 * plain).kind == "refuted"
    for zero in (z for z in better.atoms(ZeroSum) if len(z.args) == 4):
        x, c, at, less = zero.args
        assert prover.judge(elementary(zero), x - less * Delta(c, at)).kind == "proved"
        assert prover.judge(elementary(zero), x - 2 * less * Delta(c, at)).kind == "refuted"


def test_a_form_for_rows_that_sum_to_something_else_is_refuted() -> None:
    """The forms hold for rows that sum to 0, or to 1, and for no others."""
    givens, known = parsed("Z: n C\nY: n C\ny: n int<C", f"{SOFTMAX}\nR[i, c] = 2*P[i, c] - Y[i, c]")
    (i, c), body = known["R"].indices, known["R"].body
    prover = Prover([known["P"]], givens)
    p, y = Element(known["P"].tensor, i, c), Element(givens[1], i, c)
    label = Element(givens[2], i)
    assert prover.judge(body, ZeroSum(body, c, label).as_elementary()).kind == "refuted"
    wrong = RowMinus(2 * p, y, c).as_elementary()
    arbitrary = [t for t in wrong.atoms(Tensor) if t.name == "at"]
    assert Prover([known["P"]], [*givens, *arbitrary]).judge(body, wrong).kind == "refuted"
    b = Index("b", c.dim)
    less = LessMean(y, 2 * p, c, 1).as_elementary()
    assert Prover([known["P"]], with_labels(givens, less)).judge(y - bound_sum(2 * p * y, c), less).kind == "refuted"
    for form, said in ((Complement(2 * p, c), 1 - 2 * p), (UnitMinus(2 * p, c, b), Delta(c, b) - 2 * p)):
        plain = form.as_elementary()
        assert Prover([known["P"]], with_labels(givens, plain)).judge(said, plain).kind == "refuted"


#: A unit, what is said of it, and a form that is near it and wrong.
WRONG_UNITS = [
    ("sigmoid(z[i])", lambda s, z: 1 - s, lambda z: sigmoid(z)),
    ("sigmoid(z[i])", lambda s, z: (1 - s) * s, lambda z: sech2(z) / 4),
    ("tanh(z[i])", lambda a, z: 1 - a**2, lambda z: sech2(z / 2)),
    ("tanh(z[i])", lambda a, z: 1 - a, lambda z: sigmoid(-2 * z)),
    ("tanh(z[i])", lambda a, z: 1 - a, lambda z: 2 * sigmoid(2 * z)),
]


@pytest.mark.parametrize(("unit", "said", "wrong"), WRONG_UNITS)
def test_a_wrong_form_of_a_unit_is_refuted(
    unit: str, said: Callable[[Expr, Expr], Expr], wrong: Callable[[Expr], Expr]
) -> None:
    givens, known = parsed("z: n", f"s[i] = {unit}")
    z = Element(givens[0], *known["s"].indices)
    left = said(known["s"].element, z)
    prover = Prover(list(known.values()), givens)
    assert prover.judge(left, elementary(wrong(z))).kind == "refuted"
    assert prover.judge(left, elementary(stabilise(left, known))).kind == "proved"


NOT_REWRITTEN = [
    ("two rows", "Z: n C\nY: n C", f"{SOFTMAX}\nR[i, c] = P[i, c] - Y[i, c]"),  # nothing says that Y is a distribution
    ("a gate that is given", "s: n", "R[i] = (1 - s[i])*s[i]"),  # nobody knows of what it is the sigmoid
    ("two minus a gate", "z: n", "s[i] = sigmoid(z[i])\nR[i] = 2 - s[i]"),
    ("one minus the square of a gate", "z: n", "s[i] = sigmoid(z[i])\nR[i] = 1 - s[i]**2"),
    ("one minus two units", "z: n\nu: n", "a[i] = tanh(z[i])\nb[i] = tanh(u[i])\nR[i] = 1 - a[i]*b[i]"),
    ("one minus another function", "z: n", "a[i] = z[i]/(1 + z[i]**2)\nR[i] = 1 - a[i]**2"),
    ("less half its mean", "Z: n C\nU: n C", f"{SOFTMAX}\nR[i, c] = U[i, c] - sum(P[i, k]*U[i, k] for k in C)/2"),
    ("less another mean", "Z: n C\nU: n C\nV: n C", f"{SOFTMAX}\nR[i, c] = U[i, c] - sum(P[i, k]*V[i, k] for k in C)"),
    ("less a mean with given rows", "P: n C rows\nU: n C", "R[i, c] = U[i, c] - sum(P[i, k]*U[i, k] for k in C)"),
    ("one minus half of a probability", "Z: n C", f"{SOFTMAX}\nR[i, c] = 1 - P[i, c]/2"),
    ("two minus a probability", "Z: n C", f"{SOFTMAX}\nR[i, c] = 2 - P[i, c]"),
    ("one minus what sums along another axis", "Z: n C", f"{SOFTMAX}\nR[i, c, j: n] = delta(i, j) - P[i, c]"),
    ("one minus a given row", "P: n C rows", "R[i, c] = 1 - P[i, c]"),
    ("a sum of two units", "z: n\nu: n", "a[i] = tanh(z[i])\nb[i] = tanh(u[i])\nR[i] = a[i] + b[i]"),
    ("a probability that is computed", "z: n", "p[i] = z[i]**2\nR[i] = log(1 - p[i])"),
    ("a square over a sum", "m: n\nt: n\nv: n positive", "R[i] = (m[i] - t[i])**2/(v[i] + 1)"),
    ("a square beside other terms", "m: n\nt: n\nv: n positive", "R[i] = (m[i] - (m[i] - t[i])**2)/v[i]**2"),
    ("another axis", "Z: n C\ny: C int<n", f"{SOFTMAX}\nR[i, c] = P[i, c] - delta(i, y[c])"),
    ("another mean", "X: n D", "M[d] = sum(X[i, d] for i in n)/D\nR[i, d] = X[i, d] - M[d]"),
    ("three terms", "X: n D\nU: n D", f"{MEAN}\nR[i, d] = X[i, d] + U[i, d] - M[i]"),
]


@pytest.mark.parametrize(("given", "define"), [r[1:] for r in NOT_REWRITTEN], ids=[r[0] for r in NOT_REWRITTEN])
def test_what_no_rule_is_for_stays(given: str, define: str) -> None:
    _, known = parsed(given, define)
    target = known.pop("R")
    assert stabilise(target.body, known) == target.body


#: What it is about, givens, definitions of which R is returned, names that must have appeared.
SYSTEMS = [
    (
        "root mean square",
        "X: n D\neps: positive",
        "S[i] = sum(X[i, d]**2 for d in D)/D\nR[i, d] = X[i, d]/sqrt(S[i] + eps)",
        ("X_scale", "X_scaled"),
    ),
    (
        "its reciprocal",
        "X: n D\neps: positive",
        "S[i] = sum(X[i, d]**2 for d in D)/D\nR[i] = 1/sqrt(S[i] + eps)",
        ("X_scale",),
    ),
    (
        "deviation from the mean",
        "X: n D\neps: positive",
        f"{MEAN}\nV[i] = sum((X[i, d] - M[i])**2 for d in D)/D\nR[i, d] = (X[i, d] - M[i])/sqrt(V[i] + eps)",
        ("X_scale",),
    ),
    (
        "a sum of two arrays",
        "X: n D\nU: n D",
        "V[i, d] = X[i, d] + U[i, d]\nR[i] = sqrt(sum(V[i, d]**2 for d in D))",
        ("V_scale", "V_scaled"),
    ),
    ("a norm", "x: D", "R = sqrt(sum(x[d]**2 for d in D))", ("x_scale",)),
    (
        "a norm that is at most c",
        "x: D\nc: positive",
        "N = sqrt(sum(x[d]**2 for d in D))\nR[i] = where(N - c > 0, c/N, 1)*x[i]",
        ("x_scale",),
    ),
    ("columns", "X: n D", "N[d] = sqrt(sum(X[i, d]**2 for i in n))\nR[i, d] = X[i, d]/N[d]", ("X_scale",)),
    (
        "with a bias that is not scaled",
        "X: n D\nm: D\neps: positive",
        "S[i] = sum(X[i, d]**2 for d in D)\nT[i, d] = X[i, d] - m[d]\nR[i, d] = T[i, d]/sqrt(S[i] + eps)",
        ("X_scale",),
    ),
    (
        "cosine and its gradient",
        "A: n D\nB: n D\neps: positive",
        "a[i] = sum(A[i, d]**2 for d in D) + eps\nb[i] = sum(B[i, d]**2 for d in D) + eps\n"
        "s[i] = sum(A[i, d]*B[i, d] for d in D)/sqrt(a[i]*b[i])\n"
        "R[i, d] = B[i, d]/sqrt(a[i]*b[i]) - s[i]*A[i, d]/a[i]",
        ("A_scale", "B_scale", "B_over_A", "B_off_A"),
    ),
    (
        "two distances, of rows that are computed",
        "A: n D\nB: n D\nC: n D\nm: positive",
        "V = A - B\nW = A - C\nr[i] = sqrt(sum(V[i, d]**2 for d in D))\nq[i] = sqrt(sum(W[i, d]**2 for d in D))\n"
        "u = m + r - q\nR[i, d] = u[i]*V[i, d]/r[i] - W[i, d]/q[i]",
        ("V_scale", "V_scaled", "W_scale", "W_scaled"),
    ),
    (
        "two distances, of rows without a name",
        "A: n D\nB: n D\nC: n D\nm: positive",
        "R[i] = m + sqrt(sum((A[i, d] - B[i, d])**2 for d in D)) - sqrt(sum((A[i, d] - C[i, d])**2 for d in D))",
        ("difference_scale", "difference2_scale"),
    ),
    (
        "a distance without a name and its square",
        "a: D\nb: D\nc: D",
        "r = sqrt(sum((3*a[d] - 3*b[d])**2 for d in D))\nR[i: D] = r**2*(b[i] - a[i])/r - r*c[i]",
        ("difference_scale",),
    ),
    (
        "cosine of scaled rows",
        "a: D\nb: D",
        "R[i: D] = a[i]*sum(a[d]*b[d] for d in D)/sqrt(sum(a[d]**2 for d in D))/sqrt(sum(b[d]**2 for d in D))",
        ("a_scale", "b_scale"),
    ),
    (
        "a length that shall be 1, of rows that are computed",
        "X: n D\nW: D D\neps: positive",
        "G[i, j] = sum(X[i, d]*W[d, j] for d in D)\nq[i] = sqrt(sum(G[i, d]**2 for d in D) + eps)\n"
        "R[i, d] = (q[i] - 1)*G[i, d]/q[i]",
        ("G_scale", "G_scaled"),
    ),
    (
        "cubes of rows that are computed",
        "A: n D\nB: n D",
        "V = A - B\nS[i] = sum(abs(V[i, d])**3 for d in D)\nr[i] = S[i]**(1/3)\nR[i, d] = V[i, d]*abs(V[i, d])/r[i]**2",
        ("V_scale", "V_scaled"),
    ),
]


def rewritten(known: dict[str, Definition]) -> dict[str, Definition]:
    return with_scaled_rows(with_differences(known, ["R"], set(known)), ["R"], set(known))


def proof(givens: list[Tensor], known: dict[str, Definition], new: dict[str, Definition], factor: int = 1) -> str:
    """The verdict on R = R of the rewritten definitions, for any scale s > 0 and any ratio: these are givens here."""
    free = [d.tensor for n, d in new.items() if n.endswith("_scale") or "_over_" in n]
    renamed = {n: Tensor(f"{n}_new", d.tensor.dims, d.tensor.domain) for n, d in new.items() if d.tensor not in free}

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Over):
            return elementary(rebuild(e.as_elementary(), leaf))
        if isinstance(e, Element) and e.tensor.name in renamed:
            return Element(renamed[e.tensor.name], *e.indices)
        return None

    bodies = [Definition(renamed[n], d.indices, rebuild(d.body, leaf)) for n, d in new.items() if n in renamed]
    prover = Prover([*known.values(), *bodies], [*givens, *free])
    right = Element(renamed["R"], *known["R"].indices)
    return prover.judge(known["R"].element, factor * right).kind


@pytest.mark.parametrize(("given", "define", "names"), [s[1:] for s in SYSTEMS], ids=[s[0] for s in SYSTEMS])
def test_scales_and_ratios_change_no_value(given: str, define: str, names: tuple[str, ...]) -> None:
    givens, known = parsed(given, define)
    new = rewritten(known)
    assert {*names} <= new.keys()
    assert proof(givens, known, new) == "proved"
    assert proof(givens, known, new, factor=2) == "refuted"


def test_a_scale_that_is_forgotten_is_refuted() -> None:
    """ε without the scale's square, and a result without its power."""
    givens, known = parsed(*SYSTEMS[0][1:3])
    new = rewritten(known)
    s = new["X_scale"].element
    for name in ("R", "X_scaled"):
        d = new[name]
        wrong = {
            **new,
            name: Definition(
                d.tensor, d.indices, elementary(d.body) * s.xreplace({new["X_scale"].indices[0]: d.indices[0]})
            ),
        }
        assert proof(givens, known, wrong) == "refuted"


NOT_SCALED = [
    ("no norm", "X: n D", "R = sum(X[i, d]**2 for i in n for d in D)"),
    (
        "terms in different units",
        "X: n D\nU: n D\neps: positive",
        "S[i] = sum(X[i, d]**2 for d in D)\nR[i, d] = U[i, d] + X[i, d]/sqrt(S[i] + eps) + X[i, d]*S[i]",
    ),
    ("an exponential", "X: n D", "R[i] = sqrt(sum(exp(X[i, d]) for d in D))"),
]


@pytest.mark.parametrize(("given", "define"), [r[1:] for r in NOT_SCALED], ids=[r[0] for r in NOT_SCALED])
def test_formulas_without_a_unit_are_left_alone(given: str, define: str) -> None:
    _, known = parsed(given, define)
    assert rewritten(known) == known
