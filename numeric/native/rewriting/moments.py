"""Fewer passes over columns of floats: sums of squares around a mean follow from sums made in the pass for the mean.

Where v = a·x + b with the same a and b for a whole column, Σv² = a²Σx² + 2abΣx + b²n and Σv·y = aΣxy + bΣy. Products
of two floats are exact in double, so the sums on the right lose only what cancels, and how much that is their sizes
say. Where it is too much, in any column, the pass that the formula asks for is made after all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product as pairs

from ..loops.kernels import Cut, Kernel, Target, Uncovered, schedule
from ..lowering.factors import product
from ..scalars import Axis, Scalar, Shape, closure, dimension, load, loads, replaced, signed_sum

#: A sum of squares below this share of the terms that it is made of has lost too many digits.
LEAST = Scalar("const", (), (2.0**-16,))

#: Coefficients by what they multiply: a product of entries that change from row to row.
Polynomial = dict[tuple[Scalar, ...], Scalar]

ONE = Scalar("const", (), (1.0,))
HUGE = Scalar("const", (), (2.0**1000,))


@dataclass
class Moments:
    """Sums over rows of products of entries, and what the sums in a formula are in terms of these.

    rows: the variables of the sums. found: the sums of products, by the product; no product is the number of rows.
    """

    rows: tuple[Axis, ...]
    found: dict[tuple[Scalar, ...], Scalar]

    def of(self, r: Scalar) -> tuple[Scalar, Scalar] | None:
        """A sum in terms of sums of products, and the size of its terms; None where it has no such form."""
        terms = polynomial(r.args[0], frozenset(self.rows))
        if terms is None or any(len(m) > 2 for m in terms) or set(r.over) != set(self.rows):
            return None
        made = [product((self._sum(m), c)) for m, c in terms.items()]
        sizes = [Scalar("call", (t,), ("abs",), t.axes) for t in made]
        return signed_sum(*((1, t) for t in made)), signed_sum(*((1, s) for s in sizes))

    def _sum(self, m: tuple[Scalar, ...]) -> Scalar:
        if not m:
            return product([Scalar("dim", (), (dimension(a),)) for a in self.rows])
        if m not in self.found:
            wide = [Scalar("widen", (x,), (), x.axes) for x in m]
            body = product(wide)
            self.found[m] = Scalar("sum", (body,), (), body.axes - set(self.rows), self.rows)
        return self.found[m]


def polynomial(
    s: Scalar,
    rows: frozenset[Axis],
    entry: Callable[[Scalar], bool] = lambda s: s.op == "load",
    fixed: Callable[[Scalar], bool] = lambda s: s.op in ("load", "const", "dim"),
) -> Polynomial | None:
    """A value as a polynomial in entries that change from row to row; the coefficients as the loops have them.

    rows: the variables that entries change with. entry, fixed: which values are entries, and which are coefficients,
    the same floats in the loops and outside of them.
    """
    if not s.axes & rows:
        return {(): s if s.op in ("const", "dim") else Scalar("rounded", (s,), (), s.axes)} if fixed(s) else None
    if s.op == "widen":
        return polynomial(s.args[0], rows, entry, fixed)
    if entry(s):
        return {(s,): ONE}
    if any(a.op == "widen" for a in s.args) and any(not a.axes & rows for a in s.args):
        return None  # the coefficient is a double there
    parts = [polynomial(a, rows, entry, fixed) for a in s.args]
    if any(p is None for p in parts):
        return None
    if s.op in ("add", "neg"):
        signs = s.data if s.op == "add" else (-1,)
        total: dict[tuple[Scalar, ...], list[tuple[int, Scalar]]] = {}
        for sign, p in zip(signs, parts, strict=True):
            for m, c in (p or {}).items():
                total.setdefault(m, []).append((sign, c))  # type: ignore[arg-type]
        return {m: signed_sum(*terms) for m, terms in total.items()}
    if s.op == "pow" and s.data[0] == 2:
        return _multiplied(parts[0] or {}, parts[0] or {})
    if s.op == "mul" and s.data[0] == len(s.args):
        result: Polynomial = {(): ONE}
        for p in parts:
            result = _multiplied(result, p or {})
        return result
    return None


def _multiplied(a: Polynomial, b: Polynomial) -> Polynomial:
    total: dict[tuple[Scalar, ...], list[tuple[int, Scalar]]] = {}
    for (m, c), (k, d) in pairs(a.items(), b.items()):
        both = tuple(sorted((*m, *k), key=lambda x: (str(x.data), str(x.args))))
        factors = [f for f in (c, d) if f != ONE]
        total.setdefault(both, []).append((1, product(factors) if factors else ONE))
    return {m: signed_sum(*terms) if len(terms) > 1 else terms[0][1] for m, terms in total.items()}


def in_one_pass(kernels: Sequence[Kernel], temporaries: dict[str, Shape], real: str) -> list[Kernel]:
    """The kernels, where of two passes for sums over columns of floats the second is made only if it must be."""
    done: list[Kernel] = []
    known: _Known | None = None
    for k in kernels:
        joined = _joined(done[-1], k, temporaries) if done and real == "float" else None
        if joined:
            (done[-1], columns, again), known = joined
            known.at = len(done)
            done += [columns, again]
        elif known and (moved := _moved(done[known.at], k, known)):
            done[known.at] = moved[0]
            done += moved[1:]
        else:
            done.append(k)
    return done


@dataclass
class _Known:
    """Sums of products that are in memory: their loads, by the sum. at: where the kernel is that makes more of them."""

    moments: Moments
    stored: dict[Scalar, Scalar]
    at: int = 0


def _joined(
    first: Kernel, second: Kernel, temporaries: dict[str, Shape]
) -> tuple[tuple[Kernel, Kernel, Kernel], _Known] | None:
    """The first kernel with more sums, one that makes of them what the second makes, and the second if need be."""
    if not _over_columns(first) or not _over_columns(second) or first.outer != second.outer:
        return None
    late = [v for v in second.values if second.is_late(v)]
    if first.inner != second.inner or any(t.value not in second.late for t in second.targets) or not late:
        return None
    moments = Moments(late[0].over, {})
    made = {r: m for r in late if r.op == "sum" and (m := moments.of(r))}
    if len(made) < len(late) or set(moments.rows) != set(first.outer):
        return None
    if not all(any(square_of(q) == f for q in late) for r in late for f in _differences(r)):
        return None
    read = {v.data[0] for m in moments.found for v in m}
    if not read <= {v.data[0] for v in loads(first.values)} or read & set(temporaries):
        return None
    targets = [replace(t, value=replaced(t.value, _multiples(first, moments))) for t in first.targets]
    names = {t.value: t.name for t in targets}
    place, shape = first.inner, (dimension(first.inner[0]),)
    fresh: dict[str, Shape] = {}
    for r in moments.found.values():
        if r not in names:
            names[r] = f"temporary{len(temporaries) + len(fresh) + 1}"
            fresh[names[r]] = shape
            targets.append(Target(names[r], r, place))
    stored = {r: load(names[r], shape, place) for r in moments.found.values()}
    doubtful = f"temporary{len(temporaries) + len(fresh) + 1}"
    fresh[doubtful] = ()
    by = {r: replaced(value, stored) for r, (value, _) in made.items()}
    again = [replace(t, value=replaced(t.value, by)) for t in second.targets]
    doubt = _doubt({r: (by[r], replaced(size, stored)) for r, (_, size) in made.items()})
    again.append(Target(doubtful, Scalar("peak", (doubt,), (), frozenset(), place), ()))
    try:
        sums, columns = schedule(targets), schedule(again)
    except (Cut, Uncovered):
        return None
    temporaries.update(fresh)
    return (sums, replace(columns, wide=True), replace(second, only_if=doubtful)), _Known(moments, stored)


def _doubt(sums: Mapping[Scalar, tuple[Scalar, Scalar]]) -> Scalar:
    """1 where a sum of squares is small beside the terms that it is made of, or a sum is no number; else 0."""
    doubt = Scalar("const", (), (0.0,))
    for r, (value, size) in sums.items():
        tests = [(HUGE, Scalar("call", (value,), ("abs",), value.axes))]
        if square_of(r):
            tests.append((value, product((LEAST, size))))
        for more, less in tests:
            fine = Scalar("compare", (more, less), (">=",), value.axes)
            doubt = Scalar("call", (fine, doubt, ONE), ("where",), value.axes | doubt.axes)
    return doubt


def _multiples(k: Kernel, moments: Moments) -> dict[Scalar, Scalar]:
    """The sums in a kernel that are multiples of sums of products, in terms of these."""
    made = {}
    for r in k.values:
        terms = polynomial(r.args[0], frozenset(moments.rows)) if k.is_late(r) and r.op == "sum" else None
        if terms and len(terms) == 1 and set(r.over) == set(moments.rows) and set(terms) <= set(moments.found):
            ((entries, c),) = terms.items()
            found = moments.found[entries]
            made[r] = found if c == ONE else product((found, c))
    return made


def _moved(columns: Kernel, k: Kernel, known: _Known) -> list[Kernel] | None:
    """The kernel of columns with those targets of another that follow from the same sums, and what is left of that."""
    made = {r: replaced(v, known.stored) for r, v in _multiples(k, known.moments).items()}
    more = [t for t in k.targets if t.value in k.late and t.place == columns.inner]
    more = [t for t in more if all(v in made for v in closure([t.value]) if v.is_reduction)]
    rest = [t for t in k.targets if t not in more]
    if not more:
        return None
    try:
        moved = schedule([*columns.targets, *(replace(t, value=replaced(t.value, made)) for t in more)])
        return [replace(moved, wide=True), *([schedule(rest)] if rest else [])]
    except (Cut, Uncovered):
        return None


def _over_columns(k: Kernel) -> bool:
    return k.mode == "row" and len(k.inner) == 1 and bool(k.outer) and not k.only_if and not k.flat


def square_of(r: Scalar) -> Scalar | None:
    """What a sum adds up the squares of."""
    body = r.args[0]
    if body.op == "pow" and body.data[0] == 2:
        return body.args[0]
    same = body.op == "mul" and body.data[0] == len(body.args) == 2 and body.args[0] == body.args[1]
    return body.args[0] if same else None


def _differences(r: Scalar) -> list[Scalar]:
    """The factors of what a sum adds up in which something may cancel."""
    body = r.args[0]
    factors = [body.args[0]] if square_of(r) else list(body.args) if body.op == "mul" else [body]
    bare = [f.args[0] if f.op == "widen" else f for f in factors]
    return [f for f in bare if any(v.op == "add" for v in closure([f]))]
