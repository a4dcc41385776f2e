"""A maximum over an axis in a formula: left out where it cancels, refused where it does not."""

import numpy as np
import pytest

import nnmath
from nnmath.calculus.parser import parse_definitions, parse_givens
from nnmath.calculus.prover import Prover
from nnmath.calculus.scope import ParseError

GIVEN = parse_givens("Z: n C\nY: n C rows\nz: d\nw: n")

#: A formula with a maximum, and the same without.
CANCELS = [
    (
        "L = -sum(Y*(Z - max(Z, axis=1, keepdims=True) - log(sum(exp(Z - max(Z, axis=1, keepdims=True)), axis=1, "
        "keepdims=True))))",
        "L = -sum(Y*(Z - logsumexp(Z, axis=1, keepdims=True)))",
    ),
    ("L = z.max() + log(sum(exp(z - z.max())))", "L = logsumexp(z)"),
    ("L = np.amin(z) + np.log(np.exp(z - np.amin(z)).sum())", "L = logsumexp(z)"),
    ("P = exp(Z - max(Z))/sum(exp(Z - max(Z)), axis=1, keepdims=True)", "P = softmax(Z)"),
    (
        "P = exp(Z - Z.max(1, keepdims=True))/np.exp(Z - np.max(Z, 1, keepdims=True)).sum(1, keepdims=True)",
        "P = softmax(Z)",
    ),
    (
        "m = Z.max(axis=1, keepdims=True)\nE = np.exp(Z - m)\ns = E.sum(axis=1, keepdims=True)\nP = E/s",
        "P = softmax(Z)",
    ),
    (
        "P[i, c] = exp(Z[i, c] - max(Z[i, k] for k in C))/sum(exp(Z[i, b] - max(Z[i, k] for k in C)) for b in C)",
        "P = softmax(Z)",
    ),
    (  # as a shift of the columns, along the other axis
        "P = exp(Z - max(Z, axis=0))/sum(exp(Z - max(Z, axis=0)), axis=0)",
        "P = softmax(Z, axis=0)",
    ),
    ("L = sum(log(exp(z - max(z))/exp(z[0] - max(z))))", "L = sum(z - z[0])"),
]

#: A formula in which a maximum stays, and what is said of it.
STAYS = [
    ("L = sum(max(Z, axis=1))", "max(Z, axis=1) does not cancel"),
    ("L = sum(Z.max(1)**2)", "max(Z, axis=1) does not cancel"),
    ("L = sum(np.max(Z, 0))", "max(Z, axis=0) does not cancel"),
    ("L = sum(exp(Z - max(Z, axis=1, keepdims=True)))", "does not cancel"),
    # The sign, the shift added back, the axis, another maximum in the denominator, one of them forgotten.
    ("L = log(sum(exp(z - max(z)))) - max(z)", "does not cancel"),
    ("L = log(sum(exp(z - max(z))))", "does not cancel"),
    ("P = exp(Z - max(Z, axis=0))/sum(exp(Z - max(Z, axis=0)), axis=1, keepdims=True)", "does not cancel"),
    ("P = exp(Z - max(Z))/sum(exp(Z - max(2*Z)), axis=1, keepdims=True)", "does not cancel"),
    ("P = exp(Z - max(Z))/sum(exp(Z - min(Z)), axis=1, keepdims=True)", "does not cancel"),
    ("P = exp(Z - max(Z))/sum(exp(Z), axis=1, keepdims=True)", "does not cancel"),
    (
        "P[i, c] = exp(Z[i, c] - max(Z[i, k] for k in C))/sum(exp(Z[j, c] - max(Z[j, k] for k in C)) for j in n)",
        "does not cancel",
    ),
    # The maximum of terms that differ, row by row, though their sum is the same in each.
    ("L = sum(w[i]*max(delta(i, j) for j in n) for i in n) - sum(w[i]*max(delta(j, i) for i in n) for j in n)", ""),
    # Where a derivative is taken, it is no constant.
    ("L = sum(partial(max(z), z)) + sum(z)", "where a derivative or an average is taken"),
    ("m = max(z)\nL = sum(partial(m, z)) + sum(z)", "where a derivative or an average is taken"),
    ("m = max(z)\nf = log(sum(exp(z - m)))\nL = sum(partial(f, z))", "where a derivative or an average is taken"),
    ("L = maximum(z)", "maximum compares two arrays entry by entry, and one was given"),
    ("L = max(z[k] for k in d if k < 2)", "is no comparison of indices"),
    ("L = max(z, axis=1)", "axis 1 does not exist"),
]


@pytest.mark.parametrize(("written", "plain"), CANCELS)
def test_what_cancels_is_left_out(written: str, plain: str) -> None:
    found, wanted = parse_definitions(written, GIVEN), parse_definitions(plain, GIVEN)
    assert len(found) == 1 and found.cancelled and not wanted.cancelled
    body = found[0].body.xreplace(dict(zip(found[0].indices, wanted[0].indices, strict=True)))
    assert found[0].tensor.dims == wanted[0].tensor.dims
    assert Prover().judge(body, wanted[0].body).is_proved
    assert not any("shift" in str(s) for s in body.free_symbols)


@pytest.mark.parametrize(("text", "said"), STAYS)
def test_what_stays_is_refused(text: str, said: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_definitions(text, GIVEN)
    assert said in str(caught.value), str(caught.value)


def test_a_maximum_of_random_arrays_is_refused() -> None:
    given = parse_givens("x: n random independent mean=0 var=1")
    for text in ("L = E(sum(x) - max(x)) + max(x)", "y = x - max(x)\nL = E(sum(y))"):
        with pytest.raises(ParseError, match="random"):
            parse_definitions(text, given)


def test_an_intermediate_that_was_left_out_may_come_before_one_that_stays() -> None:
    text = (
        "m = Z.max(axis=1, keepdims=True)\nH = Z**2\nE = exp(Z - m)\nP = E/sum(E, axis=1, keepdims=True)\nL = sum(P*H)"
    )
    found = parse_definitions(text, GIVEN)
    assert [d.name for d in found] == ["H", "P", "L"] and found.cancelled == ("max(Z, axis=1, keepdims=True)",)


def test_the_derivative_is_that_of_the_formula_as_it_was_written() -> None:
    text = "m = np.max(Z, axis=1, keepdims=True)\nE = np.exp(Z - m)\nP = E/E.sum(axis=1, keepdims=True)"
    page = nnmath.derive(f"{text}\n-np.sum(Y*np.log(P))", given="Z: n C, Y: n C rows", wrt=("Z",))
    assert all(step.verdict.is_proved for step in page.steps)
    assert "max(Z, axis=1, keepdims=True) cancels, whatever its value" in str(page)
    rng = np.random.default_rng(0)
    Z, Y = rng.normal(size=(3, 4)), rng.dirichlet(np.ones(4), size=3)

    def loss(z: np.ndarray) -> float:
        m = z.max(axis=1, keepdims=True)
        return float(-(Y * (z - m - np.log(np.exp(z - m).sum(axis=1, keepdims=True)))).sum())

    step = 1e-6 * rng.normal(size=Z.shape)
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    assert "∂L/∂Z = P − Y" in str(page)
    assert loss(Z + step) - loss(Z - step) == pytest.approx(2 * ((P - Y) * step).sum(), rel=1e-5)
