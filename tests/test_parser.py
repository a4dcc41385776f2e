"""The grammar: what texts mean, and how every other text is refused."""

from __future__ import annotations

import pytest
import sympy
from sympy import Integer, Rational

from nnmath.calculus.functions import Unknown, Where, relu
from nnmath.calculus.parser import ParseError, parse_claim, parse_definitions, parse_expression, parse_givens
from nnmath.calculus.sums import Delta, bound_sum
from nnmath.calculus.tensors import Index, Tensor, dimension

n, C, H = (dimension(name) for name in ("n", "C", "H"))
i, j, c, k = Index("i", n), Index("j", n), Index("c", C), Index("k", C)

GIVENS = parse_givens(
    """
    Z: n C       # logits, any real numbers
    Y: n C rows  # target distributions
    y: n int<C   # labels
    W: C H
    b: H
    x: real
    alpha: positive = 0.01
    g: function
    M: 2 3
    """
)
Z, Y, y, W, b, x, alpha, g, M = GIVENS
TENSORS = {t.name: t for t in GIVENS}


def define(text: str) -> sympy.Expr:
    return parse_definitions(text, GIVENS)[-1].body


def entry(text: str, *indices: Index) -> sympy.Expr:
    return parse_expression(text, TENSORS, {i.name: i for i in indices})


def test_givens_have_shapes_domains_values_and_descriptions() -> None:
    assert [t.name for t in GIVENS] == ["Z", "Y", "y", "W", "b", "x", "alpha", "g", "M"]
    assert Z.dims == (n, C) and Z.description == "logits, any real numbers"
    assert Y.domain.rows and not Y.domain.positive
    assert y.domain.below == C
    assert alpha.domain.positive and alpha.domain.value == Rational(1, 100)
    assert g.domain.function
    assert M.dims == (Integer(2), Integer(3))


def test_givens_on_one_line_are_separated_by_commas() -> None:
    one, two = parse_givens("z: n C, y: n int < C  # labels")
    assert (one.dims, two.dims, two.domain.below, two.description) == ((n, C), (n,), C, "labels")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("P: C positive rows", {"positive", "rows"}),
        ("P: C onehot", {"onehot"}),
        ("P: C mask", {"mask"}),
        ("P: C nonnegative", {"nonnegative"}),
        ("P: C real", set()),
    ],
)
def test_domains(text: str, words: set[str]) -> None:
    (tensor,) = parse_givens(text)
    assert {w for w in ("positive", "nonnegative", "rows", "onehot", "mask") if getattr(tensor.domain, w)} == words


LOG_SUM = sympy.log(bound_sum(sympy.exp(Z[i, k]), k))
PRODUCT = bound_sum(Z[i, k] * W[k, Index("h", H)], k)
h = Index("h", H)


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        # entries
        ("Z[i, c]*Y[i, c]", (i, c), Z[i, c] * Y[i, c]),
        ("delta(i, j) + x", (i, j), Delta(i, j) + x()),
        ("Z[i, y[i]]", (i,), Z[i, y[i]]),
        ("delta(c, y[i])", (i, c), Delta(c, y[i])),
        ("sum(Z[i, k] for k in C)", (i,), bound_sum(Z[i, k], k)),
        ("sum(Z[i, c] for i in n for c in C)", (), bound_sum(Z[i, c], i, c)),
        ("sum(Z[i, c] for c in C)*Z[i, c]", (i, c), bound_sum(Z[i, k], k) * Z[i, c]),  # the inner c is another one
        ("sum(Z[j, c] for j in n if j != i)", (i, c), bound_sum(Z[j, c] * (1 - Delta(i, j)), j)),
        ("M[1, 2]", (), M[1, 2]),
        # numbers are exact
        ("0.1 + 0.2", (), Rational(3, 10)),
        ("1e-3", (), Rational(1, 1000)),
        ("x**(1/2)", (), sympy.sqrt(x())),
        ("pi*e", (), sympy.pi * sympy.E),
        ("n*C", (i, c), n * C),
        # functions
        ("where(x > 0, 1, 2)", (), Where(x(), 1, 2)),
        ("where(x <= 0, 2, 1)", (), Where(x(), 1, 2)),
        ("where(x < 3, 1, 2)", (), Where(3 - x(), 1, 2)),
        ("where(x >= 3, 1, 2)", (), Where(3 - x(), 2, 1)),
        ("max(x, 0)", (), relu(x())),
        ("min(0, x)", (), -relu(-x())),
        ("max(x, alpha)", (), Where(x() - alpha(), x(), alpha())),
        ("g(x)", (), Unknown(sympy.Symbol("g"), 0, x())),
        ("g.prime.prime(x)", (), Unknown(sympy.Symbol("g"), 2, x())),
        # arrays
        ("Z", (i, c), Z[i, c]),
        ("(Z - Y)/n", (i, c), (Z[i, c] - Y[i, c]) / n),
        ("Z.T", (c, i), Z[i, c]),
        ("Z @ W + b", (i, h), PRODUCT + b[h]),
        ("Z @ W @ b", (i,), bound_sum(bound_sum(Z[i, k] * W[k, h], k) * b[h], h)),
        ("b @ W.T", (c,), bound_sum(b[h] * W[c, h], h)),
        ("b @ b", (), bound_sum(b[h] ** 2, h)),
        ("sum(Z)", (), bound_sum(Z[i, c], i, c)),
        ("sum(Z, axis=0)", (c,), bound_sum(Z[i, c], i)),
        ("mean(Z, axis=-1)", (i,), bound_sum(Z[i, c], c) / C),
        ("Z - sum(Z, axis=1, keepdims=True)", (i, c), Z[i, c] - bound_sum(Z[i, k], k)),
        ("var(b)", (), bound_sum((b[h] - bound_sum(b[Index("m", H)], Index("m", H)) / H) ** 2, h) / H),
        ("var(Z, axis=0)", (c,), bound_sum((Z[i, c] - bound_sum(Z[j, c], j) / n) ** 2, i) / n),
        ("norm(b)", (), sympy.sqrt(bound_sum(b[h] ** 2, h))),
        ("norm(Z)", (), sympy.sqrt(bound_sum(Z[i, c] ** 2, i, c))),
        ("Z/norm(Z, axis=1, keepdims=True)", (i, c), Z[i, c] / sympy.sqrt(bound_sum(Z[i, k] ** 2, k))),
        ("trace(W @ W.T)", (), bound_sum(bound_sum(W[c, h] ** 2, h), c)),
        ("maximum(x, 0) + minimum(0, x)", (), relu(x()) - relu(-x())),
        ("logsumexp(Z)", (i,), LOG_SUM),
        ("log_softmax(Z)", (i, c), Z[i, c] - LOG_SUM),
        ("softmax(Z)", (i, c), sympy.exp(Z[i, c]) / bound_sum(sympy.exp(Z[i, k]), k)),
        ("softmax(Z, axis=0)", (i, c), sympy.exp(Z[i, c]) / bound_sum(sympy.exp(Z[j, c]), j)),
        ("outer(b, b)", (h, Index("m", H)), b[h] * b[Index("m", H)]),
        ("diag(b)", (h, Index("m", H)), Delta(h, Index("m", H)) * b[h]),
        ("g(Z)*exp(x)", (i, c), Unknown(sympy.Symbol("g"), 0, Z[i, c]) * sympy.exp(x())),
    ],
)
def test_meaning(text: str, at: tuple[Index, ...], expected: sympy.Expr) -> None:
    assert entry(text, *at) == expected


def test_an_axis_of_length_one_is_broadcast() -> None:
    v, u = parse_givens("v: n 1, u: C")
    got = parse_expression("v*u", {"v": v, "u": u}, {"i": i, "c": c})
    assert got == v[i, 0] * u[c]


def test_index_and_array_form_agree() -> None:
    (by_index,) = parse_definitions("P[i, c] = exp(Z[i, c]) / sum(exp(Z[i, k]) for k in C)", GIVENS)
    (by_array,) = parse_definitions("P = softmax(Z)", GIVENS)
    assert by_index == by_array
    assert [str(a) for a in by_index.indices] == ["i", "c"]


def test_definitions_build_on_each_other_and_lines_continue_in_brackets() -> None:
    found = parse_definitions(
        """
        # a comment
        P = softmax(Z)   # probabilities
        L = -sum(Y[i, c]*log(P[i, c])
                 for i in n for c in C)/n
        """,
        GIVENS,
    )
    P, L = found
    assert P.tensor.description == "probabilities"
    assert L.indices == () and P.body == define("Q = softmax(Z)")
    assert L.body == -bound_sum(Y[i, c] * sympy.log(P.tensor[i, c]), i, c) / n


def test_upstream_declares_a_pairing() -> None:
    A, E, J = parse_definitions("A = tanh(Z)\nE = upstream(Y, A)\nJ = E + alpha/2*sum(W**2)", GIVENS)
    assert E.pairing and not A.pairing and not J.pairing
    assert E.body == bound_sum(Y[i, c] * A.tensor[i, c], i, c)
    assert J.inputs() == (E.tensor, W, alpha)


def test_a_dimension_may_be_stated() -> None:
    (identity,) = parse_definitions("E[i: n, j: n] = delta(i, j)", GIVENS)
    assert identity.tensor.dims == (n, n) and identity.body == Delta(i, j)


def test_names_of_axes_avoid_arrays_and_dimensions() -> None:
    (d,) = parse_definitions("A = i*Z", (Tensor("i"), Tensor("c"), Z))
    assert len({*map(str, d.indices), "i", "c", "n", "C"}) == 6


def test_claims_name_their_axes_or_are_arrays() -> None:
    indices, body = parse_claim("i, c: (Z[i, c] - delta(c, y[i]))/n", TENSORS, (n, C))
    assert indices == (i, c) and body == (Z[i, c] - Delta(c, y[i])) / n
    (a, d), body = parse_claim("(Z - Y)/n", TENSORS, (n, C))
    assert body == (Z[a, d] - Y[a, d]) / n


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("P = sigmod(Z)", "Did you mean sigmoid?"),
        ("P = Zz", "name Zz is not known"),
        ("P[i, c] = exp(Zz[i, c])", "array Zz is not known"),
        ("P[i, c] = Z[i, c] + Z[i, q]", "index q is not known"),
        ("P[i, c] = Y[i, c] + Z[c, i]", "runs over"),
        ("P[i] = Z[i]", "Z is n×C"),
        ("P[j] = b[j] + delta(j, i)", "index i"),
        ("P[i, i] = Z[i, i]", "twice"),
        ("P[i] = 3", "dimension is not known"),
        ("P[i: n, c: C] = Z", "the right side an array"),
        ("P = Z[i, c]", "index i is not known"),
        ("P = Z + W", "n×C and C×H do not match"),
        ("P = Z + M", "do not match"),
        ("P = Z @ Y", "inner dimensions C and n differ"),
        ("P = x @ Z", "write *"),
        ("P = outer(Z, b)", "two vectors"),
        ("P = softmax(x)", "scalar"),
        ("P = sum(Z, axis=2)", "axis 2 does not exist"),
        ("P = sum(Z, axis=x)", "not an axis"),
        ("P = sum(Z, axes=0)", "no option axes"),
        ("P = sum(Z, Y)", "not an axis"),
        ("P = sum(x for q in Q)", "dimension Q is not known"),
        ("P = sum(Z[i, c] for i in C for c in C)", "axis 0 of Z has n"),
        ("P = sum(x for Z in n)", "already names an array"),
        ("P = sum(Z[i, c] for i in n for c in C if c != i)", "runs over"),
        ("P = Z[1, 0]", "may be no entry 1"),
        ("P = M[2, 0]", "may be no entry 2"),
        ("P = M[-1, 0]", "not an index"),
        ("P = 1/0", "no real value"),
        ("P = sqrt(-1)", "no real value"),
        ("P = log(0)", "no real value"),
        ("P = 2**10**10", "out of range"),
        ("P = 1e99999", "too large"),
        ("P = 'Z'", "not a number"),
        ("P = True", "not a number"),
        ("P = Z.real", ".real is not part"),
        ("P = Z.ptp()", "not a function"),
        ("P = __import__('os')", "function __import__ is not known"),
        ("P = (lambda: 1)()", "not a function"),
        ("P = [1, 2]", "List is not part of the grammar"),
        ("P = Z if x else Y", "IfExp is not part"),
        ("P = x > 0", "Compare is not part"),
        ("P = where(x, 1, 2)", "not a comparison"),
        ("P = Z // 2", "operator"),
        ("P = Z ^ 2", "Powers are written **"),
        ("P = g", "function of one variable"),
        ("P = x.prime(Z)", "not a function that was given"),
        ("P = (Z", "never closed"),
        ("P = Z)", "unmatched"),
        ("P == Z", "not a definition"),
        ("Z + 1", "not a definition"),
        ("P = Q = Z", "not a definition"),
        ("P, Q = Z", "cannot be defined"),
        ("Z = 3", "already defined"),
        ("n = 3", "already a dimension"),
        ("sum = 3", "already means something"),
        ("P = A\nA = Z", "name A is not known"),
        ("L = upstream(Y, W)", "n×C was given for C×H"),
        ("L = upstream(Y)", "L = upstream(dY, Y)"),
        ("P = \x00", "null"),
        ("P = " + "(" * 300 + "Z" + ")" * 300, "nested"),
        ("P = " + "-" * 6000 + "Z", ""),
        ("P = Z + " * 3000 + "Z", ""),
        ("P = Z" + " + Z" * 30_000, "characters"),
    ],
)
def test_refused_definitions(text: str, part: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_definitions(text, GIVENS)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Z n C", "not a name"),
        ("Z: n, C", "Dimensions are separated by blanks"),
        ("Z: 0", "at least 1"),
        ("Z: -1", "not a name"),
        ("Z: n rows C", "stands behind the domain"),
        ("Z: n positive mask", "contradict"),
        ("Z: rows", "no axis"),
        ("f: n function", "has dimensions"),
        ("lambda: real", "Write lam instead"),
        ("exp: n", "already means something"),
        ("Y: n C one-hot", "Did you mean onehot?"),
        ("x: n non-negative", "Did you mean nonnegative?"),
        ("Z: n, Z: C", "given twice"),
        ("n: n", "both a dimension and an array"),
        ("y: n int<C", "no array has that dimension"),
        ("x: positive = -1", "its value is -1"),
        ("x: real = abc", "not a number"),
        ("x: real = 1/0", "not a number"),
        ("x: n = 3", "only a number"),
    ],
)
def test_refused_givens(text: str, part: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_givens(text)
    assert part in str(caught.value)


def test_an_error_points_at_the_place() -> None:
    with pytest.raises(ParseError) as caught:
        parse_definitions("A = tanh(Z)\nB = A + αβ*Q", GIVENS)
    place, caret, problem, hint = str(caught.value).splitlines()
    assert place == "line 2: B = A + αβ*Q"
    assert caret.index("^") == place.index("αβ")
    assert problem == "name αβ is not known here."
    assert hint.startswith("Known: A, C, H, ")


@pytest.mark.parametrize("text", ["i: Z", "i, i: Z[i, i]", "1, 2: Z"])
def test_a_claim_names_every_axis_once(text: str) -> None:
    with pytest.raises(ParseError, match="does not name the 2 axes"):
        parse_claim(text, TENSORS, (n, C))


def test_a_claim_has_the_shape_of_its_result() -> None:
    with pytest.raises(ParseError, match="shape C×n, and shape n×C is expected"):
        parse_claim("Z.T", TENSORS, (n, C))
