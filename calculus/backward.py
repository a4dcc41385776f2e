"""Reverse mode over definitions: the adjoint equations of a formula, step by step.

For each definition, from the last to the first: its adjoint is the sum over its consumers of their adjoint times their
local derivative, simplified locally. Intermediates keep their names, so the list of equations grows linearly with
depth. An adjoint that goes to one place only is inserted there when that makes the formulas smaller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sympy import Expr, Integer

from .cancellation import divisors, without_divisors
from .derivation import Definition, Known, Part, Result, Step
from .deviations import without_deviations
from .differentiation import Moving, differentiate
from .folding import by_their_names
from .letters import Letters
from .logistic import named_sigmoid
from .output_form import in_terms_of_output
from .prover import Prover
from .rules import (
    ADJOINTS,
    CHAIN,
    COLLECT,
    DELTAS,
    DEVIATIONS,
    NAMES,
    ONE_SUM,
    OUTPUT,
    ROWS,
    SECOND,
    SIGMOID,
    UPSTREAM,
    is_softmax,
    jacobian_name,
    joined,
    softmax_rule,
)
from .simplification import bottom_up, collect, contract_deltas, one_sum, sum_rows_apart
from .sums import Delta, Partial, bound_sum, count_nodes, occurrences, rebuild
from .tensors import Element, Index, Tensor
from .trail import Claims, Trail


class Backward:
    """Derives derivatives of one definition with respect to others and to the givens."""

    def __init__(self, definitions: Iterable[Definition], letters: Letters, prover: Prover) -> None:
        self.definitions = {d.tensor: d for d in definitions}
        self.letters = letters
        self.prover = prover
        #: Derivatives derived so far, by (of, with respect to).
        self.found: dict[tuple[Tensor, Tensor], Known] = {}
        self._locals: dict[tuple[Tensor, Tensor], tuple[Known, tuple[Step, ...]]] = {}

    def derive(
        self,
        of: Tensor,
        targets: Sequence[Tensor],
        *,
        names: Mapping[Tensor, str],
        claims: Mapping[Tensor, Claims] | None = None,
    ) -> list[Part]:
        """The parts that derive ∂of/∂target for every target, intermediates first.

        names: what the arrays are called. claims: closed forms to prove and to use.
        """
        return _Run(self, of, tuple(targets), names, claims or {}).parts()

    def gradient_name(self, of: Tensor, wrt: Tensor) -> str:
        """``dW``, or ``dL_dW`` where ``dW`` is the name of something else."""
        name = f"d{wrt.name}"
        taken = {t.name for t in (*self.prover.givens, *self.definitions)}
        return f"d{of.name}_{name}" if name in taken else name

    def second(self, first: Result, wrt: Tensor, *, name: str, claims: Claims | None = None) -> Part:
        """The part that derives ∂²of/∂x∂wrt by differentiating the first derivative in ``first``."""
        assert first.of is not None
        output = self.definitions[first.of]
        indices = self.letters.take(wrt.dims, avoid=first.indices)
        target = Element(wrt, *indices)
        inner = Element(first.wrt[0], *first.indices[len(output.indices) :])
        left = Partial(Partial(output.element, inner), target)
        body = first.expr
        if first.in_output is not None and count_nodes(first.in_output) + 1 < count_nodes(body):
            body = first.in_output
        trail = Trail(self.prover)
        before: list[Step] = []
        moving: dict[Tensor, Moving] = {}
        for tensor in self.definitions:
            if tensor in body.atoms(Tensor) and tensor in self.prover.downstream(wrt):
                known, steps, rule = self._total(tensor, wrt)
                before += steps
                moving[tensor] = Moving(rule, known)
        trail.add(left, Partial(body, target, held=not moving), SECOND)
        for line in differentiate(body, target, moving):
            trail.follow(line.expr, line.rule)
        contracted = contract_deltas(trail.last)
        trail.follow(collect(contracted), DELTAS if contracted != trail.last else COLLECT)
        _name_sigmoid(trail)
        expr, shown = state(trail, claims or Claims(), (*first.indices, *indices), trail.last)
        result = Result(name, (*first.indices, *indices), expr, first.of, (*first.wrt, wrt), True, shown)
        return Part(left, (*before, *trail.steps), result)

    def _total(self, tensor: Tensor, wrt: Tensor) -> tuple[Known, tuple[Step, ...], str]:
        """The derivative of a definition with everything between moving: from what is proved, or derived here."""
        definition = self.definitions[tensor]
        rule = softmax_rule(definition) if is_softmax(definition) else f"derivative of {tensor.name}"
        known = self.found.get((tensor, wrt))
        if known is not None:
            return known, (), rule
        directly = self.prover.downstream(wrt).isdisjoint(definition.inputs())
        if directly and (tensor, wrt) in self._locals:
            return self._locals[tensor, wrt][0], (), rule
        parts = self.derive(tensor, [wrt], names={})
        return self.found[tensor, wrt], tuple(s for p in parts for s in p.steps), rule

    def derivative_node(self, of: Tensor, wrt: Tensor) -> Partial:
        """∂of/∂wrt at named indices, unevaluated."""
        output = self.definitions[of]
        return Partial(output.element, Element(wrt, *self.letters.take(wrt.dims, avoid=output.indices)))

    def local(self, consumer: Definition, wrt: Tensor) -> tuple[Known, tuple[Step, ...]]:
        """∂consumer/∂wrt with every other definition held, and the lines that lead to it."""
        found = self._locals.get((consumer.tensor, wrt))
        if found is not None:
            return found
        wrt_indices = self.letters.take(wrt.dims, avoid=consumer.indices)
        target = Element(wrt, *wrt_indices)
        trail = Trail(self.prover)
        trace(trail, Partial(consumer.element, target, held=True), consumer, target)
        known = Known(consumer.tensor, consumer.indices, wrt, wrt_indices, trail.last)
        if all(step.verdict.is_proved for step in trail.steps):
            self.prover.learn(known, held=True)
        self._locals[consumer.tensor, wrt] = known, tuple(trail.steps)
        return self._locals[consumer.tensor, wrt]


def trace(trail: Trail, left: Expr, definition: Definition, target: Element, *, fold: bool = True) -> None:
    """The lines from ∂definition/∂target to its simplified value."""
    lines = differentiate(definition.body, target)
    trail.lead(left, lines[0].expr, lines[0].rule)
    for line in lines[1:]:
        trail.follow(line.expr, line.rule)
    contracted = contract_deltas(trail.last)
    trail.follow(collect(contracted), DELTAS if contracted != trail.last else COLLECT)
    if fold:
        trail.follow(collect(in_terms_of_output(trail.last, definition)), OUTPUT)


@dataclass
class _Run:
    """One reverse pass."""

    owner: Backward
    of: Tensor
    targets: tuple[Tensor, ...]
    names: Mapping[Tensor, str]
    claims: Mapping[Tensor, Claims]
    waiting: dict[Tensor, tuple[Known, Part]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.prover = self.owner.prover
        self.output = self.owner.definitions[self.of]
        self.path = self._path()
        self.of_element = self.output.element

    def _path(self) -> list[Tensor]:
        """The definitions between the targets and ``of``, and the targets, in order of dependence."""
        reaching = set(self.targets)
        for tensor, definition in self.owner.definitions.items():
            if not reaching.isdisjoint(definition.inputs()):
                reaching.add(tensor)
        needed = {self.of}
        for tensor in reversed(list(self.owner.definitions)):
            if tensor in needed:
                needed.update(t for t in self.owner.definitions[tensor].inputs() if t in reaching)
        ordered = [t for t in self.targets if t not in self.owner.definitions]
        return [*ordered, *(t for t in self.owner.definitions if t in needed and t in reaching and t != self.of)]

    def consumers(self, tensor: Tensor) -> list[Definition]:
        members = {*self.path, self.of}
        return [d for t, d in self.owner.definitions.items() if t in members and tensor in d.inputs()]

    def parts(self) -> list[Part]:
        out: list[Part] = []
        defined = [t for t in reversed(self.path) if t in self.owner.definitions]
        for tensor in [*defined, *(t for t in self.targets if t not in self.owner.definitions)]:
            out += self._adjoint(tensor)
        return out

    def _adjoint(self, tensor: Tensor) -> list[Part]:
        owner = self.owner
        indices = owner.letters.take(tensor.dims, avoid=self.output.indices)
        target = Element(tensor, *indices)
        consumers = self.consumers(tensor)
        trail = Trail(self.prover)
        out: list[Part] = []
        before: list[Step] = []
        left = Partial(self.of_element, target)
        plain: Expr | None = None
        if consumers != [self.output]:
            out, before = self._chain(trail, consumers, target, left)
        elif self.output.pairing:
            trail.lead(left, contract_deltas(differentiate(self.output.body, target)[-1].expr), UPSTREAM)
        else:
            trace(trail, left, self.output, target, fold=False)
            plain = trail.last
        claims = self.claims.get(tensor, Claims())
        every = (*self.output.indices, *indices)
        if plain is not None and self._is_scalar(tensor):
            expr, shown = self._two_forms(trail, claims, plain)
        else:
            if plain is not None:
                trail.follow(collect(in_terms_of_output(plain, self.output)), OUTPUT)
            forms = [(DEVIATIONS, self._without_deviations), (ROWS, sum_rows_apart), (NAMES, self._by_names)]
            for reason, form in forms if claims.plain is not None else (*forms, (ONE_SUM, one_sum)):
                found = form(trail.last)
                if found != bottom_up(trail.last, lambda e: e):  # else it is only written in another order
                    trail.follow(collect(found), reason)
            trail.follow(collect(trail.last), COLLECT)
            _name_sigmoid(trail)
            expr, shown = state(trail, claims, every, trail.last)
        name = self.names.get(tensor) or owner.gradient_name(self.of, tensor)
        result = Result(name, every, expr, self.of, (tensor,), tensor in self.targets, shown)
        known = Known(self.of, self.output.indices, tensor, indices, shown if shown is not None else expr)
        renamed = isinstance(expr, Element) and tensor not in self.targets
        part = Part(left, (*before, *trail.steps), None if renamed else result)
        if self._is_inserted(known):
            self.waiting[tensor] = known, part
            return out
        self._name(known, part)
        return [*out, part]

    def _without_deviations(self, expr: Expr) -> Expr:
        return without_deviations(expr, self.owner.definitions)

    def _by_names(self, expr: Expr) -> Expr:
        return by_their_names(expr, self.owner.definitions.values())

    def _two_forms(self, trail: Trail, claims: Claims, plain: Expr) -> tuple[Expr, Expr | None]:
        """The derivative of a function of one variable: in the variable, and then in terms of the output."""
        in_variable = claims.plain is not None and self.of not in claims.plain.expr.atoms(Tensor)
        expr = state(trail, Claims(plain=claims.plain), (), plain)[0] if in_variable else plain
        folded = collect(in_terms_of_output(plain, self.output))
        if folded == plain:
            if not in_variable:
                expr = _name_sigmoid(trail)
            return state(trail, Claims(None if in_variable else claims.plain, claims.in_output), (), expr)
        trail.follow(folded, OUTPUT)
        rest = Claims(in_output=claims.in_output or (None if in_variable else claims.plain))
        return expr, state(trail, rest, (), expr)[1] or folded

    def _is_scalar(self, tensor: Tensor) -> bool:
        return self.of.rank == 0 and tensor.rank == 0

    def _is_inserted(self, known: Known) -> bool:
        """Whether the adjoint of an intermediate may be inserted where it goes to.

        It may where it goes to one array; where it goes to several, only if something cancels in every formula.
        """
        if known.wrt in self.targets:
            return False
        inputs = [t for t in self.owner.definitions[known.wrt].inputs() if t in self.path]
        if len(inputs) == 1 or self.of.rank or isinstance(known.value, Element):
            return len(inputs) == 1
        pairs = (self._inserted_and_named(known, t) for t in inputs)
        return all(_count_elements(inserted) < _count_elements(named) for inserted, named in pairs)

    def _name(self, known: Known, part: Part) -> None:
        """Give an adjoint its name, for later formulas and for the prover; a plain element is used as it is."""
        named_here = self.of.rank == 0 and known.wrt in self.owner.definitions
        if part.result is not None and named_here and not isinstance(known.value, Element):
            self.prover.define(Definition(part.result.tensor, known.wrt_indices, known.value))
            named = Element(part.result.tensor, *known.wrt_indices)
            known = Known(known.of, known.of_indices, known.wrt, known.wrt_indices, named)
        self._remember(known, part)

    def _remember(self, known: Known, part: Part) -> None:
        """Use a derivative from here on; the prover may rely on it only where every step to it is proved."""
        self.owner.found[known.of, known.wrt] = known
        if all(step.verdict.is_proved for step in part.steps):
            self.prover.learn(known)

    def _chain(
        self, trail: Trail, consumers: list[Definition], target: Element, left: Expr
    ) -> tuple[list[Part], list[Step]]:
        """The chain rule over the consumers, then what is known inserted and contracted.

        Returns the parts of adjoints that were given a name, and the steps that go before.
        """
        out: list[Part] = []
        before: list[Step] = []
        chain: Expr = Integer(0)
        locals_: dict[Tensor, Known] = {}
        for consumer in consumers:
            local, lines = self.owner.local(consumer, target.tensor)
            waiting = self.waiting.pop(consumer.tensor, None)
            if waiting is not None:
                known, part = waiting
                if self._keeps_its_name(known, target.tensor):
                    self._name(known, part)
                    out.append(part)
                else:
                    self._remember(known, part)
                    before += part.steps
            before.append(_joined_step(consumer, local, lines))
            locals_[consumer.tensor] = local
            if consumer.tensor == self.of:
                chain += Partial(self.of_element, target, held=True)
            else:
                fresh = consumer.tensor.indices()
                element = Element(consumer.tensor, *fresh)
                chain += bound_sum(Partial(self.of_element, element) * Partial(element, target, held=True), *fresh)
        trail.lead(left, chain, CHAIN)
        inserted = rebuild(chain, lambda e: self._insert(e, locals_) if isinstance(e, Partial) else None, {Partial})
        reached = without_divisors(collect(contract_deltas(inserted)))
        trail.follow(reached, DELTAS if inserted.atoms(Delta) else ADJOINTS)
        return out, before

    def _keeps_its_name(self, known: Known, wrt: Tensor) -> bool:
        """Whether inserting an adjoint where it goes to would make formulas larger, and cancel no division."""
        if self.of.rank != 0 or isinstance(known.value, Element):
            return False
        inserted, named = self._inserted_and_named(known, wrt)
        if divisors(without_divisors(inserted)) < divisors(known.value):
            return False
        return count_nodes(inserted) > count_nodes(named) + count_nodes(known.value)

    def _inserted_and_named(self, known: Known, wrt: Tensor) -> tuple[Expr, Expr]:
        """The derivative in an array that ``known.wrt`` is made from: with the adjoint inserted, and with its name."""
        local, _ = self.owner.local(self.owner.definitions[known.wrt], wrt)
        fresh = known.wrt.indices()
        derivative = local.at(fresh, self.owner.letters.take(wrt.dims, avoid=fresh))
        name = Element(Tensor(f"d{known.wrt.name}", known.wrt.dims), *fresh)
        inserted, named = (
            collect(contract_deltas(bound_sum(value * derivative, *fresh)))
            for value in (known.at(known.of_indices, fresh), name)
        )
        return inserted, named

    def _insert(self, node: Partial, locals_: Mapping[Tensor, Known]) -> Expr:
        of = node.of
        assert isinstance(of, Element)
        if not node.held:
            return self.owner.found[of.tensor, node.wrt.tensor].at(of.indices, node.wrt.indices)
        return locals_[of.tensor].at(of.indices, node.wrt.indices)


def _count_elements(expr: Expr) -> int:
    """How often entries of arrays occur."""
    return sum(1 for _ in occurrences(expr, Element))


def _name_sigmoid(trail: Trail) -> Expr:
    """Quotients of exponentials as σ, if there are any; the expression that the trail ends with."""
    named = named_sigmoid(trail.last)
    if named != trail.last:
        trail.follow(collect(named), SIGMOID)
    return trail.last


def state(trail: Trail, claims: Claims, indices: Sequence[Index], expr: Expr) -> tuple[Expr, Expr | None]:
    """Bring the claims of an entry in, each as a step to be judged; the final expression, and its form in the output.

    expr: what holds without them. A claim that is not proved is shown with its verdict, and not used.
    """
    shown: Expr | None = None
    if claims.plain is not None:
        stated = claims.plain.at(indices)
        if trail.claim(stated):
            expr = stated
    if claims.in_output is not None:
        stated = claims.in_output.at(indices)
        if trail.claim(stated) and stated != expr:
            shown = stated
    return expr, shown


def _joined_step(consumer: Definition, local: Known, lines: tuple[Step, ...]) -> Step:
    """A local derivative as one line; the lines behind it become its detail."""
    if len(lines) == 1:
        only = lines[0]
        return Step(only.left, only.right, jacobian_name(consumer, only.rule), only.verdict)
    worst = next(
        (s.verdict for kind in ("refuted", "open") for s in lines if s.verdict.kind == kind), lines[-1].verdict
    )
    rule = jacobian_name(consumer, joined([s.rule for s in lines]))
    return Step(lines[0].left, local.value, rule, worst, False, lines)
