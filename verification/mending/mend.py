"""Findings about shapes that do not fit, each with the change of the source that mends it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

from ...calculus.derivation import Derivation
from ..diagnosis.case import are, names
from ..diagnosis.source import line_at
from ..probing.observations import Observations
from ..probing.prober import Prober
from ..reach import proved_for
from ..report import Finding, Proof
from ..subjects.binding import Binding
from ..subjects.protocol import Subject, shown
from .clash import Clash, in_letters, shapes_in
from .conditions import Condition, conditions, where_it_runs
from .edits import CodeEdit, operands
from .search import Changed, Outcome, Search, applied

#: Of what NumPy says, no more is shown.
LONGEST = 160
#: What stands behind ``proved`` where it is said of the changed code. The code as it stands does not run.
FIXED = "with the fix"


@dataclass(frozen=True)
class Trouble:
    """One place where shapes do not fit: the change there, what stood before it, and where the code runs without it."""

    edit: CodeEdit | None
    before: Outcome
    after: Outcome | None
    runs: tuple[Condition, ...]
    expression: str
    shapes: str


@dataclass(frozen=True)
class Mending:
    """What is said of the shapes, and the changed code of which everything else is said.

    changed: None where no change was found. is_founded: what it changes comes out right; else it fits, and no more.
    """

    troubles: tuple[Trouble, ...]
    changed: Changed | None
    search: Search
    is_founded: bool = True

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While it lasts, the code is the changed one."""
        with self.changed.applied() if self.changed is not None else nullcontext():
            yield

    def rest(self, seen: Observations) -> Observations:
        """What was seen, without the errors that the findings here are about."""
        if self.changed is not None:
            return seen
        places = tuple(
            f"{shown(t.before.clash.at.file)}:{t.before.clash.at.line}: " for t in self.troubles if t.before.clash
        )
        left = tuple(e for e in seen.errors if e.kind != "raises" or not e.message.startswith(places))
        return replace(seen, errors=left)

    def findings(self, proofs: Sequence[Proof], seen: Observations) -> list[Finding]:
        """One for each place; proofs and what was seen are of the changed code."""
        return [self._finding(t, proofs, seen) for t in self.troubles]

    def labelled(self, proofs: Sequence[Proof]) -> list[Proof]:
        """The proofs of the changed code under a name of their own."""
        if self.changed is None:
            return list(proofs)
        return [replace(p, verdict=f"{p.verdict} {FIXED}") if p.verdict.startswith("proved") else p for p in proofs]

    def _finding(self, t: Trouble, proofs: Sequence[Proof], seen: Observations) -> Finding:
        sizes = self.search.point.named_sizes
        example = ", ".join(f"{d} = {s}" for d, s in sizes.items())
        if t.before.clash is not None:
            shapes = f": {t.shapes}" if t.shapes else ""
            message = f"{t.expression} does not fit{shapes}; {where_it_runs(t.runs, self._about)}"
            example += f": {t.before.clash.error[:LONGEST]}"
            where = t.before.clash.where
        else:
            message = self._misshapen(t)
            where = ""
        if t.edit is None:
            return Finding("shape", where, message, example)
        if t.before.clash is None or t.edit.before != t.expression:
            message += f"; {t.edit.before} stands where {t.edit.after} belongs"
        where = line_at(t.edit.file, t.edit.line).where
        return Finding(t.edit.kind, where, message, example, self._fix(t.edit, proofs, seen))

    def _misshapen(self, t: Trouble) -> str:
        """``db has shape n, and b has shape H``, of the gradients whose shape the change mends."""
        sizes = self.search.point.named_sizes
        exact = {self.search.prober.oracle.result(t).name: t for t in self.search.prober.targets if t is not None}
        parts = [
            f"{g} has shape {in_letters(shape, sizes)}, and {exact[g].name} has shape "
            f"{in_letters(self.search.exact[exact[g].name].values.shape, sizes)}"
            for g, shape in t.before.shapes
            if g in t.before.misshapen and (t.after is None or g not in t.after.misshapen)
        ]
        return "; ".join(parts)

    def _fix(self, edit: CodeEdit, proofs: Sequence[Proof], seen: Observations) -> str:
        assert self.changed is not None
        proved = [p.gradient for p in proofs if p.verdict == "proved"]
        wrong = {c.gradient for c in seen.comparisons if not c.ok and c.ordinary}
        right = [g for g in self.changed.order if g not in wrong and g not in proved]
        reach = proved_for(self.search.prober.derivation.givens)
        said = [f"{names(proved)} {are(proved)} then {reach}"] if proved else []
        said += [f"{names(right)} {are(right)} then right wherever it was tried"] if right else []
        fix = f"write {edit.after} for {edit.before}" if self.is_founded else f"{edit.after} fits"
        others = len(self.changed.edits) - 1
        fix += f", with the other change{'s' * (others > 1)}" if others else ""
        return f"{fix}; {', '.join(said)}" if said else fix

    @property
    def _about(self) -> list[str]:
        """The gradients that the changes make right; without any change, all."""
        made = self.changed.outcome.right if self.changed is not None and self.is_founded else self.search.order
        return [g for g in self.search.order if g in made]

    @property
    def notes(self) -> tuple[str, ...]:
        """What else is said is about the changed code."""
        if self.changed is None:
            return ()
        made = "; ".join(f"{e.after} for {e.before}" for e in self.changed.edits)
        return (f"everything but the shapes was judged with {made}",)


def mended(
    subject: Subject, binding: Binding, derivation: Derivation, seen: Observations, dtypes: Sequence[str]
) -> Mending | None:
    """What is wrong with the shapes, and what mends it; None where nothing is, or nothing is known of it."""
    if subject.kind == "jax" or not any(e.kind in ("raises", "shape") and e.regime == REGIME for e in seen.errors):
        return None
    prober = Prober(subject, binding, derivation, dtypes=dtypes)
    if prober.elementwise or prober.settle() is not None:
        return None
    regime = next((r for r in prober.regimes() if r.name == REGIME), None)
    if regime is None:
        return None
    search = Search(prober, prober.point(regime, prober.finest))
    start = search.outcome()
    changed = search.changes()
    founded = changed is not None and _is_founded(search, changed)
    if changed is not None and (founded or _is_other_product(changed)):
        return Mending(tuple(_troubles(search, changed)), changed, search, founded)
    if start.clash is None:
        return None
    runs = tuple(conditions(search))
    text, shapes = _clashing(search, start.clash)
    if not runs or not text or not shapes:
        return None
    return Mending((Trouble(None, start, None, runs, text, shapes),), None, search)


#: Where all sizes differ.
REGIME = "unequal sizes"


def _is_founded(search: Search, changed: Changed) -> bool:
    """Whether there is more to the changes than that the code runs: what they change comes out right."""
    if search.is_complete(changed.outcome):
        return True
    start = changed.before[0]
    before = next((c.outcome for c in conditions(search)), None) if start.failed else start
    return before is not None and bool(changed.outcome.right - before.right)


def _is_other_product(changed: Changed) -> bool:
    """Whether the one change is that of the product that does not fit, so that little else can be meant."""
    clash = changed.before[0].clash
    edit = changed.edits[0]
    return len(changed.edits) == 1 and clash is not None and clash.at.holds(edit.old) and operands(edit.old) is not None


def _troubles(search: Search, changed: Changed) -> Iterator[Trouble]:
    for at, (edit, before) in enumerate(zip(changed.edits, changed.before, strict=True)):
        others = [e for k, e in enumerate(changed.edits) if k != at]
        text, shapes = ("", "") if before.clash is None else _clashing(search, before.clash)
        after = (*changed.before, changed.outcome)[at + 1]
        yield Trouble(edit, before, after, _without(search, changed, others), text, shapes)


def _without(search: Search, changed: Changed, others: Sequence[CodeEdit]) -> tuple[Condition, ...]:
    """Where the code runs with the other changes alone."""
    try:
        with applied(changed.sources, others):
            return tuple(conditions(search))
    except ValueError:  # the others are changes of this one
        return ()


def _clashing(search: Search, clash: Clash) -> tuple[str, str]:
    """The expression that raised, and the shapes of the arrays in it."""
    source = search.sources.get(clash.at.file)
    node = next((n for n in ast.walk(source.tree) if clash.at.holds(n)), None) if source is not None else None
    if node is None:
        return "", ""
    return ast.unparse(node), shapes_in(node, clash, search.point.named_sizes)
