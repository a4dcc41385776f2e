"""What is stated of arrays beside a reference, and the labels of one-hot rows in formulas."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from sympy import Integer, exp

import nnmath
from nnmath.calculus.parser import parse_givens
from nnmath.calculus.sums import Delta, bound_sum
from nnmath.calculus.tensors import Domain, Element, Index, Tensor, dimension
from nnmath.verification.report import Report
from nnmath.verification.tracing.concrete import at_sizes
from nnmath.verification.tracing.one_hot_rows import by_rows

ONE_HOT = "Z: n C, Y: n C onehot"


def by_labels(Z: Any, Y: Any) -> Any:
    labels = np.argmax(Y, axis=1)
    P = np.exp(Z - Z.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    P[np.arange(len(Z)), labels] -= 1
    return P / len(Z)


def by_labels_of_the_array(logits: Any, targets: Any) -> Any:
    P = np.exp(logits - logits.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    return (P - np.eye(logits.shape[1])[targets.argmax(axis=-1)]) / len(logits)


def with_the_sign_turned(Z: Any, Y: Any) -> Any:
    return -by_labels(Z, Y)


def of_the_wrong_axis(Z: Any, Y: Any) -> Any:
    P = np.exp(Z - Z.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    P[np.arange(len(Z)), np.argmax(P, axis=1)] -= 1
    return P / len(Z)


def loss_by_labels(Z: Any, Y: Any) -> Any:
    shifted = Z - Z.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(Z)), Y.argmax(axis=1)].mean()


def hinge(S: Any, Y: Any) -> Any:
    n, y = len(S), Y.argmax(axis=1)
    margins = np.maximum(0, S - S[np.arange(n), y][:, None] + 1)
    margins[np.arange(n), y] = 0
    return margins.sum() / n


def hinge_backward(S: Any, Y: Any) -> Any:
    n, y = len(S), Y.argmax(axis=1)
    mask = (S - S[np.arange(n), y][:, None] + 1 > 0).astype(S.dtype)
    mask[np.arange(n), y] = 0
    mask[np.arange(n), y] = -mask.sum(axis=1)
    return mask / n


def softsign_of_positive(x: Any, dy: Any) -> Any:
    return dy / (1 + x) ** 2


def judged(code: Any, against: Any, inputs: str | None = None) -> Report:
    return nnmath.verify(code, against=against, inputs=inputs)


@pytest.mark.parametrize(
    ("code", "against", "inputs"),
    [
        (by_labels, "softmax-ce", ONE_HOT),
        (by_labels, "softmax-ce", "Y: n C onehot"),
        (by_labels_of_the_array, "softmax-ce", "logits: n C, targets: n C onehot"),
        (by_labels_of_the_array, "softmax-ce", "targets: n C onehot"),
        (softsign_of_positive, "softsign", "x: positive"),
    ],
)
def test_what_holds_for_some_arrays_is_proved_where_they_are_stated(code: Any, against: str, inputs: str) -> None:
    report = judged(code, against, inputs)
    assert (report.verdict, report.on_some, report.at_sizes) == ("proved", True, False), str(report)
    assert "all inputs that are as stated" in str(report)
    assert judged(code, against).verdict == "wrong"


def test_what_holds_for_all_arrays_is_said_of_all() -> None:
    def plain(Z: Any, Y: Any) -> Any:
        P = np.exp(Z - Z.max(axis=1, keepdims=True))
        return (P / P.sum(axis=1, keepdims=True) - Y) / len(Z)

    report = judged(plain, "softmax-ce", ONE_HOT)
    assert (report.verdict, report.on_some) == ("proved", False), str(report)
    assert "Y: n C rows" in report.binding


def test_what_is_stated_of_other_arrays_is_said_to_be_unused() -> None:
    def plain(Z: Any, Y: Any) -> Any:
        P = np.exp(Z - Z.max(axis=1, keepdims=True))
        return (P / P.sum(axis=1, keepdims=True) - Y) / len(Z)

    report = judged(plain, "softmax-ce", "Z: n C, Y: n C sign")
    assert report.verdict == "proved"
    assert "Y: n C sign: that is not among what the reference takes, Y: n C rows" in report.not_tested
    for inputs in ("Z: n C, Y: n C", "Z: n C, Y: n C nonnegative", "Z: n C positive, Y: n C rows", "Z: n 3, Y: n 3"):
        assert not any("not among" in text for text in judged(plain, "softmax-ce", inputs).not_tested), inputs


@pytest.mark.parametrize(("code", "name"), [(by_labels, "Y"), (by_labels_of_the_array, "targets")])
def test_code_for_one_hot_rows_only_is_told_so(code: Any, name: str) -> None:
    (finding,) = judged(code, "softmax-ce").findings
    assert (finding.kind, finding.message) == (
        "contract",
        "dZ is right where the rows of Y are one-hot, and only there",
    )
    assert f'--inputs "{name}: n C onehot"' in finding.fix


@pytest.mark.parametrize("inputs", [None, ONE_HOT])
def test_a_sign_is_no_question_of_one_hot_rows(inputs: str | None) -> None:
    report = judged(with_the_sign_turned, "softmax-ce", inputs)
    assert report.verdict == "wrong" and all(f.kind != "contract" for f in report.findings)
    if inputs:
        assert [f.kind for f in report.findings] == ["sign"] and report.proofs[0].verdict == "refuted"


def test_the_place_of_the_largest_probability_has_no_formula() -> None:
    report = judged(of_the_wrong_axis, "softmax-ce", ONE_HOT)
    assert report.verdict == "wrong" and not report.proofs
    assert any("the place of the largest entry has a formula for one-hot rows only" in t for t in report.not_tested)


def test_a_loss_that_reads_labels_is_derived() -> None:
    page = nnmath.derive(loss_by_labels, inputs=ONE_HOT, wrt="Z")
    assert page.proved and "(softmax(Z) − Y)/n" in str(page)


def test_a_gradient_that_counts_by_labels() -> None:
    assert judged(hinge_backward, hinge, "S: n C, Y: n C onehot").verdict == "proved"


# -- labels in formulas ------------------------------------------------------------------------------------------------

n, C = dimension("n"), dimension("C")
Y = Tensor("Y", (n, C), Domain(onehot=True))
PLACE = Tensor("place_Y", (n,), Domain(below=C))
Z = Tensor("Z", (n, C))
i, j, c = Index("i", n), Index("j", n), Index("c", C)


def label(at: Any) -> Element:
    return Element(PLACE, at)


FORMULAS = [
    Element(Z, i, label(i)),
    exp(Element(Z, i, label(i))) - Delta(c, label(i)) / n,
    exp(Element(Z, i, c) - Element(Z, i, label(i))),
    Element(Z, i, label(i)) ** 2 * Delta(c, label(i)) + Element(Z, i, c),
    bound_sum(Element(Z, j, label(j)) * Delta(c, label(j)), j),
    bound_sum(exp(Element(Z, j, label(i))), j) * Element(Z, i, label(i)),
    exp(bound_sum(Element(Z, j, label(j)), j)) * Delta(c, label(i)),
    Element(Z, i, label(j)) * Element(Z, j, label(i)) * Delta(label(i), label(j)),
]


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_a_formula_means_the_same_without_labels(formula: Any) -> None:
    """At all labels of three rows with two classes, and numbers for the rest."""
    rng = random.Random(0)
    found = by_rows(formula, {PLACE: Y})
    assert not found.has(PLACE) and found.has(Y)
    sizes = {n: Integer(3), C: Integer(2)}
    three, two = Integer(3), Integer(2)
    rows, labels = Tensor("Y", (three, two), Y.domain), Tensor("place_Y", (three,), Domain(below=two))
    logits = Tensor("Z", (three, two))
    values = {Element(logits, a, b): Integer(rng.randrange(-3, 4)) for a in range(3) for b in range(2)}
    at = {Index("i", three): Integer(0), Index("j", three): Integer(2), Index("c", two): Integer(1)}
    for code in range(8):
        places = [code >> k & 1 for k in range(3)]
        known: dict[Any, Any] = {Element(rows, a, b): Integer(int(places[a] == b)) for a in range(3) for b in range(2)}
        chosen = {Element(labels, a): Integer(places[a]) for a in range(3)}
        one, other = (at_sizes(e, sizes).xreplace(at).xreplace(chosen) for e in (formula, found))
        assert (one.xreplace(values) - other.xreplace(known).xreplace(values)).equals(0)


@pytest.mark.parametrize(
    ("one", "other", "within"),
    [
        ("onehot", "rows", True),
        ("onehot", "mask", True),
        ("rows", "onehot", False),
        ("positive", "nonnegative", True),
        ("unit", "positive", True),
        ("mask", "unit", False),
        ("sign", "", True),
        ("", "positive", False),
        ("int<C", "", False),
        ("positive rows", "rows", True),
    ],
)
def test_which_arrays_are_among_which(one: str, other: str, within: bool) -> None:
    a, b = (parse_givens(f"X: n C {words}")[0].domain for words in (one, other))
    assert a.is_within(b) == within
