"""Sums of products as array operations: plain reductions, ``@`` where a matrix product has that shape, else einsum."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from string import ascii_lowercase

from ..calculus.tensors import Index
from . import program
from .layout import Array, Layout, align, arrange


def contract(factors: Sequence[Array], bound: Sequence[Index], hint: Layout) -> Array:
    """Σ over the bound indices of the product of the factors. The layout is the free indices, in some order."""
    groups = _merge_equal(list(factors), hint)
    left = set(bound)
    while True:
        groups = [_sum_own(g, groups, left) for g in groups]
        left = {k for k in left if any(k in g.layout for g in groups)}
        if len(groups) == 1 or not left:
            break
        step = _best_pair(groups, left, hint)
        if step is None:
            return _weighted(groups, hint, left) or _einsum(groups, hint, left)
        a, b, product = step
        groups = [g for g in groups if g is not a and g is not b] + [product]
        groups = _merge_equal(groups, hint)
    return _product(groups, hint)


def _merge_equal(groups: list[Array], hint: Layout) -> list[Array]:
    """Multiply the factors that have the same set of axes."""
    by_axes: dict[frozenset[Index], list[Array]] = {}
    for g in groups:
        by_axes.setdefault(frozenset(g.layout), []).append(g)
    return [_product(same, hint) for same in by_axes.values()]


def _product(groups: list[Array], hint: Layout) -> Array:
    if len(groups) == 1:
        return groups[0]
    nodes, layout = align(groups, hint)
    return Array(program.mul(nodes), layout)


def _sum_own(group: Array, groups: list[Array], left: set[Index]) -> Array:
    """Sum over the bound indices that no other factor has."""
    own = [k for k in group.layout if k in left and sum(k in g.layout for g in groups) == 1]
    if not own:
        return group
    axes = tuple(sorted(group.layout.index(k) for k in own))
    layout = tuple(k for k in group.layout if k not in own)
    return Array(program.reduce("sum", program.as_float(group.node), axes), layout)


def _best_pair(groups: list[Array], left: set[Index], hint: Layout) -> tuple[Array, Array, Array] | None:
    """The matrix product with the smallest result, or None."""
    found: list[tuple[int, int, tuple[Array, Array, Array]]] = []
    for a, b in combinations(groups, 2):
        others = {k for g in groups if g is not a and g is not b for k in g.layout}
        shared = set(a.layout) & set(b.layout)
        contracted = shared & left - others
        product = _matmul(a, b, contracted, shared - contracted, hint)
        if product is not None:
            found.append((len(product.layout), len(found), (a, b, product)))
    return min(found)[2] if found else None


def _matmul(a: Array, b: Array, contracted: set[Index], batch: set[Index], hint: Layout) -> Array | None:
    """a @ b over one index, in the order of factors that transposes least; None where no matrix product does it."""
    if len(contracted) != 1:
        return None
    (k,) = contracted

    def free(x: Array) -> Layout:
        return tuple(i for i in x.layout if i != k and i not in batch)

    def cost(left: Array, right: Array) -> tuple[int, bool]:
        axes = [*free(left), *free(right)]
        known = [hint.index(i) for i in axes if i in hint]
        transposed = (len(left.layout) > 1 and left.layout[-1] != k) + (len(right.layout) > 1 and right.layout[0] != k)
        turned = known != sorted(known)
        return (transposed + turned, turned)

    choices = sorted(((a, b), (b, a)), key=lambda pair: cost(*pair))
    for left, right in choices:
        rows, columns = free(left), free(right)
        if len(columns) > 1 or (batch and (len(rows), len(columns)) != (1, 1)):
            continue
        stack = tuple(i for i in left.layout if i in batch)
        product = program.matmul(arrange(left, (*stack, *rows, k)), arrange(right, (*stack, k, *columns)))
        return Array(product, (*stack, *rows, *columns))
    return None


def _weighted(groups: list[Array], hint: Layout, left: set[Index]) -> Array | None:
    """One factor has the axes of all others: they are its weights, and the product is no larger than it is."""
    largest = max(groups, key=lambda g: len(g.layout))
    if any(k not in largest.layout for g in groups for k in g.layout):
        return None
    product = _product([largest, *(g for g in groups if g is not largest)], hint)
    return _sum_own(product, [product], left)


def _einsum(groups: list[Array], hint: Layout, left: set[Index]) -> Array:
    indices = list(dict.fromkeys(k for g in groups for k in g.layout))
    letter = dict(zip(indices, ascii_lowercase, strict=False))
    free = tuple(k for k in indices if k not in left)
    if all(k in hint for k in free):
        free = tuple(sorted(free, key=hint.index))
    spec = ",".join("".join(letter[k] for k in g.layout) for g in groups) + "->" + "".join(letter[k] for k in free)
    return Array(program.einsum(spec, *(g.node for g in groups)), free)
