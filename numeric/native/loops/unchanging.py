"""What is the same in every row, such as the scale of each column: computed once, before the loop over rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..scalars import Axis, Scalar, closure, dimension
from .kernels import Target
from .text import bare, loop_name


class Unchanging:
    """The part of an emitter for values that depend on inner variables only. unchanging: the arrays that keep them."""

    unchanging: dict[Scalar, str]

    def _choose_unchanging(self: Any, nests: dict[tuple[int, tuple[Axis, ...]], list[object]]) -> None:
        """The largest such values that are more than an entry of an array as it lies in memory."""
        if not self.k.outer:
            return
        for items in nests.values():
            for root in _roots(items):
                for v in self._largest(root):
                    if v not in self.unchanging:
                        name = self.unchanging[v] = self.fresh("column")
                        self.scratch.append((name, self._product(self.k.inside(v))))
                        if self.text.narrow(v):
                            self.floats.add(name)

    def _largest(self: Any, root: Scalar) -> Iterable[Scalar]:
        stack, seen = [root], set()
        while stack:
            v = stack.pop()
            if v in seen or v.is_reduction or not self.k.inside(v):
                continue
            seen.add(v)
            if not v.axes <= set(self.k.inner) or any(a.is_reduction for a in closure([v])):
                stack += reversed(v.args)
            elif v.op == "load":
                if v.data[0] in self.temporaries and self.text.narrow(v):
                    yield v
            elif v.op != "compare" and any(a.op == "load" and a.data[0] not in self.text.ints for a in closure([v])):
                yield v

    def _settle(self: Any) -> dict[Scalar, str]:
        """The loops that fill these arrays; what the values are called from there on."""
        done: dict[tuple[Axis, ...], list[Scalar]] = {}
        for v in self.unchanging:
            done.setdefault(self.k.inside(v), []).append(v)
        for axes, values in done.items():
            depth = self.depth
            for a in axes:
                n = loop_name(a)
                self.open(f"for (ptrdiff_t {n} = 0; {n} < {dimension(a)}; {n}++) {{")
            for v in values:
                self.put(f"{self._column(v)} = {bare(self.text.value(v))};")
            while self.depth > depth:
                self.close()
        return {v: self._column(v) for v in self.unchanging}

    def _column(self: Any, v: Scalar) -> str:
        return f"{self.unchanging[v]}[{self._offset(self.k.inside(v))}]"


def _roots(items: Sequence[object]) -> list[Scalar]:
    return [i.value if isinstance(i, Target) else i.args[0] for i in items]  # type: ignore[attr-defined]
