"""A derivation as a plain immutable value: givens, definitions, steps, results. Everything downstream reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sympy import Expr

from .sums import rebuild
from .tensors import Element, Index, Tensor

VerdictKind = Literal["proved", "refuted", "open"]


@dataclass(frozen=True)
class Counterexample:
    """A point at which the two sides differ: sizes, input values (nested tuples of decimal strings), both sides."""

    sizes: Mapping[str, int]
    values: Mapping[str, object]
    at: Mapping[str, int]
    left: str
    right: str

    def __str__(self) -> str:
        """``n = 1, C = 2, Z = [[0.5, −1]]: at i = 0, c = 1 the left side is 0.18, the right side 0.82``."""
        point = [f"{k} = {v}" for k, v in self.sizes.items()]
        point += [f"{k} = {_array_text(v)}" for k, v in self.values.items()]
        at = ", ".join(f"{k} = {v}" for k, v in self.at.items())
        sides = f"the left side is {self.left}, the right side {self.right}"
        if not point and not at:
            return f"some law: {sides}"
        return f"{', '.join(point)}{': ' if point else ''}{f'at {at} ' if at else ''}{sides}"


def _array_text(value: object) -> str:
    """Nested tuples of decimal strings as an array is written: [[0.5, -1], [2, 0.25]]."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_array_text, value))}]"
    return str(value)


@dataclass(frozen=True)
class Verdict:
    """``proved`` for all inputs and sizes, ``refuted`` with a counterexample, or ``open``. Open is never a pass.

    kinks: what is proved where none of these is zero; empty unless that was asked for.
    """

    kind: VerdictKind
    basis: str = ""
    counterexample: Counterexample | None = None
    kinks: tuple[Expr, ...] = ()

    @property
    def is_proved(self) -> bool:
        return self.kind == "proved"

    def __str__(self) -> str:
        return self.kind


@dataclass(frozen=True)
class Definition:
    """A named intermediate: ``tensor[indices] = body``. A scalar has no indices.

    pairing: the body ⟨dY, Y⟩ only stands for an unspecified scalar whose gradient with respect to Y is given.
    """

    tensor: Tensor
    indices: tuple[Index, ...]
    body: Expr
    pairing: bool = False

    @property
    def name(self) -> str:
        return self.tensor.name

    @property
    def element(self) -> Element:
        return Element(self.tensor, *self.indices)

    def at(self, *indices: Expr) -> Expr:
        """The body at other indices, capture-free."""
        mapping = dict(zip(self.indices, indices, strict=True))
        return rebuild(self.body, lambda e: mapping.get(e), mapping.keys())  # type: ignore[call-overload]

    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors its body reads, in order of name."""
        return tuple(sorted(self.body.atoms(Tensor), key=lambda t: t.name))


def behind(returns: Sequence[Definition], known: Mapping[str, Definition]) -> list[Definition]:
    """The definitions that the formulas refer to, directly or through others, in the order in which they are known."""
    wanted: set[str] = set()
    stack = list(returns)
    while stack:
        for t in stack.pop().inputs():
            if t.name in known and t.name not in wanted:
                wanted.add(t.name)
                stack.append(known[t.name])
    return [d for name, d in known.items() if name in wanted]


@dataclass(frozen=True)
class Known:
    """A derivative that has been proved: ``∂ of[of_indices] / ∂ wrt[wrt_indices] = value``."""

    of: Tensor
    of_indices: tuple[Index, ...]
    wrt: Tensor
    wrt_indices: tuple[Index, ...]
    value: Expr

    def at(self, of_indices: Sequence[Expr], wrt_indices: Sequence[Expr]) -> Expr:
        mapping = dict(zip((*self.of_indices, *self.wrt_indices), (*of_indices, *wrt_indices), strict=True))
        return rebuild(self.value, mapping.get, mapping.keys())  # type: ignore[arg-type]


@dataclass(frozen=True)
class Step:
    """One line: ``left = right`` because of ``rule``. ``continues`` says that left is the line before's right side.

    detail holds the single rewriting steps behind a line that joins several. relation: ``=``, ``<=``, ``<``, ``>=`` or
    ``>``.
    """

    left: Expr
    right: Expr
    rule: str
    verdict: Verdict
    continues: bool = False
    detail: tuple[Step, ...] = ()
    relation: str = "="


@dataclass(frozen=True)
class Assumption:
    """A hypothesis of the page: ``left relation right``, by name, and in words."""

    name: str
    left: Expr
    relation: str
    right: Expr
    words: str = ""


@dataclass(frozen=True)
class Stated:
    """What a part proves: ``left relation right``, its title, and the name under which certificates use it."""

    left: Expr
    relation: str
    right: Expr
    title: str = ""
    name: str = ""
    impossible: bool = False


@dataclass(frozen=True)
class Result:
    """A derived formula ``name = expr`` at ``indices`` (the axes of its array, in order).

    For a derivative, ``of`` and ``wrt`` say of what; ``definition`` makes it usable as a named array (an adjoint dW1).
    wanted: asked for by the entry, rather than met on the way.
    """

    name: str
    indices: tuple[Index, ...]
    expr: Expr
    of: Tensor | None = None
    wrt: tuple[Tensor, ...] = ()
    wanted: bool = True
    in_output: Expr | None = None

    @property
    def dims(self) -> tuple[Expr, ...]:
        return tuple(i.dim for i in self.indices)

    @property
    def tensor(self) -> Tensor:
        return Tensor(self.name, self.dims)

    @property
    def definition(self) -> Definition:
        return Definition(self.tensor, self.indices, self.expr)


@dataclass(frozen=True)
class Part:
    """The steps that lead to one result, under a heading such as ∂L/∂Z, or to a statement."""

    left: Expr | None
    steps: tuple[Step, ...]
    result: Result | None
    note: str = ""
    stated: Stated | None = None


@dataclass(frozen=True)
class Derivation:
    """Givens, definitions, proved steps and results of one formula, with its conventions and references."""

    id: str
    title: str
    givens: tuple[Tensor, ...]
    definitions: tuple[Definition, ...]
    parts: tuple[Part, ...]
    conventions: tuple[str, ...] = ()
    pitfalls: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    topic: str = ""
    letters: Mapping[str, str] = field(default_factory=dict)
    assumptions: tuple[Assumption, ...] = ()
    #: Inputs on which code is measured, by name: for each given that is not drawn as usual, how, in words.
    regimes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(s for p in self.parts for s in p.steps)

    @property
    def results(self) -> tuple[Result, ...]:
        return tuple(p.result for p in self.parts if p.result is not None)

    @property
    def wanted(self) -> tuple[Result, ...]:
        return tuple(r for r in self.results if r.wanted)

    @property
    def dims(self) -> tuple[Expr, ...]:
        """The symbolic dimensions, in order of appearance."""
        tensors = (*self.givens, *(d.tensor for d in self.definitions))
        return tuple(dict.fromkeys(s for t in tensors for d in t.dims for s in d.free_symbols))

    @property
    def verdict(self) -> Verdict:
        """Refuted if any step is, else open if any step is, else proved."""
        for kind in ("refuted", "open"):
            for step in self.steps:
                if step.verdict.kind == kind:
                    return step.verdict
        return Verdict("proved", f"all {len(self.steps)} steps")

    @property
    def proved(self) -> bool:
        return self.verdict.is_proved
