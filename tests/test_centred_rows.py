"""The derivatives of a softmax keep their digits where one probability is nearly 1: code, against exact values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import derived
import pytest

from nnmath.derivations import Entry
from nnmath.derivations.build import derive_entry
from nnmath.numeric.accuracy import ArrayReference, ArrayRow, measured_arrays
from nnmath.numeric.accuracy.implementations import Implementation, Subject, from_functions, from_source
from nnmath.numeric.numpy_code.generator import generate
from nnmath.numeric.targets.checkable import checkable

REGIME = "logits of scale 30"

#: In ε: exp of a difference between 64 and 128 that was rounded is off by up to 32, and a few more for the rest.
LIMIT = 36


#: What computes it: its name in tables, or the language of a function for autograd, which has no Jacobian of its own.
CODE = {"numpy": ("dP_dZ", "dL_dZ"), "c": ("dP_dZ", "dL_dZ"), "torch": ("dL_dZ",), "jax": ("dL_dZ",)}


@cache
def reference(dtype: str) -> ArrayReference:
    return ArrayReference(derived.derivation("softmax"), dtype, names=[REGIME])


def from_text(source: str) -> Callable[[Subject, str], Implementation]:
    module = replace(derived.module("softmax"), source=source)
    return lambda subject, dtype: from_source(module, subject.derivation)


def emitted(target: str) -> Callable[[Subject, str], Implementation]:
    """What nnmath writes for autograd."""
    pytest.importorskip(target)
    found = checkable(derived.derivation("softmax"), target)
    return lambda subject, dtype: from_functions(found.functions, found.module.functions, subject.derivation)


def rows(code: Any, dtype: str) -> dict[str, ArrayRow]:
    """By name of the result."""
    return {r.name: r for r in measured_arrays(reference(dtype), code)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("code", CODE)
def test_every_row_has_its_digits(code: str, dtype: str) -> None:
    found = rows(emitted(code) if code in ("torch", "jax") else code, dtype)
    for name in CODE[code]:
        assert not found[name].nan and not found[name].infinite
        assert not found[name].zeros or code == "jax"  # where an exponential is subnormal, XLA takes it for 0
        assert found[name].slicewise < LIMIT


#: Result, its form, and the usual one.
USUAL = [
    ("dL_dZ", "shifted = dP - dP.take(place)[:, None]", "shifted = dP.copy()"),
    (
        "dP_dZ",
        "np.where(np.eye(C, dtype=bool), _complement(P, axis=1)[:, None, :], -P[:, None, :])",
        "(np.eye(C, dtype=Z.dtype) - P[:, None, :])",
    ),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "form", "usual"), USUAL)
def test_the_usual_form_has_none(name: str, form: str, usual: str, dtype: str) -> None:
    source = derived.module("softmax").source
    assert form in source
    found = rows(from_text(source.replace(form, usual)), dtype)[name]
    assert found.slicewise > 1e5 and found.zeros and not found.sound


#: Its sum is a matrix product if it is written as it stands, and its rows are products: none may be fused with what is
#: taken off them.
WEIGHTED = Entry(
    id="own",
    title="Own",
    given="Z: n C\nw: C\ndP: n C",
    define="P[i, c] = exp(Z[i, c])/sum(exp(Z[i, k]) for k in C)\nQ[i, c] = w[c]*P[i, c]\nL = upstream(dP, Q)",
    wanted=("dL/dZ",),
    regimes={REGIME: {"Z": "normal 30"}},
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("code", ["numpy", "c"])
def test_rows_that_are_products_have_their_digits_too(code: str, dtype: str) -> None:
    found = {r.name: r for r in measured_arrays(ArrayReference(derive_entry(WEIGHTED), dtype), code)}["dZ"]
    assert found.sound and found.slicewise < LIMIT


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
