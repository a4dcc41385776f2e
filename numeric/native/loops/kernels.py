"""Which loops compute a set of arrays together: one pass over memory where the formula allows it.

A kernel has *outer* loop variables, whose iterations are independent and run in threads, and *inner* ones. A reduction
over inner variables whose result is used inside them again (the mean of a row, say) splits the inner loops into stages.
A reduction over outer variables (the gradient of a bias) is added up thread by thread, and is complete after the loops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..scalars import Axis, Scalar, closure, loads

#: Functions that cost enough to keep their values where a later stage needs them again.
COSTLY = frozenset(
    "exp log tanh sinh cosh sin cos arctan power expm1 log1p sigmoid softplus sech2 erf erfc erfcx xlogx log_weighted "
    "tanh_remainder sigmoid_minus tanh_minus softplus_mean exp_polynomial exp_product exp_quotient".split()
)


class Cut(Exception):
    """Values that must be arrays of their own before this kernel."""

    def __init__(self, *values: Scalar) -> None:
        super().__init__(*(v.op for v in values))
        self.values = values


class Uncovered(Exception):
    """Targets that have no loops in common."""


@dataclass(frozen=True)
class Target:
    """An array to compute: its name, its entry, the loop variable of each axis (None: of length one)."""

    name: str
    value: Scalar
    place: tuple[Axis | None, ...]

    @property
    def axes(self) -> frozenset[Axis]:
        return frozenset(a for a in self.place if a)


@dataclass(frozen=True)
class Shortcut:
    """What a sum is if all tests, which are comparisons, hold: it need not be added up then."""

    value: Scalar
    tests: tuple[Scalar, ...]


@dataclass(frozen=True)
class Kernel:
    """Loops for some arrays.

    mode: ``row`` (outer loops around inner loops) or ``chunk`` (one variable, cut in pieces that are the outer loop).
    levels: after how many stages a value is known. late: values that are known after the loops only. order: of loop
    variables, as arrays lie in memory. wide: everything is computed in double. only_if: the name of a number; where
    that is 0, the kernel is not needed. shortcuts: sums over rows that follow from others, as a rule.
    """

    targets: tuple[Target, ...]
    mode: str
    outer: tuple[Axis, ...]
    inner: tuple[Axis, ...]
    order: tuple[Axis, ...]
    values: tuple[Scalar, ...]
    levels: dict[Scalar, int]
    late: frozenset[Scalar]
    flat: bool = False
    wide: bool = False
    only_if: str = ""
    shortcuts: Mapping[Scalar, Shortcut] = field(default_factory=dict)

    def inside(self, s: Scalar) -> tuple[Axis, ...]:
        """The inner variables that a value depends on, outermost first."""
        return tuple(a for a in self.inner if a in s.axes)

    @property
    def moving(self) -> frozenset[Axis]:
        """The variables of the innermost loops."""
        if self.wide:
            return frozenset()
        return frozenset((*self.outer, *self.inner) if self.flat else self.inner)

    def costs_much(self) -> bool:
        """Whether an entry of a row does: it takes a function that costs more than reading it."""
        every = [v for v in self.values if v.op == "call" and v.data[0] in COSTLY]
        return any(self.inside(v) and set(self.outer) & v.axes for v in every)

    def is_late(self, s: Scalar) -> bool:
        """A reduction that is complete after the loops only."""
        return s.is_reduction and s in self.late and not any(a in self.late for a in closure(s.args))


def schedule(targets: Sequence[Target], also: Sequence[Scalar] = ()) -> Kernel:
    """The loops for these targets, and for other values on the way. Raises :class:`Cut`."""
    values = closure([*also, *(t.value for t in targets)])
    order = _order(targets, values)
    every = [a for a in order if any(a in v.axes or a in v.over for v in values) or any(a in t.axes for t in targets)]
    _need_cover(targets, values, set(every))
    below = _downstream(targets, values)
    early = [v for v in values if v.is_reduction and any(a in below[v] for a in v.over)]
    blocked = {a for v in early for a in v.over if a in below[v]}
    vector = _innermost(targets, values, every)
    mode, outer, inner = "row", [a for a in every if a not in blocked], [a for a in every if a in blocked]
    if not blocked and vector:
        outer.remove(vector)
        inner = [vector]
        if not outer:
            mode, outer, inner = "chunk", [], [vector]
    elif vector in outer:  # columns: rows are read several times, in order, rather than each column once
        raise Cut(*_first_needed(values, blocked, early))
    if inner and mode == "row" and vector in inner:
        inner.remove(vector)
        inner.append(vector)
    late: set[Scalar] = set()
    for v in values:
        outside = any(a in outer for a in v.over) or (mode == "chunk" and v.is_reduction)
        if outside or any(a in late for a in v.args):
            late.add(v)
    for v in values:
        if v.is_reduction and v not in late and any(a in inner for a in v.axes):
            raise Cut(v)
        if v.is_reduction and v in late and any(a in late for a in v.args):
            raise Cut(next(x for x in closure(v.args) if x.is_reduction and x in late))
    levels: dict[Scalar, int] = {}
    for v in values:
        under = max((levels[a] for a in v.args), default=0)
        levels[v] = under + 1 if v.is_reduction and v not in late else under
    flat = _is_flat(targets, values)
    return Kernel(
        tuple(targets), mode, tuple(outer), tuple(inner), tuple(order), tuple(values), levels, frozenset(late), flat
    )


def stages(k: Kernel) -> dict[tuple[int, tuple[Axis, ...]], list[object]]:
    """What is computed in which stage over which inner variables: reductions and targets."""
    found: dict[tuple[int, tuple[Axis, ...]], list[object]] = {}
    for v in k.values:
        if v.is_reduction and (v not in k.late or k.is_late(v)):
            arg = v.args[0]
            axes = tuple(a for a in k.inner if a in arg.axes)
            found.setdefault((k.levels[arg], axes), []).append(v)
    for t in k.targets:
        if t.value not in k.late:
            axes = tuple(a for a in k.inner if a in t.axes)
            found.setdefault((k.levels[t.value], axes), []).append(t)
    return dict(sorted(found.items(), key=lambda item: (item[0][0], -len(item[0][1]))))


def _first_needed(values: Sequence[Scalar], inner: set[Axis], early: Sequence[Scalar]) -> list[Scalar]:
    """What loops over inner variables need of reductions over these that need no other of their kind; and these
    reductions, so that no later kernel computes them again.
    """
    made = set(early)
    needed: dict[Scalar, None] = {}
    for v in values:
        if any(a in made for a in v.args):
            made.add(v)
        if inner & v.axes or inner & set(v.over):
            needed.update({a: None for a in v.args if a in made and not inner & a.axes})
    all_early = set(early)
    lowest = {v for v in early if not all_early & set(closure(v.args))}
    first = [v for v in needed if all_early & set(closure([v])) <= lowest]
    below = set(closure(first))
    return [*(v for v in early if v in lowest and v in below and v not in first), *first]


def _need_cover(targets: Sequence[Target], values: Sequence[Scalar], every: set[Axis]) -> None:
    """One value or target runs through all the loops: otherwise they would be nested for nothing."""
    domains = [set(v.axes) | set(v.over) for v in values] + [set(t.axes) for t in targets]
    if any(d >= every for d in domains):
        return
    if len(targets) > 1:
        raise Uncovered
    for v in values:
        if v.is_reduction and v != targets[0].value:
            raise Cut(v)


def _downstream(targets: Sequence[Target], values: Sequence[Scalar]) -> dict[Scalar, set[Axis]]:
    """The loop variables of everything that is computed from a value."""
    found: dict[Scalar, set[Axis]] = {v: set() for v in values}
    for t in targets:
        found[t.value] |= t.axes
    for v in reversed(values):
        for a in v.args:
            found[a] |= found[v] | v.axes | set(v.over)
    return found


def _order(targets: Sequence[Target], values: Sequence[Scalar]) -> list[Axis]:
    """Loop variables, outermost first, as the largest arrays have them."""
    places = [t.place for t in targets]
    places += [tuple(s.data[0] if s.op == "counter" else None for s in v.args) for v in loads(values)]  # type: ignore[misc]
    found: dict[Axis, None] = {}  # a diagonal has one variable twice
    for place in sorted(places, key=len, reverse=True):
        found.update(dict.fromkeys(a for a in place if a))
    for v in values:
        found.update(dict.fromkeys((*sorted(v.axes), *v.over)))
    return list(found)


def _innermost(targets: Sequence[Target], values: Sequence[Scalar], every: Sequence[Axis]) -> Axis | None:
    """The variable along which most of the largest arrays lie in memory."""
    places = [t.place for t in targets]
    places += [tuple(s.data[0] if s.op == "counter" else None for s in v.args) for v in loads(values)]  # type: ignore[misc]
    ranks = [len([a for a in p if a]) for p in places]
    top = max(ranks, default=0)
    last = [p[-1] for p, r in zip(places, ranks, strict=True) if r == top and p and p[-1]]
    if last:
        return max(dict.fromkeys(last), key=last.count)
    return every[-1] if every else None


def _is_flat(targets: Sequence[Target], values: Sequence[Scalar]) -> bool:
    """Everything lies in memory in one order, and is computed entry by entry: a single loop does."""
    if not targets or any(v.is_reduction or v.op in ("counter", "inside") for v in values if v.op != "counter"):
        return False
    place = targets[0].place
    if None in place or len(place) < 1 or any(t.place != place for t in targets):
        return False
    for v in loads(values):
        if v.args and tuple(s.data[0] if s.op == "counter" else None for s in v.args) != place:
            return False
    used = {s for v in values if v.op != "load" for s in v.args if s.op == "counter"}
    return not used
