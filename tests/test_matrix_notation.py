"""Matrix notation: what it says, in a table, and that it means the index form, by evaluating both independently."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
import sympy
from sympy import exp

from nnmath.calculus.functions import Unknown, sigmoid
from nnmath.calculus.matrix_notation import matrix_notation
from nnmath.calculus.notation import (
    Apply,
    Diag,
    Fill,
    Hadamard,
    Identity,
    Inner,
    MatMul,
    Name,
    OneHot,
    Ones,
    Plus,
    Power,
    Quotient,
    Scalar,
    Scaled,
    Softmax,
    SquaredNorm,
    Times,
    Trace,
    Transpose,
)
from nnmath.calculus.sums import BoundSum, Delta, Partial, bound_sum
from nnmath.calculus.tensors import Domain, Element, Index, Tensor, dimension
from nnmath.rendering.expressions import Writer, notation_text
from nnmath.rendering.latex_style import LATEX
from nnmath.rendering.matrices import write_notation

n, d, h = dimension("n"), dimension("d"), dimension("h")
SIZES = {n: 3, d: 2, h: 4}
i, j, m = (Index(s, n) for s in "ijm")
a, b, c = (Index(s, d) for s in "abc")
p, q, r = (Index(s, h) for s in "pqr")

X, P, Y, Z, D = (Tensor(s, (n, d)) for s in "XPYZD")
W, V = Tensor("W", (d, h)), Tensor("V", (d, h))
A1, G = Tensor("A1", (n, h)), Tensor("G", (n, h))
Q, K = Tensor("Q", (n, d)), Tensor("K", (n, d))
S = Tensor("S", (n, n))
x, y, s = (Tensor(t, (n,)) for t in "xys")
v, w = Tensor("v", (d,)), Tensor("w", (d,))
bias = Tensor("b", (h,))
labels = Tensor("y", (n,), Domain(below=d))
lam = Tensor("lambda")
T3 = Tensor("T3", (n, d, h))


def total(*args):
    *indices, body = args
    return bound_sum(body, *indices)


XW = total(a, X[i, a] * W[a, p])

CASES = [
    # index form, axes, notation
    (total(i, X[i, a] * D[i, b]), (a, b), "Xᵀ D"),
    ((P[i, a] - Y[i, a]) / n, (i, a), "(P − Y)/n"),
    (P[i, a] / n - Y[i, a] / n, (i, a), "(P − Y)/n"),
    (-(Y[i, a] - P[i, a]) / n, (i, a), "(P − Y)/n"),
    (total(i, X[i, a] * (P[i, b] - Y[i, b]) / n), (a, b), "Xᵀ (P − Y)/n"),
    (total(i, X[i, a] * P[i, b]) / n - total(i, X[i, a] * Y[i, b]) / n, (a, b), "Xᵀ (P − Y)/n"),
    (total(i, D[i, b]), (b,), "Dᵀ 1"),
    (total(a, D[i, a]), (i,), "D 1"),
    (total(p, G[i, p] * W[a, p]) * (1 - D[i, a] ** 2), (i, a), "(G Wᵀ) ⊙ (1 − D ⊙ D)"),
    (Delta(a, b) * v[a] - v[a] * v[b], (a, b), "diag(v) − v vᵀ"),
    (total(i, x[i] * y[i]), (), "xᵀ y"),
    (total(i, x[i] ** 2), (), "‖x‖²"),
    (sympy.sqrt(total(i, x[i] ** 2)), (), "‖x‖"),
    (total(i, a, X[i, a] ** 2), (), "‖X‖_F²"),
    (total(i, a, X[i, a] * Y[i, a]), (), "⟨X, Y⟩_F"),
    (total(i, a, X[i, a]), (), "1ᵀ X 1"),
    (total(a, p, X[i, a] * W[a, p] * bias[p]), (i,), "X W b"),
    (total(a, b, X[i, a] * Y[j, a] * X[m, b] * Y[j, b]), (i, m), None),
    (total(a, X[i, a] * total(j, Y[j, a] * D[j, b])), (i, b), "X Yᵀ D"),
    (XW + bias[p], (i, p), "X W + 1 bᵀ"),
    (sympy.tanh(XW + bias[p]), (i, p), "tanh(X W + 1 bᵀ)"),
    (lam() * W[a, p] + total(i, X[i, a] * G[i, p]), (a, p), "Xᵀ G + λ W"),
    (Unknown("g", 1, Z[i, a]) * total(p, G[i, p] * W[a, p]), (i, a), "(G Wᵀ) ⊙ g′(Z)"),
    (s[i] * X[i, a], (i, a), "diag(s) X"),
    (X[i, a] * v[a], (i, a), "X diag(v)"),
    (total(a, X[i, a] * v[a] * W[a, p]), (i, p), "X diag(v) W"),
    (total(a, Q[i, a] * K[j, a]) / sympy.sqrt(d), (i, j), "Q Kᵀ/√d"),
    (total(j, S[i, j] * X[j, a]), (i, a), "S X"),
    (S[i, j] * (G[i, p] - total(m, S[i, m] * G[m, p])), (i, j), None),
    (-total(i, a, Y[i, a] * sympy.log(P[i, a])) / n, (), "−⟨Y, log P⟩_F/n"),
    (sympy.exp(Z[i, a]) / total(b, sympy.exp(Z[i, b])), (i, a), "softmax(Z)"),
    (sympy.exp(Z[i, a]) / total(j, sympy.exp(Z[j, a])), (i, a), "softmax(Zᵀ)ᵀ"),
    # Softmax by its name, however its factors are spread; none where the sums do not cancel.
    (total(i, exp(x[i]) * y[i]) / total(i, exp(x[i])), (), "yᵀ softmax(x)"),
    (
        exp(x[i]) * (Delta(i, j) * total(m, exp(x[m])) - exp(x[j])) / total(m, exp(x[m])) ** 2,
        (i, j),
        "diag(softmax(x)) − softmax(x) softmax(x)ᵀ",
    ),
    (exp(x[i] + x[j]) / total(m, exp(x[m])) ** 2, (i, j), "softmax(x) softmax(x)ᵀ"),
    (exp(2 * x[i]) / total(m, exp(x[m])) ** 2, (i,), "softmax(x)^⊙2"),
    (exp(2 * x[i]) / total(m, exp(2 * x[m])), (i,), "softmax(2 x)"),
    (exp(x[i]) / (1 + total(m, exp(x[m]))), (i,), "exp(x)/(1 + 1ᵀ exp(x))"),
    (exp(x[i] + y[i]) / total(m, exp(x[m])), (i,), "softmax(x) ⊙ exp(y)"),
    (
        exp(x[i]) * exp(-y[i]) / total(m, exp(x[m])) / total(j, exp(y[j])),
        (i,),
        "(exp(−y) ⊙ exp(x))/((1ᵀ exp(y)) (1ᵀ exp(x)))",
    ),
    (exp(XW) / total(q, exp(total(a, X[i, a] * W[a, q]))) * x[i], (i, p), "diag(x) softmax(X W)"),
    (
        total(i, X[i, a] * exp(Z[i, b]) * x[i] / total(c, exp(Z[i, c]))) - v[a] * v[b],
        (a, b),
        "Xᵀ diag(x) softmax(Z) − v vᵀ",
    ),
    (total(a, Z[i, a] * exp(Z[i, a])) / total(a, exp(Z[i, a])), (i,), "(Z ⊙ softmax(Z)) 1"),
    (total(i, exp(Z[i, a]) / total(b, exp(Z[i, b]))) * total(j, exp(x[j])), (a,), "(1ᵀ exp(x)) softmax(Z)ᵀ 1"),
    # Scalars that are formulas.
    (total(i, x[i] * y[i]) * x[j] / total(i, x[i] ** 2), (j,), "(xᵀ y) x/‖x‖²"),
    (total(i, x[i] ** 3) / total(i, x[i] ** 2) ** 2, (), "1ᵀ x^⊙3/‖x‖⁴"),
    (v[a] / total(i, x[i] ** 2) / total(i, x[i] * y[i]), (a,), "v/((xᵀ y) ‖x‖²)"),
    (v[a] - total(i, x[i] * y[i]) / total(i, x[i] ** 2), (a,), "v − ((xᵀ y)/‖x‖²) 1"),
    (3 * total(i, x[i] ** 2) * v[a], (a,), "3 ‖x‖² v"),
    (sympy.sqrt(x[i] ** 2 + y[i] ** 2), (i,), "√(x ⊙ x + y ⊙ y)"),
    (x[i] / sympy.sqrt(x[i] ** 2 + y[i] ** 2) ** 3, (i,), "x ⊘ (x ⊙ x + y ⊙ y)^⊙(3/2)"),
    (sympy.Integer(0), (i, j), "0"),
    (Z[i, a] - sympy.log(total(b, sympy.exp(Z[i, b]))), (i, a), "Z − log(exp(Z) 1) 1ᵀ"),
    ((P[i, a] - Delta(a, labels[i])) / n, (i, a), "(P − onehot(y))/n"),
    (Y[i, a] / P[i, a], (i, a), "Y ⊘ P"),
    (total(i, x[i] * sympy.log(s[i]) + (1 - x[i]) * sympy.log(y[i])) / n, (), "(xᵀ log s + (1 − x)ᵀ log y)/n"),
    (
        total(i, p, X[i, a] * (1 - A1[i, p] ** 2) * total(b, W[b, p] * (P[i, b] - Y[i, b]))),
        (a,),
        "Xᵀ (((P − Y) W) ⊙ (1 − A₁ ⊙ A₁)) 1",
    ),
    (
        total(i, X[i, a] * (1 - A1[i, p] ** 2) * total(b, W[b, p] * (P[i, b] - Y[i, b]))),
        (a, p),
        "Xᵀ (((P − Y) W) ⊙ (1 − A₁ ⊙ A₁))",
    ),
    (total(i, S[j, i] * x[i] ** 2), (j,), "S (x ⊙ x)"),
    (x[i] * y[i], (i,), "x ⊙ y"),
    (x[i] * v[a], (i, a), "x vᵀ"),
    (total(i, x[i] * y[i]) * X[i, a], (i, a), "(xᵀ y) X"),
    (lam() + X[i, a], (i, a), "X + λ 1 1ᵀ"),
    (sympy.Integer(2), (i,), "2 1"),
    (1 / n, (i, a), "1 1ᵀ/n"),
    (Delta(i, j), (i, j), "I"),
    (sigmoid(Z[i, a]) * (1 - sigmoid(Z[i, a])), (i, a), "σ(Z) ⊙ (1 − σ(Z))"),
    (T3[i, a, p], (i, a, p), None),
    (total(p, T3[i, a, p]), (i, a), None),
    (S[i, i], (i,), None),
    (P[i, labels[i]], (i,), None),
    (X[0, a], (a,), None),
    (Partial(X[i, a], Y[i, a]), (i, a), None),
    (X[i, a], (i,), None),
]


@pytest.mark.parametrize(("expr", "axes", "expected"), CASES, ids=[str(k) for k in range(len(CASES))])
def test_what_it_says(expr, axes, expected):
    node = matrix_notation(expr, axes)
    assert (None if node is None else notation_text(node)) == expected


IN_LATEX = [
    (total(i, x[i] ** 2) * exp(x[j]) / total(i, exp(x[i])), r"\lVert x \rVert^{2} \thinspace \mathrm{softmax}(x)"),
    (
        total(i, x[i] * y[i]) * x[j] / total(i, x[i] ** 2),
        r"\frac{x^{\top} y}{\lVert x \rVert^{2}} x",
    ),
    (x[j] / total(i, x[i] ** 2) ** 2, r"\frac{1}{\lVert x \rVert^{4}} x"),
    (sympy.sqrt(x[j] ** 2 + 1), r"\sqrt{1 + x \odot x}"),
]


@pytest.mark.parametrize(("expr", "expected"), IN_LATEX)
def test_what_it_says_in_latex(expr, expected):
    node = matrix_notation(expr, (j,))
    assert node is not None
    assert " ".join(write_notation(Writer(LATEX), node).text.split()) == expected


@pytest.mark.parametrize(("expr", "axes", "expected"), CASES, ids=[str(k) for k in range(len(CASES))])
@pytest.mark.parametrize("equal", [False, True], ids=["distinct sizes", "equal sizes"])
def test_it_means_the_index_form(expr, axes, expected, equal):
    for order in itertools.permutations(axes):
        node = matrix_notation(expr, order)
        if node is not None:
            check(node, expr, order, dict.fromkeys(SIZES, 3) if equal else SIZES)


def check(node, expr, axes, sizes):
    rng = np.random.default_rng(5)
    arrays = {}
    for t in sorted(expr.atoms(Tensor), key=lambda t: t.name):
        shape = tuple(sizes[k] for k in t.dims)
        arrays[t.name] = rng.integers(0, sizes[t.domain.below], shape) if t.domain.below else rng.uniform(0.2, 2, shape)
    want = np.array(
        [
            value(expr, dict(zip(axes, at, strict=True)), arrays, sizes)
            for at in itertools.product(*(range(sizes[k.dim]) for k in axes))
        ]
    ).reshape([sizes[k.dim] for k in axes] + [1] * (2 - len(axes)))
    got = array(node, want.shape, arrays, sizes)
    np.testing.assert_allclose(got, want, rtol=1e-12)


FUNCTIONS = {
    "exp": np.exp, "log": np.log, "tanh": np.tanh, "g": lambda t: t**3, "g1": lambda t: 3 * t**2,
    "sigmoid": lambda t: 1 / (1 + np.exp(-t)),
}  # fmt: skip


def value(e, at, arrays, sizes):
    """The index form at one entry, by loops."""
    rec = lambda t: value(t, at, arrays, sizes)  # noqa: E731
    if isinstance(e, Element):
        return arrays[e.tensor.name][tuple(int(rec(k)) for k in e.indices)]
    if e in at or e in sizes:
        return at.get(e, sizes.get(e))
    if isinstance(e, BoundSum):
        body, ks = e.open()
        spaces = itertools.product(*(range(sizes[k.dim]) for k in ks))
        return math.fsum(value(body, {**at, **dict(zip(ks, t, strict=True))}, arrays, sizes) for t in spaces)
    if isinstance(e, Delta):
        return float(rec(e.args[0]) == rec(e.args[1]))
    if e.is_Number:
        return float(e)
    if e.is_Add:
        return math.fsum(map(rec, e.args))
    if e.is_Mul:
        return math.prod(map(rec, e.args))
    if e.is_Pow:
        return rec(e.base) ** rec(e.exp)
    if isinstance(e, Unknown):
        return FUNCTIONS["g" + "1" * e.order](rec(e.argument))
    return FUNCTIONS[type(e).__name__](rec(e.args[0]))


def shape(node, arrays):
    """Rows and columns, None where only the neighbours know."""
    match node:
        case Name(t):
            return (*arrays[t].shape, *[1] * (2 - arrays[t].ndim))
        case Scalar() | Inner() | Trace() | SquaredNorm():
            return 1, 1
        case Ones():
            return None, 1
        case Fill() | Identity() | OneHot():
            return None, None
        case Transpose(of):
            return shape(of, arrays)[::-1]
        case MatMul(factors):
            return shape(factors[0], arrays)[0], shape(factors[-1], arrays)[1]
        case Hadamard(parts) | Plus(parts):
            shapes = [shape(t, arrays) for t in parts]
            return tuple(next((s[k] for s in shapes if s[k] is not None), None) for k in (0, 1))
        case Quotient(over, under):
            return shape(Hadamard((over, under)), arrays)
        case Diag(of):
            return (shape(of, arrays)[0],) * 2
        case Scaled(_, of) | Times(_, of) | Apply(_, of, _) | Softmax(of, _) | Power(of, _, _):
            return shape(of, arrays)
    raise AssertionError(node)


def array(node, want, arrays, sizes):
    """The notation, with strict shapes: nothing here broadcasts."""
    rec = lambda t, s=want: array(t, s, arrays, sizes)  # noqa: E731
    match node:
        case Name(t):
            out = np.asarray(arrays[t], float).reshape(shape(node, arrays))
        case Scalar(e):
            out = np.full((1, 1), value(e, {}, arrays, sizes))
        case Ones() | Fill():
            assert isinstance(node, Fill) or want[1] == 1
            out = np.ones(want)
        case Identity():
            out = np.eye(want[0])
        case Transpose(of):
            out = rec(of, want[::-1]).T
        case Scaled(e, of):
            out = value(e, {}, arrays, sizes) * rec(of)
        case Times(e, of):
            out = rec(e, (1, 1))[0, 0] * rec(of)
        case Plus(terms):
            out = sum(rec(t) for t in terms)
        case Hadamard(factors):
            out = np.prod([rec(t) for t in factors], axis=0)
        case Quotient(over, under):
            out = rec(over) / rec(under)
        case Diag(of):
            out = np.diag(rec(of, (want[0], 1))[:, 0])
        case Apply(f, of, order):
            out = FUNCTIONS[f + "1" * order](rec(of))
        case Softmax(of, matrix):
            assert matrix == (want[1] != 1)
            u = np.exp(rec(of))
            out = u / u.sum(axis=0 if want[1] == 1 else 1, keepdims=True)
        case Power(of, e, entrywise):
            base = rec(of)
            assert entrywise or base.shape == (1, 1) or e == -1
            out = base ** float(e) if entrywise or base.shape == (1, 1) else np.linalg.inv(base)
        case OneHot(Name(t)):
            out = np.eye(want[1])[arrays[t]]
        case Inner(left, right):
            s = shape(Hadamard((left, right)), arrays)
            out = np.full((1, 1), np.sum(rec(left, s) * rec(right, s)))
        case Trace(of):
            s = next(s for s in shape(of, arrays) if s is not None)
            out = np.full((1, 1), np.trace(rec(of, (s, s))))
        case SquaredNorm(of):
            out = np.full((1, 1), np.sum(rec(of, shape(of, arrays)) ** 2))
        case MatMul(factors):
            shapes = [shape(t, arrays) for t in factors]
            cuts = [want[0]]
            for left, right in itertools.pairwise(shapes):
                cuts.append(left[1] if left[1] is not None else right[0])
            cuts.append(want[1])
            assert None not in cuts, "an inner dimension that nothing determines"
            out = np.linalg.multi_dot(
                [np.eye(want[0]), *(rec(t, s) for t, s in zip(factors, itertools.pairwise(cuts), strict=True))]
            )
    assert out.shape == tuple(want), f"{node} has shape {out.shape} where {want} is needed"
    return out


def random_expression(rng, depth=2):
    """A product or sum of elements, functions and contractions over a few indices of three dimensions."""
    pool = {n: (i, j, m), d: (a, b, c), h: (p, q, r)}
    matrices = (X, P, Y, W, A1, S, T3)
    vectors = (x, s, v, bias)

    def element():
        t = rng.choice(matrices if rng.random() < 0.75 else vectors)
        return t[tuple(rng.choice(pool[k]) for k in t.dims)]

    def factor(level):
        kind = rng.random()
        if level == 0 or kind < 0.5:
            return element() ** rng.choice((1, 1, 1, 2, -1))
        if kind < 0.65:
            return sympy.exp(element() / 3)
        if kind < 0.75:
            k, l = rng.sample(pool[rng.choice((n, d, h))], 2)
            return Delta(k, l)
        return term(level - 1) + rng.choice((-1, 1, lam())) * term(level - 1)

    def term(level):
        body = sympy.Mul(*(factor(level) for _ in range(rng.randint(1, 3))))
        free = sorted((k for k in body.free_symbols if isinstance(k, Index)), key=str)
        bound = rng.sample(free, rng.randint(0, len(free)))
        return bound_sum(body, *bound)

    return term(depth)


def test_random_expressions_mean_their_index_form():
    rng, found = random.Random(11), 0
    for _ in range(400):
        expr = random_expression(rng)
        axes = sorted((k for k in expr.free_symbols if isinstance(k, Index)), key=str)
        rng.shuffle(axes)
        node = matrix_notation(expr, axes) if len(axes) <= 2 else None
        if node is not None and len(expr.atoms(Index)) <= 6:
            check(node, expr, tuple(axes), {n: 2, d: 3, h: 1})
            notation_text(node)
            found += 1
    assert found > 100
