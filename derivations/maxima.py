"""Maxima over an axis by the places where they are reached: ``max(X, axis=1)`` is ``X[i, s[i]]`` for labels s.

As long as no entry catches up with the largest one, its place does not move: the derivative of the maximum is that of
the entry there. The places are given, as the labels of a loss are; what is derived holds whatever they are.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from sympy import Symbol

from ..calculus.parser import parse_definitions, parse_givens
from ..calculus.scope import ParseError
from ..calculus.shifts import MaximumStays, Shift

#: Names for the places, the maxima and what they are of, and for indices, in the order in which they are tried.
PLACES, TOPS, ARRAYS, LETTERS = "skqrt", "mMTU", "AZBH", "ijlpabcfgh"


def by_places(lines: Sequence[str], given: str) -> tuple[list[str], str, list[str]]:
    """The definitions and givens with a place for each maximum that does not cancel, and what is to be said of these.

    **Raises** ParseError for a text that cannot be read, and for a maximum over several axes or of a generator.
    """
    lines, notes = list(lines), []
    before: MaximumStays | None = None
    while True:
        try:
            parse_definitions("\n".join(lines), parse_givens(given))
        except MaximumStays as stays:
            found = _with_a_place(lines, given, stays.shift)
            if found is None:
                raise
            lines, given, note = found
            notes.append(note)
            before = stays
        except ParseError:
            if before is None:
                raise
            raise before from None  # such as an array of its own that would need an index from outside
        else:
            return lines, given, notes


def _with_a_place(lines: Sequence[str], given: str, shift: Shift) -> tuple[list[str], str, str] | None:
    """The same with one of the maxima as an entry at its place; None where there is no name for that place."""
    written = ast.get_source_segment(shift.scope.source.text, shift.node)
    argument = shift.node.args[0]
    plain = all(isinstance(d, Symbol) or d.is_Integer for d in shift.dims)
    if written is None or len(shift.over) != 1 or isinstance(argument, ast.GeneratorExp) or not plain:
        return None
    (axis,) = shift.over
    taken = set(re.findall(r"\w+", "\n".join([*lines, given])))
    first = next((n for n, line in enumerate(lines) if written in line), None)
    if first is None:
        return None
    whole = re.fullmatch(rf"\s*(\w+)\s*=\s*{re.escape(written)}\s*(?:#.*)?", lines[first])
    place, top = _name(PLACES, taken), whole[1] if whole else _name(TOPS, taken)
    of = argument.id if isinstance(argument, ast.Name) else _name(ARRAYS, taken)
    letters = [_name(LETTERS, taken) for _ in shift.dims]
    others = [k for k in letters if k != letters[axis]]
    at = [place + _brackets(others) if k == letters[axis] else k for k in letters]
    kept = others
    if len(shift.kept) == len(shift.dims):
        kept = [f"{k}: 1" if k == letters[axis] else k for k in letters]
    made = [] if isinstance(argument, ast.Name) else [f"{of} = {ast.unparse(argument)}"]
    made.append(f"{top}{_brackets(kept)} = {of}{_brackets(at)}")
    lowest = shift.text.startswith("min")
    numpy = f"{of}.arg{'min' if lowest else 'max'}({f'axis={axis}' if others else ''})"
    dims = " ".join(str(d) for d, k in zip(shift.dims, letters, strict=True) if k in others)
    label = f"{place}: {dims} int<{shift.dims[axis]}  # where {shift.text} is reached: {numpy}"
    torch = "as PyTorch's does along an axis" if others else "while PyTorch's over all entries shares it out among them"
    note = (
        f"{place} says where {shift.text} is reached, {numpy}. Where two entries tie for it there is no derivative; "
        f"the one here is that of the entry {place} names, the first of them, {torch}."
    )
    changed = [line if n < first else line.replace(written, top) for n, line in enumerate(lines)]
    return [*changed[:first], *made, *changed[first + bool(whole) :]], f"{given}\n{label}", note


def _brackets(indices: Sequence[str]) -> str:
    return f"[{', '.join(indices)}]" if indices else ""


def _name(wanted: str, taken: set[str]) -> str:
    """The first of some letters that is free; from now on it is taken."""
    names = [*wanted, *(f"{wanted[0]}{k}" for k in range(1, 100))]
    name = next(n for n in names if n not in taken)
    taken.add(name)
    return name
