"""Named inequalities, as functions that are never negative: a certificate may use an instance of one as a term.

``log_gap(u)`` is u − 1 − log u, so a term with it uses log u ≤ u − 1. As every named function they state their
definition in elementary functions, so the identity of a certificate is decided like any other.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Expr

from .functions import NamedFunction, absolute
from .sums import rebuild


class Gap(NamedFunction):
    """Right side minus left side of a named inequality. statement: how a reader knows it."""

    statement = ""


class log_gap(Gap):
    """u − 1 − log u ≥ 0, for every u > 0."""

    statement = "log u ≤ u − 1"

    def as_elementary(self) -> Expr:
        (u,) = self.args
        return u - 1 - sympy.log(u)


class exp_gap(Gap):
    """exp u − 1 − u ≥ 0, for every u."""

    statement = "1 + u ≤ exp u"

    def as_elementary(self) -> Expr:
        (u,) = self.args
        return sympy.exp(u) - 1 - u


class triangle_gap(Gap):
    """|u| + |v| − |u + v| ≥ 0."""

    nargs = 2
    statement = "the triangle inequality"

    def as_elementary(self) -> Expr:
        u, v = self.args
        return absolute(u) + absolute(v) - absolute(u + v)


#: The named inequalities that a certificate may use, by the name it calls them.
GAPS: dict[str, Any] = {"log_gap": log_gap, "exp_gap": exp_gap, "triangle_gap": triangle_gap}


def written_out(expr: Expr) -> Expr:
    """The expression with every named inequality as the difference of its two sides."""
    return rebuild(expr, lambda e: written_out(e.as_elementary()) if isinstance(e, Gap) else None)
