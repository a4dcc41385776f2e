"""Which functions go through stacks of matrices slice by slice.

A step does where slice number s of each result needs no more of the operands than their slice number s, and arrays
that all slices share. If all steps of a function do, they can be made for one slice before the next: what is between
them stays in a cache, and each thread has slices of its own. Where NumPy makes a single product of a function this
does not pay: the threads of its BLAS wait for more work and take the cores from those that have slices.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..loops.accumulate import scattered
from ..loops.kernels import Kernel
from ..loops.text import c_name
from ..scalars import Axis, Scalar, Shape, closure, dimension
from .steps import Driver, Product, Stack, Stage


class Entangled(Exception):
    """A step in which slices need other slices."""


def in_stack(driver: Driver) -> Driver:
    """The driver, with all of its steps in one function where C has them all: slice by slice where they go so."""
    steps = [s for s in driver.steps if not isinstance(s, Stack)]
    products = [s for s in steps if isinstance(s, Product)]
    if any(p.factors is None for p in products):
        return driver
    team = _stack(driver, steps, "team", (), {}, steps)
    prefixes = [p.factors.place[: p.factors.row] for p in products if p.factors]
    for axes in sorted({p[:length] for p in prefixes for length in range(1, len(p) + 1)}, key=len, reverse=True):
        found: dict[str, tuple[Axis, ...]] = {}
        try:
            for step in steps:
                found |= _accesses(step, axes)
        except Entangled:
            continue
        return replace(driver, steps=(_stack(driver, steps, "stack", axes, found, [team]),))
    return replace(driver, steps=(team,))


def _stack(
    driver: Driver,
    steps: Sequence[Product | Stage],
    name: str,
    axes: tuple[Axis, ...],
    leading: Mapping[str, tuple[Axis, ...]],
    otherwise: Sequence[Product | Stage | Stack],
) -> Stack:
    needed = {c_name(name) for name in driver.needed}
    outputs = tuple((name, shape) for s in steps for name, shape in results(s) if c_name(name) in needed)
    function = replace(driver.signature, name=f"{driver.signature.name}_{name}", function=None, outputs=outputs)
    return Stack(function, axes, tuple(steps), leading, tuple(otherwise))


def results(step: Product | Stage) -> tuple[tuple[str, Shape], ...]:
    """The names and shapes of what a step computes."""
    return ((step.name, step.shape),) if isinstance(step, Product) else step.function.outputs


def _accesses(step: Product | Stage, axes: tuple[Axis, ...]) -> Iterator[tuple[str, tuple[Axis, ...]]]:
    """The arrays of a step by their C names, with the stack axes that they have in front. Raises ``Entangled``."""
    if isinstance(step, Product):
        f = step.factors
        if f is None or f.row < len(axes):
            raise Entangled
        _need(f.place[: len(axes)] == axes)
        yield c_name(step.name), axes
        yield from ((str(x.data[0]), _leading(x, axes)) for x in (f.a, f.b))
        return
    for kernels, _ in step.kernels.values():
        for kernel in kernels:
            yield from kernel_accesses(kernel, axes)


def kernel_accesses(kernel: Kernel, axes: tuple[Axis, ...]) -> Iterator[tuple[str, tuple[Axis, ...]]]:
    """The same of a kernel. Raises ``Entangled``."""
    for t in kernel.targets:
        _need(t.place[: len(axes)] == axes and not _mentions([a or "1" for a in t.place[len(axes) :]], axes))
        yield t.name, axes
    roots = [t.value for t in kernel.targets]
    roots += [s for short in kernel.shortcuts.values() for s in (short.value, *short.tests)]
    values = closure([*kernel.values, *roots])
    read = [*roots, *(a for v in values if v.op != "load" for a in v.args)]
    _need(not any(s.op == "counter" and _mentions([str(s.data[0])], axes) for s in read))
    for v in values:
        _need(not _mentions(scattered(v) if v.is_reduction else (), axes))
        _need(v.op != "dim" or not _mentions([str(v.data[0])], axes))
        if v.op == "load":
            yield str(v.data[0]), _leading(v, axes)


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
    return tuple(own)


def _mentions(names: Sequence[str], axes: Sequence[Axis]) -> bool:
    """Whether loops or lengths have to do with a dimension of the stack."""
    return any(a in re.findall(r"\w+", dimension(name)) for name in names for a in axes)


def _need(condition: bool) -> None:
    if not condition:
        raise Entangled
