"""Affine indices: what is read, what stays inside at every size, what is proved and what is refuted."""

from __future__ import annotations

import random
from itertools import product

import pytest
from sympy import Expr, Integer

from nnmath.calculus.affine import spread, tidy_delta
from nnmath.calculus.dimensions import DefinedDimension, fitted, free_dimensions, is_nonnegative
from nnmath.calculus.elimination import loops
from nnmath.calculus.parser import ParseError, parse_definitions, parse_expression, parse_givens
from nnmath.calculus.prover import Prover
from nnmath.calculus.ranges import is_inside
from nnmath.calculus.sums import BoundSum, Delta, bound_sum
from nnmath.calculus.tensors import Element, Index, dimension

GIVENS = """
    x: H, K: U, p: H positive, r: n H rows, m: H mask, ids: n int<V, dy: O, w: V, z: P
    O = H - U + 1, P = (H - U + 2)//2 + 1, D = 2*H, M = U*V
    big: D, mat: U V, flat: M, short: 3
"""
DEFINE = """
    e[h] = exp(x[h])
    c[o: O] = sum(K[u]*x[o + u] for u in U)
    s[q: P] = sum(K[u]*x[2*q + u - 1] for u in U)
"""
PARSED = parse_givens(GIVENS)
DEFINITIONS = parse_definitions(DEFINE, PARSED)
TENSORS = {t.name: t for t in (*PARSED, *(d.tensor for d in DEFINITIONS))}
H, U, V, n = map(dimension, "HUVn")
O, P, D, M = (PARSED.sizes[name] for name in "OPDM")
INDICES = {
    i.name: i
    for i in (Index("a", H), Index("b", H), Index("u", U), Index("t", U), Index("o", O), Index("q", P), Index("v", V),
              Index("i", n), Index("k", D), Index("j", M), Index("w_", V))
}  # fmt: skip


def entry(text: str) -> Expr:
    return parse_expression(text, TENSORS, INDICES)


def prover() -> Prover:
    return Prover(DEFINITIONS, PARSED)


# -- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("x[a*b]", "not an index"),
        ("x[a/2]", "not an index"),
        ("x[-1]", "not an index"),
        ("x[2*3 - 7]", "not an index"),
        ("x[a + 99999999]", "not an index"),
        ("x[a + y]", "y is not known"),
        ("x[x[a] + 1]", "not an integer label"),
        ("x[u]", "runs over U"),
    ],
)
def test_refused_indices(text: str, part: str) -> None:
    with pytest.raises(ParseError, match=part):
        entry(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("x: H\nO = H/2", "not a size"),
        ("x: H\nO = H//U", "whole number"),
        ("x: H\nO = H//0", "whole number"),
        ("x: H\nO = f(H)", "not a size"),
        ("x: H\nO = H +", "not an expression"),
        ("x: H\nO = H, O = H - 1", "given twice"),
        ("x: H\nsum = H - 1", "already means"),
    ],
)
def test_refused_sizes(text: str, part: str) -> None:
    with pytest.raises(ParseError, match=part):
        parse_givens(text)


def test_the_size_of_an_axis_may_follow_from_others() -> None:
    assert TENSORS["dy"].dims == (O,) and isinstance(O, DefinedDimension) and O.text == "H - U + 1"
    assert set(free_dimensions([O, P])) == {H, U}
    assert fitted({H: 1, U: 4}, [O]) == {H: 4, U: 4, O: 1}
    assert fitted({H: 1, U: 4}, [O, P], least=(3, 2)) == {H: 6, U: 4, O: 3, P: 3}


# -- ranges ----------------------------------------------------------------------------------------------------------

a, b, u, t, o, q, v, i, k, j, w_ = INDICES.values()


@pytest.mark.parametrize(
    ("index", "dim", "inside"),
    [
        (o + u, H, True),
        (o + u + 1, H, False),
        (o + u - 1, H, False),
        (H - 1 - a, H, True),
        (H - a, H, False),
        (2 * a + 1, D, True),
        (2 * a + 2, D, False),
        (V * u + v, M, True),
        (U * u + v, M, False),
        (2 * q + u - 1, H, False),
        (2 * q + u - 2, H, False),
        (a, D, True),
        (a, U, False),
        (Integer(0), H, True),
        (Integer(1), H, False),
        (Element(TENSORS["ids"], i), V, True),
        (Element(TENSORS["ids"], i) + 1, V, False),
        (a * u, H, False),
    ],
)
def test_what_stays_inside(index: Expr, dim: Expr, inside: bool) -> None:
    assert is_inside(index, dim) is inside
    if inside:  # at every size that is possible
        for sizes in product((1, 2, 3), repeat=4):
            size = fitted(dict(zip((H, U, V, n), sizes, strict=True)), [O, P, D, M])
            names = sorted((x for x in index.free_symbols if isinstance(x, Index) and x != i), key=str)
            for values in product(*(range(int(x.dim.xreplace(size))) for x in names)):
                place = index.xreplace({Element(TENSORS["ids"], i): Integer(0)})
                place = place.xreplace(dict(zip(names, map(Integer, values), strict=True))).xreplace(size)
                assert 0 <= place < dim.xreplace(size), (index, size, values)


@pytest.mark.parametrize(
    ("expr", "known"),
    [(H - 1, True), (H - 2, False), (H * U - 1, True), (H - U, False), (O - 1, True), (H - O - U + 1, True)],
)
def test_signs_of_sizes(expr: Expr, known: bool) -> None:
    assert is_nonnegative(expr) is known


def test_equations_have_one_form() -> None:
    assert tidy_delta(Delta(a, o + u)) == tidy_delta(Delta(o, a - u)) == tidy_delta(Delta(2 * u, 2 * a - 2 * o))
    assert tidy_delta(Delta(2 * a, 4 * o + 1)) == 0
    assert tidy_delta(Delta(V * u + v, V * t + w_)) == Delta(u, t) * Delta(v, w_)
    assert tidy_delta(Delta(U * u + v, U * t + w_)) != Delta(u, t) * Delta(v, w_)


def test_a_delta_that_is_zero_has_no_solution_at_any_size() -> None:
    zeros = 0
    for x, y, c, d in product((-1, 1, 2), (-2, -1, 1), (-1, 0, 1), range(-3, 4)):
        delta = Delta(x * o + y * u + c * H + d, Integer(0))
        if tidy_delta(delta) != 0:
            continue
        zeros += 1
        for height, rows in product(range(1, 6), repeat=2):
            for at, row in product(range(height - rows + 1), range(rows)):
                assert x * at + y * row + c * height + d != 0, (delta, height, rows, at, row)
    assert 20 < zeros < 150


def test_a_delta_saves_a_loop() -> None:
    total = bound_sum(Delta(a, 2 * q + u) * Element(TENSORS["K"], u) * Element(TENSORS["z"], q), q, u)
    assert isinstance(total, BoundSum)
    way = loops(total.body, total.bound)
    assert [x.dim for x in way.looped] == [P] and [x.dim for x, _ in way.follows] == [U]


# -- proofs ----------------------------------------------------------------------------------------------------------

TRUE = [
    ("x[a + 1 - 1]", "x[a]"),
    ("sum(delta(b, a + 1)*x[b] for b in H)", "x[a + 1]"),
    ("sum(K[u]*dy[a - u] for u in U)", "sum(delta(a, o + u)*K[u]*dy[o] for o in O for u in U)"),
    ("sum(K[u]*dy[a - u] for u in U)", "sum(K[a - o]*dy[o] for o in O)"),
    ("sum(K[u]*x[2*q + u - 1] for u in U)", "sum(K[b - 2*q + 1]*x[b] for b in H)"),
    ("c[o]", "sum(K[b - o]*x[b] for b in H)"),
    ("c[o]*c[o]", "sum(K[u]*K[t]*x[o + u]*x[o + t] for u in U for t in U)"),
    ("x[a + 1]**2", "sum(delta(b, a + 1)*x[b]**2 for b in H)"),
    ("m[a + 1]**2", "m[a + 1]"),
    ("sum(big[2*b + 1] for b in H)", "sum(delta(k, 2*b + 1)*big[k] for k in D for b in H)"),
    (
        "sum(delta(j, V*u + v)*mat[u, v] for u in U for v in V)",
        "sum(delta(V*u + v, j)*mat[u, v] for v in V for u in U)",
    ),
    (
        "sum(sum(delta(j, V*u + v)*mat[u, v] for u in U for v in V)**2 for j in M)",
        "sum(mat[u, v]**2 for u in U for v in V)",
    ),
    ("e[a + 1]", "sum(delta(b, a + 1)*exp(x[b]) for b in H)"),
    ("delta(v, ids[i])*delta(w_, ids[i])", "delta(v, w_)*delta(v, ids[i])"),
    ("sum(delta(v, ids[i])*delta(0, ids[i])*x[0] for i in n)", "delta(v, 0)*sum(delta(v, ids[i])*x[0] for i in n)"),
    ("log(p[a])", "2*log(sqrt(p[a]))"),
    ("sum(r[i, a] for a in H)", "1"),
    # no place is there
    ("sum(delta(0, b + 1)*x[b] for b in H)", "0"),
    ("sum(delta(3, f)*short[f] for f in 3)", "0"),
    ("x[a + H]", "0"),
    ("delta(o + u, a + H)", "0"),
    ("delta(ids[i], v + V)", "0"),
    # two axes: v may lie outside H, however it is written
    ("sum(delta(b, v + 0)*x[b] for b in H)", "x[v + 0]"),
    ("sum(delta(v + 1 - 1, b)*x[b] for b in H)", "x[v + 1 - 1]"),
    ("sum(delta(b, v + 0) for b in H)**2", "sum(delta(v + 2, b + 2) for b in H)"),
    ("sum(delta(b, o + 0) for b in H)", "1"),
]

FALSE = [
    # the index
    ("x[a + 1]", "x[a]"),
    ("x[a + 1]", "x[a + 2]"),
    ("x[2*a]", "x[a]"),
    ("x[H - 1 - a]", "x[a]"),
    ("sum(K[u]*x[o + u] for u in U)", "sum(K[u]*x[o - u] for u in U)"),
    ("sum(K[u]*x[2*q + u - 1] for u in U)", "sum(K[u]*x[2*q + u] for u in U)"),
    ("sum(K[u]*x[2*q + u - 1] for u in U)", "sum(K[u]*x[q + 2*u - 1] for u in U)"),
    ("sum(K[u]*dy[a - u] for u in U)", "sum(K[u]*dy[a + u] for u in U)"),
    ("sum(K[u]*dy[a - u] for u in U)", "sum(K[U - 1 - u]*dy[a - u] for u in U)"),
    ("delta(a, 2*q + u)", "delta(a, q + u)"),
    ("delta(a, o + u)", "1"),
    ("sum(delta(a, 2*b) for b in H)", "1"),
    ("sum(delta(b, a + 1) for b in H)", "1"),
    ("sum(delta(a, o + u) for o in O)", "1"),
    ("sum(delta(j, U*u + v)*delta(j, U*t + w_) for j in M)", "delta(u, t)*delta(v, w_)"),
    # what holds inside only
    ("e[a + 1]", "exp(x[a + 1])"),
    ("exp(x[a + 1])", "sum(delta(b, a + 1)*exp(x[b]) for b in H)"),
    ("p[a + 1]/p[a + 1]*0 + sum(delta(b, a + 1) for b in H)", "1"),
    ("sum(r[i + 1, a] for a in H)", "1"),
    ("c[o + 1]", "sum(K[u]*x[o + u + 1] for u in U)"),
    ("sum(c[o + 1] for o in O)", "sum(c[o] for o in O)"),
    ("sum(x[a + 1] for a in H)", "sum(x[a] for a in H)"),
    ("sum(big[b + 1] for b in H)", "sum(big[k] for k in D)"),
    # repeated labels
    ("sum(delta(v, ids[i]) for i in n)", "1"),
    ("sum(delta(v, ids[i])*delta(w_, ids[i]) for i in n)", "sum(delta(v, ids[i]) for i in n)"),
    ("delta(v, ids[i])*delta(0, ids[i])", "delta(v, ids[i])"),
    # a place is there, at one end or at some sizes
    ("sum(delta(1, b + 1)*x[b] for b in H)", "0"),
    ("sum(delta(0, b - 1)*x[b] for b in H)", "0"),
    ("sum(delta(2, f)*short[f] for f in 3)", "0"),
    ("x[a + H - 1]", "0"),
    ("delta(o + u, H - 1)", "0"),
    ("delta(ids[i], v + V - 1)", "0"),
    ("sum(delta(1, b) for b in H)", "0"),
    # two axes
    ("sum(delta(b, v + 0) for b in H)", "1"),
    ("sum(delta(b, v + 1 - 1) for v in V)", "1"),
    ("sum(delta(b, v + 0)*exp(x[b]) for b in H)", "exp(x[v + 0])"),
    ("sum(delta(b, v + 0)*p[b]/p[b] for b in H)", "1"),
    ("sum(delta(b, v + 0)*delta(b, w_ + 0) for b in H)", "delta(v, w_)"),
    ("sum(delta(b, v + 0)*x[b] for b in H)", "x[v + 1]"),
    ("sum(delta(b, v + 0)*x[b]*w[v] for b in H for v in V)", "sum(x[b]*w[0] for b in H)"),
]


@pytest.mark.parametrize("text", ["delta(v, b)", "delta(b, v)*1 + 0", "delta(ids[i], b)"])
def test_two_axes_are_not_compared_by_accident(text: str) -> None:
    with pytest.raises(ParseError, match="runs over"):
        entry(text)


@pytest.mark.parametrize(("left", "right"), TRUE, ids=[f"{x} = {y}" for x, y in TRUE])
def test_true_statements_are_proved(left: str, right: str) -> None:
    assert prover().judge(entry(left), entry(right)).is_proved


@pytest.mark.parametrize(("left", "right"), FALSE, ids=[f"{x} = {y}" for x, y in FALSE])
def test_false_statements_are_refuted(left: str, right: str) -> None:
    verdict = Prover(DEFINITIONS, PARSED, thorough=True).judge(entry(left), entry(right))
    assert verdict.kind == "refuted", verdict


def _random_sum(rng: random.Random, stride: int, shift: int) -> str:
    """The same sum, written in one of four ways; or another, where a number is changed."""
    at = f"{stride}*q + u - {shift}"
    ways = (
        f"sum(K[u]*x[{at}] for u in U)",
        f"sum(delta(b, {at})*K[u]*x[b] for u in U for b in H)",
        f"sum(K[b - {stride}*q + {shift}]*x[b] for b in H)",
        f"sum(delta(u, b + {shift} - {stride}*q)*K[u]*x[b] for b in H for u in U)",
    )
    return rng.choice(ways)


def test_random_sums_are_equal_exactly_when_their_numbers_are() -> None:
    """A false equation that were proved would raise ProverError: every proof is sampled."""
    rng = random.Random(5)
    for _ in range(40):
        one, other = [(rng.choice((1, 2, 3)), rng.choice((0, 1, 2))) for _ in range(2)]
        other = one if rng.random() < 0.5 else other
        verdict = Prover((), PARSED).judge(entry(_random_sum(rng, *one)), entry(_random_sum(rng, *other)))
        assert verdict.is_proved if one == other else not verdict.is_proved, (one, other, verdict)


def test_nothing_is_known_of_a_place_outside() -> None:
    positive = TENSORS["p"]
    assert Element(positive, a).is_positive and Element(positive, a + 1).is_positive is None
    assert spread(Element(positive, a)) == Element(positive, a)
    assert isinstance(spread(Element(positive, a + 1)), BoundSum)
    assert not prover().judge(entry("indicator(p[a + 1])"), Integer(1)).is_proved  # it is 0 at the end, a kink
