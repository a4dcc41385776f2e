"""Stable forms of rows: differences of distributions, centred rows, scales, each equal to an ordinary expression."""

from __future__ import annotations

from sympy import Abs, Expr, Function, tanh

from ...calculus.functions import NamedFunction, absolute, relu, sigmoid
from ...calculus.sums import Delta, bound_sum, rebuild, substitute
from ...calculus.tensors import Domain, Element, Index, Tensor


class ZeroSum(Function):
    """``ZeroSum(x, c, a, w)``: rows along the index c that sum to 0, which are x, less w at the position a.

    There they may also be computed as minus the sum of the others: where x − w would cancel. Without w, a is the
    :class:`Largest` of a distribution.
    """

    nargs = (3, 4)
    is_commutative = True
    is_real = True

    @property
    def position(self) -> Expr:
        return self.args[2]  # type: ignore[return-value]

    def as_elementary(self) -> Expr:
        """The same with deltas. A position that depends on values counts as an arbitrary one: it holds for each."""
        x, c, at = self.args[:3]
        at = rebuild(at, lambda e: _any_position(e, c) if isinstance(e, Largest) else None)  # type: ignore[arg-type]
        here = Delta(c, at)  # type: ignore[arg-type]
        return x * (1 - here) - here * bound_sum(x * (1 - here), c)  # type: ignore[arg-type, operator]


class RowMinus(Function):
    """``RowMinus(p, t, c)``: p − t for rows p along c that sum to 1; at the largest p, 1 − t minus the others."""

    nargs = 3
    is_commutative = True
    is_real = True

    def as_elementary(self) -> Expr:
        """The same with deltas, at any position: the sum of p is 1 at each."""
        p, t, c = self.args
        here = Delta(c, _any_position(Largest(p, c), c))  # type: ignore[arg-type]
        return (p - t) * (1 - here) + here * (1 - t - bound_sum(p * (1 - here), c))  # type: ignore[arg-type, operator]


class Complement(Function):
    """``Complement(p, c)``: 1 − p for rows p along c that sum to 1; for a large p, the sum of the others."""

    nargs = 2
    is_commutative = True
    is_nonnegative = True

    def as_elementary(self) -> Expr:
        """The same with deltas, at any position: the sum of p is 1 at each."""
        p, c = self.args
        here = Delta(c, _any_position(Largest(p, c), c))  # type: ignore[arg-type]
        return (1 - p) * (1 - here) + here * bound_sum(p * (1 - here), c)  # type: ignore[arg-type, operator]


class UnitMinus(Function):
    """``UnitMinus(p, c, a)``: [c = a] − p for rows p along c that sum to 1; p has no axis for the positions a."""

    nargs = 3
    is_commutative = True
    is_real = True

    def as_elementary(self) -> Expr:
        """The same with the sum of the others where c = a."""
        p, c, at = self.args
        here = Delta(c, at)  # type: ignore[arg-type]
        return here * bound_sum(p * (1 - here), c) - (1 - here) * p  # type: ignore[arg-type, operator]


class LessMean(Function):
    """``LessMean(x, p, c, s)``: s (x − Σ_c p x) for rows p along c that sum to 1, counted from x where p is largest.

    s is 1 or −1.
    """

    nargs = 4
    is_commutative = True
    is_real = True

    def as_elementary(self) -> Expr:
        """The same for x less its entry at any position: as p sums to 1, that changes nothing."""
        x, p, c, sign = self.args
        at = _any_position(Largest(p, c), c)  # type: ignore[arg-type]
        moved = x - substitute(x, {c: at})  # type: ignore[arg-type, operator, dict-item]
        return sign * (moved - bound_sum(p * moved, c))  # type: ignore[arg-type, operator]


class Largest(Function):
    """``Largest(p, c)``: the position of the largest p along the index c."""

    nargs = 2
    is_commutative = True
    is_integer = True
    is_nonnegative = True


def _any_position(e: Expr, c: Expr) -> Expr:
    """Labels that may point anywhere."""
    free = sorted((k for k in e.args[0].free_symbols if isinstance(k, Index) and k != c), key=str)
    return Element(Tensor("at", tuple(k.dim for k in free), Domain(below=c.dim)), *free)  # type: ignore[attr-defined]


class sigmoid_minus(NamedFunction):
    """σ(x) − t, which cancels where t is 1 and x large."""

    nargs = 2  # type: ignore[assignment]

    def as_elementary(self) -> Expr:
        return sigmoid(self.args[0]) - self.args[1]


class tanh_minus(NamedFunction):
    """tanh(x) − tanh(y), which is 0 where both round to the same limit."""

    nargs = 2  # type: ignore[assignment]

    def as_elementary(self) -> Expr:
        return tanh(self.args[0]) - tanh(self.args[1])  # type: ignore[no-any-return]


class Centred(Function):
    """``Centred(x, S, n)``: x − S/n, where S is the sum of the n entries of x: 0 but for what rounding left."""

    nargs = 3
    is_commutative = True
    is_real = True

    def as_elementary(self) -> Expr:
        x, total, count = self.args
        return x - total / count  # type: ignore[operator]


class RowScale(Function):
    """``RowScale(S, f)``: for the sum S of x over some axes, a power of two near the largest of |x| there and f.

    It is 1 where the squares of all x, and their sum, are far from the ends of the range.
    """

    nargs = 2
    is_commutative = True
    is_positive = True


class Over(NamedFunction):
    """``Over(x, s)``: x/s for the scale s of a row, which mostly is 1."""

    nargs = 2  # type: ignore[assignment]

    def as_elementary(self) -> Expr:
        return self.args[0] / self.args[1]


class power_of_two(NamedFunction):
    """The power of two nearest to x, with its sign; 0 at 0."""


#: f(s·x) = s·f(x) for every s > 0; the last one for powers of two.
HOMOGENEOUS = absolute | relu | Abs | power_of_two

#: Nothing inside these is rewritten again.
FINAL = ZeroSum | RowMinus | Complement | UnitMinus | LessMean | Centred | RowScale
