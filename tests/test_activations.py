"""Activations: every option that torch has, the values at the kinks, and the range of floating point."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnmath.calculus.derivation import Derivation
from nnmath.calculus.givens import parse_givens
from nnmath.derivations import Entry, catalogue, find
from nnmath.derivations.build import derive_entry
from nnmath.numeric.checking.crosscheck import check
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.numpy_code.generator import generate
from nnmath.numeric.plans import is_elementwise

torch = pytest.importorskip("torch", reason="torch is not installed")
F = torch.nn.functional

#: Other values of the parameters than the defaults: id, values.
OPTIONS: list[tuple[str, dict[str, str]]] = [
    ("leaky-relu", {"alpha": "0.3"}),
    ("prelu", {"alpha": "-0.5"}),
    ("rrelu", {"lower": "0.05", "upper": "0.6"}),
    ("elu", {"alpha": "0.4"}),
    ("celu", {"alpha": "2.5"}),
    ("softplus", {"beta": "3"}),
    ("swish", {"beta": "0.7"}),
    ("hardtanh", {"low": "-0.25", "high": "2.5"}),
    ("hardtanh", {"low": "1", "high": "3"}),
    ("softshrink", {"lam": "1.75"}),
    ("hardshrink", {"lam": "1.75"}),
    ("threshold", {"theta": "-1.5", "v": "0.5"}),
]


def with_values(entry: Entry, values: dict[str, str]) -> Entry:
    """The entry with other defaults of its parameters."""
    given = entry.given
    for name, value in values.items():
        given, times = re.subn(rf"(?m)^(\s*{name}:[^=#]*=)\s*[^#\n]*", rf"\1 {value} ", str(given))
        assert times == 1, name
    return replace(entry, given=given)


@pytest.mark.parametrize(("id", "values"), OPTIONS, ids=[f"{id} {values}" for id, values in OPTIONS])
def test_options(id: str, values: dict[str, str]) -> None:
    entry = with_values(find(id), values)
    derivation = derive_entry(entry)
    assert derivation.proved
    report = check(derivation, entry.torch, regimes=["typical", "zeros", "large"])
    assert report.passed, report.summary
    apart = [r for r in report.results if r.dtype == "float64" and not r.function.endswith("_value_and_gradient")]
    assert apart and all(r.torch is not None for r in apart)  # the joint function is compared with exact values


def test_every_parameter_of_an_activation_has_an_option_tried() -> None:
    tried = {(id, name) for id, values in OPTIONS for name in values}
    fixed = {("selu", "lam"), ("selu", "alpha"), ("gelu-tanh", "k")}  # constants that torch does not take
    entries = [e.at() for e in catalogue().values() if e.topic == "activations"]
    have = {(e.id, t.name) for e in entries for t in parse_givens(str(e.given)) if t.domain.value is not None}
    assert have - fixed == tried


@pytest.mark.parametrize("pieces", [1, 2, 3, 5])
def test_maxout_of_any_number_of_pieces(pieces: int) -> None:
    entry = find("maxout")
    derivation = derive_entry(entry, pieces=pieces)
    assert derivation.proved and len(derivation.wanted) == 1 + 2 * pieces
    report = check(derivation, entry.torch, regimes=["unequal sizes", "ties", "zeros"])
    assert report.passed and not report.notes, (report.summary, report.notes)


# -- kinks ------------------------------------------------------------------------------------------------------------

#: What torch computes, and where the function or its slope breaks. hardsigmoid is torch's own here.
KINKS: list[tuple[str, Callable[[Any], Any], tuple[float, ...]]] = [
    ("step", lambda x: (x > 0).to(x.dtype), (0.0,)),
    ("relu", F.relu, (0.0,)),
    ("leaky-relu", F.leaky_relu, (0.0,)),
    ("prelu", lambda x: F.prelu(x, torch.tensor([0.25], dtype=x.dtype)), (0.0,)),
    ("rrelu", F.rrelu, (0.0,)),
    ("squared-relu", lambda x: F.relu(x) ** 2, (0.0,)),
    ("elu", F.elu, (0.0,)),
    ("selu", F.selu, (0.0,)),
    ("celu", F.celu, (0.0,)),
    ("softsign", F.softsign, (0.0,)),
    ("relu6", F.relu6, (0.0, 6.0)),
    ("hardtanh", F.hardtanh, (-1.0, 1.0)),
    ("hardsigmoid", F.hardsigmoid, (-3.0, 3.0)),
    ("hardswish", F.hardswish, (-3.0, 3.0)),
    ("softshrink", F.softshrink, (-0.5, 0.5)),
    ("hardshrink", F.hardshrink, (-0.5, 0.5)),
    ("threshold", lambda x: F.threshold(x, 0.1, 20.0), (0.1,)),
]


def functions(derivation: Derivation) -> list[Callable[..., Any]]:
    module = generate(derivation)
    loaded = load_source(module.source)
    return [loaded[f.name] for f in module.functions]


@pytest.mark.parametrize(("id", "theirs", "borders"), KINKS, ids=[k[0] for k in KINKS])
def test_the_value_at_a_kink_is_that_of_torch(
    id: str, theirs: Callable[[Any], Any], borders: tuple[float, ...]
) -> None:
    """At the border and at the numbers next to it, on either side."""
    derivation = derive_entry(find(id))
    value, slope, *_ = functions(derivation)
    points = np.array([f(b, s * np.inf) for b in borders for s in (-1, 1) for f in (lambda b, s: b, np.nextafter)])
    x = torch.tensor(points, requires_grad=True)
    y = theirs(x)
    gradient = torch.autograd.grad(y.sum(), x)[0] if y.requires_grad else torch.zeros_like(x)
    np.testing.assert_allclose(value(points), y.detach().numpy(), rtol=1e-15, atol=1e-300)
    computed = slope(points)
    computed = computed[0] if isinstance(computed, tuple) else computed
    # torch's hardsigmoid multiplies by a float32 1/6
    np.testing.assert_allclose(computed, gradient.numpy(), rtol=1e-7 if id == "hardsigmoid" else 1e-15)


def test_every_kink_is_in_the_table() -> None:
    smooth = "Smooth everywhere: no kink."
    scalar = [e for e in catalogue().values() if e.topic == "activations" and "rank" not in e.id]
    have = {e.id for e in scalar if is_elementwise(derive_entry(e)) and smooth not in e.conventions}
    assert have == {id for id, *_ in KINKS}


# -- the range of floating point ---------------------------------------------------------------------------------------


def test_an_overflow_is_excused_only_where_the_exact_value_overflows() -> None:
    derivation = derive_entry(find("squared-relu"))
    report = check(derivation, find("squared-relu").torch, regimes=["float extremes"])
    assert report.passed
    module = generate(derivation)
    for old, new in (
        ("np.maximum(x, 0.0)**2", "np.where(x > 0, x**2, 0.0)"),
        ("2 * np.max", "x**2 / x**2 * 2 * np.max"),
    ):
        assert old in module.source
        spoiled = replace(module, source=module.source.replace(old, new))
        report = check(derivation, None, regimes=["float extremes"], module=spoiled)
        assert not report.passed and "FloatingPointError: overflow" in str(report.failures[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanhshrink_keeps_its_digits_near_zero(dtype: Any) -> None:
    value, *_ = functions(derive_entry(find("tanhshrink")))
    x = np.array([1e-8, 1e-5, 1e-3, 1e-2], dtype=dtype)
    series = x.astype(float) ** 3 / 3 - 2 * x.astype(float) ** 5 / 15 + 17 * x.astype(float) ** 7 / 315
    np.testing.assert_allclose(value(x), series - 62 * x.astype(float) ** 9 / 2835, rtol=4 * np.finfo(dtype).eps)
