"""From what was seen and proved to findings: what is wrong, where, the smallest example, and the fix."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...calculus.derivation import Derivation
from ..probing.observations import Comparison, Observations, Region
from ..prove import Court
from ..report import Finding, Proof
from ..subjects.binding import Binding
from ..subjects.protocol import Subject
from .as_written import as_written
from .case import Case, Cause
from .causes import causes
from .edits import Write
from .evidence import closeness, finest, samples
from .hazards import unsafe
from .instability import deviates, guarded_against_zero, unstable
from .losses import loss, reported
from .patterns import rounded
from .tails import sizes_of
from .variants import formulas


@dataclass(frozen=True)
class Experiments:
    """What a diagnosis may still have run.

    probe: the subject against another derivation. dying: from where on half of its gradients is lost.
    """

    probe: Callable[[Derivation], Observations]
    dying: Callable[[Derivation, Collection[str]], tuple[Region, ...]]


ERRORS = {"raises": "error", "count": "shape", "shape": "shape", "none": "shape", "hang": "error"}
#: Arrays with more entries than this are not written out in an example.
SHOWN = 12
#: Sizes in a message, and not the line that it is about.
_NUMBERS = re.compile(r"(?<![:\w])\d+(?!\w)")
#: Of the regimes in which a call fails.
REGIMES_SHOWN = 4


@dataclass(frozen=True)
class Diagnosis:
    """The findings, and the causes behind those about wrong numbers."""

    findings: tuple[Finding, ...]
    causes: tuple[Cause, ...]

    def settled(self, proofs: Sequence[Proof]) -> list[Proof]:
        """The proofs; one that was left open is refuted where another formula is proved to be the code's."""
        wrong = {g for cause in self.causes if cause.proved for g in cause.gradients}
        return [
            replace(p, verdict="refuted", basis="it is proved to be another formula") if p.gradient in wrong else p
            for p in proofs
        ]


def diagnose(
    subject: Subject,
    derivation: Derivation,
    seen: Observations,
    court: Court | None,
    proofs: Sequence[Proof],
    write: Write,
    binding: Binding,
    again: Experiments,
) -> Diagnosis:
    """All findings, the worst first."""
    objects = subject_objects(subject)
    proved = {p.gradient for p in proofs if p.verdict == "proved"}
    found = [*_errors(subject, seen)]
    named, failing = _causes(subject, derivation, seen, court, proofs, write, binding)
    found += [_finding(subject, cause, failing, proofs, court) for cause in named]
    narrowed, inaccurate = _narrowed(subject, derivation, seen, court, proved, write, binding)
    found += [_finding(subject, cause, inaccurate, proofs, court) for cause in narrowed]
    found += unsafe(subject, seen, court, objects)
    written = _as_written(derivation, named)
    if written is not None:
        proved |= {g for cause in named if cause.proved for g in cause.gradients}
        seen = again.probe(written)
    is_wrong = bool(named) and written is None
    lost = _lost(named, seen, proved, objects, is_wrong)
    dying = again.dying(derivation if written is None else written, lost) if lost else ()
    settling = (*narrowed, *(c for c in named if written is None and c.kind not in ("epsilon", "unnamed")))
    explained = {g for cause in settling for g in cause.gradients}
    if any(issue.kind == "state" for issue in seen.safety):  # the numbers are those of other data
        explained |= {c.gradient for c in seen.comparisons}
    found += unstable(subject, seen, proved, objects, is_wrong, dying, explained)
    found += _kinks(subject, seen)
    return Diagnosis(tuple(dict.fromkeys(found)), tuple(named))


def _lost(
    named: Sequence[Cause], seen: Observations, proved: set[str], objects: tuple[Any, ...], is_wrong: bool
) -> set[str]:
    """The gradients that a small constant may make zero: nothing else is wrong with them, and the code has one."""
    if not guarded_against_zero(objects):
        return set()
    off = {c.gradient for c in seen.comparisons if c.finite and deviates(c)} - proved
    return off & {g for cause in named if cause.kind == "epsilon" for g in cause.gradients} if is_wrong else off


def _as_written(derivation: Derivation, named: Sequence[Cause]) -> Derivation | None:
    """What the code computes, where the causes say it."""
    if not named or any(c.factor is None and not c.formulas for c in named):
        return None
    others = [c.formulas for c in named if c.formulas]
    if len(others) > 1:
        return None
    factors = {g: c.factor for c in named if c.factor is not None for g in c.gradients}
    return as_written(derivation, others[0] if others else formulas(derivation), factors)


def subject_objects(subject: Subject) -> tuple[Any, ...]:
    """The functions and classes whose source belongs to a subject."""
    raw = subject.raw if isinstance(subject.raw, tuple) else (subject.raw,)
    return tuple(dict.fromkeys(o for o in (*raw, subject.forward) if o is not None and callable(o)))


def _errors(subject: Subject, seen: Observations) -> Iterable[Finding]:
    groups: dict[tuple[str, str], list[Any]] = {}
    for e in seen.errors:
        # At other sizes the numbers in a message are others: what it is about is said once.
        said = "" if e.kind == "count" else _NUMBERS.sub("#", e.message.partition(" has shape ")[0])
        groups.setdefault((e.kind, said), []).append(e)
    for (kind, _), some in groups.items():
        regimes = list(dict.fromkeys(e.regime for e in some))
        shown = ", ".join(regimes[:REGIMES_SHOWN]) + f" and {len(regimes) - REGIMES_SHOWN} more" * (
            len(regimes) > REGIMES_SHOWN
        )
        telling = [e for e in some if kind != "shape" or len(set(e.sizes.values())) == len(e.sizes)] or some
        chosen = min(telling, key=lambda e: sum(e.sizes.values()))
        yield Finding(
            ERRORS.get(kind, "error"), subject.where, f"{chosen.message} (inputs: {shown})", _sizes(chosen.sizes),
            "for code that is only slow, give more time: --time-limit SECONDS" if kind == "hang" else "",
        )  # fmt: skip


# -- wrong numbers -----------------------------------------------------------------------------------------------------


def _causes(
    subject: Subject,
    derivation: Derivation,
    seen: Observations,
    court: Court | None,
    proofs: Sequence[Proof],
    write: Write,
    binding: Binding,
) -> tuple[list[Cause], list[Comparison]]:
    """What makes gradients wrong, and the comparisons that show it."""
    proved = {p.gradient for p in proofs if p.verdict == "proved"}
    refuted = [p.gradient for p in proofs if p.verdict == "refuted"]
    failing = [c for c in seen.comparisons if c.ordinary and deviates(c) and c.gradient not in proved]
    best = finest(c.dtype for c in seen.comparisons)
    failing = [c for c in failing if c.dtype == best]
    wrong = tuple(r.name for r in derivation.wanted if r.name in {c.gradient for c in failing} | set(refuted))
    if not wrong:
        return [], []
    with closeness(best):
        return causes(_case(subject, derivation, seen, court, wrong, write, binding)), failing


def _narrowed(
    subject: Subject,
    derivation: Derivation,
    seen: Observations,
    court: Court | None,
    proved: set[str],
    write: Write,
    binding: Binding,
) -> tuple[list[Cause], list[Comparison]]:
    """Why gradients whose formula is right are inaccurate on ordinary inputs: a passage through a smaller dtype.

    A trace computes in the real numbers, so that such a passage leaves the formula proved.
    """
    best = finest(c.dtype for c in seen.comparisons)
    off = [c for c in seen.comparisons if c.gradient in proved and c.ordinary and c.dtype == best and c.kink == ""]
    off = [c for c in off if c.finite and deviates(c)]
    names = tuple(r.name for r in derivation.wanted if r.name in {c.gradient for c in off})
    if not names:
        return [], []
    with closeness(best):
        return list(rounded(_case(subject, derivation, seen, court, names, write, binding), names)), off


def _case(
    subject: Subject,
    derivation: Derivation,
    seen: Observations,
    court: Court | None,
    wrong: tuple[str, ...],
    write: Write,
    binding: Binding,
) -> Case:
    """What the search for a cause reads, for the gradients that are off."""
    ordinary = {c.regime for c in seen.comparisons if c.ordinary}
    off = [c for c in seen.comparisons if c.gradient in wrong and c.finite and deviates(c)]
    if not any(c.ordinary for c in off):  # a case that only large inputs reach
        ordinary |= {c.regime for c in off}
    upstream = binding.upstream.name if binding.upstream is not None else None
    smooth = [c for c in seen.comparisons if not c.kink]
    taken = samples(smooth, sorted(ordinary), upstream)
    beyond = samples(smooth, sorted({c.regime for c in smooth} - ordinary), upstream)
    return Case(
        derivation=derivation,
        samples=taken,
        reported=reported(subject, binding, derivation, taken),
        is_loss=loss(derivation) is not None,
        wrong=wrong,
        write=write,
        prove_scale=court.is_multiple if court else lambda name, q: False,
        prove_scale_roughly=(lambda name, q: court.is_multiple(name, q, small=False))
        if court
        else lambda name, q: False,
        prove_formula=court.is_formula if court else lambda name, definitions: False,
        prove_guarded=court.is_guarded if court else lambda name: False,
        autograd=subject.kind == "torch callable",
        upstream=(binding.upstream.name,) if binding.upstream is not None else (),
        results={r.name: r for r in derivation.wanted},
        by_size=sizes_of(seen.comparisons, wrong, finest(c.dtype for c in seen.comparisons)),
        written=court.written if court else lambda name: None,
        beyond=beyond,
        called={t.name: a for a, t in zip(binding.arguments, binding.tensors, strict=True)},
    )


def _finding(
    subject: Subject, cause: Cause, failing: Sequence[Comparison], proofs: Sequence[Proof], court: Court | None
) -> Finding:
    own = [c for c in failing if c.gradient in cause.gradients and c.got is not None]
    example = _example(min(own, key=_complexity)) if own else ""
    if not example:
        example = next((p.counterexample for p in proofs if p.gradient in cause.gradients and p.counterexample), "")
    message = cause.message
    if cause.kind == "unnamed" and court is not None:
        shown = [(g, court.difference(g)) for g in cause.gradients if g in court.traced.outputs]
        message += "".join(f"; {g} − true = {text}" for g, text in shown if text)
    return Finding(cause.kind, subject.where, message, example, cause.fix)


def _complexity(c: Comparison) -> tuple[int, float]:
    return sum(np.size(v) for v in c.inputs.values()), float(
        sum(np.abs(v).sum() for v in c.inputs.values() if v.dtype.kind == "f")
    )


def _sizes(sizes: Any) -> str:
    return ", ".join(f"{d} = {s}" for d, s in dict(sizes).items())


def _example(c: Comparison) -> str:
    assert c.got is not None
    at = "".join(f"[{', '.join(map(str, c.worst_index))}]" if c.worst_index else "")
    parts = [_sizes(c.sizes)]
    arrays = {**c.inputs, **({"upstream": c.upstream} if c.upstream is not None else {})}
    if sum(np.size(v) for v in arrays.values()) <= SHOWN:
        parts.append("; ".join(f"{n} = {_numbers(v)}" for n, v in arrays.items()))
    if not c.shape_ok:
        values = f"{c.gradient} has shape {c.got.shape}, not {c.exact.shape}"
    else:
        values = f"{c.gradient}{at} = {c.got[c.worst_index]:.6g}, exact {c.exact[c.worst_index]:.6g}"
    return f"{': '.join(p for p in parts if p)}{': ' if any(parts) else ''}{values} ({c.dtype}, {c.regime})"


def _numbers(v: Any) -> str:
    return np.array2string(np.asarray(v), precision=3, separator=", ").replace("\n", "")


def _kinks(subject: Subject, seen: Observations) -> Iterable[Finding]:
    outside = [c for c in seen.comparisons if c.kink == "outside" and deviates(c) and c.got is not None]
    for gradient in dict.fromkeys(c.gradient for c in outside):
        c = min((c for c in outside if c.gradient == gradient), key=_complexity)
        smooth = [d for d in seen.of(gradient) if d.ordinary and not d.kink]
        if all(d.ok for d in smooth):
            said = "lies outside the subgradient interval" if c.finite else "is not finite"
            yield Finding("kink", subject.where, f"{gradient} at the kink {said}", _example(c))
