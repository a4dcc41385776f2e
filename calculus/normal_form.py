"""The normal form of an expression: a polynomial over atoms, with sums split, factored and alpha-renamed.

Atoms are elements, closed sums, exponentials ``exp(m)`` of monomials, logarithms, other functions of normalised
arguments, and sums raised to a negative or fractional power. Equal mathematics becomes the same object wherever these
rules decide it: ``exp`` of a sum splits into factors, factors without the bound index leave a sum, nested sums of
products flatten into one contraction whose indices are ordered canonically, deltas contract, rows that sum to 1 are
summed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import floor

import sympy
from sympy import Add, E, Expr, Function, Mul, Pow, Rational, cosh, exp, log, sinh, tanh

from .affine import has_one_term, spread, tidy_delta
from .deltas import apply_deltas
from .derivation import Definition
from .expectation import Average
from .expected_values import average
from .exponentials import exponential, logarithm, positive_factors
from .functions import Indicator, NamedFunction, Unknown, Where, absolute, relu
from .indicators import chosen, indicator, ramp
from .polynomials import (
    UNIT,
    Exponent,
    Monomial,
    Poly,
    TooLarge,
    Undefined,
    accumulate,
    accumulate_all,
    add,
    constant,
    denominators,
    divided,
    divisor_of,
    exponent_of,
    factor_expr,
    folded,
    is_composite,
    is_idempotent,
    is_onehot,
    is_positive,
    joined,
    primitive,
    scale,
    single,
    tidy,
)
from .powers import joined_powers, repeated, root, varying_power
from .summation import sum_over
from .sums import BoundSum, Delta
from .tensors import Element, Index, Tensor

#: A power of a sum is multiplied out up to this exponent, and a product up to this many terms; beyond, it is an atom.
MAX_POWER = 16
MAX_TERMS = 20_000


class Normalizer:
    """Normal forms under a choice of what to look into.

    unfold: definitions whose elements are replaced by their bodies. elementary: named functions and hyperbolic ones are
    written with exponentials. facts: domain facts (rows sum to 1, one-hot rows) are used. known: values of indicators
    in a case of a case analysis. kinks: where given, x < 0 and x ≤ 0 are the same, and each such x is put there.
    """

    def __init__(
        self,
        unfold: Mapping[Tensor, Definition] | None = None,
        *,
        elementary: bool = False,
        facts: bool = True,
        known: Mapping[Expr, int] | None = None,
        kinks: dict[Expr, None] | None = None,
    ) -> None:
        self.unfold = dict(unfold or {})
        self.elementary = elementary
        self.facts = facts
        self.known = dict(known or {})
        self.kinks = kinks
        self._memo: dict[Expr, Poly] = {}
        self.bases: dict[Expr, Poly] = {}
        self._budget = 4000

    # -- expressions to polynomials -------------------------------------------------------------------------------

    def poly(self, expr: Expr) -> Poly:
        """The normal form of an expression. The value is shared: do not change it."""
        found = self._memo.get(expr)
        if found is None:
            found = self._memo[expr] = self._poly(expr)
        return found

    def _poly(self, expr: Expr) -> Poly:
        if expr.is_Rational:
            return constant(Fraction(int(expr.p), int(expr.q)))
        if expr.is_Float:
            return constant(Fraction(*map(int, sympy.Rational(expr).as_numer_denom())))
        if isinstance(expr, Add):
            return add(*(self.poly(a) for a in expr.args))
        if isinstance(expr, Mul):
            return self.product(self.poly(a) for a in expr.args)
        if isinstance(expr, Pow):
            return self._pow(expr)
        if isinstance(expr, Element):
            return self._element(expr)
        if isinstance(expr, BoundSum):
            body, fresh = expr.open()
            return self.sum_over(self.poly(body), fresh)
        if isinstance(expr, Delta):
            tidy = Mul.make_args(tidy_delta(expr))
            return self.product(single(d) if isinstance(d, Delta) else self.poly(d) for d in tidy)
        if expr is E:
            return single(E)
        if isinstance(expr, exp):
            return self.exponential(self.poly(expr.args[0]))
        if isinstance(expr, log):
            factors = positive_factors(expr.args[0])
            return add(*(scale(self.logarithm(self.poly(base)), exponent) for base, exponent in factors))
        if isinstance(expr, Where):
            return chosen(self, indicator(self, expr.args[0]), self.poly(expr.args[1]), self.poly(expr.args[2]))
        if isinstance(expr, Indicator):
            return indicator(self, expr.args[0])
        if isinstance(expr, Unknown):
            return single(Unknown(expr.args[0], expr.args[1], self.expr(self.poly(expr.argument))))
        if isinstance(expr, relu | absolute) and self.elementary:
            return ramp(self, expr)
        if isinstance(expr, NamedFunction) and self.elementary:
            return self.poly(expr.as_elementary())
        if isinstance(expr, tanh) and self.elementary:
            x = expr.args[0]
            return self.poly(1 - 2 / (exp(2 * x) + 1))
        if isinstance(expr, sinh | cosh) and self.elementary:
            x = expr.args[0]
            return self.poly((exp(x) + (1 if isinstance(expr, cosh) else -1) * exp(-x)) / 2)
        if isinstance(expr, Average):
            return average(self, expr)
        if isinstance(expr, Function):
            new = expr.func(*(self.expr(self.poly(a)) for a in expr.args))
            return single(new) if type(new) is type(expr) else self.poly(new)
        return single(expr)

    def _element(self, expr: Element) -> Poly:
        whole = spread(expr)
        if whole is not expr:
            return self.poly(whole)
        definition = self.unfold.get(expr.tensor)
        return single(expr) if definition is None else self.poly(definition.at(*expr.indices))

    def _pow(self, expr: Pow) -> Poly:
        base, exponent = expr.args
        if exponent.is_Rational:
            if base.is_Integer and not exponent.is_Integer:
                return root(self, Fraction(int(base)), Fraction(int(exponent.p), int(exponent.q)))
            return self.power(self.poly(base), exponent_of(exponent))
        if base is E:
            return self.exponential(self.poly(exponent))
        return varying_power(self, self.poly(base), self.poly(exponent))

    # -- arithmetic ------------------------------------------------------------------------------------------------

    def product(self, polys: Iterable[Poly]) -> Poly:
        out = constant(Fraction(1))
        for p in polys:
            out = self.multiply(out, p)
        return out

    def multiply(self, a: Poly, b: Poly) -> Poly:
        if len(a) * len(b) > MAX_TERMS:
            raise TooLarge
        out: Poly = {}
        for m, c in a.items():
            for n, d in b.items():
                if m == UNIT or n == UNIT:
                    accumulate(out, m | n, c * d)
                    continue
                factors = dict(m)
                for atom, e in n:
                    factors[atom] = factors.get(atom, 0) + e
                accumulate_all(out, self.finish(factors), c * d)
        return out

    def power(self, p: Poly, exponent: Exponent) -> Poly:
        """p to a rational power."""
        if exponent == 0:
            return constant(Fraction(1))
        if exponent == 1:
            return p
        if not p:
            if exponent < 0:
                raise Undefined(f"a zero to the power {exponent}")
            return {}
        if len(p) == 1:
            return self._monomial_power(p, exponent)
        if isinstance(exponent, int) and 0 < exponent <= MAX_POWER:
            half = self.power(p, exponent // 2)
            square = self.multiply(half, half)
            return self.multiply(square, p) if exponent % 2 else square
        integral = isinstance(exponent, int)
        coefficient, monomial, rest = self.primitive(p, positive_only=not integral)
        if not integral and coefficient < 0:
            coefficient, rest = -coefficient, scale(rest, -1)
        base = self.expr(rest)
        self.bases[base] = rest
        out = root(self, coefficient, Fraction(exponent))
        factors = {a: e * exponent for a, e in monomial}
        factors[base] = factors.get(base, 0) + exponent
        return self.multiply(out, self.finish(factors))

    def primitive(self, p: Poly, *, positive_only: bool) -> tuple[Fraction, Monomial, Poly]:
        """p as coefficient · monomial · primitive part; what a denominator drawn out leaves is multiplied out."""
        coefficient, monomial, rest = primitive(p, positive_only=positive_only)
        drawn = any(e < 0 for _, e in monomial)
        settled = add(*(scale(self.finish(dict(m)), c) for m, c in rest.items())) if drawn else rest
        if not settled or settled == rest:
            return coefficient, monomial, rest
        more, further, rest = self.primitive(settled, positive_only=positive_only)
        return coefficient * more, joined(monomial, further), rest

    def _monomial_power(self, p: Poly, exponent: Exponent) -> Poly:
        ((monomial, c),) = p.items()
        if isinstance(exponent, int):
            factors = {a: tidy(e * exponent) for a, e in monomial}
            return scale(self.finish(factors), c**exponent)
        safe = {a: tidy(e * exponent) for a, e in monomial if is_positive(a)}
        rest = frozenset((a, e) for a, e in monomial if not is_positive(a))
        sign = 1
        if rest and c < 0:
            c, sign = -c, -1
        out = self.multiply(root(self, c, exponent), self.finish(safe))
        if not rest:
            return out
        inner: Poly = {rest: Fraction(sign)}
        base = self.expr(inner)
        self.bases.setdefault(base, inner)
        return self.multiply(out, {frozenset({(base, exponent)}): Fraction(1)})

    def finish(self, factors: Mapping[Expr, Exponent]) -> Poly:
        """The normal form of a product of atoms: exponents folded, composite atoms multiplied out, deltas applied."""
        clean: dict[Expr, Exponent] = {}
        coefficient = Fraction(1)
        extra: list[Poly] = []
        special = False
        powers = repeated(factors)
        if powers:
            extra.append(joined_powers(self, powers))
            factors = {a: e for a, e in factors.items() if a not in powers}
        for atom, e in factors.items():
            e = folded(atom, e)
            if e == 0:
                continue
            if is_idempotent(atom):
                if e > 0:
                    clean[atom] = 1
                    special = special or isinstance(atom, Delta) or is_onehot(atom)
                else:
                    clean[atom] = e
            elif atom.is_Integer:
                whole = floor(e)
                coefficient *= Fraction(int(atom)) ** whole
                if e != whole:
                    clean[atom] = e - whole
            elif e == floor(e) > 1 and isinstance(atom, BoundSum) and has_one_term(atom):
                body, fresh = atom.open()
                extra.append(self.sum_over(self.power(self.poly(body), floor(e)), fresh))
            elif is_composite(atom) and (e >= 1 or (isinstance(e, int) and not isinstance(atom, Add))):
                whole = floor(e)
                if whole <= MAX_POWER:
                    extra.append(self.power(self.base(atom), whole))
                    e = tidy(e - whole)
                if e != 0:
                    clean[atom] = e
            else:
                clean[atom] = e
        if self._contradicts_itself(clean):
            return {}
        if special:
            changed = apply_deltas(self, clean)
            if changed is not None:
                return scale(self.product([changed, *extra]), coefficient)
        out = self._reduce(clean)
        if extra:
            out = self.product([out, *extra])
        return scale(out, coefficient)

    def _contradicts_itself(self, factors: Mapping[Expr, Exponent]) -> bool:
        """Whether x > 0 and −x > 0 are asked for at once."""
        asked = {a.args[0] for a, e in factors.items() if isinstance(a, Indicator) and e > 0}
        return len(asked) > 1 and any(self.expr(scale(self.poly(x), -1)) in asked for x in asked)

    def base(self, atom: Expr) -> Poly:
        if atom not in self.bases:
            self.bases[atom] = self.poly(atom)
        return self.bases[atom]

    def _reduce(self, factors: dict[Expr, Exponent]) -> Poly:
        """Divide by a term of a sum in a denominator: x/(1 + x) becomes 1 − 1/(1 + x), 1/(x(1 + x)) 1/x − 1/(1 + x)."""
        for atom, e in factors.items():
            if e >= 0 or not isinstance(atom, Add):
                continue
            base = self.base(atom)
            divisor, inverse = divisor_of(factors, base)
            if not divisor and not inverse:
                continue
            if self._budget <= 0:
                break
            self._budget -= 1
            quotient = divided(factors, divisor)
            raised = {**quotient, atom: quotient.get(atom, 0) + 1}
            rest = {m: c for m, c in base.items() if m != divisor}
            below = {frozenset(quotient.items()): Fraction(1)} if inverse else self.finish(quotient)
            out = add(self.finish(raised), scale(self.multiply(rest, below), -1))
            return scale(out, 1 / base[divisor])
        return {frozenset((a, e) for a, e in factors.items()): Fraction(1)}

    def exponential(self, p: Poly) -> Poly:
        """exp of a polynomial."""
        return exponential(self, p)

    def logarithm(self, p: Poly) -> Poly:
        """log of a polynomial."""
        return logarithm(self, p)

    def sum_over(self, p: Poly, bound: Sequence[Index]) -> Poly:
        """Σ over bound indices of a polynomial, term by term."""
        return sum_over(self, p, tuple(bound))

    # -- back to expressions -----------------------------------------------------------------------------------------

    def expr(self, p: Poly) -> Expr:
        """The polynomial as a SymPy expression: equal polynomials give equal expressions."""
        return Add(*(Mul(Rational(c.numerator, c.denominator), *map(factor_expr, m)) for m, c in p.items()))

    def clear_denominators(self, p: Poly) -> Poly:
        """p times the least product of sums that stand in its denominators; zero exactly where p is."""
        for _ in range(8):
            lowest = denominators(p)
            if not lowest:
                return p
            out: Poly = {}
            for m, c in p.items():
                factors = dict(m)
                for a, e in lowest.items():
                    factors[a] = factors.get(a, 0) - e
                accumulate_all(out, self.finish(factors), c)
                if len(out) > MAX_TERMS:
                    raise TooLarge
            p = out
        return p
