"""Proof by cases: a difference vanishes for every sign of the arguments of its indicators.

A kink is where such an argument is zero. There a slope is a choice between those of the two sides, and two formulas may
choose differently. Where kinks are left out, those at which the difference is not known to vanish are collected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sympy import Add, Expr, Integer, Mul

from .cancellation import is_multiple
from .cases import contradictory
from .derivation import Definition
from .expectation import is_average, is_random
from .functions import Indicator, Where, absolute, relu
from .normal_form import Normalizer
from .polynomials import Poly
from .sums import rebuild
from .tensors import Domain, Element, Index, Tensor

MAX_CASES = 243


@dataclass(frozen=True)
class _Case:
    """What holds in a case.

    known: the values of the indicators that it decides. new: elements in it, such as −|x| for x, in terms of which
    nothing of the case around it is written yet. meant: what all names mean that were made for cases, such as −x for
    |x|. assumed: the signs that make the case, as they are in it.
    """

    known: Mapping[Expr, int] = field(default_factory=dict)
    new: Mapping[Expr, Expr] = field(default_factory=dict)
    meant: Mapping[Expr, Expr] = field(default_factory=dict)
    assumed: tuple[tuple[Expr, int], ...] = ()

    def original(self, x: Expr) -> Expr:
        """An expression of the case in terms of what was there before."""
        for name, value in reversed(list(self.meant.items())):
            x = rebuild(x, {name: value}.get)
        return x


def vanishes_by_cases(
    difference: Expr,
    unfolded: Mapping[Tensor, Definition],
    kinks: dict[Expr, None] | None = None,
    *,
    everywhere: bool = True,
) -> bool:
    """Whether it is zero for every sign (positive, negative, zero) of the arguments of its indicators.

    unfolded: the definitions that are looked into. kinks: where given, an argument may be zero where the difference is
    not, and is then put there. everywhere: False lets x < 0 and x ≤ 0 be the same, and each such x is put there too.
    """
    return _vanishes(difference, unfolded, kinks, everywhere, _Case(), MAX_CASES)


def _vanishes(
    difference: Expr,
    unfolded: Mapping[Tensor, Definition],
    kinks: dict[Expr, None] | None,
    everywhere: bool,
    case: _Case,
    budget: int,
) -> bool:
    normalizer = Normalizer(unfolded, elementary=True, known=case.known)
    left = normalizer.poly(difference)
    left = normalizer.poly(in_case(normalizer.expr(left), case.new)) if case.new else left
    here = normalizer.expr(left)  # cases inside of this one begin with it

    one_side = not everywhere and kinks is not None  # x < 0 and x ≤ 0 are the same

    def residual(known: Mapping[Expr, int]) -> tuple[Normalizer, Poly]:
        turned: dict[Expr, None] | None = {} if one_side else None
        normalizer = Normalizer(unfolded, elementary=True, known=known, kinks=turned)
        poly = normalizer.poly(here)
        for x in turned or ():
            _added(kinks, case, x)
        return normalizer, poly

    if one_side:
        normalizer, left = residual(case.known)
    if not left or not normalizer.clear_denominators(left):
        return True
    shown = normalizer.expr(left)
    arguments = [i.args[0] for i in shown.atoms(Indicator)]
    plain = [x for x in arguments if not x.atoms(Indicator) and not _has_bound(x)]
    if is_average(shown):
        plain = [x for x in plain if not is_random(x)]  # inside an average no single case covers all outcomes
    plain.sort(key=lambda x: (len(Add.make_args(x)), str(x)))
    if not plain or budget < 3:
        return False
    x = plain[0]
    root = _solve_linear(x)
    for sign in _signs(x):
        known = {**case.known, x: int(sign > 0), -x: int(sign < 0)}
        if root is None and sign == 0:
            normalizer, left = residual(known)
            if not is_multiple(normalizer.expr(normalizer.clear_denominators(left)), x) and not _added(kinks, case, x):
                return False
            continue
        new, meant = ({}, {}) if root is None else _with_sign(x, sign, root)
        assumed = tuple((in_case(e, new), s) for e, s in (*case.assumed, (x, sign)))
        if contradictory(assumed):
            continue
        inside = _Case(known, new, {**case.meant, **meant}, assumed)
        if _vanishes(here, unfolded, None if sign == 0 else kinks, everywhere, inside, budget // 3):
            continue
        if sign != 0 or not _added(kinks, case, x):
            return False
    return True


def is_piecewise(expr: Expr, definitions: Mapping[Tensor, Definition]) -> bool:
    """Whether an expression distinguishes cases, or reads a definition that does."""
    kinds = (Where, Indicator, relu, absolute)
    return bool(expr.has(*kinds)) or any(d.body.has(*kinds) for d in definitions.values())


def is_thin(kink: Expr) -> bool:
    """Whether an expression is zero at few inputs: it reads a number that varies continuously, and whichever of its
    indices and labels agree, as in A_ij − A_ji or u_j − u_y, it is not zero by its form.
    """
    if all(t.domain.is_discrete for t in kink.atoms(Tensor)):
        return False
    at = {(k, d) for e in kink.atoms(Element) for k, d in zip(e.indices, e.tensor.dims, strict=True)}
    normalizer = Normalizer()
    return all(
        normalizer.poly(rebuild(kink, {a: b}.get))
        for a, dim in at
        for b, other in at
        if a != b and dim == other and isinstance(a, Index)
    )


def without_signs(kinks: Iterable[Expr]) -> tuple[Expr, ...]:
    """Each once, and x and −2x as one: they are zero at the same places."""
    normalizer = Normalizer()
    found: dict[Expr, None] = {}
    for x in kinks:
        rest = normalizer.primitive(normalizer.poly(x), positive_only=True)[2]
        found[normalizer.expr(rest)] = None
    return tuple(found)


def _added(kinks: dict[Expr, None] | None, case: _Case, x: Expr) -> bool:
    """Whether kinks are left out; then x = 0 is one of them."""
    if kinks is not None:
        kinks[case.original(x)] = None
    return kinks is not None


def _signs(x: Expr) -> list[int]:
    """The signs that x can have."""
    excluded = {1: x.is_nonpositive, -1: x.is_nonnegative, 0: x.is_nonzero}
    return [sign for sign, never in excluded.items() if not never]


def _has_bound(expr: Expr) -> bool:
    """True where it varies inside a sum: then no single case covers it."""
    return any(isinstance(s, Index) and s.is_bound for s in expr.free_symbols)


def in_case(expr: Expr, given: Mapping[Expr, Expr]) -> Expr:
    """What an expression is in a case; what was replaced later stands in the values of what was replaced before."""
    for term, value in given.items():
        expr = rebuild(expr, {term: value}.get)
    return expr


def _with_sign(x: Expr, sign: int, root: _Root) -> tuple[dict[Expr, Expr], dict[Expr, Expr]]:
    """What a sign of x says of one atom in it: x is plus or minus something that is positive everywhere, or zero.

    For x = y − t > 0 that is y = t + |y − t|. The second part says what the new name means.
    """
    if sign == 0:
        return {root.atom: root.zero}, {}
    coefficient, atom = x.as_coeff_Mul()
    if isinstance(atom, Element):
        of_atom = Integer(sign if coefficient > 0 else -sign)
        if atom.tensor.domain.sign:
            return {atom: of_atom}, {}
        size = Tensor(f"|{atom.tensor.name}|", atom.tensor.dims, replace(atom.tensor.domain, positive=True))
        new = Element(size, *atom.indices)
        return {atom: of_atom * new}, {new: of_atom * atom}
    indices = sorted((i for i in x.free_symbols if isinstance(i, Index)), key=lambda i: i.name)
    distance = Element(Tensor(f"|{x}|", tuple(i.dim for i in indices), Domain(positive=True)), *indices)
    return {root.atom: root.zero + sign * distance / root.slope}, {distance: sign * x}


@dataclass(frozen=True)
class _Root:
    """x = slope · (atom − zero), where the slope is never zero and neither it nor ``zero`` contains the atom."""

    atom: Expr
    slope: Expr
    zero: Expr


def _solve_linear(x: Expr) -> _Root | None:
    """Solve x = 0 for an atom in which it is linear.

    Elements come first, and among them those whose sign is not known: in a case, what is known of the atom is lost.
    """
    found: list[tuple[tuple[bool, bool, bool, str], _Root]] = []
    for term in Add.make_args(x):
        coefficient, product = term.as_coeff_Mul()
        for atom in Mul.make_args(product):
            slope = coefficient * Mul(*(f for f in Mul.make_args(product) if f is not atom))
            rest = x - term
            if not atom.is_Number and slope.is_nonzero and not (rest.has(atom) or slope.has(atom)):
                rank = (not isinstance(atom, Element), not slope.is_Number, bool(atom.is_nonnegative), str(term))
                found.append((rank, _Root(atom, slope, -rest / slope)))
    return min(found, key=lambda pair: pair[0])[1] if found else None
