"""The judge of relations: equations by the normal form, inequalities by a certificate whose sign can be read off.

``A <= B`` is proved where B − A equals a certificate (an identity, decided by the prover) that is defined wherever A
and B are, and every term of which is non-negative: squares, weights, slacks of hypotheses, named inequalities. Every
relation is also sampled at points that meet the hypotheses it rests on; one that is proved and contradicted stops the
run, and one whose hypotheses no point meets stays open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from math import prod

import sympy
from sympy import Add, Expr, Integer

from .conditional_sampling import Conditions
from .definedness import Defined
from .derivation import Definition, Verdict
from .functions import Indicator
from .hypotheses import Hypothesis
from .intervals import Interval, Intervals
from .lemmas import Gap, written_out
from .normal_form import Normalizer
from .polynomials import Undecided
from .prover import Prover, ProverError
from .relations import Relation
from .sums import BoundSum, rebuild
from .tensors import REAL, Element, Index, Tensor

NOTHING_MET = "no point was found at which the assumptions hold and both sides are defined"
UNSEEN_SIGN = "the sign of the certificate cannot be read off"
UNSEEN_DOMAIN = "the certificate may be undefined where the sides are defined"
#: A relation over numbered indices is decided one by one, up to this many.
MOST_CASES = 64


class Judge:
    """Judges relations over definitions, from hypotheses.

    impossible: the hypotheses are meant to contradict each other, so that no point meets them.
    """

    def __init__(self, prover: Prover, conditions: Conditions, *, impossible: bool = False) -> None:
        self.prover = prover
        self.conditions = conditions
        self.impossible = impossible
        #: Where the slack of a hypothesis or of a proved relation lies, and the hypotheses that this rests on.
        self.known: dict[Tensor, Interval] = {}
        self.rests: dict[Tensor, tuple[Hypothesis, ...]] = {}
        for hypothesis in conditions.hypotheses:
            self.learn(hypothesis.slack, hypothesis.interval, (hypothesis,))

    def learn(self, slack: Definition, interval: Interval, rests: Sequence[Hypothesis]) -> None:
        """Use a relation that is assumed, or that has been proved from hypotheses."""
        self.known[slack.tensor] = interval
        self.rests[slack.tensor] = tuple(rests)
        self.prover.define(slack)

    def using(self, *hypotheses: Hypothesis, only: Sequence[Hypothesis] | None = None) -> Judge:
        """A judge who knows further hypotheses, or of the present ones only those in ``only``."""
        mine = self.conditions.hypotheses if only is None else tuple(only)
        conditions = replace(self.conditions, hypotheses=(*mine, *hypotheses))
        judge = Judge(self.prover, conditions, impossible=self.impossible)
        if only is None:
            judge.known = {**self.known, **judge.known}
            judge.rests = {**self.rests, **judge.rests}
        return judge

    def used_by(self, certificate: Expr) -> tuple[Hypothesis, ...]:
        """The hypotheses that the sign of a certificate rests on."""
        tensors = sorted(certificate.atoms(Tensor) & self.rests.keys(), key=lambda t: t.name)
        return tuple(dict.fromkeys(h for t in tensors for h in self.rests[t]))

    def _conditions(self, rests: Sequence[Hypothesis] | None = None) -> Conditions:
        """What is sampled: all hypotheses, or those that a proof rests on."""
        hypotheses = self.conditions.hypotheses if rests is None else tuple(rests)
        return replace(self.conditions, definitions=tuple(self.prover.definitions.values()), hypotheses=hypotheses)

    # -- equations -----------------------------------------------------------------------------------------------------

    def identity(self, left: Expr, right: Expr) -> Verdict:
        """An equation that needs no hypothesis but those that are definitions."""
        verdict = self.prover.judge(left, written_out(right))
        if verdict.kind != "open":
            return verdict
        cases = list(_cases(left, right)) or [(left, right)]
        written = [(self._without_sums(a), self._without_sums(b)) for a, b in cases]
        if written != [(left, right)] and all(self.prover.judge(a, b).is_proved for a, b in written):
            return Verdict("proved", "normal form, what is numbered written out")
        return verdict

    def _without_sums(self, expr: Expr) -> Expr:
        """Definitions unfolded, and sums over a number written out, where that changes the sums."""
        unfolded = self.unfolded(self.prover.resolve(expr))
        written = rebuild(unfolded, _written_sum)
        return expr if written == unfolded else written

    def unfolded(self, expr: Expr) -> Expr:
        """The expression with every definition replaced by its body."""
        definitions = self.prover.definitions
        return rebuild(
            expr,
            lambda e: (
                self.unfolded(definitions[e.tensor].at(*e.indices))
                if isinstance(e, Element) and e.tensor in definitions
                else None
            ),
        )

    def equation(self, left: Expr, right: Expr) -> Verdict:
        """An equation, or what the hypotheses leave of it."""
        verdict = self.identity(left, right)
        if verdict.kind != "refuted" or not any(h.solved is None for h in self.conditions.hypotheses):
            return verdict
        return self._sampled(left, "=", right, None, "an identity without the assumptions it is not")

    # -- inequalities --------------------------------------------------------------------------------------------------

    def plain(self, left: Expr, relation: Relation, right: Expr) -> Verdict:
        """An inequality whose sign can be read off the difference of its sides, or off the normal form of that."""
        basis = next(
            (name for name, form in self._forms(left, relation, right) if self.has_sign(form, relation, (left, right))),
            None,
        )
        if basis is None:
            cases = list(_cases(left, right))
            if cases and all(self.plain(a, relation, b).is_proved for a, b in cases):
                basis = f"each of {len(cases)} cases by its sign"
        return self._sampled(left, relation, right, basis, "no certificate, and the sign cannot be read off")

    def _forms(self, left: Expr, relation: Relation, right: Expr) -> Iterator[tuple[str, Expr]]:
        difference = slack(left, relation, right)
        yield "sign of the difference", difference
        unfoldings: list[dict[Tensor, Definition]] = [{}]
        for tensor in self.prover._defined(difference):
            unfoldings.append({**unfoldings[-1], tensor: self.prover.definitions[tensor]})
        for unfold in unfoldings:
            for elementary in (False, True):
                try:
                    normalizer = Normalizer(unfold, elementary=elementary)
                    yield "sign of the normal form", normalizer.expr(normalizer.poly(difference))
                except (Undecided, RecursionError):
                    continue

    def sign(self, certificate: Expr, relation: Relation, sides: tuple[Expr, Expr]) -> Verdict:
        """Whether a certificate shows ``relation`` between two sides, whose difference it equals."""
        if not self.has_sign(certificate, relation):
            found = self._conditions().refute(written_out(certificate), _against_zero(relation), Integer(0))
            if found.counterexample is not None:
                return Verdict("refuted", "rigorous evaluation", found.counterexample)
            return Verdict("open", UNSEEN_SIGN)
        if not self._defined(sides)(certificate):
            return Verdict("open", UNSEEN_DOMAIN)
        words = ingredients(certificate, self.known, relation)
        return Verdict("proved", f"sign of each term: {words}")

    def conclude(
        self, left: Expr, relation: Relation, right: Expr, verdicts: Sequence[Verdict], rests: Sequence[Hypothesis] = ()
    ) -> Verdict:
        """The relation that follows, from hypotheses that it rests on, where the verdicts are all ``proved``."""
        basis = "from the lines before" if all(v.is_proved for v in verdicts) else None
        return self._sampled(left, relation, right, basis, "a line that it needs is not proved", rests)

    def has_sign(self, expr: Expr, relation: Relation, sides: tuple[Expr, Expr] | None = None) -> bool:
        """Whether an expression is seen to be zero, non-negative or positive; and defined where ``sides`` are."""
        interval = Intervals(self.prover.definitions.values(), self.known)(expr)
        fine = interval.zero if relation == "=" else interval.nonnegative if "=" in relation else interval.positive
        return fine and (sides is None or self._defined(sides)(expr))

    def _defined(self, sides: tuple[Expr, Expr]) -> Defined:
        return Defined(Intervals(self.prover.definitions.values(), self.known), sides)

    def is_defined_with(self, expr: Expr, sides: tuple[Expr, Expr]) -> bool:
        """Whether a middle member of a chain is certainly defined wherever its ends are."""
        return self._defined(sides)(expr)

    def _sampled(
        self,
        left: Expr,
        relation: Relation,
        right: Expr,
        basis: str | None,
        else_open: str,
        rests: Sequence[Hypothesis] = (),
    ) -> Verdict:
        """``proved`` by a basis or open, and never against a counterexample."""
        conditions = self._conditions(rests if basis is not None else None)
        met = conditions.refute(left, relation, right, thorough=self.prover.thorough)
        if met.counterexample is not None:
            if basis is not None:
                raise ProverError(f"{left} {relation} {right} was proved ({basis}), but {met.counterexample}")
            return Verdict("refuted", "rigorous evaluation", met.counterexample)
        if basis is None:
            return Verdict("open", else_open)
        if not met.points and not self.impossible:
            return Verdict("open", NOTHING_MET)
        return Verdict("proved", basis)


def slack(left: Expr, relation: Relation, right: Expr) -> Expr:
    """The larger side minus the smaller one."""
    return right - left if relation[0] == "<" else left - right


def _against_zero(relation: Relation) -> Relation:
    return "=" if relation == "=" else ">=" if "=" in relation else ">"


def _written_sum(expr: Expr) -> Expr | None:
    """Σ over indices that run over numbers, term by term."""
    if not isinstance(expr, BoundSum):
        return None
    body, indices = expr.open()
    if not all(i.dim.is_Integer for i in indices) or prod(int(i.dim) for i in indices) > MOST_CASES:
        return None
    places = [
        dict(zip(indices, map(Integer, at), strict=True)) for at in product(*(range(int(i.dim)) for i in indices))
    ]
    return Add(*(rebuild(rebuild(body, at.get), _written_sum) for at in places))  # type: ignore[arg-type]


def _cases(left: Expr, right: Expr) -> Iterator[tuple[Expr, Expr]]:
    """The relation at every value of the free indices that run over a number, where they are few."""
    indices = sorted(
        (i for i in left.free_symbols | right.free_symbols if isinstance(i, Index) and i.dim.is_Integer), key=str
    )
    sizes = [int(i.dim) for i in indices]
    if indices and prod(sizes) <= MOST_CASES:
        for values in product(*map(range, sizes)):
            at = dict(zip(indices, map(Integer, values), strict=True))
            yield rebuild(left, at.get), rebuild(right, at.get)  # type: ignore[arg-type]


def ingredients(certificate: Expr, known: dict[Tensor, Interval], relation: Relation) -> str:
    """What makes a certificate non-negative, in words: ``squares``, named inequalities, names of hypotheses.

    A certificate that is zero is so by the equations among its hypotheses.
    """
    words: dict[str, None] = {}
    if relation == "=":
        return ", ".join(sorted(t.name for t in certificate.atoms(Tensor) if t in known and known[t].zero))
    for gap in sorted(certificate.atoms(Gap), key=str):
        words[gap.statement] = None
    for tensor in sorted(certificate.atoms(Tensor), key=str):
        if tensor in known:
            words[tensor.name] = None
    if any(p.exp.is_Integer and p.exp.is_even and p.exp > 0 for p in certificate.atoms(sympy.Pow)):
        words["squares"] = None
    if any(not d.is_Number for d in certificate.atoms(Indicator)):
        words["indicators"] = None
    signs = {t.name: t.domain for t in certificate.atoms(Tensor) if t not in known and t.domain != REAL}
    for name, domain in sorted((n, d) for n, d in signs.items() if len(n) == 1):  # longer names may be Greek letters
        words[f"{name} > 0" if domain.positive else f"{name} ≥ 0"] = None
    if certificate.has(sympy.exp):
        words["exp > 0"] = None
    return ", ".join(words) or "a constant"
