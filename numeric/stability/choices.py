"""Choices by cases in functions that are computed entry by entry, such that neither side spoils the other.

A choice is often computed as a sum of two products with 1 and 0. That is right only where both sides are finite: 0
times an infinity is NaN. And what is NaN fails every comparison: it must end up on a side that reads it.
"""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Expr, Mul, S, exp

from ...calculus.derivation import Definition
from ...calculus.functions import Indicator, Where, relu
from ...calculus.sums import rebuild
from ...calculus.tensors import Element
from .exact_exponents import is_parameter
from .forms import Clip, ExactExp, Select, expm1


def selected(expr: Expr) -> Expr:
    """A choice between a decaying exponential and what is finite anyway, as two products with 1 and 0; x or 0 as relu.

    That is faster than np.where, whose branches are as random as the signs of the entries.
    """

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Where) and e.args[0] == e.args[1] and e.args[2] == 0:
            return relu(e.args[0])
        if isinstance(e, Where) and e.has(exp, ExactExp, expm1):
            if all(_is_finite(a) or multiple_of(a, e.args[0]) is not None for a in e.args[1:]):
                return Select(*e.args)
        return None

    return rebuild(expr, leaf)


def multiple_of(e: Expr, x: Expr) -> Expr | None:
    """The number or parameter k of e = k·x, for a variable x of either sign; None where e is no such multiple."""
    x = -x if x.could_extract_minus_sign() else x
    if not isinstance(x, Element):
        return None
    factors = list(Mul.make_args(e))
    if factors.count(x) != 1:
        return None
    factors.remove(x)
    return Mul(*factors) if all(f.is_number or is_parameter(f) for f in factors) else None


def _is_finite(e: Expr) -> bool:
    """Whether e is finite for every x, infinities included: a number, a decaying exponential, their multiples."""
    if isinstance(e, exp | ExactExp | expm1):
        found = e.args[0].atoms(Clip)
        return len(found) == 1 and all(c.args[2] == 0 for c in found) and bool((e.args[0] / found.pop()).is_positive)
    if isinstance(e, Mul):
        rest = [f for f in e.args if not (f.is_number or is_parameter(f))]
        return len(rest) <= 1 and all(isinstance(f, exp | ExactExp | expm1) and _is_finite(f) for f in rest)
    return is_parameter(e) or bool(e.is_number)


def distributed(expr: Expr) -> Expr:
    """A product with a choice as a choice of products, where that is 0 on some side, or all else are parameters.

    It is 0 there, also where x is infinite; and parameters that meet in a branch are one factor of it.
    """

    def leaf(e: Expr) -> Expr | None:
        if not isinstance(e, Mul):
            return None
        choices = [f for f in e.args if isinstance(f, Where)]
        if len(choices) != 1:
            return None
        rest = e / choices[0]
        if _has_zero(choices[0]) or all(map(is_parameter, rest.atoms(Element))):
            return _times(distributed(choices[0]), distributed(rest))
        return None

    return rebuild(expr, leaf)


def _has_zero(e: Expr) -> bool:
    return e == 0 or (isinstance(e, Where) and any(map(_has_zero, e.args[1:])))


def _times(e: Expr, factor: Expr) -> Expr:
    if isinstance(e, Where):
        return Where(e.args[0], *(_times(a, factor) for a in e.args[1:]))
    return S.Zero if e == 0 else e * factor


def reads_what_it_tests(choice: Expr) -> bool:
    """Whether only the first branch of ``Where(c, a, b)`` reads what c reads: NaN in it should give a, not b."""
    tested = {e for e in choice.args[0].atoms(Element) if not is_parameter(e)}
    first, second = (bool(tested & a.atoms(Element)) for a in choice.args[1:])
    return first and not second


def keeps_nan(expr: Expr, known: Mapping[str, Definition]) -> bool:
    """Whether NaN in a variable gives NaN, in code that makes choices as :func:`~.lower.lower` writes them."""
    if isinstance(expr, Element):
        name = expr.tensor.name
        return keeps_nan(known[name].body, known) if name in known else not is_parameter(expr)
    if isinstance(expr, Where):
        return keeps_nan(expr.args[1 if reads_what_it_tests(expr) else 2], known)  # type: ignore[arg-type]
    if isinstance(expr, Indicator):
        return False
    return any(keeps_nan(a, known) for a in expr.args if isinstance(a, Expr))
