"""A maximum over an axis that is only subtracted, as in a stable softmax: it is read, proved to cancel, and left out.

Nothing is known here of the maximum itself, and nothing of its derivative. It stands in a formula as an array of
arbitrary numbers. Where the formula is proved to be the same whatever these are, it is the same function of its
arguments with zeros in their place, ties or no ties. Where it is not, the text is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

from sympy import Expr, Integer

from .arrays import ArrayExpr
from .derivation import Definition
from .expectation import Covariance, Expectation, Variance
from .scope import ParseError, Scope
from .sums import Partial, rebuild
from .tensors import Element, Index, Tensor

AVERAGES = (Expectation, Variance, Covariance)


@dataclass(frozen=True)
class Occurrence:
    """A place in the text where a maximum stands. around: the indices there that its entries depend on, by name."""

    scope: Scope
    node: ast.Call
    around: tuple[str, ...]


@dataclass(frozen=True)
class Shift:
    """A maximum or minimum, and where it was read.

    around: the dimensions of the indices around it. dims: of the array, with those that a generator runs over in
    front. over: which of these axes it runs over. kept: the dimensions of the result, with those of 1.
    """

    tensor: Tensor
    text: str
    around: tuple[Expr, ...]
    dims: tuple[Expr, ...]
    over: tuple[int, ...]
    kept: tuple[Expr, ...]
    occurrences: list[Occurrence] = field(default_factory=list)


class MaximumStays(ParseError):
    """A maximum over an axis does not cancel."""

    def __init__(self, error: ParseError, shift: Shift) -> None:
        super().__init__(error.problem, error.hint, error.text, error.line, error.column)
        self.shift = shift


@dataclass
class Shifts:
    """The maxima met while definitions are read, one after the other.

    cancelled: those that were left out, as they were written.
    """

    known: dict[Hashable, Shift] = field(default_factory=dict)
    pending: dict[Tensor, Definition] = field(default_factory=dict)
    cancelled: dict[str, None] = field(default_factory=dict)

    def of(
        self,
        scope: Scope,
        node: ast.Call,
        array: ArrayExpr,
        over: Sequence[Index],
        kept: Sequence[Index],
        conditions: Sequence[Expr] = (),
    ) -> ArrayExpr:
        """The maximum of an array over some indices; kept: the axes of the result, also those of length 1.

        over: indices of the array, or those of a generator. conditions: 1 for the entries that count, 0 for others.
        """
        free = {k for e in (array.body, *conditions) for k in e.free_symbols if isinstance(k, Index) and not k.is_bound}
        outer = free - set(array.indices) - set(over)
        names = [name for name, index in scope.indices.items() if index in outer]
        around = [scope.indices[name] for name in names]
        own = [i for i in kept if i in array.indices]
        place = {i: Index(f"·shift{at}", i.dim) for at, i in enumerate((*around, *own, *over))}
        entry = tuple(e.xreplace(place) for e in (array.body, *conditions))
        key = (ast.unparse(node.func), len(around), len(own), tuple(i.dim for i in place), entry)
        if key not in self.known:
            tensor = Tensor(f"·shift{len(self.known) + 1}", tuple(i.dim for i in (*around, *own)))
            axes = (*(i for i in over if i not in array.indices), *array.indices)
            text, dims = _written(node), tuple(tuple(i.dim for i in some) for some in (around, axes, kept))
            self.known[key] = Shift(tensor, text, dims[0], dims[1], tuple(map(axes.index, over)), dims[2])
        self.known[key].occurrences.append(Occurrence(scope, node, tuple(names)))
        return ArrayExpr(tuple(kept), Element(self.known[key].tensor, *around, *own))

    def settled(self, definition: Definition, is_last: bool) -> Definition | None:
        """The definition without maxima; None where one stays, which the definitions that read this one may be rid of.

        **Raises** ParseError where one stays in the last definition.
        """
        self._refuse_inside(definition.body)
        body = rebuild(definition.body, self._inserted)
        used = {s.tensor: s for s in self.known.values() if s.tensor in body.atoms(Tensor)}
        if not used:
            return replace(definition, body=body)
        plain = rebuild(body, lambda e: Integer(0) if isinstance(e, Element) and e.tensor in used else None)
        if _is_same(body, plain):
            self.cancelled.update(dict.fromkeys(s.text for s in used.values()))
            return replace(definition, body=plain)
        if is_last or definition.pairing:
            shift = next(iter(used.values()))
            try:
                _refuse(shift, "does not cancel: the value depends on it, and")
            except ParseError as error:
                raise MaximumStays(error, shift) from None
        self.pending[definition.tensor] = replace(definition, body=body)
        return None

    def _refuse_inside(self, body: Expr) -> None:
        """Where a derivative or an average is taken, a maximum is no constant."""
        for part in body.atoms(Partial, *AVERAGES):
            for tensor in part.atoms(Tensor):
                inner = self.pending[tensor].body.atoms(Tensor) if tensor in self.pending else {tensor}
                for shift in self.known.values():
                    if shift.tensor in inner:
                        _refuse(shift, "stands where a derivative or an average is taken, and")

    def _inserted(self, e: Expr) -> Expr | None:
        if isinstance(e, Element) and e.tensor in self.pending:
            return rebuild(self.pending[e.tensor].at(*e.indices), self._inserted)
        return None


def _written(node: ast.Call) -> str:
    """As Python's own unparse, without the second pair of brackets that it puts around a generator."""
    if isinstance(node.args[0], ast.GeneratorExp):
        return ast.unparse(node.func) + ast.unparse(node.args[0])
    return ast.unparse(node)


def _refuse(shift: Shift, why: str) -> NoReturn:
    first = shift.occurrences[0]
    first.scope.fail(
        first.node,
        f"{shift.text} {why} the derivative of a {shift.text[:3]}imum over an axis is not known here",
        "It may be subtracted where that changes nothing, as in a softmax. Write max(a, b) for the larger of two, "
        "X[i, s[i]] with labels s (s: n int<d) for the entry at a given place, or logsumexp for a smooth maximum.",
    )


def _is_same(body: Expr, plain: Expr) -> bool:
    """Whether a formula is proved not to depend on the shifts."""
    from .prover import Prover

    return Prover().judge(body, plain).is_proved
