"""Gradients of losses written by hand, against the catalogue: right ones are proved, wrong ones are named."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnmath

CODE = """import numpy as np


def hinge(s, y):
    return np.where(y * s < 1, -y, 0.0) / len(s)


def hinge_without_mean(s, y):
    return np.where(y * s < 1, -y, 0.0)


def huber(r, delta=1.0):
    return np.where(r > delta, delta, np.where(r < -delta, -delta, r)) / len(r)


def huber_without_delta(r, delta=1.0):
    return np.where(r > delta, 1.0, np.where(r < -delta, -1.0, r)) / len(r)


def bce(p, t):
    return (p - t) / (p * (1 - p)) / len(p)
"""
HUBER = "sum(where(abs(r) > delta, delta*(abs(r) - delta/2), r**2/2))/n"


@pytest.mark.parametrize(
    ("name", "against", "inputs", "verdict"),
    [
        ("hinge", "hinge", None, "proved"),
        ("hinge_without_mean", "hinge", None, "wrong"),
        ("huber", HUBER, "r: n, delta: positive", "proved"),
        ("huber_without_delta", HUBER, "r: n, delta: positive", "wrong"),
        ("bce", "bce", None, "proved"),
    ],
)
def test_losses_by_hand(tmp_path: Path, name: str, against: str, inputs: str | None, verdict: str) -> None:
    (tmp_path / "by_hand.py").write_text(CODE)
    report = nnmath.verify(f"{tmp_path / 'by_hand.py'}:{name}", against=against, inputs=inputs)
    assert report.verdict == verdict, str(report)
