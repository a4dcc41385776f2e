"""The formulas that the catalogue owes: all are there, or named here as still missing."""

from __future__ import annotations

from pathlib import Path

from nnmath.derivations import catalogue

OWED = Path(__file__).with_name("owed_ids.txt").read_text(encoding="utf-8").split()

#: Edit this when one of them arrives: an id stays here no longer than it is missing.
MISSING = """
adadelta adagrad adam adamax adamw clip-norm clip-value cosine-annealing covariance-linear diffusion-epsilon-loss
diffusion-marginal diffusion-posterior diffusion-score expectation-linear exponential-decay he-init lamb
minibatch-variance mle-bernoulli-bce mle-categorical-ce mle-gaussian-mse momentum nadam nesterov radam rmsprop
sgd step-decay variance-identity xavier-init
"""


def test_the_list_is_whole() -> None:
    assert len(OWED) == len(set(OWED)) == 167


def test_what_is_missing_is_named() -> None:
    assert sorted(set(OWED) - set(catalogue())) == MISSING.split()
