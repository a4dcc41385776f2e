"""Inputs on which losses and layers are measured: those that a formula declares, or those for any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...calculus.derivation import Derivation
from ..checking.regimes import REGIMES, Case, Regime, draw, upstreams
from .fills import Fill, normal, read
from .ulp import Format

Array = np.ndarray[Any, Any]

#: Sizes of a formula with so many dimensions; of one with more, those of the cross-check.
SIZES: Mapping[int, Sequence[int]] = {0: (), 1: (256,), 2: (24, 16), 3: (8, 6, 10), 4: (4, 3, 5, 6)}


@dataclass(frozen=True)
class ArrayRegime:
    """A family of inputs: its name, and how the givens are drawn that are not drawn as usual."""

    name: str
    fills: Mapping[str, Fill]


def scales(format: Format) -> dict[str, str]:
    """Scales whose squares leave the range of the dtype, on both sides."""
    numbers = ("1e+20", "1e+25", "1e-20", "1e-25") if format.digits == 24 else ("1e+160", "1e+200", "1e-160", "1e-200")
    return dict(zip(("large", "larger", "small", "smaller"), numbers, strict=True))


def regimes(derivation: Derivation, format: Format) -> tuple[ArrayRegime, ...]:
    """The declared regimes of a formula; for any other, its real givens at a few scales and at an offset."""
    numbers = scales(format)
    if derivation.regimes:
        return tuple(
            ArrayRegime(name.format(**numbers), {n: read(text.format(**numbers)) for n, text in fills.items()})
            for name, fills in derivation.regimes.items()
        )
    names = _data(derivation)
    return (
        ArrayRegime("typical", {}),
        *((ArrayRegime("scale 30", {n: normal(30.0) for n in names}),) if names else ()),
        *((ArrayRegime("offset 1e4", {n: normal(1.0, 1e4) for n in names}),) if names else ()),
    )


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
