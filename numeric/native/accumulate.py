"""Kernels of products and scattered sums: one array, added up in doubles block by block.

Outer loops run over the first axes of the array, in threads. For each of their iterations a block of doubles holds the
rest of the array, or a single number; the loops inside add to it. Then the block goes to memory, through whatever the
formula does with the finished sum.
"""

from __future__ import annotations

from collections.abc import Sequence

from .emit import Emitter
from .kernels import Kernel, Target
from .products import ACCUMULATED, substituted
from .scalars import Axis, Scalar, closure, counter, dimension, loads
from .text import bare, loop_name, offset

MODE = "accumulate"

#: A place, and the size that it must be below.
Check = tuple[Scalar, str]


def alone(t: Target) -> bool:
    """Whether every sum in a target is a product or scattered, and has all of its axes: one kernel makes it."""
    sums = [v for v in closure([t.value]) if v.is_reduction]
    return bool(sums) and all(v.op in ACCUMULATED and v.axes == t.axes for v in sums)


def accumulated(t: Target) -> list[Scalar]:
    """The products and scattered sums in a target."""
    return [v for v in closure([t.value]) if v.op in ACCUMULATED]


def accumulation(t: Target, defined: frozenset[str]) -> Kernel:
    """The loops of a target that is made alone. defined: dimensions that follow from others, and are long."""
    place = tuple(a for a in t.place if a)
    sums = accumulated(t)
    first = len(place)
    for r in sums:
        first = min([first, *(place.index(a) for a in scattered(r))])
        if place and innermost(r, place, defined) == place[-1]:
            first = min(first, len(place) - 1)
    values = closure([t.value])
    over = tuple(dict.fromkeys(a for r in sums for a in r.over))
    return Kernel((t,), MODE, place[:first], place[first:], (*place, *over), tuple(values), {}, frozenset())


def innermost(r: Scalar, place: Sequence[Axis], defined: frozenset[str]) -> Axis:
    """The variable of the innermost loop: along which arrays lie in memory, or one number serves for all of it."""
    moving = [a for a in (*place, *r.over) if a not in scattered(r)]
    arrays = loads(closure(r.args[:1]))
    subscripts = [v.args for v in arrays]
    spots = dict(zip(scattered(r), r.args[1:], strict=r.op == "put"))
    subscripts.append(tuple(spots[a] if a in spots else counter(a) for a in place))

    def rank(a: Axis) -> tuple[int, bool, int, bool, int]:
        far = near = 0
        for places in subscripts:
            if not places or not any(a in s.axes for s in places):
                continue
            if any(a in s.axes for s in places[:-1]) or coefficient(places[-1], a) is None:
                far += 1
            elif coefficient(places[-1], a) != 1:
                near += 1
        size = dimension(a)
        return (far, size.isdigit(), -(size in defined), near > 0, -(a == place[-1]) if place else 0)

    return min(moving, key=rank) if moving else ""


def coefficient(s: Scalar, a: Axis) -> int | None:
    """The whole number by which a place grows with a loop variable; None where that is no number."""
    if a not in s.axes:
        return 0
    if s.op == "counter":
        return 1
    if s.op == "neg":
        inner = coefficient(s.args[0], a)
        return None if inner is None else -inner
    if s.op == "add":
        total = 0
        for sign, x in zip(s.data, s.args, strict=True):
            part = coefficient(x, a)
            if part is None:
                return None
            total += sign * part  # type: ignore[operator]
        return total
    if s.op == "mul" and s.data[0] == len(s.args):
        numbers = [x.data[0] for x in s.args if x.op == "const"]
        others = [x for x in s.args if x.op != "const"]
        if len(others) == 1 and all(isinstance(n, int) for n in numbers):
            inner = coefficient(others[0], a)
            for n in numbers:
                inner = None if inner is None else inner * n  # type: ignore[operator]
            return inner
    return None


class Accumulator(Emitter):
    """Writes such a kernel as the body of a C function."""

    defined: frozenset[str] = frozenset()

    def body(self) -> list[str]:
        k = self.k
        (t,) = k.targets
        sums = [v for v in k.values if v.op in ACCUMULATED]
        block = k.inner
        length = self._product(block)
        names = {r: self.fresh("sum") for r in sums}
        if block:
            self.scratch = [(names[r], length) for r in sums]
        most = max(sums, key=lambda r: len(r.over))
        entries = " * (double)".join(self._dims((*k.outer, *(a for a in block if a not in scattered(most)), *most.over)))
        self.put(f"const ptrdiff_t rows = {self._product(k.outer) or '1'};")
        self.put(f"const ptrdiff_t threads = nn_threads(rows, (double){entries});")
        self.used["threads"] = None
        if self.scratch:
            each = " + ".join(n for _, n in self.scratch)
            self.put(f"const ptrdiff_t each = ({each} + 7) / 8 * 8;")
            self.put("double *const scratch = malloc((size_t)(threads * each) * sizeof(double));")
            self.put("if (!scratch)")
            self.put("    return 1;")
        self.put("#ifdef _OPENMP")
        self.put("#pragma omp parallel num_threads((int)threads) if (threads > 1)")
        self.put("#endif")
        self.open("{")
        self.put("const ptrdiff_t me = nn_thread();")
        for name, at in self._positions().items():
            self.put(f"double *restrict const {name} = scratch + me * each{'' if at == '0' else f' + {at}'};")
        self.open("for (ptrdiff_t row = rows * me / threads; row < rows * (me + 1) / threads; row++) {")
        self._outer_variables()
        for r in sums:
            self._add_up(r, names[r], block, length)
        self._store(t, {r: f"{names[r]}[{self._offset(block)}]" if block else names[r] for r in sums}, block)
        self.close()
        self.close()
        if self.scratch:
            self.put("free(scratch);")
        self.put("return 0;")
        return self.lines

    def _add_up(self, r: Scalar, name: str, block: Sequence[Axis], length: str) -> None:
        """The loops that add to the block of one sum."""
        if block:
            self.put(f"for (ptrdiff_t j = 0; j < {length}; j++)")
            self.put(f"    {name}[j] = 0.0;")
        else:
            self.put(f"double {name} = 0.0;")
        place = tuple(a for a in self.k.order if a in self.k.outer or a in block)
        vector = innermost(r, place, self.defined)
        spots = dict(zip(scattered(r), r.args[1:], strict=r.op == "put"))
        loops = [a for a in (*(b for b in block if b not in spots), *r.over) if a != vector]
        parts = [self.text.place(spots[a]) if a in spots else loop_name(a) for a in block]
        target = f"{name}[{offset(parts, tuple(map(dimension, block)))}]" if block else name
        local = not any(vector in (spots[a].axes if a in spots else {a}) for a in block)
        body, limits = unguarded(r.args[0])
        checks = [*((s, dimension(a)) for a, s in spots.items()), *limits]
        depth, opened = self.depth, set(self.k.outer)
        self.text.moving = frozenset({vector})
        scopes = len(self.scopes)
        self.scopes.append({})
        self._name_known(body, opened)
        for a in loops:
            checks = self._check(checks, opened)
            self._loop(a, "0", dimension(a), body, opened)
        checks = self._check(checks, opened)
        low, high, checks = self._range(vector, checks)
        at = self.depth
        sum_of_loop = self.fresh("total") if local else ""
        if local:
            self.put(f"double {sum_of_loop} = 0.0;")
        if local or self._apart(vector, spots, block):
            self.put("#ifdef _OPENMP")
            self.put(f"#pragma omp simd{f' reduction(+:{sum_of_loop})' if local else ''}")
            self.put("#endif")
        self._loop(vector, low, high, body, opened)
        self._check(checks, opened)
        self.put(f"{sum_of_loop or target} += {bare(self.text.value(body))};")
        while self.depth > at:
            self.close()
        if local:
            self.put(f"{target} += {sum_of_loop};")
        while self.depth > depth:
            self.close()
        del self.scopes[scopes:]

    def _loop(self, a: Axis, low: str, high: str, body: Scalar, opened: set[Axis]) -> None:
        n = loop_name(a)
        self.open(f"for (ptrdiff_t {n} = {low}; {n} < {high}; {n}++) {{")
        self.scopes.append({})
        opened.add(a)
        self._name_known(body, opened)

    def _name_known(self, body: Scalar, opened: set[Axis]) -> None:
        """Names for what is read and does not change any more in the loops to come."""
        guarded = {x for v in closure([body]) if v.op == "inside" for x in closure(v.args[2:])}
        self.guarded = guarded
        for v in closure([body]):
            if v.axes <= opened and v != body and self._worth(v) and self._known(v) is None:
                self._name(v)

    def _check(self, checks: list[Check], opened: set[Axis]) -> list[Check]:
        """Asks whether places that are known by now are in the array; the others."""
        ready = [(s, size) for s, size in checks if s.axes <= opened]
        said = " && ".join(f"{self.text.place(s)} >= 0 && {self.text.place(s)} < {size}" for s, size in ready)
        if ready:
            self.open(f"if ({said}) {{")
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
                    ends = f"{start} < {size} ? ({size} - {start} + {step - 1}) / {step} : 0"
                    self.put(f"ptrdiff_t {top} = {ends};")
                    self.put(f"{top} = {top} < {high} ? {top} : {high};")
                return low, top, [c for c in checks if c != (s, size)]
        return "0", high, checks

    def _apart(self, vector: Axis, spots: dict[Axis, Scalar], block: Sequence[Axis]) -> bool:
        """Whether no two iterations of the innermost loop add to the same place."""
        return any(coefficient(spots[a], vector) if a in spots else a == vector for a in block)

    def _store(self, t: Target, found: dict[Scalar, str], block: Sequence[Axis]) -> None:
        """The finished sums to memory."""
        self.text.moving = frozenset(block[-1:])
        depth, scopes = self.depth, len(self.scopes)
        self.scopes.append(dict(found))
        opened = set(self.k.outer)
        for a in (None, *block):
            if a is not None:
                if a == block[-1]:
                    self.put("#ifdef _OPENMP")
                    self.put("#pragma omp simd")
                    self.put("#endif")
                n = loop_name(a)
                self.open(f"for (ptrdiff_t {n} = 0; {n} < {dimension(a)}; {n}++) {{")
                self.scopes.append({})
                opened.add(a)
            for v in self._without_sums(t.value):
                if v.axes <= opened and v != t.value and self._worth(v) and self._known(v) is None:
                    self._name(v)
        self.put(f"{self._element(t)} = {self._stored(t)};")
        while self.depth > depth:
            self.close()
        del self.scopes[scopes:]

    def _without_sums(self, root: Scalar) -> list[Scalar]:
        """What is computed of finished sums, operands first."""
        order: dict[Scalar, None] = {}

        def visit(v: Scalar) -> None:
            if v not in order and not v.is_reduction:
                for a in v.args:
                    visit(a)
                order[v] = None

        visit(root)
        return list(order)


def unguarded(body: Scalar) -> tuple[Scalar, list[Check]]:
    """A product with the factors that are 0 outside of their arrays as they are inside, and where that is."""
    if body.op == "widen":
        inner, checks = unguarded(body.args[0])
        return Scalar("widen", (inner,), (), inner.axes), checks
    if body.op == "inside":
        inner, checks = unguarded(body.args[2])
        return inner, [(body.args[0], str(body.args[1].data[0])), *checks]
    if body.op != "mul" or body.data[0] != len(body.args):
        return body, []
    found = [unguarded(a) for a in body.args]
    args = tuple(a for a, _ in found)
    return Scalar("mul", args, body.data, body.axes), [c for _, checks in found for c in checks]


def scattered(r: Scalar) -> tuple[Axis, ...]:
    """The variables of a sum along which its values are scattered."""
    return r.data[0] if r.op == "put" else ()  # type: ignore[return-value]
