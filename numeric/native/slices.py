"""Which steps of a function go through stacks of matrices slice by slice.

A step does where slice number s of each result needs no more of the operands than their slice number s, and arrays
that all slices share. Several such steps after each other can be made for one slice before the next: what is between
them stays in a cache, and each thread has slices of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .accumulate import scattered
from .build import CFunction
from .kernels import Kernel
from .matrix_products import Factors
from .scalars import Axis, Scalar, Shape, closure, dimension
from .steps import Driver, Product, Stack, Stage
from .text import c_name

#: The stack axes that an array has in front, by its C name.
Leading = Mapping[str, tuple[Axis, ...]]


class _Entangled(Exception):
    """A step in which slices need other slices."""


def in_stacks(driver: Driver) -> Driver:
    """The driver, with steps that can go slice by slice put together."""
    products = [s for s in driver.steps if isinstance(s, Product)]
    candidates = dict.fromkeys(axes for p in products if p.factors for axes in _prefixes(p.factors))
    best, most = driver, (0, 0)
    for axes in candidates:
        groups = _grouped(driver, axes)
        together = sum(isinstance(s, Product) for g in groups if g.leading is not None for s in g.steps)
        if (together, len(axes)) > most:
            best, most = _with_stacks(driver, axes, groups), (together, len(axes))
    return best if most[0] else driver


def _prefixes(f: Factors) -> list[tuple[Axis, ...]]:
    return [f.place[:length] for length in range(1, f.row + 1)]


@dataclass
class _Group:
    """Steps after each other. leading: what they have of the stack axes, where they go slice by slice."""

    steps: list[Product | Stage]
    leading: dict[str, tuple[Axis, ...]] | None


def _grouped(driver: Driver, axes: tuple[Axis, ...]) -> list[_Group]:
    """The steps in an order in which as many as can be stand beside others that go slice by slice."""
    left = [s for s in driver.steps if not isinstance(s, Stack)]
    own = {id(s): leading_axes(s, axes) for s in left}
    groups: list[_Group] = []
    while left:
        for sliced in (False, True):
            group = _Group([], {} if sliced else None)
            while found := next((s for s in left if _fits(s, own[id(s)], group, left)), None):
                group.steps.append(found)
                left = [s for s in left if s is not found]
                if group.leading is not None:
                    group.leading.update(own[id(found)] or {})
            groups += [group] if group.steps else []
    return groups


def _fits(step: Product | Stage, own: Leading | None, group: _Group, left: Sequence[Product | Stage]) -> bool:
    """Whether a step can come next: what it reads is there, and arrays have the same slices in it as in the others."""
    waiting = {name for s in left for name in writes(s)}
    if (own is None) != (group.leading is None) or waiting & set(reads(step)):
        return False
    return all((group.leading or {}).get(name, axes) == axes for name, axes in (own or {}).items())


def _with_stacks(driver: Driver, axes: tuple[Axis, ...], groups: Sequence[_Group]) -> Driver:
    steps: list[Product | Stage | Stack] = []
    for at, group in enumerate(groups):
        if group.leading is None or not any(isinstance(s, Product) for s in group.steps):
            steps += group.steps
            continue
        after = {name for g in groups[at + 1 :] for s in g.steps for name in reads(s)}
        needed = after | {c_name(name) for name in driver.needed}
        function = _function(driver, group, needed, len(steps) + 1)
        steps.append(Stack(function, axes, tuple(group.steps), group.leading, len(groups) == 1))
    return replace(driver, steps=tuple(steps))


def _function(driver: Driver, group: _Group, needed: set[str], number: int) -> CFunction:
    """What the steps of a group are called as, together: what they read from before, and what is needed after them."""
    signature = driver.signature
    written = {c_name(name): (name, shape) for s in group.steps for name, shape in results(s)}
    read = {name for s in group.steps for name in reads(s)}
    known = {c_name(name): (name, shape, whole) for name, shape, whole in signature.arrays}
    for step in driver.steps:
        if not isinstance(step, Stack):
            known |= {c_name(name): (name, shape, False) for name, shape in results(step)}
    arrays = tuple(a for name, a in known.items() if name in read and name not in written)
    outputs = tuple(o for name, o in written.items() if name in needed)
    name = f"{signature.name}_stack{number}"
    return replace(signature, name=name, function=None, arrays=arrays, outputs=outputs, in_place=False)


# --- what a step has to do with slices ---


def results(step: Product | Stage) -> tuple[tuple[str, Shape], ...]:
    """The names and shapes of what a step computes."""
    return ((step.name, step.shape),) if isinstance(step, Product) else step.function.outputs


def writes(step: Product | Stage) -> tuple[str, ...]:
    return tuple(c_name(name) for name, _ in results(step))


def reads(step: Product | Stage) -> tuple[str, ...]:
    """The C names of the arrays that a step needs."""
    return step.reads if isinstance(step, Product) else tuple(c_name(a) for a, *_ in step.function.arrays)


def leading_axes(step: Product | Stage, axes: tuple[Axis, ...]) -> dict[str, tuple[Axis, ...]] | None:
    """The stack axes that each array of a step has in front; None where its slices depend on each other."""
    found: dict[str, tuple[Axis, ...]] = {}
    try:
        for name, own in _accesses(step, axes):
            if found.setdefault(name, own) != own:
                return None
    except _Entangled:
        return None
    return found


def _accesses(step: Product | Stage, axes: tuple[Axis, ...]) -> Iterator[tuple[str, tuple[Axis, ...]]]:
    if isinstance(step, Product):
        f = step.factors
        if f is None or f.row < len(axes):
            raise _Entangled
        _need(f.place[: len(axes)] == axes and not _mentions((*f.place[len(axes) :], f.term), axes))
        yield c_name(step.name), axes
        yield from ((str(x.data[0]), _leading(x, axes)) for x in (f.a, f.b))
        return
    for kernels, _ in step.kernels.values():
        for kernel in kernels:
            yield from _kernel_accesses(kernel, axes)


def _kernel_accesses(kernel: Kernel, axes: tuple[Axis, ...]) -> Iterator[tuple[str, tuple[Axis, ...]]]:
    _need(not kernel.only_if)
    for t in kernel.targets:
        _need(t.place[: len(axes)] == axes and not _mentions([a or "1" for a in t.place[len(axes) :]], axes))
        yield t.name, axes
    roots = [t.value for t in kernel.targets]
    roots += [s for short in kernel.shortcuts.values() for s in (short.value, *short.tests)]
    _need(not any(_counts(s, axes) for s in roots))
    for v in closure([*kernel.values, *roots]):
        _need(not _mentions((*v.over, *(scattered(v) if v.is_reduction else ())), axes))
        _need(v.op != "dim" or not _mentions([str(v.data[0])], axes))
        if v.op == "load":
            yield str(v.data[0]), _leading(v, axes)
        else:
            _need(not any(_counts(a, axes) for a in v.args))


def _leading(load: Scalar, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """The stack axes that an array has in front where it is read at their own counters; no other axis may be one."""
    lengths: Shape = load.data[1]  # type: ignore[assignment]
    counters = [str(s.data[0]) if s.op == "counter" else "" for s in load.args]
    own: list[Axis] = []
    for c in counters:
        if c not in axes:
            break
        own.append(c)
    _need(not _mentions((*counters[len(own) :], *lengths[len(own) :]), axes))
    _need(tuple(own) == tuple(a for a in axes if a in own) and len(set(own)) == len(own))
    _need(tuple(lengths[: len(own)]) == tuple(own))
    return tuple(own)


def _counts(s: Scalar, axes: tuple[Axis, ...]) -> bool:
    """Whether a value is the number of a slice."""
    return s.op == "counter" and _mentions([str(s.data[0])], axes)


def _mentions(names: Sequence[str], axes: Sequence[Axis]) -> bool:
    """Whether loops or lengths have to do with a dimension of the stack."""
    return any(a in re.findall(r"\w+", dimension(name)) for name in names for a in axes)


def _need(condition: bool) -> None:
    if not condition:
        raise _Entangled
