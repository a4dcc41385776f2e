"""Have a backward pass judged that was written by hand: one right, one with the scale of its attention forgotten.

python examples/check_my_backward.py
"""

from __future__ import annotations

from typing import Any

import numpy as np

import nnmath

Array = np.ndarray[Any, Any]


def attention_forward(Q: Array, K: Array, V: Array) -> tuple[Array, tuple[Array, ...]]:
    S = Q @ K.T / np.sqrt(Q.shape[1])
    e = np.exp(S - S.max(axis=1, keepdims=True))
    A = e / e.sum(axis=1, keepdims=True)
    return A @ V, (Q, K, V, A)


def forgotten_scale(dO: Array, cache: tuple[Array, ...]) -> tuple[Array, Array, Array]:
    Q, K, V, A = cache
    dA = dO @ V.T
    dS = A * (dA - (dA * A).sum(axis=1, keepdims=True))
    return dS @ K, dS.T @ Q, A.T @ dO


def attention_backward(dO: Array, cache: tuple[Array, ...]) -> tuple[Array, Array, Array]:
    dQ, dK, dV = forgotten_scale(dO, cache)
    d = cache[0].shape[1]
    return dQ / np.sqrt(d), dK / np.sqrt(d), dV


def judge() -> list[str]:
    """The verdicts on both."""
    verdicts = []
    for backward in (attention_backward, forgotten_scale):
        report = nnmath.verify(backward, forward=attention_forward, inputs="Q: n d, K: m d, V: m e")
        print(report, end="\n\n")
        verdicts.append(report.verdict)
    return verdicts


if __name__ == "__main__":
    judge()
