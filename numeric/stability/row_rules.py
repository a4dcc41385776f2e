"""Stability rules that look into definitions, or at a whole row: a table as :data:`stable_rules.RULES` is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sympy import Add, Expr, log

from ...calculus.derivation import Definition
from ...calculus.sums import BoundSum
from .centring import second_mean_correction
from .covariances import covariance
from .exact_differences import (
    complement_of_entry,
    complement_of_named,
    difference_of_distributions,
    difference_of_units,
    less_mean,
    log_of_complement,
    sigmoid_minus_target,
    sum_of_distribution,
)

RowRule = Callable[[Expr, Mapping[str, Definition]], Expr | None]

#: Which rules look at which kind of expression, in the order they are tried. The definitions are those it may read.
ROW_RULES: Mapping[type[Expr], tuple[RowRule, ...]] = {
    Add: (
        difference_of_distributions,
        sigmoid_minus_target,
        difference_of_units,
        complement_of_named,
        complement_of_entry,
        covariance,
        less_mean,
        second_mean_correction,
    ),
    BoundSum: (sum_of_distribution,),
    log: (log_of_complement,),
}
