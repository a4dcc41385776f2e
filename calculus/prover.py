"""The judge of every step: proved for all inputs and sizes, refuted with a counterexample, or open.

Layers, cheapest first: the normal form with definitions opaque; named functions written with exponentials; definitions
unfolded one by one; denominators cleared; case analysis over indicators. A derivative is resolved here by the prover's
own means (the first-order term in t of f(x + t e)), which share no code with the rules that computed the step.
Whatever is proved is sampled with balls as well: a proof that a ball contradicts is a bug, and stops the run.
"""

from __future__ import annotations

from collections.abc import Iterable

from sympy import Expr, Integer, S, Symbol

from .affine import body_at
from .case_analysis import is_piecewise, is_thin, vanishes_by_cases, without_signs
from .derivation import Counterexample, Definition, Known, Verdict
from .expectation import is_average, is_random
from .functions import Indicator, NamedFunction, Where
from .generalisation import generalise
from .normal_form import Normalizer
from .polynomials import Poly, Undecided
from .sums import Delta, Partial, bound_sum, rebuild
from .tensors import Element, Tensor
from .valuations import Valuations

_T = Symbol("t", real=True)


class ProverError(Exception):
    """A step was proved and then contradicted by rigorous evaluation: the prover itself is wrong."""


class Prover:
    """Judges equations over a list of definitions (in order of dependence; adjoints count as definitions too)."""

    def __init__(
        self, definitions: Iterable[Definition] = (), givens: Iterable[Tensor] = (), *, thorough: bool = False
    ) -> None:
        self.definitions: dict[Tensor, Definition] = {}
        self.givens = tuple(givens)
        #: Derivatives that have been proved: of what, with respect to what, and whether all other definitions are held.
        self.known: dict[tuple[Tensor, Tensor, bool], Known] = {}
        self.thorough = thorough
        self._opaque = {elementary: Normalizer(elementary=elementary) for elementary in (False, True)}
        self._below: dict[Tensor, frozenset[Tensor]] = {}
        self._valuations = Valuations()
        for definition in definitions:
            self.define(definition)

    def define(self, definition: Definition) -> None:
        """Add a definition; it may read those already there. Raises ValueError for one that hides what is random."""
        if definition.tensor.domain.random is None and is_random(definition.body):
            raise ValueError(f"{definition.name} is random, and its name does not say so")
        self.definitions[definition.tensor] = definition
        self._below.clear()

    def learn(self, known: Known, *, held: bool = False) -> None:
        """Let later proofs use a derivative that has been proved; held: with every other definition held fixed."""
        self.known[known.of, known.wrt, held] = known

    # -- judging -----------------------------------------------------------------------------------------------------

    def judge(self, left: Expr, right: Expr, *, off_kinks: bool = False) -> Verdict:
        """The verdict on ``left = right`` for all values of the free indices, all inputs and all sizes.

        off_kinks: at kinks, where a slope is a choice, the sides may differ. The verdict says which kinks these are.
        """
        basis, kinks = self._prove(left, right), ()
        counterexample = self._sample(left, right)
        if counterexample is not None:
            if basis is not None:
                raise ProverError(f"{left} = {right} was proved ({basis}), but {counterexample}")
            return Verdict("refuted", "rigorous evaluation", counterexample)
        if basis is None and off_kinks:
            basis, kinks = self._prove_off_kinks(left, right)
        if basis is None:
            return Verdict("open", "no proof found, no counterexample either")
        return Verdict("proved", basis, kinks=kinks)

    def _sample(self, left: Expr, right: Expr) -> Counterexample | None:
        from .refutation import refute

        known = tuple(self.definitions.values())
        shared, thorough = self._valuations, self.thorough
        return refute(left, right, definitions=known, givens=self.givens, thorough=thorough, shared=shared)

    def _prove(self, left: Expr, right: Expr) -> str | None:
        try:
            if self._is_chain_rule(left, right):
                return "chain rule: every consumer is there"
            return self._prove_zero(self.resolve(left) - self.resolve(right))
        except (Undecided, RecursionError):
            return None

    def _prove_off_kinks(self, left: Expr, right: Expr) -> tuple[str | None, tuple[Expr, ...]]:
        """A proof where no argument of a case distinction is zero, and the arguments that matter."""
        difference = left - right
        if not is_piecewise(difference, self.definitions):
            return None, ()
        try:
            difference = self.resolve(difference)
            for everywhere in (True, False):
                kinks: dict[Expr, None] = {}
                for unfolded in ({}, self._read_by(difference)):
                    kinks.clear()
                    vanishes = vanishes_by_cases(difference, unfolded, kinks, everywhere=everywhere)
                    if vanishes and all(map(is_thin, kinks)):
                        return "case analysis" if everywhere else "normal form", without_signs(kinks)
        except (Undecided, RecursionError):
            pass
        return None, ()

    def _read_by(self, expr: Expr) -> dict[Tensor, Definition]:
        """The definitions that an expression reads, through others too."""
        found: dict[Tensor, Definition] = {}
        present = set(expr.atoms(Tensor))
        for tensor in reversed(self.definitions):
            if tensor in present:
                found[tensor] = self.definitions[tensor]
                present |= found[tensor].body.atoms(Tensor)
        return found

    def _prove_zero(self, difference: Expr) -> str | None:
        basis = "normal form"
        for elementary in (False, True):
            normalizer = self._opaque[elementary]
            if elementary and self._vanishes_generally(difference):
                return "normal form, whatever the functions are applied to"
            if elementary and not _has_named(difference):
                continue
            residual = normalizer.poly(difference)
            if _vanishes(normalizer, residual):
                return basis
            basis = "normal form of the exponentials"
        for tensor in self._defined(difference):
            normalizer = Normalizer({tensor: self.definitions[tensor]}, elementary=True)
            if _vanishes(normalizer, normalizer.poly(difference)):
                return f"normal form, unfolding {tensor.name}"
        unfolded: dict[Tensor, Definition] = {}
        normalizer = Normalizer(unfolded, elementary=True)
        residual = normalizer.poly(difference)
        while residual:
            names = [t for t in self._defined(normalizer.expr(residual)) if t not in unfolded]
            if not names:
                break
            unfolded[names[0]] = self.definitions[names[0]]
            normalizer = Normalizer(unfolded, elementary=True)
            residual = normalizer.poly(difference)
            if len(unfolded) > 1 and _vanishes(normalizer, residual):
                return "normal form, unfolding " + ", ".join(t.name for t in unfolded)
        return "case analysis" if vanishes_by_cases(difference, unfolded) else None

    def _vanishes_generally(self, difference: Expr) -> bool:
        """Whether it is zero for any arguments of its functions: as it stands, or with definitions unfolded once."""

        def unfolded(*tensors: Tensor) -> Expr:
            def leaf(e: Expr) -> Expr | None:
                inside = isinstance(e, Element) and e.tensor in tensors
                return self.definitions[e.tensor].at(*e.indices) if inside else None  # type: ignore[attr-defined]

            return rebuild(difference, leaf, {*tensors})

        defined = self._defined(difference)
        for tensors in ((), *((t,) for t in defined), *([tuple(defined)] if len(defined) > 1 else [])):
            candidate = unfolded(*tensors)
            if is_average(candidate):
                continue  # an arbitrary argument would no longer be random
            general = generalise(candidate, self._opaque[False])
            if general != candidate and _vanishes(self._opaque[True], self._opaque[True].poly(general)):
                return True
        return False

    def _defined(self, expr: Expr) -> list[Tensor]:
        """The definitions an expression mentions, the latest first."""
        present = expr.atoms(Tensor)
        return [t for t in reversed(self.definitions) if t in present]

    # -- derivatives, by the prover's own means ----------------------------------------------------------------------

    def resolve(self, expr: Expr) -> Expr:
        """The expression with every derivative node worked out."""
        return rebuild(expr, lambda e: self._derivative(e) if isinstance(e, Partial) else None, {Partial})

    def _derivative(self, node: Partial) -> Expr:
        of, wrt = node.of, node.wrt
        if isinstance(of, Element):
            known = self.known.get((of.tensor, wrt.tensor, node.held))
            if known is not None:
                return known.at(of.indices, wrt.indices)
        if self._law_reads(of, wrt.tensor):
            raise Undecided(f"a law that depends on {wrt.tensor.name} is differentiated in it")
        moving = frozenset() if node.held else self.downstream(wrt.tensor)
        if isinstance(of, Element) and of.tensor in self.definitions and of.tensor != wrt.tensor:
            of = body_at(self.definitions[of.tensor], of)
        return _first_order(self._moved(self.resolve(of), wrt, moving))

    def _law_reads(self, expr: Expr, tensor: Tensor) -> bool:
        """Whether an expression depends on a random array whose moments depend on a tensor."""
        seen: set[Tensor] = set()
        queue = list(expr.atoms(Tensor))
        while queue:
            found = queue.pop()
            if found in seen:
                continue
            seen.add(found)
            if found in self.definitions:
                queue += self.definitions[found].body.atoms(Tensor)
            law = found.domain.random
            reads = set() if law is None else {t for e in law.parameters for t in e.atoms(Tensor)}
            if tensor in reads or any(self._reads(t, tensor) for t in reads):
                return True
        return False

    def _reads(self, tensor: Tensor, other: Tensor) -> bool:
        return tensor in self.downstream(other)

    def _move(self, element: Element, wrt: Element, moving: frozenset[Tensor]) -> Expr:
        if element.tensor == wrt.tensor:
            direction: Expr = S.One
            for a, b in zip(element.indices, wrt.indices, strict=True):
                direction = direction * Delta(a, b)
            return element + _T * direction
        if element.tensor in moving:
            body = body_at(self.definitions[element.tensor], element)
            return self._moved(body, wrt, moving)
        return element

    def _moved(self, expr: Expr, wrt: Element, moving: frozenset[Tensor]) -> Expr:
        return rebuild(
            expr, lambda e: self._move(e, wrt, moving) if isinstance(e, Element) else None, {wrt.tensor, *moving}
        )

    def downstream(self, tensor: Tensor) -> frozenset[Tensor]:
        """The definitions that move when ``tensor`` does, without itself."""
        found = self._below.get(tensor)
        if found is None:
            moving = {tensor}
            for definition in self.definitions.values():
                if definition.tensor != tensor and not moving.isdisjoint(definition.body.atoms(Tensor)):
                    moving.add(definition.tensor)
            found = self._below[tensor] = frozenset(moving - {tensor})
        return found

    def _is_chain_rule(self, left: Expr, right: Expr) -> bool:
        """``∂L/∂x = Σ over the direct consumers D of x: ∂L/∂D · ∂D/∂x with all else held``, with no consumer forgotten.

        A consumer whose derivative with respect to x does not reach L contributes nothing and may be left out.
        """
        if not isinstance(left, Partial) or left.held or not isinstance(left.of, Element):
            return False
        if not any(p.held for p in right.atoms(Partial)):
            return False
        loss, wrt = left.of, left.wrt
        below = self.downstream(wrt.tensor)
        expected: list[Expr] = []
        for tensor, definition in self.definitions.items():
            if tensor not in below or wrt.tensor not in definition.body.atoms(Tensor):
                continue
            if tensor == loss.tensor:
                expected.append(Partial(loss, wrt, held=True))
            elif loss.tensor in self.downstream(tensor):
                indices = tensor.indices()
                consumer = Element(tensor, *indices)
                product_ = Partial(loss, consumer) * Partial(consumer, wrt, held=True)
                expected.append(bound_sum(product_, *indices))
        normalizer = self._opaque[False]
        return not normalizer.poly(sum(expected, Integer(0)) - right)


def _first_order(expr: Expr) -> Expr:
    """The coefficient of t¹ in an expression of x + t e."""
    if _T not in expr.free_symbols:
        return S.Zero
    expr = rebuild(expr, _by_its_definition, {_T})
    return _at_start(expr._eval_derivative(_T))


def _at_start(expr: Expr) -> Expr:
    """The expression at t = 0."""
    return rebuild(expr, lambda e: S.Zero if e == _T else None, {_T})


def _by_its_definition(expr: Expr) -> Expr | None:
    """A named function of t by its definition: the prover does not rely on the derivative that the rules use."""
    if isinstance(expr, Where):  # its condition is not differentiated, and stays as the other side of a step has it
        test, *branches = expr.args
        return Where(_at_start(test), *(rebuild(b, _by_its_definition, {_T}) for b in branches))
    if isinstance(expr, Indicator):
        return Indicator(_at_start(expr.args[0]))
    if isinstance(expr, NamedFunction) and _T in expr.free_symbols:
        meant = expr.as_elementary()
        if meant.has(Indicator, Where):  # |x| keeps its name, and so does what is divided by it
            return _at_start(expr) + _T * _first_order(meant)
        return rebuild(meant, _by_its_definition, {_T})
    return None


def _has_named(expr: Expr) -> bool:
    from sympy import cosh, sinh, tanh

    return bool(expr.atoms(NamedFunction, tanh, sinh, cosh))


def _vanishes(normalizer: Normalizer, residual: Poly) -> bool:
    return not residual or not normalizer.clear_denominators(residual)
