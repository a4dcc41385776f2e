"""Quotients by a named exponential, such as e/Σe or the derivative −y/p of a logarithm: the name may be 0, or infinite.

Where p underflows, −y/p is infinite, though p·(−y/p) is −y. So a product is written without the names that stand for
such quotients, and what it is multiplied by is multiplied into its sums: then the divisors cancel.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import reduce

from sympy import Add, Expr, Mul, Pow, exp

from ...calculus.derivation import Definition
from ...calculus.functions import sigmoid
from ...calculus.sums import rebuild
from ...calculus.tensors import Element
from .forms import LogSumExp, ShiftedRatio

Known = Mapping[str, Definition]


def exponentials(known: Known) -> frozenset[str]:
    """The names of exponentials, and of what is computed from these by name."""
    found = {n for n, d in known.items() if d.body.has(exp, sigmoid)}
    return frozenset(found | {n for n, d in known.items() if _names(d.body) & found})


def divided(e: Expr, risky: Collection[str]) -> bool:
    """Whether an exponential, or what is named so, is a divisor somewhere."""
    if isinstance(e, ShiftedRatio | LogSumExp | Element) or not e.args:
        return False
    if isinstance(e, Pow) and e.exp.could_extract_minus_sign():
        return e.base.has(exp, sigmoid) or bool(_names(e.base) & {*risky}) or divided(e.base, risky)
    return any(divided(a, risky) for a in e.args if isinstance(a, Expr))


def loose(e: Expr) -> bool:
    """Whether there is an exponential that nothing is known of."""
    if isinstance(e, exp):
        return True
    if isinstance(e, ShiftedRatio | LogSumExp | Element):
        return False
    return any(loose(a) for a in e.args if isinstance(a, Expr))


def without(e: Expr, names: Collection[str], known: Known) -> Expr:
    """An expression with what some names stand for, wherever they stand."""

    def leaf(x: Expr) -> Expr | None:
        if isinstance(x, Element) and x.tensor.name in names:
            return known[x.tensor.name].at(*x.indices)
        return None

    return rebuild(e, leaf)


def multiplied(e: Expr, risky: Collection[str]) -> Expr:
    """A product with its factors multiplied into a sum in which there are such divisors."""
    factors = Mul.make_args(e)
    sums = [f for f in factors if isinstance(f, Add) and divided(f, risky)]
    rest = Mul(*(f for f in factors if f not in sums))
    return reduce(lambda terms, f: Add(*(t * s for t in Add.make_args(terms) for s in f.args)), sums, rest)


def _names(e: Expr) -> set[str]:
    return {x.tensor.name for x in e.atoms(Element)}
