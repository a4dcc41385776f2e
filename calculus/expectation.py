"""Expectation, variance and covariance as nodes of expressions, and what is random in an expression.

A random array inside an expectation is bound, like the index of a sum: ``E(x)`` is a number, although x is not.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sympy import Expr

from .tensors import Element


class Average(Expr):
    """What averages over all random arrays: the base of expectation, variance and covariance."""

    is_commutative = True
    is_real = True

    #: How it is written.
    symbol = ""

    @property
    def of(self) -> tuple[Expr, ...]:
        """What it is of."""
        return self.args  # type: ignore[return-value]

    def _eval_derivative(self, symbol: Any) -> Expr:
        return self.written()._eval_derivative(symbol)

    def written(self) -> Expr:
        """The same by expectations alone."""
        raise NotImplementedError

    def _sympystr(self, printer: Any) -> str:
        return f"{self.symbol}[{', '.join(map(printer._print, self.args))}]"


class Expectation(Average):
    """``E(f)``: the mean of f over the joint law of the random arrays."""

    symbol = "E"

    def written(self) -> Expr:
        return self

    def _eval_derivative(self, symbol: Any) -> Expr:
        slope = self.args[0].diff(symbol)
        return Expectation(slope) if slope != 0 else slope


class Variance(Average):
    """``Var(f) = E(f²) − E(f)²``."""

    symbol = "Var"

    def written(self) -> Expr:
        (f,) = self.of
        return Expectation(f**2) - Expectation(f) ** 2


class Covariance(Average):
    """``Cov(f, g) = E(f g) − E(f) E(g)``."""

    symbol = "Cov"

    def written(self) -> Expr:
        f, g = self.of
        return Expectation(f * g) - Expectation(f) * Expectation(g)


@lru_cache(maxsize=20_000)
def random_elements(expr: Expr) -> frozenset[Element]:
    """The entries of random arrays that an expression varies with; those inside an expectation are averaged out."""
    if isinstance(expr, Average):
        return frozenset()
    found = frozenset().union(*(random_elements(a) for a in expr.args if isinstance(a, Expr)))
    if isinstance(expr, Element) and expr.tensor.domain.random is not None:
        return found | {expr}
    return found


def is_random(expr: Expr) -> bool:
    """Whether an expression varies with a random array."""
    return bool(random_elements(expr))


def is_average(expr: Expr) -> bool:
    """Whether an expectation, variance or covariance occurs in an expression."""
    return bool(expr.has(Average))
