"""The same formula gives the same page and the same code, whatever was derived before and however Python hashes."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import count

import pytest

from nnmath.calculus import tensors
from nnmath.calculus.sums import Delta
from nnmath.calculus.tensors import Tensor, dimension, fresh_index

#: Statements with certificates, second derivatives, cases of indicators, and windows with affine indices.
IDS = ("natural-gradient", "mse-hessian", "huber", "im2col")

DUMP = f"""
import nnmath

for id in {IDS}:
    page = nnmath.derive(id)
    print(page, page.latex(), page.render("json"), page.source() if page.has_code else "", sep="\\n")
"""


def dumped(seed: int) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONIOENCODING": "utf-8"}
    run = subprocess.run([sys.executable, "-c", DUMP], env=environment, capture_output=True, encoding="utf-8")
    assert not run.returncode, run.stderr
    return run.stdout


def test_pages_and_code_do_not_depend_on_hashes() -> None:
    one, other = dumped(1), dumped(2)
    assert one.splitlines() == other.splitlines()
    assert len(one) > 10_000 and all(id in one for id in IDS)


@pytest.mark.parametrize("made_before", [0, 8, 9, 98, 99, 9999])
def test_fresh_indices_are_in_the_order_in_which_they_were_made(monkeypatch, made_before: int) -> None:
    """~10 sorts before ~9 as a text, so terms would change places with what was derived before."""
    monkeypatch.setattr(tensors, "_fresh", count(made_before))
    n = dimension("n")
    i, j = fresh_index(n), fresh_index(n)
    x = Tensor("x", (n,))
    assert (x[j] + x[i]).args == (x[i], x[j]) and (x[j] * x[i]).args == (x[i], x[j])
    assert (j + i).args == (i, j) and Delta(j, i).args == (i, j)
