"""The judge of every step: proved for all inputs and sizes, refuted with a counterexample, or open.

Layers, cheapest first: the normal form with definitions opaque; named functions written with exponentials; definitions
unfolded one by one; denominators cleared; case analysis over indicators. A derivative is resolved here by the prover's
own means (the first-order term in t of f(x + t e)), which share no code with the rules that computed the step.
Whatever is proved is sampled with balls as well: a proof that a ball contradicts is a bug, and stops the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sympy import Add, Expr, Integer, Mul, S, Symbol

from .affine import body_at
from .cancellation import is_multiple
from .cases import contradictory
from .derivation import Counterexample, Definition, Known, Verdict
from .expectation import is_average, is_random
from .functions import Indicator, NamedFunction, Where
from .generalisation import generalise
from .normal_form import Normalizer
from .polynomials import Poly, Undecided
from .sums import Delta, Partial, bound_sum, rebuild
from .tensors import Domain, Element, Index, Tensor
from .valuations import Valuations

_T = Symbol("t", real=True)
MAX_CASES = 243


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

    def judge(self, left: Expr, right: Expr) -> Verdict:
        """The verdict on ``left = right`` for all values of the free indices, all inputs and all sizes."""
        basis = self._prove(left, right)
        counterexample = self._sample(left, right)
        if counterexample is not None:
            if basis is not None:
                raise ProverError(f"{left} = {right} was proved ({basis}), but {counterexample}")
            return Verdict("refuted", "rigorous evaluation", counterexample)
        return (
            Verdict("open", "no proof found, no counterexample either") if basis is None else Verdict("proved", basis)
        )

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
        if self._vanishes_by_cases(difference, unfolded, {}, {}, MAX_CASES):
            return "case analysis"
        return None

    def _vanishes_generally(self, difference: Expr) -> bool:
        """Whether it is zero for any arguments of its functions: as it stands, or with definitions unfolded once."""

        def unfolded(*tensors: Tensor) -> Expr:
            def leaf(e: Expr) -> Expr | None:
                inside = isinstance(e, Element) and e.tensor in tensors
                return self.definitions[e.tensor].at(*e.indices) if inside else None  # type: ignore[attr-defined]

            return rebuild(difference, leaf)

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

    def _vanishes_by_cases(
        self,
        difference: Expr,
        unfolded: Mapping[Tensor, Definition],
        known: Mapping[Expr, int],
        given: Mapping[Expr, Expr],
        budget: int,
        assumed: tuple[tuple[Expr, int], ...] = (),
    ) -> bool:
        """Whether it is zero for every sign (positive, negative, zero) of the arguments of its indicators.

        known: the indicators decided by the case; given: elements in the case, such as −|x| for a negative x; assumed:
        the signs that make the case. Signs that contradict each other are no case.
        """
        normalizer = Normalizer(unfolded, elementary=True, known=known)
        residual = normalizer.poly(difference)
        if given:
            residual = normalizer.poly(_in_case(normalizer.expr(residual), given))
        if _vanishes(normalizer, residual):
            return True
        arguments = [i.args[0] for i in normalizer.expr(residual).atoms(Indicator)]
        plain = [x for x in arguments if not x.atoms(Indicator) and not _has_bound(x)]
        if is_average(normalizer.expr(residual)):
            plain = [x for x in plain if not is_random(x)]  # inside an average no single case covers all outcomes
        plain.sort(key=lambda x: (len(Add.make_args(x)), str(x)))
        if not plain or budget < 3:
            return False
        x = plain[0]
        root = _solve_linear(x)
        for sign in _signs(x):
            if root is None and sign == 0:
                if not is_multiple(_at_zero(difference, unfolded, {**known, x: 0, -x: 0}, given), x):
                    return False
                continue
            new = {} if root is None else _with_sign(x, sign, root)
            case = tuple((_in_case(e, {**given, **new}), s) for e, s in (*assumed, (x, sign)))
            if contradictory(case):
                continue
            if not self._vanishes_by_cases(
                difference,
                unfolded,
                {**known, x: int(sign > 0), -x: int(sign < 0)},
                {**given, **new},
                budget // 3,
                case,
            ):
                return False
        return True

    # -- derivatives, by the prover's own means ----------------------------------------------------------------------

    def resolve(self, expr: Expr) -> Expr:
        """The expression with every derivative node worked out."""
        return rebuild(expr, lambda e: self._derivative(e) if isinstance(e, Partial) else None)

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
        moved = rebuild(self.resolve(of), lambda e: self._move(e, wrt, moving) if isinstance(e, Element) else None)
        return _first_order(moved)

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
            return rebuild(body, lambda e: self._move(e, wrt, moving) if isinstance(e, Element) else None)
        return element

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
    expr = rebuild(expr, _by_its_definition)
    return _at_start(expr._eval_derivative(_T))


def _at_start(expr: Expr) -> Expr:
    """The expression at t = 0."""
    return rebuild(expr, lambda e: S.Zero if e == _T else None)


def _by_its_definition(expr: Expr) -> Expr | None:
    """A named function of t by its definition: the prover does not rely on the derivative that the rules use."""
    if isinstance(expr, Where):  # its condition is not differentiated, and stays as the other side of a step has it
        test, *branches = expr.args
        return Where(_at_start(test), *(rebuild(b, _by_its_definition) for b in branches))
    if isinstance(expr, Indicator):
        return Indicator(_at_start(expr.args[0]))
    if isinstance(expr, NamedFunction) and _T in expr.free_symbols:
        meant = expr.as_elementary()
        if meant.has(Indicator, Where):  # |x| keeps its name, and so does what is divided by it
            return _at_start(expr) + _T * _first_order(meant)
        return rebuild(meant, _by_its_definition)
    return None


def _has_named(expr: Expr) -> bool:
    from sympy import cosh, sinh, tanh

    return bool(expr.atoms(NamedFunction, tanh, sinh, cosh))


def _vanishes(normalizer: Normalizer, residual: Poly) -> bool:
    return not residual or not normalizer.clear_denominators(residual)


def _at_zero(
    difference: Expr, unfolded: Mapping[Tensor, Definition], known: Mapping[Expr, int], given: Mapping[Expr, Expr]
) -> Expr:
    """What is left of a difference where its indicators have known values."""
    normalizer = Normalizer(unfolded, elementary=True, known=known)
    residual = normalizer.poly(difference)
    if given:
        residual = normalizer.poly(_in_case(normalizer.expr(residual), given))
    return normalizer.expr(normalizer.clear_denominators(residual))


def _signs(x: Expr) -> list[int]:
    """The signs that x can have."""
    excluded = {1: x.is_nonpositive, -1: x.is_nonnegative, 0: x.is_nonzero}
    return [sign for sign, never in excluded.items() if not never]


def _has_bound(expr: Expr) -> bool:
    """True where it varies inside a sum: then no single case covers it."""
    return any(isinstance(s, Index) and s.is_bound for s in expr.free_symbols)


def _in_case(expr: Expr, given: Mapping[Expr, Expr]) -> Expr:
    """What an expression is in a case; what was replaced later stands in the values of what was replaced before."""
    for term, value in given.items():
        expr = rebuild(expr, {term: value}.get)
    return expr


def _with_sign(x: Expr, sign: int, root: _Root) -> dict[Expr, Expr]:
    """What a sign of x says of one atom in it: x is plus or minus something that is positive everywhere, or zero.

    For x = y − t > 0 that is y = t + |y − t|.
    """
    if sign == 0:
        return {root.atom: root.zero}
    coefficient, atom = x.as_coeff_Mul()
    if isinstance(atom, Element):
        if atom.tensor.domain.sign:
            return {atom: Integer(sign if coefficient > 0 else -sign)}
        size = Tensor(f"|{atom.tensor.name}|", atom.tensor.dims, replace(atom.tensor.domain, positive=True))
        return {atom: (sign if coefficient > 0 else -sign) * Element(size, *atom.indices)}
    indices = sorted((i for i in x.free_symbols if isinstance(i, Index)), key=lambda i: i.name)
    distance = Tensor(f"|{x}|", tuple(i.dim for i in indices), Domain(positive=True))
    return {root.atom: root.zero + sign * Element(distance, *indices) / root.slope}


@dataclass(frozen=True)
class _Root:
    """x = slope · (atom − zero), where the slope is never zero and neither it nor ``zero`` contains the atom."""

    atom: Expr
    slope: Expr
    zero: Expr


def _solve_linear(x: Expr) -> _Root | None:
    """Solve x = 0 for an atom in which it is linear.

    Elements come first, and among them those whose sign is not known: in a case, what is known of the atom is lost.
    """
    found: list[tuple[tuple[bool, bool, bool, str], _Root]] = []
    for term in Add.make_args(x):
        coefficient, product = term.as_coeff_Mul()
        for atom in Mul.make_args(product):
            slope = coefficient * Mul(*(f for f in Mul.make_args(product) if f is not atom))
            rest = x - term
            if not atom.is_Number and slope.is_nonzero and not (rest.has(atom) or slope.has(atom)):
                rank = (not isinstance(atom, Element), not slope.is_Number, bool(atom.is_nonnegative), str(term))
                found.append((rank, _Root(atom, slope, -rest / slope)))
    return min(found, key=lambda pair: pair[0])[1] if found else None
