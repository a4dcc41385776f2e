"""Planted errors, one at a time: found, and called by their name."""

from __future__ import annotations

from pathlib import Path

import pytest
import sympy
from mutants import GRADIENTS, MUTANTS, judged

from nnmath.calculus.parser import parse_givens
from nnmath.calculus.tensors import dimension
from nnmath.verification.diagnosis.edits import edits
from nnmath.verification.diagnosis.evidence import Sample
from nnmath.verification.diagnosis.scales import at_one, factor

#: One gradient of each sort, every other slip; the whole table is run elsewhere.
CHOSEN = ("softmax_ce", "dense", "rmsnorm", "tanh")
SOME = [m for m in MUTANTS if m.gradient in CHOSEN][::2]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutants")


@pytest.mark.parametrize("name", CHOSEN)
def test_the_original_is_proved(folder: Path, name: str) -> None:
    report = judged(GRADIENTS[name], GRADIENTS[name].text, folder, name)
    assert (report.verdict, report.findings) == ("proved", ()), str(report)


def test_planted_errors_are_found_and_named(folder: Path) -> None:
    reports = [(m, judged(GRADIENTS[m.gradient], m.text, folder, f"slip_{k}")) for k, m in enumerate(SOME)]
    assert [m.id for m, r in reports if r.passed] == []
    misnamed = [(m.id, r.kinds()) for m, r in reports if not set(r.kinds()) & set(m.kinds)]
    assert len(misnamed) <= 0.2 * len(SOME), misnamed


# -- what has no single cause gets no name -----------------------------------------------------------------------------

NAMELESS = {
    "two slips": ("softmax_ce", "(P - Y) / n", "(P * np.cos(Z) - 0.3 * Y * Z) / n"),
    "another function": ("tanh", "dout * (1 - y) * (1 + y)", "dout * np.cos(y)"),
    "labels and noise": ("embedding", "np.add.at(dW, ids, dY)", "dW[ids] += dY; dW += np.sin(W)"),
    # A function that no trace knows: the error is seen in the values alone, and is none of a smaller dtype.
    "a large error": (
        "swish_torch",
        "return grad_output *",
        "return grad_output * (1 + 0.01 * torch.special.bessel_j0(99 * x)) *",
    ),
}


@pytest.mark.parametrize("name", NAMELESS)
def test_what_no_single_change_explains_is_unnamed(folder: Path, name: str) -> None:
    gradient, old, new = NAMELESS[name]
    if "torch" in gradient:
        pytest.importorskip("torch", reason="it is written in torch; type: pip install torch")
    source = GRADIENTS[gradient].text.replace(old, new)
    report = judged(GRADIENTS[gradient], source, folder, f"nameless_{gradient}", ("float64",))
    assert report.verdict == "wrong" and report.kinds()[0] == "unnamed", str(report)


NAMED = [
    ("layernorm", "+ 1e-5", "+ 1e-3", "the number 1/1000 stands where 1/100000 belongs, proved"),
    ("normalise", "sum(axis=1, keepdims=True)) / r", "sum(axis=0, keepdims=True)) / r", "wrong axis (n instead of D)"),
    ("quadratic", ") / 2 - b", ") - b", "are multiplied by 2"),
    ("embedding", "np.add.at(dW, ids, dY)", "dW[ids] += dY", "a label of ids occurs more than once"),
    (
        "l1",
        "np.sign(r)",
        "r / (np.abs(r) + 1e-2)",
        "1 / (1/100 + |P_ij − T_ij|) stands where 1 / |P_ij − T_ij| belongs",
    ),
    ("leaky", "X <= 0", "X <= 1", "the case distinction is at 1 instead of 0, proved"),
    ("mse_elements", "2 * (P - T)", "(2 * (P - T) + 0.3 * P + 0.2 * T**2)", "do not belong there, proved"),
    (
        "swish_torch",
        "return grad_output *",
        "return grad_output * (1 + 0.01 * torch.sin(99 * x)) *",
        "dout (1 + sin(99 x) / 100) (σ(x) + x σ(−x) σ(x)) stands where dout (σ(x) + x σ(−x) σ(x)) belongs, proved",
    ),
]


@pytest.mark.parametrize(("gradient", "old", "new", "said"), NAMED, ids=[row[0] for row in NAMED])
def test_the_message_says_what_is_wrong(folder: Path, gradient: str, old: str, new: str, said: str) -> None:
    if "torch" in gradient:
        pytest.importorskip("torch", reason="it is written in torch; type: pip install torch")
    source = GRADIENTS[gradient].text
    assert old in source
    report = judged(GRADIENTS[gradient], source.replace(old, new), folder, f"named_{gradient}", ("float64",))
    assert report.verdict == "wrong" and said in report.findings[0].message, str(report)


# -- a right formula on a smaller dtype --------------------------------------------------------------------------------

NARROWED = [
    ("float16", "(dout * (1 - y) * (1 + y)).astype(np.float16).astype(float)", "it passes through float16"),
    ("input in float16", "dout.astype(np.float16) * 1.0 * (1 - y) * (1 + y)", "dout passes through float16"),
]


@pytest.mark.parametrize(("expression", "said"), [row[1:] for row in NARROWED], ids=[row[0] for row in NARROWED])
def test_a_proved_gradient_on_a_smaller_dtype_is_named(folder: Path, expression: str, said: str) -> None:
    source = GRADIENTS["tanh"].text.replace("dout * (1 - y) * (1 + y)", expression)
    report = judged(GRADIENTS["tanh"], source, folder, "narrowed", ("float64",))
    assert report.verdict == "unstable" and report.findings[0].kind == "dtype", str(report)
    assert said in report.findings[0].message and "cancellation" not in report.kinds(), str(report)


def test_digits_lost_otherwise_are_no_matter_of_the_dtype(folder: Path) -> None:
    source = GRADIENTS["tanh"].text.replace("dout * (1 - y)", "(dout + 1e11 - 1e11) * (1 - y)")
    report = judged(GRADIENTS["tanh"], source, folder, "cancelled", ("float64",))
    assert report.verdict == "unstable" and report.kinds() == ("cancellation",), str(report)


# -- factors told apart by sizes ---------------------------------------------------------------------------------------


n, d = dimension("n"), dimension("d")
SIZES = ({"n": 3, "d": 4}, {"n": 2, "d": 2}, {"n": 1, "d": 5})


@pytest.mark.parametrize(
    "expr",
    [
        n,
        1 / n,
        sympy.sqrt(d),
        1 / sympy.sqrt(d),
        n * d,
        n / d,
        sympy.Integer(2),
        sympy.Integer(-1),
        sympy.Rational(1, 3),
    ],
)
def test_factors(expr: sympy.Expr) -> None:
    found = [(Sample("", s, {}), float(expr.subs({n: s["n"], d: s["d"]}))) for s in SIZES]
    assert factor(found, (n, d), ()) == expr


def test_a_factor_that_is_none() -> None:
    assert factor([(Sample("", s, {}), q) for s, q in zip(SIZES, (1.3, 2.7, 0.1), strict=True)], (n, d), ()) is None
    assert at_one(n) == {"n": 1} and at_one(sympy.Integer(2)) is None


def test_edits_of_a_formula() -> None:
    p, y = parse_givens("P: n C, Y: n C")
    i, c = p.indices()
    found = {(e.kind, str(e.expr - (p[i, c] - y[i, c]) / n)) for e in edits((p[i, c] - y[i, c]) / n, str)}
    kinds = {kind for kind, _ in found}
    assert {"missing-term", "sign", "scale"} <= kinds
    assert all(difference != "0" for _, difference in found)
