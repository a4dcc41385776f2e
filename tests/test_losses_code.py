"""What the generated code of losses must do beyond being right: dtypes, sizes that no value tells, overflow, masks."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from nnmath.calculus.derivation import Derivation
from nnmath.derivations import find
from nnmath.derivations.build import derive_entry
from nnmath.numeric.checking.crosscheck import check
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.numpy_code.generator import generate


@cache
def derived(id: str, **setting: Any) -> Derivation:
    return derive_entry(find(id).at(**setting))


def functions(id: str, **setting: Any) -> dict[str, Any]:
    return load_source(generate(derived(id, **setting)).source)


def test_a_gradient_that_reads_no_floats_still_has_their_shape_and_dtype() -> None:
    gradient = functions("nll")["nll_gradient"]
    found = gradient(U=np.zeros((2, 3), np.float32), y=np.array([2, 0]))
    assert found.dtype == np.float32 and found.tolist() == [[0.0, 0.0, -0.5], [-0.5, 0.0, 0.0]]


def test_a_label_that_is_ignored_changes_nothing() -> None:
    found = functions("softmax-ce-labels", ignored=True)
    rng = np.random.default_rng(0)
    Z, y, m = rng.normal(size=(3, 4)), np.array([1, 0, 3]), np.array([1.0, 0.0, 1.0])
    value, gradient = found["softmax_ce_labels"](Z, y, m), found["softmax_ce_labels_gradient"](Z, y, m)
    assert value == pytest.approx(functions("softmax-ce-labels")["softmax_ce_labels"](Z[[0, 2]], y[[0, 2]]))
    assert not gradient[1].any() and gradient[[0, 2]].all()


def test_equal_and_large_scores_keep_their_margin() -> None:
    """(margin + z) − z loses the margin; (z − z) + margin does not."""
    gradient = functions("multi-margin")["multi_margin_gradient"](np.full((1, 2), 1e30), np.array([0]))
    assert gradient.tolist() == [[-0.5, 0.5]]


@pytest.mark.parametrize(
    ("old", "new", "regime", "said"),
    [
        ("np.exp(x)", "np.exp(x + 800.0) * np.exp(-800.0)", "unequal sizes", "overflow"),
        ("np.exp(x)", "np.exp(np.minimum(x, 100.0))", "large logits (1e4)", "poisson_nll_gradient, dx["),
        ("np.exp(x)", "-np.exp(x)", "large logits (1e4)", "poisson_nll_gradient, dx["),
    ],
    ids=["overflow where the value is small", "finite where the value is not", "the wrong infinity"],
)
def test_infinity_is_right_only_where_the_value_is_beyond_the_range(old: str, new: str, regime: str, said: str) -> None:
    derivation = derived("poisson-nll")
    assert check(derivation, regimes=[regime]).passed
    module = generate(derivation)
    assert old in module.source
    report = check(derivation, module=replace(module, source=module.source.replace(old, new)), regimes=[regime])
    assert not report.passed and any(said in str(f) for f in report.failures), [str(f) for f in report.failures][:3]


@pytest.mark.parametrize("regime", ["one entry counts", "all entries count", "unequal sizes"])
def test_dividing_by_the_wrong_count_is_seen_in_masked_regimes(regime: str) -> None:
    torch = pytest.importorskip("torch")
    entry = find("nll").at(ignored=True)
    assert check(derived("nll", ignored=True), entry.torch, regimes=[regime]).passed

    def by_n(torch: Any, U: Any, y: Any, m: Any) -> Any:
        return torch.nn.functional.nll_loss(U, y, reduction="none") @ m / len(y)

    wrong = not check(derived("nll", ignored=True), by_n, regimes=[regime]).passed
    assert torch and wrong == (regime != "all entries count")


def test_the_loss_of_small_probabilities_keeps_its_digits() -> None:
    """1 − p rounds p = 1e-6 to two digits, and 1e-9 away."""
    p = np.array([1e-6, 1e-9, 1e-30], np.float32)
    for at in range(3):
        loss = functions("bce")["bce"](p[at : at + 1], np.zeros(1, np.float32))
        assert loss == pytest.approx(-np.log1p(-np.float64(p[at])), rel=1e-6)
