"""Inputs exactly at the kinks: what a case distinction does where its two sides are equal.

A kink lies where the argument u of a ``Where``, an ``Indicator``, a relu or an absolute value is zero. Where u is
linear in an entry of a given (on a side of the absolute values inside of it), that entry is set to the root. All values
are small multiples of 1/8, so that every way to compute u in floating point gives zero exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import sympy
from sympy import Expr, Integer, Symbol

from ...calculus.balls import Valuation
from ...calculus.derivation import Derivation
from ...calculus.functions import Indicator, Unknown, Where, absolute, relu
from ...calculus.sums import BoundSum, count_nodes, rebuild
from ...calculus.tensors import Element, Index, Tensor
from .regimes import Case, Regime, draw

Array = np.ndarray[Any, Any]

#: A larger argument is not looked into, and no argument on more sides than these.
MAX_NODES = 200
MAX_SIDES = 8
#: How often indices are drawn that the place of an entry leaves free.
TRIES = 30
#: How many inputs are tried.
SEEDS = 3
#: What all values are multiples of.
STEP = 0.125


@dataclass(frozen=True)
class Kink:
    """``argument`` is zero where ``entry`` is ``root``."""

    argument: Expr
    entry: Element
    root: Expr


def kinks_of(derivation: Derivation) -> dict[Tensor, list[Kink]]:
    """The kinks that a given reaches, by that given; each argument with the first given that reaches the most."""
    arguments = list(dict.fromkeys(u for d in derivation.definitions for u in _arguments(d.body)))
    unfolded = dict.fromkeys(u for a in arguments if (u := _unfolded(a, derivation)) is not None)
    found: dict[Tensor, list[Kink]] = {}
    for u in unfolded:
        for kink in _roots(u, derivation.givens):
            found.setdefault(kink.entry.tensor, []).append(kink)
    chosen: dict[Tensor, list[Kink]] = {}
    covered: set[Expr] = set()
    for tensor in sorted(found, key=lambda t: -len({k.argument for k in found[t]})):
        if not {k.argument for k in found[tensor]} <= covered:
            chosen[tensor] = found[tensor]
            covered |= {k.argument for k in found[tensor]}
    return chosen


def regimes_of(derivation: Derivation, elementwise: bool) -> dict[Regime, tuple[Tensor, list[Kink]]]:
    """A regime for each given that is set to kinks."""
    return {
        Regime(f"{t.name} at kinks", _short, elementwise=elementwise): (t, found)
        for t, found in kinks_of(derivation).items()
        if not elementwise or any(k.root != 0 for k in found)  # zeros are a regime of their own
    }


def _short(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.choice((-2.0, -1.0, -0.5, 0.5, 1.0, 2.0), size=shape)


def at_kinks(
    derivation: Derivation,
    regime: Regime,
    tensor: Tensor,
    kinks: Sequence[Kink],
    dtype: np.dtype[Any],
    seed: int,
    elementwise: bool,
) -> Case | None:
    """Inputs of which entries of one given are at kinks, different ones in turn; None where no entry can be."""
    made = (_drawn(derivation, regime, tensor, kinks, dtype, seed + k, elementwise) for k in range(SEEDS))
    return next((case for case in made if case is not None), None)


def _drawn(
    derivation: Derivation,
    regime: Regime,
    tensor: Tensor,
    kinks: Sequence[Kink],
    dtype: np.dtype[Any],
    seed: int,
    elementwise: bool,
) -> Case | None:
    case = draw(derivation, regime, dtype, seed, elementwise)
    values = {t.name: _coarse(case.values[t.name], t) for t in derivation.givens if t.name in case.values}
    at = values[tensor.name] = np.array(values[tensor.name])
    rng = np.random.default_rng(seed)
    placed: list[tuple[Expr, dict[Index, int], int]] = []
    for number, place in enumerate(product(*map(range, at.shape))):
        point = place[0] if elementwise and place else 0
        turn = number % len(kinks)
        determined = elementwise or all(k.argument.free_symbols <= k.entry.free_symbols for k in kinks)
        for kink in (*kinks[turn:], *kinks[:turn]) * (1 if determined else TRIES):
            indices = _indices(kink, () if elementwise else place, case.sizes, rng)
            root = _number(derivation, case.sizes, values, elementwise, point, kink.root, indices)
            if root is not None and _is_allowed(root, tensor):
                at[place] = root
                placed.append((kink.argument, indices, point))
                break
    hits = (_number(derivation, case.sizes, values, elementwise, p, u, where) for u, where, p in placed)
    return Case(regime, case.sizes, values) if any(hit == 0 for hit in hits) else None


def changed_parameters(derivation: Derivation, case: Case, names: Sequence[str]) -> tuple[str, ...]:
    """The parameters that do not have their default in a case."""
    given = [t for t in derivation.givens if t.name in names and t.domain.value is not None]
    dtypes = {t.name: case.values[t.name].dtype for t in given}
    return tuple(
        t.name for t in given if np.any(case.values[t.name] != np.asarray(float(t.domain.value or 0), dtypes[t.name]))
    )


# -- what the kinks are ----------------------------------------------------------------------------------------------


def _arguments(expr: Expr) -> Iterator[Expr]:
    """What decides a case in an expression, the inner ones too."""
    if isinstance(expr, BoundSum):
        expr = expr.open()[0]
    if isinstance(expr, Where | Indicator | relu | absolute):
        yield expr.args[0]
    for part in expr.args:
        if isinstance(part, Expr):
            yield from _arguments(part)


def _unfolded(expr: Expr, derivation: Derivation) -> Expr | None:
    """The expression in givens only; None where it is large, or holds what has no value here."""
    bodies = {d.tensor: d for d in derivation.definitions}

    def leaf(e: Expr) -> Expr | None:
        return bodies[e.tensor].at(*e.indices) if isinstance(e, Element) and e.tensor in bodies else None

    while not bodies.keys().isdisjoint(expr.atoms(Tensor)):
        if count_nodes(expr) > MAX_NODES:
            return None
        expr = rebuild(expr, leaf)
    return None if expr.has(Unknown) or not expr.atoms(Element) else expr


def _roots(argument: Expr, givens: Sequence[Tensor]) -> Iterator[Kink]:
    """The entries of givens in which an argument is linear, on every side of what it holds."""
    for side in _sides(argument):
        for tensor in givens:
            d = tensor.domain
            entries = [e for e in side.atoms(Element) if e.tensor == tensor]
            if d.is_discrete or d.rows or d.onehot or d.function or d.random is not None or len(entries) != 1:
                continue
            (entry,) = entries
            plain = all(isinstance(i, Index) and not i.is_bound for i in entry.indices)
            if not plain or len(set(entry.indices)) != tensor.rank:
                continue
            zero, one, two = (rebuild(side, {entry: Integer(k)}.get) for k in range(3))
            slope = sympy.expand(one - zero)
            if slope != 0 and not (-zero / slope).has(sympy.Abs) and sympy.expand(two - 2 * one + zero) == 0:
                yield Kink(argument, entry, -zero / slope)


def _sides(expr: Expr) -> list[Expr]:
    """The expression without case distinctions: one for each way to decide them."""
    sides = [expr]
    while len(sides) <= MAX_SIDES:
        inner = next((e for s in sides for e in s.atoms(absolute, relu, Where)), None)
        if inner is None:
            return sides
        x = inner.args[0]
        values = inner.args[1:] if isinstance(inner, Where) else (x, -x if isinstance(inner, absolute) else Integer(0))
        sides = list(dict.fromkeys(rebuild(s, {inner: v}.get) for s in sides for v in values))
    return []


# -- their places in arrays ------------------------------------------------------------------------------------------


def _coarse(values: Array, tensor: Tensor) -> Array:
    """The values of a continuous given as multiples of a step."""
    d = tensor.domain
    if d.is_discrete or d.rows or d.onehot:
        return values
    exact = np.asarray(values, dtype=float)
    between = exact != np.round(exact)  # what is no whole number does not become one: a decay rate stays below 1
    inside = np.clip(np.round(exact / STEP), np.floor(exact) / STEP + 1, np.ceil(exact) / STEP - 1) * STEP
    return np.asarray(np.where(between, inside, exact), dtype=values.dtype)


def _indices(
    kink: Kink, place: tuple[int, ...], sizes: Mapping[Symbol, int], rng: np.random.Generator
) -> dict[Index, int]:
    """The free indices of a kink: those of its entry at a place, the others anywhere."""
    indices = {i: p for i, p in zip(kink.entry.indices, place, strict=False) if isinstance(i, Index)}
    free = sorted((s for s in kink.argument.free_symbols if isinstance(s, Index)), key=lambda i: i.name)
    for i in free:
        if i not in indices:
            indices[i] = int(rng.integers(int(i.dim.xreplace(dict(sizes)))))
    return indices


def _number(
    derivation: Derivation,
    sizes: Mapping[Symbol, int],
    values: Mapping[str, Array],
    elementwise: bool,
    point: int,
    expr: Expr,
    indices: Mapping[Index, int],
) -> float | None:
    """The value of an expression of the givens; None where it is no short number."""
    inputs: dict[Tensor, dict[tuple[int, ...], Any]] = {}
    for t in derivation.givens:
        if t.name in values:
            v = values[t.name]
            own = v[point] if elementwise and v.ndim else v
            inputs[t] = {at: float(x) if t.domain.below is None else int(x) for at, x in np.ndenumerate(own)}
    ball = Valuation((), sizes, inputs).value(expr, indices)
    if not ball.is_finite() or float(ball.rad()) != 0.0:
        return None
    found = float(ball.mid())
    return found if float(np.float32(found)) == found and (found / STEP**4).is_integer() else None


def _is_allowed(value: float, tensor: Tensor) -> bool:
    d = tensor.domain
    if d.unit:
        return 0 < value < 1
    return value > 0 or (not d.positive and (value == 0 or not d.nonnegative))
