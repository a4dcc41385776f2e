"""Buffers used again in generated NumPy: the same results, no input changed, nothing overwritten that is read later."""

from __future__ import annotations

import numpy as np
import pytest
from derived import derivation

from nnmath.derivations import catalogue
from nnmath.numeric.checking.execution import arguments_of, load_source
from nnmath.numeric.checking.regimes import applicable, draw
from nnmath.numeric.numpy_code import generator
from nnmath.numeric.numpy_code.in_place import reuse_buffers

#: Lines, and what becomes of them. e and all capitals but X are local arrays of full shape; capitals are names.
LINES = [
    ("A = (1 - X**2) * (X @ q)\nreturn A", "A = X @ q\nA *= 1 - X**2\nreturn A"),
    ("A = (X @ q) * np.tanh(X)\nreturn A", "A = X @ q\nA *= np.tanh(X)\nreturn A"),
    ("P = np.exp(-np.abs(X))\nreturn P", "P = -np.abs(X)\nnp.exp(P, out=P)\nreturn P"),
    ("e = X - m\nP = np.exp(e)\nreturn P", "P = X - m\nnp.exp(P, out=P)\nreturn P"),
    ("e = np.exp(X - m)\nP = e / e.sum()\nreturn P", "P = X - m\nnp.exp(P, out=P)\nP /= P.sum()\nreturn P"),
    ("A = X * c\nB = np.tanh(A)\nreturn B", "A = X * c\nB = np.tanh(A, out=A)\nreturn B"),
    ("A = X * c\nB = A - c\nreturn B", "A = X * c\nB = np.subtract(A, c, out=A)\nreturn B"),
    ("A = X * c\nreturn (A - c) / n", "A = X * c\nA -= c\nA /= n\nreturn A"),
    ("A = X * c\nB = c * A\nreturn B", "A = X * c\nB = np.multiply(A, c, out=A)\nreturn B"),
    ("A = X * c\nreturn (A - c) * A.sum()", "A = X * c\nshift = A.sum()\nA -= c\nA *= shift\nreturn A"),
    (
        "A = X * c\nreturn (A - c) * (A.sum(axis=1) / n)[:, None]",
        "A = X * c\nshift = (A.sum(axis=1) / n)[:, None]\nA -= c\nA *= shift\nreturn A",
    ),
    ("A = X * c\nB = X + c\nreturn A - m * B", "A = X * c\nB = X + c\nB *= m\nA -= B\nreturn A"),
    (
        "A = X * c\nreturn _zero_sum(A - c, A.argmax(axis=1), axis=1) / n",
        "A = X * c\ntop = A.argmax(axis=1)\nA -= c\n_zero_sum(A, top, axis=1)\nA /= n\nreturn A",
    ),
    (
        "A = X * c\nB = _over((A - c) * m, s)\nreturn B",
        "A = X * c\nB = np.subtract(A, c, out=A)\nB *= m\nB = _over(B, s)\nreturn B",
    ),
    ("A = X @ q - r\nreturn A", "A = X @ q\nA -= r\nreturn A"),
    ("A = (X - r) * r\nreturn A", "A = X - r\nA *= r\nreturn A"),
    ("A = X * c\nB = X - A * r\nreturn B", "A = X * c\nA *= r\nB = np.subtract(X, A, out=A)\nreturn B"),
    ("A = X * c\nB = c / A\nreturn B", "A = X * c\nB = np.divide(c, A, out=A)\nreturn B"),
    ("A = r + X * c\nreturn A", "A = X * c\nA += r\nreturn A"),
    (
        "A = X * c\nA.put(n, 0.0)\nB = A - c\nreturn B",
        "A = X * c\nA.put(n, 0.0)\nB = np.subtract(A, c, out=A)\nreturn B",
    ),
    (
        "e = X * c\nif n:\n    e.put(n, 0.0)\nelse:\n    u = e.sum()\nB = e - c\nreturn B",
        "B = X * c\nif n:\n    B.put(n, 0.0)\nelse:\n    u = B.sum()\nB -= c\nreturn B",
    ),
]

#: Lines that stay: what would be overwritten is an input, is read again, or is seen through another name.
KEPT = [
    "B = X - c\nreturn B",
    "A = X * c\nB = A - c\nC = A + B\nreturn C, A, B",
    "A = X * c\nu = A[:, None]\nB = A - c\nreturn B, u",
    "A = X * c\nu = A.T\nB = A - c\nreturn B, u",
    "A = X * c\nB = A - c\nif n:\n    B.put(n, A.sum())\nreturn B",
    "A = X * c\nu = A - c\nif n:\n    u = A\nB = u - c\nreturn B",
    "A = X * c\nif n:\n    u = A.T\nB = A - c\nreturn B, u",
    "A = X * c\nif n:\n    B = A - c\nreturn B",
    "A = X * c\nu = A.transpose(1, 0)\nB = A - c\nreturn B, u",
    "A = X * c\nu = A.T[:, None]\nB = A - c\nreturn B, u",
    "A = X * c\nu = phi(A)\nB = A - c\nreturn B, u",
    "A = X * c\nB = A * c - A\nreturn B, c",
    "A = X * c\nB = A * c - A.T\nreturn B, c",
    "r = X.sum(axis=1)\nB = r - c\nreturn B, r",
    "A = X * c\nB = X - A * r\nC = A + r\nreturn B, C, A",
    "A = X * c\nB = A.T - A\nreturn B, n",
    "A = (X @ r) / n\nreturn A, n",
    "A = (X @ q) / n\nreturn A, n",
    "A = X @ c + X @ m\nreturn A, n",
    "A = (X @ q) * (X @ q)\nreturn A, n",
    "A = X @ c + phi(X)\nreturn A, n",
]


def passed(text: str) -> str:
    full = {"e": 2, "P": 2, "A": 2, "B": 2, "C": 2}
    rank = None if "," in text.rpartition("return")[2].partition("_zero")[0].split("(")[0] else 2
    return "\n".join(
        reuse_buffers(text.split("\n"), full, {"A", "P", "B", "C"}, rank, {"X": 2, "c": 2, "q": 2, "r": 1})
    )


@pytest.mark.parametrize(("before", "after"), LINES)
def test_lines_become(before: str, after: str) -> None:
    assert passed(before) == after


@pytest.mark.parametrize("text", KEPT)
def test_lines_stay(text: str) -> None:
    assert passed(text) == text


@pytest.mark.parametrize(("before", "after"), LINES)
def test_the_value_is_the_same(before: str, after: str) -> None:
    """Both versions are run; X is not changed."""
    helpers = load_source(generator.generate(derivation("softmax-ce-labels")).source)
    rng = np.random.default_rng(3)
    results = []
    x = rng.standard_normal((4, 3))
    values = {
        "X": x,
        "c": rng.standard_normal((4, 3)),
        "m": x.max(axis=1, keepdims=True),
        "n": 4,
        "r": rng.standard_normal(3),
        "q": rng.standard_normal((3, 3)),
        "s": np.full((4, 1), 2.0),
    }
    for text in (before, after):
        space = {
            "np": np,
            "_zero_sum": helpers["_zero_sum"],
            "_over": np.divide,
            **{k: np.copy(v) for k, v in values.items()},
        }
        body = "\n".join(f"    {line}" for line in text.split("\n"))
        exec(f"def f({', '.join(values)}):\n{body}", space)
        results.append(space["f"](*(space[k] for k in values)))
        np.testing.assert_array_equal(space["X"], x)
    np.testing.assert_array_equal(results[0], results[1])


SAMPLE = (
    "layernorm",
    "rmsnorm",
    "softmax-ce",
    "softmax-ce-labels",
    "cosine-embedding",
    "mlp-softmax",
    "info-nce",
)


@pytest.mark.parametrize("id", [i for i in SAMPLE if i in catalogue()])
def test_generated_code_gives_what_it_gave_without(id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole modules, with and without the pass, on the same inputs, bit for bit."""
    with_reuse = generator.generate(derivation(id))
    monkeypatch.setattr(generator, "reuse_buffers", lambda lines, *rest: lines)
    without = generator.generate(derivation(id))
    regime = next(r for r in applicable(derivation(id), False) if r.name == "unequal sizes")
    case = draw(derivation(id), regime, np.dtype(np.float32), 0, False)
    for function in with_reuse.functions:
        arguments = arguments_of(function, derivation(id), case)
        pair = [load_source(m.source)[function.name](**arguments) for m in (with_reuse, without)]
        for a, b in zip(*(p if isinstance(p, tuple) else (p,) for p in pair), strict=True):
            assert np.asarray(a).dtype == np.asarray(b).dtype == np.float32
            np.testing.assert_array_equal(a, b)
