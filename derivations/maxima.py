"""Maxima over axes by the places where they are reached: ``max(X, axis=1)`` is ``X[i, s[i]]`` for labels s.

As long as no entry catches up with the largest one, its place does not move: the derivative of the maximum is that of
the entry there. The places are given, as the labels of a loss are; what is derived holds whatever they are.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from sympy import Expr, Symbol

from ..calculus.grammar import subscripts
from ..calculus.parser import parse_definitions, parse_givens
from ..calculus.scope import ParseError
from ..calculus.shifts import MaximumStays, Occurrence, Shift
from .lines import Line, Names, lines_of, place_of, tree_of, with_brackets

#: Names for the places, the maxima and what they are of, and for indices, in the order in which they are tried.
PLACES, TOPS, ARRAYS, LETTERS = "stqr", "mMTU", "AZBH", "ijklpabcfgh"


def by_places(text: str, given: str) -> tuple[str, str, list[str]]:
    """The definitions and givens with places for each maximum that does not cancel, and what is to be said of these.

    **Raises** ParseError for a text that cannot be read, and for a maximum that no entry stands for.
    """
    notes: list[str] = []
    before: MaximumStays | None = None
    while True:
        try:
            parse_definitions(text, parse_givens(given))
        except MaximumStays as stays:
            found = _with_places(text, given, stays.shift)
            if found is None:
                raise
            text, given, note = found
            notes.append(note)
            before = stays
        except ParseError:
            if before is None:
                raise
            raise before from None
        else:
            return text, given, notes


@dataclass(frozen=True)
class _Array:
    """What a maximum is of, as an array with a name: its axes by index, and the line that defines it, if there is one.

    around, over, kept: the indices around the maximum, those it runs over, and those of its result.
    """

    name: str
    axes: tuple[str, ...]
    line: str | None
    around: tuple[str, ...]
    over: tuple[str, ...]
    kept: tuple[str, ...]
    dims: Mapping[str, Expr]
    conditions: tuple[ast.expr, ...]

    @classmethod
    def of(cls, shift: Shift, where: Occurrence, names: Names) -> _Array:
        argument = where.node.args[0]
        loops = argument.generators if isinstance(argument, ast.GeneratorExp) else []
        value = argument.elt if isinstance(argument, ast.GeneratorExp) else argument
        bound = tuple(ast.unparse(loop.target) for loop in loops)
        own = tuple(names.take(LETTERS) for _ in shift.dims[len(bound) :])
        inner = (*bound, *own)
        axes = (*where.around, *inner)
        over = tuple(inner[a] for a in shift.over)
        kept = tuple(k for k in inner if k not in over)
        dims = dict(zip(axes, (*shift.around, *shift.dims), strict=True))
        rest = (where.around, over, kept, dims, tuple(test for loop in loops for test in loop.ifs))
        if axes == own and isinstance(value, ast.Name):
            return cls(value.id, axes, None, *rest)
        if not own and isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name):
            at = tuple(map(ast.unparse, subscripts(value)))
            if sorted(at) == sorted(axes):
                return cls(value.value.id, at, None, *rest)
        name = names.take(ARRAYS)
        text = ast.unparse(value)
        if axes == own:
            return cls(name, axes, f"{name} = {text}", *rest)
        left = with_brackets(name, [f"{k}: {dims[k]}" for k in axes])
        return cls(name, axes, f"{left} = {with_brackets(f'({text})', own)}", *rest)


def _with_places(text: str, given: str, shift: Shift) -> tuple[str, str, str] | None:
    """The same with one of the maxima as an entry at its place; None where no such entry can be written."""
    if not shift.over or not all(isinstance(d, Symbol) or d.is_Integer for d in (*shift.around, *shift.dims)):
        return None
    lines = {line.source.first: line for line in lines_of(text)}
    where = min(shift.occurrences, key=lambda o: o.scope.source.first)
    first = lines[where.scope.source.first]
    names = Names(text, given)
    array = _Array.of(shift, where, names)
    places = {k: names.take(PLACES) for k in array.over}
    outer = (*array.around, *array.kept)
    entry = with_brackets(array.name, [with_brackets(places[k], outer) if k in places else k for k in array.axes])
    axes = [f"{k}: {array.dims[k]}" for k in outer]
    if len(shift.kept) == len(shift.dims):  # keepdims=True
        axes = [f"{k}: 1" if k in places else f"{k}: {array.dims[k]}" for k in array.axes]
    whole = _whole(first, where, array)
    target = whole or with_brackets(names.take(TOPS), axes)
    top = target.partition("[")[0]
    if whole == top:
        target = with_brackets(top, axes)
    written = []
    for line in lines.values():
        mine = [o for o in shift.occurrences if o.scope.source.first == line.source.first]
        if line is first:
            written += [array.line] if array.line else []
            written.append(f"{target} = {entry}" + line.behind * bool(whole))
        if line is not first or not whole:
            written.append(line.written({place_of(o.node): tree_of(with_brackets(top, o.around)) for o in mine}))
    labels, note = _said(shift, array, places)
    return "\n".join(written), "\n".join([given, *labels]), note


def _whole(line: Line, where: Occurrence, array: _Array) -> str | None:
    """What the line defines, if it says of that only that it is the maximum."""
    target = line.tree.targets[0]
    if place_of(line.tree.value) != place_of(where.node):
        return None
    if isinstance(target, ast.Name):
        return None if array.around else target.id
    assert isinstance(target, ast.Subscript)
    names = [k.lower if isinstance(k, ast.Slice) else k for k in subscripts(target)]
    mine = tuple(k.id for k in names if isinstance(k, ast.Name))
    return ast.unparse(target) if mine == array.around and not array.kept else None


def _said(shift: Shift, array: _Array, places: Mapping[str, str]) -> tuple[list[str], str]:
    """The places as givens, and the note on where they are and on ties."""
    outer = (*array.around, *array.kept)
    shape = "".join(f"{array.dims[k]} " for k in outer)
    numpy, kept = _in_numpy(shift, array), ""
    if conditions := list(map(ast.unparse, array.conditions)):
        kept = f" Here keep has the shape of {array.name} and is true where {' and '.join(conditions)}."
    labels = [f"{name}: {shape}int<{array.dims[k]}  # where {shift.text} is reached" for k, name in places.items()]
    if len(labels) == 1 and not conditions:
        labels = [f"{labels[0]}: {numpy}"]
    if outer and len(places) == 1:
        torch = "as PyTorch's does along an axis"
    else:
        over = "several axes" if outer else "all entries"
        torch = f"while PyTorch's over {over} shares it out among them"
    said = f"{numpy}.{kept}" if len(places) == 1 else f"{', '.join(places.values())} = {numpy}.{kept}"
    subject, verb = " and ".join(places.values()), "says" if len(places) == 1 else "say"
    name = "names" if len(places) == 1 else "name"
    return labels, (
        f"{subject} {verb} where {shift.text} is reached, {said} Where two entries tie for it there is no derivative; "
        f"the one here is that of the entry {subject} {name}, the first of them, {torch}."
    )


def _in_numpy(shift: Shift, array: _Array) -> str:
    """The places of the maximum, the first in case of a tie, in NumPy."""
    lowest = shift.text.startswith("min")
    function, outer = f"arg{'min' if lowest else 'max'}", (*array.around, *array.kept)
    of = f"np.where(keep, {array.name}, {'' if lowest else '-'}np.inf)" if array.conditions else array.name
    if len(array.over) == 1:
        return f"{of}.{function}({f'axis={array.axes.index(array.over[0])}' if outer else ''})"
    lengths = ", ".join(str(array.dims[k]) for k in array.over)
    if not outer and array.axes == array.over:
        return f"np.unravel_index({of}.{function}(), ({lengths}))"
    wanted = (*outer, *array.over)
    if array.axes != wanted:
        of = f"np.transpose({of}, ({', '.join(str(array.axes.index(k)) for k in wanted)}))"
    flat = ", ".join([*(str(array.dims[k]) for k in outer), "-1"])
    return f"np.unravel_index({of}.reshape({flat}).{function}(axis=-1), ({lengths}))"
