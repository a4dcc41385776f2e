"""Factors that a sum does not run over: outside of it, and no array is made only to be multiplied by them."""

from __future__ import annotations

import numpy as np
import pytest

from nnmath.derivations import Entry
from nnmath.derivations.build import derive_entry
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.numpy_code import generator

#: What it is about, givens, definitions, what is wanted, what the code says, what it does not say.
CASES = [
    (
        "columns",
        "X: n C\nY: n C\ng: C",
        "D[i, c] = g[c]*Y[i, c]\n"
        "F[i, c] = D[i, c] - sum(D[j, c] for j in n)/n - X[i, c]*sum(D[j, c]*X[j, c] for j in n)",
        [") * g"],
        ["D ="],
    ),
    (
        "rows, with the axis kept",
        "X: n C\nY: n C\ng: n",
        "D[i, c] = g[i]*Y[i, c]\nF[i, c] = X[i, c]**2*(D[i, c] - X[i, c]*sum(D[i, k]*X[i, k] for k in C))",
        ["g[:, None]"],
        ["D ="],
    ),
    (
        "a sum over the axis of the factor stays",
        "X: n C\nY: n C\ng: C",
        "D[i, c] = g[c]*Y[i, c]\nF[i, c] = D[i, c] - X[i, c]*sum(D[i, k]*X[i, k] for k in C)",
        ["D = g * Y", "np.vecdot(D, X)"],
        [],
    ),
    (
        "a term without the factor keeps the array",
        "X: n C\nY: n C\ng: C",
        "D[i, c] = g[c]*Y[i, c]\nF[i, c] = D[i, c] - X[i, c] - sum(D[j, c] for j in n)",
        ["D = g * Y", "_sum_rows(D)"],
        [],
    ),
    (
        "two readers keep the array",
        "X: n C\nY: n C\ng: C",
        "D[i, c] = g[c]*Y[i, c]\nE[i, c] = exp(D[i, c])\nF[i, c] = E[i, c]*(D[i, c] - sum(D[j, c] for j in n))",
        ["D = g * Y", "_sum_rows(D)"],
        [],
    ),
]


@pytest.mark.parametrize(("about", "given", "define", "there", "absent"), CASES, ids=[c[0] for c in CASES])
def test_code_of_sums_with_factors(about: str, given: str, define: str, there: list[str], absent: list[str]) -> None:
    derived = derive_entry(Entry(id="own", title="Own", given=given, define=define, wanted=()))
    stable, plain = (generator.generate(derived, stable=s) for s in (True, False))
    for text in there:
        assert text in stable.source
    assert not any(text in stable.source for text in absent)
    rng = np.random.default_rng(5)
    values = {k: rng.standard_normal((4, 3)) for k in "XY"} | {"g": rng.standard_normal(4 if "g: n" in given else 3)}
    x = values["X"]
    d = values["g"].reshape((4, 1) if "g: n" in given else (3,)) * values["Y"]
    expected = {
        "columns": d - d.mean(0) - x * (d * x).sum(0),
        "rows, with the axis kept": x**2 * (d - x * (d * x).sum(1, keepdims=True)),
        "a sum over the axis of the factor stays": d - x * (d * x).sum(1, keepdims=True),
        "a term without the factor keeps the array": d - x - d.sum(0),
        "two readers keep the array": np.exp(d) * (d - d.sum(0)),
    }[about]
    for module in (stable, plain):
        function = module.functions[0]
        out = load_source(module.source)[function.name](**{n: values[n] for n in function.arguments})
        np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-14)
