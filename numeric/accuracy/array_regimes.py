"""Inputs on which losses and layers are measured, as data: by the id of a formula, or for any formula over arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...calculus.derivation import Derivation
from ..regimes import REGIMES, Case, Regime, draw, upstreams
from .ulp import Format

Array = np.ndarray[Any, Any]

#: Draws the entries of one given: from random numbers, its shape, and the arrays drawn so far.
Fill = Callable[[np.random.Generator, tuple[int, ...], Mapping[str, Array]], Array]

#: Sizes of a formula with so many dimensions; of one with more, those of the cross-check.
SIZES: Mapping[int, Sequence[int]] = {0: (), 1: (256,), 2: (24, 16), 3: (8, 6, 10), 4: (4, 3, 5, 6)}


@dataclass(frozen=True)
class ArrayRegime:
    """A family of inputs: its name, and how the givens are drawn that are not drawn as usual."""

    name: str
    fills: Mapping[str, Fill]


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


#: Standard deviations of logits, from harmless to one-sided.
LOGITS = (1.0, 30.0, 100.0, 1e3, 1e4)

Regimes = Callable[[Format], tuple[ArrayRegime, ...]]


def _logits(name: str, **others: Fill) -> Regimes:
    found = tuple(ArrayRegime(f"logits of scale {s:g}", {name: normal(s), **others}) for s in LOGITS)
    return lambda format: found


def _extremes(format: Format) -> tuple[float, ...]:
    """Scales whose squares leave the range of the dtype, on both sides."""
    return (1e20, 1e25, 1e-20, 1e-25) if format.digits == 24 else (1e160, 1e200, 1e-160, 1e-200)


def _normalised(*names: str, **others: Mapping[str, Fill]) -> Regimes:
    def of(format: Format) -> tuple[ArrayRegime, ...]:
        return (
            ArrayRegime("typical", {}),
            ArrayRegime("offset 1e4", {n: normal(1.0, 1e4) for n in names}),
            *(ArrayRegime(f"scale {s:g}", {n: normal(s) for n in names}) for s in _extremes(format)),
            *(ArrayRegime(name.replace("_", " "), fills) for name, fills in others.items()),
        )

    return of


#: By the id of a formula, at the names of its givens.
DECLARED: Mapping[str, Regimes] = {
    "softmax-ce": lambda f: (*_logits("Z")(f), ArrayRegime("one-hot, scale 30", {"Z": normal(30.0), "Y": one_hot})),
    "softmax-ce-labels": _logits("Z"),
    "log-softmax": _logits("z"),
    "nll": lambda f: (ArrayRegime("log-probabilities", {"U": log_probabilities(30.0)}),),
    "kl-div": lambda f: (
        ArrayRegime("typical", {"U": log_probabilities(1.0)}),
        ArrayRegime("log-probabilities of scale 30", {"U": log_probabilities(30.0)}),
        ArrayRegime("almost equal distributions", {"P": _typical_rows, "U": near_log("P")}),
    ),
    "bce": lambda f: (
        ArrayRegime("typical", {"p": unit, "t": unit}),
        ArrayRegime("hard labels", {"p": unit, "t": hard}),
    ),
    "bce-with-logits": lambda f: (
        ArrayRegime("soft labels", {"z": normal(3.0), "t": unit}),
        *(ArrayRegime(f"hard labels, scale {s:g}", {"z": normal(s), "t": hard}) for s in LOGITS),
    ),
    "multilabel-soft-margin": _logits("Z"),
    "focal": _logits("z"),
    "soft-margin": _logits("s"),
    "layernorm": _normalised("X"),
    "rmsnorm": _normalised("X"),
    "groupnorm": _normalised("X"),
    "instancenorm": _normalised("X"),
    "batchnorm": _normalised("X"),
    "weightnorm": _normalised("U"),
    "cosine-embedding": _normalised("A", "B", almost_parallel={"A": normal(1.0), "B": near("A", 1e-4)}),
}


def _typical_rows(rng: np.random.Generator, shape: tuple[int, ...], known: Mapping[str, Array]) -> Array:
    weights = rng.uniform(0.05, 1.0, size=shape)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def regimes(derivation: Derivation, format: Format) -> tuple[ArrayRegime, ...]:
    """The declared regimes of a formula; for any other, its real givens at a few scales and at an offset."""
    if is_declared(derivation):
        return DECLARED[derivation.id](format)
    names = _data(derivation)
    return (
        ArrayRegime("typical", {}),
        *((ArrayRegime("scale 30", {n: normal(30.0) for n in names}),) if names else ()),
        *((ArrayRegime("offset 1e4", {n: normal(1.0, 1e4) for n in names}),) if names else ()),
    )


def is_declared(derivation: Derivation) -> bool:
    """Whether regimes are declared for this very formula."""
    return bool(derivation.topic) and derivation.id in DECLARED


def _data(derivation: Derivation) -> list[str]:
    """The real arrays with the most axes, upstream gradients apart."""
    real = [
        t
        for t in derivation.givens
        if str(t.domain) == "real" and t.domain.value is None and t not in upstreams(derivation)
    ]
    most = max((t.rank for t in real), default=0)
    return [t.name for t in real if t.rank == most]


_USUAL = next(r for r in REGIMES if r.name == "unequal sizes")


def inputs(derivation: Derivation, regime: ArrayRegime, format: Format, seed: int) -> Case:
    """Sizes and arrays of a regime, rounded to the dtype; reproducible from the seed."""
    usual = Regime(regime.name, _USUAL.real, lambda k: SIZES.get(k) or _USUAL.sizes(k), elementwise=False)
    case = draw(derivation, usual, format.dtype, seed, elementwise=False)
    rng = np.random.default_rng([seed, 7, *regime.name.encode()])
    values = dict(case.values)
    for name, fill in regime.fills.items():
        with np.errstate(all="ignore"):
            values[name] = np.asarray(fill(rng, values[name].shape, values)).astype(format.dtype)
    return Case(usual, case.sizes, values)
