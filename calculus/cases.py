"""Which cases of a case analysis can occur: linear conditions on elements that contradict each other cannot.

``x > λ`` with a positive λ leaves no room for ``x < 0``. Conditions are linear forms in monomials, each taken as a
variable of its own, and variables are eliminated one after the other (Fourier and Motzkin). Every relation between
monomials that is not used only leaves more room, so a contradiction that is found is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sympy import Expr, S, expand_mul

from .polynomials import is_positive

#: More conditions than this are not looked at: the case is then kept.
MAX_CONDITIONS = 200


@dataclass(frozen=True)
class Condition:
    """``Σ c·v + constant > 0``, or ``≥ 0`` where it is not strict."""

    terms: tuple[tuple[Expr, Fraction], ...]
    constant: Fraction
    strict: bool


def contradictory(assumed: Iterable[tuple[Expr, int]]) -> bool:
    """Whether no values of the variables have all the given signs. assumed: expressions with their signs 1, −1, 0."""
    conditions: list[Condition] = []
    for expr, sign in assumed:
        found = _linear(expr)
        if found is not None:
            terms, constant = found
            for direction in (sign,) if sign else (1, -1):
                conditions.append(_condition(_scaled(terms, direction), constant * direction, bool(sign)))
    variables = {v for c in conditions for v, _ in c.terms}
    for v in variables:
        if is_positive(v) or v.is_nonnegative:
            conditions.append(_condition({v: Fraction(1)}, Fraction(0), is_positive(v)))
    for v in sorted(variables, key=str):
        conditions = _eliminated(v, conditions)
        if len(conditions) > MAX_CONDITIONS:
            return False
    return any(c.constant < 0 or (c.strict and c.constant == 0) for c in conditions if not c.terms)


def _linear(expr: Expr) -> tuple[dict[Expr, Fraction], Fraction] | None:
    """Coefficients of the monomials and the constant; None where a coefficient is not rational."""
    terms: dict[Expr, Fraction] = {}
    constant = Fraction(0)
    for monomial, c in expand_mul(expr).as_coefficients_dict().items():
        if not c.is_Rational:
            return None
        value = Fraction(int(c.p), int(c.q))
        if monomial is S.One:
            constant += value
        else:
            terms[monomial] = terms.get(monomial, Fraction(0)) + value
    return terms, constant


def _scaled(terms: Mapping[Expr, Fraction], by: int | Fraction) -> dict[Expr, Fraction]:
    return {v: c * by for v, c in terms.items()}


def _condition(terms: Mapping[Expr, Fraction], constant: Fraction, strict: bool) -> Condition:
    kept = tuple(sorted(((v, c) for v, c in terms.items() if c), key=lambda t: str(t[0])))
    return Condition(kept, constant, strict)


def _eliminated(v: Expr, conditions: Sequence[Condition]) -> list[Condition]:
    """What the conditions say of the other variables: every lower bound of v is below every upper one."""
    lower = [c for c in conditions if dict(c.terms).get(v, Fraction(0)) > 0]
    upper = [c for c in conditions if dict(c.terms).get(v, Fraction(0)) < 0]
    rest = [c for c in conditions if v not in dict(c.terms)]
    for a in lower:
        for b in upper:
            left, right = dict(a.terms), dict(b.terms)
            p, q = -right[v], left[v]
            joint = {w: p * left.get(w, Fraction(0)) + q * right.get(w, Fraction(0)) for w in {*left, *right}}
            rest.append(_condition(joint, p * a.constant + q * b.constant, a.strict or b.strict))
    return list(dict.fromkeys(rest))
