"""Fewer passes over rows of floats: sums around a mean follow from sums of products that the first pass makes.

Products of two floats are exact in double. So, where v = a·x + b with a and b the same for a whole row, Σv² and Σv·y
follow from Σx², Σx·y, Σx and Σy, as :mod:`.moments` says of columns; where too much would cancel, the row is read once
more. And no square of a float leaves the range of a double: the scale of a row needs no pass for its largest entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..loops.kernels import Cut, Kernel, Shortcut, Target, Uncovered, schedule
from ..lowering.factors import product
from ..scalars import Scalar, dimension, replaced, signed_sum
from .moments import HUGE, LEAST, polynomial, square_of


def in_fewer_passes(kernel: Kernel) -> Kernel:
    """A kernel of floats, where sums over its rows follow from sums of its first pass."""
    if kernel.mode != "row" or kernel.flat or kernel.wide or kernel.only_if or not kernel.inner:
        return kernel
    try:
        scales = _scales(kernel)
        k = schedule([replace(t, value=replaced(t.value, scales)) for t in kernel.targets])
        sums = _FirstSums(k)
        shortcuts: dict[Scalar, Shortcut] = {}
        for nest in _later_sums(k):
            found = {r: s for r in nest if (s := sums.shortcut(r, nest)) is not None}
            if len(found) == len(nest):
                shortcuts |= found
        return _scheduled(k, shortcuts, sums.in_double()) if shortcuts else kernel
    except (Cut, Uncovered):
        return kernel


def _scales(k: Kernel) -> dict[Scalar, Scalar]:
    """Powers of two near the largest entry of a row; and near the root of its mean square, which serves as well."""
    pure = _without_sums(k)
    found = {}
    for v in k.values:
        if v.op != "call" or v.data != ("row_scale",) or v.args[0].op != "peak":
            continue
        top, least = v.args
        size = top.args[0]
        if size.op == "call" and size.data == ("abs",) and size in pure and set(top.over) <= size.axes:
            x = Scalar("widen", size.args, (), size.axes)
            squares = Scalar("sum", (product((x, x)),), (), top.axes, top.over)
            mean = product((squares,), [Scalar("dim", (), (dimension(a),)) for a in top.over])
            root = Scalar("pow", (mean,), (0.5,), mean.axes)
            found[v] = Scalar("call", (root, least), v.data, v.axes)
    return found


def _without_sums(k: Kernel) -> set[Scalar]:
    """The values that no reduction is needed for."""
    pure: set[Scalar] = set()
    for v in k.values:
        if not v.is_reduction and all(a in pure for a in v.args):
            pure.add(v)
    return pure


def _later_sums(k: Kernel) -> list[list[Scalar]]:
    """The sums of each loop over whole rows that comes after others and does nothing but add up."""
    found: dict[int, list[Scalar] | None] = {}
    for v in k.values:
        if v.is_reduction and (v not in k.late or k.is_late(v)):
            level = k.levels[v.args[0]]
            sums = found.setdefault(level, [])
            if v in k.late or v.op != "sum" or set(v.over) != set(k.inner):
                found[level] = None
            elif sums is not None:
                sums.append(v)
    for t in k.targets:
        if t.value not in k.late:
            found[k.levels[t.value]] = None
    return [sums for level, sums in found.items() if level and sums]


class _FirstSums:
    """The sums of products that the first pass over a row makes, by the product; and what follows from them."""

    def __init__(self, k: Kernel) -> None:
        self.rows = k.inner
        self.pure = _without_sums(k)
        self.found: dict[tuple[Scalar, ...], Scalar] = {}
        self.floats = {v.args[0]: v for v in k.values if v.op == "sum" and v.args[0] in self.pure and v not in k.late}

    def shortcut(self, r: Scalar, beside: list[Scalar]) -> Shortcut | None:
        """How a sum follows, where it does. beside: the sums that are made in the same loop."""
        terms = self._polynomial(r.args[0])
        if terms is None or any(len(m) > 2 or (m and not self._runs(m)) for m in terms):
            return None
        if len(terms) == 1:
            ((m, c),) = terms.items()
            return Shortcut(product((self._sum(m), c)), ())
        squares = {square_of(q) for q in beside}
        if any(f not in squares for f in _factors(r) if len(self._polynomial(f) or {}) > 1):
            return None
        made = [product((self._sum(m), c)) for m, c in terms.items()]
        value = signed_sum(*((1, t) for t in made))
        tests = [_at_least(HUGE, _size(value))]
        if square_of(r) is not None:
            tests.append(_at_least(value, product((LEAST, signed_sum(*((1, _size(t)) for t in made))))))
        return Shortcut(value, tuple(tests))

    def in_double(self) -> dict[Scalar, Scalar]:
        """Sums of floats that are made in double now: by the sum as it was."""
        return {self.floats[m[0]]: s for m, s in self.found.items() if len(m) == 1 and m[0] in self.floats}

    def _polynomial(self, s: Scalar) -> Mapping[tuple[Scalar, ...], Scalar] | None:
        return polynomial(s, frozenset(self.rows), self.pure.__contains__, fixed=lambda _: True)

    def _runs(self, m: tuple[Scalar, ...]) -> bool:
        return frozenset(self.rows) <= frozenset().union(*(x.axes for x in m))

    def _sum(self, m: tuple[Scalar, ...]) -> Scalar:
        if not m:
            return product([Scalar("dim", (), (dimension(a),)) for a in self.rows])
        if m not in self.found:
            body = product([Scalar("widen", (x,), (), x.axes) for x in m])
            self.found[m] = Scalar("sum", (body,), (), body.axes - set(self.rows), self.rows)
        return self.found[m]


def _factors(r: Scalar) -> list[Scalar]:
    """The factors of what a sum adds up."""
    body = r.args[0]
    factors = body.args if body.op == "mul" else body.args[:1] if body.op == "pow" else (body,)
    return [f.args[0] if f.op == "widen" else f for f in factors]


def _size(s: Scalar) -> Scalar:
    return Scalar("call", (s,), ("abs",), s.axes)


def _at_least(more: Scalar, less: Scalar) -> Scalar:
    return Scalar("compare", (more, less), (">=",), more.axes | less.axes)


def _scheduled(k: Kernel, shortcuts: Mapping[Scalar, Shortcut], in_double: Mapping[Scalar, Scalar]) -> Kernel:
    """The kernel with what follows from the first sums in the place of others: always, or where tests allow it."""
    always = {r: s.value for r, s in shortcuts.items() if not s.tests}
    memo: dict[Scalar, Scalar] = dict(in_double)

    def now(v: Scalar) -> Scalar:
        if v not in memo:
            memo[v] = now(always[v]) if v in always else replace(v, args=tuple(map(now, v.args)))
        return memo[v]

    targets = [Target(t.name, now(t.value), t.place) for t in k.targets]
    left = {now(r): Shortcut(now(s.value), tuple(map(now, s.tests))) for r, s in shortcuts.items() if s.tests}
    also = [v for s in left.values() for v in (s.value, *s.tests)]
    made = schedule(targets, also)
    if (made.mode, made.inner) != (k.mode, k.inner):
        raise Uncovered
    return replace(made, shortcuts=left)


__all__ = ["in_fewer_passes"]
