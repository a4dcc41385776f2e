"""``if`` statements in generated code: one look at an array tells whether any of its rows needs an exact form.

An exact form may cost as much as everything else, and be needed only by few inputs. Then the plain form stands beside
it, with the condition under which it is not good enough: a number, 0 where no row needs the exact form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..plans import fresh_name
from ..program import Node

if TYPE_CHECKING:
    from .text import Writer


def either(condition: Node, exact: Sequence[Node], plain: Sequence[Node], names: Sequence[str]) -> list[Node]:
    """One value for each exact and plain form: the exact one where the condition holds. All of them in one ``if``.

    names: what the values are called. A plain form that has a name already keeps it, and the exact one takes it over:
    then only plain forms and the condition may read it.
    """
    choice = Node("either", (condition, *exact, *plain), tuple(names), 0)
    return [Node("one_of", (choice,), (k,), p.rank, p.kind) for k, p in enumerate(plain)]


@contextmanager
def inside(w: Writer, condition: Node, holds: bool) -> Iterator[None]:
    """What is written in here is executed where a condition holds, or where it does not.

    Names given in here are known in here, and where the same is written for the same condition later.
    """
    name = w.variable(condition, "sure")
    lines, names, known = w.lines, dict(w.names), w.branches.setdefault((condition, holds), {})
    w.lines = []
    w.names.update(known)
    yield
    known |= {node: text for node, text in w.names.items() if node not in names}
    if w.lines:
        follows = w.branch_end == (condition, True, len(lines)) and not holds
        lines.append("else:" if follows else f"if {name}:" if holds else f"if not {name}:")
        lines += [f"    {line}" for line in w.lines]
        w.branch_end = condition, holds, len(lines)
    w.lines, w.names = lines, names


def one_of(w: Writer, n: Node) -> str:
    """The name of one value; the first of them writes the ``if`` statement for all."""
    choice = n.args[0]
    condition, *forms = choice.args
    exact, plain = forms[: len(forms) // 2], forms[len(forms) // 2 :]
    w.variable(condition, "sure")
    known = [p in w.names for p in plain]
    names = [w.names.get(p) or fresh_name(str(k), w.taken) for p, k in zip(plain, choice.data, strict=True)]
    for holds, values in ((True, exact), (False, plain)):
        with inside(w, condition, holds):
            for value, name, had in zip(values, names, known, strict=True):
                if holds or not had:
                    w.lines.append(f"{name} = {w.expression(value, inline=True)[0]}")
    for value in plain:  # its name is that of the choice now
        w.names.pop(value, None)
    w.names |= {Node("one_of", (choice,), (k,), p.rank, p.kind): names[k] for k, p in enumerate(plain)}
    return w.names[n]
