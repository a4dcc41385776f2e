"""From a catalogue entry to its derivation: text is parsed, formulas are derived, every step is judged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Expr

from ..calculus.backward import Backward
from ..calculus.certificates import Judge
from ..calculus.conditional_sampling import Conditions
from ..calculus.derivation import Definition, Derivation, Part, Result
from ..calculus.goal import Statement
from ..calculus.hypotheses import Hypothesis, in_order, parse_hypotheses
from ..calculus.identities import prove_identity
from ..calculus.letters import Letters
from ..calculus.parser import parse_claim, parse_definitions, parse_expression, parse_givens
from ..calculus.prover import Prover
from ..calculus.random_givens import assumed
from ..calculus.statements import Proof
from ..calculus.tensors import Element, Index, Tensor
from ..calculus.trail import Claim, Claims
from .entry import Entry
from .options import Value

_FIRST = re.compile(r"d([A-Za-z_]\w*)/d([A-Za-z_]\w*)")
_SECOND = re.compile(r"d2([A-Za-z_]\w*)/d([A-Za-z_]\w*?)2")


class EntryError(ValueError):
    """An entry asks for something that its definitions do not have."""


@dataclass(frozen=True)
class Wanted:
    """One derivative that an entry asks for: of what, with respect to what, first or second."""

    text: str
    of: Tensor
    wrt: Tensor
    order: int


def derive_entry(entry: Entry, *, thorough: bool = False, **parameters: Value) -> Derivation:
    """The derivation of an entry, every step judged.

    **Arguments**: parameters of the entry (``depth=4``); thorough: more sample points per step.
    **Raises** ParameterError, ParseError, or EntryError where the entry asks for what it does not define.
    """
    entry = entry.at(**parameters)
    assert isinstance(entry.given, str) and isinstance(entry.define, str)
    givens = parse_givens(entry.given)
    definitions = parse_definitions(entry.define, givens)
    assert not callable(entry.assume)
    hypotheses = parse_hypotheses(entry.assume, givens, definitions)
    return derive(entry, givens, definitions, hypotheses, thorough=thorough)


def derive(
    entry: Entry,
    givens: Sequence[Tensor],
    definitions: Sequence[Definition],
    hypotheses: Sequence[Hypothesis] = (),
    *,
    thorough: bool = False,
) -> Derivation:
    """The derivation of what ``entry`` wants and states, over parsed givens, definitions and hypotheses."""
    if entry.wanted and any(t.domain.random is not None for t in givens):
        raise EntryError(f"{entry.id}: a derivative is wanted, and {entry.id} has random givens; state it in `proof`")
    dims = [d for t in (*givens, *(d.tensor for d in definitions)) for d in t.dims]
    dims += sorted({k.dim for d in definitions for k in d.body.atoms(Index)} - set(dims), key=str)
    letters = Letters(definitions, dims)
    definitions = [letters.name_definition(d) for d in definitions]
    tensors = {t.name: t for t in (*givens, *(d.tensor for d in definitions))}
    sampled = [t for t in givens if not t.domain.function]
    solved = [h.solved for h in hypotheses if h.solved is not None]
    every = in_order([*solved, *definitions]) if solved else definitions
    prover = Prover(every, sampled, thorough=thorough)
    owner = _Builder(entry, tensors, Backward(every, letters, prover))
    _check_state(entry, tensors, givens)
    parts = [*owner.parts()]
    if entry.proof:
        conditions = Conditions(tuple(prover.definitions.values()), tuple(sampled), tuple(hypotheses), entry.examples)
        proof = Proof(Judge(prover, conditions), tensors)
        parts += [proof.prove(statement) for statement in _statements(entry)]
    return Derivation(
        entry.id,
        entry.title,
        tuple(givens),
        tuple(definitions),
        tuple(parts),
        (*_course(entry), *entry.conventions),
        entry.pitfalls,
        entry.references,
        entry.topic,
        letters.as_mapping(),
        (*assumed(givens), *(h.assumption for h in hypotheses)),
        entry.regimes,
    )


def _check_state(entry: Entry, tensors: Mapping[str, Tensor], givens: Sequence[Tensor]) -> None:
    """Refuse a state that is not given, or that is replaced by something of another shape."""
    assert not callable(entry.state)
    known = {t.name for t in givens}
    for old, new in entry.state.items():
        if old not in known or new not in tensors or tensors[new].dims != tensors[old].dims:
            said = f"{entry.id}: state {old!r}: {new!r}"
            raise EntryError(f"{said} does not name a given and a definition of its shape, such as 'w': 'w1'")


def _course(entry: Entry) -> Iterable[str]:
    """What an update rule replaces in a step, and where it starts, in words."""
    if not entry.state:
        return
    assert not callable(entry.state) and not callable(entry.start)
    yield f"One step replaces {_listed([f'{old} by {new}' for old, new in entry.state.items()])}."
    memory: dict[str, list[str]] = {}
    for name in list(entry.state)[1:]:
        memory.setdefault(str(entry.start.get(name, 0)), []).append(name)
    for value, names in memory.items():
        yield f"Before the first step {_listed(names)} {'is' if len(names) == 1 else 'are'} {value}."


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _statements(entry: Entry) -> tuple[Statement, ...]:
    assert not callable(entry.proof)
    return entry.proof


class _Builder:
    """The parts of one entry, in the order it asks for them."""

    def __init__(self, entry: Entry, tensors: dict[str, Tensor], backward: Backward) -> None:
        self.entry = entry
        self.tensors = tensors
        self.backward = backward
        self.made: dict[tuple[Tensor, Tensor], Result] = {}

    def parts(self) -> Iterable[Part]:
        assert not callable(self.entry.wanted)
        texts = self.entry.wanted
        wanted = {text: self._read(text) for text in texts if "=" not in text}
        self._sources = {w.of for w in wanted.values()}
        done: set[str] = set()
        for text in texts:
            if text in done:
                continue
            request = wanted.get(text)
            if request is None:
                yield self._identity(text)
            elif request.order == 1:
                group = [w for w in wanted.values() if w.of == request.of and w.order == 1]
                done.update(w.text for w in group)
                yield from self._first(request.of, group)
            else:
                yield self._second(request)

    def _read(self, text: str) -> Wanted:
        for pattern, order in ((_SECOND, 2), (_FIRST, 1)):
            match = pattern.fullmatch(text.replace(" ", ""))
            if match:
                of, wrt = (self._tensor(name, text) for name in match.groups())
                if of not in self.backward.definitions:
                    raise EntryError(
                        f"{self.entry.id}: {text} asks for a derivative of {of.name}, which is not defined"
                    )
                if of == wrt:
                    raise EntryError(f"{self.entry.id}: {text} asks for the derivative of {of.name} in itself")
                return Wanted(text, of, wrt, order)
        raise EntryError(f"{self.entry.id}: cannot read the wanted {text!r}; write dL/dZ, d2L/dZ2 or A = B - C")

    def _tensor(self, name: str, text: str) -> Tensor:
        if name not in self.tensors:
            raise EntryError(f"{self.entry.id}: {text} names {name}; known are {', '.join(self.tensors)}")
        return self.tensors[name]

    def _name(self, wanted: Wanted) -> str:
        of, wrt = wanted.of, wanted.wrt
        if wanted.order == 2:
            return f"d2{of.name}_d{wrt.name}2"
        alone = len(self._sources) == 1
        elementwise = all(t.rank == 0 for t in self.tensors.values())
        short = alone and of.rank == 0 and not elementwise
        return self.backward.gradient_name(of, wrt) if short else f"d{of.name}_d{wrt.name}"

    def _claims(self, wanted: Wanted) -> Claims:
        axes = (*wanted.of.dims, *wanted.wrt.dims * wanted.order)
        return Claims(self._claim(wanted.text, axes), self._claim(f"{wanted.text} in output", axes))

    def _claim(self, key: str, axes: Sequence[Expr]) -> Claim | None:
        stated: Any = self.entry.claim
        if key not in stated:
            return None
        adjoints = {f"d{name}": Tensor(f"d{name}", t.dims) for name, t in self.tensors.items()}
        return Claim(*parse_claim(stated[key], {**adjoints, **self.tensors}, axes))

    def _first(self, of: Tensor, group: Sequence[Wanted]) -> list[Part]:
        parts = self.backward.derive(
            of,
            [w.wrt for w in group],
            names={w.wrt: self._name(w) for w in group},
            claims={w.wrt: self._claims(w) for w in group},
        )
        for part in parts:
            if part.result is not None and part.result.wanted:
                self.made[of, part.result.wrt[0]] = part.result
        return parts

    def _second(self, wanted: Wanted) -> Part:
        first = self.made.get((wanted.of, wanted.wrt))
        if first is None:
            raise EntryError(
                f"{self.entry.id}: {wanted.text} needs d{wanted.of.name}/d{wanted.wrt.name} before it in `wanted`"
            )
        return self.backward.second(first, wanted.wrt, name=self._name(wanted), claims=self._claims(wanted))

    def _identity(self, text: str) -> Part:
        names = [side.strip() for side in text.split("=", 1)]
        arrays = [self.tensors[name] for name in names if name in self.tensors]
        if len(arrays) == 2 and arrays[0].dims == arrays[1].dims:
            indices = self.backward.letters.take(arrays[0].dims)
            left, right = (Element(t, *indices) for t in arrays)
        else:
            left, right = map(self._side, names)
        return prove_identity(self.backward, left, right, self.entry.rules)

    def _side(self, text: str) -> Expr:
        if _FIRST.fullmatch(text):
            wanted = self._read(text)
            if (wanted.of, wanted.wrt) not in self.made:
                raise EntryError(f"{self.entry.id}: an identity about {text} needs {text} before it in `wanted`")
            return self.backward.derivative_node(wanted.of, wanted.wrt)
        return parse_expression(text, self.tensors)
