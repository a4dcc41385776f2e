"""The backward of a softmax keeps its digits where one probability is nearly 1: code, against exact values."""

from __future__ import annotations

from dataclasses import replace

import derived
import pytest

from nnmath.derivations import Entry
from nnmath.derivations.build import derive_entry
from nnmath.numeric.accuracy import ArrayReference, measured_arrays
from nnmath.numeric.accuracy.implementations import from_source
from nnmath.numeric.numpy_code.generator import generate

REGIME = "scale 30"

#: In ε: exp of a difference between 64 and 128 that was rounded is off by up to 32, and a few more for the rest.
LIMIT = 36


def worst_row(source: str, dtype: str) -> float:
    """The error of the worst row of the gradient, in ε of its largest entry."""
    reference = ArrayReference(derived.derivation("softmax"), dtype, names=[REGIME])
    module = replace(derived.module("softmax"), source=source)
    rows = measured_arrays(reference, lambda subject, _: from_source(module, subject.derivation))
    return next(r.slicewise for r in rows if r.name == "dL_dZ")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_row_has_its_digits(dtype: str) -> None:
    assert worst_row(derived.module("softmax").source, dtype) < LIMIT


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_usual_form_has_none(dtype: str) -> None:
    source, centred = derived.module("softmax").source, "shifted = dP - dP.take(place)[:, None]"
    assert centred in source
    assert worst_row(source.replace(centred, "shifted = dP.copy()"), dtype) > 1e5


#: What P is, what is subtracted, and whether the entry of x where P is largest may be.
FORMS = [
    ("exp(Z[i, c])/sum(exp(Z[i, k]) for k in C)", "sum(P[i, k]*X[i, k] for k in C)", True),
    ("(1 + Z[i, c]**2)/sum(1 + Z[i, k]**2 for k in C)", "sum(P[i, k]*X[i, k] for k in C)", True),
    ("exp(Z[i, c])/sum(exp(Z[j, c]) for j in n)", "sum(P[i, k]*X[i, k] for k in C)", False),
    ("exp(Z[i, c])", "sum(P[i, k]*X[i, k] for k in C)", False),
    ("exp(Z[i, c])/sum(exp(Z[i, k]) for k in C)", "sum(P[i, k]*X[i, k] for k in C)/2", False),
    ("exp(Z[i, c])/sum(exp(Z[i, k]) for k in C)", "sum(P[i, k]*X[i, k]**2 for k in C)", False),
]


@pytest.mark.parametrize(("p", "less", "may"), FORMS)
def test_only_rows_that_sum_to_one_are_centred(p: str, less: str, may: bool) -> None:
    define = f"P[i, c] = {p}\nF[i, c] = P[i, c]*(X[i, c] - {less})"
    entry = Entry(id="own", title="Own", given="Z: n C\nX: n C", define=define, wanted=())
    assert (" X.take(place)" in generate(derive_entry(entry)).source) == may
