"""Binary cross-entropy of logits in one term for both sides: as accurate where a target is almost 0 or 1."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from derived import derivation as derived

from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.joint import joint
from nnmath.numeric.numpy_code.generator import assemble

TERM = "(_inner(z, dz) + _sum_each_row(np.log1p(e)))"

#: As it is written elsewhere: max(z, 0) - z t cancels, and so does 1 - e/(1 + e) - t.
WORSE = [
    (TERM, "(np.maximum(z, 0) - z * t + np.log1p(e)).sum()"),
    ("dz += positive\n", "dz = 1/(1 + np.exp(-z)) - t\n"),
]


def source() -> str:
    made, plan = joint(derived("bce-with-logits"))
    return assemble(made, (plan,)).source


def worst(text: str, z: float, t: float) -> float:
    """The larger relative error of value and gradient in float32, in ε: one entry."""
    function = load_source(text)["bce_with_logits_value_and_gradient"]
    found = function(np.float32([z]), np.float32([t]))
    with mpmath.workdps(50):
        z, t = (mpmath.mpf(float(np.float32(v))) for v in (z, t))
        e = mpmath.exp(-abs(z))
        loss = (1 - t) * max(z, 0) + t * max(-z, 0) + mpmath.log(1 + e)
        exact = loss, 1 / (1 + mpmath.exp(-z)) - t
        off = (abs(mpmath.mpf(float(np.ravel(a)[0])) / b - 1) if b else 0 for a, b in zip(found, exact, strict=True))
        return float(max(off)) / float(np.finfo(np.float32).eps)


POINTS = [(z, t) for z in (-80.0, -17.3, -3.1, -0.4, 0.7, 5.3, 16.9, 80.0) for t in (0.0, 1e-7, 0.3, 1 - 2.0**-22, 1.0)]


def test_no_digit_is_lost() -> None:
    assert TERM in source()
    assert max(worst(source(), z, t) for z, t in POINTS) < 6


@pytest.mark.parametrize(("form", "worse"), WORSE)
def test_the_usual_forms_lose_some(form: str, worse: str) -> None:
    assert form in source()
    assert max(worst(source().replace(form, worse), z, t) for z, t in POINTS) > 100
