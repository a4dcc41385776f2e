"""Rigorous evaluation of expressions at concrete sizes and values, in ball arithmetic: the independent judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from flint import arb, ctx
from sympy import Expr, Symbol

from .code import Code
from .compiled import Compiled, compiled
from .derivation import Definition
from .duals import ONE, Dual, Number, Position, primal
from .tensors import Index, Tensor

#: A given value: an exact ball or number, or a constant expression such as ``sqrt(2)``.
Value = Any
Array = Mapping[Position, Value]


class ImpossibleSize(ValueError):
    """A dimension such as ``n - 2`` is not a positive integer at the given sizes."""


class Setup:
    """What all worlds of one valuation share: the definitions, who reads whom, the sizes."""

    def __init__(self, definitions: Sequence[Definition], sizes: Mapping[Symbol, int], kinks: bool) -> None:
        self.kinks = kinks
        self.units: dict[str, tuple[Definition, Compiled]] = {d.name: (d, compiled(d.body)) for d in definitions}
        self.sizes: dict[Expr, int] = dict(sizes)
        #: The laws of random arrays, as far as they have been drawn.
        self.laws: dict[Any, Any] = {}
        self._upstream: dict[str, dict[str, None]] = {}
        self._downstream: dict[str, frozenset[str]] = {}
        for name in self.units:  # in order, so that a deep chain of definitions is not walked by recursion
            self.upstream(name)

    def extend(self, definitions: Sequence[Definition]) -> None:
        """More definitions, which those that are here do not read."""
        self.units |= {d.name: (d, compiled(d.body)) for d in definitions}
        for d in definitions:
            self._upstream.pop(d.name, None)
            self.upstream(d.name)
        self._downstream.clear()

    def size(self, dim: Expr) -> int:
        """The value of a dimension. Raises :class:`ImpossibleSize` where it is not a positive integer."""
        found = self.sizes.get(dim)
        if found is None:
            value = dim.xreplace(self.sizes)
            if not value.is_Integer or value < 1:
                raise ImpossibleSize(f"dimension {dim} is {value} at sizes {self.sizes}; it must be a positive integer")
            found = self.sizes[dim] = int(value)
        return found

    def shape(self, tensor: Tensor) -> tuple[int, ...]:
        return tuple(self.size(d) for d in tensor.dims)

    def upstream(self, name: str) -> dict[str, None]:
        """The names that a definition reads, directly or through others, each after all that it reads itself."""
        if name not in self._upstream:
            names: dict[str, None] = {}
            self._upstream[name] = names
            if name in self.units:
                for tensor in sorted(self.units[name][1].code.reads, key=lambda t: t.name):
                    names.update(self.upstream(tensor.name))
                    names[tensor.name] = None
            if name in names:
                raise ValueError(f"the definition of {name} refers to itself")
        return self._upstream[name]

    def downstream(self, name: str) -> frozenset[str]:
        """The definitions that read a tensor, directly or through others."""
        if name not in self._downstream:
            self._downstream[name] = frozenset(n for n in self.units if name in self.upstream(n))
        return self._downstream[name]


class World:
    """The values of all tensors, with one of them perturbed (none in the root).

    A value that the perturbation does not reach is the parent's. The elements of the perturbed tensor are the parent's
    values plus an infinitesimal each, also where the tensor is a definition.
    """

    def __init__(
        self, setup: Setup, parent: World | None, perturbed: str, moving: frozenset[str], held: bool = False
    ) -> None:
        self.setup, self.parent, self.held, self.moving = setup, parent, held, moving
        self.name = perturbed
        self.level: int = parent.level + 1 if parent else 0
        self.arrays: dict[str, dict[Position, Number]] = {}
        self.own: dict[tuple[str, Position], Number] = {}
        self.memo: dict[Any, Number] = {}
        self.homes: dict[object, World] = {}
        self.children: dict[tuple[str, bool], World] = {}
        self.ready: set[str] = set()

    def perturbed(self, name: str, held: bool) -> World:
        """The world in which a tensor moves: with all that depends on it, or (held) alone."""
        child = self.children.get((name, held))
        if child is None:
            moving = frozenset({name}) if held else self.setup.downstream(name) | {name}
            child = self.children[name, held] = World(self.setup, self, name, moving, held)
        return child

    def home(self, ident: object, code: Code) -> World:
        """The outermost world in which the code has the same value as here."""
        home = self
        while home.parent and not (code.opaque and home.held) and home.moving.isdisjoint(t.name for t in code.reads):
            home = home.parent
        self.homes[ident] = home
        return home

    def array(self, name: str) -> dict[Position, Number]:
        """The elements known so far. Raises ``KeyError`` for a tensor without values or definition."""
        if name not in self.arrays:
            if self.parent is not None and name not in self.moving:
                self.arrays[name] = self.parent.array(name)
            elif self.parent is None and name not in self.setup.units:
                raise KeyError(f"{name} has neither values nor a definition")
            else:
                self.arrays[name] = {}
        return self.arrays[name]

    def element(self, name: str, at: Position) -> Number:
        """An element, evaluated when it is first asked for."""
        if self.parent is not None and name not in self.moving:
            return self.parent.element(name, at)
        known = self.array(name)
        if at not in known:
            if name == self.name and self.parent is not None:
                known[at] = Dual(self.level, self.parent.element(name, at), {at: ONE})
            elif name in self.setup.units:
                known[at] = self.evaluate(name, at)
            else:
                raise IndexError(f"{name}{list(at)} is outside the values given")
        return known[at]

    def evaluate(self, name: str, at: Position) -> Number:
        """The body of a definition in this world."""
        if (name, at) in self.own:
            return self.own[name, at]
        if name not in self.ready:
            self._prepare(name)
        definition, body = self.setup.units[name]
        shape = self.setup.shape(definition.tensor)
        if len(at) != len(shape) or not all(0 <= p < s for p, s in zip(at, shape, strict=True)):
            raise IndexError(f"{name}{list(at)} is outside its shape {shape}")
        value = self.own[name, at] = body(self, dict(zip(definition.indices, at, strict=True)))
        return value

    def _prepare(self, name: str) -> None:
        """Evaluate what a definition reads, first things first: deep networks need no deep recursion."""
        self.ready.add(name)
        for other in self.setup.upstream(name):
            if other in self.setup.units and other not in self.ready and (self.parent is None or other in self.moving):
                self.ready.add(other)
                for at in product(*map(range, self.setup.shape(self.setup.units[other][0].tensor))):
                    self.element(other, at)


class Valuation:
    """Values of all inputs at concrete sizes, and so of every expression.

    definitions: named intermediates, in any order; results and adjoints are passed as definitions too.
    sizes: a positive integer for every symbolic dimension.
    values: for every input its elements by index tuple (``()`` for a scalar): balls, ``fmpq``, integers, floats
        or constant SymPy expressions, taken as exact.
    precision: in bits.
    kinks: False leaves the kinks of piecewise functions out: at x = 0 exactly, ``Where`` and ``Indicator`` are
        undefined, and so are the derivatives of relu and abs. (A zero that comes from masks and labels is no kink.)
    lazily: True evaluates only the elements that are asked for, which is for a few elements of large arrays; a chain of
        definitions is then walked by recursion. Arrays of values are taken as they are, as balls.

    What is undefined (log of a negative number, a division by zero, a case that a ball does not decide) is ``nan``.
    """

    def __init__(
        self,
        definitions: Sequence[Definition],
        sizes: Mapping[Symbol, int],
        values: Mapping[Tensor, Array],
        *,
        precision: int = 170,
        kinks: bool = True,
        lazily: bool = False,
    ) -> None:
        self.precision = precision
        self.setup = Setup(definitions, sizes, kinks)
        self.world = World(self.setup, None, "", frozenset())
        if lazily:
            self.world.ready.update(self.setup.units)
        with ctx.workprec(precision):
            for tensor, array in values.items():
                if lazily and tensor.name not in self.setup.units:
                    self.world.arrays[tensor.name] = array  # type: ignore[assignment]
                elif tensor.name not in self.setup.units:
                    self.world.arrays[tensor.name] = {at: self._ball(v) for at, v in array.items()}

    def _ball(self, value: Value) -> Any:
        if isinstance(value, arb):
            return value
        return compiled(value)(self.world, {}) if isinstance(value, Expr) else arb(value)

    def element(self, tensor: Tensor, at: Position) -> Any:
        """The ball of one element of an input or a definition."""
        with ctx.workprec(self.precision):
            return self.world.array(tensor.name).get(at) or self.world.element(tensor.name, at)

    def value(self, expr: Expr, indices: Mapping[Index, int] | None = None) -> Any:
        """The ball of an expression whose free indices have the given values."""
        with ctx.workprec(self.precision):
            return primal(compiled(expr)(self.world, indices or {}))

    def extended(self, definitions: Sequence[Definition]) -> bool:
        """Take more definitions in; False, and nothing is taken in, where one of them is another one here."""
        units = self.setup.units
        if any(d.name in units and units[d.name][0] != d for d in definitions):
            return False
        new = [d for d in definitions if d.name not in units]
        if new:
            self._forget_all([*self.world.children.values()])  # what moves with a tensor may be more now
            self.world.children.clear()
            self.setup.extend(new)
        return True

    def forget(self) -> None:
        """Let all values go at once: worlds refer to each other, and would stay until such circles are looked for."""
        self._forget_all([self.world])

    @staticmethod
    def _forget_all(worlds: list[World]) -> None:
        while worlds:
            world = worlds.pop()
            worlds += world.children.values()
            for held in (world.arrays, world.own, world.memo, world.homes, world.children):
                held.clear()

    def array(self, tensor: Tensor) -> dict[Position, Any]:
        """All elements of an input or a definition."""
        return {at: self.element(tensor, at) for at in product(*map(range, self.setup.shape(tensor)))}
