"""Stability by construction: directed rewriting into forms that neither overflow nor cancel.

The rules of :mod:`stable_rules` run bottom up, and again on what they return, until none applies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sympy
from sympy import Add, Expr, Mul, Poly, Pow, S, exp, log

from ...calculus.derivation import Definition
from ...calculus.functions import Where
from ...calculus.sums import BoundSum, bound_sum, rebuild
from ...calculus.tensors import Element
from .forms import Clip, LogSumExp, ShiftedRatio
from .named_quotients import divided, exponentials, loose, multiplied, without
from .row_forms import FINAL
from .row_rules import ROW_RULES
from .stable_rules import RULES
from .weights import with_signs, without_signs


def stabilise(expr: Expr, definitions: Mapping[str, Definition] | None = None) -> Expr:
    """The stable form of an expression. Definitions may be unfolded inside a logarithm where that makes it stable."""
    known = definitions or {}
    memo: dict[Expr, Expr] = {}
    risky = exponentials(known)
    is_quotient: dict[str, bool] = {}

    def visit(e: Expr) -> Expr:
        if not e.args or isinstance(e, Element):
            return e
        if e not in memo:
            memo[e] = apply(children(e))
        return memo[e]

    def children(e: Expr) -> Expr:
        if isinstance(e, BoundSum):
            body, fresh = e.open()
            return bound_sum(visit(body), *fresh)
        if isinstance(e, Where):
            return Where(e.args[0], *(visit(_selected(e, branch)) for branch in (1, 2)))
        if isinstance(e, ShiftedRatio | LogSumExp | FINAL):
            return e
        args = [visit(a) if isinstance(a, Expr) else a for a in e.args]
        return e if all(a is b for a, b in zip(args, e.args, strict=True)) else e.func(*args)

    def apply(e: Expr) -> Expr:
        for rule in RULES.get(e.func, ()):
            better = rule(e)
            if better is not None and better != e:
                return visit(better)
        for row_rule in ROW_RULES.get(e.func, ()):
            better = row_rule(e, known)
            if better is not None and better != e:
                return visit(better)
        if isinstance(e, Mul) and risky:
            return cancelled(e)
        return unfolded(e) if isinstance(e, log) else e

    def stays_quotient(name: str) -> bool:
        if name not in is_quotient:
            bodies = [known[name].body] if name in known else []
            is_quotient[name] = any(divided(b, risky) and divided(visit(b), risky) for b in bodies)
        return is_quotient[name]

    def cancelled(e: Expr) -> Expr:
        """A product without divisors that are named exponentials: unfolded, these cancel, or are those of shares."""
        first = without(e, {x.tensor.name for x in e.atoms(Element) if stays_quotient(x.tensor.name)}, known)
        if not divided(first, risky):
            return e if first == e else visit(first)
        candidate = multiplied(first, risky)
        if not divided(candidate, risky):
            return visit(candidate)
        read = {x.tensor.name for x in first.atoms(Element)} & risky
        for body in (visit, lambda x: x) if read else ():
            stated = {n: replace(known[n], body=body(known[n].body)) for n in read}
            candidate = visit(multiplied(without(first, read, stated), risky))
            if not divided(candidate, risky) and not loose(candidate):
                return candidate
        return e

    def unfolded(e: Expr) -> Expr:
        """log of a definition: unfold it when its body, or a factor of it, has a stable logarithm."""
        names = sorted({x.tensor.name for x in e.atoms(Element)} & known.keys())
        for definition in map(known.__getitem__, names):
            candidate = visit(log(_with_bodies(e.args[0], definition, known)))
            if not isinstance(candidate, log) and all(_of_entries(x.args[0]) for x in candidate.atoms(log)):
                return candidate
        return e

    return without_signs(visit(with_signs(expr, known)), known)


def _with_bodies(e: Expr, definition: Definition, known: Mapping[str, Definition]) -> Expr:
    """What a definition says for each of its entries, in sums as well."""

    def leaf(x: Expr) -> Expr | None:
        return with_signs(definition.at(*x.indices), known) if isinstance(x, Element) and x.tensor == own else None

    own = definition.tensor
    return rebuild(e, leaf)


def _of_entries(e: Expr) -> bool:
    """Whether something is a product of powers of numbers and of entries of arrays: no exponential is in it."""
    bases, powers = zip(*(f.as_base_exp() for f in Mul.make_args(e)), strict=True)
    return all(b.is_number or b.is_Symbol or isinstance(b, Element) for b in bases) and all(k.is_number for k in powers)


def _selected(where: Expr, branch: int) -> Expr:
    """A branch of ``Where(c, a, b)``, with x kept to its side of the border inside what could overflow on the other.

    That is a function such as exp, a power, and a polynomial of degree two or more. The border c = 0 is x = a number.
    """
    value = where.args[branch]
    number, rest = where.args[0].as_coeff_Add()
    slope, x = rest.as_coeff_Mul()
    if x.is_number:
        return value  # type: ignore[return-value]
    above = bool(slope > 0) == (branch == 1)
    kept = Clip(x, -number / slope, S.Infinity) if above else Clip(x, S.NegativeInfinity, -number / slope)

    def clamp(e: Expr) -> Expr:
        if not e.args or isinstance(e, Element):
            return e
        if isinstance(e, OVERFLOWING | Clip) or _degree(e, x) > 1:
            return e.xreplace({x: kept})
        return e.func(*(clamp(a) for a in e.args))  # type: ignore[arg-type]

    return clamp(value)  # type: ignore[arg-type]


#: What may overflow, or be undefined, on the side of a border where it is not wanted.
OVERFLOWING = exp | sympy.sinh | sympy.cosh | log | Pow


def _degree(e: Expr, x: Expr) -> int:
    """The degree of a polynomial in an element x; 0 for anything else."""
    if not isinstance(x, Element) or not isinstance(e, Mul | Add) or not e.has(x) or e.has(BoundSum, Where, Clip):
        return 0
    return int(Poly(e, x).degree()) if e.is_polynomial(x) else 0
