"""What verification says: a verdict, the findings, the proofs, and what was not tested."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

VerdictWord = Literal["proved", "agrees", "wrong", "unstable", "unsafe", "undecided"]

#: The kinds of finding, by what they say of the code.
WRONG = (
    *("scale", "sign", "transpose", "missing-term", "extra-term", "wrong-axis", "constant", "chain-factor"),
    *("detached", "broadcast", "swapped", "shape", "mask", "contract", "value", "kink", "unnamed", "error"),
)
UNSAFE = ("aliasing", "mutation", "state", "stride")
UNSTABLE = ("overflow", "cancellation", "epsilon", "dtype")

MEANING: dict[VerdictWord, str] = {
    "proved": "equal to the derived gradient for all inputs and all sizes, and nothing else was found",
    "agrees": "equal to the derived gradient on every regime that was tried, but not proved",
    "wrong": "not the gradient",
    "unstable": "the formula is right, but the floating-point code fails in a region of its inputs",
    "unsafe": "a call of its own is right, but the code changes or misreads what it shares, or keeps old state",
    "undecided": "neither proved nor tested",
}
#: With more kinks than these, or with one that is too long to be shown, they are named together.
MOST_KINKS = 2
OFF_KINKS = "a case distinction changes sides"
#: Where code and formula have other slopes at a kink, and where guards against overflow are read as if not there.
OFF_KINKS_ONLY = "equal to the derived gradient for all sizes and all inputs off the kinks; nothing else was found"
WITHOUT_GUARDS = (
    "equal to the derived gradient for all sizes and all inputs that guards leave alone; nothing else was found"
)
#: Where only values at kinks are wrong, and the formula is right everywhere else.
AT_KINKS_ALONE = "at a kink, it is no slope between those of the two sides; elsewhere nothing was found"
#: Where only a returned value is wrong, that of forward or a loss beside the gradients.
VALUE_ALONE = "a value that it returns is not that of the reference; in the gradient nothing was found"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its kind, its place, a sentence, the smallest failing example, and the fix."""

    kind: str
    where: str
    message: str
    example: str = ""
    fix: str = ""

    def __str__(self) -> str:
        lines = [f"{self.kind}: {self.message}"]
        lines += [f"  where    {self.where}"] if self.where else []
        lines += [f"  example  {self.example}"] if self.example else []
        lines += [f"  fix      {self.fix}"] if self.fix else []
        return "\n".join(lines)


@dataclass(frozen=True)
class Explanation:
    """What the code does with arrays that it does not promise to take; no fault, and no part of the verdict.

    case: the arrays. message: what happens. example: the shapes that were given. fix: what to do with such arrays.
    """

    case: str
    message: str
    example: str = ""
    fix: str = ""

    def __str__(self) -> str:
        lines = [f"{self.case}: {self.message}"]
        lines += [f"  example  {self.example}"] if self.example else []
        lines += [f"  instead  {self.fix}"] if self.fix else []
        return "\n".join(lines)


@dataclass(frozen=True)
class Proof:
    """The judgement on one gradient: ``proved``, ``refuted`` or ``open``, how, and the formula it was compared with.

    kinks: where there are some, it is proved everywhere but there: at a kink, a slope is a choice.
    """

    gradient: str
    verdict: str
    basis: str
    formula: str = ""
    counterexample: str = ""
    kinks: tuple[str, ...] = ()

    def __str__(self) -> str:
        formula = f"{self.formula}  " if self.formula else ""
        said = f"{formula}{self.verdict} ({self.basis})" if self.basis else f"{formula}{self.verdict}"
        shown = " or ".join(self.kinks) if all(self.kinks) and len(self.kinks) <= MOST_KINKS else OFF_KINKS
        return f"{said}, except where {shown}" if self.kinks else said


@dataclass(frozen=True)
class Report:
    """A verdict on a hand-written gradient.

    verdict: ``proved``, ``agrees``, ``wrong``, ``unstable``, ``unsafe`` or ``undecided``. findings: what is wrong, the
    worst first. not_tested: what was not covered, in words. binding: which array is which. proofs: one for each
    gradient where the code could be traced. reference: what it was compared with. covered: what was run. notes: what is
    no fault, but good to know. guards: bounds such as ``clip(…, -500, 500)`` that were read as if they were not there,
    so that nothing is proved of numbers that they change. at_sizes, on_some: somebody stated sizes as numbers, or more
    of the arrays than the reference does, and nothing is proved of others.
    """

    subject: str
    verdict: VerdictWord
    findings: tuple[Finding, ...] = ()
    not_tested: tuple[str, ...] = ()
    binding: str = ""
    proofs: tuple[Proof, ...] = ()
    reference: str = ""
    covered: tuple[str, ...] = ()
    where: str = ""
    notes: tuple[str, ...] = ()
    explained: tuple[Explanation, ...] = ()
    guards: tuple[str, ...] = ()
    at_sizes: bool = False
    on_some: bool = False
    seconds: float = field(default=0.0, compare=False)

    @property
    def passed(self) -> bool:
        """True for ``proved`` and ``agrees``."""
        return self.verdict in ("proved", "agrees")

    def kinds(self) -> tuple[str, ...]:
        return tuple(f.kind for f in self.findings)

    def as_json(self) -> str:
        values = asdict(self)
        values["passed"] = self.passed
        return json.dumps(values, indent=2, ensure_ascii=False)

    def __str__(self) -> str:
        return "\n".join(text for text, _ in self._lines())

    def __rich__(self) -> Any:
        from rich.text import Text

        return Text("\n").join(Text(text, style) for text, style in self._lines())

    def _lines(self) -> list[tuple[str, str]]:
        lines = [(f"{self.subject}: {self.verdict}", "bold green" if self.passed else "bold red")]
        wrong = {f.kind for f in self.findings} & set(WRONG)
        alone = wrong == {"value"} and all(p.verdict != "refuted" for p in self.proofs)
        meaning = VALUE_ALONE if alone else MEANING[self.verdict]
        if wrong == {"kink"} and all(p.verdict != "refuted" for p in self.proofs):
            meaning = AT_KINKS_ALONE
        if self.verdict == "proved" and (self.guards or any(p.kinks for p in self.proofs)):
            meaning = WITHOUT_GUARDS if self.guards else OFF_KINKS_ONLY
        if self.at_sizes:
            meaning = meaning.replace("all sizes", "all sizes that are not stated as numbers")
        if self.on_some:
            meaning = meaning.replace("all inputs and all sizes", "all sizes and all inputs")
            meaning = meaning.replace("all inputs", "all inputs that are as stated")
        lines.append((f"  {meaning}", ""))
        lines += [(f"  {name:<9}{text}", "dim") for name, text in self._facts() if text]
        tried = [line for group in self.covered for line in textwrap.wrap(group, 68)]
        lines += [(f"  {'' if at else 'tried':<9}{line}", "dim") for at, line in enumerate(tried)]
        for proof in self.proofs:
            lines.append((f"  {proof}", "green" if proof.verdict == "proved" else "yellow"))
        for finding in self.findings:
            first, *rest = str(finding).splitlines()
            lines += [("", ""), (first, "bold"), *((line, "") for line in rest)]
        if self.explained:
            text = [line for e in self.explained for line in str(e).splitlines()]
            lines += [("", ""), ("beside the signature", "dim"), *((f"  {line}", "dim") for line in text)]
        if self.notes:
            lines += [("", ""), ("notes", "dim"), *((f"  {text}", "dim") for text in self.notes)]
        if self.not_tested:
            lines += [("", ""), ("not tested", "dim"), *((f"  {text}", "dim") for text in self.not_tested)]
        return lines

    def _facts(self) -> Sequence[tuple[str, str]]:
        return (
            ("at", self.where),
            ("against", self.reference),
            ("with", self.binding),
        )


def verdict_of(findings: Sequence[Finding], proofs: Sequence[Proof], gradients: int, compared: int) -> VerdictWord:
    """The verdict: wrong before unsafe before unstable; proved only where every gradient is, and nothing was found.

    gradients: how many were asked about. compared: how many of them were compared with the exact value at least once.
    """
    kinds = {f.kind for f in findings}
    if kinds & set(WRONG) or any(p.verdict == "refuted" for p in proofs):
        return "wrong"
    if kinds & set(UNSAFE):
        return "unsafe"
    if kinds & set(UNSTABLE):
        return "unstable"
    if gradients and len(proofs) == gradients and all(p.verdict == "proved" for p in proofs):
        return "proved"
    return "agrees" if compared == gradients and gradients else "undecided"


def refuted_alone(where: str, proofs: Sequence[Proof]) -> list[Finding]:
    """What is to be said where a proof fails and everything that was run agrees."""
    refuted = [p for p in proofs if p.verdict == "refuted"]
    return [
        Finding("unnamed", where, f"{p.gradient} is another function, {p.basis}", p.counterexample) for p in refuted
    ]


def the_better(free: Report, narrow: Report) -> Report:
    """Of what is said of all that a reference takes, and of what is stated: the latter where code is for that."""
    if free.passed and narrow.verdict != "proved":
        return free
    elsewhere = all(f.kind == "error" for f in free.findings) and not free.passed
    return narrow if elsewhere or narrow.passed or narrow.on_some else free
