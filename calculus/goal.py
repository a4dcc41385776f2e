"""A statement to prove, as the text that an entry writes. Importing this imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Statement:
    """One statement of a proof, and how it is proved.

    text: ``A = B``, ``A <= B`` or a chain ``A = B <= C``; free indices stand behind: ``… for i in n for c in C``. The
        signs are ``=``, ``<=``, ``<``, ``>=``, ``>``. ``partial(L, W[i, j])`` is a derivative.
    by: the reason beside each link of the chain (the last one serves for the rest).
    certificate: what the difference of the sides of the inequality equals, with a sign that can be read off: squares,
        weights that are not negative, hypotheses and earlier statements by name (the larger side minus the smaller
        one), and named inequalities: ``log_gap(u)`` is u − 1 − log u, ``exp_gap(u)`` is exp u − 1 − u,
        ``triangle_gap(u, v)`` is |u| + |v| − |u + v|. For an equation: a combination of hypotheses that are equations.
    name: for certificates of later statements. title: words for the heading.
    least_at, slope: by the sign of a derivative: with f the larger side minus the smaller one, ``least_at=("x", "1")``
        and ``slope="w"`` prove it from f(1) ≥ 0 and f′(x) = (x − 1)·w with w ≥ 0.
    induction: ``("k", {"x": ("x0", "x1")})``: over k, where x is at step k, x0 is its start and x1 its next value. The
        certificate proves the step and may use the statement at k by the name ``before``; base proves it for k = 0.
    impossible: the assumptions contradict each other, which is what the statement (``0 > 0``) shows.
    """

    text: str
    by: str | tuple[str, ...] = ()
    certificate: str = ""
    name: str = ""
    title: str = ""
    least_at: tuple[str, str] | None = None
    slope: str = ""
    induction: tuple[str, Mapping[str, tuple[str, str]]] | None = None
    base: str = ""
    impossible: bool = False

    @property
    def reasons(self) -> tuple[str, ...]:
        """``by`` as a tuple."""
        return (self.by,) if isinstance(self.by, str) else self.by


@dataclass(frozen=True)
class Example:
    """Values of inputs at which the hypotheses hold: sizes by dimension; numbers, fractions or nested lists by name."""

    sizes: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
