"""Dimensions that follow from others, such as the length of the output of a convolution, and what is known of sizes.

``O = (H + 2 - U)//2 + 1`` declares one. An index over O runs over that many places; what is proved without looking into
the equation holds for any O. The equation is used where sizes are drawn, where code needs O, and where an index must be
shown to stay inside an array.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sympy
from sympy import Expr, Integer, Symbol
from sympy.core.cache import cacheit


class DefinedDimension(Symbol):
    """A dimension with an equation: ``size`` is an expression of other dimensions, with ``floor`` for ``//``.

    text: the equation as it was written, in Python.
    """

    __slots__ = ("size", "text")
    size: Expr
    text: str

    def __new__(cls, name: str, size: Expr | int, text: str = "") -> DefinedDimension:  # type: ignore[override]
        return _make(cls, name, sympy.sympify(size), text or str(size))

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.name, self.size, self.text)

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.name, self.size, self.text), {}


@cacheit
def _make(cls: type[DefinedDimension], name: str, size: Expr, text: str) -> DefinedDimension:
    symbol = Symbol.__xnew__(cls, name, integer=True, positive=True)
    symbol.size = size
    symbol.text = text
    return symbol


def in_free_dimensions(expr: Expr) -> Expr:
    """The expression with every defined dimension replaced by its equation."""
    while defined := expr.atoms(DefinedDimension):
        expr = expr.xreplace({d: d.size for d in defined})
    return expr


def free_dimensions(dims: Iterable[Expr]) -> tuple[Symbol, ...]:
    """The dimensions that can be chosen: those of ``dims``, and those that the equations of the others need."""
    found: dict[Symbol, None] = {}
    for dim in dims:
        plain = [s for s in dim.free_symbols if not isinstance(s, DefinedDimension)]
        behind = in_free_dimensions(dim).free_symbols
        for symbol in (*sorted(plain, key=str), *sorted(behind, key=str)):
            found.setdefault(symbol)
    return tuple(found)


def defined_dimensions(dims: Iterable[Expr]) -> tuple[DefinedDimension, ...]:
    """The defined dimensions among ``dims`` and in their equations, each after those that its equation needs."""
    found: dict[DefinedDimension, None] = {}

    def visit(expr: Expr) -> None:
        for symbol in sorted(expr.atoms(DefinedDimension), key=str):
            if symbol not in found:
                visit(symbol.size)
                found[symbol] = None

    for dim in dims:
        visit(dim)
    return tuple(found)


def fitted(sizes: Mapping[Symbol, int], dims: Iterable[Expr], least: Sequence[int] = (1,)) -> dict[Symbol, int]:
    """Sizes for all of ``dims``: those given, the defined ones by their equations.

    A given size that would make a defined one smaller than ``least`` is made larger, as little as that needs; the last
    of ``least`` holds for all further ones.
    """
    defined = defined_dimensions(dims)
    found = {d: n for d, n in sizes.items() if not isinstance(d, DefinedDimension)}
    for at, dim in enumerate(defined):
        wanted = least[min(at, len(least) - 1)]
        size = in_free_dimensions(dim)
        growing = [s for s in sorted(size.free_symbols, key=str) if _slope(size, s) > 0 and s in found]
        while growing and size.xreplace(found) < wanted:
            for s in growing:
                found[s] += 1
    found.update({d: int(in_free_dimensions(d).xreplace(found)) for d in defined})
    return found


def with_what_follows(sizes: Mapping[Expr, Expr], dims: Iterable[Expr]) -> dict[Symbol, Expr]:
    """These sizes of free dimensions, and what becomes of those that follow: numbers, or simpler equations."""
    free = {d: n for d, n in sizes.items() if isinstance(d, Symbol) and not isinstance(d, DefinedDimension)}
    found: dict[Symbol, Expr] = dict(free)
    for dim in defined_dimensions(dims):
        size = in_free_dimensions(dim).xreplace(free)
        if size.is_Integer:
            found[dim] = size
        elif size != in_free_dimensions(dim):
            text = dim.text
            for name, number in free.items():
                text = re.sub(rf"\b{re.escape(str(name))}\b", str(number), text)
            found[dim] = DefinedDimension(dim.name, size, text)
    return found


def is_window(dim: Symbol, dims: Iterable[Expr]) -> bool:
    """Whether an output shrinks as the dimension grows."""
    return any(_slope(in_free_dimensions(d), dim) < 0 for d in defined_dimensions(dims))


def _slope(size: Expr, symbol: Symbol) -> Any:
    """How a size grows with a dimension, roundings aside."""
    return _unrounded(size).diff(symbol).xreplace({s: Integer(1) for s in size.free_symbols})


def _unrounded(expr: Expr) -> Expr:
    return expr.replace(lambda e: isinstance(e, sympy.floor), lambda e: e.args[0])


def is_nonnegative(expr: Expr) -> bool:
    """Whether an expression of dimensions is certainly at least 0, whatever the sizes are (each at least 1)."""
    return _is_plainly_nonnegative(expr) or _is_plainly_nonnegative(_least(in_free_dimensions(expr)))


def _is_plainly_nonnegative(expr: Expr) -> bool:
    """With every dimension one more than a non-negative number, no coefficient is negative."""
    expr = sympy.expand(expr.xreplace({s: s + 1 for s in expr.free_symbols}))
    return all(c.is_Rational and c >= 0 for c in expr.as_coefficients_dict().values()) and _is_polynomial(expr)


def _is_polynomial(expr: Expr) -> bool:
    return bool(expr.is_polynomial(*expr.free_symbols)) and not expr.has(sympy.floor)


def _least(expr: Expr) -> Expr:
    """A lower bound without roundings: x − s + 1 ≤ s·⌊x/s⌋ ≤ x."""
    out: Expr = Integer(0)
    for term in sympy.Add.make_args(sympy.expand(expr)):
        floors = [f for f in sympy.Mul.make_args(term) if isinstance(f, sympy.floor)]
        rest = term / sympy.Mul(*floors)
        if len(floors) == 1 and rest.is_Rational:
            inside = floors[0].args[0]
            down = Integer(1) - Integer(1) / _denominator(inside)
            out += rest * (inside if rest < 0 else inside - down)
        else:
            out += term
    return out


def _denominator(expr: Expr) -> Expr:
    return sympy.Integer(sympy.ilcm(1, *(c.q for c in sympy.expand(expr).as_coefficients_dict().values())))
