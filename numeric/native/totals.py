"""Reductions over outer loops: each thread adds up its own part, and the parts are joined after the loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .kernels import Cut
from .reductions import SHAPES, finished, update
from .scalars import Scalar, closure, dimension
from .text import bare, loop_name


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
                self.put(update(f"{name}[{place}]", value, op))
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
