"""Proof by generalisation: what a function is applied to becomes an arbitrary array.

σ(u)(1 − σ(u)) = e⁻ᵘ/(1 + e⁻ᵘ)² holds for every u. Written out with u = Σ_k X[i, k] W[k, j] + b[j], the normal form
would split e⁻ᵘ into factors, and lose sight of that. So u is replaced by a new array of its own axes, the same one
wherever the same u stands. If the equation holds then, for any such array, it holds for this one. (The converse is not
claimed: where the generalised equation fails, nothing follows.)
"""

from __future__ import annotations

from sympy import Add, Expr, cos, cosh, erf, exp, sin, sinh, tanh

from .functions import NamedFunction
from .normal_form import Normalizer
from .sums import BoundSum, occurrences, rebuild
from .tensors import Element, Index, Tensor

_FUNCTIONS = (NamedFunction, exp, tanh, sinh, cosh, erf, sin, cos)


def generalise(expr: Expr, normalizer: Normalizer) -> Expr:
    """The expression with every argument of a function that is a sum replaced by an element of an arbitrary array."""
    arrays: dict[Expr, Tensor] = {}

    def leaf(e: Expr) -> Expr | None:
        if not isinstance(e, _FUNCTIONS):
            return None
        argument = normalizer.expr(normalizer.poly(e.args[0]))
        if not (isinstance(argument, Add) or argument.has(BoundSum)):
            return None
        return e.func(_arbitrary(argument, arrays))

    return rebuild(expr, leaf)


def _arbitrary(argument: Expr, arrays: dict[Expr, Tensor]) -> Expr:
    """``c · U[indices]``, where U stands for the argument up to its rational factor c, as a function of its indices."""
    factor, base = argument.primitive() if isinstance(argument, Add) else argument.as_coeff_Mul()
    indices = sorted((s for s in base.free_symbols if isinstance(s, Index)), key=lambda i: _uses(i, base))
    places = {i: Index(f"·place{at}", i.dim) for at, i in enumerate(indices)}
    shape = base.xreplace(places)
    if shape.could_extract_minus_sign():
        factor, shape = -factor, -shape
    array = arrays.get(shape)
    if array is None:
        array = arrays[shape] = Tensor(f"·argument{len(arrays)}", tuple(i.dim for i in indices))
    return factor * Element(array, *indices)


def _uses(index: Index, expr: Expr) -> tuple[str, list[tuple[str, int]], str]:
    """An order of indices that does not depend on their names, as far as their places in elements tell them apart."""
    places = [(e.tensor.name, at) for e in occurrences(expr, Element) for at, i in enumerate(e.indices) if i == index]
    return str(index.dim), sorted(places), index.name
