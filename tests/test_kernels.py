"""Triton kernels: correct ones get no finding, planted errors are named. On a GPU, or by Triton's interpreter."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import nnmath

torch = pytest.importorskip("torch", reason="these are torch Functions; type: pip install torch")
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read when a kernel is compiled
pytest.importorskip("triton", reason="these are Triton kernels; type: pip install triton")

KERNELS = Path(__file__).parent / "kernels"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
RMS = {
    "against": "Y = x*w/sqrt(mean(x**2, axis=1, keepdims=True) + 1e-5)\nL = upstream(dy, Y)",
    "inputs": "x: n d, w: d, dy: n d",
}
SUBJECTS: dict[str, dict[str, Any]] = {
    "softmax_cross_entropy.py:SoftmaxCrossEntropy": {"against": "softmax-ce"},
    "rms_norm.py:RMSNorm": RMS,
    "rms_norm.py:rms_norm": RMS,
}


def judge(place: str, name: str, **options: Any) -> nnmath.Report:
    return nnmath.verify(place, device=DEVICE, dtypes=("float32", "bfloat16"), **{**SUBJECTS[name], **options})


@pytest.mark.parametrize("name", SUBJECTS)
def test_correct_kernels_get_no_finding(name: str) -> None:
    report = judge(f"{KERNELS}/{name}", name)
    assert (report.verdict, report.findings) == ("agrees", ()), str(report)
    assert any("kernels are not traced" in text for text in report.not_tested)
    tried = "; ".join(report.covered)
    for size in ("= 1,", "= 7,", "= 33,", "= 129,", "non-contiguous", "bfloat16"):
        assert size in tried


#: kind, subject, old, new, and where that is needed sizes at which it shows.
PLANTED = [
    ("mask", "softmax_cross_entropy.py:SoftmaxCrossEntropy", 'other=-float("inf")', "other=0.0", {}),
    (
        "scale contract",
        "softmax_cross_entropy.py:SoftmaxCrossEntropy",
        ".to(tl.float32) / n\n",
        ".to(tl.float32)\n",
        {},
    ),
    ("overflow", "softmax_cross_entropy.py:SoftmaxCrossEntropy", "tl.exp(z - tl.max(z, axis=0))", "tl.exp(z)", {}),
    ("missing-term", "rms_norm.py:RMSNorm", "u * g - v * r * mean", "u * g", {}),
    ("scale constant", "rms_norm.py:RMSNorm", "tl.sum(products, axis=0) / d", "tl.sum(products, axis=0)", {}),
    (
        "dtype",
        "rms_norm.py:RMSNorm",
        "        total += u * v * tl.load(scale + i)\n",
        "        total = (total + u * v * tl.load(scale + i)).to(dw.dtype.element_ty).to(tl.float32)\n",
        {"sizes": {"n": 600, "d": 64}},
    ),
]


@pytest.mark.parametrize(("kinds", "name", "old", "new", "options"), PLANTED, ids=[p[0].split()[0] for p in PLANTED])
def test_planted_errors_are_named(
    kinds: str, name: str, old: str, new: str, options: dict[str, Any], tmp_path: Path
) -> None:
    file, _, what = name.partition(":")
    text = (KERNELS / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new))
    report = judge(f"{tmp_path / file}:{what}", name, **options)
    assert not report.passed, str(report)
    assert set(report.kinds()) & set(kinds.split()), str(report)


def test_kernels_are_known_by_their_launch() -> None:
    from nnmath.verification.subjects.adapters import load
    from nnmath.verification.subjects.kernels import kernel_of

    assert kernel_of(load(f"{KERNELS}/rms_norm.py:RMSNorm")) == "forward_kernel"
    assert kernel_of(load(f"{KERNELS}/rms_norm.py:rms_norm_backward")) == "dx_kernel"
    assert kernel_of(torch.nn.Linear(2, 2)) is None and kernel_of(judge) is None
