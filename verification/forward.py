"""A forward pass read from a person's code: the formulas of its local variables, ready to be differentiated.

Definitions that only serve the computer are put into what uses them: a maximum that is subtracted and cancels later, an
exponential that could overflow by itself, a one-hot table, an array of picked entries. What remains has the value that
the code computes, under the code's own name.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from sympy import Add, Expr, Function, Integer, Mul, Pow, exp, log

from ..calculus.arrays import readable_indices
from ..calculus.calls import RESERVED
from ..calculus.derivation import Definition
from ..calculus.functions import Where, relu, sigmoid, softplus
from ..calculus.prover import Prover
from ..calculus.sums import BoundSum, rebuild
from ..calculus.tensors import Element, Index, Tensor
from .tracing.branches import without_branches
from .tracing.trace import Trace, Untraceable

ONE = Integer(1)
#: A sum with more free indices is not looked for.
MOST_AXES = 3
#: What the value is called where the code has no name for it: of a function of numbers, a loss, an array.
NUMBER_NAMES, SCALAR_NAMES, ARRAY_NAMES = ("y", "f", "value"), ("L", "J", "loss", "value"), ("Y", "out", "F", "value")


@dataclass(frozen=True)
class Forward:
    """The formulas of a forward pass: what is given, what is computed in order, and which of it is the value."""

    givens: tuple[Tensor, ...]
    definitions: tuple[Definition, ...]
    value: Tensor


def forward_of(traced: Trace, givens: Sequence[Tensor], name: str) -> Forward:
    """The formulas of the first value that a traced function returned.

    **Arguments**: a trace with ``naming``; the tensors that the function was given; what the function is called.
    **Raises** :class:`Untraceable` where it returns nothing, or a maximum of arrays of any size is part of the value.
    """
    output = traced.outputs[0] if traced.outputs else None
    if output is None:
        raise Untraceable(name, "", 0, "it returns nothing")
    chain = list(traced.definitions)
    body = output.body
    if isinstance(body, Element) and body.indices == output.indices and body.tensor in traced.local_names:
        value = body.tensor
    else:
        value = Tensor("·value", output.dims)
        chain.append(Definition(value, output.indices, body))
    kept = _needed(_Reading(traced, value).kept(chain), value)
    unknown = set().union(*(d.body.atoms(Tensor) for d in kept)) - {*givens, *(d.tensor for d in kept)}
    if unknown:  # such as what torch detaches: a value without a derivative
        which = ", ".join(sorted(t.name for t in unknown))
        raise Untraceable(name, "", 0, f"a part of its value ({which}) has no formula that could be differentiated")
    names = _names([d.tensor for d in kept], value, traced, givens)
    renamed = {t: Tensor(names[t], t.dims, t.domain) for t in names}
    return Forward(tuple(givens), tuple(_readable(kept, renamed, givens)), renamed[value])


class _Reading:
    """The definitions of a trace one after the other: what is kept, and what goes into its consumers."""

    def __init__(self, traced: Trace, value: Tensor) -> None:
        self.opaque = {o.tensor: o for o in traced.opaque}
        self.value = value
        self.gone: dict[Tensor, Definition] = {}
        self.arguments: list[Tensor] = []

    def kept(self, chain: Sequence[Definition]) -> list[Definition]:
        found: list[Definition] = []
        for d in chain:
            body, is_shifted = self._without_shifts(rebuild(d.body, self._inserted))
            if is_shifted and d.tensor == self.value:
                body = self._spelled(body)
            body = in_named_functions(without_branches(body))
            d = replace(d, body=with_known_sums(body, found))
            if d.tensor != self.value and (is_shifted or _serves_only_the_computer(body)):
                self.gone[d.tensor] = d
            else:
                found += self._with_arguments(d)
        return found

    def _with_arguments(self, d: Definition) -> list[Definition]:
        """The definition, after those of the sums that its functions are applied to: Z = X W + b before tanh(Z)."""
        new: list[Definition] = []

        def argument(e: Expr) -> Expr:
            e = rebuild(e, leaf)
            free = sorted((i for i in e.free_symbols if isinstance(i, Index)), key=d.indices.index)
            known = next((n for n in new if n.indices == tuple(free) and n.body == e), None)
            if known is None:
                tensor = Tensor(f"·a{len(self.arguments) + 1}", tuple(i.dim for i in free))
                known = Definition(tensor, tuple(free), e)
                self.arguments.append(tensor)
                new.append(known)
            return Element(known.tensor, *free)

        def leaf(e: Expr) -> Expr | None:
            is_root = isinstance(e, Pow) and not e.exp.is_integer
            if not (isinstance(e, Function) or is_root) or isinstance(e, exp | log):
                return None
            return e.func(*(argument(a) if self._is_computed(a, d.indices) else rebuild(a, leaf) for a in e.args))  # type: ignore[arg-type]

        body = rebuild(d.body, leaf)
        return [*new, replace(d, body=body)]

    def _is_computed(self, e: Expr, outer: Sequence[Index]) -> bool:
        """Whether the argument of a function is a sum of products, at indices of the definition."""
        free = {i for i in e.free_symbols if isinstance(i, Index)}
        return e.has(BoundSum) and bool(e.atoms(Tensor)) and free <= set(outer) and e.atoms(Element) != {e}

    def _inserted(self, e: Expr) -> Expr | None:
        if isinstance(e, Element) and e.tensor in self.gone:
            return self.gone[e.tensor].at(*e.indices)
        return None

    def _without_shifts(self, body: Expr) -> tuple[Expr, bool]:
        """The body without the maxima that cancel in it, and whether one stays."""
        shifts = body.atoms(Tensor) & set(self.opaque)
        if not shifts:
            return body, False
        plain = rebuild(body, lambda e: Integer(0) if isinstance(e, Element) and e.tensor in shifts else None)
        return (plain, False) if Prover().judge(body, plain).is_proved else (body, True)

    def _spelled(self, body: Expr) -> Expr:
        """The body with case distinctions in the place of maxima over few entries."""

        def leaf(e: Expr) -> Expr | None:
            found = self.opaque.get(e.tensor) if isinstance(e, Element) else None
            if found is None:
                return None
            if found.definition is None:
                what = "what np.empty holds" if found.operation == "empty" else f"the {found.operation} of an array"
                reason = f"{what} is part of the value, and does not cancel"
                sizes = [i.dim for i in found.over]
                raise Untraceable(f"np.{found.operation}", found.file, found.line, reason, sizes)
            return rebuild(found.definition.at(*e.args[1:]), self._inserted)

        return rebuild(body, leaf)


def with_known_sums(body: Expr, known: Sequence[Definition]) -> Expr:
    """The body with names in the place of sums that were computed before: the mean inside of a variance."""
    sums: list[tuple[Definition, BoundSum, Expr]] = []
    for d in known:
        factor, rest = d.body.as_independent(BoundSum, as_Add=False) if isinstance(d.body, Mul) else (ONE, d.body)
        if isinstance(rest, BoundSum) and not factor.atoms(Tensor, Index):
            sums.append((d, rest, factor))

    def leaf(e: Expr) -> Expr | None:
        if not isinstance(e, BoundSum):
            return None
        free = [i for i in e.free_symbols if isinstance(i, Index)]
        for d, total, factor in sums:
            for order in permutations(free) if len(free) == d.tensor.rank <= MOST_AXES else ():
                if rebuild(total, dict(zip(d.indices, order, strict=True)).get) == e:  # type: ignore[arg-type]
                    return Element(d.tensor, *order) / factor
        return None

    return rebuild(body, leaf)


def in_named_functions(expr: Expr) -> Expr:
    """The expression with sigmoid, softplus and relu in the place of what the code spells out."""

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Where) and e.args[0] == e.args[1] and e.args[2] == 0:
            return relu(rebuild(e.args[0], leaf))
        if isinstance(e, Pow) and e.exp == -1 and (u := _one_plus_exp(e.base)) is not None:
            return sigmoid(rebuild(-u, leaf))
        if isinstance(e, log) and (u := _one_plus_exp(e.args[0])) is not None:
            return softplus(rebuild(u, leaf))
        if isinstance(e, Mul):
            for f in e.args:
                u = _one_plus_exp(f.base) if isinstance(f, Pow) and f.exp == -1 else None
                if u is not None and exp(u) in e.args:  # eᵘ/(1 + eᵘ) is σ(u)
                    rest = Mul(*(a for a in e.args if a not in (f, exp(u))))
                    return rebuild(rest, leaf) * sigmoid(rebuild(u, leaf))
        return None

    return rebuild(expr, leaf)


def _one_plus_exp(e: Expr) -> Expr | None:
    """u for 1 + eᵘ."""
    if isinstance(e, Add) and len(e.args) == 2 and e.args[0] == 1 and isinstance(e.args[1], exp):
        return e.args[1].args[0]
    return None


def _serves_only_the_computer(body: Expr) -> bool:
    """A formula that is better read inside of what uses it."""
    tensors = body.atoms(Tensor)
    picked = isinstance(body, Element)
    return picked or all(t.domain.is_discrete for t in tensors) or _is_exponential(body)


def _is_exponential(e: Expr) -> bool:
    """Whether it is an exponential, or a sum of such and of numbers: alone it may overflow, and in a quotient not."""
    if isinstance(e, BoundSum):
        return _is_exponential(e.body)
    if isinstance(e, Mul):
        coefficient, rest = e.as_coeff_Mul()
        return coefficient != 1 and _is_exponential(rest)
    return isinstance(e, exp) or (isinstance(e, Add) and all(a.is_number or _is_exponential(a) for a in e.args))


def _needed(chain: Sequence[Definition], value: Tensor) -> list[Definition]:
    """The definitions that the value depends on."""
    wanted = {value}
    found: list[Definition] = []
    for d in reversed(chain):
        if d.tensor in wanted:
            found.insert(0, d)
            wanted |= d.body.atoms(Tensor)
    return found


def _names(tensors: Iterable[Tensor], value: Tensor, traced: Trace, givens: Sequence[Tensor]) -> dict[Tensor, str]:
    """A name for every tensor: the code's own where it is free."""
    taken = {t.name for t in givens} | {str(s) for t in givens for d in t.dims for s in d.free_symbols}
    names: dict[Tensor, str] = {}
    of_numbers = not any(t.rank for t in givens)
    called = NUMBER_NAMES if of_numbers else ARRAY_NAMES if value.rank else SCALAR_NAMES
    for t in tensors:
        wish = traced.local_names.get(t)
        free = called if t == value else ("u",)
        choices = [*([wish] if wish else free), *(f"{wish or 'u'}{k}" for k in range(2, 1000))]
        names[t] = next(n for n in choices if _is_free(n, taken))
        taken.add(names[t])
    return names


def _is_free(name: str, taken: set[str]) -> bool:
    """Whether a name means nothing yet, as that of an adjoint or of a function neither."""
    adjoint = (name[:1] == "d" and name[1:] in taken) or f"d{name}" in taken
    return not (name in taken or adjoint or name in RESERVED or keyword.iskeyword(name))


def _readable(
    kept: Sequence[Definition], renamed: dict[Tensor, Tensor], givens: Sequence[Tensor]
) -> Iterable[Definition]:
    """The definitions under their names, with letters for indices."""
    taken = {t.name for t in (*renamed.values(), *givens)}
    taken |= {str(s) for t in givens for d in t.dims for s in d.free_symbols}

    def leaf(e: Expr) -> Expr | None:
        return Element(renamed[e.tensor], *e.indices) if isinstance(e, Element) and e.tensor in renamed else None

    for d in kept:
        letters = readable_indices(d.tensor.dims, taken)
        yield Definition(renamed[d.tensor], letters, rebuild(d.at(*letters), leaf))
