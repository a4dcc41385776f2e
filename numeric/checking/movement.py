"""How far exact results move when everything that they depend on moves by one rounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import arb, ctx
from sympy import Expr, Integer, Symbol

from ...calculus.tensors import Element, Tensor

if TYPE_CHECKING:
    from .exact import Judge

#: Random patterns of signs in which all entries move.
PATTERNS = 4

#: As many more before a value is called wrong: one leaves a sum of two equal terms unmoved three times out of eight.
MANY = 16

Array = np.ndarray[Any, Any]

#: The size of one rounding, as a scalar of the moving definitions.
ROUNDING = Tensor("·eps")


@dataclass(frozen=True)
class Moving:
    """Results at some inputs, and how far they move. Where a side is undefined, nothing moves."""

    judge: Judge
    wanted: Sequence[Tensor]
    sizes: Mapping[Symbol, int]
    values: Mapping[Tensor, Array]
    exact: Mapping[str, Array]
    eps: float
    precision: int
    held: bool = False
    seed: int = 0

    def first(self) -> dict[str, Array]:
        """The change in the first pattern of signs, in which everything moves at once."""
        return self._changes(self._pattern(0))

    def largest(self, tensor: Tensor) -> Array:
        """The largest change of one result over a few more patterns.

        The last pattern is the one before with every other array turned: of many entries, some have moved with another
        one all the time until then, and t/x moves little where t and x move alike.
        """
        patterns = [self._pattern(at) for at in range(1, PATTERNS)]
        patterns.append({t: -s if at % 2 else s for at, (t, s) in enumerate(patterns[-1].items())})
        return np.maximum.reduce([self._alone(tensor, signs) for signs in patterns])

    def spread(self, tensor: Tensor) -> Array:
        """The root mean square of the change of one result over many patterns of signs.

        Its square is, to first order, the sum of the squares of what each single rounding changes.
        """
        total = np.zeros(self.exact[tensor.name].shape)
        for at in range(PATTERNS, PATTERNS + MANY):
            total = np.hypot(total, self._alone(tensor, self._pattern(at)) / np.sqrt(MANY))
        return total

    def _alone(self, tensor: Tensor, signs: Mapping[Tensor, Array]) -> Array:
        """The change of one result in a pattern."""
        alone = replace(self, wanted=(tensor,), exact={tensor.name: self.exact[tensor.name]})
        return alone._changes(signs)[tensor.name]

    def _pattern(self, at: int) -> dict[Tensor, Array]:
        return self._signs(np.random.default_rng([self.seed, at]))

    def _signs(self, rng: np.random.Generator) -> dict[Tensor, Array]:
        """In which direction each continuous input, each definition and each inner sum moves, entry by entry."""
        moving = [t for t in self.values if not t.domain.is_discrete]
        signs = {t: rng.choice((-1, 1), size=self.values[t].shape) for t in moving}
        noise = (*self.judge.noise.values(), *self.judge.sums.values())
        return signs | {t: _signs(t, self.sizes, rng) for t in noise}

    def _changes(self, signs: Mapping[Tensor, Array]) -> dict[str, Array]:
        """How far each entry is off when everything moves by ε in the given directions."""
        moved = {t: _scaled(v, self.eps, signs[t], self.precision) if t in signs else v for t, v in self.values.items()}
        moved |= {t: s for t, s in signs.items() if t not in self.values} | {ROUNDING: np.array(self.eps)}
        moved |= {twin_of(t): v for t, v in self.values.items()} if self.held else {}
        moving = self.judge.held if self.held else self.judge.rounded
        shifted = self.judge.at(self.wanted, self.sizes, moved, self.precision, definitions=moving)
        return {n: np.nan_to_num(_change(shifted[n], e), nan=0.0, posinf=np.inf) for n, e in self.exact.items()}


def _scaled(v: Array, eps: float, signs: Array, precision: int) -> Array:
    """Entries times 1 ± eps, as balls, exactly."""
    with ctx.workprec(precision):  # at the default of 53 bits the product would be rounded, by as much as it moves
        moved = [arb(float(x)) * (1 + arb(eps) * int(s)) for x, s in zip(v.ravel(), signs.ravel(), strict=True)]
    found = np.empty(len(moved), dtype=object)
    found[:] = moved
    return found.reshape(v.shape)


def _signs(t: Tensor, sizes: Mapping[Symbol, int], rng: np.random.Generator) -> Array:
    shape = tuple(int(d.xreplace(dict(sizes))) for d in t.dims)
    return rng.choice((-1, 1), size=shape)


def _change(a: Array, b: Array) -> Array:
    """|a − b| entry by entry, as floats; nan where a side is undefined."""
    pairs = zip(a.ravel(), b.ravel(), strict=True)
    flat = [abs(float((x - y).mid())) if x.is_finite() and y.is_finite() else np.nan for x, y in pairs]
    return np.array(flat).reshape(a.shape)


def twin_of(tensor: Tensor) -> Tensor:
    """What stands for an array as it is before it moves."""
    return Tensor(f"·unmoved {tensor.name}", tensor.dims, tensor.domain)


def twin(e: Element) -> Expr:
    return Integer(0) if e.tensor == ROUNDING else Element(twin_of(e.tensor), *e.indices)


