"""Single slips in a formula: every place where a term may be dropped, flipped, rescaled or misread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from sympy import Add, Expr, Integer, Mul, Pow, Rational, log

from ...calculus.derivation import Definition
from ...calculus.functions import Indicator, Where, absolute
from ...calculus.sums import BoundSum, Delta, bound_sum, rebuild
from ...calculus.tensors import Element, Index, Tensor, fresh_index

#: Turns an expression into text for a message.
Write = Callable[[Expr], str]
#: Of a product with more factors than this, no two are left out together.
MOST_FACTORS = 5


@dataclass(frozen=True)
class Edit:
    """A formula with one slip: its kind, what was done, and the formula that results.

    before, after: the part that was changed, and what it was changed to.
    """

    kind: str
    message: str
    expr: Expr
    before: Expr | None = None
    after: Expr | None = None

    def inside(self, whole: Expr) -> Edit:
        """The same edit, seen from a formula of which it changes a part."""
        return replace(self, expr=whole)


def edits(expr: Expr, write: Write, others: Sequence[Tensor] = (), free: Sequence[Index] = ()) -> Iterator[Edit]:
    """Every formula that is one slip away.

    others: arrays that may be taken for each other. free: the indices of the array that the formula computes.
    """
    yield from _here(expr, write, others, tuple(free))
    if isinstance(expr, Element | Index | Delta) or not expr.args:  # an index is no number to be squared
        return
    if isinstance(expr, BoundSum):
        body, bound = expr.open()
        for edit in edits(body, write, others, (*free, *bound)):
            yield edit.inside(bound_sum(edit.expr, *bound))
        return
    for at, arg in enumerate(expr.args):
        if not isinstance(arg, Expr):
            continue
        for edit in edits(arg, write, others, free):
            yield edit.inside(expr.func(*expr.args[:at], edit.expr, *expr.args[at + 1 :]))


def _here(expr: Expr, write: Write, others: Sequence[Tensor], free: tuple[Index, ...]) -> Iterator[Edit]:
    """The slips at the root of an expression."""
    for kind, slips in _SLIPS.items():
        if isinstance(expr, kind):
            for edit in slips(expr, write, others, free):
                yield replace(edit, before=expr, after=edit.expr)


def _sum(expr: Expr, write: Write, others: Sequence[Tensor], free: tuple[Index, ...]) -> Iterator[Edit]:
    for at, term in enumerate(expr.args):
        rest = Add(*expr.args[:at], *expr.args[at + 1 :])
        shown = write(term)
        if term.is_Rational and abs(term) < Rational(1, 10_000):
            yield Edit("epsilon", f"the constant {shown} is left out", rest)
        elif _is_small_parameter(term):
            yield Edit("epsilon", f"the term {shown} is left out", rest)
        else:
            yield Edit("missing-term", f"the term {shown} is missing", rest)
        yield Edit("sign", f"the term {shown} has the wrong sign", rest - term)
        if term.atoms(Element):
            yield Edit("scale", f"the term {shown} is counted twice", rest + 2 * term)
            yield Edit("scale", f"the term {shown} is halved", rest + term / 2)


def _is_small_parameter(term: Expr) -> bool:
    return isinstance(term, Element) and not term.indices and term.tensor.domain.value is not None


def _product(expr: Expr, write: Write, others: Sequence[Tensor], free: tuple[Index, ...]) -> Iterator[Edit]:
    for at, factor in enumerate(expr.args):
        rest = Mul(*expr.args[:at], *expr.args[at + 1 :])
        shown = write(factor)
        if factor == -1:
            continue  # flipped as a term, or as a whole
        if not factor.atoms(Element, BoundSum):
            yield Edit("scale", f"the factor {shown} is missing", rest)
            yield Edit("scale", f"the factor {shown} enters twice", expr * factor)
        elif factor.atoms(Indicator, Where) or _is_mask(factor):
            yield Edit("mask", f"the mask {shown} is not applied", rest)
        else:
            yield Edit("chain-factor", f"the factor {shown} is missing", rest)
            yield Edit("chain-factor", f"the factor {shown} enters twice", expr * factor)
    inner = [f for f in expr.args if f.atoms(Element, BoundSum)]
    if 2 < len(inner) <= MOST_FACTORS:
        for pair in combinations(inner, 2):
            rest = Mul(*(f for f in expr.args if f not in pair))
            yield Edit("chain-factor", f"the factor {write(Mul(*pair))} is missing", rest)


def _is_mask(factor: Expr) -> bool:
    return isinstance(factor, Element) and factor.tensor.domain.mask


def _power(expr: Expr, write: Write, others: Sequence[Tensor], free: tuple[Index, ...]) -> Iterator[Edit]:
    base, exponent = expr.as_base_exp()
    if not exponent.is_Rational:
        return
    half, one = Rational(1, 2), Integer(1)
    if exponent == -1 and base.is_Symbol and not isinstance(base, Index):
        yield Edit("scale", f"1/({write(base)} − 1) stands for 1/{write(base)}", 1 / (base - 1))
    for new in (exponent + half, exponent - half, exponent + one, exponent - one, -exponent):
        if new != 0 and new != exponent and base.atoms(Element, BoundSum):
            yield Edit("chain-factor", f"the power {write(base**new)} stands for {write(expr)}", base**new)
        elif new != 0 and new != exponent:
            yield Edit("scale", f"{write(base**new)} stands for {write(expr)}", base**new)


def _total(expr: Expr, write: Write, others: Sequence[Tensor], free: tuple[Index, ...]) -> Iterator[Edit]:
    assert isinstance(expr, BoundSum)
    body, bound = expr.open()
    for k in bound:
        yield Edit("scale", f"a mean over {k.dim} stands where the sum {write(expr)} belongs", expr / k.dim)
        yield Edit("scale", f"the sum {write(expr)} is multiplied by {k.dim}", expr * k.dim)
        for i in free:
            if i not in body.free_symbols:
                continue
            for c in free:
                if c != i and c.dim == k.dim and c not in body.free_symbols:
                    yield from _over_other_axis(expr, body, bound, (k, i, c), write)
            if i.dim == k.dim:
                yield from _over_other_axis(expr, body, bound, (k, i, i), write)
        for c in free:
            if c.dim == k.dim:
                left = [b for b in bound if b != k]
                own = rebuild(body, {k: c}.get)
                message = f"of the sum {write(expr)} only the term at its own index is there"
                yield Edit("missing-term", message, bound_sum(own, *left) if left else own)


def _over_other_axis(
    expr: Expr, body: Expr, bound: tuple[Index, ...], roles: tuple[Index, Index, Index], write: Write
) -> Iterator[Edit]:
    """The sum over i at k = c, where the sum over k belongs."""
    k, i, c = roles
    other = fresh_index(i.dim)
    moved = rebuild(body, {i: other, k: c}.get)
    new = bound_sum(moved, *(other if b == k else b for b in bound))
    message = f"{write(expr)} runs over the wrong axis ({i.dim} instead of {k.dim})"
    yield Edit("wrong-axis", message, new)
    if i.dim != k.dim:
        yield Edit("wrong-axis", message, new * k.dim / i.dim)


def _element(expr: Expr, write: Write, others: Sequence[Tensor], free: tuple[Index, ...]) -> Iterator[Edit]:
    assert isinstance(expr, Element)
    own = expr.tensor
    if own.domain.mask:
        yield Edit("mask", f"the mask {write(expr)} is not applied", Integer(1))
        yield Edit("mask", f"the mask {write(expr)} is inverted", 1 - expr)
    if own.rank == 2 and own.dims[0] == own.dims[1]:
        yield Edit("transpose", f"{own.name} is transposed", Element(own, *reversed(expr.indices)))
    for other in others:
        if other != own and other.dims == own.dims and other.rank:
            yield Edit("swapped", f"{other.name} stands where {own.name} belongs", Element(other, *expr.indices))


def _indicator(expr: Expr, write: Write, others: Sequence[Tensor], free: tuple[Index, ...]) -> Iterator[Edit]:
    shown = write(expr)
    yield Edit("mask", f"the mask {shown} is not applied", Integer(1))
    yield Edit("mask", f"the mask {shown} is inverted", 1 - expr)


def _where(expr: Expr, write: Write, others: Sequence[Tensor], free: tuple[Index, ...]) -> Iterator[Edit]:
    x, a, b = expr.args
    shown = write(Indicator(x))
    for branch in (a, b):
        yield Edit("mask", f"the condition {shown} is not applied, {write(branch)} stands on both sides of it", branch)
    yield Edit("mask", f"the two sides of the condition {shown} are swapped", Where(x, b, a))


def _absolute(expr: Expr, write: Write, others: Sequence[Tensor], free: tuple[Index, ...]) -> Iterator[Edit]:
    (x,) = expr.args
    yield Edit("mask", f"{write(x)} stands for {write(expr)}", x)


def _guard(expr: Expr, write: Write, others: Sequence[Tensor], free: tuple[Index, ...]) -> Iterator[Edit]:
    """A constant that is added in a denominator, a root or a logarithm."""
    base = expr.args[0]
    if isinstance(base, Add) and (isinstance(expr, log) or not expr.args[1].is_positive):
        for term in base.args:
            if term.is_number and term.is_positive and term != 1:
                yield Edit("epsilon", f"the constant {write(term)} is left out", expr.func(base - term, *expr.args[1:]))


def everywhere(expr: Expr, write: Write, tensors: Sequence[Tensor], named: Sequence[Definition] = ()) -> Iterator[Edit]:
    """Formulas in which an array is one, wherever it stands; also inside of a product that has a name in ``named``."""
    products = {d.tensor: d for d in named if isinstance(d.body, Mul)}
    for tensor in tensors:
        inside = {
            t: d for t, d in products.items() if tensor in (a.tensor for a in d.body.args if isinstance(a, Element))
        }
        if not {tensor, *inside}.isdisjoint(expr.atoms(Tensor)):
            rest = rebuild(expr, _one(tensor, inside))
            yield Edit("chain-factor", f"the factor {tensor.name} is missing everywhere", rest)


def _one(tensor: Tensor, inside: Mapping[Tensor, Definition]) -> Callable[[Expr], Expr | None]:
    def leaf(e: Expr) -> Expr | None:
        if not isinstance(e, Element):
            return None
        if e.tensor in inside:
            return rebuild(inside[e.tensor].at(*e.indices), leaf)
        return Integer(1) if e.tensor == tensor else None

    return leaf


def constants(expr: Expr) -> list[Expr]:
    """The numbers in a formula, other than small integers, as they stand there: 1/100, √2/√π."""
    found: dict[Expr, None] = {}

    def collect(e: Expr) -> None:
        if isinstance(e, Element | Index) or e.is_Integer:
            return
        if e.is_number:
            found[e] = None
            return
        numbers = [a for a in e.args if getattr(a, "is_number", False) and not (isinstance(e, Pow) and a.is_Integer)]
        if isinstance(e, Mul) and len(numbers) > 1:
            found[Mul(*numbers)] = None
        for a in e.args:
            if isinstance(a, Expr):
                collect(a)

    collect(expr.open()[0] if isinstance(expr, BoundSum) else expr)
    return list(found)


_SLIPS = {
    Add: _sum,
    Mul: _product,
    Pow: _power,
    BoundSum: _total,
    Element: _element,
    Indicator: _indicator,
    Where: _where,
    absolute: _absolute,
    Pow | log: _guard,
}
