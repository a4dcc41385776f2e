"""Factors that a sum does not run over stand outside of it, also where a name hides them.

Where D = g·Y has one g for each column, Σ H D down a column is g·Σ H Y, which is often known already, and D − a g − b g
is g·(Y − a − b). An array with all axes is then never made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from .. import program
from ..program import Node
from .numpy_forms import singletons


@dataclass(frozen=True)
class _Product:
    """A named value that is ``outer * inner``: inner has all of its axes, outer only some of them."""

    outer: Node
    inner: Node

    @property
    def own(self) -> set[int]:
        """The axes that outer has."""
        missing = self.inner.rank - self.outer.rank
        return {at + missing for at in range(self.outer.rank) if at not in singletons(self.outer)}


def with_factors_outside(names: Sequence[str], roots: Sequence[Node]) -> tuple[list[str], list[Node]]:
    """The same programs, and the names of the first of them; those that nobody reads any more are left out."""
    found, nodes = list(names), list(roots)
    for name in names:
        at = found.index(name)
        product = _product(nodes[at])
        if product is None or any(nodes[at] is r for r in nodes[len(found) :]):
            continue
        outside = _changed(nodes, lambda node: _sum_of_inner(node, name, product))  # noqa: B023
        if _names(outside).count(name) == 1:
            hoisted = _changed(outside, lambda node: _hoisted(node, name, product))  # noqa: B023
            if name not in _names(hoisted):
                del found[at], hoisted[at]
                nodes = hoisted
    return found, nodes


def _changed(roots: Sequence[Node], rule: Callable[[Node], Node | None]) -> list[Node]:
    return list(map(program.rebuilder(lambda old, new: rule(new)), roots))


def _product(root: Node) -> _Product | None:
    if root.op != "mul" or root.data != (2,) or len(root.args) != 2 or any(a.kind != "float" for a in root.args):
        return None
    outer, inner = root.args
    plain = outer.is_atom or (outer.op == "expand" and outer.args[0].is_atom)
    if not plain or not inner.is_atom or inner.rank != root.rank:
        return None
    found = _Product(outer, inner)
    return found if found.own != set(range(root.rank)) else None


def _sum_of_inner(node: Node, name: str, p: _Product) -> Node | None:
    """``(H * D).sum(axis)`` as ``g * (H * Y).sum(axis)``."""
    if node.op != "reduce" or node.data[0] != "sum":
        return None
    axes, keepdims = node.data[1:]
    terms = node.args[0]
    factors = terms.args if terms.op == "mul" and terms.data == (2,) else (terms,)
    named = [f for f in factors if _is_name(f, name)]
    if len(named) != 1 or p.own & set(axes):  # type: ignore[call-overload]
        return None
    inner = program.mul(tuple(p.inner if f is named[0] else f for f in factors))
    total = program.reduce("sum", inner, axes, bool(keepdims))  # type: ignore[arg-type]
    outer = p.outer if keepdims else _without(p.outer, axes, terms.rank)  # type: ignore[arg-type]
    return program.mul((outer, total))


def _without(outer: Node, axes: Collection[int], rank: int) -> Node:
    """A factor for what is left when axes, which it does not have, are summed."""
    if outer.op != "expand":
        return outer
    missing = rank - outer.rank
    return program.expand(outer.args[0], tuple(own for at, own in enumerate(outer.data) if at + missing not in axes))  # type: ignore[misc]


def _hoisted(node: Node, name: str, p: _Product) -> Node | None:
    """``D - a * g - b * g`` as ``(Y - a - b) * g``; a product with it takes g to its other factors with fewer axes."""
    if node.op == "mul":
        split: int = node.data[0]  # type: ignore[assignment]
        at = next((k for k, a in enumerate(node.args[:split]) if _is_hoisted(a, p)), None)
        if at is None:
            return None
        difference, outer = node.args[at].args
        others = [a for k, a in enumerate(node.args[:split]) if k != at]
        few = [a for a in others if a.rank < node.rank or singletons(a)]
        front = program.mul((outer, *few)) if few else outer
        return program.mul((difference, front, *(a for a in others if a not in few)), node.args[split:])
    if node.op != "add" or not any(_is_name(t, name) for t in node.args):
        return None
    parts = [p.inner if _is_name(t, name) else _stripped(t, lambda f: f == p.outer) for t in node.args]
    if any(x is None for x in parts):
        return None
    return Node("mul", (program.add(tuple(zip(node.data, parts, strict=True))), p.outer), (2,), node.rank)  # type: ignore[arg-type]


def _is_name(node: Node, name: str) -> bool:
    return node.op == "name" and node.data == (name,)


def _is_hoisted(node: Node, p: _Product) -> bool:
    return node.op == "mul" and node.data == (2,) and node.args[0].op == "add" and node.args[1] == p.outer


def _stripped(term: Node, is_factor: Callable[[Node], bool]) -> Node | None:
    """A term without a factor; None where it does not have it."""
    if term.op == "expand":
        pattern = term.data
        inner = _stripped(term.args[0], lambda f: is_factor(_expanded(f, pattern)))  # type: ignore[arg-type]
        return None if inner is None else program.expand(inner, pattern)  # type: ignore[arg-type]
    if term.op != "mul":
        return None
    split: int = term.data[0]  # type: ignore[assignment]
    over, under = term.args[:split], term.args[split:]
    for at, factor in enumerate(over):
        rest = (*over[:at], *over[at + 1 :])
        if is_factor(factor) and rest:
            return program.mul(rest, under)
        if (found := _stripped(factor, is_factor)) is not None:
            return program.mul((*over[:at], found, *over[at + 1 :]), under)
    return None


def _expanded(factor: Node, pattern: Sequence[bool]) -> Node:
    """A factor of what is given axes of length one, with these: it may have only the last of the others."""
    own = [at for at, is_own in enumerate(pattern) if is_own]
    last = own[len(own) - factor.rank :]
    return program.expand(factor, tuple(at in last for at in range(len(pattern))))


def _names(roots: Sequence[Node]) -> list[object]:
    """The names that are read, one for each node that reads them."""
    return [a.data[0] for node in program.all_nodes(roots) for a in node.args if a.op == "name"]
