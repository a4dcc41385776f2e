"""The judgement on whole pieces of code: the targets of the issue, correct code in many styles, and the command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import planted_targets
import pytest
import traced_gradients

import nnmath
from nnmath.cli import main
from nnmath.verification.report import Finding, Proof, verdict_of

TARGETS = Path(planted_targets.__file__)

#: Right formulas whose floating point fails: no shift, a global maximum, a division by s(1 − s).
UNSTABLE = {"softmax_ce_onehot", "softmax_ce_eye", "bce_probabilities", "softmax_backward"}


def lines(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


@pytest.mark.parametrize("name", traced_gradients.CASES)
def test_correct_code_is_proved(name: str) -> None:
    case = traced_gradients.CASES[name]
    report = nnmath.verify(case.function, against=lines(case.define), inputs=case.given)
    assert all(p.verdict == "proved" for p in report.proofs) and report.proofs
    if name in UNSTABLE:
        assert report.verdict == "unstable" and set(report.kinds()) <= {"overflow", "cancellation"}
    else:
        assert (report.verdict, report.findings) == ("proved", ()), str(report)


def test_two_layer_network() -> None:
    report = nnmath.verify(planted_targets.TwoLayer, against="mlp-softmax")
    by_kind = {f.kind: f for f in report.findings}
    assert report.verdict == "wrong" and set(by_kind) == {"scale", "aliasing", "overflow"}, str(report)
    scale, aliasing, overflow = by_kind["scale"], by_kind["aliasing"], by_kind["overflow"]
    assert "is n times the true one, proved for all inputs and sizes; invisible at n = 1" in scale.message
    assert all(name in scale.message for name in ("dW1", "db1", "dW2", "db2"))
    assert "delta aliases self.probs" in aliasing.message and aliasing.fix == "delta = self.probs.copy()"
    assert "second" in aliasing.message
    assert "np.max(Z2, axis=1, keepdims=True)" in overflow.fix
    assert "float32" in overflow.message and "float64" in overflow.message


def test_attention_without_its_scale() -> None:
    report = nnmath.verify(
        planted_targets.attention_backward,
        forward=planted_targets.attention_forward,
        inputs="Q: n d, K: m d, V: m k",
    )
    (finding,) = (f for f in report.findings if f.kind == "scale")
    assert finding.message.startswith("dQ and dK are √d times the true one, proved for all inputs and sizes")
    assert finding.message.endswith("invisible at d = 1") and finding.fix == "multiply by 1/√d"
    assert {p.gradient: p.verdict for p in report.proofs} == {"dQ": "refuted", "dK": "refuted", "dV": "proved"}


def test_dense_layer() -> None:
    report = nnmath.verify(planted_targets.dense_backward, against="dense")
    assert report.verdict == "proved" and report.findings == ()
    assert any("integer input" in text for text in report.covered)
    beside = {e.case: e for e in report.explained}
    rank_three, column = beside["input with two batch axes (2, 3, …)"], beside["b of shape (H, 1)"]
    assert "raises" in rank_three.message and "X of shape (2, 3, 4)" in rank_three.example
    assert "X.reshape(-1, X.shape[-1])" in rank_three.fix
    assert "no error, but forward returns shape (4, 4) where (1, 4) is expected" in column.message
    assert "in an update, b − η·db has shape (4, 4)" in column.message and column.fix == "b = b.reshape(-1)"


def test_bias_as_a_column() -> None:
    report = nnmath.verify(planted_targets.column_backward, forward=planted_targets.column_forward, against="dense")
    assert report.verdict == "proved" and "b with shape (H, 1), as the code keeps it" in report.notes


def test_cross_entropy_over_all_entries() -> None:
    report = nnmath.verify(planted_targets.logits_gradient, against="softmax-ce")
    by_kind = {f.kind: f for f in report.findings}
    assert "dZ = 1/C · true" in by_kind["contract"].message
    dies = by_kind["epsilon"]
    assert "1e-8" in dies.where and "from gap within a row of Z = " in dies.message
    # Half of p/(p + 1e-8) is gone where p is 1e-8, which is a gap of log(1e8) = 18.4 and a little more in both dtypes.
    gaps = [float(gap) for gap in re.findall(r"([\d.]+) in float(?:32|64)", dies.message)]
    assert len(gaps) == 2 and all(18 < gap < 21 for gap in gaps), dies.message


@pytest.mark.parametrize(
    ("kinds", "proofs", "expected"),
    [
        ((), ("proved", "proved"), "proved"),
        ((), ("proved", "open"), "agrees"),
        ((), (), "agrees"),
        (("overflow",), ("proved", "proved"), "unstable"),
        (("mutation", "overflow"), ("proved", "proved"), "unsafe"),
        (("scale", "mutation"), ("proved", "open"), "wrong"),
        ((), ("proved", "refuted"), "wrong"),
    ],
)
def test_precedence(kinds: tuple[str, ...], proofs: tuple[str, ...], expected: str) -> None:
    found = [Finding(kind, "", "") for kind in kinds]
    judged = [Proof(str(k), verdict, "") for k, verdict in enumerate(proofs)]
    assert verdict_of(found, judged, 2, 2) == expected


def test_samples_never_prove_and_nothing_is_undecided() -> None:
    assert verdict_of([], [], 2, 2) == "agrees"
    assert verdict_of([], [], 2, 1) == "undecided"
    assert verdict_of([], [], 0, 0) == "undecided"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((f"{TARGETS}:dense_backward", "--against", "dense"), 0, "dense_backward: proved"),
        ((f"{TARGETS}:logits_gradient", "--against", "softmax-ce"), 1, "contract"),
        ((f"{TARGETS}:dense_bakward", "--against", "dense"), 2, "did you mean"),
        (("nothing.py:grad",), 2, "there is no file nothing.py"),
        ((f"{TARGETS}:dense_backward", "--against", "dens"), 2, "Did you mean dense"),
        ((f"{TARGETS}:dense_backward", "--against", "dense", "--dtype", "int8"), 2, "int8"),
        ((f"{TARGETS}:dense_backward", "--against", "dense", "--time-limit", "0"), 2, "a positive number of seconds"),
        ((f"{TARGETS}:dense_backward", "--against", "dense", "--time-limit", "soon"), 2, "invalid float value"),
    ],
)
def test_command(arguments: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", *arguments]) == code
    captured = capsys.readouterr()
    assert said in captured.out + captured.err
    assert "Traceback" not in captured.err


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", f"{TARGETS}:dense_backward", "--against", "dense", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "proved" and report["passed"] and len(report["proofs"]) == 3


def test_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_layers.py").write_text(
        f"""import sys
sys.path.insert(0, {str(TARGETS.parent)!r})
import planted_targets

def test_dense(check_gradient):
    check_gradient(planted_targets.dense_backward, against="dense")

def test_loss(check_gradient):
    check_gradient(planted_targets.logits_gradient, against="softmax-ce")
"""
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:nnmath",
        "-p",
        "nnmath.pytest_plugin",
        "-p",
        "no:cacheprovider",
    ]
    ran = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, cwd=tmp_path)
    assert "1 failed, 1 passed" in ran.stdout, ran.stdout + ran.stderr
    assert "logits_gradient: wrong" in ran.stdout and "Traceback" not in ran.stdout
