"""JAX functions with a hand-written derivative: correct ones agree, planted errors are named."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnmath

pytest.importorskip("jax", reason="these are JAX functions; type: pip install jax")

FILE = Path(__file__).parent / "subjects" / "jax_gradients.py"
AGAINST = {"softmax_ce": "softmax-ce", "softmax_ce_grad": "softmax-ce", "dense": "dense"}


def judge(place: str, name: str) -> nnmath.Report:
    return nnmath.verify(f"{place}:{name}", against=AGAINST[name], dtypes=("float64",))


@pytest.mark.parametrize("name", AGAINST)
def test_correct_functions_agree(name: str) -> None:
    report = judge(str(FILE), name)
    assert (report.verdict, report.findings) == ("agrees", ()), str(report)


PLANTED = [
    ("scale", "softmax_ce", "one_hot(y, z.shape[1])) / z.shape[0], None", "one_hot(y, z.shape[1])), None"),
    ("unnamed detached chain-factor extra-term scale", "softmax_ce", "return g * (p", "return (p"),
    ("overflow", "softmax_ce", "jnp.exp(z - z.max(axis=1, keepdims=True))", "jnp.exp(z)"),
    ("transpose shape", "dense", "x.T @ dout,", "(x.T @ dout).T,"),
    ("sign", "dense", "dout @ w.T, x.T", "-dout @ w.T, x.T"),
    ("missing-term", "softmax_ce_grad", "dz = (p - jax.nn.one_hot(y, z.shape[1]))", "dz = p"),
]


@pytest.mark.parametrize(("kinds", "name", "old", "new"), PLANTED, ids=[p[0].split()[0] for p in PLANTED])
def test_planted_errors_are_named(kinds: str, name: str, old: str, new: str, tmp_path: Path) -> None:
    text = FILE.read_text()
    assert text.count(old) == 1
    (tmp_path / FILE.name).write_text(text.replace(old, new))
    report = judge(str(tmp_path / FILE.name), name)
    assert not report.passed and set(report.kinds()) & set(kinds.split()), str(report)


def test_a_function_without_rules_is_an_error_that_says_so() -> None:
    with pytest.raises(ValueError, match="defvjp"):
        nnmath.verify(f"{FILE}:without_rules", against="relu")


def test_what_a_function_returns_is_compared(tmp_path: Path) -> None:
    report = judge(str(FILE), "softmax_ce")
    assert "what forward returns" in "; ".join(report.covered), str(report)
    assert any(line.startswith("not proved: what forward returns: ") for line in report.not_tested)
    text = FILE.read_text()
    old = "-jnp.mean(log_p["
    assert text.count(old) == 1
    (tmp_path / FILE.name).write_text(text.replace(old, "-jnp.sum(log_p["))
    assert judge(str(tmp_path / FILE.name), "softmax_ce").kinds() == ("value",)
