"""Derivatives in terms of the output: σ′ = y(1 − y), tanh′ = 1 − y², softmax: P_b (δ − P_c).

The body itself becomes the name wherever it occurs. Beyond that, a form by the kind of body:

- a root √u: powers of u are powers of the output;
- relu(u): u is positive where the output is;
- softmax of anything: every entry of that softmax is an entry of the output;
- a product with one exponential: the definition is solved for it, and it is replaced everywhere;
- a Möbius function of one exponential, possibly inside a logarithm (sigmoid, tanh, softplus, each branch of elu): the
  same.
"""

from __future__ import annotations

from itertools import permutations
from math import gcd, lcm

import sympy
from sympy import Dummy, Expr, Integer, Mul, Pow, exp, log

from .derivation import Definition
from .folding import fold, match
from .functions import Indicator, Where, relu
from .simplification import smaller
from .softmax_notation import SoftmaxEntry, named_softmax
from .sums import BoundSum, count_nodes, index_key, rebuild
from .tensors import Element, Index


def in_terms_of_output(expr: Expr, definition: Definition) -> Expr:
    """The expression with the definition's exponential eliminated in favour of its element; unchanged if that fails."""
    folded = fold(expr, definition)
    if folded != expr:
        expr = folded
    body = definition.body
    if isinstance(body, Pow) and not body.exp.is_integer:
        return _through_root(expr, definition)
    if isinstance(body, relu):
        return smaller(expr, _through_relu(expr, definition))
    softmax = _through_softmax(expr, definition)
    if softmax is not None:
        return softmax
    if isinstance(body, Mul):
        product = _through_product(expr, definition)
        if product is not None:
            return product
    element = definition.element
    if isinstance(body, Where) and isinstance(expr, Where) and body.args[0] == expr.args[0]:
        branches = (_through_moebius(e, b, element) for e, b in zip(expr.args[1:], body.args[1:], strict=True))
        return Where(body.args[0], *(n if n is not None else e for n, e in zip(branches, expr.args[1:], strict=True)))
    solved = _through_moebius(expr, body, element)
    return expr if solved is None else solved


def _through_root(expr: Expr, definition: Definition) -> Expr:
    """body = u^r, so u^(k r) is the output to the power k, at every index: of y = √u, 1/(2 √u) is 1/(2 y)."""
    body = definition.body
    assert isinstance(body, Pow)

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Pow) and e.base == body.base and (e.exp / body.exp).is_Integer:
            return Pow(definition.element, e.exp / body.exp)
        return None

    return rebuild(expr, leaf)


def _through_relu(expr: Expr, definition: Definition) -> Expr:
    """body = relu(u), which is positive where u is: [u > 0] is [y > 0]."""

    def leaf(e: Expr) -> Expr | None:
        at = match(relu(e.args[0]), definition) if isinstance(e, Indicator) else None
        return None if at is None else Indicator(Element(definition.tensor, *at))

    return rebuild(expr, leaf)


def _through_softmax(expr: Expr, definition: Definition) -> Expr | None:
    """body = softmax of u, whatever u is: every entry of a softmax of u is an entry of the output."""
    own = named_softmax(definition.body)
    if not isinstance(own, SoftmaxEntry):
        return None
    named = named_softmax(expr)
    found = rebuild(named, lambda e: _entry_of(definition, own, e) if isinstance(e, SoftmaxEntry) else None)
    return None if found.has(SoftmaxEntry) or count_nodes(found) >= count_nodes(expr) else found


def _entry_of(definition: Definition, own: SoftmaxEntry, entry: SoftmaxEntry) -> Element | None:
    """Which element of the output an entry of a softmax is."""
    free = sorted((s for s in entry.free_symbols if isinstance(s, Index)), key=index_key)
    for at in permutations(free, len(definition.indices)):
        if own.xreplace(dict(zip(definition.indices, at, strict=True))) == entry:
            return Element(definition.tensor, *at)
    return None


def _through_product(expr: Expr, definition: Definition) -> Expr | None:
    """body = exp(u) · rest, so exp(u) = P / rest at every index."""
    exponentials = [f for f in definition.body.args if isinstance(f, exp)]
    if len(exponentials) != 1:
        return None
    (pattern,) = exponentials
    rest = Mul(*(f for f in definition.body.args if f is not pattern))
    carriers = [
        e
        for e in sorted(pattern.atoms(Element), key=str)
        if set(definition.indices) <= set(e.indices) and len(e.indices) == len(set(e.indices))
    ]
    if not carriers:
        return None
    carrier = carriers[0]

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, BoundSum):
            return e
        if isinstance(e, exp):
            for element in sorted(e.atoms(Element), key=str):
                if element.tensor != carrier.tensor:
                    continue
                at = dict(zip(carrier.indices, element.indices, strict=True))
                mapping = {k: at[k] for k in definition.indices}
                if pattern.xreplace(mapping) == e:
                    target = Element(definition.tensor, *(mapping[k] for k in definition.indices))
                    return target / rest.xreplace(mapping)
        return None

    replaced = rebuild(expr, leaf)
    return None if replaced == expr else sympy.expand_mul(replaced)


def _through_moebius(expr: Expr, body: Expr, element: Element) -> Expr | None:
    """body = (a E + b)/(c E + d) or the logarithm of that, with E an exponential: E = (b − d y)/(c y − a)."""
    exponentials = sorted(body.atoms(exp) | expr.atoms(exp), key=str)
    if not exponentials or any(isinstance(e, BoundSum) for e in (*body.atoms(BoundSum), *expr.atoms(BoundSum))):
        return None
    unit = _common_unit([e.args[0] for e in exponentials])
    if unit is None:
        return None
    big = Dummy("E", positive=True)
    table = {e: big ** (e.args[0] / unit) for e in exponentials}
    value = element
    inner = body.xreplace(table)
    if isinstance(inner, log):
        inner, value = inner.args[0], exp(element)
    numerator, denominator = sympy.fraction(sympy.together(inner))
    solved = _solve_moebius(numerator, denominator, big, value)
    if solved is None:
        return None
    power, solution = solved
    if not solution.free_symbols.isdisjoint(unit.free_symbols) or solution.has(*unit.atoms(Element)):
        return None
    in_big = expr.xreplace(table)
    reduced = sympy.together(in_big)
    top, bottom = (sympy.Poly(part, big) if part.has(big) else part for part in sympy.fraction(reduced))
    replaced = _substitute_power(top, big, power, solution), _substitute_power(bottom, big, power, solution)
    if replaced[0] is None or replaced[1] is None:
        return None
    quotient = sympy.cancel(replaced[0] / replaced[1])
    if quotient.has(*unit.atoms(Element)):
        return None
    return smaller(_positive_factors(sympy.factor(quotient)), sympy.expand(quotient))


def _positive_factors(expr: Expr) -> Expr:
    """−(y − 1) y as (1 − y) y: a sign in front goes into a factor that starts with a negative number."""
    factors = list(Mul.make_args(expr))
    for at, factor in enumerate(factors):
        flips = (
            factor.is_Add
            and factor.as_coeff_Add()[0].is_negative
            and any(f.is_negative for f in factors if f.is_Number)
        )
        if flips:
            factors[at] = -factor
            return -Mul(*factors)
    return expr


def _common_unit(arguments: list[Expr]) -> Expr | None:
    """x such that every argument is an integer times x."""
    first = arguments[0]
    ratios = []
    for a in arguments:
        ratio = a / first
        if not ratio.is_Rational:
            return None
        ratios.append(ratio)
    below = lcm(*(int(r.q) for r in ratios))
    above = gcd(*(int(r.p) * below // int(r.q) for r in ratios))
    return first * sympy.Rational(above, below)


def _solve_moebius(numerator: Expr, denominator: Expr, big: Dummy, value: Expr) -> tuple[int, Expr] | None:
    """(k, E^k) from numerator(E^k)/denominator(E^k) = value, both linear in E^k."""
    try:
        top, bottom = sympy.Poly(numerator, big), sympy.Poly(denominator, big)
    except sympy.PolynomialError:
        return None
    exponents = {m[0] for p in (top, bottom) for m in p.monoms()}
    power = gcd(*exponents) if exponents else 0
    if power == 0 or exponents - {0, power}:
        return None

    def coefficient(p: sympy.Poly, k: int) -> Expr:
        return p.coeff_monomial(big**k)

    a, b = coefficient(top, power), coefficient(top, 0)
    c, d = coefficient(bottom, power), coefficient(bottom, 0)
    below = c * value - a
    return None if below == 0 else (power, (b - d * value) / below)


def _substitute_power(p: Expr | sympy.Poly, big: Dummy, power: int, solution: Expr) -> Expr | None:
    if not isinstance(p, sympy.Poly):
        return p
    lowest = min(m[0] for m in p.monoms())
    total: Expr = Integer(0)
    for (exponent,), c in p.terms():
        if (exponent - lowest) % power:
            return None
        total += c * Pow(solution, (exponent - lowest) // power)
    return None if lowest % power else total * Pow(solution, lowest // power)
