"""Findings about what the code does to its caller: writes through another name, stale state, layout of its inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..probing.observations import Observations, SafetyIssue
from ..prove import Court
from ..report import Finding
from ..subjects.protocol import Subject
from ..tracing.session import Write
from .source import assignments, line_at

#: What an issue is called in a report.
KINDS = {"random": "state", "output": "state"}
FIXES = {
    "mutation": "work on a copy: x = x.copy()",
    "aliasing": "return a copy: dx.copy()",
    "state": "compute from the values of this call alone",
    "stride": "do not assume a memory layout: index, or np.ascontiguousarray(dout)",
    "dtype": "convert once: x = np.asarray(x, dtype=float)",
}
MEMORY = ("mutation", "aliasing", "state")


def unsafe(subject: Subject, seen: Observations, court: Court | None, objects: Sequence[Any]) -> Iterator[Finding]:
    """One finding for each thing; a write that a trace has seen is named with its line."""
    severe = [s for s in seen.safety if is_fault(s) and s.kind != "hang"]  # a hang is the error of a call as well
    writes = court.traced.trace.writes if court is not None else ()
    named: set[str] = set()
    if any(s.kind in MEMORY for s in severe):
        for write in writes:
            if write.through not in named:
                named.add(write.through)
                yield _written(write, severe, objects)
    for issue in severe:
        if named and issue.kind in MEMORY:
            continue
        kind, where = KINDS.get(issue.kind, issue.kind), issue.where or subject.where
        yield Finding(kind, where, issue.what, issue.example, FIXES.get(issue.kind, ""))


def _written(write: Write, issues: Sequence[SafetyIssue], objects: Sequence[Any]) -> Finding:
    """A write in place to memory that has another name."""
    place = line_at(write.file, write.line)
    related = [s for s in issues if s.kind in MEMORY]
    consequence = "; ".join(dict.fromkeys(s.what for s in related))
    example = next((s.example for s in related if s.example), "")
    if write.also and write.through and write.through not in write.inputs:
        other = write.also[0]
        made = next((a for a in assignments(tuple(objects), write.through) if a.value == other), None)
        fix = made.copied if made is not None else f"{write.through} = {other}.copy()"
        message = f"{write.through} aliases {other}, and is written in place: {consequence}"
        return Finding("aliasing", place.where, message, example, fix)
    name = next(iter(write.inputs), write.through)
    message = f"{name} is written in place, and belongs to the caller: {consequence}"
    return Finding("mutation", place.where, message, example, f"{write.through or name} = {name}.copy()")


def is_fault(issue: SafetyIssue) -> bool:
    """Whether an issue goes into the verdict."""
    return issue.severe


def remarks(seen: Observations) -> tuple[str, ...]:
    """What is no fault, in words."""
    return tuple(
        dict.fromkeys(f"{s.what}{f' ({s.example})' if s.example else ''}" for s in seen.safety if not is_fault(s))
    )
