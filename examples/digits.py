"""Train a 64-32-10 network on scikit-learn's digits, with gradients and loss from generated code alone.

python examples/digits.py            train, and show the loss
python examples/digits.py loss.png   also write a picture of it
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

import nnmath

MISSING = "this example needs scikit-learn for its digits. Type: pip install 'nnmath[examples]'"


def generated(id: str) -> dict[str, Any]:
    """The names of a module whose text nnmath generates."""
    module: dict[str, Any] = {}
    exec(compile(nnmath.derive(id).numpy_source(), f"{id}.py", "exec"), module)
    return module


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pixels (0 to 1) and labels, for training and for the test: every fifth sample is held out."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        raise SystemExit(MISSING) from None
    pixels, labels = load_digits(return_X_y=True)
    held_out = np.arange(len(labels)) % 5 == 0
    X = pixels / 16.0
    return X[~held_out], labels[~held_out], X[held_out], labels[held_out]


def start(rng: np.random.Generator, sizes: tuple[int, int, int]) -> list[np.ndarray]:
    """Weights and biases W1, b1, W2, b2; the variance of the weights is 1/inputs."""
    d, h, c = sizes
    W1, W2 = rng.normal(size=(d, h)) / np.sqrt(d), rng.normal(size=(h, c)) / np.sqrt(h)
    return [W1, np.zeros(h), W2, np.zeros(c)]


def batches(rng: np.random.Generator, n: int, size: int) -> Iterator[np.ndarray]:
    order = rng.permutation(n)
    yield from (order[at : at + size] for at in range(0, n, size))


def predict(X: np.ndarray, parameters: list[np.ndarray]) -> np.ndarray:
    W1, b1, W2, b2 = parameters
    return np.argmax(np.tanh(X @ W1 + b1) @ W2 + b2, axis=1)


def train(epochs: int = 60, rate: float = 0.1, momentum: float = 0.9, seed: int = 0) -> tuple[list[float], float]:
    """The loss after every epoch, and the accuracy on the digits held out."""
    X, y, X_test, y_test = digits()
    network = generated("mlp-softmax")
    loss, gradient = network["mlp_softmax"], network["mlp_softmax_gradient"]
    Y = np.eye(10)[y]
    rng = np.random.default_rng(seed)
    parameters = start(rng, (64, 32, 10))
    velocity = [np.zeros_like(p) for p in parameters]
    losses = []
    with progress(epochs) as advance:
        for _ in range(epochs):
            for batch in batches(rng, len(y), 32):
                found = gradient(X[batch], *parameters, Y[batch])
                velocity = [momentum * v + g for v, g in zip(velocity, found, strict=True)]
                parameters = [p - rate * v for p, v in zip(parameters, velocity, strict=True)]
            losses.append(float(loss(X, *parameters, Y)))
            advance(losses[-1])
    return losses, float((predict(X_test, parameters) == y_test).mean())


class progress:
    """A progress bar on stderr that shows the loss."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("loss {task.description}"))
        self.bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self.task = self.bar.add_task("", total=total)

    def __enter__(self) -> Any:
        self.bar.start()
        return lambda loss: self.bar.update(self.task, advance=1, description=f"{loss:.4f}")

    def __exit__(self, *_: object) -> None:
        self.bar.stop()


def sparkline(values: list[float]) -> str:
    """A curve in one line of text, on a logarithmic scale."""
    signs = "▁▂▃▄▅▆▇█"
    logs = np.log(values)
    span = max(float(logs.max() - logs.min()), 1e-12)
    return "".join(signs[round((len(signs) - 1) * (v - float(logs.min())) / span)] for v in logs)


def show(losses: list[float], file: str | None) -> None:
    """The loss as a picture where matplotlib is installed, else as a line of text."""
    print(f"loss {losses[0]:.4f} {sparkline(losses)} {losses[-1]:.4f}")
    if file is None:
        return
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ModuleNotFoundError:
        raise SystemExit("a picture needs matplotlib. Type: pip install 'nnmath[examples]'") from None
    figure, axes = pyplot.subplots()
    axes.semilogy(range(1, len(losses) + 1), losses)
    axes.set(xlabel="epoch", ylabel="training loss", title="Digits, 64-32-10")
    figure.savefig(file)


if __name__ == "__main__":
    found, accuracy = train()
    show(found, sys.argv[1] if len(sys.argv) > 1 else None)
    print(f"test accuracy {accuracy:.4f}")
