"""The values inside the loops of a compiled kernel, as expressions of loop variables.

A loop variable is called after its dimension, such as ``n`` or ``C`` (``C'`` for a second loop over the same one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Axis = str
Shape = tuple[str, ...]


@dataclass(frozen=True)
class Scalar:
    """One value inside loops.

    op: what it is. args: operands. data: static arguments. axes: the loop variables that it depends on. A reduction
    (``sum``, ``max``, ``log_sum``) runs over the variables in ``over``.
    """

    op: str
    args: tuple[Scalar, ...] = ()
    data: tuple[object, ...] = ()
    axes: frozenset[Axis] = frozenset()
    over: tuple[Axis, ...] = ()
    _hash: int = field(default=0, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.op, self.args, self.data, self.over)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def is_reduction(self) -> bool:
        return bool(self.over)


def axis(dim: str, taken: Iterable[Axis]) -> Axis:
    """A loop variable over a dimension that is not among those taken."""
    used = set(taken)
    name = dim
    while name in used:
        name += "'"
    return name


def dimension(a: Axis) -> str:
    """The dimension that a loop variable runs over."""
    return a.rstrip("'")


def counter(a: Axis | None) -> Scalar:
    """The value of a loop variable."""
    return Scalar("const", (), (0,)) if a is None else Scalar("counter", (), (a,), frozenset({a}))


def load(name: str, shape: Shape, place: tuple[object, ...]) -> Scalar:
    """An entry of an array in memory; a place is a loop variable, None for the only one, or a value."""
    subscripts = tuple(p if isinstance(p, Scalar) else counter(p) for p in place)  # type: ignore[arg-type]
    axes = frozenset().union(*(s.axes for s in subscripts)) if subscripts else frozenset()
    return Scalar("load", subscripts, (name, shape), axes)


def negative(x: Scalar) -> Scalar:
    return Scalar("neg", (x,), (), x.axes)


def signed_sum(*terms: tuple[int, Scalar]) -> Scalar:
    """A signed sum."""
    args = tuple(t for _, t in terms)
    return Scalar("add", args, tuple(s for s, _ in terms), frozenset().union(*(a.axes for a in args)))


def closure(roots: Iterable[Scalar]) -> list[Scalar]:
    """All values that these are computed from and they themselves, operands first."""
    order: dict[Scalar, None] = {}

    def visit(s: Scalar) -> None:
        if s in order:
            return
        for a in s.args:
            visit(a)
        order[s] = None

    for root in roots:
        visit(root)
    return list(order)


def loads(values: Iterable[Scalar]) -> Iterator[Scalar]:
    return (v for v in values if v.op == "load")


def rewritten(roots: Sequence[Scalar], rule: Callable[[Scalar, Scalar], Scalar]) -> list[Scalar]:
    """The values with every value replaced as the rule says, operands first.

    rule: gets a value with its operands replaced already, and the value that it was before.
    """
    memo: dict[Scalar, Scalar] = {}
    for s in closure(roots):
        args = tuple(memo[a] for a in s.args)
        memo[s] = rule(s if args == s.args else Scalar(s.op, args, s.data, s.axes, s.over), s)
    return [memo[r] for r in roots]


def replaced(root: Scalar, by: Mapping[Scalar, Scalar]) -> Scalar:
    """A value with others in the place of some that it is computed from."""
    memo = dict(by)
    for s in closure([root]):
        if s not in memo:
            args = tuple(memo[a] for a in s.args)
            memo[s] = s if args == s.args else Scalar(s.op, args, s.data, s.axes, s.over)
    return memo[root]
