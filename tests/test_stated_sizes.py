"""Sizes stated as numbers beside a reference, sizes that follow from others, and what is said of kinks there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from derived import derivation

import nnmath
from nnmath.calculus.dimensions import DefinedDimension, with_what_follows
from nnmath.calculus.parser import parse_givens
from nnmath.verification.report import Proof, Report, refuted_alone
from nnmath.verification.subjects.protocol import SubjectError


def by_reshaping(dout: Any, x: Any) -> Any:
    """For even sizes only."""
    N, C, H, W = x.shape
    windows = x.reshape(N, C, H // 2, 2, W // 2, 2)
    largest = windows.max(axis=3).max(axis=4)
    mask = windows == largest[:, :, :, None, :, None]
    return (mask * dout[:, :, :, None, :, None]).reshape(x.shape)


def in_loops(dout: Any, x: Any) -> Any:
    """For all sizes, in loops over the windows."""
    H, W = x.shape[2:]
    dx = np.zeros_like(x)
    for i in range((H - 2) // 2 + 1):
        for j in range((W - 2) // 2 + 1):
            window = x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            mask = window == window.max(axis=(2, 3), keepdims=True)
            dx[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] += mask * dout[:, :, i, j][:, :, None, None]
    return dx


def softmax_ce(Z: Any, Y: Any) -> Any:
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return (E / E.sum(axis=1, keepdims=True) - Y) / len(Z)


def softmax_ce_of_four(Z: Any, Y: Any) -> Any:
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return (E / E.sum(axis=1, keepdims=True) - Y) / 4


def judged(code: Callable[..., Any], against: str, inputs: str | None = None) -> Report:
    return nnmath.verify(code, against=against, inputs=inputs)


def test_code_for_some_sizes_is_proved_at_these_off_ties() -> None:
    report = judged(by_reshaping, "max-pool2d", "x: n C 2 2")
    assert (report.verdict, report.at_sizes) == ("proved", True), str(report)
    assert "X: n C 2 2" in report.binding and "dY: n C 1 1" in report.binding
    assert "all sizes that are not stated as numbers" in str(report) and report.proofs[0].kinks


def test_loops_over_sizes_of_which_others_follow() -> None:
    """The number of windows is that of the numbers: elsewhere right code would be another function."""
    report = judged(in_loops, "max-pool2d")
    assert report.verdict == "agrees" and not report.findings
    (proof,) = report.proofs
    assert proof.verdict == "proved for sizes" and "O = 1, P = 1" in proof.basis
    assert proof.kinks and "except where" in str(proof)


@pytest.mark.parametrize("inputs", ("Z: 4 3", "Z: 4 300", "Z: n 3, Y: n 3"))
def test_what_is_proved_for_all_sizes_is_said_so(inputs: str) -> None:
    report = judged(softmax_ce, "softmax-ce", inputs)
    assert (report.verdict, report.at_sizes) == ("proved", False), str(report)
    assert report.proofs[0].basis == "normal form" and "Z: n C" in report.binding


def test_what_holds_at_a_stated_size_alone() -> None:
    report = judged(softmax_ce_of_four, "softmax-ce", "Z: 4 C")
    assert (report.verdict, report.at_sizes) == ("proved", True), str(report)
    assert report.binding.startswith("Z: 4 C, Y: 4 C rows")
    report = judged(softmax_ce_of_four, "softmax-ce", "Z: 5 C")
    assert report.verdict == "wrong" and report.findings[0].kind == "scale"
    assert report.findings[0].message == "dZ = n/4 · true, proved for all inputs and sizes"


def twice_for_four(Z: Any, Y: Any) -> Any:
    C = Z.shape[1]
    pairs = softmax_ce(Z, Y).reshape(2, 2, C)
    return (2 * pairs).reshape(4, C)


def test_a_finding_says_for_which_sizes_it_is_proved() -> None:
    report = judged(twice_for_four, "softmax-ce", "Z: 4 C")
    assert (report.verdict, report.at_sizes) == ("wrong", True), str(report)
    assert report.findings[0].message == "dZ = 2 · true, proved for all inputs at the sizes that are stated"


def without_the_mean(Z: Any, Y: Any) -> Any:
    return softmax_ce(Z, Y) * len(Z)


def test_one_is_a_size_too() -> None:
    report = judged(without_the_mean, "softmax-ce", "Z: 1 C")
    assert (report.verdict, report.at_sizes) == ("proved", True), str(report)
    assert "all sizes that are not stated as numbers" in str(report)


#: What is stated of max-pool2d, and what is to be read then.
CLASHES = {
    "x: n C 4 6, dout: n C 3 3": "O is 3, and O = (H - 2) // 2 + 1 is 2",
    "x: n C H W, dout: n C 2 3": "O is 2, and it follows from others: O = (H - 2) // 2 + 1. Give H a number",
    "x: n 3 4 6, dout: n 4 2 3": "--inputs says dout: n 4 2 3; by another array, C is 3",
}


@pytest.mark.parametrize("inputs", CLASHES)
def test_numbers_that_do_not_fit_each_other_are_refused(inputs: str) -> None:
    with pytest.raises(SubjectError) as caught:
        judged(by_reshaping, "max-pool2d", inputs)
    assert CLASHES[inputs] in str(caught.value)


def test_what_becomes_of_sizes_that_follow() -> None:
    dims = {str(d): d for d in derivation("max-pool2d").dims}
    H, W, P = dims["H"], dims["W"], dims["P"]
    found = with_what_follows({H: 7, W: 2}, dims.values())  # type: ignore[dict-item]
    assert {str(d): int(n) for d, n in found.items()} == {"H": 7, "W": 2, "O": 3, "P": 1}
    assert P not in with_what_follows({H: 7}, dims.values())  # type: ignore[dict-item]
    x, *_ = parse_givens("x: n T\nu: S\nO = (T - S)//2 + 1\ny: n O")
    (half,) = [d for t in parse_givens("x: n T\nu: S\nO = (T - S)//2 + 1\ny: n O") for d in t.dims if str(d) == "O"]
    left = with_what_follows({x.dims[1]: 9}, [half])[half]  # type: ignore[dict-item]
    assert isinstance(left, DefinedDimension) and {str(s) for s in left.size.free_symbols} == {"S"}
    assert left.text.replace(" ", "") == "(9-S)//2+1"


def test_a_refuted_proof_is_never_without_words() -> None:
    proofs = [Proof("dx", "refuted", "at n = 3", "dx = 2 x", "x = [1]"), Proof("dy", "proved", "normal form")]
    (finding,) = refuted_alone("net.py:3", proofs)
    assert "dx is another function, at n = 3" in finding.message and finding.example == "x = [1]"
