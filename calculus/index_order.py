"""``[j ≤ i]``: a sum of deltas that is 1 where an index expression lies in a range, and 0 elsewhere.

``Σ_t δ(j, i − t)`` over t = 0 … n − 1 counts the t with t = i − j: one where 0 ≤ i − j < n, none elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Add, Expr

from .affine import equation
from .dimensions import is_nonnegative
from .ranges import bounds, linear
from .sums import BoundSum, Delta, bound_sum
from .tensors import Index, fresh_index


@dataclass(frozen=True)
class IndexOrder:
    """``smaller ≤ larger``: two index expressions without minus signs."""

    smaller: Expr
    larger: Expr

    @property
    def written(self) -> tuple[Expr, str, Expr]:
        """The two sides and the sign between them, ``j < i`` for j + 1 ≤ i."""
        number, rest = self.smaller.as_coeff_Add()
        if number == 1 and rest != 0:
            return rest, "<", self.larger
        return self.smaller, "≤", self.larger


def index_orders(total: Expr) -> tuple[IndexOrder, ...] | None:
    """The comparisons of indices that say together where ``Σ_t δ(a, b)`` is 1; None for any other expression.

    What holds at every size, such as i − j < n for two indices over n, is left out.
    """
    if not isinstance(total, BoundSum):
        return None
    body, bound = total.open()
    if len(bound) != 1 or not isinstance(body, Delta):
        return None
    form = equation(body)
    (t,) = bound
    if form is None or form.coefficients.get(t) not in (1, -1):
        return None
    value = form.solved(t)
    reached = linear(value)
    if reached is None or not reached.coefficients:
        return None
    reach = bounds(reached)
    found = []
    if reach is None or not is_nonnegative(reach[0]):
        found.append(_at_most(-value))
    if reach is None or not is_nonnegative(t.dim - 1 - reach[1]):
        found.append(_at_most(value - t.dim + 1))
    return tuple(found)


def at_most(smaller: Expr, larger: Expr) -> Expr | None:
    """1 where ``smaller ≤ larger`` and 0 elsewhere, as a sum of deltas.

    One side is an index, with numbers that keep it below its dimension. None for any other comparison.
    """
    form = linear(larger - smaller)
    if form is None or not form.rest.is_Integer:
        return None
    above = [k for k, c in form.coefficients.items() if not c.is_negative]
    if len(above) != 1 or form.coefficients[above[0]] != 1 or not isinstance(above[0], Index) or form.rest > 0:
        return None
    t = fresh_index(above[0].dim)
    return bound_sum(Delta(smaller + t, larger), t)


def _at_most(difference: Expr) -> IndexOrder:
    """``difference ≤ 0`` with its negative terms on the other side."""
    terms = Add.make_args(difference.expand())
    minus = [t for t in terms if t.could_extract_minus_sign()]
    return IndexOrder(Add(*(t for t in terms if t not in minus)), Add(*(-t for t in minus)))
