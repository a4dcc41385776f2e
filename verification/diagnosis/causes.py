"""Naming the bug: which single slip turns the derived gradient into the one that the code computes."""

from __future__ import annotations

from .case import Case, Cause, names
from .corrections import corrected
from .patterns import limited, one_hot_alone, repeated, rounded
from .relations import scaled, shaped, swapped, transposed, zero
from .residuals import extra, patterned, quotient
from .slips import guards, ignored_upstream, slip
from .tails import tails
from .terms import refactored, rescaled

#: The searches, the surest first.
SEARCHES = (
    *(zero, one_hot_alone, tails, scaled, shaped, swapped, transposed, repeated, limited),
    *(ignored_upstream, guards, slip, extra, quotient, rescaled, refactored, corrected, patterned, rounded),
)


def causes(case: Case) -> list[Cause]:
    """The causes found, each with the gradients it explains; what none explains gets the kind ``unnamed``."""
    found: list[Cause] = []
    left = list(case.wrong)
    for search in SEARCHES:
        for cause in search(case, tuple(left)):
            explained = [g for g in cause.gradients if g in left]
            if explained:
                found.append(cause)
                left = [g for g in left if g not in explained]
        if not left:
            break
    if left:
        found.append(
            Cause(
                "unnamed",
                f"{names(left)} differ{'s' * (len(left) == 1)} from the derived gradient, cause not named",
                "",
                tuple(left),
            )
        )
    return found
