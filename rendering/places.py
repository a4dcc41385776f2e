"""Affine indices and sizes: ``2o + u − 1`` as the index of an element, and ``O = ⌊(H − U)/2⌋ + 1``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from sympy import Expr

from ..calculus.dimensions import DefinedDimension
from ..calculus.ranges import linear
from ..calculus.tensors import Index
from .style import Style


def place_text(index: Expr, letters: Mapping[Index, str], style: Style, write: Callable[[Expr], str]) -> str | None:
    """An affine index: strides first, outputs before windows, then numbers; None for what has no such form."""
    form = linear(index)
    if form is None:
        return None
    at = {k: n for n, k in enumerate(letters)}

    def key(term: tuple[Expr, Expr]) -> tuple[bool, int, bool, bool, int]:
        place, factor = term
        output = isinstance(place, Index) and isinstance(place.dim, DefinedDimension)
        symbols = -len(factor.free_symbols)
        return _is_negative(factor), symbols, factor in (1, -1), not output, at.get(place, 0)  # type: ignore[call-overload]

    terms = sorted(form.coefficients.items(), key=key)
    shown = [(_is_negative(c), ("" if c in (1, -1) else write(abs(c)).replace(" ", "")) + write(k)) for k, c in terms]
    rest = [(_is_negative(r), write(-r if _is_negative(r) else r)) for r in form.rest.as_ordered_terms() if r != 0]
    text = ""
    for negative, term in (*shown, *rest):
        text += (style.minus if negative else "+" if text else "") + term
    return text


def _is_negative(e: Expr) -> bool:
    return bool(e.could_extract_minus_sign())


def size_text(text: str, style: Style) -> str:
    """The equation of a dimension, from its Python text."""
    return _size(ast.parse(text, mode="eval").body, style)


def _size(node: ast.expr, style: Style) -> str:
    if not isinstance(node, ast.BinOp):
        return ast.unparse(node)
    left, right = _size(node.left, style), _size(node.right, style)
    if isinstance(node.op, ast.FloorDiv):
        if style.latex:
            return rf"\lfloor \frac{{{left}}}{{{right}}} \rfloor"
        return f"⌊{_enclosed(node.left, left)}/{right}⌋"
    if isinstance(node.op, ast.Mult):
        return f"{_enclosed(node.left, left)}{style.times}{_enclosed(node.right, right)}"
    minus = isinstance(node.op, ast.Sub)
    return f"{left} {style.minus if minus else '+'} {_enclosed(node.right, right) if minus else right}"


def _enclosed(node: ast.expr, text: str) -> str:
    return f"({text})" if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub) else text
