"""Entries made on the spot from a formula that a user types: ``mean((X @ w - y)**2)`` with its arrays described."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..calculus.derivation import Definition
from ..calculus.parser import parse_definitions, parse_givens
from ..calculus.tensors import Tensor
from .build import EntryError
from .entry import Entry
from .maxima import by_places
from .naming import with_softmax_by_name

#: The id and the topic of a formula that is in no catalogue.
EXPRESSION = "expression"
#: The topic of what a function of a person's own computes.
OWN = "own"
#: What the value is called when its name is not taken: L for a scalar, Y for an array.
SCALAR_NAMES, ARRAY_NAMES = ("L", "J", "loss", "value"), ("Y", "F", "out", "value")


def entry_from_expression(text: str, given: str, wrt: Sequence[str] = (), order: int = 1) -> Entry:
    """The entry that asks for the derivatives of ``text``.

    **Arguments**: text, in array or index form (``mean((X @ w - y)**2)``), or several definitions, one a line or with
    semicolons between them; given, the arrays with shapes and domains (``"X: n d, w: d, y: n"``); wrt, the names to
    differentiate by (all real arrays where none is given); order, 1 or 2.

    **Raises** ParseError, or EntryError for names that are not given or cannot be differentiated by.
    """
    if order not in (1, 2):
        raise EntryError(f"order {order} was asked for; first and second derivatives are known: order 1 or 2")
    givens = parse_givens(given)
    taken = {t.name for t in givens}
    lines = _statements(text) or [text]
    if not _is_definition(lines[-1]):
        name = next(n for n in (*SCALAR_NAMES, *ARRAY_NAMES) if n not in taken)
        lines[-1] = f"{name} = {lines[-1]}"
    asked, (define, given, notes) = len(lines), by_places("\n".join(lines), given)
    define = with_softmax_by_name(define, given)
    givens = parse_givens(given)
    definitions = parse_definitions(define, givens)
    value = definitions[-1]
    names = tuple(wrt) or _variables(givens, definitions)
    by_name = {t.name: t for t in givens}
    for name in names:
        if name not in by_name:
            raise EntryError(f"cannot differentiate by {name}, which is not given; given are {', '.join(by_name)}")
        if not _is_variable(by_name[name]):
            domain = by_name[name].domain
            raise EntryError(f"cannot differentiate by {name}: its entries are {domain}, not real numbers")
    wanted = [f"d{value.name}/d{name}" for name in names]
    if order == 2:
        wanted += [f"d2{value.name}/d{name}2" for name in names]
    return Entry(
        id=EXPRESSION,
        title=" ".join(text.split()) if asked == 1 else f"Derivatives of {value.name}",
        given=given,
        define=define,
        wanted=tuple(wanted),
        conventions=("A gradient has the shape of its variable.", *map(_left_out, definitions.cancelled), *notes),
        topic=EXPRESSION,
    )


def _left_out(maximum: str) -> str:
    return f"{maximum} cancels, whatever its value: the formula is the same without it."


def _statements(text: str) -> list[str]:
    """The definitions of a text: one a line, or with semicolons between them. Inside of brackets a line goes on."""
    found: list[str] = []
    pending, depth = "", 0
    for line in text.splitlines():
        code, sign, comment = line.partition("#")
        if not code.strip():
            continue
        *first, last = code.split(";")
        for piece, end in [*((p, ";") for p in first), (last, "\n")]:
            pending += piece
            depth += sum(map(piece.count, "([{")) - sum(map(piece.count, ")]}"))
            if depth > 0:
                pending += end
            elif pending.strip():
                found.append(pending.strip())
                pending = ""
        if sign and found and not pending:
            found[-1] += f"  #{comment}"
    return [*found, pending.rstrip()] if pending.strip() else found


def _is_definition(line: str) -> bool:
    """``NAME = …`` or ``NAME[i, j] = …``, but not ``a == b``."""
    head, equals, tail = line.partition("=")
    return bool(equals) and not tail.startswith("=") and head.strip()[:1].isalpha() and "(" not in head


def _variables(givens: Iterable[Tensor], definitions: Sequence[Definition]) -> tuple[str, ...]:
    """The real arrays that the definitions read; an upstream gradient is none, unless there is nothing else."""
    read = [t for t in givens if _is_variable(t) and t in _read_by(definitions)]
    plain = [t for t in read if t in _read_by(d for d in definitions if not d.pairing)]
    return tuple(t.name for t in plain or read)


def _is_variable(tensor: Tensor) -> bool:
    return not tensor.domain.is_discrete and not tensor.domain.function


def _read_by(definitions: Iterable[Definition]) -> set[Tensor]:
    return {t for d in definitions for t in d.inputs()}
