"""Functions of numbers that code applies to arrays: the proof is made for one entry, and so for all."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr

from ...calculus.derivation import Derivation
from ...calculus.sums import rebuild
from ...calculus.tensors import Element, Index, Tensor, dimension

#: The arrays that stand for "any array": one axis of any length.
LENGTH = dimension("n")


def pointwise(derivation: Derivation) -> bool:
    """Whether everything in a derivation is a number."""
    return all(not t.rank for t in (*derivation.givens, *(d.tensor for d in derivation.definitions)))


def lifted(tensor: Tensor) -> Tensor:
    """An array of such numbers; a parameter with a value of its own stays a number."""
    if tensor.rank or tensor.domain.value is not None:
        return tensor
    return Tensor(tensor.name, (LENGTH,), tensor.domain)


def lowered(body: Expr, indices: Sequence[Index], givens: Sequence[Tensor]) -> Expr | None:
    """The entry of an array as a function of numbers; None where it reads entries at other places."""
    numbers = {lifted(t): t for t in givens if lifted(t) != t}

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Element) and e.tensor in numbers and e.indices == tuple(indices):
            return Element(numbers[e.tensor])
        return None

    found = rebuild(body, leaf)
    return None if set(numbers) & found.atoms(Tensor) else found
