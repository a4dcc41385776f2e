"""The exact course of an update rule, and how far rounding can move it: its definitions, evaluated as they stand.

The definitions are interpreted in extended precision, on many courses at once: the first axis of every array counts the
courses, the last one the entries. On course 0 nothing is disturbed. On every other each value that a definition gives
is moved by one unit of rounding, up or down: at random, or always in the same direction, as the rounding of a constant
does. This shares no code with the generator whose code is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy
from sympy import Add, Expr, Mul, Pow

from ...calculus.functions import Indicator, Where, absolute, relu
from ...calculus.sums import BoundSum
from ...calculus.tensors import Element
from .updates import Rule

Array = np.ndarray[Any, Any]

#: Courses that are disturbed: half of them at random, half always alike.
COURSES = 8
FINE = np.longdouble


class NotComputable(ValueError):
    """A definition of an update rule that is not made of entries at the same place and of sums over all of them."""


FUNCTIONS: dict[type[Expr], Callable[..., Array]] = {
    sympy.exp: np.exp,
    sympy.log: np.log,
    sympy.cos: np.cos,
    sympy.sin: np.sin,
    absolute: np.abs,
    sympy.Abs: np.abs,
    relu: lambda x: np.maximum(x, 0),
    Indicator: lambda x: (x > 0).astype(FINE),
    Where: lambda x, a, b: np.asarray(np.where(x > 0, a, b)),
}


def value(e: Expr, values: Mapping[str, Array]) -> Array:
    """The value of an expression on all courses: shape (courses, entries), or (courses, 1) for a number."""
    if isinstance(e, Element):
        return values[e.tensor.name]
    if e.is_Number:
        return np.asarray(FINE(int(e.p)) / FINE(int(e.q)) if e.is_Rational else FINE(str(e)))
    if e is sympy.pi:
        return np.asarray(4 * np.arctan(FINE(1)))
    if isinstance(e, BoundSum):
        return np.asarray(value(e.open()[0], values).sum(axis=-1, keepdims=True))
    parts = [value(a, values) for a in e.args if isinstance(a, Expr)]
    if isinstance(e, Add):
        return np.asarray(sum(parts[1:], parts[0]))
    if isinstance(e, Mul):
        return np.asarray(np.prod(np.broadcast_arrays(*parts), axis=0))
    if isinstance(e, Pow):
        return np.asarray(np.sqrt(parts[0]) if e.exp == sympy.Rational(1, 2) else np.power(parts[0], parts[1]))
    for kind in type(e).__mro__:
        if kind in FUNCTIONS:
            return np.asarray(FUNCTIONS[kind](*parts))
    raise NotComputable(f"{type(e).__name__} in {e} has no place in an update rule yet")


class Course:
    """The states of a rule step by step, exact and disturbed."""

    def __init__(self, rule: Rule, numbers: Mapping[str, float], start: Mapping[str, Array], eps: float) -> None:
        """numbers: values of the givens that stay; start: first values of the states; eps: unit of rounding."""
        self.rule = rule
        self.definitions = rule.course.definitions
        self.eps = eps
        self.rng = np.random.default_rng(1)
        # Numbers are kept in float64 whatever the dtype of the arrays.
        unit = min(eps, float(np.finfo(np.float64).eps))
        self.numbers = {n: FINE(v) * (1 + unit * self._signs("", 1)) for n, v in numbers.items()}
        self.state = {n: np.repeat(np.asarray(v, dtype=FINE).reshape(1, -1), COURSES + 1, 0) for n, v in start.items()}
        self.always: dict[str, Array] = {}

    def _signs(self, name: str, size: int) -> Array:
        """Up or down for each course and entry; never on course 0, always alike on the second half of the others."""
        signs = self.rng.choice(np.array([-1.0, 1.0]), (COURSES + 1, size))
        if name:
            signs[1 + COURSES // 2 :] = self.always.setdefault(name, signs)[1 + COURSES // 2 :]
        signs[0] = 0
        return signs.astype(FINE)

    def disturbed(self, name: str, exact: Array, unit: Array | float = 0.0) -> Array:
        """A value moved by a rounding of itself, or of a larger ``unit`` that it was computed from."""
        exact = np.broadcast_to(exact, (COURSES + 1, np.shape(exact)[-1] if np.ndim(exact) else 1))
        size = np.maximum(np.abs(exact), unit)
        return np.asarray(exact + self.eps * size * self._signs(name, exact.shape[1]))

    def step(self, numbers: Mapping[str, float], inputs: Mapping[str, Array]) -> None:
        """One step. numbers: what counts; inputs: arrays that come from outside, such as the gradient."""
        values = {**self.numbers, **{n: np.asarray(FINE(v)) for n, v in numbers.items()}, **self.state, **inputs}
        values = {n: np.broadcast_to(v, (COURSES + 1, np.shape(v)[-1] if np.ndim(v) else 1)) for n, v in values.items()}
        for d in self.definitions:
            values[d.name] = self.disturbed(d.name, value(d.body, values))
        self.values = values
        self.state = {n: values[new] for n, new in self.rule.state.items()}

    @property
    def exact(self) -> Array:
        """The undisturbed subject."""
        return np.asarray(self.state[self.rule.subject.name][0])

    @property
    def movement(self) -> Array:
        """How far a disturbed course is from it, at most."""
        every = self.state[self.rule.subject.name]
        return np.asarray(np.max(np.abs(every[1:] - every[0]), axis=0), dtype=float)
