"""How a given is drawn where accuracy is measured, in words: ``normal 30``, ``near A 1e-4``, ``one-hot``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

#: Draws the entries of one given: from random numbers, its shape, and the arrays drawn so far.
Fill = Callable[[np.random.Generator, tuple[int, ...], Mapping[str, Array]], Array]


def normal(scale: float, offset: float = 0.0) -> Fill:
    """Normal numbers times a scale; with an offset of either sign, one for each row."""

    def fill(rng: np.random.Generator, shape: tuple[int, ...], known: Mapping[str, Array]) -> Array:
        numbers = scale * rng.normal(size=shape)
        return numbers + offset * rng.choice((-1.0, 1.0), size=(*shape[:-1], 1)) if offset else numbers

    return fill


def near(name: str, distance: float) -> Fill:
    """Rows that are nearly parallel to those of another given, and have another length."""

    def fill(rng: np.random.Generator, shape: tuple[int, ...], known: Mapping[str, Array]) -> Array:
        length = rng.uniform(0.5, 2.0, size=(*shape[:-1], 1))
        return length * known[name].astype(np.float64) * (1 + distance * rng.normal(size=shape))

    return fill


def hard(rng: np.random.Generator, shape: tuple[int, ...], known: Mapping[str, Array]) -> Array:
    """Zeros and ones."""
    return rng.integers(2, size=shape).astype(np.float64)


def one_hot(rng: np.random.Generator, shape: tuple[int, ...], known: Mapping[str, Array]) -> Array:
    return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]


def unit(rng: np.random.Generator, shape: tuple[int, ...], known: Mapping[str, Array]) -> Array:
    """Probabilities, from close to 0 to close to 1."""
    return 1 / (1 + np.exp(-6 * rng.normal(size=shape)))


def log_probabilities(scale: float) -> Fill:
    """Logarithms of distributions whose logits have a scale."""

    def fill(rng: np.random.Generator, shape: tuple[int, ...], known: Mapping[str, Array]) -> Array:
        logits = scale * rng.normal(size=shape)
        top = logits.max(axis=-1, keepdims=True)
        return logits - top - np.log(np.exp(logits - top).sum(axis=-1, keepdims=True))

    return fill


def near_log(name: str) -> Fill:
    """Logarithms of almost the same distributions as another given holds."""

    def fill(rng: np.random.Generator, shape: tuple[int, ...], known: Mapping[str, Array]) -> Array:
        return np.log(known[name].astype(np.float64)) + 1e-4 * rng.normal(size=shape)

    return fill


def rows(rng: np.random.Generator, shape: tuple[int, ...], known: Mapping[str, Array]) -> Array:
    """Distributions."""
    weights = rng.uniform(0.05, 1.0, size=shape)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


#: By the word that a text begins with: what draws, made from the names and numbers that follow. A word without any
#: draws by itself.
WORDS: Mapping[str, Callable[..., Fill]] = {
    "normal": normal,
    "near": near,
    "near-log": near_log,
    "log-probabilities": log_probabilities,
    "hard": lambda: hard,
    "one-hot": lambda: one_hot,
    "unit": lambda: unit,
    "rows": lambda: rows,
}


def read(text: str) -> Fill:
    """The way to draw that a text says. Raises ``ValueError`` for a word that there is not, or wrong arguments."""
    word, *rest = text.split()
    if word not in WORDS:
        raise ValueError(f"no inputs are drawn as {text!r}; known: {', '.join(WORDS)}")
    try:
        return WORDS[word](*map(_argument, rest))
    except TypeError as error:
        raise ValueError(f"inputs cannot be drawn as {text!r}: {error}") from error


def _argument(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
