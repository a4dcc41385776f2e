"""One report out of two: on a subject that computes one thing in training and another in evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from .report import Explanation, Report
from .subjects.modes import said
from .subjects.protocol import SubjectError

#: The worst first.
ORDER = ("wrong", "unsafe", "unstable", "undecided", "agrees", "proved")


def joined(found: Mapping[bool, Report | SubjectError], by: Sequence[str], *, own: bool) -> Report:
    """The report on both modes, from those on each, by ``training``; the first of them comes first.

    own: each mode is compared with its own forward pass, so what is found in either is found. Otherwise both are
    compared with one reference, which is that of one mode perhaps: where only one agrees, that is the one that counts,
    and the other is explained.

    **Raises** SubjectError where neither mode could be judged.
    """
    (first, one), (second, two) = found.items()
    if isinstance(one, SubjectError) and isinstance(two, SubjectError):
        raise one
    if isinstance(one, SubjectError):
        first, one, second, two = second, two, first, one
    assert isinstance(one, Report)
    switch = f"switched by {', '.join(by)}"
    if isinstance(two, SubjectError):
        return replace(one, covered=(*one.covered, f"{said(first)} ({switch})"), not_tested=(
            *one.not_tested, f"{said(second)}: {two}"))  # fmt: skip
    if own or one.passed == two.passed:
        return _both(one, two, first, second, switch)
    if two.passed:
        first, one, second, two = second, two, first, one
    return replace(
        one,
        covered=(*one.covered, f"{said(first)} ({switch})"),
        explained=(*one.explained, _other(two, second)),
        not_tested=(*one.not_tested, f"{said(second)}: it is not what the reference states; verify it with its own"),
    )


def _both(one: Report, two: Report, first: bool, second: bool, switch: str) -> Report:
    known = {(f.kind, f.message) for f in one.findings}
    more = [
        replace(f, message=f"in {said(second)}: {f.message}") for f in two.findings if (f.kind, f.message) not in known
    ]
    formulas = {(p.gradient, p.formula, p.verdict) for p in one.proofs}
    proofs = [
        replace(p, formula=f"{p.formula or p.gradient} (in {said(second)})")
        for p in two.proofs
        if (p.gradient, p.formula, p.verdict) not in formulas
    ]
    cases = {e.case for e in one.explained}
    explained = [replace(e, case=f"{e.case}, in {said(second)}") for e in two.explained if e.case not in cases]
    both = f"{said(first)} and {said(second)} ({switch})"
    return replace(
        one,
        verdict=min(one.verdict, two.verdict, key=ORDER.index),
        findings=(*one.findings, *more),
        proofs=(*one.proofs, *proofs),
        covered=(*one.covered, both),
        explained=(*one.explained, *explained),
        notes=tuple(dict.fromkeys((*one.notes, *two.notes))),
        not_tested=tuple(dict.fromkeys((*one.not_tested, *two.not_tested))),
    )


def _other(report: Report, training: bool) -> Explanation:
    finding = report.findings[0] if report.findings else None
    what = f"{finding.kind}: {finding.message}" if finding is not None else f"it is {report.verdict}"
    return Explanation(
        said(training), f"another formula than the reference: {what}", finding.example if finding else ""
    )
