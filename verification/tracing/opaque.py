"""Values that a trace leaves unexplained: the greatest or least entry along an axis.

The shift of a softmax cancels in a proof, whatever its value. Where it does not cancel, the comparison stays open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import sympy
from sympy import Expr, Integer

from ...calculus.derivation import Definition
from ...calculus.functions import Where
from ...calculus.tensors import Element, Index, Tensor
from .session import person, session
from .values import Entries, rename

#: Up to this many entries, a maximum over concrete dimensions is spelled out as a case distinction.
MAX_ENTRIES = 16


@dataclass(frozen=True)
class Opaque:
    """``tensor[indices]`` is the max or min of ``body`` over the indices ``over``, or (``empty``) anything at all.

    file, line: where the code asks for it.
    """

    tensor: Tensor
    operation: str
    indices: tuple[Index, ...]
    over: tuple[Index, ...]
    body: Expr
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)

    @property
    def definition(self) -> Definition | None:
        """The case distinction it is, where the dimensions are concrete and few."""
        if not self.over or not all(i.dim.is_Integer for i in self.over):
            return None
        places = list(product(*(range(int(i.dim)) for i in self.over)))
        if len(places) > MAX_ENTRIES:
            return None
        found: Expr | None = None
        for place in places:
            entry = rename(self.body, dict(zip(self.over, map(Integer, place), strict=True)))
            found = entry if found is None else greater(found, entry) if self.operation == "max" else less(found, entry)
        return Definition(self.tensor, self.indices, found) if found is not None else None


def greater(a: Expr, b: Expr) -> Expr:
    """max(a, b). Of max(x, 0) and max(0, x), both have the derivative 0 at the kink."""
    difference = sympy.expand(a - b)
    if difference.free_symbols and not difference.atoms(Tensor, Index):
        low, high = session().standins.bounds(difference)  # of sizes, such as max(n, 1)
        if low is not None and low >= 0:
            return a
        if high is not None and high <= 0:
            return b
    if not a.atoms(Tensor):
        a, b = b, a
    return Where(a - b, a, b)


def less(a: Expr, b: Expr) -> Expr:
    """min(a, b)."""
    return b if (most := greater(a, b)) == a else a if most == b else Where(a - b, b, a)


def extremum(array: Entries, axes: tuple[int, ...], keepdims: bool, operation: str) -> Entries:
    """The max or min along axes as a new opaque tensor."""
    over = tuple(i for a in axes for i in array.axes[a])
    kept = tuple(() if at in axes else axis for at, axis in enumerate(array.axes) if keepdims or at not in axes)
    if not over:
        return Entries(kept, array.body)
    indices = tuple(i for axis in kept for i in axis)
    return Entries(kept, _new(operation, indices, over, array.body))


def unknown(array: Entries) -> Entries:
    """An array of that shape of which nothing is known: what ``np.empty`` returns."""
    return array.with_body(_new("empty", array.indices, (), Integer(0)))


def _new(operation: str, indices: tuple[Index, ...], over: tuple[Index, ...], body: Expr) -> Expr:
    known = session().opaque
    tensor = Tensor(f"{operation}{len(known) + 1}", tuple(i.dim for i in indices))
    frame = person()
    file, line = (frame.f_code.co_filename, frame.f_lineno) if frame else ("", 0)
    known.append(Opaque(tensor, operation, indices, over, body, file, line))
    return Element(tensor, *indices)
