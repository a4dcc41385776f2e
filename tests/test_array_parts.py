"""Parts of arrays in formulas mean what they mean in NumPy, and what is no such part is refused with what to type."""

from __future__ import annotations

import numpy as np
import pytest

import nnmath
from nnmath.calculus.parser import ParseError
from nnmath.numeric.checking.execution import load_source

GIVEN = "X: n d, T: d n d, w: d, y: n, c: n int<d, s: n int<n"
SIZES = {"n": 4, "d": 3}

#: A part, and the shape of what multiplies it: another order of its axes would give another sum.
PARTS = {
    "X[:, 0]": "n",
    "X[0, :]": "d",
    "y[:, None]": "n 1",
    "y[None, :]": "1 n",
    "y[None]": "1 n",
    "y[np.newaxis, :]": "1 n",
    "w[..., None]": "d 1",
    "X[:, None]": "n 1 d",
    "X[..., 0]": "n",
    "X[0, ...]": "d",
    "X[...]": "n d",
    "T[0, ..., 0]": "n",
    "T[:, 0]": "d d",
    "T[:, :, 0]": "d n",
    "T[0, :, None]": "n 1 d",
    "X[arange(n), c]": "n",
    "X[np.arange(len(y)), c]": "n",
    "X[s]": "n d",
    "w[c]": "n",
    "X[:, c]": "n n",
    "X[s, c]": "n",
    "T[c]": "n n d",
    "T[c, s]": "n d",
    "T[:, s, c]": "d n",
    "T[c, :, c]": "n n",
    "T[0, :, c]": "n n",
    "T[0, s]": "n d",
    "T[c, 0]": "n d",
    "T[:, 0, c]": "d n",
    "T[c, None, s]": "n 1 d",
    "exp(X)[:, 0]": "n",
    "exp(X)[arange(n), c]": "n",
    "(X @ w)[:, None]": "n 1",
}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_what_numpy_takes(part: str) -> None:
    rng = np.random.default_rng(0)
    shape = PARTS[part].split()
    text = f"sum(({part})*K)"
    page = nnmath.derive(text, given=f"{GIVEN}, K: {' '.join(shape)}")
    known = {"n": SIZES["n"], "d": SIZES["d"], "np": np, "exp": np.exp, "arange": np.arange, "sum": np.sum}
    known |= {"X": rng.standard_normal((4, 3)), "T": rng.standard_normal((3, 4, 3)), "w": rng.standard_normal(3)}
    known |= {"y": rng.standard_normal(4), "c": np.array([2, 0, 1, 2]), "s": np.array([3, 1, 1, 0])}
    known["K"] = rng.standard_normal([int(SIZES.get(d, d)) for d in shape])
    source = load_source(page.numpy_source())
    function = next(f for name, f in source.items() if name == "expression")
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
    expected = eval(text, known)
    np.testing.assert_allclose(function(**{name: known[name] for name in arguments}), expected, rtol=1e-12)
    assert page.proved


REFUSED = {
    "X[1:, :]": "is not all of axis 0 of X",
    "X[::2, 0]": "A slice is all of an axis",
    "X[0]": "For all of an axis write a colon: X[0, :].",
    "exp(X)[0]": "For all of an axis write a colon: exp(X)[0, :].",
    "X[:, :, 0]": "3 indices for an array of 2 axes",
    "X[..., ...]": "... stands twice",
    "X[c]": "c holds labels below d, and axis 0 of X has n entries",
    "X[arange(d), c]": "arange(d) runs over d, but axis 0 of X has n entries",
    "X[arange(2, n), c]": "Write arange(n).",
    "X[arange(n, d), c]": "Write arange(n).",
    "X[y]": "1 indices for an array of 2 axes",
    "X[:, 7.5]": "is not an index",
    "X[1, :]": "there may be no entry 1",
}


@pytest.mark.parametrize("part", REFUSED)
def test_what_is_no_part_is_refused(part: str) -> None:
    with pytest.raises(ParseError) as caught:
        nnmath.derive(f"sum({part})", given=GIVEN)
    assert REFUSED[part] in str(caught.value)


def test_cross_entropy_by_labels_as_it_is_typed() -> None:
    page = nnmath.derive("-mean(log(softmax(Z))[arange(n), y])", given="Z: n C, y: n int<C", wrt="Z")
    assert page.proved and "(P − onehot(y))/n" in str(page)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("sum(torch.softmax(X, dim=1)**2)", "sum(softmax(X, axis=1)**2)"),
        ("sum(torch.exp(X).sum(dim=1, keepdim=True)*X)", "sum(sum(exp(X), axis=1, keepdims=True)*X)"),
        ("sum(F.softplus(X @ w))", "sum(softplus(X @ w))"),
        ("torch.logsumexp(X, dim=0).sum()", "sum(logsumexp(X, axis=0))"),
    ],
)
def test_names_and_options_of_torch(typed: str, plain: str) -> None:
    one, other = (nnmath.derive(text, given="X: n d, w: d", wrt="X") for text in (typed, plain))
    assert [s.right for s in one.derivation.steps] and one.proved
    assert str(one).partition("Result")[2] == str(other).partition("Result")[2]
