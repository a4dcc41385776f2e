"""Code that loops over a size: traced and proved with numbers in the place of that size, the other sizes symbolic.

A loop over ``range(n)`` has no formula for every n. At n = 3 it has one. A gradient that is proved at several such
numbers is not proved for all of them, and its proof says so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

from sympy import Expr, Integer, Symbol

from ..calculus.arrays import ShapeError
from ..calculus.derivation import Definition, Derivation, Result, Verdict
from ..calculus.dimensions import with_what_follows
from ..calculus.sums import rebuild
from ..calculus.tensors import Element, Index, Tensor
from .diagnosis.edits import Write
from .diagnosis.lifting import lifted, pointwise
from .diagnosis.variants import formulas as all_formulas
from .formulas import trace_gradients
from .prove import Court, Traced
from .report import Proof
from .subjects.binding import Binding, declared
from .subjects.protocol import Subject
from .tracing.concrete import at_sizes, definition_at, tensor_at
from .tracing.trace import Trace, Untraceable
from .tracing.values import rename

#: The numbers that sizes get, in turn: all different, in another order, all equal, all one.
SETTINGS: tuple[Sequence[int], ...] = ((3, 2, 4, 5, 6, 7, 8, 9), (2, 3, 3, 4, 5, 6, 7, 8), (2,) * 8, (1,) * 8)
#: What such a proof is called. It is no ``proved``: that is for all sizes.
PROVED = "proved for sizes"
#: A gradient with more entries than this, along the axes with numbers, is not judged entry by entry.
MAX_PLACES = 256

Sizes = Mapping[Symbol, int]


@dataclass(frozen=True)
class Sized:
    """The proofs at concrete sizes, and what keeps them from being proofs for all."""

    proofs: tuple[Proof, ...]
    why_not: str


def proofs_at_sizes(
    subject: Subject, binding: Binding, derivation: Derivation, failure: Untraceable, write: Write
) -> Sized | None:
    """The proofs with numbers in the place of the sizes that a trace could do nothing with.

    **Returns** None where numbers do not help, or an entry is neither proved nor refuted at some of them; no proofs and
    another reason where the code does something else that has no formula, once the sizes are numbers.
    """
    asked = _Asked(subject, binding, derivation, write)
    sizes = list(failure.sizes)
    if not sizes:
        return None
    while True:
        if len(sizes) > len(SETTINGS[0]):
            return None
        try:
            setting = asked.setting(sizes, SETTINGS[0])
            first = asked.traced(setting)
            break
        except Untraceable as error:
            new = [s for s in error.sizes if s not in sizes]
            if not new:
                return Sized((), str(error))  # what remains when the loop runs
            sizes += new
    settings = list(dict.fromkeys(tuple(s[: len(sizes)]) for s in SETTINGS))
    traces: list[tuple[Sizes, Trace]] = [(setting, first)]
    for numbers in settings[1:]:
        setting = asked.setting(sizes, numbers)
        try:
            traces.append((setting, asked.traced(setting)))
        except Untraceable:  # such as a kernel that is larger than its input
            continue
    found = [asked.proof(name, traces, failure) for name in asked.outputs]
    return Sized(tuple(p for p in found if p is not None), str(failure)) if all(found) else None


@dataclass
class _Asked:
    """The gradients that are asked about, and how to trace and judge them at given sizes."""

    subject: Subject
    binding: Binding
    derivation: Derivation
    write: Write

    def __post_init__(self) -> None:
        self.flat = pointwise(self.derivation)
        self.tensors = dict(zip(self.binding.arguments, self.binding.tensors, strict=True))
        self.outputs: dict[str, int] = {}
        for at, tensor in enumerate(self.binding.gradient_of):
            result = next((r for r in self.derivation.wanted if tensor is not None and r.wrt == (tensor,)), None)
            if result is not None:
                self.outputs.setdefault(result.name, at)

    def setting(self, sizes: Sequence[Symbol], numbers: Sequence[int]) -> Sizes:
        """These numbers in the place of these sizes, and those of the sizes that follow from them."""
        stated = dict(zip(sizes, numbers, strict=False))
        follow = with_what_follows(_exact(stated), self.derivation.dims)
        return stated | {d: int(n) for d, n in follow.items() if n.is_Integer}

    def traced(self, sizes: Sizes) -> Trace:
        """The trace at these sizes. **Raises** :class:`Untraceable`."""
        if any(n < 1 for n in sizes.values()):
            raise Untraceable("the result", "", 0, "an array has no entries at these sizes")
        exact = _exact(sizes)

        def given(t: Tensor) -> Tensor:
            return tensor_at(lifted(t) if self.flat else t, exact)

        known = () if self.flat else [definition_at(d, exact) for d in all_formulas(self.derivation)]
        upstream = self.binding.upstream
        tensors = {n: given(t) for n, t in self.tensors.items()}
        found = trace_gradients(self.subject, tensors, None if upstream is None else given(upstream), known)
        if any(at >= len(found.entries) or found.entries[at] is None for at in self.outputs.values()):
            raise Untraceable("the result", "", 0, "a gradient is missing at these sizes")
        return found

    def proof(self, name: str, traces: Sequence[tuple[Sizes, Trace]], failure: Untraceable) -> Proof | None:
        """One gradient at all these sizes: proved at all, refuted at one; None where it is open at one."""
        formula = ""
        kinks: dict[str, None] = {}
        for sizes, traced in traces:
            court = _Court(derivation_at(self.derivation, sizes), Traced(traced, self.outputs), self.write)
            verdict = court.at_every_place(name)
            kinks |= dict.fromkeys(map(court.at_kink, verdict.kinks))
            true = next(r for r in self.derivation.wanted if r.name == name)
            formula = f"{self.write(true.definition.element)} = {self.write(true.expr)}"
            if verdict.kind == "refuted":
                return Proof(name, "refuted", f"at {_words(sizes)}", formula, str(verdict.counterexample or ""))
            if not verdict.is_proved:
                return None
        at = "; ".join(_words(sizes) for sizes, _ in traces)
        rest = [str(d) for d in self.derivation.dims if d not in traces[0][0]]
        at += f", each for all {', '.join(rest)}" if rest else ""
        place = f" in {os.path.basename(failure.file)}, line {failure.line}," if failure.file else ""
        basis = f"{at}; {failure.operation}{place} keeps it from being for all sizes"
        return Proof(name, PROVED, basis, formula, kinks=tuple(kinks))


def entry_by_entry(derivation: Derivation, traced: Traced, proofs: Sequence[Proof], write: Write) -> list[Proof]:
    """The proofs, those that are open judged again at every place of the axes whose sizes are stated as numbers."""
    if not any(d.is_Integer and d != 1 for t in derivation.givens for d in t.dims):
        return list(proofs)
    court = _Court(derivation_at(derivation, {}), traced, write)
    found = []
    for p in proofs:
        verdict = court.at_every_place(p.gradient) if p.verdict == "open" else None
        if verdict is not None and verdict.is_proved:
            kinks = tuple(dict.fromkeys(map(court.at_kink, verdict.kinks)))
            p = replace(p, verdict="proved", basis="entry by entry", kinks=kinks)
        found.append(p)
    return found


class _Court(Court):
    """Judges at concrete sizes, entry by entry."""

    def at_every_place(self, name: str) -> Verdict:
        """The judgement on all entries along the axes whose sizes are numbers."""
        try:
            hand, true = self._sides(name)
        except (ShapeError, ValueError) as error:
            return Verdict("refuted", str(error))
        fixed = sorted((i for i in (hand.free_symbols | true.free_symbols) if _is_fixed(i)), key=str)
        if prod(int(i.dim) for i in fixed) > MAX_PLACES:
            return Verdict("open", "there are too many entries")
        kinks: dict[Expr, None] = {}
        for place in product(*(range(int(i.dim)) for i in fixed)):
            here: dict[Any, Expr] = dict(zip(fixed, map(Integer, place), strict=True))
            verdict = self._judge(self.prover, at_sizes(rename(hand, here), {}), at_sizes(rename(true, here), {}))
            if not verdict.is_proved:
                return verdict
            kinks |= dict.fromkeys(verdict.kinks)
        return Verdict("proved", kinks=tuple(kinks))

    def _pair(self, name: str, definition: Definition) -> tuple[Expr, Expr]:
        array = self.traced.trace.outputs[self.traced.outputs[name]]
        if not self.pointwise or array is None:
            return super()._pair(name, definition)
        if array.rank != 1:
            raise ShapeError("an array with one axis is expected")
        numbers = {t.name: t for t in self.derivation.givens}

        def number(e: Expr) -> Expr | None:
            if isinstance(e, Element) and e.tensor.rank == 1 and e.indices == (Integer(0),):
                return Element(numbers[e.tensor.name])
            return None

        # What holds of the first entry, holds of every one where each reads its own place alone.
        entries = [at_sizes(rename(array.body, {array.indices[0]: Integer(k)}), {}) for k in range(int(array.dims[0]))]
        firsts = [rebuild(e, lambda x, k=k: _at_first(x, k)) for k, e in enumerate(entries)]  # type: ignore[misc]
        if any(f != firsts[0] for f in firsts[1:]):
            raise ShapeError("the entries are not the same function of their place")
        return rebuild(firsts[0], number), definition.element


def _at_first(e: Expr, k: int) -> Expr | None:
    """An entry at place k as the one at place 0."""
    if isinstance(e, Element) and e.tensor.rank == 1:
        if e.indices != (Integer(k),):
            raise ShapeError("an entry of the result depends on other entries of the input")
        return Element(e.tensor, Integer(0))
    return None


def what_to_type(failure: Untraceable, tensors: Sequence[Tensor]) -> str:
    """``. Give T a number: --inputs "X: n 3 d, …"``, where a loop runs over a size that has none; else nothing."""
    sizes = [s for s in failure.sizes if any(s in d.free_symbols for t in tensors for d in t.dims)]
    if not sizes:
        return ""
    numbers = _exact({s: 3 + k for k, s in enumerate(sizes)})
    fixed = ", ".join(declared(tensor_at(t, numbers)) for t in tensors)
    return f'. Give {" and ".join(map(str, sizes))} a number: --inputs "{fixed}"'


def _is_fixed(symbol: Any) -> bool:
    return isinstance(symbol, Index) and bool(symbol.dim.is_Integer)


def _exact(sizes: Sizes) -> dict[Symbol, Expr]:
    return {s: Integer(v) for s, v in sizes.items()}


def _words(sizes: Sizes) -> str:
    return ", ".join(f"{s} = {v}" for s, v in sizes.items())


def derivation_at(derivation: Derivation, sizes: Sizes) -> Derivation:
    """The givens, definitions and results of a derivation at concrete sizes, without its steps."""
    exact = _exact(sizes)

    def result_at(r: Result) -> Result:
        indices = tuple(Index(i.name, i.dim.xreplace(exact)) for i in r.indices)
        of = None if r.of is None else tensor_at(r.of, exact)
        wrt = tuple(tensor_at(t, exact) for t in r.wrt)
        return replace(r, indices=indices, expr=at_sizes(r.expr, exact), of=of, wrt=wrt, in_output=None)

    parts = tuple(
        replace(p, steps=(), result=None if p.result is None else result_at(p.result)) for p in derivation.parts
    )
    givens = tuple(tensor_at(t, exact) for t in derivation.givens)
    definitions = tuple(definition_at(d, exact) for d in derivation.definitions)
    return replace(derivation, givens=givens, definitions=definitions, parts=parts)
