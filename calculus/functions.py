"""Elementwise functions beyond SymPy's own: indicators, case distinctions, and the named functions of the field.

SymPy supplies ``exp``, ``log``, ``tanh``, ``erf``, ``sqrt`` and friends. A function here states its derivative once
(``fdiff``, often in terms of its own output) and its definition in elementary functions (``as_elementary``); a test
proves that the one follows from the other.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Expr, Function, Integer, S


class Indicator(Function):
    """``[x > 0]``: 1 where x is positive, 0 elsewhere. Its derivative is 0 wherever it has one."""

    nargs = 1
    is_commutative = True
    is_integer = True
    is_nonnegative = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        if x.is_positive:
            return S.One
        if x.is_nonpositive:
            return S.Zero
        return None

    def fdiff(self, argindex: int = 1) -> Expr:
        return S.Zero


class Where(Function):
    """``Where(x, a, b)``: a where x > 0, b elsewhere. It is differentiated branch by branch.

    At x = 0 the second branch holds: that is the convention at the kink, and it is PyTorch's for relu.
    """

    nargs = 3
    is_commutative = True

    @classmethod
    def eval(cls, x: Expr, a: Expr, b: Expr) -> Expr | None:
        if x.is_positive:
            return a
        if x.is_nonpositive or a == b:
            return b
        # A case inside a branch of the same case is decided.
        inner_a = a.args[1] if isinstance(a, Where) and a.args[0] == x else a
        inner_b = b.args[2] if isinstance(b, Where) and b.args[0] == x else b
        return None if (inner_a, inner_b) == (a, b) else Where(x, inner_a, inner_b)

    def _eval_derivative(self, symbol: Any) -> Expr:
        return Where(self.args[0], self.args[1].diff(symbol), self.args[2].diff(symbol))

    def _eval_is_real(self) -> bool | None:
        return True if self.args[1].is_real and self.args[2].is_real else None


class NamedFunction(Function):
    """A function of one variable that the field has a name for."""

    nargs = 1
    is_commutative = True
    is_real = True

    def as_elementary(self) -> Expr:
        """The definition in elementary functions."""
        raise NotImplementedError


class sigmoid(NamedFunction):
    """Logistic sigmoid 1/(1 + e⁻ˣ)."""

    is_positive = True

    def as_elementary(self) -> Expr:
        return 1 / (1 + sympy.exp(-self.args[0]))

    def fdiff(self, argindex: int = 1) -> Expr:
        return self * (1 - self)


class softplus(NamedFunction):
    """Softplus log(1 + eˣ)."""

    is_positive = True

    def as_elementary(self) -> Expr:
        return sympy.log(1 + sympy.exp(self.args[0]))

    def fdiff(self, argindex: int = 1) -> Expr:
        return sigmoid(self.args[0])


class relu(NamedFunction):
    """max(x, 0); derivative 0 at the kink (PyTorch's convention)."""

    is_nonnegative = True

    def as_elementary(self) -> Expr:
        return Where(self.args[0], self.args[0], Integer(0))

    def fdiff(self, argindex: int = 1) -> Expr:
        return Indicator(self.args[0])


class absolute(NamedFunction):
    """|x|; derivative 0 at the kink (PyTorch's convention)."""

    is_nonnegative = True

    def as_elementary(self) -> Expr:
        x = self.args[0]
        return x * (Indicator(x) - Indicator(-x))

    def fdiff(self, argindex: int = 1) -> Expr:
        x = self.args[0]
        return Indicator(x) - Indicator(-x)


class Unknown(Function):
    """An unspecified differentiable function g: ``Unknown(name, order, x)`` is its derivative of that order at x."""

    nargs = 3
    is_commutative = True
    is_real = True

    @property
    def name(self) -> str:
        return str(self.args[0])

    @property
    def order(self) -> int:
        return int(self.args[1])

    @property
    def argument(self) -> Expr:
        return self.args[2]  # type: ignore[return-value]

    @property
    def free_symbols(self) -> set[Any]:
        return self.argument.free_symbols

    def _eval_derivative(self, symbol: Any) -> Expr:
        inner = self.argument.diff(symbol)
        return inner * Unknown(self.args[0], self.args[1] + 1, self.argument) if inner != 0 else S.Zero


#: Functions a text may name, by that name; ``abs`` and ``relu`` carry their kink convention.
BY_NAME: dict[str, Any] = {
    "exp": sympy.exp,
    "log": sympy.log,
    "sqrt": sympy.sqrt,
    "tanh": sympy.tanh,
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "atan": sympy.atan,
    "erf": sympy.erf,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "relu": relu,
    "abs": absolute,
    "where": Where,
    "indicator": Indicator,
    "log1p": lambda x: sympy.log(1 + x),
    "expm1": lambda x: sympy.exp(x) - 1,
    "square": lambda x: x**2,
    "arctan": sympy.atan,
}
