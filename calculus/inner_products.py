"""Scalars that are sums of products of columns or of matrices: inner products, norms and traces."""

from __future__ import annotations

from collections.abc import Sequence

from .notation import (
    Inner,
    MatMul,
    Notation,
    Ones,
    Power,
    SquaredNorm,
    Trace,
    Transpose,
    entrywise_order,
    hadamard,
    is_divisor,
    matmul,
    parts,
    trace,
    transpose,
    unscaled,
)


def turned_inner_product(left: Notation, right: Notation) -> Notation:
    """Σ A_ij B_ji: tr(A B), or ⟨A, Bᵀ⟩ where that is written with fewer transposes, and tr(Aᵀ B A)."""
    found = trace(left, right)
    inner = min((inner_product([left, transpose(right)]), inner_product([transpose(left), right])), key=_transposes)
    return min(found, inner, key=lambda node: (_transposes(node), node is inner and _is_quadratic(found)))


def _is_quadratic(node: Notation) -> bool:
    """Whether it is tr(Aᵀ … A)."""
    _, whole = unscaled(node)
    factors = whole.of.factors if isinstance(whole, Trace) and isinstance(whole.of, MatMul) else ()
    return len(factors) > 2 and factors[0] == transpose(factors[-1])


def inner_product(matrices: Sequence[Notation]) -> Notation:
    """Σ A_ij B_ij …: the sum of all entries of an entrywise product of matrices."""
    matrices = sorted((m for n in matrices for m in squares(n)), key=entrywise_order)
    if len(matrices) == 1 or any(map(is_divisor, matrices)):
        return matmul(transpose(Ones()), hadamard(matrices), Ones())
    if matrices[1:] == matrices[:-1] and len(matrices) == 2:
        return SquaredNorm(matrices[0], matrix=True)
    return Inner(hadamard(matrices[:-1]), matrices[-1])


def squares(node: Notation) -> list[Notation]:
    """x² as x, x: a sum of squares is a norm, however the square is written."""
    return [node.of, node.of] if isinstance(node, Power) and node.exponent == 2 and node.entrywise else [node]


def dot(vectors: Sequence[Notation]) -> Notation:
    """Σ x_i y_i …: the sum of the entries of an entrywise product of columns."""
    if len(vectors) == 1 or any(map(is_divisor, vectors)):
        return matmul(transpose(Ones()), hadamard(vectors))
    if len(vectors) == 2 and vectors[0] == vectors[1]:
        return SquaredNorm(vectors[0], matrix=False)
    *others, last = sorted(vectors, key=entrywise_order)
    product = matmul(transpose(hadamard(others)), last)
    return min(product, transpose(product), key=_transposes)  # xᵀ A x is xᵀ Aᵀ x


def _transposes(node: Notation) -> int:
    """How many transposes a formula is written with."""
    return isinstance(node, Transpose) + sum(map(_transposes, parts(node)))
