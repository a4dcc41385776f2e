"""Naming the bug: which single slip turns the derived gradient into the one that the code computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np
import sympy
from sympy import Expr, Integer

from ..calculus.derivation import Definition, Derivation, Result
from ..calculus.sums import rebuild
from ..calculus.tensors import Element, Tensor
from .edits import Write
from .evidence import Array, Evaluation, Sample, same
from .scales import at_one, factor, ratios
from .variants import Variant, formulas, variants

#: Whether the code's gradient is proved to be the given multiple of the derived one, or another formula.
ProveScale = Callable[[str, Expr], bool]
ProveFormula = Callable[[str, Sequence[Definition]], bool]


PROVED = "proved for all inputs and sizes"


@dataclass(frozen=True)
class Cause:
    """A named bug: its kind, a sentence, the fix, and the gradients that it explains.

    factor, formulas: what the code computes instead: a multiple of the derived gradient, or other formulas.
    """

    kind: str
    message: str
    fix: str
    gradients: tuple[str, ...]
    factor: Expr | None = None
    formulas: tuple[Definition, ...] = ()
    proved: bool = False


@dataclass(frozen=True)
class Case:
    """Everything that the search for a cause reads.

    wrong: the gradients that differ. autograd: they come from automatic differentiation of the person's own loss.
    reported: the loss that the code reports, as a multiple of the reference's. is_loss: what is differentiated is a
    loss, and not an array with an upstream gradient.
    """

    derivation: Derivation
    samples: Sequence[Sample]
    wrong: tuple[str, ...]
    write: Write
    prove_scale: ProveScale = lambda name, q: False
    prove_scale_roughly: ProveScale = lambda name, q: False
    prove_formula: ProveFormula = lambda name, definitions: False
    autograd: bool = False
    reported: Expr | None = None
    is_loss: bool = False
    upstream: tuple[str, ...] = ()
    results: Mapping[str, Result] = field(default_factory=dict)

    @cached_property
    def evaluations(self) -> list[tuple[Sample, Evaluation]]:
        """The smallest samples, several sizes among them, that have all gradients."""
        full = [s for s in self.samples if all(g in s.got for g in self.wrong)]
        telling = sorted(full, key=lambda s: (min(s.sizes.values(), default=1) < 2, s.volume))
        return [(s, Evaluation(self.derivation, s)) for s in telling[:4]]

    @property
    def numbers(self) -> list[Tensor]:
        return [t for t in self.derivation.givens if not t.rank and not t.domain.function]


def causes(case: Case) -> list[Cause]:
    """The causes found, each with the gradients it explains; a gradient that none explains gets the kind ``unnamed``."""
    found: list[Cause] = []
    left = list(case.wrong)
    for search in (_zero, _scaled, _shaped, _swapped, _transposed, _ignored_upstream, _slip, _extra, _patterned):
        for cause in search(case, tuple(left)):
            explained = [g for g in cause.gradients if g in left]
            if explained:
                found.append(cause)
                left = [g for g in left if g not in explained]
        if not left:
            break
    if left:
        found.append(Cause("unnamed", f"{_names(left)} differ{'s' * (len(left) == 1)} from the derived gradient, cause not named", "", tuple(left)))
    return found


def _names(gradients: Sequence[str]) -> str:
    *first, last = gradients
    return f"{', '.join(first)} and {last}" if first else last


def _are(gradients: Sequence[str]) -> str:
    return "is" if len(gradients) == 1 else "are"


# -- the searches, in order --------------------------------------------------------------------------------------------


def _with(case: Case, gradient: str) -> list[Sample]:
    return [s for s in case.samples if gradient in s.got]


def _zero(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    found = [
        g
        for g in left
        if _with(case, g)
        and all(not np.any(s.got[g]) for s in _with(case, g))
        and any(np.any(s.exact[g]) for s in _with(case, g))
    ]
    if found:
        yield Cause("detached", f"{_names(found)} {_are(found)} zero everywhere: nothing flows back", "", tuple(found))


def _scaled(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    groups: dict[Expr, list[str]] = {}
    for g in left:
        found = ratios(_with(case, g), g)
        q = factor(found, case.derivation.dims, case.numbers) if found else None
        if q is not None and q != 1:
            groups.setdefault(q, []).append(g)
    for q, gradients in groups.items():
        yield _scale(case, q, gradients)


def _scale(case: Case, q: Expr, gradients: list[str]) -> Cause:
    proved = all(case.prove_scale(g, q) for g in gradients)
    roughly = not proved and all(case.prove_scale_roughly(g, q) for g in gradients)
    shown = case.write(q)
    all_of_them = len(gradients) == len(case.results)
    subject = f"every gradient ({', '.join(gradients)})" if all_of_them and len(gradients) > 1 else _names(gradients)
    if q == -1:
        message = f"{subject} {'have' if subject == _names(gradients) and len(gradients) > 1 else 'has'} the wrong sign"
    elif len(gradients) == 1:
        message = f"{gradients[0]} = {shown} · true"
    else:
        message = f"{subject} {'is' if all_of_them else 'are'} {shown} times the true one"
    known = PROVED if proved else "at every size that was tried"
    known = f"{PROVED}, apart from a small constant that is added" if roughly else known
    hidden = at_one(q)
    hint = f"; invisible at {', '.join(f'{d} = 1' for d in hidden)}" if hidden else ""
    kind = "sign" if q == -1 else "scale"
    contract = _contract(case, q) if all_of_them and q != -1 else ""
    if contract:
        kind, message = "contract", f"{message}: {contract}"
    fix = "change the sign" if q == -1 else f"multiply by {case.write(1 / q)}"
    return Cause(kind, f"{message}, {known}{hint}", fix, tuple(gradients), q, (), proved)


def _contract(case: Case, q: Expr) -> str:
    """Why gradients that are all off by one factor are the gradients of another loss; empty where they are not."""
    if not case.is_loss:
        return ""
    if case.reported is not None and case.reported == q:
        return f"the loss itself is {case.write(q)} times that of the reference"
    if case.reported == 1:
        return "it is not the gradient of the loss that forward returns (a mean against a sum)"
    if case.autograd:
        return "it is the gradient of another loss (a mean against a sum, or over other axes)"
    if q.free_symbols and (1 / q).is_polynomial(*q.free_symbols):
        return f"it is the gradient of a loss that is divided by {case.write(1 / q)} as well"
    return ""


def _shaped(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """The right numbers in the wrong shape."""
    for g in left:
        pairs = [(s.got[g], s.exact[g]) for s in _with(case, g)]
        if not pairs or all(a.shape == b.shape for a, b in pairs):
            continue
        dims = case.results[g].dims if g in case.results else ()
        shape = "(" + ", ".join(map(str, dims)) + ("," if len(dims) == 1 else "") + ")"
        different = [(a, b) for a, b in pairs if a.shape != b.shape]
        a, b = different[-1]
        if all(x.ndim == y.ndim >= 2 and same(x.T, y) for x, y in pairs if x.shape != y.shape):
            yield Cause("transpose", f"{g} is transposed: its shape is {a.shape}, not {shape} = {b.shape}", f"{g}.T", (g,))
        elif all(x.size == y.size and same(x.ravel(), y.ravel()) for x, y in different):
            yield Cause("shape", f"{g} has the right entries in shape {a.shape}; its variable has {shape} = {b.shape}", f"{g}.reshape{b.shape}", (g,))
        elif all(_reduces(x, y) for x, y in different):
            yield Cause("broadcast", f"{g} has shape {a.shape}, its variable {shape} = {b.shape}: the sum over the axes along which it was broadcast is missing", f"{g}.sum(axis=0)", (g,))
        else:
            yield Cause("shape", f"{g} has shape {a.shape}; its variable has {shape} = {b.shape}", "", (g,))


def _reduces(wide: Array, narrow: Array) -> bool:
    if wide.ndim <= narrow.ndim and wide.shape == narrow.shape:
        return False
    axes = tuple(range(wide.ndim - narrow.ndim)) if wide.ndim > narrow.ndim else tuple(
        a for a in range(wide.ndim) if narrow.shape[a] == 1 != wide.shape[a]
    )
    return wide.ndim >= narrow.ndim and same(np.asarray(wide.sum(axis=axes)).reshape(-1), narrow.reshape(-1))


def _swapped(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    for a, b in combinations(left, 2):
        both = [s for s in case.samples if a in s.got and b in s.got]
        if both and all(same(s.got[a], s.exact[b]) and same(s.got[b], s.exact[a]) for s in both):
            yield Cause("swapped", f"{a} and {b} are swapped", f"return {b} where {a} is returned", (a, b))


def _transposed(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    for g in left:
        pairs = [(s.got[g], s.exact[g]) for s in _with(case, g) if s.got[g].ndim >= 2]
        flipped = [(np.swapaxes(x, -1, -2), y) for x, y in pairs]
        if pairs and any(x.shape[-1] > 1 for x, _ in pairs) and all(same(x, y) for x, y in flipped):
            yield Cause("transpose", f"{g} is transposed", f"{g}.T", (g,))


def _ignored_upstream(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    if not case.upstream or not case.evaluations:
        return

    def ones(e: Expr) -> Expr | None:
        return Integer(1) if isinstance(e, Element) and e.tensor.name in case.upstream else None

    changed = [Definition(d.tensor, d.indices, rebuild(d.body, ones)) for d in formulas(case.derivation)]
    explained = _explained(case, changed, left)
    if explained:
        yield Cause("chain-factor", f"{_names(explained)} ignore{'s' * (len(explained) == 1)} the upstream gradient {', '.join(case.upstream)}", f"multiply by {case.upstream[0]}", tuple(explained))


def _explained(case: Case, definitions: Sequence[Definition], left: Sequence[str]) -> list[str]:
    """The gradients that other formulas give exactly as the code does, at every sample; none where one is off."""
    explained = list(left)
    told = dict.fromkeys(left, False)
    for sample, evaluation in case.evaluations:
        values = evaluation.arrays(definitions, explained)
        explained = [
            g
            for g in explained
            if g in values and g in sample.got and same(sample.got[g], values[g], float(np.abs(sample.exact[g]).max(initial=0)))
        ]
        for g in explained:
            told[g] |= not same(sample.got[g], sample.exact[g])
        if not explained:
            return []
    return [g for g in explained if told[g]]


def _slip(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """The slip that explains the most gradients; then, for those it leaves, the next."""
    if not case.evaluations:
        return
    best: list[tuple[Variant, list[str]]] = []
    for variant in variants(case.derivation, case.write):
        explained = _explained(case, variant.formulas, left)
        if explained:
            best.append((variant, explained))
            if len(explained) == len(left):
                break
    while best:
        variant, explained = max(best, key=lambda pair: len(pair[1]))
        yield _slip_cause(case, variant, explained)
        best = [(v, rest) for v, names in best if (rest := [g for g in names if g not in explained])]


def _slip_cause(case: Case, variant: Variant, explained: list[str]) -> Cause:
    proved = all(case.prove_formula(g, variant.formulas) for g in explained)
    known = PROVED if proved else "at every size that was tried"
    place = "" if variant.of in explained and len(explained) == 1 else f" in {variant.of}"
    right = {d.name: d for d in formulas(case.derivation)}[variant.of] if variant.kind != "detached" else None
    fix = f"{case.write(right.element)} = {case.write(right.body)}" if right is not None else "differentiate through it"
    return Cause(variant.kind, f"{_names(explained)}: {variant.message}{place}, {known}", fix, tuple(explained), None, variant.formulas, proved)


def _extra(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """A residual that is a multiple of an array of the derivation."""
    if not case.evaluations:
        return
    for g in left:
        residuals = [(s, s.got[g] - s.exact[g]) for s in _with(case, g) if s.got[g].shape == s.exact[g].shape]
        if len(residuals) < len(_with(case, g)) or not residuals:
            continue
        for definition_or_given in (*case.derivation.givens, *(d.tensor for d in formulas(case.derivation))):
            found = _multiples(case, g, definition_or_given)
            if found is None:
                continue
            q = factor(found, case.derivation.dims, case.numbers)
            if q is not None:
                name = definition_or_given.name
                shown = name if q == 1 else f"{case.write(q)} · {name}"
                yield Cause("extra-term", f"{g} has the extra term {shown}", f"subtract {shown} from {g}", (g,))
                break
        else:
            flat = [r for _, r in residuals]
            value = float(flat[0].flat[0])
            if value and all(np.allclose(r, value, rtol=1e-5, atol=0) for r in flat):
                yield Cause("constant", f"{g} is off by the constant {value:.3g} in every entry", f"{g} - ({value:.3g})", (g,))


def _multiples(case: Case, gradient: str, tensor: Tensor) -> list[tuple[Sample, float]] | None:
    found: list[tuple[Sample, float]] = []
    for sample, evaluation in case.evaluations:
        residual = sample.got[gradient] - sample.exact[gradient]
        if tensor.name in sample.inputs:
            array = np.asarray(sample.inputs[tensor.name], dtype=float)
        else:
            array = evaluation.arrays(formulas(case.derivation), [tensor.name]).get(tensor.name, np.zeros(()))
        if array.shape != residual.shape or not array.ndim:
            return None
        one = Sample(sample.regime, sample.sizes, sample.inputs, {gradient: residual}, {gradient: array})
        q = ratios([one], gradient)
        if q is None:
            return None
        found += [(sample, q[0][1])]
    return found or None


def _patterned(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """A residual that is constant along one axis: a mean or a sum that is missing, or too many."""
    for g in left:
        residuals = [s.got[g] - s.exact[g] for s in _with(case, g) if s.got[g].shape == s.exact[g].shape]
        residuals = [r for r in residuals if r.ndim and min(r.shape) > 1 and np.any(r)]
        for axis in range(residuals[0].ndim) if residuals else ():
            if len({r.ndim for r in residuals}) == 1 and all(
                np.abs(r - r.mean(axis=axis, keepdims=True)).max() <= 1e-7 * np.abs(r).max() for r in residuals
            ):
                dim = case.results[g].dims[axis] if g in case.results else sympy.Symbol(f"axis {axis}")
                yield Cause("missing-term", f"{g} is off by a term that is constant along {dim}: a mean or a sum over {dim} is missing or has a wrong factor", "", (g,))
                break
