"""Functions of torch tensors: derived, proved, and checked against the autograd of their own code."""

from __future__ import annotations

import pytest

import nnmath

torch = pytest.importorskip("torch", reason="the functions are torch code")
import own_torch as own  # noqa: E402

from nnmath.verification.subjects.protocol import SubjectError  # noqa: E402

NET = "X: n D, W1: D H, b1: H, W2: H C, b2: C, y: n int<C"
CASES = {
    "cross_entropy": (NET, "W1 b1 W2 b2", "u h logits L"),
    "rms_norm": ("x: n d, g: d", "", "u r Y L"),
    "logistic": ("X: n d, w: d, b: real, t: n", "w b", "z L"),
}


@pytest.mark.parametrize("name", CASES)
def test_torch_code_is_derived_and_agrees_with_its_autograd(name: str) -> None:
    inputs, wrt, names = CASES[name]
    page = nnmath.derive(getattr(own, name), inputs=inputs, wrt=wrt.split())
    assert page.proved and " ".join(d.name for d in page.derivation.definitions) == names
    report = page.check(dtypes=("float64",))
    assert report.passed and report.torch_version, report.summary


@pytest.mark.parametrize(
    ("name", "part"), [("detached", "has no formula"), ("sorted_values", "line 29: torch.sort cannot be traced")]
)
def test_torch_code_without_a_formula_is_refused(name: str, part: str) -> None:
    with pytest.raises(SubjectError, match=part):
        nnmath.derive(getattr(own, name), inputs="x: n")
