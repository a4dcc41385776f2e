"""Reductions over outer loops: each thread adds up its own part, and the parts are joined after the loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..scalars import Axis, Scalar, closure, dimension
from .kernels import Cut, Target
from .reductions import SHAPES, finished, update
from .text import bare, loop_name

#: Rows whose sums by column are added up in float before they go to the totals in double.
GROUP = 16
#: Rows that are added to such sums in one go.
TOGETHER = 4


class Totals:
    """The part of an emitter that writes reductions over outer loops."""

    def _scalar_late(self: Any, r: Scalar) -> bool:
        """Added up in the inner loops first: all inner variables of what it adds are summed."""
        return not any(a in self.k.inner for a in r.axes)

    def _accumulator(self: Any, v: Scalar) -> list[str]:
        names = [self.fresh("sum" + suffix) for suffix, *_ in SHAPES[v.op]]
        length = self._product(self._ordered(v.axes)) or "1"
        for name in names:
            self.scratch.append((name, length))
            if not v.axes:
                self.scratch.append((f"{name}_low", "1"))
        if self.k.mode == "row" and v.axes and v.axes <= set(self.k.inner) and self.text.narrow(v.args[0]):
            for name in names:
                part = self.partials[name] = self.fresh(f"{name}_part")
                self.scratch.append((part, length))
                self.floats.add(part)
            self.grouped[v] = names
        return names

    def _clear(self: Any, v: Scalar, names: list[str]) -> None:
        position = self._positions()
        self.open("for (ptrdiff_t t = 0; t < threads; t++) {")
        length = self._product(self._ordered(v.axes)) or "1"
        for name, (_, start, _) in zip(names, SHAPES[v.op], strict=True):
            self.put(f"for (ptrdiff_t j = 0; j < {length}; j++)")
            self.put(f"    scratch[t * each + {position[name]} + j] = {start};")
            if not v.axes:
                self.put(f"scratch[t * each + {position[name + '_low']}] = 0.0;")
        self.close()

    def _open_group(self: Any, nests: Mapping[tuple[int, tuple[Axis, ...]], list[object]]) -> None:
        """The loop over the rows of a thread; in groups, where sums in float are added to totals after each."""
        low, high = "rows * me / team", "rows * (me + 1) / team"
        if self.grouped:
            self._reset_parts(add=False)
            until, group, stop = (self.fresh(name) for name in ("until", "group", "stop"))
            self.put(f"const ptrdiff_t {until} = {high};")
            self.open(f"for (ptrdiff_t {group} = {low}; {group} < {until}; {group} += {GROUP}) {{")
            self.put(f"const ptrdiff_t {stop} = {until} - {group} < {GROUP} ? {until} : {group} + {GROUP};")
            low, high = group, stop
        if self.short:
            self._rows_side_by_side(nests, low, high)
            self.open(f"for (; row < {high}; row++) {{")
        elif self._sums_alone(nests):
            self._rows_together(next(iter(nests.values())), low, high)
            self.open(f"for (; row < {high}; row++) {{")
        else:
            self.open(f"for (ptrdiff_t row = {low}; row < {high}; row++) {{")

    def _sums_alone(self: Any, nests: Mapping[tuple[int, tuple[Axis, ...]], list[object]]) -> bool:
        """Whether the rows of one matrix, or of several, are added up by column, and nothing else is done."""
        k = self.k
        if k.mode != "row" or k.flat or len(k.outer) != 1 or len(k.inner) != 1 or list(nests) != [(0, k.inner)]:
            return False
        sums = next(iter(nests.values()))
        if any(isinstance(r, Target) or r.axes != frozenset(k.inner) for r in sums):  # type: ignore[attr-defined]
            return False
        row = frozenset(k.outer)
        return not any(v.axes == row and v.op != "counter" for v in closure(r.args[0] for r in sums))  # type: ignore[attr-defined]

    def _rows_together(self: Any, sums: Sequence[Scalar], low: str, high: str) -> None:
        """Several rows in one go: the sums so far are read and written once for all of them."""
        row, column = map(loop_name, (*self.k.outer, *self.k.inner))
        self.put(f"ptrdiff_t row = {low};")
        self.open(f"for (; row + {TOGETHER - 1} < {high}; row += {TOGETHER}) {{")
        self._simd("")
        self.open(f"for (ptrdiff_t {column} = 0; {column} < {dimension(self.k.inner[0])}; {column}++) {{")
        kept: dict[str, str] = {}
        for name in (n for r in sums for n in self.totals[r]):
            memory = self.partials.get(name, name)
            kept[name] = self.fresh(f"{name}_here")
            self.put(f"{'float' if memory in self.floats else 'double'} {kept[name]} = {memory}[{column}];")
        self.open(f"for (ptrdiff_t {row} = row; {row} < row + {TOGETHER}; {row}++) {{")
        self.scopes.append({})
        self._values([r.args[0] for r in sums], [])
        for r in sums:
            values = self._parts(r, self.text.value(r.args[0]))
            for name, value, (_, _, op) in zip(self.totals[r], values, SHAPES[r.op], strict=True):
                self.put(update(kept[name], value, op))
        self.scopes.pop()
        self.close()
        for name, here in kept.items():
            self.put(f"{self.partials.get(name, name)}[{column}] = {here};")
        self.close()
        self.close()

    def _close_group(self: Any) -> None:
        self.close()
        if self.grouped:
            self._reset_parts(add=True)
            self.close()

    def _reset_parts(self: Any, add: bool) -> None:
        """Add the sums of a group to the totals, or not, and start the next ones."""
        for v, names in self.grouped.items():
            self.open(f"for (ptrdiff_t j = 0; j < {self._product(self._ordered(v.axes))}; j++) {{")
            for name, (_, start, op) in zip(names, SHAPES[v.op], strict=True):
                part = f"{self.partials[name]}[j]"
                if add:
                    self.put(update(f"{name}[j]", part, op))
                self.put(f"{part} = {start};")
            self.close()

    def _positions(self: Any) -> dict[str, str]:
        found, at = {}, "0"
        for name, length in self.scratch:
            found[name] = at
            at = f"{at} + {length}" if at != "0" else length
        return found

    def _accumulate(self: Any, r: Scalar, names: list[str], values: Sequence[str]) -> None:
        place = self._offset(self._ordered(r.axes))
        for name, value, (_, _, op) in zip(names, values, SHAPES[r.op], strict=True):
            if r.axes or op == "max":
                self.put(update(f"{self.partials.get(name, name)}[{place}]", value, op))
            else:
                self.used["add"] = None
                self.put(f"nn_add({name}, {name}_low, {bare(value)});")

    def _after(self: Any, late: list[Scalar], totals: dict[Scalar, list[str]]) -> None:
        """Totals of all threads together, and the targets that are made of them."""
        k = self.k
        position = self._positions()
        self.text.moving = frozenset()  # what follows is computed once
        for v in late:
            length = self._product(self._ordered(v.axes)) or "1"
            for name, (_, _, op) in zip(totals[v], SHAPES[v.op], strict=True):
                self.put(f"double *restrict const {name} = scratch + {position[name]};")
                if not v.axes:
                    self.put(f"double *restrict const {name}_low = scratch + {position[name + '_low']};")
                self.open("for (ptrdiff_t t = 1; t < threads; t++) {")
                if v.axes or op == "max":
                    self.open(f"for (ptrdiff_t j = 0; j < {length}; j++) {{")
                    self.put(update(f"{name}[j]", f"scratch[t * each + {position[name]} + j]", op))
                    self.close()
                else:
                    self.put(f"nn_add({name}, {name}_low, scratch[t * each + {position[name]}]);")
                    self.put(f"nn_add({name}, {name}_low, scratch[t * each + {position[name + '_low']}]);")
                self.close()
        for t in k.targets:
            if t.value not in k.late:
                continue
            for v in closure([t.value]):
                if v.is_reduction and v not in k.late and self._needed_after(v, t.value):
                    raise Cut(v)
            axes = [a for a in t.place if a]
            depth = self.depth
            for a in axes:
                n = loop_name(a)
                self.open(f"for (ptrdiff_t {n} = 0; {n} < {dimension(a)}; {n}++) {{")
            scope = {}
            for v in late:
                parts = []
                for name in totals[v]:
                    at = f"{name}[{self._offset(self._ordered(v.axes))}]"
                    parts.append(at if v.axes or v.op in ("max", "peak") else f"({at} + {name}_low[0])")
                scope[v] = finished(v.op, parts, self.used)
            flat, self.text.flat = self.text.flat, None
            self.scopes.append(scope)
            self.put(f"{self._element(t)} = {self._stored(t)};")
            self.scopes.pop()
            self.text.flat = flat
            while self.depth > depth:
                self.close()

    def _needed_after(self: Any, v: Scalar, root: Scalar) -> bool:
        stack = [root]
        while stack:
            s = stack.pop()
            if s == v:
                return True
            if not self.k.is_late(s):
                stack += s.args
        return False

    def _one_row(self: Any, r: Scalar, totals: dict[Scalar, list[str]]) -> None:
        value = self.text.value(r.args[0])
        if r in totals:
            self._accumulate(r, totals[r], self._parts(r, value))

    def _parts(self: Any, r: Scalar, value: str) -> list[str]:
        if r.op == "sum":
            return [value]
        kind, f = ("float", "f") if self.text.narrow(r.args[0]) else ("double", "")
        if not value.isidentifier():
            name = self.fresh("entry")
            self.put(f"const {kind} {name} = {bare(value)};")
            value = name
        if r.op == "peak":
            return [value]
        if r.op == "others":
            return [f"({value} >= 1.0{f} ? 0.0{f} : {value})"]
        if r.op == "max":
            return [value, f"({value} != {value} ? 1.0{f} : 0.0{f})"]
        return [f"({value} >= 1.0{f} ? 0.0{f} : {value})", f"({value} >= 1.0{f} ? 1.0{f} : 0.0{f})"]
