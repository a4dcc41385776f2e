"""The lines of a derivation as they are found and judged, and the closed forms that an entry claims."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sympy import Expr, S

from .derivation import Step
from .prover import Prover
from .rules import CLAIM
from .sums import rebuild
from .tensors import Index, Tensor


class ClaimError(ValueError):
    """A claim in terms of an array that the derivation does not have."""


@dataclass(frozen=True)
class Claim:
    """A closed form that an entry states for a derivative, at indices of its own."""

    indices: tuple[Index, ...]
    expr: Expr

    def at(self, indices: Sequence[Index]) -> Expr:
        mapping = dict(zip(self.indices, indices, strict=True))
        return rebuild(self.expr, mapping.get)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Claims:
    """What an entry claims of one derivative: in its variables, and in terms of the output."""

    plain: Claim | None = None
    in_output: Claim | None = None


@dataclass
class Trail:
    """The lines of a part, as they are found and judged."""

    prover: Prover
    steps: list[Step] = field(default_factory=list)
    #: What the next line goes on from: the right side of the last line, unless that was a claim that is not proved.
    last: Expr = S.Zero

    def add(self, left: Expr, right: Expr, rule: str, *, continues: bool = False, detail: Iterable[Step] = ()) -> None:
        verdict = self.prover.judge(left, right)
        self.steps.append(Step(left, right, rule, verdict, continues, tuple(detail)))
        self.last = right

    def follow(self, right: Expr, rule: str) -> None:
        """A line that goes on from what was reached; nothing where it changes nothing."""
        if right != self.last:
            self.add(self.last, right, rule, continues=self.steps[-1].right == self.last)

    def claim(self, stated: Expr) -> bool:
        """A line that states a claim; whether it is proved. One that is not is shown, and nothing goes on from it."""
        self._check_names(stated)
        before = self.last
        self.follow(stated, CLAIM)
        if self.steps[-1].verdict.is_proved:
            return True
        self.last = before
        return False

    def _check_names(self, stated: Expr) -> None:
        """An adjoint that was inserted where it goes to has no name; taken for an input, it would refute the claim."""
        definitions = self.prover.definitions
        known = {*self.prover.givens, *definitions}.union(*(d.inputs() for d in definitions.values()))
        for tensor in sorted(stated.atoms(Tensor) - known, key=lambda t: t.name):
            named = ", ".join(t.name for t in definitions if t.name.startswith("d")) or "none"
            raise ClaimError(f"a claim names {tensor.name}, which is no adjoint with a name here; those are: {named}")

    def lead(self, left: Expr, right: Expr, rule: str) -> None:
        """The first line of an equation; it goes on from the line before where that ended in its left side."""
        self.add(left, right, rule, continues=bool(self.steps) and self.steps[-1].right == left)
