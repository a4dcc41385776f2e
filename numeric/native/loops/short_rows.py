"""Rows that are shorter than a vector, such as the scores of ten classes: several of them side by side.

A loop over such a row has no vectors, and all that is done once for a row is done for little. Here each lane of a
vector has a row of its own: every loop over a row becomes one over its entries, and inside it one over the rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..scalars import Axis, Scalar, dimension
from .kernels import Target
from .reductions import SHAPES, SIGN, finished, kept_by, update
from .text import bare, loop_name

#: How many rows, and the bytes of one that is not short any more: two of the longest vectors.
SIDE = """
#define NN_SIDE 16
#define NN_NARROW 128
"""

Nest = Mapping[tuple[int, tuple[Axis, ...]], list[object]]


class ShortRows:
    """The part of an emitter for short rows.

    short: the C name of whether rows are; empty where no loops are written for such rows. side: the variable that
    counts rows side by side; empty in all other loops. inside_side: whether a loop over it is open, and opened
    its first line. of_each: where the last loop over nothing but rows starts, its first line, and where it ends.
    """

    short: str = ""
    side: str = ""
    inside_side: bool = False
    opened: int = 0
    of_each: tuple[int, int, int] = (0, 0, -1)

    def _may_be_short(self: Any, nests: Nest) -> bool:
        """Whether each value is one of a row, of an entry of it, or of all rows, and it pays.

        It does where a row is read again once its sums are known, and an entry costs much.
        """
        k = self.k
        if k.mode != "row" or k.flat or len(k.outer) != 1 or len(k.inner) != 1 or k.shortcuts or self.guarded:
            return False
        if any(axes not in ((), k.inner) for _, axes in nests) or any(k.inside(b) != k.inner for b in self.buffers):
            return False
        if not any(v.is_reduction and v not in k.late for v in k.values):
            return False
        return k.costs_much()

    def _choose_side(self: Any, nests: Nest) -> None:
        """Whether rows are short is known before the loops."""
        self.short = self.fresh("narrow") if self._may_be_short(nests) else ""
        if self.short:
            self.used["side"] = None
            cached = f" && !{self.past}" if self.rows or self.coming else ""
            bytes_ = f"(size_t){dimension(self.k.inner[0])} * sizeof({self.real})"
            self.put(f"const int {self.short} = {bytes_} < NN_NARROW{cached};")

    def _rows_side_by_side(self: Any, nests: Nest, low: str, high: str) -> None:
        """As many rows as there are in whole vectors; ``row`` is then the first that is left."""
        taken = set(self.taken)
        self.put(f"ptrdiff_t row = {low};")
        self.open(f"for (; {self.short} && row + NN_SIDE <= {high}; row += NN_SIDE) {{")
        self.side = self.fresh("side")
        for b, name in self.buffers.items():
            kind = "float" if self.text.narrow(b) else "double"
            self.put(f"{kind} {name}[NN_NARROW / sizeof({self.real}) * NN_SIDE];")
        self.scopes.append({})
        for (_, axes), items in nests.items():
            reductions = [i for i in items if isinstance(i, Scalar)]
            targets = [i for i in items if isinstance(i, Target)]
            self._row_values([*(r.args[0] for r in reductions), *(t.value for t in targets)])
            if axes:
                self._entries_side_by_side(axes[0], reductions, targets)
                continue
            self._open_side(together=not any(r in self.totals for r in reductions))
            for r in reductions:
                self._one_row(r, self.totals)
            for t in targets:
                self.put(f"{self._element(t)} = {self._stored(t)};")
            self._close_side()
        self.scopes.pop()
        self.close()
        self.side, self.taken = "", taken

    def _open_side(self: Any, together: bool = True, clauses: str = "") -> None:
        """The loop over rows. together: in one vector."""
        if together:
            self._simd(clauses)
        self.open(f"for (ptrdiff_t {self.side} = 0; {self.side} < NN_SIDE; {self.side}++) {{")
        self.inside_side, self.opened = True, len(self.lines)

    def _close_side(self: Any) -> None:
        """The end of that loop, which has the number of the row if anything in it asks for it."""
        row = loop_name(self.k.outer[0])
        line = f"{'    ' * self.depth}const ptrdiff_t {row} = row + {self.side};"
        inside = self.lines[self.opened :]
        if line not in inside and any(row in _words(text) for text in inside):
            self.lines.insert(self.opened, line)
        self.close()
        self.inside_side = False

    def _of_each(self: Any, name: str, kind: str, text: str) -> str:
        """A number of each row: how it is called in loops over rows. What follows each other is one loop."""
        declared, opened, ended = self.of_each
        if len(self.lines) == ended:
            self.lines.pop()
            self.depth += 1
            self.inside_side, self.opened = True, opened
        else:
            declared = len(self.lines)
            self._open_side()
        self.lines.insert(declared, f"{'    ' * (self.depth - 1)}{kind} {name}[NN_SIDE];")
        self.opened += 1
        self.put(f"{name}[{self.side}] = {bare(text)};")
        self._close_side()
        self.of_each = declared + 1, self.opened, len(self.lines)
        return f"{name}[{self.side}]"

    def _entries_side_by_side(self: Any, vector: Axis, reductions: Sequence[Scalar], targets: Sequence[Target]) -> None:
        """One stage: for each entry of a row, what all rows do with theirs."""
        totals = self.totals
        scalar = [r for r in reductions if r not in totals or self._scalar_late(r)]
        arrays = [r for r in reductions if r not in scalar]
        own = {r: r if r in totals else kept_by(r, scalar) for r in scalar}
        narrow = {r for r in reductions if self.text.narrow(r.args[0])}
        parts: dict[Scalar, list[str]] = {}
        for r in dict.fromkeys(own.values()):
            base = self.fresh("total" if r.op not in ("max", "peak") else "largest")
            kind = "float" if r in narrow else "double"
            parts[r] = [self._of_each(base + suffix, kind, start) for suffix, start, _ in SHAPES[r.op]]
        before, of_each = self.lines, self.of_each
        self.lines, self.of_each = [], (0, 0, -1)
        made: dict[str, tuple[str, str]] = {}

        def once(text: str, base: str, kind: str) -> str:
            if text not in made:
                made[text] = self.fresh(base), kind
            return f"{made[text][0]}[{self.side}]" if self._varies(text) else made[text][0]

        self.text.once = once
        v = loop_name(vector)
        self.open(f"for (ptrdiff_t {v} = 0; {v} < {dimension(vector)}; {v}++) {{")
        here: dict[str, tuple[str, str]] = {}
        for r in arrays:
            for name, (_, start, op) in zip(totals[r], SHAPES[r.op], strict=True):
                here[name] = self.fresh(f"{name}_here"), op
                self.put(f"{'float' if r in narrow else 'double'} {here[name][0]} = {start};")
        self._open_side(clauses="".join(f" reduction({SIGN[op]}:{name})" for name, op in here.values()))
        self.scopes.append({})
        roots = [*(r.args[0] for r in reductions), *(t.value for t in targets)]
        stored = [b for b in self.buffers if self._known(b) is None and self._reached(b, roots)]
        self._values(roots, stored)
        for r in (*parts, *arrays):
            names = parts[r] if r in parts else [here[name][0] for name in totals[r]]
            values = self._parts(r, self.text.value(r.args[0]))
            for name, text, (_, _, op) in zip(names, values, SHAPES[r.op], strict=True):
                self.put(update(name, text, op))
        for t in targets:
            self.put(f"{self._element(t)} = {self._stored(t)};")
        self.scopes.pop()
        self._close_side()
        for r in arrays:
            self._accumulate(r, totals[r], [here[name][0] for name in totals[r]])
        self.close()
        self.text.once = lambda text, base, kind: text
        loops, self.lines, self.of_each = self.lines, before, of_each
        for text, (name, kind) in made.items():
            if self._varies(text):
                self._of_each(name, kind, text)
            else:
                self.put(f"const {kind} {name} = {bare(text)};")
        self.lines += loops
        self.scopes[-1].update({b: self._buffer(b) for b in stored})
        wide = {r: [f"(double){n}" for n in names] if r in narrow else names for r, names in parts.items()}
        for r in scalar:
            if r in totals:
                self._open_side(together=False)
                self._accumulate(r, totals[r], parts[r])
                self._close_side()
            else:
                self.scopes[-1][r] = self._of_each(self.fresh("row"), "double", finished(r.op, wide[own[r]], self.used))

    def _varies(self: Any, text: str) -> bool:
        """Whether a text is another number in each row."""
        return not {self.side, loop_name(self.k.outer[0])}.isdisjoint(_words(text))


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))
