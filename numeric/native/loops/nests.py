"""One stage of a kernel: the inner loops in which sums are added up, and targets and kept values are stored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..scalars import Axis, Scalar, closure, dimension
from .kernels import Target
from .reductions import SHAPES, SIGN, finished, kept_by, update
from .text import bare, loop_name

#: Iterations of a loop over a row before the partial sum goes to a double total.
BLOCK = {"double": 512, "float": 512}
#: And of one over entries of a vector, which has many partial sums to add.
PART = 1024

#: In the text of :func:`in_short_blocks`.
FEW = 2
_SIDE = re.compile(r"(#define NN_SIDE) 16\b")
_LENGTH = re.compile(r"(\bblock \+= |- block < |: block \+ )\d+\b")


def in_short_blocks(source: str) -> str:
    """The C text with blocks so short that a row of any length is several, and few rows side by side."""
    return _SIDE.sub(rf"\g<1> {FEW}", _LENGTH.sub(rf"\g<1>{FEW}", source))


class Nests:
    """The part of an emitter that writes inner loops."""

    def _nest(
        self: Any,
        axes: tuple[Axis, ...],
        reductions: list[Scalar],
        targets: list[Target],
        totals: dict[Scalar, list[str]],
        chunked: bool,
    ) -> None:
        k = self.k
        scalar = [r for r in reductions if r not in totals or self._scalar_late(r)]
        arrays = [r for r in reductions if r not in scalar]
        own = {r: r if r in totals else kept_by(r, scalar) for r in scalar}
        vector = axes[-1] if axes else None
        here = [r for r in arrays if vector in r.over]  # one number for all of the innermost loop
        narrow = {r for r in (*scalar, *here) if self.text.narrow(r.args[0])}
        exact = all(r.op in ("max", "peak") for r in (*scalar, *here))
        blocked = bool(narrow) or (self.real == "double" and not chunked and any(vector in r.over for r in scalar))
        blocked = (blocked and not exact) or self.reading
        parts: dict[Scalar, list[str]] = {}
        for r in dict.fromkeys(own.values()):
            base = self.fresh("total" if r.op not in ("max", "peak") else "largest")
            parts[r] = [base + suffix for suffix, *_ in SHAPES[r.op]]
            self._start(r, parts[r], "float" if r in narrow and not blocked else "double")
        at, before = len(self.lines), self.depth
        made: dict[str, tuple[str, str]] = {}

        def once(text: str, base: str, kind: str) -> str:
            if text not in made:
                made[text] = self.fresh(base), kind
            return made[text][0]

        self.text.once = once
        streamed = [t for t in targets if t in self.rows]
        depth = self.depth
        for a in axes[:-1]:
            v = loop_name(a)
            self.open(f"for (ptrdiff_t {v} = 0; {v} < {dimension(a)}; {v}++) {{")
        v = "e" if k.flat else loop_name(str(vector))
        low, high = ("first", "last") if chunked else ("0", dimension(str(vector)))
        self._open_rows(streamed, str(vector))
        for r in here:
            parts[r] = [self.fresh("total" + suffix) for suffix, *_ in SHAPES[r.op]]
            self._start(r, parts[r], "double")
        inner_parts = parts
        if blocked:
            length = PART if chunked else BLOCK[self.real]
            self.open(f"for (ptrdiff_t block = {low}; block < {high}; block += {length}) {{")
            self.put(f"const ptrdiff_t end = {high} - block < {length} ? {high} : block + {length};")
            low, high = "block", "end"
            if self.reading:
                self._read_ahead(str(vector), low, high)
            inner_parts = {r: [f"{n}_part" for n in names] for r, names in parts.items()}
            for r, names in inner_parts.items():
                self._start(r, names, "float" if r in narrow else "double")
        head = f"for (ptrdiff_t {v} = {low}; {v} < {high}; {v}++) {{"
        roots = [r.args[0] for r in reductions] + [t.value for t in targets]
        stored = [b for b in self.buffers if self._known(b) is None and self._reached(b, roots)]
        if stored and parts:
            self._loop_of_costly(head, stored)
        self._simd(
            "".join(
                f" reduction({SIGN[op]}:{name})"
                for r, names in inner_parts.items()
                for name, (_, _, op) in zip(names, SHAPES[r.op], strict=True)
            )
        )
        self.open(head)
        self.scopes.append({})
        self._values(roots, [b for b in stored if self._known(b) is None])
        for r, names in inner_parts.items():
            for name, text, (_, _, op) in zip(
                names, self._parts(r, self.text.value(r.args[0])), SHAPES[r.op], strict=True
            ):
                self.put(update(name, text, op))
        for r in arrays:
            if r not in here:
                self._accumulate(r, totals[r], self._parts(r, self.text.value(r.args[0])))
        for t in targets:
            self.put(f"{self._element(t)} = {self._stored(t)};")
        self.scopes.pop()
        self.text.once = lambda text, base, kind: text
        self.lines[at:at] = [f"{'    ' * before}const {kind} {n} = {bare(text)};" for text, (n, kind) in made.items()]
        self.close()
        if blocked:
            for r, names in parts.items():
                for name, part, (_, _, op) in zip(names, inner_parts[r], SHAPES[r.op], strict=True):
                    self.put(update(name, part, op))
            self.close()
        for r in here:
            self._accumulate(r, totals[r], parts[r])
        self._close_rows(streamed, str(vector))
        while self.depth > depth:
            self.close()
        self.scopes[-1].update({b: self._buffer(b) for b in stored})
        for r in scalar:
            if r in totals:
                self._accumulate(r, totals[r], parts[r])
            else:
                name = self.fresh("row")
                self.put(f"const double {name} = {finished(r.op, parts[own[r]], self.used)};")
                self.scopes[-1][r] = name

    def _nest_if_needed(self: Any, axes: tuple[Axis, ...], sums: list[Scalar], totals: dict[Scalar, list[str]]) -> None:
        """Sums that follow from others, and loops that add them up where these leave too few digits."""
        shortcuts = {r: self.k.shortcuts[r] for r in sums}
        tests = dict.fromkeys(t for s in shortcuts.values() for t in s.tests)
        self._row_values([*(s.value for s in shortcuts.values()), *(a for t in tests for a in t.args)])
        names = {}
        self.scopes.append({})
        for r, s in shortcuts.items():
            names[r] = self.fresh("row")
            self.put(f"double {names[r]} = {bare(self.text.value(s.value))};")
            self.scopes[-1][s.value] = names[r]
        self.open(f"if (!({' && '.join(map(self.text.condition, tests))})) {{")
        self.scopes[-1].clear()
        self._nest(axes, sums, [], totals, False)
        for r, name in names.items():
            self.put(f"{name} = {self.scopes[-1][r]};")
        self.scopes.pop()
        self.close()
        self.scopes[-1].update(names)

    def _loop_of_costly(self: Any, head: str, stored: list[Scalar]) -> None:
        """A loop for values that are kept: with no sums in it, compilers make vectors of its last entries too."""
        self._simd("")
        self.open(head)
        self.scopes.append({})
        self._values(stored, stored)
        self.scopes.pop()
        self.close()
        self.scopes[-1].update({b: self._buffer(b) for b in stored})

    def _values(self: Any, roots: Sequence[Scalar], stored: Sequence[Scalar]) -> None:
        """Names for what is used more than once; stored: what goes to its buffer."""
        for value in closure(roots):
            if self._known(value) is not None or not self.k.inside(value) or value.is_reduction:
                continue
            if value in stored:
                name = self._name(value)
                self.put(f"{self._buffer(value)} = {name};")
            elif self._reached(value, roots) and self._worth(value):
                self._name(value)

    def _start(self: Any, r: Scalar, names: Sequence[str], kind: str) -> None:
        for name, (_, start, _) in zip(names, SHAPES[r.op], strict=True):
            self.put(f"{kind} {name} = {start};")

    def _simd(self: Any, clauses: str) -> None:
        self.put("#ifdef _OPENMP")
        self.put(f"#pragma omp simd{clauses}")
        self.put("#endif")

    def _reached(self: Any, value: Scalar, roots: Sequence[Scalar]) -> bool:
        """Whether a value is evaluated here, and not only inside something that has a name already."""
        stack, seen = list(roots), set()
        while stack:
            v = stack.pop()
            if v == value:
                return True
            if v in seen or v.is_reduction or self._known(v) is not None:
                continue
            seen.add(v)
            stack += v.args
        return False

    def _worth(self: Any, v: Scalar) -> bool:
        if v.op in ("const", "dim", "parameter", "counter", "compare") or v in self.guarded:
            return False
        if self.text.is_whole(v):  # a place
            return False
        return v.op in ("load", "call") or self.uses.get(v, 0) > 1
