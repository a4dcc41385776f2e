"""The values of a kernel in the form that costs least in C: without bounds that never matter, and with few divisions.

It uses the intervals in which the values lie (:mod:`.ranges`), which depend on the dtype of the C function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..loops.kernels import Target
from ..scalars import Axis
from .bounds import bounded
from .branches import chosen
from .choices import merged
from .divisions import shared
from .horner import nested
from .means import averaged
from .squares import squared


def cheapest(targets: Sequence[Target], moving: frozenset[Axis], real: str) -> list[Target]:
    """The same targets, each computed as another one, too, where nothing but cost changes.

    moving: the variables of the innermost loops. real: float or double, the dtype of what changes there.
    """
    values = [t.value for t in targets]
    for rule in (chosen, averaged, bounded, shared, merged, nested, squared):
        values = rule(values, moving, real)
    return [replace(t, value=v) for t, v in zip(targets, values, strict=True)]


__all__ = ["cheapest"]
