"""The C text of a kernel of products or scattered sums (:mod:`.accumulate`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..lowering.products import ACCUMULATED, substituted
from ..scalars import Axis, Scalar, closure, counter, dimension, signed_sum
from .accumulate import Check, coefficient, innermost, scattered, unguarded
from .emit import Emitter
from .kernels import Target
from .text import bare, loop_name, offset

#: So many terms of a sum are added at once, so that the block is read and written less often.
TOGETHER = 4


class Accumulator(Emitter):
    """Writes such a kernel as the body of a C function. defined: dimensions that follow from others."""

    defined: frozenset[str] = frozenset()

    def body(self) -> list[str]:
        """The lines of the function after its head."""
        k = self.k
        (t,) = k.targets
        sums = [v for v in k.values if v.op in ACCUMULATED]
        block = k.inner
        length = self._product(block)
        names = {r: self.fresh("sum") for r in sums}
        if block:
            self.scratch = [(names[r], length) for r in sums]
        longest = max(sums, key=lambda r: len(r.over))
        loops = (*k.outer, *(a for a in block if a not in scattered(longest)), *longest.over)
        self.put(f"const ptrdiff_t rows = {self._product(k.outer) or '1'};")
        self.put(f"const ptrdiff_t threads = nn_threads(rows, (double){' * (double)'.join(self._dims(loops))});")
        self.used["threads"] = None
        if self.scratch:
            each = " + ".join(n for _, n in self.scratch)
            self.put(f"const ptrdiff_t each = ({each} + 7) / 8 * 8;")
            self.put("double *const scratch = malloc((size_t)(threads * each) * sizeof(double));")
            self.put("if (!scratch)")
            self.put("    return 1;")
        self._pragma("parallel num_threads((int)threads) if (threads > 1)", "(void)threads;")
        self.open("{")
        self.put("const ptrdiff_t me = nn_thread(), team = nn_team();")
        for name, at in self._positions().items():
            self.put(f"double *restrict const {name} = scratch + me * each{'' if at == '0' else f' + {at}'};")
        self.open("for (ptrdiff_t row = rows * me / team; row < rows * (me + 1) / team; row++) {")
        self._outer_variables()
        for r in sums:
            self._add_up(r, names[r], length)
        self._store(t, {r: f"{names[r]}[{self._offset(block)}]" if block else names[r] for r in sums})
        self.close()
        self.close()
        if self.scratch:
            self.put("free(scratch);")
        self.put("return 0;")
        return self.lines

    def _add_up(self, r: Scalar, name: str, length: str) -> None:
        """The loops that add to the block of one sum."""
        k, block = self.k, self.k.inner
        if block:
            self.put(f"for (ptrdiff_t j = 0; j < {length}; j++)")
            self.put(f"    {name}[j] = 0.0;")
        else:
            self.put(f"double {name} = 0.0;")
        vector = innermost(r, (*k.outer, *block), block, self.defined)
        spots = dict(zip(scattered(r), r.args[1:], strict=r.op == "put"))
        parts = [self.text.place(spots[a]) if a in spots else loop_name(a) for a in block]
        target = f"{name}[{offset(parts, tuple(map(dimension, block)))}]" if block else name
        local = not any(vector in (spots[a].axes if a in spots else {a}) for a in block)
        body, limits = unguarded(r.args[0])
        checks = [*((s, dimension(a)) for a, s in spots.items()), *limits]
        loops = [a for a in (*(b for b in block if b not in spots), *r.over) if a != vector]
        free = [a for a in r.over if a != vector and not any(a in s.axes for s, _ in checks)]
        several = free[0] if free else None
        loops = [a for a in loops if a != several]
        depth, opened = self.depth, set(k.outer)
        self.text.moving = frozenset({vector} if vector else ())
        self.guarded = {x for v in closure([body]) if v.op == "inside" for x in closure(v.args[2:])}
        scopes = len(self.scopes)
        self.scopes.append({})
        checks = self._inside_loop(checks, [body], opened)
        for a in loops:
            self.open(f"for (ptrdiff_t {loop_name(a)} = 0; {loop_name(a)} < {dimension(a)}; {loop_name(a)}++) {{")
            opened.add(a)
            checks = self._inside_loop(checks, [body], opened)
        low, high, checks = self._range(vector, checks) if vector else ("", "", checks)

        def innermost_loop(bodies: Sequence[Scalar]) -> None:
            if vector is None:
                self._sum_of(target, bodies)
                return
            at, total = self.depth, self.fresh("total") if local else ""
            if local:
                self.put(f"double {total} = 0.0;")
            if local or any(coefficient(spots[a], vector) if a in spots else a == vector for a in block):
                self._pragma(f"simd{f' reduction(+:{total})' if local else ''}")
            v = loop_name(vector)
            self.open(f"for (ptrdiff_t {v} = {low}; {v} < {high}; {v}++) {{")
            self._inside_loop(checks, bodies, opened | {vector})
            self._sum_of(total or target, bodies)
            self.scopes.pop()
            while self.depth > at:
                self.close()
            if local:
                self.put(f"{target} += {total};")

        if several is None:
            innermost_loop([body])
        else:
            n, size = loop_name(several), dimension(several)
            copies = [body]
            for shift in range(1, TOGETHER):
                later = signed_sum((1, counter(several)), (1, Scalar("const", (), (shift,))))
                copies.append(substituted(body, {several: later}))
            whole = f"ptrdiff_t {n} = 0; {n} + {TOGETHER - 1} < {size}; {n} += {TOGETHER}"
            rest = f"ptrdiff_t {n} = {size} / {TOGETHER} * {TOGETHER}; {n} < {size}; {n}++"
            for head, bodies in ((whole, copies), (rest, [body])):
                self.open(f"for ({head}) {{")
                self._inside_loop([], bodies, opened | {several})
                innermost_loop(bodies)
                self.scopes.pop()
                self.close()
        while self.depth > depth:
            self.close()
        del self.scopes[scopes:]

    def _sum_of(self, target: str, bodies: Sequence[Scalar]) -> None:
        first, *others = map(self.text.value, bodies)
        lines = [f"{target} += {first if others else bare(first)}", *(f"    + {text}" for text in others)]
        for line in (*lines[:-1], f"{lines[-1]};"):
            self.put(line)

    def _inside_loop(self, checks: list[Check], bodies: Iterable[Scalar], opened: set[Axis]) -> list[Check]:
        """At the start of a loop: asks whether places known by now are in their arrays, and reads what is known by now.

        Returns the other checks.
        """
        ready = [(s, size) for s, size in checks if s.axes <= opened]
        if ready:
            said = " && ".join(f"{self.text.place(s)} >= 0 && {self.text.place(s)} < {size}" for s, size in ready)
            self.open(f"if ({said}) {{")
        self.scopes.append({})
        for body in bodies:
            for v in closure([body]):
                if v.axes <= opened and v != body and self._worth(v) and self._known(v) is None:
                    self._name(v)
        return [c for c in checks if c not in ready]

    def _range(self, vector: Axis, checks: list[Check]) -> tuple[str, str, list[Check]]:
        """Where the innermost loop starts and ends, so that a place that grows with it is in the array."""
        high = dimension(vector)
        for s, size in checks:
            step = coefficient(s, vector)
            if step is not None and step > 0:
                start, low, top = self.fresh("start"), self.fresh("low"), self.fresh("high")
                rest = bare(self.text.place(substituted(s, {vector: Scalar("const", (), (0,))})))
                self.put(f"const ptrdiff_t {start} = {rest};")
                if step == 1:
                    self.put(f"const ptrdiff_t {low} = {start} < 0 ? -{start} : 0;")
                    self.put(f"const ptrdiff_t {top} = {size} - {start} < {high} ? {size} - {start} : {high};")
                else:
                    self.put(f"const ptrdiff_t {low} = {start} < 0 ? ({step - 1} - {start}) / {step} : 0;")
                    self.put(f"ptrdiff_t {top} = {start} < {size} ? ({size} - {start} + {step - 1}) / {step} : 0;")
                    self.put(f"{top} = {top} < {high} ? {top} : {high};")
                return low, top, [c for c in checks if c != (s, size)]
        return "0", high, checks

    def _store(self, t: Target, found: dict[Scalar, str]) -> None:
        """The finished sums to memory."""
        block = self.k.inner
        self.text.moving = frozenset(block[-1:])
        depth, scopes = self.depth, len(self.scopes)
        self.scopes.append(dict(found))
        opened = set(self.k.outer)
        for a in (None, *block):
            if a is not None:
                if a == block[-1]:
                    self._pragma("simd")
                n = loop_name(a)
                self.open(f"for (ptrdiff_t {n} = 0; {n} < {dimension(a)}; {n}++) {{")
                self.scopes.append({})
                opened.add(a)
            for v in _without_sums(t.value):
                if v.axes <= opened and v != t.value and self._worth(v) and self._known(v) is None:
                    self._name(v)
        self.put(f"{self._element(t)} = {self._stored(t)};")
        while self.depth > depth:
            self.close()
        del self.scopes[scopes:]

    def _pragma(self, text: str, otherwise: str = "") -> None:
        self.put("#ifdef _OPENMP")
        self.put(f"#pragma omp {text}")
        if otherwise:
            self.put("#else")
            self.put(otherwise)
        self.put("#endif")


def _without_sums(root: Scalar) -> list[Scalar]:
    """What is computed of finished sums, operands first."""
    order: dict[Scalar, None] = {}

    def visit(v: Scalar) -> None:
        if v not in order and not v.is_reduction:
            for a in v.args:
                visit(a)
            order[v] = None

    visit(root)
    return list(order)
