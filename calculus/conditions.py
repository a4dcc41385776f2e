"""Conditions on indices: ``if j != i`` behind a ``for``, ``where(j <= i, a, b)``, ``delta(i, j)``."""

from __future__ import annotations

import ast

import sympy
from sympy import Expr

from .functions import absolute
from .grammar import index_expression
from .index_order import at_most
from .scope import Scope
from .sums import Delta, rebuild
from .tensors import Element, Index


def index_condition(scope: Scope, node: ast.expr) -> Expr:
    """``j == i``, ``j != i`` or ``j <= i`` behind a ``for``, as a factor."""
    if (compared := index_comparison(scope, node)) is not None:
        return compared
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.NotEq):
        delta = delta_of(scope, node.left, node.comparators[0])
        return delta if isinstance(node.ops[0], ast.Eq) else 1 - delta
    scope.fail(node, f"{ast.unparse(node)} is not a condition on indices", "Write if j != i, if j == i, or if j <= i.")


#: ``j OP i`` as ``smaller ≤ larger``: (is j the smaller side, is it smaller by one).
ORDERS: dict[type[ast.cmpop], tuple[bool, int]] = {
    ast.LtE: (True, 0),
    ast.Lt: (True, 1),
    ast.GtE: (False, 0),
    ast.Gt: (False, 1),
}


def index_comparison(scope: Scope, node: ast.expr) -> Expr | None:
    """1 where ``j <= i`` holds between two indices, 0 elsewhere; None where it is no comparison of indices."""
    if not isinstance(node, ast.Compare) or len(node.ops) != 1 or type(node.ops[0]) not in ORDERS:
        return None
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    if not names & scope.indices.keys() or any(isinstance(n, ast.Subscript) for n in ast.walk(node)):
        return None
    forward, gap = ORDERS[type(node.ops[0])]
    left, right = (index_expression(scope, x, None, "the comparison") for x in (node.left, node.comparators[0]))
    smaller, larger = (left, right) if forward else (right, left)
    compared = at_most(smaller + gap, larger)
    if compared is None:
        hint = "Compare two indices, as in j <= i or j < i; a shift stands on the smaller side: j + 2 <= i."
        scope.fail(node, f"{ast.unparse(node)} is no comparison of indices that can be read here", hint)
    return compared


def delta_of(scope: Scope, left: ast.expr, right: ast.expr) -> Expr:
    a, b = (index_expression(scope, x, None, "delta") for x in (left, right))
    da, db = (
        x.dim if isinstance(x, Index) else x.tensor.domain.below if isinstance(x, Element) else None for x in (a, b)
    )
    written = not any(isinstance(x, ast.BinOp) for x in (left, right))  # p + 1 - 1 may lie outside, as affine ones may
    if written and da is not None and db is not None and da != db:
        scope.fail(left, f"{ast.unparse(left)} runs over {da}, but {ast.unparse(right)} runs over {db}")
    return Delta(a, b)


def refuse_undefined(scope: Scope, test: ast.expr, term: Expr) -> None:
    """A condition is a factor 0: it leaves nothing out where the term divides by zero, or is log 0."""
    if not isinstance(test, ast.Compare) or isinstance(test.ops[0], ast.Eq | ast.LtE | ast.GtE):
        return
    sides = [side for side in (test.left, test.comparators[0]) if isinstance(side, ast.Name)]
    sides.sort(key=lambda side: side.id not in scope.indices)  # a label of its own, s: int<n, stands for an index too
    if len(sides) < 2:
        return
    j, i = (index_expression(scope, side, None, "the condition") for side in sides)
    names = [side.id for side in sides]
    there = rebuild(term, {j: i}.get).replace(absolute(sympy.S.Zero), sympy.S.Zero)
    if there.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
        where = " = ".join(names)
        scope.fail(
            test,
            f"the term has no value where {where}: a condition is a factor, 0 there, and 0 times no value is none",
            f"Give it some value there, which the condition takes out again: add delta({', '.join(names)}) to what it "
            "divides by or takes the logarithm of.",
        )
