"""How a writer writes the operations on rows, and which arrays it may overwrite."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import program
from ..plans import fresh_name
from ..program import Node
from .branches import inside, one_of
from .numpy_forms import singletons

if TYPE_CHECKING:
    from .text import Writer

#: Operations whose result is an array of its own.
FRESH = tuple("add mul neg pow call matmul einsum zero_sum row_minus complement full centred".split())


def overwritable(w: Writer, node: Node) -> str:
    """The text of an array that may be overwritten: of a copy, where something else reads it."""
    origin = w.locals.get(str(node.data[0])) if node.op == "name" else node
    text = w.expression(node)[0]
    alone = origin is not None and origin.op in (*FRESH, "reduce") and w.uses[node] == w.uses[origin] == 1
    return text if alone else f"{text}.copy()" if node.is_atom else f"np.array({text})"


def owners(w: Writer) -> dict[str, int]:
    """The names of arrays that were made for them and have all of their axes, with the number of these.

    A number is none: NumPy cannot write into it.
    """
    named = {**{k: n for n, k in w.names.items()}, **w.locals}
    found = {k: _divided(w, n) if n.op == "over" else n for k, n in named.items()}
    arrays = {k: n for k, n in found.items() if n.rank and not singletons(n)}
    return {k: n.rank for k, n in arrays.items() if n.op in FRESH and n.kind == "float"}


def _divided(w: Writer, n: Node) -> Node:
    """What is divided by a scale, whose buffer the quotient may have; by its name, where something else reads it."""
    x, scale = n.args
    while scale.op == "expand":
        scale = scale.args[0]
    if x.op != "name" or scale.op != "name" or w.uses[x] != 2:
        return x
    of = w.locals.get(str(scale.data[0]))
    only_scaled = of is not None and of.op == "row_scale" and of.args[0] == x
    return w.locals.get(str(x.data[0]), x) if only_scaled else x


def _zero_sum(w: Writer, n: Node) -> str:
    at = w.named(n.args[1], "top")  # first: the rows are overwritten
    other = w.expression(n.args[2])[0]
    return f"{w.helper('_zero_sum')}({overwritable(w, n.args[0])}, {at}, axis={n.data[0]}, {n.data[1]}={other})"


def _row_minus(w: Writer, n: Node) -> str:
    """Where the largest entries, and what becomes of them, are known, these are put into the plain difference.

    That is, where a condition says that the plain difference is not good enough.
    """
    t = w.expression(n.args[1])[0]
    if len(n.args) == 2:
        return f"{w.helper('_row_minus')}({overwritable(w, n.args[0])}, {t}, axis={n.data[0]})"
    p, place = w.expression(n.args[0])[0], place_name(w, n.args[2])
    w.names[n] = name = w.planned.pop(n, "") or fresh_name("off", w.taken)
    w.lines.append(f"{name} = {p} - {t}")
    with inside(w, n.args[4], True):
        w.lines.append(f"{name}.put({place}, {w.expression(n.args[3], inline=True)[0]})")
    return name


def _centred(w: Writer, n: Node) -> str:
    """In its place, where a condition or the array itself asks for it."""
    x, place, condition = n.args
    w.names[n] = name = w.variable(x, "product")
    where = place_name(w, place)
    w.lines.append(f"{w.helper('_centre')}({name}, {where}, {w.variable(condition, 'sure')})")
    return name


def _complement(w: Writer, n: Node) -> str:
    return f"{w.helper('_complement')}({w.expression(n.args[0])[0]}, axis={n.data[0]})"


def _place(w: Writer, n: Node) -> str:
    values, at = n.args
    where = w.expression(at, inline=True)[0]
    x = w.expression(values)[0]
    if values.rank == 1:
        return where
    if values.rank == 2 and n.data == (1,):
        return f"{where} + np.arange(0, {x}.size, {x}.shape[1])"
    return f"{w.helper('_place')}({x}, {where}, axis={n.data[0]})"


def place_name(w: Writer, place: Node) -> str:
    """Where the largest entries are: by name, unless it is short and read once."""
    return w.variable(place, "place") if w.uses[place] > 1 else w.named(place, "place")


def _rest(w: Writer, n: Node) -> str:
    """The sum of the others; where nothing reads the largest afterwards, it stays 0."""
    axis, spent = n.data
    axes: tuple[int, ...] = (axis,)  # type: ignore[assignment]
    place = place_name(w, n.args[1])
    if not spent:
        return f"{w.helper('_rest')}({w.expression(n.args[0])[0]}, {place}, axis={axis})"
    terms = w.variable(n.args[0], "e")
    w.lines.append(f"{terms}.put({place}, 0.0)")
    return w.write(program.reduce("sum", n.args[0], axes))[0]


def _over(w: Writer, n: Node) -> str:
    x, scale = (w.expression(a)[0] for a in n.args)
    return f"{w.helper('_over')}({x}, {scale})"


def _row_scale(w: Writer, n: Node) -> str:
    x, least, *squares = (w.expression(a)[0] for a in n.args)
    floor = "" if least == "0" else f", least={least}"
    if n.rank == 0:
        return f"{w.helper('_array_scale')}({x}{floor})"
    axis = n.data[0] if len(n.data) == 1 else n.data
    known = "".join(f", squares={s}" for s in squares)
    return f"{w.helper('_row_scale')}({x}, axis={axis}{floor}{known})"


def _row_squares(w: Writer, n: Node) -> str:
    return f"{w.helper('_row_squares')}({w.expression(n.args[0])[0]})"


def _squares_again(w: Writer, n: Node) -> str:
    squares, scaled, x, inner = (w.expression(a, inline=True)[0] for a in n.args)
    return f"({squares} if {scaled} is {x} else {inner})"


def _row_max(w: Writer, n: Node) -> str:
    return f"{w.helper('_row_max')}({w.expression(n.args[0])[0]})"


ROW_TEXT: dict[str, Callable[[Writer, Node], str]] = {
    "row_max": _row_max,
    "zero_sum": _zero_sum,
    "row_minus": _row_minus,
    "centred": _centred,
    "complement": _complement,
    "place": _place,
    "rest": _rest,
    "one_of": one_of,
    "over": _over,
    "row_scale": _row_scale,
    "row_squares": _row_squares,
    "squares_again": _squares_again,
}
