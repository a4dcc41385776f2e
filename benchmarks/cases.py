"""The gradients that are timed: the point at which every tool is verified, and the right answer there.

The right answer comes from no tool: it is the complex-step derivative of a forward function written in plain NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Array = Any
STEP = 1e-30
SIZES = {"n": 3, "m": 4, "D": 5, "H": 4, "C": 2, "d": 5, "e": 2}
"""Sizes of the dimensions at the point of verification; within one case they differ."""


@dataclass(frozen=True)
class Case:
    """A loss and the one gradient that is wanted.

    shapes: dimensions of the inputs, by name; a name that starts with Y stands for target distributions.
    loss: the forward in NumPy (must take complex arrays). wrt: the input whose gradient is wanted.
    """

    id: str
    title: str
    shapes: Mapping[str, tuple[str, ...]]
    loss: Callable[..., Any]
    wrt: str

    def __str__(self) -> str:
        return self.id

    @cached_property
    def point(self) -> dict[str, Array]:
        """Values of the inputs: the same on every run."""
        rng = np.random.default_rng(2026)
        values = {}
        for name, dims in self.shapes.items():
            values[name] = rng.standard_normal([SIZES[d] for d in dims])
            if name.startswith("Y"):
                values[name] = np.exp(values[name]) / np.exp(values[name]).sum(-1, keepdims=True)
        return values

    @cached_property
    def expected(self) -> Array:
        """The gradient at the point: Im L(x + ih)/h, with no cancellation and so to the last digits."""
        x = self.point[self.wrt]
        out = np.empty_like(x)
        for at in np.ndindex(x.shape):
            moved = x.astype(complex)
            moved[at] += STEP * 1j
            out[at] = self.loss(**{**self.point, self.wrt: moved}).imag / STEP
        return out

    def agrees(self, gradient: Array) -> bool:
        """Whether a gradient is the right one at the point, to 1e-9 of its largest entry."""
        gradient = np.asarray(gradient)
        if gradient.shape != self.expected.shape:
            return False
        return bool(np.abs(gradient - self.expected).max() <= 1e-9 * np.abs(self.expected).max())


def softmax(x: Array) -> Array:
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def cross_entropy(logits: Array, targets: Array) -> Any:
    return -(targets * np.log(softmax(logits))).sum() / len(targets)


CASES = (
    Case(
        "softmax-ce",
        "softmax cross-entropy, dZ",
        {"Z": ("n", "C"), "Y": ("n", "C")},
        lambda Z, Y: cross_entropy(Z, Y),
        "Z",
    ),
    Case(
        "mlp",
        "two-layer tanh MLP, dW1",
        {"X": ("n", "D"), "W1": ("D", "H"), "b1": ("H",), "W2": ("H", "C"), "b2": ("C",), "Y": ("n", "C")},
        lambda X, W1, b1, W2, b2, Y: cross_entropy(np.tanh(X @ W1 + b1) @ W2 + b2, Y),
        "W1",
    ),
    Case(
        "attention",
        "attention, dQ",
        {"Q": ("n", "d"), "K": ("m", "d"), "V": ("m", "e"), "dO": ("n", "e")},
        lambda Q, K, V, dO: (softmax(Q @ K.T / np.sqrt(Q.shape[1])) @ V * dO).sum(),
        "Q",
    ),
)
