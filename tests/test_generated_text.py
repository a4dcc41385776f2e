"""How generated NumPy code reads, and which of its forms are chosen for speed."""

from __future__ import annotations

import pytest

from nnmath import derive
from nnmath.numeric.numpy_code.line_comments import REASONS, with_reasons
from nnmath.numeric.program import is_product_of_matrices


@pytest.mark.parametrize(
    ("id", "lines"),
    [
        ("silu", ["    e = np.exp(-0.5 * a)  # at most 1: nothing overflows, and e * (...) * e keeps the tail"]),
        ("gelu", ["# at most 1: nothing overflows"]),
        ("softmax-ce", ["    P = Z - Z.take(place)[:, None]  # at most 0: exp cannot overflow"]),
        (
            "layernorm",
            ["[:, None]  # what rounding left of the mean", "_row_scale(X, axis=1, least=eps**0.5)  # a power of"],
        ),
        ("dense", []),
    ],
)
def test_a_line_that_asks_for_a_reason_has_one(id: str, lines: list[str]) -> None:
    source = derive(id).source()
    assert all(line in source for line in lines)
    assert bool(lines) == ("  # " in source.split("def " + id.replace("-", "_"))[1])


def test_a_reason_is_given_once_and_only_where_it_fits() -> None:
    twice = ["e = np.exp(-0.5 * a)", "e2 = np.exp(-0.5 * a)"]
    assert with_reasons(twice) == [f"{twice[0]}  # {REASONS[0][1]}", twice[1]]
    long = f"e = np.exp(-{'0' * 80}.5 * a)"
    assert with_reasons([long]) == [long]
    assert with_reasons(["e = np.exp(x)", "H -= G.sum(axis=1)"]) == ["e = np.exp(x)", "H -= G.sum(axis=1)"]


@pytest.mark.parametrize(
    ("spec", "answer"),
    [
        ("abcd,ebfcgd->eafg", True),
        ("abc,acd->bd", True),
        ("abc,adc->db", True),
        ("ij,ij->j", False),  # a batch axis
        ("ij,jk->ik", True),
        ("ijk,ik->ij", False),
        ("ij,kl->jl", False),  # nothing in common, and sums over one operand alone
        ("ij,j->i", False),  # one side has no axis of its own
    ],
)
def test_products_of_matrices_go_to_blas(spec: str, answer: bool) -> None:
    assert is_product_of_matrices(spec) is answer


def test_what_is_subtracted_stands_last_in_docstrings() -> None:
    source = derive("layernorm").source()
    assert "H[i, d] = (X[i, d] - M[i])*R[i]" in source and "(-M" not in source
