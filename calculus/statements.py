"""Proofs of statements, line by line: chains of relations, certificates, the sign of a derivative, induction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sympy import Expr, Integer, Pow

from .certificates import Judge, slack
from .definedness import Defined
from .derivation import Part, Stated, Step, Verdict
from .functions import Indicator, Unknown, Where, absolute, relu
from .goal import Statement
from .hypotheses import Hypothesis, slack_of
from .intervals import Intervals
from .lemmas import written_out
from .parser import ParseError
from .relations import Chain, Relation, parse_certificate, parse_chain
from .scope import NOT_REAL
from .sums import Partial, rebuild
from .tensors import Element, Tensor

DIFFERENCE = "rearrange"
HENCE = "hence"
#: The name of the induction hypothesis in the certificate of an induction step.
BEFORE = "before"


@dataclass
class Proof:
    """Proves goals in order; a goal with a name may be used by those after it."""

    judge: Judge
    tensors: dict[str, Tensor]
    names: dict[str, Tensor] = field(default_factory=dict)
    #: The hypotheses that the statement at hand rests on.
    rests: dict[Hypothesis, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for hypothesis in self.judge.conditions.hypotheses:
            self.names[hypothesis.name] = hypothesis.slack.tensor

    def prove(self, goal: Statement) -> Part:
        """The part of a statement: its lines, each judged."""
        chain = parse_chain(goal.text, self.tensors)
        self.rests = {}
        judge = self.judge if not goal.impossible else Judge(self.judge.prover, self.judge.conditions, impossible=True)
        if goal.induction is not None:
            steps = self._induction(goal, chain)
        elif goal.least_at is not None:
            steps = self._least(goal, chain)
        else:
            steps = self._chain(goal, chain, judge, goal.certificate)
        if goal.name:
            self._remember(goal, chain, steps)
        left, relation, right = chain.whole
        return Part(
            left, tuple(steps), None, stated=Stated(left, relation, right, goal.title, goal.name, goal.impossible)
        )

    def _remember(self, goal: Statement, chain: Chain, steps: Sequence[Step]) -> None:
        if goal.name in self.tensors or goal.name in self.names or goal.name == BEFORE:
            raise ParseError(f"the statement {goal.name} needs a name of its own", "Choose another word.")
        definition, interval = slack_of(goal.name, chain)
        self.names[goal.name] = definition.tensor
        if not all(s.verdict.is_proved for s in steps):
            self.judge.prover.define(definition)  # a certificate may name it, but nothing is known of its sign
        else:
            if goal.induction is None:
                self.judge.learn(definition, interval, tuple(self.rests))
            else:
                # It follows from what holds at all steps; at a single one it is a hypothesis like the others.
                self.judge = self.judge.using(Hypothesis(goal.name, chain, definition, interval))

    def _certificate(self, text: str, chain: Chain) -> Expr:
        return parse_certificate(text, {**self.tensors, **self.names}, chain.indices)

    # -- a chain of relations ------------------------------------------------------------------------------------------

    def _chain(self, goal: Statement, chain: Chain, judge: Judge, certificate: str, before: str = "") -> list[Step]:
        steps: list[Step] = []
        ends = chain.members[0], chain.members[-1]
        last = len(chain.relations) - 1
        joined: list[Step] = []
        for at, (left, relation, right) in enumerate(chain.links):
            rule = goal.reasons[min(at, len(goal.reasons) - 1)] if goal.reasons else ""
            lines: list[Step] = []
            if certificate and (relation != "=" or set(chain.relations) == {"="}):
                lines = self._certified(chain, judge, (left, relation, right), certificate, rule, alone=last == 0)
                steps += lines[:-1]
                step = lines[-1]
            elif relation == "=":
                step = Step(left, right, rule or DIFFERENCE, judge.equation(left, right))
            else:
                step = Step(left, right, rule or "sign", judge.plain(left, relation, right), relation=relation)
            joins = chain.relation != "=" or goal.name  # the ends are used without the middle
            if at and joins and not judge.is_defined_with(left, ends):
                doubt = "the middle of the chain may be undefined where its ends are defined"
                step = replace(step, verdict=Verdict("open", doubt)) if step.verdict.is_proved else step
            joined.append(replace(step, continues=at > 0 or (bool(lines) and step.continues)))
        return [*steps, *joined]

    def _certified(
        self, chain: Chain, judge: Judge, link: tuple[Expr, Relation, Expr], text: str, rule: str, *, alone: bool
    ) -> list[Step]:
        """The difference is the certificate; the certificate has a sign; hence the relation."""
        left, relation, right = link
        certificate = self._certificate(text, chain)
        shown = written_out(certificate)
        difference = slack(left, relation, right)
        sides = (left, right)
        first = judge.identity(difference, shown)
        second = judge.sign(certificate, relation, sides)
        sign: Relation = "=" if relation == "=" else ">=" if "=" in relation else ">"
        rests = judge.used_by(certificate)
        self.rests.update(dict.fromkeys(h for h in rests if h.name != BEFORE))
        verdict = judge.conclude(left, relation, right, (first, second), rests)
        name = rule or DIFFERENCE
        reason = second.basis.partition(": ")[2] or "sign"
        lines = [] if shown == difference else [Step(difference, shown, name, first)]
        if alone and difference == (right if relation[0] == "<" else left):
            closing = verdict if second.is_proved else second
            closing = replace(closing, basis=second.basis) if closing.is_proved else closing
            return [*lines, Step(shown, Integer(0), reason, closing, bool(lines), relation=sign)]
        lines.append(Step(shown, Integer(0), reason, second, bool(lines), relation=sign))
        return [*lines, Step(left, right, HENCE, verdict, relation=relation)]

    # -- the sign of a derivative --------------------------------------------------------------------------------------

    def _least(self, goal: Statement, chain: Chain) -> list[Step]:
        """f ≥ 0 because f(x₀) ≥ 0 and f′(x) = (x − x₀)·w with w ≥ 0, for all x of an interval that holds x₀."""
        if len(chain.relations) != 1 or chain.relations[0] not in ("<=", ">="):
            raise ParseError(f"{goal.text!r} is not one relation <= or >=", "The derivative decides only those.")
        assert goal.least_at is not None
        name, place = goal.least_at
        left, relation, right = chain.whole
        x = self._scalar(name)
        judge = self.judge.using(only=())
        at = self._certificate(place, replace(chain, indices=()))
        weight = self._certificate(goal.slope, chain)
        f = self.judge.unfolded(slack(left, relation, right))
        intervals = Intervals(judge.prover.definitions.values())
        problem = self._not_smooth(f, weight, at, x, intervals)
        if problem:
            doubt = self.judge.conclude(left, relation, right, [Verdict("open")])
            doubt = replace(doubt, basis=problem) if doubt.kind == "open" else doubt
            return [Step(left, right, f"least at {name} = {place}", doubt, relation=relation)]
        start = rebuild(f, lambda e: at if e == x else None)
        derivative = Partial(f, x)
        steps: list[Step] = []
        if start != 0:
            value = judge.plain(start, ">=", Integer(0))
            steps.append(Step(start, Integer(0), f"value at {name} = {place}", value, relation=">="))
        shown = (x - at) * written_out(weight)
        steps.append(Step(derivative, shown, "derivative", judge.identity(derivative, shown)))
        sign = judge.sign(weight, ">=", (weight, weight))
        steps.append(Step(written_out(weight), Integer(0), "sign of the slope", sign, relation=">="))
        final = self.judge.conclude(left, relation, right, [s.verdict for s in steps])
        reason = f"least at {name} = {place}" + (", where both sides agree" if start == 0 else "")
        return [*steps, Step(left, right, reason, final, relation=relation)]

    def _scalar(self, name: str) -> Element:
        tensor = self.tensors.get(name)
        if tensor is None or tensor.rank or tensor in self.judge.prover.definitions or tensor.domain.is_discrete:
            raise ParseError(f"{name} is not a given number that varies", "Give it as x: real or x: positive.")
        return tensor()

    @staticmethod
    def _not_smooth(f: Expr, weight: Expr, at: Expr, x: Element, intervals: Intervals) -> str:
        """Why the sign of the derivative does not decide, or nothing."""
        defined = Defined(intervals)
        place = intervals(at)
        domain = x.tensor.domain
        inside = place.positive if domain.positive else place.nonnegative or not domain.nonnegative
        if x in at.atoms(Element) or not inside or not defined(at):
            return f"{at} is not a place of the domain of {x}"
        if any(t.domain.random is not None for t in f.atoms(Tensor)):
            return "what is random may depend on it"
        if f.atoms(Where, Indicator, relu, absolute, Unknown, Partial) or not _roots_inside(f, intervals):
            return "the difference may have a kink"
        return "" if defined(f) and defined(weight) else "the difference or its slope may be undefined"

    # -- induction -----------------------------------------------------------------------------------------------------

    def _induction(self, goal: Statement, chain: Chain) -> list[Step]:
        """P(0), and P(k) makes P(k + 1); the hypotheses are meant for every k."""
        assert goal.induction is not None
        if len(chain.relations) != 1:
            raise ParseError(f"{goal.text!r} is not one relation", "Induction proves one relation at a time.")
        name, sequences = goal.induction
        k = self._scalar(name)
        if not (k.tensor.domain.nonnegative or k.tensor.domain.positive):
            raise ParseError(f"{name} counts from 0", f"Give it as {name}: nonnegative")
        if any(t.domain.random is not None for m in chain.members for t in m.atoms(Tensor)):
            hint = "The law of a random array does not move with the step; state the step by itself."
            raise ParseError(f"{goal.text!r} is about random values", hint)
        moving = {k.tensor, *(self.tensors[s] for s in sequences)}
        first = self._moved(chain, {k: Integer(0)}, {s: start for s, (start, _) in sequences.items()})
        then = self._moved(chain, {k: k + 1}, {s: after for s, (_, after) in sequences.items()})
        following = {self.tensors[after] for _, after in sequences.values() if after in self.tensors}
        if any(not following.isdisjoint(m.atoms(Tensor)) for m in chain.members):
            raise ParseError(f"{goal.text!r} speaks of two steps at once", "State it of the sequences at step k only.")
        moving |= following
        fixed = [h for h in self.judge.conditions.hypotheses if not self._depends(h, moving)]
        plain = replace(goal, by=())
        base = self._chain(replace(plain, by=(f"{name} = 0",)), first, self.judge.using(only=fixed), goal.base)
        definition, interval = slack_of(BEFORE, chain)
        judge = self.judge.using(Hypothesis(BEFORE, chain, definition, interval))
        self.names[BEFORE] = definition.tensor
        step = self._chain(replace(plain, by=goal.reasons or ("induction step",)), then, judge, goal.certificate)
        del self.names[BEFORE]
        del self.judge.prover.definitions[definition.tensor]
        proved = all(s.verdict.is_proved for s in (*base, *step))
        left, relation, right = chain.whole
        verdict = Verdict("proved", "induction") if proved else Verdict("open", "a line that it needs is not proved")
        return [*base, *step, Step(left, right, f"induction over {name}", verdict, relation=relation)]

    def _depends(self, hypothesis: Hypothesis, moving: set[Tensor]) -> bool:
        reads = self.judge.unfolded(hypothesis.slack.body).atoms(Tensor) | hypothesis.slack.body.atoms(Tensor)
        return not moving.isdisjoint(reads)

    def _moved(self, chain: Chain, numbers: Mapping[Element, Expr], sequences: Mapping[str, str]) -> Chain:
        """The statement with the step count and the sequences at another step."""
        replaced: dict[Tensor, Tensor | Expr] = {}
        for name, other in sequences.items():
            tensor = self.tensors.get(name)
            if tensor is None or tensor in self.judge.prover.definitions:
                raise ParseError(
                    f"the sequence {name} is not given", "A sequence is a given; its next value is defined."
                )
            new: Tensor | Expr | None = self.tensors.get(other)
            if new is None:
                new = self._certificate(other, replace(chain, indices=()))
            if isinstance(new, Tensor) and new.dims != tensor.dims:
                raise ParseError(f"{name} and {other} have different shapes", "A sequence keeps its shape.")
            replaced[tensor] = new

        def leaf(e: Expr) -> Expr | None:
            if not isinstance(e, Element):
                return None
            if e in numbers:
                return numbers[e]
            new = replaced.get(e.tensor)
            if new is None:
                return None
            return Element(new, *e.indices) if isinstance(new, Tensor) else new

        definitions = self.judge.prover.definitions
        for member in chain.members:
            for tensor in member.atoms(Tensor):
                if tensor in definitions and {*replaced, *(k.tensor for k in numbers)} & self.judge.unfolded(
                    Element(tensor, *tensor.indices())
                ).atoms(Tensor):
                    raise ParseError(f"{tensor.name} depends on the step", "Write it out in the statement.")
        members = tuple(rebuild(m, leaf) for m in chain.members)
        for member, moved in zip(chain.members, members, strict=True):
            if moved.has(*NOT_REAL):
                raise ParseError(f"{member} has no real value at the start", "State it so that it has one at k = 0.")
        return replace(chain, members=members)


def _roots_inside(expr: Expr, intervals: Intervals) -> bool:
    """Whether every root is taken of something positive: at zero it would have no derivative."""

    return all(p.exp.is_Integer or intervals(p.base).positive for p in expr.atoms(Pow))
