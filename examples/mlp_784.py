"""Train 784-256-10 step by step beside torch: the same numbers go in, and the largest difference is printed.

python examples/mlp_784.py
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import nnmath

SIZES = (784, 256, 10)
MISSING = "this example compares with torch. Type: pip install torch"


@dataclass(frozen=True)
class Step:
    """loss: before the step. difference: the largest from torch's gradients, in ULP of an array's largest entry."""

    loss: float
    difference: float


def data(rng: np.random.Generator, n: int, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Ten clusters in 784 dimensions: samples and one-hot labels."""
    labels = rng.integers(10, size=n)
    centres = rng.normal(size=(10, SIZES[0]))
    X = (centres[labels] + 2.0 * rng.normal(size=(n, SIZES[0]))) / 4.0
    return X.astype(dtype), np.eye(10, dtype=dtype)[labels]


def start(rng: np.random.Generator, dtype: type) -> list[np.ndarray]:
    d, h, c = SIZES
    W1, W2 = rng.normal(size=(d, h)) / np.sqrt(d), rng.normal(size=(h, c)) / np.sqrt(h)
    return [W1.astype(dtype), np.zeros(h, dtype), W2.astype(dtype), np.zeros(c, dtype)]


def torch_gradients(torch: Any, X: np.ndarray, Y: np.ndarray, parameters: list[np.ndarray]) -> list[np.ndarray]:
    """Autograd of torch's own layers, at the same numbers."""
    W1, b1, W2, b2 = tensors = [torch.tensor(p, requires_grad=True) for p in parameters]
    hidden = torch.tanh(torch.nn.functional.linear(torch.tensor(X), W1.T, b1))
    loss = torch.nn.functional.cross_entropy(torch.nn.functional.linear(hidden, W2.T, b2), torch.tensor(Y))
    loss.backward()
    return [t.grad.numpy() for t in tensors]


def ulps(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference, in units in the last place of the largest entry."""
    return float(np.abs(ours - theirs).max() / np.spacing(np.abs(theirs).max()))


def train(
    steps: int = 20, batch: int = 64, rate: float = 0.1, dtype: type = np.float64, say: Any = print
) -> list[Step]:
    """Gradient descent with the generated code; torch looks on at every step."""
    try:
        import torch
    except ModuleNotFoundError:
        raise SystemExit(MISSING) from None
    module: dict[str, Any] = {}
    exec(compile(nnmath.derive("mlp-softmax").numpy_source(), "mlp_softmax.py", "exec"), module)
    rng = np.random.default_rng(0)
    X, Y = data(rng, 512, dtype)
    parameters = start(rng, dtype)
    done = []
    for number in range(steps):
        rows = rng.choice(len(X), batch, replace=False)
        ours = module["mlp_softmax_gradient"](X[rows], *parameters, Y[rows])
        theirs = torch_gradients(torch, X[rows], Y[rows], parameters)
        worst = max(ulps(a, b) for a, b in zip(ours, theirs, strict=True))
        done.append(Step(float(module["mlp_softmax"](X, *parameters, Y)), worst))
        say(f"step {number + 1:3}  loss {done[-1].loss:.6f}  largest difference from torch {worst:6.1f} ULP")
        parameters = [p - dtype(rate) * g for p, g in zip(parameters, ours, strict=True)]
    return done


if __name__ == "__main__":
    train()
