"""Names for what a traced formula computes on the way: its sums, its functions, and their arguments.

A formula that is read from code is one expression. Under names of its own, every intermediate has an adjoint, a case
distinction is about a name, and the error that is granted knows that a program has to round what it computes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations

from sympy import Add, Expr, Function, Mul, Pow, exp

from ...calculus.arrays import readable_indices
from ...calculus.derivation import Definition, Derivation
from ...calculus.functions import Where
from ...calculus.sums import BoundSum, Partial, bound_sum, rebuild
from ...calculus.tensors import Domain, Element, Index, Tensor, fresh_index

#: The description of such a name. A reader never sees it: what is shown is what it stands for.
INTERMEDIATE = "an intermediate"


def unfolded(derivation: Derivation) -> Callable[[Expr], Expr]:
    """What puts an intermediate, and the adjoint of one, in the place of its name."""
    inner = {d.tensor: d for d in derivation.definitions if d.tensor.description == INTERMEDIATE}
    hidden = {**inner, **{r.tensor: r.definition for r in derivation.results if len(r.wrt) == 1 and r.wrt[0] in inner}}

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Element) and e.tensor in hidden:
            return rebuild(hidden[e.tensor].at(*e.indices), leaf)
        return None

    return lambda expr: rebuild(expr, leaf)


def with_intermediates(definition: Definition, taken: Sequence[str]) -> tuple[Definition, ...]:
    """The definition and those of its intermediates, in the order in which they are computed.

    taken: the names that are not free.
    """
    found = _Intermediates({*taken, definition.name}, definition.indices)
    body = found.named(definition.body, whole=True)
    return (*found.definitions, Definition(definition.tensor, definition.indices, body, definition.pairing))


class _Intermediates:
    def __init__(self, taken: set[str], outer: Sequence[Index]) -> None:
        self.taken = taken
        self.outer = outer
        self.definitions: list[Definition] = []

    def named(self, e: Expr, *, whole: bool = False, argument: bool = False) -> Expr:
        """The expression over named intermediates. whole: it has a name already. argument: of a function."""
        if isinstance(e, Element | Tensor | Partial) or not e.args:
            return e
        if isinstance(e, BoundSum):
            body, bound = e.open()
            inner = bound_sum(self.named(body), *bound)
        elif isinstance(e, Where):  # cases in a branch are more cases of it
            cases = (self.named(a, whole=isinstance(a, Where), argument=True) for a in e.args)
            inner = Where(*cases)
        elif isinstance(e, Function):
            inner = e.func(*(self.named(a, argument=True) for a in e.args))  # type: ignore[arg-type]
        elif isinstance(e, Pow):
            inner = e.func(self.named(e.base, argument=True, whole=_is_normaliser(e)), e.exp)
        else:
            alone = isinstance(e, Add) or sum(bool(a.atoms(Tensor)) for a in e.args) == 1
            has_name = argument or (whole and alone)  # a sum that its surroundings only shift or scale
            inner = e.func(*(self.named(a, whole=isinstance(a, BoundSum) and has_name) for a in e.args))  # type: ignore[arg-type]
            inner = inner if whole else self._with_softmax(inner)
        is_root = isinstance(inner, Pow) and not inner.exp.is_integer
        is_argument = argument and (inner.has(BoundSum) or isinstance(inner, Add)) and bool(inner.atoms(Tensor))
        is_computed = isinstance(inner, BoundSum | Function) and not isinstance(inner, exp)
        return self._name(inner) if not whole and (is_argument or is_root or is_computed) else inner

    def _with_softmax(self, e: Expr) -> Expr:
        """The exponentials of a product over their sum are one intermediate: that is how their gradient is written."""
        factors = Mul.make_args(e)
        softmax = [f for f in factors if isinstance(f, exp)] if any(map(_is_normaliser, factors)) else []
        softmax += [f for f in factors if softmax and _is_normaliser(f)]
        return self._name(Mul(*softmax)) * Mul(*(f for f in factors if f not in softmax)) if softmax else e

    def _name(self, e: Expr) -> Expr:
        """An element of the definition whose body this is."""
        general, labels = _without_labels(e)
        free = sorted((s for s in general.free_symbols if isinstance(s, Index)), key=self._place)
        for d in self.definitions:
            for order in permutations(free):
                if tuple(k.dim for k in order) == d.tensor.dims and d.at(*order) == general:
                    return Element(d.tensor, *(labels.get(k, k) for k in order))
        domain = Domain(positive=bool(general.is_positive))
        tensor = Tensor(self._free_name(), tuple(k.dim for k in free), domain, INTERMEDIATE)
        letters = readable_indices(tensor.dims, self.taken)
        body = rebuild(general, dict(zip(free, letters, strict=True)).get)  # type: ignore[arg-type]
        self.definitions.append(Definition(tensor, letters, body))
        return Element(tensor, *(labels.get(k, k) for k in free))

    def _place(self, index: Index) -> tuple[int, int, str]:
        """The axes of the value come first, in its order."""
        at = self.outer.index(index) if index in self.outer else len(self.outer)
        return at, len(index.name), index.name

    def _free_name(self) -> str:
        name = next(n for k in range(1, 1000) if (n := f"u{k}") not in self.taken)
        self.taken.add(name)
        return name


def _is_normaliser(e: Expr) -> bool:
    """1/Σ exp."""
    return isinstance(e, Pow) and e.exp == -1 and isinstance(e.base, BoundSum) and isinstance(e.base.body, exp)


def _without_labels(e: Expr) -> tuple[Expr, dict[Index, Expr]]:
    """The expression at any index where it stands at a label ``y[i]``, and which index stands for which label."""
    found: dict[tuple[Expr, Expr], Index] = {}
    outside = _indices(e)  # a label at an index of a sum stays inside that sum

    def leaf(x: Expr) -> Expr | None:
        if not isinstance(x, Element):
            return None
        at = [
            found.setdefault((k, dim), fresh_index(dim)) if isinstance(k, Element) and _indices(k) <= outside else k
            for k, dim in zip(x.indices, x.tensor.dims, strict=True)
        ]
        return Element(x.tensor, *at)

    general = rebuild(e, leaf)
    return general, {index: label for (label, _), index in found.items()}


def _indices(e: Expr) -> set[Index]:
    return {s for s in e.free_symbols if isinstance(s, Index)}
