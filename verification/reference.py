"""What a hand-written gradient is compared with: a derivation, from an id, an expression, or a traced forward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sympy import Expr, Integer

from ..calculus.arrays import readable_indices
from ..calculus.derivation import Definition, Derivation
from ..calculus.parser import parse_definitions, parse_givens
from ..calculus.prover import Prover
from ..calculus.sums import bound_sum, rebuild
from ..calculus.tensors import Element, Tensor
from ..derivations.build import derive
from ..derivations.entry import Entry
from .tracing.intermediates import with_intermediates
from .tracing.trace import Trace, Untraceable, trace


class ReferenceError(ValueError):
    """The reference cannot be used; the message says why and what to type."""


@dataclass(frozen=True)
class Formulas:
    """The forward side of a reference, before anything is derived.

    value: the definition that is differentiated. upstream: the given that holds the gradient of the loss with respect
    to it, where the value is an array and the reference already has one. wrt: what to differentiate by.
    """

    name: str
    givens: tuple[Tensor, ...]
    definitions: tuple[Definition, ...]
    value: Tensor
    wrt: tuple[Tensor, ...]
    upstream: Tensor | None = None
    entry: Entry | None = None


def from_entry(entry: Entry) -> Formulas:
    """The formulas of a catalogue entry."""
    entry = entry.at()
    assert isinstance(entry.given, str) and isinstance(entry.define, str) and not callable(entry.wanted)
    givens = parse_givens(entry.given)
    definitions = parse_definitions(entry.define, givens)
    by_name = {t.name: t for t in (*givens, *(d.tensor for d in definitions))}
    pairs = [w.split("/") for w in entry.wanted if "=" not in w and not w.startswith("d2")]
    wanted = [(top.strip()[1:], below.strip()[1:]) for top, below in pairs]
    wanted = [(of, wrt) for of, wrt in wanted if of == wanted[0][0]]
    if not wanted:
        raise ReferenceError(f"{entry.id} has no first derivative to compare a gradient with. All ids: nnmath list")
    value = by_name[wanted[0][0]]
    return Formulas(
        entry.id,
        tuple(givens),
        tuple(definitions),
        value,
        tuple(by_name[w] for _, w in wanted),
        _upstream(definitions, givens),
        entry,
    )


def _upstream(definitions: Sequence[Definition], givens: Sequence[Tensor]) -> Tensor | None:
    for d in definitions:
        if d.pairing:
            found = [t for t in d.inputs() if t in givens]
            return found[0] if found else None
    return None


def with_the_loss(formulas: Formulas) -> Formulas:
    """The formulas of an entry whose first derivative is another than that of the loss which it pairs with an upstream
    gradient, such as a Jacobian: with that loss as the value."""
    losses = [d.tensor for d in formulas.definitions if d.pairing and formulas.upstream in d.inputs()]
    if formulas.entry is None or formulas.value in losses or not losses:
        return formulas
    by_name = {t.name: t for t in (*formulas.givens, *(d.tensor for d in formulas.definitions))}
    parts = [tuple(p.strip()[1:] for p in w.split("/")) for w in formulas.entry.wanted if "=" not in w]  # type: ignore[union-attr]
    wrt = [by_name[p[1]] for p in parts if len(p) == 2 and p[0] == losses[0].name]
    return replace(formulas, value=losses[0], wrt=tuple(wrt)) if wrt else formulas


def from_expression(text: str, inputs: str) -> Formulas:
    """The formulas of an expression over described arrays.

    **Raises** ParseError, EntryError.
    """
    from ..derivations.expression import entry_from_expression

    formulas = from_entry(entry_from_expression(text, inputs))
    taken = {t.name for t in (*formulas.givens, *(d.tensor for d in formulas.definitions))}
    named: list[Definition] = []
    for d in formulas.definitions:
        new = [d] if d.pairing else with_intermediates(d, sorted(taken))
        taken |= {n.name for n in new}
        named += new
    return replace(formulas, name=text.strip(), definitions=tuple(named))


def from_trace(name: str, function: Callable[..., Any], tensors: Sequence[Tensor], wrt: Sequence[Tensor]) -> Formulas:
    """The formulas that a forward function computes; the first value it returns is differentiated.

    **Raises** :class:`Untraceable`.
    """
    known: Trace = trace(function, list(tensors))
    return from_traced(name, known, tensors, wrt)


def from_traced(name: str, traced: Trace, tensors: Sequence[Tensor], wrt: Sequence[Tensor]) -> Formulas:
    """The formulas of a trace of a forward function."""
    output = traced.outputs[0] if traced.outputs else None
    if output is None:
        raise Untraceable(name, "", 0, "it returns nothing")
    body = _without_shifts(traced, output.body)
    taken = {t.name for t in tensors} | {str(s) for t in tensors for d in t.dims for s in d.free_symbols}
    letters = readable_indices(output.dims, taken)
    called = next(n for n in (("L", "J", "loss") if not output.rank else ("Y", "out", "F", "value")) if n not in taken)
    value = Tensor(called, output.dims)
    definition = Definition(value, letters, rebuild(body, dict(zip(output.indices, letters, strict=True)).get))  # type: ignore[arg-type]
    chosen = tuple(t for t in wrt if not t.domain.is_discrete and t in body.atoms(Tensor))
    return Formulas(name, tuple(tensors), with_intermediates(definition, sorted(taken)), value, chosen)


def _without_shifts(traced: Trace, body: Expr) -> Expr:
    """The body without the maxima that a softmax subtracts: they must cancel, or the formula is not known."""
    shifts = {o.tensor for o in traced.opaque if o.tensor in body.atoms(Tensor)}
    if not shifts:
        return body
    plain = rebuild(body, lambda e: Integer(0) if isinstance(e, Element) and e.tensor in shifts else None)
    if not Prover().judge(body, plain).is_proved:
        raise Untraceable("max", "", 0, "the maximum does not cancel, so the formula is not known everywhere")
    return plain


def paired(formulas: Formulas, upstream: str) -> Formulas:
    """The formulas with a loss of which only the gradient with respect to the value is known, called ``upstream``."""
    given = Tensor(upstream, formulas.value.dims)
    return _with_loss(replace(formulas, givens=(*formulas.givens, given), upstream=given), given)


def summed(formulas: Formulas) -> Formulas:
    """The formulas with the sum of the value's entries as the loss: what a derivative entry by entry is."""
    return _with_loss(formulas, None)


def _with_loss(formulas: Formulas, upstream: Tensor | None) -> Formulas:
    taken = {t.name for t in (*formulas.givens, *(d.tensor for d in formulas.definitions))}
    loss = Tensor(next(n for n in ("L", "J", "loss", "objective") if n not in taken))
    indices = formulas.value.indices()
    body: Expr = Element(formulas.value, *indices)
    if upstream is not None:
        body = Element(upstream, *indices) * body
    pairing = Definition(loss, (), bound_sum(body, *indices), pairing=upstream is not None)
    return replace(formulas, definitions=(*formulas.definitions, pairing), value=loss)


def at_defaults(formulas: Formulas, taken: Sequence[Tensor]) -> Formulas:
    """The formulas with the default in the place of every parameter that the code does not take: it has a number there.

    taken: the tensors that are given to the code.
    """
    asked = {*taken, *formulas.wrt}
    values = {t: t.domain.value for t in formulas.givens if t.domain.value is not None and t not in asked}
    if not values:
        return formulas
    definitions = tuple(
        replace(d, body=rebuild(d.body, lambda e: values.get(e.tensor) if isinstance(e, Element) else None))
        for d in formulas.definitions
    )
    entry = replace(formulas.entry, claim={}) if formulas.entry is not None else None
    return replace(formulas, definitions=definitions, entry=entry)


def derivation_of(formulas: Formulas) -> Derivation:
    """The derivation of all gradients.

    **Raises** EntryError, and what the engine raises where it cannot differentiate.
    """
    wanted = tuple(f"d{formulas.value.name}/d{t.name}" for t in formulas.wrt)
    entry = formulas.entry
    own = entry is not None and formulas.value.name in {w.split("/")[0][1:] for w in entry.wanted}  # type: ignore[union-attr]
    claim = dict(entry.claim) if own and entry is not None and not callable(entry.claim) else {}
    plain = Entry(
        id=entry.id if entry else "reference",
        title=formulas.name,
        given="",
        define="",
        wanted=wanted,
        claim={k: v for k, v in claim.items() if k in wanted} if not _is_lifted(formulas) else {},
    )
    return derive(plain, formulas.givens, formulas.definitions)


def _is_lifted(formulas: Formulas) -> bool:
    return formulas.entry is None or "" in (formulas.entry.given, formulas.entry.define)


__all__ = ["Formulas", "ReferenceError", "derivation_of", "from_entry", "from_expression", "from_trace"]
