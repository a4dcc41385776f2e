"""The page of a derivation, in reading order and in one style; every format lays out this same page."""

from __future__ import annotations

from dataclasses import dataclass

from ..calculus.derivation import Counterexample, Definition, Derivation, Part, Result, Verdict
from ..calculus.dimensions import DefinedDimension
from ..calculus.tensors import Tensor
from .box import Box
from .style import Style


@dataclass(frozen=True)
class Given:
    """A tensor as ``Z ∈ ℝ^(n×C)``, and what is known of it in words."""

    tensor: Tensor
    membership: Box
    words: str


@dataclass(frozen=True)
class Size:
    """A dimension that follows from others, as ``O = ⌊(H − U)/2⌋ + 1``."""

    dimension: DefinedDimension
    membership: Box
    words: str = ""


@dataclass(frozen=True)
class Formula:
    """``left = right``, entry by entry and, where it exists, in matrix notation.

    note: what the array on the left, noted, is in words.
    """

    left: Box
    right: Box
    matrix_left: Box | None = None
    matrix_right: Box | None = None
    in_output: Box | None = None
    words: str = ""
    source: Definition | Result | None = None
    relation: str = " = "
    note: str = ""
    noted: Box | None = None


@dataclass(frozen=True)
class Assumed:
    """A hypothesis: the name under which certificates use it, its two sides, and what it says in words."""

    name: str
    formula: Formula
    words: str
    mark: Box


@dataclass(frozen=True)
class Line:
    """A step: ``left`` is None where the line goes on from the one before. depth: 1 and more for a step's details.

    relation: the sign between the sides, in the style of the page.
    """

    number: str
    left: Box | None
    right: Box
    rule: str
    verdict: Verdict
    counterexample: Counterexample | None
    depth: int = 0
    first: Box | None = None
    relation: str = " = "


@dataclass(frozen=True)
class Section:
    """The lines that lead to one result."""

    heading: Box | None
    shape: Box | None
    wanted: bool
    lines: tuple[Line, ...]
    note: str
    source: Part
    title: str = ""

    @property
    def says_it_in_a_line(self) -> bool:
        """True for a statement whose proof is one line: the line says what the heading would."""
        return self.source.stated is not None and len(self.source.steps) == 1

    @property
    def label(self) -> str:
        """The word before the heading."""
        return "Show" if self.source.stated is not None else "Wanted" if self.wanted else "First"


@dataclass(frozen=True)
class Page:
    """Everything a reader sees, in order."""

    id: str
    title: str
    givens: tuple[Given, ...]
    definitions: tuple[Formula, ...]
    sections: tuple[Section, ...]
    results: tuple[Formula, ...]
    conventions: tuple[str, ...]
    pitfalls: tuple[str, ...]
    references: tuple[str, ...]
    verdicts: str
    verdict: Verdict
    sizes: tuple[Size, ...] = ()
    assumptions: tuple[Assumed, ...] = ()

    @property
    def declared(self) -> tuple[Given | Size, ...]:
        """The givens, and the sizes that follow from theirs."""
        return (*self.givens, *self.sizes)

    @property
    def notes(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """What is said beside the mathematics, under its headings."""
        return ("Conventions", self.conventions), ("Pitfalls", self.pitfalls), ("References", self.references)


def page(derivation: Derivation, style: Style, *, brief: bool = False, detail: bool = False) -> Page:
    """The page in a style. brief: without steps and notes. detail: with the rewriting steps behind each line."""
    from .author import Author

    return Author(derivation, style).page(brief, detail)
