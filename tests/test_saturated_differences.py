"""Differences of tanh units that are near one limit: in C and in torch, where NumPy's way over some entries is none."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from compiler_here import needs_compiler

import nnmath
from nnmath.calculus.derivation import Derivation
from nnmath.numeric.accuracy import measure_arrays
from nnmath.numeric.accuracy.implementations import Subject
from nnmath.numeric.targets import generate

GIVEN = "u: n\nv: n\nw: n"


def derived() -> Derivation:
    return nnmath.derive("sum((tanh(u) - tanh(v))*w)", given=GIVEN).derivation


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("code", ["numpy", pytest.param("c", marks=needs_compiler)])
def test_no_entry_is_lost_at_scale_30(code: str, dtype: str) -> None:
    rows = {r.name: r for r in measure_arrays(derived(), dtype, code, names=("scale 30",))}
    assert rows["dw"].entries > 200
    assert (rows["dw"].nan, rows["dw"].infinite, rows["dw"].zeros) == (0, 0, 0)
    assert rows["dw"].worst < 200


def test_the_plain_difference_loses_entries() -> None:
    def plain(subject: Subject, dtype: str) -> Any:
        return lambda values: {"dw": np.tanh(values["u"]) - np.tanh(values["v"])}

    (row,) = measure_arrays(derived(), "float32", plain, names=("scale 30",))
    assert row.zeros > 10


def test_torch_code_keeps_them() -> None:
    torch = pytest.importorskip("torch")
    module = ModuleType("generated")
    exec(generate(derived(), "torch").source, module.__dict__)
    u = torch.tensor([12.0, -30.0, 3.0, 0.5, -9.0, torch.nan])
    v = torch.tensor([13.0, -31.0, -3.0, 0.5, -9.0, 1.0])
    found = module._tanh_minus(u, v).double()
    exact = torch.tensor(
        [-2 * (np.exp(-24) - np.exp(-26)), 2 * (np.exp(-60) - np.exp(-62)), 2 * np.tanh(3.0), 0.0, 0.0]
    )
    torch.testing.assert_close(found[:-1], exact.double(), rtol=1e-5, atol=0.0)
    assert found[-1].isnan()
