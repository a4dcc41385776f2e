"""Whether an expression is defined wherever others are, as a certificate with logarithms or divisions has to be.

Otherwise x = exp(log x), which holds where both sides are defined, would make every x positive.
"""

from __future__ import annotations

from collections.abc import Iterable

import sympy
from sympy import Expr, Pow

from .expectation import Average
from .functions import Unknown, Where
from .intervals import Intervals
from .lemmas import log_gap
from .scope import NOT_REAL
from .sums import BoundSum, Partial
from .tensors import Element


class Defined:
    """What is defined at every point where all of ``where`` are defined."""

    def __init__(self, intervals: Intervals, where: Iterable[Expr] = ()) -> None:
        self.intervals = intervals
        self.certain: set[Expr] = set()
        for expr in where:
            self._learn(expr)

    def _learn(self, expr: Expr) -> None:
        """Every part of what is defined is defined, but not the branches of a case distinction."""
        if expr in self.certain or expr in NOT_REAL:
            return
        self.certain.add(expr)
        if isinstance(expr, Element):
            definition = self.intervals.definitions.get(expr.tensor)
            if definition is not None:
                self._learn(definition.at(*expr.indices))
            return
        if isinstance(expr, Partial | Average):
            return
        if isinstance(expr, BoundSum):
            self._learn(expr.open()[0])  # a sum has at least one term: what does not depend on its index is evaluated
            return
        for part in self._always(expr):
            self._learn(part)

    @staticmethod
    def _always(expr: Expr) -> tuple[Expr, ...]:
        """The parts that are evaluated whatever the point."""
        args: tuple[Expr, ...] = expr.args  # type: ignore[assignment]
        if isinstance(expr, Where):
            return args[:1]
        if isinstance(expr, sympy.Mul) and any(a.is_integer and a.is_nonnegative and not a.is_positive for a in args):
            return ()  # a factor such as a delta that is zero excuses the others
        return tuple(a for a in args if isinstance(a, Expr))

    def __call__(self, expr: Expr) -> bool:
        """True where the expression is certainly defined; False where that is not seen."""
        if expr in self.certain:
            return True
        if expr in NOT_REAL:
            return False
        if isinstance(expr, Element):
            definition = self.intervals.definitions.get(expr.tensor)
            return definition is None or self(definition.at(*expr.indices))
        if isinstance(expr, Partial):
            return False
        if isinstance(expr, Average):  # at every outcome: what is known of one value does not help
            return all(Defined(self.intervals)(a) for a in expr.of)
        if isinstance(expr, BoundSum):
            body, _ = expr.open()
            return self(body)
        if isinstance(expr, Unknown):
            return self(expr.argument)
        if not all(self(a) for a in expr.args if isinstance(a, Expr)):
            return False
        if isinstance(expr, sympy.log):
            return self.intervals(expr.args[0]).positive
        if isinstance(expr, log_gap):
            return self.intervals(expr.args[0]).positive or sympy.log(expr.args[0]) in self.certain
        if isinstance(expr, Pow):
            return self._power(expr)
        return True

    def _power(self, expr: Pow) -> bool:
        base = self.intervals(expr.base)
        exponent = expr.exp
        if exponent.is_Integer:
            return bool(exponent > 0) or base.nonzero or any(self._divides(p, expr.base) for p in self.certain)
        if exponent.is_Rational:
            return base.positive or (bool(exponent > 0) and base.nonnegative)
        return base.positive

    @staticmethod
    def _divides(power: Expr, base: Expr) -> bool:
        """A negative power of the same base says that the base is not zero."""
        return isinstance(power, Pow) and power.base == base and bool(power.exp.is_negative)
