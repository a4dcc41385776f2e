"""Derive a formula of your own, read its proof, and train with the code that is generated from it.

python examples/own_formula.py
"""

from __future__ import annotations

from typing import Any

import numpy as np

import nnmath

FORMULA = "mean((X @ w - y)**2) + lam*sum(w**2)"
GIVEN = "X: n d, w: d, y: n, lam: positive = 0.001"


def train(steps: int = 200, rate: float = 0.1) -> list[float]:
    """The losses of ridge regression by gradient descent, from generated code alone."""
    page = nnmath.derive(FORMULA, given=GIVEN, wrt="w")
    print(page)
    module: dict[str, Any] = {}
    exec(page.numpy_source(), module)
    loss, gradient = module["expression"], module["expression_gradient"]
    rng = np.random.default_rng(0)
    X, truth = rng.normal(size=(64, 3)), np.array([1.0, -2.0, 0.5])
    y, w = X @ truth, np.zeros(3)
    losses = []
    for _ in range(steps):
        losses.append(float(loss(X, w, y)))
        w = w - rate * gradient(X, w, y)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.6f}, w = {w.round(3)}")
    return losses


if __name__ == "__main__":
    train()
