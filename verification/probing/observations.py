"""What was seen when hand-written code was run: plain values, from which a diagnosis is made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..report import Explanation
from ..subjects.protocol import Array

_IN_DTYPE = re.compile(r"(.*) \((b?float\d+)\)")


@dataclass(frozen=True)
class Comparison:
    """One gradient, in one regime and dtype, against the exact one.

    gradient: the name of the derived result (dW1); of: of the tensor. inputs: by tensor. bound: the error allowed, by
    entry. ok: within it; sharp: also within the bound that grants no entry the rounding of its largest neighbour.
    ordinary: any sound implementation is accurate in this regime. kink: at entries that rest on the convention at a
    kink, another value inside the subgradient interval, or one outside.
    """

    gradient: str
    of: str
    regime: str
    dtype: str
    sizes: Mapping[str, int]
    inputs: Mapping[str, Array]
    upstream: Array | None
    got: Array | None
    exact: Array
    bound: Array
    ok: bool
    finite: bool
    shape_ok: bool
    worst_index: tuple[int, ...]
    excess: float = 0.0
    sharp: bool = True
    ordinary: bool = True
    kink: Literal["", "inside", "outside"] = ""


SafetyKind = Literal["mutation", "aliasing", "state", "stride", "dtype", "random", "output", "hang"]


@dataclass(frozen=True)
class SafetyIssue:
    """Something beside the numbers. severe: a caller gets wrong numbers from it, sooner or later; else a habit."""

    kind: SafetyKind
    what: str
    example: str = ""
    where: str | None = None
    severe: bool = True


@dataclass(frozen=True)
class CallError:
    """A call that gave nothing to compare. message: the person's error in one line, with file and line."""

    regime: str
    dtype: str
    message: str
    kind: Literal["raises", "count", "shape", "none", "hang"]
    sizes: Mapping[str, int]


@dataclass(frozen=True)
class Region:
    """From ``from_value`` of a quantity on, a gradient is not finite, or wrong.

    inside: what that means for the arrays that the formula exponentiates: ``{"row gap in Z2": 745.1}``.
    """

    gradient: str
    dtype: str
    regime: str
    description: str
    from_value: float
    got: float
    exact: float
    finite: bool
    inside: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Observations:
    """Everything that was seen. covered and not_tested are in words. explained: what lies beside the signature."""

    comparisons: tuple[Comparison, ...] = ()
    safety: tuple[SafetyIssue, ...] = ()
    errors: tuple[CallError, ...] = ()
    regions: tuple[Region, ...] = ()
    covered: tuple[str, ...] = ()
    not_tested: tuple[str, ...] = ()
    seconds: float = 0.0
    explained: tuple[Explanation, ...] = ()

    def of(self, gradient: str) -> tuple[Comparison, ...]:
        return tuple(c for c in self.comparisons if c.gradient == gradient)

    @property
    def clean(self) -> bool:
        return all(c.ok for c in self.comparisons) and not self.errors and not any(s.severe for s in self.safety)


def as_array(value: Any) -> Array | None:
    """A returned gradient as a numeric NumPy array (a tensor of torch included); None where it is not one."""
    if value is None:
        return None
    detach = getattr(value, "detach", None)
    if detach is not None:
        value = detach().cpu().numpy()
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        return None
    return array if array.dtype.kind in "fiub" else None


def grouped(labels: Sequence[str]) -> tuple[str, ...]:
    """``typical (float64)`` and ``typical (float32)`` as one."""
    found: dict[str, list[str]] = {}
    for text in labels:
        match = _IN_DTYPE.fullmatch(text)
        found.setdefault(match[1] if match else text, []).extend([match[2]] if match else [])
    groups: dict[str, list[str]] = {}
    for name, dtypes in found.items():
        groups.setdefault(", ".join(dtypes), []).append(name)
    return tuple(f"{dtypes + ': ' if dtypes else ''}{', '.join(names)}" for dtypes, names in groups.items())
