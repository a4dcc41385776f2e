"""Expressions compiled to closures that evaluate them rigorously, once per expression and for all sizes.

A closure is ``run(world, slots)``: the slots hold the values of the indices, the world (see ``balls``) the values of
the tensors. A derivative is never taken symbolically: it is read off dual numbers, in a world in which one tensor is
perturbed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any

import sympy
from flint import arb, fmpq
from sympy import Expr, Symbol

from .code import NOTHING, Code, Run, Scope, Slots
from .distributions import averaged, parameters
from .duals import ONE, SCALARS, UNDEFINED, ZERO, Dual, Number, Position, general_power, power, primal, total, unknown
from .elimination import loops
from .expectation import Covariance, Expectation, Variance
from .functions import Indicator, NamedFunction, Unknown, Where, absolute, relu
from .ranges import linear
from .sums import BoundSum, Delta, Partial
from .tensors import Element, Index, Tensor

if TYPE_CHECKING:
    from .balls import World


@dataclass(frozen=True)
class Compiled:
    """A compiled expression and the slots of its free indices."""

    code: Code
    free: Mapping[Index, int]
    width: int

    def __call__(self, world: World, indices: Mapping[Index, int]) -> Number:
        slots = [0] * self.width
        for index, slot in self.free.items():
            slots[slot] = indices[index]
        return self.code.run(world, slots)


@lru_cache(maxsize=4096)
def compiled(expr: Expr) -> Compiled:
    """Compile an expression. Raises ``NotImplementedError`` for a function that has no rigorous evaluation."""
    free: dict[Index, int] = {}
    count = [0]
    code = _compile(expr, Scope({}, free, count))
    return Compiled(code, free, count[0])


def _compile(expr: Expr, scope: Scope) -> Code:
    for kind in type(expr).__mro__:
        if (build := HEADS.get(kind)) is not None:
            return build(expr, scope)
    if (scalar := SCALARS.get(type(expr).__name__)) is not None:
        x = _compile(expr.args[0], scope)
        return x.using(lambda w, e: scalar(x.run(w, e)), x)
    if isinstance(expr, NamedFunction):
        return _compile(expr.as_elementary(), scope)
    if isinstance(expr, Variance | Covariance):
        return _compile(expr.written(), scope)
    raise NotImplementedError(f"no rigorous evaluation of {type(expr).__name__} in {expr}")


def _integer(expr: Expr, scope: Scope) -> Code:
    value = arb(int(expr))
    return Code(lambda w, e: value)


def _rational(expr: Expr, scope: Scope) -> Code:
    value = fmpq(int(expr.p), int(expr.q))
    return Code(lambda w, e: arb(value))


def _float(expr: Expr, scope: Scope) -> Code:
    return _compile(sympy.Rational(expr), scope)


def _undefined(expr: Expr, scope: Scope) -> Code:
    return Code(lambda w, e: UNDEFINED)


def _symbol(expr: Expr, scope: Scope) -> Code:
    position = _position(expr, scope)
    return position.using(lambda w, e: arb(position.run(w, e)))


def _position(expr: Expr, scope: Scope) -> Code:
    """Code that yields the Python integer of an index expression."""
    if isinstance(expr, Index):
        slot = scope.slot(expr)
        return Code(lambda w, e: e[slot], frozenset({slot}), sizes=_symbols(expr.dim))
    if expr.is_Integer:
        number = int(expr)
        return Code(lambda w, e: number)
    if isinstance(expr, Symbol):
        return Code(lambda w, e: w.setup.size(expr), sizes=frozenset({expr}))
    if isinstance(expr, Element):
        label = _compile(expr, scope)
        return label.using(lambda w, e: _as_integer(label.run(w, e), expr))
    form = linear(expr)
    whole = form is not None and all(isinstance(k, Index) and c.is_Integer for k, c in form.coefficients.items())
    if form is not None and whole and form.rest.is_Integer:
        return _plain_position(form.coefficients, int(form.rest), scope)
    if expr.is_Add or expr.is_Mul:
        parts = [_position(a, scope) for a in expr.args]
        if expr.is_Add:
            return NOTHING.using(lambda w, e: sum(p.run(w, e) for p in parts), *parts)
        first, *rest = parts

        def multiply(w: World, e: Slots) -> int:
            value: int = first.run(w, e)
            for p in rest:
                value *= p.run(w, e)
            return value

        return first.using(multiply, *rest)
    raise NotImplementedError(f"no meaning for the index {expr}")


def _plain_position(coefficients: Mapping[Any, Expr], rest: int, scope: Scope) -> Code:
    """``2*o + u - 1`` from its slots."""
    terms = [(scope.slot(k), int(c)) for k, c in coefficients.items()]
    sizes = frozenset().union(*(_symbols(k.dim) for k in coefficients))
    parts = Code(NOTHING.run, frozenset(s for s, _ in terms), sizes=sizes)
    if len(terms) == 2:
        (a, m), (b, n) = terms
        return parts.using(lambda w, e: m * e[a] + n * e[b] + rest)
    return parts.using(lambda w, e: sum([e[s] * c for s, c in terms], rest))


def _as_integer(value: Number, expr: Expr) -> int:
    number = primal(value).unique_fmpz()
    if number is None or not primal(value).is_exact():
        raise ValueError(f"the index {expr} must be an integer, but it is {primal(value)}")
    return int(number)


def _symbols(dim: Expr) -> frozenset[Symbol]:
    return frozenset(dim.free_symbols)


def _element(expr: Element, scope: Scope) -> Code:
    tensor, name = expr.tensor, expr.tensor.name
    positions = [_position(i, scope) for i in expr.indices]
    sizes = frozenset().union(*(_symbols(d) for d in tensor.dims))
    reads = Code(NOTHING.run, reads=frozenset({tensor, *parameters(tensor)}), sizes=sizes)

    def fetch(w: World, at: Position) -> Number:
        value = (w.arrays.get(name) or w.array(name)).get(at)
        return w.element(name, at) if value is None else value

    leaving = [(at, d) for at, (i, d) in enumerate(zip(expr.indices, tensor.dims, strict=True)) if _may_leave(i, d)]

    def padded(w: World, e: Slots) -> Number:
        at = tuple([p.run(w, e) for p in positions])
        for axis, dim in leaving:
            if not 0 <= at[axis] < w.setup.size(dim):
                return ZERO
        return fetch(w, at)

    if leaving:
        return reads.using(padded, *positions)  # an affine index, as in a convolution, reads zero outside
    if not all(isinstance(i, Index) for i in expr.indices) or len(positions) not in (1, 2):
        return reads.using(lambda w, e: fetch(w, tuple([p.run(w, e) for p in positions])), *positions)
    slots = [scope.slot(i) for i in expr.indices]
    if len(slots) == 1:
        (a,) = slots
        return reads.using(lambda w, e: fetch(w, (e[a],)), *positions)
    a, b = slots
    return reads.using(lambda w, e: fetch(w, (e[a], e[b])), *positions)


def _may_leave(index: Expr, dim: Expr) -> bool:
    """Whether an index may be outside: an affine one, or one that runs over another dimension."""
    return bool(index.is_Add or index.is_Mul or (isinstance(index, Index) and index.dim != dim))


def _delta(expr: Delta, scope: Scope) -> Code:
    a, b = (_position(x, scope) for x in expr.args)
    return a.using(lambda w, e: ONE if a.run(w, e) == b.run(w, e) else ZERO, b)


def _add(expr: Expr, scope: Scope) -> Code:
    terms = [_compile(a, scope) for a in expr.args]
    runs = [t.run for t in terms]
    return NOTHING.using(lambda w, e: total([run(w, e) for run in runs]), *terms)


def _mul(expr: Expr, scope: Scope) -> Code:
    # Deltas come first: a term that they exclude is not evaluated, so it need not be defined.
    args = sorted(expr.args, key=lambda a: not isinstance(a, Delta))
    factors = [_compile(a, scope) for a in args]
    deltas = [f.run for f, a in zip(factors, args, strict=True) if isinstance(a, Delta)]
    runs = [f.run for f in factors[len(deltas) :]]

    def run(w: World, e: Slots) -> Number:
        for delta in deltas:
            if delta(w, e) is ZERO:
                return ZERO
        value = ONE
        for factor in runs:
            value = value * factor(w, e)
        return value

    return NOTHING.using(run, *factors)


def _pow(expr: Expr, scope: Scope) -> Code:
    base = _compile(expr.base, scope)
    if expr.exp.is_Rational:
        exponent: int | fmpq = int(expr.exp) if expr.exp.is_Integer else fmpq(int(expr.exp.p), int(expr.exp.q))
        return base.using(lambda w, e: power(base.run(w, e), exponent))
    varying = _compile(expr.exp, scope)
    return base.using(lambda w, e: general_power(base.run(w, e), varying.run(w, e)), varying)


def _sum(expr: BoundSum, scope: Scope) -> Code:
    # Read in place: canonical indices of nested sums differ, and the scope is lexical, so opening would only rename.
    inner, slots = scope.inside(expr.bound)
    way = loops(expr.body, expr.bound)
    body = _compile(way.body, inner)
    looped, dims = [inner.slot(k) for k in way.looped], [k.dim for k in way.looped]
    follows = [(inner.slot(k), _position(value, inner), k.dim) for k, value in way.follows]
    code = body.using(body.run, *(value for _, value, _ in follows))
    term, outer = body.run, sorted(code.slots - set(slots))
    sizes = Code(NOTHING.run, sizes=frozenset().union(*(_symbols(k.dim) for k in expr.bound)))

    def run(w: World, e: Slots) -> Number:
        terms = []
        for values in product(*(range(w.setup.size(d)) for d in dims)):
            for slot, value in zip(looped, values, strict=True):
                e[slot] = value
            for slot, following, dim in follows:
                e[slot] = at = following.run(w, e)
                if not 0 <= at < w.setup.size(dim):
                    break
            else:
                terms.append(term(w, e))
        return total(terms)

    return code.using(_remembered(run, outer, code), sizes, bound=slots)


def _remembered(run: Run, outer: Sequence[int], code: Code) -> Run:
    """Run where nothing that the code reads is perturbed, and once for each value of its free indices."""
    ident = object()

    def remembering(w: World, e: Slots) -> Number:
        home = w.homes.get(ident) or w.home(ident, code)
        key = (ident, *[e[s] for s in outer])
        value = home.memo.get(key)
        if value is None:
            value = home.memo[key] = run(home, e)
        return value

    return remembering


def _expectation(expr: Expectation, scope: Scope) -> Code:
    body = _compile(expr.of[0], scope)
    code = averaged(expr.of[0], body)
    return code.using(_remembered(code.run, sorted(code.slots), code))


def _partial(expr: Partial, scope: Scope) -> Code:
    name, held, of = expr.wrt.tensor.name, expr.held, expr.of
    at = [_position(i, scope) for i in expr.wrt.indices]
    body = _compile(of, scope)
    own = [_position(i, scope) for i in of.indices] if isinstance(of, Element) else []
    sizes = frozenset().union(*(_symbols(d) for d in expr.wrt.tensor.dims))
    parts = Code(NOTHING.run, reads=frozenset({expr.wrt.tensor}), sizes=sizes, opaque=True)

    def run(w: World, e: Slots) -> Number:
        here = tuple([p.run(w, e) for p in at])
        world = w.perturbed(name, held)
        if held and isinstance(of, Element) and of.tensor.name != name and of.tensor.name in w.setup.units:
            value = world.evaluate(of.tensor.name, tuple([p.run(w, e) for p in own]))
        else:
            value = body.run(world, e)
        if not primal(value).is_finite():
            return UNDEFINED
        return value.parts.get(here, ZERO) if value.__class__ is Dual and value.level == world.level else ZERO

    return parts.using(run, body, *at)


def _positive(w: World, x: Number, discrete: bool) -> bool | None:
    """Whether x > 0; None where the ball does not say, and at the kink itself when the world leaves kinks out."""
    ball = primal(x)
    if ball > 0:
        return True
    if ball < 0:
        return False
    return False if ball <= 0 and (w.setup.kinks or discrete) else None


def _is_discrete(expr: Expr) -> bool:
    """True where a zero is a case of its own (a mask), not a kink of measure zero."""
    return all(t.domain.is_discrete for t in expr.atoms(Tensor))


def _where(expr: Expr, scope: Scope) -> Code:
    x, a, b = (_compile(arg, scope) for arg in expr.args)
    discrete = _is_discrete(expr.args[0])

    def run(w: World, e: Slots) -> Number:
        positive = _positive(w, x.run(w, e), discrete)
        return UNDEFINED if positive is None else (a if positive else b).run(w, e)

    return x.using(run, a, b)


def _indicator(expr: Expr, scope: Scope) -> Code:
    x = _compile(expr.args[0], scope)
    discrete = _is_discrete(expr.args[0])
    answers = {True: ONE, False: ZERO, None: UNDEFINED}
    return x.using(lambda w, e: answers[_positive(w, x.run(w, e), discrete)])


def _continuous(below: int) -> Callable[[Expr, Scope], Code]:
    """x for positive x, ``below·x`` for negative x: continuous, with derivative 0 at the kink."""

    def build(expr: Expr, scope: Scope) -> Code:
        x = _compile(expr.args[0], scope)

        def run(w: World, e: Slots) -> Number:
            value = x.run(w, e)
            positive = _positive(w, value, w.setup.kinks or value.__class__ is not Dual)
            if positive is None:
                return UNDEFINED
            return value if positive else below * value if below and primal(value) < 0 else ZERO

        return x.using(run)

    return build


def _unknown(expr: Unknown, scope: Scope) -> Code:
    x, g = _compile(expr.argument, scope), unknown(expr.name, expr.order)
    return x.using(lambda w, e: g(x.run(w, e)))


HEADS: dict[Any, Callable[[Any, Scope], Code]] = {
    sympy.Integer: _integer,
    sympy.Rational: _rational,
    sympy.Float: _float,
    type(sympy.pi): lambda expr, scope: Code(lambda w, e: arb.pi()),
    type(sympy.E): lambda expr, scope: Code(lambda w, e: arb.const_e()),
    type(sympy.nan): _undefined,
    type(sympy.zoo): _undefined,
    type(sympy.oo): _undefined,
    type(-sympy.oo): _undefined,
    Symbol: _symbol,
    Element: _element,
    Delta: _delta,
    BoundSum: _sum,
    Partial: _partial,
    sympy.Add: _add,
    sympy.Mul: _mul,
    sympy.Pow: _pow,
    Where: _where,
    Indicator: _indicator,
    relu: _continuous(0),
    absolute: _continuous(-1),
    Unknown: _unknown,
    Expectation: _expectation,
}
