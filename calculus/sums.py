"""Bound sums, Kronecker deltas and the derivative node: the three binders and symbols SymPy gets wrong.

A closed sum stores canonical bound indices (named by nesting height), so two sums that differ only in the names of
their indices are one object. A sum is always *opened* with fresh indices before anything is done to its body: that is
what makes every manipulation capture-free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

from sympy import Expr, Integer, S, Symbol, sympify
from sympy.core.basic import Basic

from .tensors import Element, Index, Tensor, bound_index, fresh_index


class Delta(Expr):
    """Kronecker delta: 1 where the two indices agree, 0 elsewhere."""

    is_commutative = True
    is_integer = True
    is_nonnegative = True

    def __new__(cls, a: Expr, b: Expr) -> Expr:  # type: ignore[misc]
        a, b = sympify(a), sympify(b)
        if a == b:
            return S.One
        difference = a - b
        if difference.is_Integer:
            return S.Zero
        if index_key(b) < index_key(a):
            a, b = b, a
        return Expr.__new__(cls, a, b)

    def _eval_derivative(self, symbol: Any) -> Expr:
        return S.Zero

    def _eval_power(self, exponent: Expr) -> Expr | None:
        return self if exponent.is_positive else None

    def _sympystr(self, printer: Any) -> str:
        return f"δ({printer._print(self.args[0])},{printer._print(self.args[1])})"


def index_key(index: Expr) -> tuple[Any, ...]:
    """A total order on index expressions: free names first, then fresh ones, then label elements and numbers."""
    if isinstance(index, Index):
        return (1 if index.is_fresh else 0, len(index.name), index.name)
    return (2, 0, str(index))


def height(expr: Basic) -> int:
    """Number of canonical levels that the sums inside an expression occupy."""
    if not expr.args or isinstance(expr, Element):
        return 0
    cached = _heights.get(expr)
    if cached is None:
        cached = max(height(a) for a in expr.args)
        if isinstance(expr, BoundSum):
            cached = height(expr.args[0]) + len(expr.args) - 1
        if len(_heights) > 200_000:
            _heights.clear()
        _heights[expr] = cached
    return cached


_heights: dict[Basic, int] = {}


class BoundSum(Expr):
    """``Σ_{k,l} body`` over the whole of each index's dimension. Build it with :func:`bound_sum`."""

    is_commutative = True

    @property
    def bound(self) -> tuple[Index, ...]:
        return self.args[1:]  # type: ignore[return-value]

    @property
    def body(self) -> Expr:
        return self.args[0]  # type: ignore[return-value]

    def open(self) -> tuple[Expr, tuple[Index, ...]]:
        """The body under fresh indices, and these indices."""
        fresh = tuple(fresh_index(k.dim) for k in self.bound)
        return self.body.xreplace(dict(zip(self.bound, fresh, strict=True))), fresh

    @property
    def free_symbols(self) -> set[Any]:
        return self.body.free_symbols - set(self.bound)

    def _eval_is_real(self) -> bool | None:
        return self.body.is_real

    def _eval_is_positive(self) -> bool | None:
        return self.body.is_positive

    def _eval_is_nonnegative(self) -> bool | None:
        return self.body.is_nonnegative

    def _eval_derivative(self, symbol: Any) -> Expr:
        body, fresh = self.open()
        return bound_sum(body.diff(symbol), *fresh)

    def _sympystr(self, printer: Any) -> str:
        return f"Σ[{','.join(map(str, self.bound))}]({printer._print(self.body)})"


def bound_sum(body: Expr, *indices: Index) -> Expr:
    """Close ``body`` over free or fresh ``indices``. An empty sum of indices is the body; a zero body is zero."""
    if not indices or body == 0:
        return body
    level = height(body)
    canonical = {k: bound_index(level + at, k.dim) for at, k in enumerate(indices)}
    return BoundSum(body.xreplace(canonical), *canonical.values())


def contents(expr: Basic) -> frozenset[Any]:
    """The arrays that an expression reads, its free symbols, and :class:`Partial` where it has a derivative node.

    Of an array only itself: neither its dimensions nor what its law depends on.
    """
    if isinstance(expr, Tensor | Symbol):
        return frozenset((expr,))
    if not expr.args:
        return frozenset()
    found = _contents.get(expr)
    if found is None:
        found = contents(expr.args[0])
        for a in expr.args[1:]:
            more = contents(a)
            found = found if more <= found else found | more
        if isinstance(expr, BoundSum):
            found = found.difference(expr.bound)
        elif isinstance(expr, Partial):
            found = found.union((Partial,))
        if len(_contents) > 200_000:
            _contents.clear()
        _contents[expr] = found
    return found


_contents: dict[Basic, frozenset[Any]] = {}


def rebuild(expr: Expr, leaf: Callable[[Expr], Expr | None], among: Set[Any] | None = None) -> Expr:
    """Replace sub-expressions top down: where ``leaf`` answers, its answer stands; sums are opened on the way.

    among: ``leaf`` answers only for what holds one of these, as :func:`contents` has them; the rest is passed over.
    """
    if among is not None and among.isdisjoint(contents(expr)):
        return expr
    answer = leaf(expr)
    if answer is not None:
        return answer
    if not expr.args or isinstance(expr, Tensor):
        return expr
    if isinstance(expr, BoundSum):
        body, fresh = expr.open()
        new = rebuild(body, leaf, among)
        return expr if new == body else bound_sum(new, *fresh)
    if isinstance(expr, Partial):
        wrt = Element(expr.wrt.tensor, *(rebuild(i, leaf, among) for i in expr.wrt.indices))
        return expr.func(rebuild(expr.of, leaf, among), wrt, *expr.args[2:])
    args = [rebuild(a, leaf, among) for a in expr.args]  # type: ignore[arg-type]
    return expr if all(a is b for a, b in zip(args, expr.args, strict=True)) else expr.func(*args)


def substitute(expr: Expr, replacements: Mapping[Expr, Expr]) -> Expr:
    """Capture-free substitution of expressions for expressions."""
    atoms = all(isinstance(k, Symbol) for k in replacements)
    return rebuild(expr, replacements.get, replacements.keys() if atoms else None)


def occurrences(expr: Expr, kind: type[Any]) -> Iterable[Any]:
    """All sub-expressions of a type, without opening sums (canonical bound indices may show)."""
    if isinstance(expr, kind):
        yield expr
    for a in expr.args:
        if isinstance(a, Expr):
            yield from occurrences(a, kind)


class Partial(Expr):
    """``∂ of / ∂ wrt``, unevaluated. ``wrt`` is an element (its indices may be any index expressions).

    When ``of`` is an element of a definition, the derivative is total: every definition between it and ``wrt`` moves,
    while ``wrt`` itself is varied freely, also when it is a definition. ``held=True`` keeps every other definition
    fixed.
    """

    is_commutative = True
    is_real = True

    def __new__(cls, of: Expr, wrt: Element, held: Any = S.false) -> Partial:
        return Expr.__new__(cls, of, wrt, S.true if held else S.false)

    @property
    def of(self) -> Expr:
        return self.args[0]  # type: ignore[return-value]

    @property
    def wrt(self) -> Element:
        return self.args[1]  # type: ignore[return-value]

    @property
    def held(self) -> bool:
        return bool(self.args[2])

    @property
    def free_symbols(self) -> set[Any]:
        return self.of.free_symbols | self.wrt.free_symbols

    def _eval_derivative(self, symbol: Any) -> Expr:
        raise NotImplementedError("a derivative node is resolved before it is differentiated again")

    def _sympystr(self, printer: Any) -> str:
        return f"∂({printer._print(self.of)})/∂{printer._print(self.wrt)}"


def count_nodes(expr: Basic) -> int:
    """Size of an expression: its nodes, an element counting as one."""
    if isinstance(expr, Element | Tensor) or not expr.args:
        return 1
    return 1 + sum(count_nodes(a) for a in expr.args)


ZERO = Integer(0)
