"""Case distinctions whose branches agree: a sigmoid in its stable form is a sigmoid, on either side of zero."""

from __future__ import annotations

from functools import lru_cache

from sympy import Expr, Integer, Rational

from ...calculus.functions import Indicator, NamedFunction, Where, absolute
from ...calculus.prover import Prover
from ...calculus.sums import occurrences, rebuild
from ...calculus.tensors import Element, Tensor

_T = Tensor("·x")
#: Where branches that do not agree are told apart without a proof.
_SIDES = (Rational(7, 10), Rational(-7, 10))
_LENGTH = Integer(3)


def without_branches(body: Expr) -> Expr:
    """The branch for positive x, where the body is a function of one x alone, and that branch holds for every x.

    A prover looks at cases only outside of sums, so what is one formula must be one before it is summed.
    """
    x = next((e.args[0] for kind in (absolute, Where, Indicator) for e in occurrences(body, kind)), None)
    if x is None or x.is_number:
        return body
    t = Element(_T)
    inner = rebuild(body, lambda e: t if e == x else -t if e == -x else None)
    if inner.atoms(Tensor) != {_T}:
        return body
    branch = _branch(inner)
    return body if branch is None else rebuild(branch, {t: x}.get)


def _at(body: Expr, value: Expr) -> float:
    """The body at a number, with dimensions of some length."""
    t = Element(_T)

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, absolute):
            return abs(rebuild(e.args[0], leaf))  # type: ignore[arg-type]
        if isinstance(e, NamedFunction):
            return rebuild(e.as_elementary(), leaf)
        return _LENGTH if e.is_Symbol else value if e == t else None

    return float(rebuild(body, leaf))


@lru_cache(maxsize=256)
def _branch(body: Expr) -> Expr | None:
    """The smooth function of t that this is for every t, if there is one."""
    t = Element(_T)

    def positive(e: Expr) -> Expr | None:
        if not isinstance(e, Where | Indicator | absolute):
            return None
        sign = e.args[0] / t
        if not sign.is_number or not sign.is_real or sign == 0:
            return None
        if isinstance(e, absolute):
            return abs(sign) * t
        if isinstance(e, Indicator):
            return Rational(int(bool(sign > 0)))
        return rebuild(e.args[1 if sign > 0 else 2], positive)  # type: ignore[arg-type]

    branch = rebuild(body, positive)
    if branch.has(Where, Indicator, absolute):
        return None
    if any(abs(_at(body, side) - _at(branch, side)) > 1e-9 for side in _SIDES):
        return None
    return branch if Prover((), (_T,)).judge(body, branch).is_proved else None
