"""Stable forms of one function of one variable, and which of them is taken: the cheapest by the table of costs.

Every candidate is equal to the formula, and none overflows or cancels where another does not: the rules that make them
see to that, and ``nnmath accuracy ID --candidates`` measures it.
"""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Expr

from ..calculus.derivation import Derivation
from .costs import cost
from .lower import lower
from .plans import plans
from .stability.choices import selected
from .stability.exact_exponents import exact_exponents
from .stability.one_sided import one_sided
from .stability.reflection import reflected
from .stability.saturation import clip_saturated

#: By the name that a user types: one quotient for both sides; one decaying exponential on either side; neither.
FORMS = ("quotient", "reflection", "rules")

#: The form of the other target languages, in which a choice by cases costs next to nothing.
ELSEWHERE = "reflection"
CHEAPEST = "cheapest"


def candidates(stable: Expr) -> Mapping[str, Expr]:
    """The forms by name, of an expression to which the stability rules have been applied."""
    found = {"quotient": one_sided(stable), "reflection": reflected(stable), "rules": stable}
    if found["reflection"] == stable:
        del found["reflection"]
    return {name: selected(exact_exponents(clip_saturated(e))) for name, e in found.items() if e is not None}


def costs(derivation: Derivation) -> dict[str, dict[str, float]]:
    """What each form of a value or derivative costs, in nanoseconds for each entry: by its name and the form's."""
    from .array_function import array_function  # that imports this module

    found: dict[str, dict[str, float]] = {}
    for plan in plans(derivation):
        functions = {form: array_function(derivation, plan, form=form) for form in FORMS}
        different = {form: f for form, f in functions.items() if form == "rules" or f.roots != functions["rules"].roots}
        if different.get("quotient") and functions["quotient"].roots == functions["reflection"].roots:
            del different["quotient"]
        for name in (d.name for d in plan.returns):
            found[name] = {form: cost(f.roots) for form, f in different.items()}
    return found


def taken(stable: Expr, form: str) -> tuple[str, Expr]:
    """The form with a name, or the cheapest; where there is none with that name, the one that stands in for it."""
    found = candidates(stable)
    better = [name for name in found if name != "rules"] or ["rules"]
    if form == CHEAPEST:
        name = min(better, key=lambda n: cost([lower(found[n]).node]))
    else:
        name = form if form in found else better[-1]
    return name, found[name]
