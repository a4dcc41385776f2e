"""Mutants of the claims of an entry: one place changed, as people get it wrong; and an independent judge of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from random_expressions import FLOATS, Evaluator
from sympy import Abs, Add, Expr, Integer, Mul, Number, Pow, S, nan, zoo

from nnmath.calculus.derivation import Definition, Derivation, Step, Verdict
from nnmath.calculus.prover import Prover
from nnmath.calculus.rules import CLAIM
from nnmath.calculus.sampling import points
from nnmath.calculus.sums import BoundSum, Delta, bound_sum
from nnmath.calculus.tensors import Element, Index, Tensor

#: What a place in an expression may become.
Change = Callable[[Expr, Sequence[Tensor]], Iterator[Expr]]


def sign(e: Expr, tensors: Sequence[Tensor]) -> Iterator[Expr]:
    if isinstance(e, Add):
        yield from (e - 2 * term for term in e.args)
    elif isinstance(e, Element | BoundSum):
        yield -e


def factor(e: Expr, tensors: Sequence[Tensor]) -> Iterator[Expr]:
    if isinstance(e, Element | BoundSum):
        yield 2 * e
    if isinstance(e, Add):
        yield e / 2


def dropped_term(e: Expr, tensors: Sequence[Tensor]) -> Iterator[Expr]:
    if isinstance(e, Add):
        yield from (e - term for term in e.args)


def dropped_factor(e: Expr, tensors: Sequence[Tensor]) -> Iterator[Expr]:
    if isinstance(e, Mul):
        yield from (Mul(*(f for f in e.args if f is not left)) for left in e.args if left is not S.NegativeOne)


def power(e: Expr, tensors: Sequence[Tensor]) -> Iterator[Expr]:
    if isinstance(e, Pow) and isinstance(e.exp, Number):
        yield e.base ** (e.exp + 1)
    elif isinstance(e, Element):
        yield e**2


def transposed(e: Expr, tensors: Sequence[Tensor]) -> Iterator[Expr]:
    """Two indices of one dimension change places."""
    if isinstance(e, Element):
        dims, at = e.tensor.dims, e.indices
        for a in range(len(at)):
            for b in range(a):
                if dims[a] == dims[b] and at[a] != at[b]:
                    swapped = list(at)
                    swapped[a], swapped[b] = at[b], at[a]
                    yield Element(e.tensor, *swapped)


def wrong_axis(e: Expr, tensors: Sequence[Tensor]) -> Iterator[Expr]:
    """A sum left out, its index held at the first place: what is summed along the wrong axis, or not at all."""
    if isinstance(e, BoundSum):
        body, ks = e.open()
        yield body.xreplace({k: Integer(0) for k in ks})


def shifted(e: Expr, tensors: Sequence[Tensor]) -> Iterator[Expr]:
    """The first entry for the one that is meant."""
    if isinstance(e, Element):
        for at, index in enumerate(e.indices):
            if index != 0:
                yield Element(e.tensor, *e.indices[:at], Integer(0), *e.indices[at + 1 :])
    if isinstance(e, Delta):
        yield S.One


def swapped_names(e: Expr, tensors: Sequence[Tensor]) -> Iterator[Expr]:
    """Another array of the same shape."""
    if isinstance(e, Element):
        yield from (Element(t, *e.indices) for t in tensors if t.dims == e.tensor.dims and t != e.tensor)


CHANGES: tuple[Change, ...] = (
    *(sign, factor, dropped_term, dropped_factor, power, transposed, wrong_axis, shifted, swapped_names),
)


@dataclass(frozen=True)
class Mutant:
    """A line ``left = right`` whose right side is wrong by one change."""

    left: Expr
    right: Expr
    change: str


def mutants(line: Step, tensors: Sequence[Tensor]) -> Iterator[Mutant]:
    """Every change at every place of the right side; equal ones once, and none that is the line itself."""
    seen = {line.right}
    for right, change in _changed(line.right, tensors):
        if right not in seen and not right.has(zoo, nan, Abs):  # what no claim can say
            seen.add(right)
            yield Mutant(line.left, right, change)


def _changed(e: Expr, tensors: Sequence[Tensor]) -> Iterator[tuple[Expr, str]]:
    """One change in the expression or in one of its parts, sums opened on the way; indices stay what they are."""
    if isinstance(e, Index | Number) or (isinstance(e, Element) and e.tensor.domain.below is not None):
        return
    for change in CHANGES:
        yield from ((new, change.__name__) for new in change(e, tensors))
    if isinstance(e, BoundSum):
        body, ks = e.open()
        yield from ((bound_sum(new, *ks), name) for new, name in _changed(body, tensors))
    elif not isinstance(e, Element | Delta):
        for at, arg in enumerate(e.args):
            others = (e.args[:at], e.args[at + 1 :])
            yield from ((e.func(*others[0], new, *others[1]), name) for new, name in _changed(arg, tensors))  # type: ignore[arg-type]


# -- the claims of an entry --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claims:
    """The lines that end in what an entry claims, and what they may refer to."""

    derivation: Derivation
    lines: tuple[Step, ...]
    definitions: tuple[Definition, ...]

    def tensors(self) -> tuple[Tensor, ...]:
        own = (t for t in self.derivation.givens if not t.domain.function and t.domain.below is None)
        return (*own, *(d.tensor for d in self.derivation.definitions))

    def prover(self) -> Prover:
        givens = [t for t in self.derivation.givens if not t.domain.function]
        return Prover(self.definitions, givens, thorough=True)


def claims(derivation: Derivation) -> Claims:
    """A line for every closed form: where the derivation came to it by itself, the line says that it is itself."""
    lines = []
    for part in derivation.parts:
        if part.result is not None and part.result.wanted and part.result.of is not None:
            found = [step for step in part.steps if step.rule == CLAIM]
            proved = Verdict("proved")
            lines += found or [Step(part.result.expr, part.result.expr, CLAIM, proved)]
    adjoints = (r.definition for r in derivation.results if r.of is not None and not r.of.rank)
    known = {t.name for t in derivation.givens}
    return Claims(derivation, tuple(lines), (*derivation.definitions, *(d for d in adjoints if d.name not in known)))


# -- the independent judge ---------------------------------------------------------------------------------------------


def differ(one: Expr, two: Expr, claims: Claims) -> bool | None:
    """Whether plain loops over scalars find a place where two formulas differ; None where no point is defined."""
    free = sorted({i for side in (one, two) for i in side.free_symbols if isinstance(i, Index)}, key=str)
    by_name = {d.name: d for d in claims.definitions}
    defined = False
    for kinks in (False, True):
        for point in points(claims.derivation.givens, claims.derivation.dims, 7, kinks=kinks):
            arrays = {t.name: {at: _number(v) for at, v in a.items()} for t, a in point.values.items()}
            evaluate = Evaluator(FLOATS, point.sizes, arrays, by_name)
            for at in product(*(range(int(i.dim.xreplace(point.sizes))) for i in free)):
                indices: Mapping[Expr, int] = dict(zip(free, at, strict=True))
                try:
                    left, right = evaluate(one, indices), evaluate(two, indices)
                except (ZeroDivisionError, OverflowError, ValueError):
                    continue
                if isinstance(left, complex) or isinstance(right, complex):  # a root of a negative number
                    continue
                defined = True
                if abs(left - right) > 1e-9 * (abs(left) + abs(right)) + 1e-13:
                    return True
    return False if defined else None


def _number(value: object) -> float:
    return float(value.evalf(30)) if isinstance(value, Expr) else int(value.p) / int(value.q)  # type: ignore[attr-defined]
